"""Where the satellite segmenter was right and wrong beside true colour, and how far to believe its probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.products.names import BANDS, CLASS_ID, CLASSES
from oceanclean.vision.data import find_patches, read_image, read_labels
from oceanclean.vision.explain.figures import new_figure, to_png
from oceanclean.vision.features import water_reference
from oceanclean.vision.inference import decide
from oceanclean.vision.pixels import thin_sample
from oceanclean.vision.runner import Runner
from oceanclean.vision.zoo import load_segmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEBRIS = CLASS_ID["marine_debris"]
_RGB = [BANDS.index(b) for b in ("B4", "B3", "B2")]
#: Half the edge of a picture, pixels.
_HALF = 24
#: Pictures of a scene's hits, of its misses, and of its false alarms.
_SHOWN = 2
_KINDS = ("hit", "miss", "false alarm")


@dataclass
class Gallery:
    """Pictures (y, x, 3) with words, and debris probabilities with truth of all labelled pixels."""

    pictures: list[tuple[NDArray[np.float32], str]] = field(default_factory=list)
    probability: list[NDArray[np.float32]] = field(default_factory=list)
    positive: list[NDArray[np.bool_]] = field(default_factory=list)


def scene_gallery(
    data: Iterable[Path], model: str | Path | None = None, progress: Callable[[str, float], None] | None = None
) -> Gallery:
    """Look at every labelled patch and keep, of each scene, the places with most hits, misses and false alarms.

    Args:
        data: folders laid out like MARIDA.
        model: a ``.keras`` segmenter; None for the one that ships.
        progress: told scene and share done.
    """
    segmenter, patches, out = load_segmenter(str(model) if model else None), find_patches(list(data)), Gallery()
    scenes = sorted({p.scene for p in patches})
    for number, scene in enumerate(scenes):
        mine = [p for p in patches if p.scene == scene]
        images = [read_image(p) for p in mine]
        water = water_reference(np.concatenate([thin_sample(i) for i in images])).array()
        run = Runner(segmenter.model, water, np.ones(len(BANDS), np.float32))
        found: list[tuple[int, int, str, NDArray[np.float32]]] = []
        for patch, image in zip(mine, images, strict=True):
            truth, probability = read_labels(patch), run(image)
            known = truth > 0
            out.probability.append(probability[known, _DEBRIS - 1])
            out.positive.append(truth[known] == _DEBRIS)
            found += _places(image, truth, decide(probability, segmenter.threshold), water)
        for kind in range(len(_KINDS)):
            best = sorted((f for f in found if f[0] == kind), key=lambda f: -f[1])[:_SHOWN]
            out.pictures += [(f[3], f"{scene}\n{f[2]}") for f in best]
        if progress is not None:
            progress(scene, (number + 1) / len(scenes))
    return out


def _places(
    image: NDArray[np.float32], truth: NDArray[np.uint8], classes: NDArray[np.uint8], water: NDArray[np.float32]
) -> list[tuple[int, int, str, NDArray[np.float32]]]:
    """(kind, pixels, words, picture) of a patch's hits, misses and false alarms among labelled pixels."""
    painted, debris, known = classes == _DEBRIS, truth == _DEBRIS, truth > 0
    out = []
    for kind, where in enumerate((painted & debris, debris & ~painted, painted & known & ~debris)):
        if not where.any():
            continue
        count = int(where.sum())
        words = f"{_KINDS[kind]}: {count} px"
        if kind:
            other = np.bincount((classes if kind == 1 else truth)[where], minlength=len(CLASSES) + 1).argmax()
            words += f", {'called' if kind == 1 else 'labelled'} {CLASSES[other - 1].replace('_', ' ')}"
        out.append((kind, count, words, _picture(image, where, water)))
    return out


def _picture(image: NDArray[np.float32], where: NDArray[np.bool_], water: NDArray[np.float32]) -> NDArray[np.float32]:
    """True colour around the pixels, and again with them in yellow."""
    rows, columns = np.nonzero(where)
    at = int(np.argmin(np.abs(rows - np.median(rows)) + np.abs(columns - np.median(columns))))
    top = int(np.clip(rows[at] - _HALF, 0, max(image.shape[0] - 2 * _HALF, 0)))
    left = int(np.clip(columns[at] - _HALF, 0, max(image.shape[1] - 2 * _HALF, 0)))
    window = slice(top, top + 2 * _HALF), slice(left, left + 2 * _HALF)
    colour = np.clip((np.nan_to_num(image[window][..., _RGB]) - water[_RGB]) / 0.06 + 0.15, 0, 1).astype(np.float32)
    marked = colour.copy()
    marked[where[window]] = (1.0, 0.9, 0.0)
    return np.concatenate([colour, np.ones((len(colour), 2, 3), np.float32), marked], axis=1)


def gallery_png(gallery: Gallery, columns: int = 4) -> bytes:
    """All pictures on one sheet."""
    rows = max(1, -(-len(gallery.pictures) // columns))
    figure = new_figure(3.4 * columns, 2.1 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel():
        axes.axis("off")
    for axes, (picture, words) in zip(grid.ravel(), gallery.pictures, strict=False):
        axes.imshow(picture, interpolation="nearest")
        axes.set_title(words, fontsize=7)
    return to_png(figure)


def reliability_png(gallery: Gallery, bins: int = 10) -> bytes:
    """Share of debris over stated probability of debris, from 5 % on, and how many pixels stand behind each point."""
    from oceanclean.vision.metrics import calibration_error

    probability, positive = np.concatenate(gallery.probability), np.concatenate(gallery.positive)
    seen = probability > 0.05
    which = np.minimum((probability[seen] * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    filled = count > 0
    stated = np.bincount(which, probability[seen], bins)[filled] / count[filled]
    share = np.bincount(which, positive[seen].astype(float), bins)[filled] / count[filled]
    figure = new_figure(5, 5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    upper.plot(stated, share, "o-", color="#0b5394")
    upper.set(ylabel="share that is debris", xlim=(0, 1), ylim=(0, 1),
              title=f"calibration error {calibration_error(positive, probability):.3f}")  # fmt: skip
    lower.bar(np.arange(bins) / bins, count, width=1 / bins, align="edge", color="#0b5394", edgecolor="white")
    lower.set(xlabel="stated probability of debris", ylabel="pixels", yscale="log")
    return to_png(figure)
