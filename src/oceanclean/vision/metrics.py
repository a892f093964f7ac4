"""Scores of a segmentation, all from one confusion matrix a scene; the reduction is named in every name.

``micro`` sums pixels of all scenes before dividing. ``miou`` and ``macro_f1`` are plain means over the eleven
classes of micro scores; no unlabelled background is averaged in. Intervals are 95 % percentile intervals of a
bootstrap over scenes, because pixels of one scene are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products.names import CLASS_ID, CLASSES, FLOATING

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Pixels of 10 m in 100 km².
PIXELS_PER_100_KM2 = 1e6
_N = len(CLASSES)


def confusion(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Matrix (truth 0–11, predicted 0–11) of counts; row 0 holds unlabelled pixels."""
    pairs = truth.ravel().astype(np.int64) * (_N + 1) + predicted.ravel()
    return np.bincount(pairs, minlength=(_N + 1) ** 2).reshape(_N + 1, _N + 1)


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b else float("nan")


def scores(matrix: NDArray[np.int64]) -> dict[str, float]:
    """Scores of a confusion matrix (truth, predicted) with unlabelled pixels in row 0.

    ``false_debris_per_100km2`` counts every debris pixel painted over whole patches (annotated hits included, as the
    reference figure of 446 for MARIDA's U-Net does); ``unconfirmed_debris_per_100km2`` leaves the hits out.
    """
    known = matrix[1:, 1:].astype(float)
    hit, truth, painted = np.diag(known), known.sum(axis=1), known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = hit / (truth + painted - hit)
        precision, recall, f1 = hit / painted, hit / truth, 2 * hit / (truth + painted)
    present = truth > 0
    out: dict[str, float] = {}
    for i, name in enumerate(CLASSES):
        if present[i]:
            out |= {f"{name}_iou": float(iou[i]), f"{name}_f1": float(f1[i]),
                    f"{name}_precision": float(np.nan_to_num(precision[i])),
                    f"{name}_recall": float(recall[i])}  # fmt: skip
    d = CLASS_ID["marine_debris"] - 1
    f = [CLASS_ID[n] - 1 for n in FLOATING]
    both = known[np.ix_(f, f)].sum()
    either = truth[f].sum() + painted[f].sum() - both
    every = matrix.sum()
    debris = float(matrix[:, d + 1].sum())
    return out | {
        "debris_precision": _ratio(hit[d], painted[d]), "debris_recall": _ratio(hit[d], truth[d]),
        "debris_f1": _ratio(2 * hit[d], truth[d] + painted[d]),
        "debris_iou": _ratio(hit[d], truth[d] + painted[d] - hit[d]),
        "miou": float(np.nan_to_num(iou[present]).mean()) if present.any() else float("nan"),
        "macro_f1": float(np.nan_to_num(f1[present]).mean()) if present.any() else float("nan"),
        "floating_iou": _ratio(both, either), "floating_f1": _ratio(2 * both, truth[f].sum() + painted[f].sum()),
        "false_debris_per_100km2": _ratio(debris * PIXELS_PER_100_KM2, every),
        "unconfirmed_debris_per_100km2": _ratio((debris - hit[d]) * PIXELS_PER_100_KM2, every),
    }  # fmt: skip


def with_intervals(matrices: NDArray[np.int64], rng: np.random.Generator, resamples: int = 1000) -> dict[str, float]:
    """Scores of the sum of matrices (scene, truth, predicted), each with ``_low`` and ``_high``."""
    whole = scores(matrices.sum(axis=0))
    draws = [scores(matrices[rng.integers(0, len(matrices), len(matrices))].sum(axis=0)) for _ in range(resamples)]
    out: dict[str, float] = {}
    for name, value in whole.items():
        values = np.asarray([d.get(name, np.nan) for d in draws], float)
        values = values[np.isfinite(values)]
        low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
        out |= {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}
    return out


def average_precision(
    positive: NDArray[np.bool_], probability: NDArray[np.float32], weight: NDArray[np.floating] | None = None
) -> float:
    """Area under the precision–recall curve as a step function; each pixel counts ``weight`` times, default once."""
    order = np.argsort(-probability, kind="stable")
    return _ranked_precision(positive[order], np.ones(len(order)) if weight is None else weight[order])


def _ranked_precision(positive: NDArray[np.bool_], weight: NDArray[np.floating]) -> float:
    """Average precision of pixels sorted by falling probability."""
    mine = weight * positive
    precision = np.cumsum(mine) / np.maximum(np.cumsum(weight), 1e-9)
    return _ratio(float((precision * mine).sum()), float(mine.sum()))


def calibration_error(positive: NDArray[np.bool_], probability: NDArray[np.float32], bins: int = 15) -> float:
    """Expected calibration error over pixels to which the model gives a probability above 5 %.

    Nearly every pixel has probability 0 and is right: over all of them any model would look calibrated.
    """
    return _calibration_error(_calibration_table(positive, probability, bins))


def _calibration_table(positive: NDArray[np.bool_], probability: NDArray[np.float32], bins: int) -> NDArray[np.float64]:
    """Pixels, sum of probabilities and sum of positives (bin, 3) of the pixels that are looked at."""
    seen = probability > 0.05
    p, y = probability[seen].astype(float), positive[seen].astype(float)
    which = np.minimum((p * bins).astype(int), bins - 1)
    return np.stack([np.bincount(which, v, minlength=bins) for v in (np.ones_like(p), p, y)], axis=1)


def _calibration_error(table: NDArray[np.float64]) -> float:
    return _ratio(float(np.abs(table[:, 1] - table[:, 2]).sum()), float(table[:, 0].sum()))


def probability_scores(
    positive: Sequence[NDArray[np.bool_]],
    probability: Sequence[NDArray[np.float32]],
    rng: np.random.Generator,
    resamples: int = 1000,
    bins: int = 15,
) -> dict[str, float]:
    """Average precision and calibration error of debris over scenes, each with ``_low`` and ``_high``.

    Args:
        positive: for each scene, (pixel,) whether it is debris.
        probability: for each scene, (pixel,) of debris.
        rng: draws the scenes.
        resamples: how many.
        bins: of the calibration error.
    """
    scene = np.repeat(np.arange(len(positive)), [len(p) for p in positive])
    order = np.argsort(-np.concatenate(probability), kind="stable")
    ranked, scene = np.concatenate(positive)[order], scene[order]
    tables = np.stack([_calibration_table(y, p, bins) for y, p in zip(positive, probability, strict=True)])

    def figures(times: NDArray[np.int64]) -> tuple[float, float]:
        return _ranked_precision(ranked, times[scene].astype(float)), _calibration_error(
            np.tensordot(times, tables, axes=1)
        )

    whole = figures(np.ones(len(positive), np.int64))
    draws = np.asarray([
        figures(np.bincount(rng.integers(0, len(positive), len(positive)), minlength=len(positive)))
        for _ in range(resamples)
    ])  # fmt: skip
    out: dict[str, float] = {}
    for i, name in enumerate(("debris_average_precision", "debris_calibration_error")):
        values = draws[np.isfinite(draws[:, i]), i]
        low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
        out |= {name: whole[i], f"{name}_low": float(low), f"{name}_high": float(high)}
    return out


def bootstrap(
    parts: Sequence[Any],
    groups: Sequence[Any],
    score: Callable[[list[Any]], Mapping[str, float]],
    rng: np.random.Generator,
    resamples: int = 1000,
) -> dict[str, float]:
    """Scores of all parts, each with the 95 % interval of a bootstrap over groups.

    Args:
        parts: what is known of one image (counts, a confusion matrix, predictions).
        groups: group of each part (scene, duplicate group): images of one group are not independent.
        score: record of figures of a list of parts; a figure may be NaN where a resample lacks what it needs.
        rng: draws the groups.
        resamples: how many.

    Returns:
        ``NAME``, ``NAME_low`` and ``NAME_high`` for every figure of ``score``.
    """
    members: dict[Any, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    lists = list(members.values())
    draws = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(lists), len(lists))
        draws.append(score([parts[i] for g in chosen for i in lists[g]]))
    out: dict[str, float] = {}
    for name, value in score(list(parts)).items():
        values = np.asarray([d.get(name, np.nan) for d in draws], float)
        values = values[np.isfinite(values)]
        low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
        out |= {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
    return out
