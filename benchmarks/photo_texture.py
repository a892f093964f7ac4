"""The texture branch of the photo models alone, in five folds of duplicate groups.

Words are learned once, from all photos and without labels; axes and head are learned anew for each fold. The whole
model is scored by ``oceanclean evaluate classifier|cleanliness``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from oceanclean.store import write_json
from oceanclean.vision.photos.kernel_head import fit_kernel_head
from oceanclean.vision.photos.scores import scores_with_intervals
from oceanclean.vision.photos.settings import load_photo_settings
from oceanclean.vision.photos.texture import texture_of
from oceanclean.vision.photos.training import gather, grouped_split

DATA = Path(os.environ.get("OCEANCLEAN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SETS = {"classifier": ("trashnet", "waste9_organic_extra"), "cleanliness": ("street_cleanliness",)}


def main() -> None:
    """Print accuracy and macro-F1 with their intervals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=list(SETS))
    parser.add_argument("--folder", type=Path, default=Path("var/photo_texture"), help="keeps words and vectors")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    settings = load_photo_settings(given.kind)
    branch = settings.training.texture
    assert branch is not None
    material = gather([DATA / name for name in SETS[given.kind]], settings)
    every, seed = np.arange(len(material.photos)), settings.training.fit.seed
    _, views = texture_of(material, every, branch, seed, given.folder / given.kind / "texture.npz")
    names = list(settings.task.classes)
    answer = np.zeros(len(every), np.int64)
    for train, held in grouped_split(material, 5, seed):
        vectors, targets = np.concatenate([v[train] for v in views]), np.tile(material.targets[train], len(views))
        answer[held] = fit_kernel_head(vectors, targets, len(names), branch)(views[0][held]).argmax(axis=1)
    figures = scores_with_intervals(material.targets, answer, material.groups.tolist(), names, np.random.default_rng(0))
    for key in ("accuracy", "macro_f1"):
        print(f"{key:10} {figures[key]:.3f}  ({figures[key + '_low']:.3f} – {figures[key + '_high']:.3f})")
    if given.json:
        write_json(given.json, figures)


if __name__ == "__main__":
    main()
