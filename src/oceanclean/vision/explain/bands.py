"""Which bands the satellite segmenter's answer rests on.

Two measures, both on labelled pixels of real scenes: how far F1 falls when a band's values are exchanged among pixels
(permutation importance, Breiman 2001), and when the model is told that a scene lacks the band. The first asks what the
model uses, the second what a sensor without the band would cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from oceanclean.products.names import BANDS, CLASS_ID
from oceanclean.vision.data import find_patches, read_image, read_labels
from oceanclean.vision.features import CORE_BANDS, stand_in_matrix, water_reference
from oceanclean.vision.inference import decide
from oceanclean.vision.metrics import confusion, scores
from oceanclean.vision.pixels import thin_sample
from oceanclean.vision.runner import Runner
from oceanclean.vision.zoo import load_segmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEYS = ("macro_f1", "debris_f1", "floating_f1")


def band_importance(
    data: Iterable[Path], model: str | Path | None = None, *, patches: int = 40, seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Loss of F1 by band.

    Args:
        data: folders laid out like MARIDA.
        model: a ``.keras`` segmenter; None for the one that ships.
        patches: at most so many patches are looked at, those with debris first.
        seed: of the exchange.
        progress: told band and share done.

    Returns:
        One row a band: ``band``, and for each of macro-F1, debris F1 and floating-matter F1 the loss when the band is
        exchanged (``exchanged_…``) and when it is absent (``absent_…``; NaN for the core bands, without which no scene
        is segmented); row ``none`` holds the scores themselves.
    """
    segmenter = load_segmenter(str(model) if model else None)
    images, labels, scenes = _patches(data, patches)
    water = _waters(images, scenes)
    rng = np.random.default_rng(seed)
    base = _scored(segmenter.model, images, labels, water, segmenter.threshold)
    rows: list[dict[str, Any]] = [{"band": "none", **{f"score_{k}": base[k] for k in _KEYS}}]
    for b, band in enumerate(BANDS):
        mixed = [_exchanged(image, b, rng) for image in images]
        exchanged = _scored(segmenter.model, mixed, labels, water, segmenter.threshold)
        row = {"band": band, **{f"exchanged_{k}": base[k] - exchanged[k] for k in _KEYS}}
        if band not in CORE_BANDS:
            without = [_without(i, b) for i in images]
            absent = _scored(segmenter.model, without, labels, water, segmenter.threshold, absent=b)
            row |= {f"absent_{k}": base[k] - absent[k] for k in _KEYS}
        rows.append(row)
        if progress is not None:
            progress(f"band {band}", (b + 1) / len(BANDS))
    return pd.DataFrame(rows)


def _patches(data: Iterable[Path], most: int) -> tuple[list[NDArray[np.float32]], list[NDArray[np.uint8]], list[str]]:
    found = find_patches(list(data))
    labels = [read_labels(p) for p in found]
    debris = [int((lab == CLASS_ID["marine_debris"]).sum()) for lab in labels]
    order = sorted(range(len(found)), key=lambda i: (-debris[i], found[i].name))[:most]
    return [read_image(found[i]) for i in order], [labels[i] for i in order], [found[i].scene for i in order]


def _waters(images: list[NDArray[np.float32]], scenes: list[str]) -> list[NDArray[np.float32]]:
    """Dark water (band) of each image's scene, from the images of that scene that are looked at."""
    of_scene = {
        scene: np.concatenate([thin_sample(i) for i, s in zip(images, scenes, strict=True) if s == scene])
        for scene in set(scenes)
    }
    dark = {scene: np.asarray(water_reference(pixels).array(), np.float32) for scene, pixels in of_scene.items()}
    return [dark[s] for s in scenes]


def _exchanged(image: NDArray[np.float32], band: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The image with one band's values shuffled over its pixels."""
    out = image.copy()
    flat = out[..., band].ravel()
    out[..., band] = rng.permutation(flat).reshape(out.shape[:2])
    return out


def _without(image: NDArray[np.float32], band: int) -> NDArray[np.float32]:
    """The image as the reader of scenes fills it where a band is absent: from its neighbours in the spectrum."""
    present = [b for i, b in enumerate(BANDS) if i != band]
    return np.asarray(image @ stand_in_matrix(present), np.float32)


def _scored(
    model: Any, images: list[NDArray[np.float32]], labels: list[NDArray[np.uint8]], water: list[NDArray[np.float32]],
    threshold: float, absent: int | None = None,
) -> dict[str, float]:  # fmt: skip
    presence = np.ones(len(BANDS), np.float32)
    if absent is not None:
        presence[absent] = 0.0
    total: Any = 0
    for image, label, dark in zip(images, labels, water, strict=True):
        probability = Runner(model, dark, presence)(image)
        total = total + confusion(label, decide(probability, threshold))
    return scores(np.asarray(total))
