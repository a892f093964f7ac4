"""Scores of boxes: matching at an overlap, precision, recall, average precision, intervals over scenes, size bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.detector.boxes import areas, overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Upper ends of the size bins, in pixels of the square root of a box's area, and their names.
SIZE_BINS: tuple[tuple[str, float], ...] = (
    ("below_16px", 16), ("16_32px", 32), ("32_64px", 64), ("64_128px", 128), ("above_128px", np.inf),
)  # fmt: skip


@dataclass(frozen=True)
class ScoredImage:
    """Truth and findings of one image.

    Attributes:
        scene: for the intervals.
        truth: (object, 4).
        truth_labels: (object,).
        boxes: (box, 4), best first.
        scores: (box,).
        labels: (box,).
    """

    scene: str
    truth: NDArray[np.float32]
    truth_labels: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


def match(image: ScoredImage, iou: float) -> NDArray[np.int64]:
    """Object that each box hits (box,), −1 for none: best score first, each object once, the best overlap left."""
    table = overlaps(image.boxes, image.truth)
    table = np.where(image.labels[:, None] == image.truth_labels[None, :], table, 0)
    hit = np.full(len(image.boxes), -1, np.int64)
    for i in np.argsort(-image.scores, kind="stable"):
        if table.shape[1] and table[i].max() >= iou:
            hit[i] = int(table[i].argmax())
            table[:, hit[i]] = 0
    return hit


@dataclass(frozen=True)
class Tally:
    """Every box and object of a set, matched at one overlap.

    Attributes:
        scores: (box,) of all images.
        hits: (box,) whether it hits.
        box_scene: (box,) number of its scene.
        found_at: (object,) score of the box that hits it; −1 where none does.
        object_scene: (object,) number of its scene.
        sizes: (object,) square root of the area, pixels.
        scenes: how many.
    """

    scores: NDArray[np.float32]
    hits: NDArray[np.bool_]
    box_scene: NDArray[np.int64]
    found_at: NDArray[np.float32]
    object_scene: NDArray[np.int64]
    sizes: NDArray[np.float32]
    scenes: int


def tally(images: Sequence[ScoredImage], iou: float) -> Tally:
    """Match all images at one overlap."""
    scenes = {s: k for k, s in enumerate(sorted({i.scene for i in images}))}
    rows: list[tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]] = []
    objects: list[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]] = []
    for image in images:
        hit, scene = match(image, iou), scenes[image.scene]
        rows.append((image.scores, hit >= 0, np.full(len(hit), scene)))
        found = np.full(len(image.truth), -1, np.float32)
        found[hit[hit >= 0]] = image.scores[hit >= 0]
        objects.append((found, np.full(len(found), scene), np.sqrt(areas(image.truth))))
    scores, hits, box_scene = (np.concatenate(c) for c in zip(*rows, strict=True))
    found_at, object_scene, sizes = (np.concatenate(c) for c in zip(*objects, strict=True))
    return Tally(scores, hits, box_scene, found_at, object_scene, sizes, len(scenes))


def detection_scores(
    counts: Tally, threshold: float, scene_weight: NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Precision, recall, F1 at a threshold and average precision over all thresholds.

    Args:
        counts: of the set.
        threshold: of the score.
        scene_weight: (scene,) how often each scene counts; default once.
    """
    weight = np.ones(counts.scenes, np.int64) if scene_weight is None else scene_weight
    w, objects = weight[counts.box_scene], float(weight[counts.object_scene].sum())
    shown = counts.scores >= threshold
    hits, drawn = float((w * (shown & counts.hits)).sum()), float((w * shown).sum())
    precision = hits / drawn if drawn else float("nan")
    recall = hits / objects if objects else float("nan")
    f1 = 2 * hits / (drawn + objects) if drawn + objects else float("nan")
    return {"precision": precision, "recall": recall, "f1": f1, "average_precision": _area(counts, w, objects)}


def _area(counts: Tally, w: NDArray[np.int64], objects: float) -> float:
    """Area under precision's envelope over recall (all points, as PASCAL VOC 2010 and later)."""
    if not objects:
        return float("nan")
    order = np.argsort(-counts.scores, kind="stable")
    hits = np.cumsum((w * counts.hits)[order])
    precision = hits / np.maximum(np.cumsum(w[order]), 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits, prepend=0) * envelope).sum() / objects)


def with_intervals(
    counts: Tally, threshold: float, rng: np.random.Generator, resamples: int = 1000
) -> dict[str, float]:
    """Scores with ``_low`` and ``_high``: 95 % of the scores of resampled scenes."""
    whole = detection_scores(counts, threshold)
    draws = [
        detection_scores(counts, threshold, np.bincount(rng.integers(0, counts.scenes, counts.scenes),
                                                        minlength=counts.scenes))
        for _ in range(resamples)
    ]  # fmt: skip
    out: dict[str, float] = {}
    for key, value in whole.items():
        values = np.array([d[key] for d in draws])
        values = values[np.isfinite(values)]
        low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
        out |= {key: value, f"{key}_low": float(low), f"{key}_high": float(high)}
    return out


def recall_by_size(counts: Tally, threshold: float) -> dict[str, float]:
    """Recall and number of objects by size."""
    out: dict[str, float] = {}
    low = 0.0
    for name, high in SIZE_BINS:
        here = (counts.sizes >= low) & (counts.sizes < high)
        out[f"objects_{name}"] = int(here.sum())
        if here.any():
            out[f"recall_{name}"] = float((counts.found_at[here] >= threshold).mean())
        low = high
    return out


def best_threshold(counts: Tally, lowest: float = 0.05, highest: float = 0.95) -> float:
    """Threshold of the best F1."""
    grid = np.arange(lowest, highest, 0.01)
    return float(grid[int(np.argmax([detection_scores_f1(counts, t) for t in grid]))])


def detection_scores_f1(counts: Tally, threshold: float) -> float:
    """F1 at a threshold."""
    shown = counts.scores >= threshold
    return 2 * float((shown & counts.hits).sum()) / max(1.0, float(shown.sum()) + len(counts.found_at))
