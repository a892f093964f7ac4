"""A segmenter for a new site from a few marked pixels: the leaves of its trees take them in.

A pixel's nearest kin are the training pixels with which it shares leaves (Breiman's proximity). So an example of a
class counts in every leaf that it falls into: the leaf's class shares become those of its training pixels, which count
as ``strength`` pixels, and of the examples together. Structure, network and calibration stay; the file is of the same
make and runs wherever the shipped one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.products.names import CLASSES
from oceanclean.vision.forest import ForestTables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.pixels import PixelSet

#: Pixels that a leaf's training pixels together count for against one example (1 found more than 3).
STRENGTH = 1.0


def leaves_of(tables: ForestTables, features: NDArray[np.float32]) -> NDArray[np.int64]:
    """Leaves (tree, pixel), rows of the tables' shares, that raw features (pixel, feature) fall into."""
    pixel = np.arange(len(features))
    out = np.empty((len(tables.root), len(features)), np.int64)
    for tree, root in enumerate(tables.root):
        node = np.full(len(features), root, np.int64)
        for _ in range(tables.depth):
            right = tables.right[node]
            low = features[pixel, np.maximum(tables.feature[node], 0)] <= tables.threshold[node]
            node = np.where(right < 0, node, np.where(low, node + 1, right))
        out[tree] = -1 - tables.right[node]
    return out


def taught(
    tables: ForestTables, features: NDArray[np.float32], label: NDArray[np.uint8], strength: float = STRENGTH
) -> ForestTables:
    """Tables whose leaves have taken in examples.

    Args:
        tables: as trained.
        features: (pixel, feature), raw, of the examples.
        label: (pixel,) class 1–11.
        strength: see :data:`STRENGTH`; larger trusts the examples less.
    """
    count = np.zeros((len(tables.share), len(CLASSES)), np.float32)
    np.add.at(count, (leaves_of(tables, features), label.astype(int)[None] - 1), 1.0)
    total = count.sum(axis=1, keepdims=True)
    share = (strength * tables.share.astype(np.float32) + count) / (strength + total)
    return replace(tables, share=share.astype(np.float16))


def few_shot_segmenter(
    data_dirs: Path | Iterable[Path], out: Path, *, shots: int = 20, model: str | Path | None = None, seed: int = 0
) -> dict[str, Any]:
    """Teach a segmenter a site from a few labelled pixels of each class, and write it with its card.

    Args:
        data_dirs: folders laid out like MARIDA, of the site.
        out: the ``.keras`` file; its card lies beside it.
        shots: most examples of a class, drawn from all of its labelled pixels.
        model: a segmenter with trees; None for the one that ships.
        seed: of the draw.

    Returns:
        Examples by class.

    Raises:
        InputError: the segmenter has no trees.
        MissingDataError: a folder without labelled patches.
    """
    from oceanclean.store import digest_file, write_aside, write_json
    from oceanclean.vision.data import find_patches
    from oceanclean.vision.pixels import collect_pixels
    from oceanclean.vision.teacher import raw_features
    from oceanclean.vision.zoo import load_segmenter

    segmenter = load_segmenter(str(model) if model else None)
    layers = {layer.name: layer for layer in segmenter.model.layers}
    if "forest" not in layers:
        raise InputError(segmenter.path, "trees", "none", "a segmenter with trees that decide",
                         "Train one with `deciding.trees` above 0.")  # fmt: skip
    rng = np.random.default_rng(seed)
    pixels = collect_pixels(find_patches(data_dirs), rng, unlabelled=0, striking=0)
    rows = examples(pixels, shots, rng)
    features = raw_features(pixels.statistics[rows], pixels.water[pixels.scene[rows]])
    before = layers["forest"].tables
    try:
        layers["forest"].tables = taught(before, features, pixels.label[rows])
        with write_aside(out) as aside:
            segmenter.model.save(aside)
    finally:
        layers["forest"].tables = before  # the loaded model is shared
    used = {c: int((pixels.label[rows] == i + 1).sum()) for i, c in enumerate(CLASSES)}
    card = {k: v for k, v in segmenter.card.items() if k != "leave_scene_out"}
    card |= {"sha256": digest_file(out), "few_shot": {"from": segmenter.sha256, "scenes": pixels.scenes, "used": used}}
    write_json(out.with_suffix(".json"), card)
    return used


def examples(pixels: PixelSet, shots: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most so many rows of each class, at random."""
    parts = [rng.permutation(np.flatnonzero(pixels.label == k + 1))[:shots] for k in range(len(CLASSES))]
    return np.concatenate(parts)
