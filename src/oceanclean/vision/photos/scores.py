"""Scores of a classification of photos, with intervals over groups of duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.metrics import bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts (truth, predicted)."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def class_f1(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 of each class of a matrix (truth, predicted); NaN for a class that has no photo."""
    truth, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = 2 * np.diag(matrix) / (truth + predicted)
    return np.where(truth > 0, f1, np.nan)


def macro_f1(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """Plain mean of the F1 of the classes that have photos."""
    f1 = class_f1(confusion(truth, predicted, classes))
    return float(np.nanmean(f1)) if np.isfinite(f1).any() else float("nan")


def scores_with_intervals(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], groups: Sequence[object], names: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, float]:  # fmt: skip
    """Accuracy, macro-F1 and the F1 of each class, each with a 95 % interval of a bootstrap over groups."""
    classes = len(names)

    def score(parts: list[tuple[int, int]]) -> dict[str, float]:
        pairs = np.asarray(parts, np.int64)
        f1 = class_f1(confusion(pairs[:, 0], pairs[:, 1], classes))
        figures = {"accuracy": float((pairs[:, 0] == pairs[:, 1]).mean()), "macro_f1": float(np.nanmean(f1))}
        return figures | {f"{n}_f1": float(v) for n, v in zip(names, f1, strict=True)}

    return bootstrap(list(zip(truth.tolist(), predicted.tolist(), strict=True)), list(groups), score, rng)


def calibration_error(probability: NDArray[np.floating], truth: NDArray[np.int64], bins: int = 10) -> float:
    """Expected calibration error of the most likely class (Guo et al. 2017, arXiv:1706.04599, equation 3)."""
    _, mean, hit, count = reliability(probability, truth, bins)
    return float((np.abs(mean - hit) * count).sum() / max(count.sum(), 1))


def reliability(
    probability: NDArray[np.floating], truth: NDArray[np.int64], bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Bins of the highest probability (photo, class): edges, mean confidence, share right and count of each."""
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(which, confidence, bins) / count
        hit = np.bincount(which, right, bins) / count
    return np.linspace(0, 1, bins + 1), np.nan_to_num(mean), np.nan_to_num(hit), count
