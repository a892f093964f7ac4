"""Calibration on scenes left out: a temperature, an offset a class, and the threshold from which debris is debris."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products.names import CLASS_ID, CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEBRIS = CLASS_ID["marine_debris"]


@dataclass(frozen=True)
class CalibrationFit:
    """Calibrated logits are ``logits / temperature + offset``.

    Attributes:
        temperature: above 1 the network was too sure of itself.
        offset: one a class; undoes the balanced sampling of training.
        threshold: probability from which a pixel counts as debris.
    """

    temperature: float
    offset: tuple[float, ...]
    threshold: float

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities (..., class)."""
        return softmax(logits / self.temperature + np.asarray(self.offset, np.float32))


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Softmax over the last axis."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)).astype(np.float32)


def fit_calibration(
    logits: NDArray[np.float32],
    label: NDArray[np.uint8],
    stands_for: NDArray[np.float32],
    *,
    class_power: float = 1.0,
    ridge: float = 0.02,
    maximum_painted: float = np.inf,
) -> CalibrationFit:
    """Fit temperature, offsets and threshold to logits of scenes that the network did not see.

    Args:
        logits: (pixel, class).
        label: (pixel,), 0 unlabelled.
        stands_for: (pixel,), pixels of the scenes that a row stands for; weighs the unlabelled ones.
        class_power: a class weighs as its pixels to this power, so that sediment does not drown the rest.
        ridge: pull of temperature and offsets towards 1 and 0: a few scenes say little about offsets.
        maximum_painted: debris pixels per 100 km² that the threshold may paint, if enough is found all the same.
    """
    from scipy.optimize import minimize

    known = label > 0
    x, y = logits[known].astype(np.float64), label[known].astype(int) - 1
    count = np.bincount(y, minlength=len(CLASSES))
    weight = np.maximum(count, 1)[y] ** (class_power - 1.0)
    weight /= weight.sum()

    def loss(p: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x * np.exp(-p[0]) + p[1:]
        z -= z.max(axis=1, keepdims=True)
        q = np.exp(z)
        total = q.sum(axis=1, keepdims=True)
        q /= total
        value = -(weight * (z[np.arange(len(y)), y] - np.log(total[:, 0]))).sum() + ridge * (p**2).sum()
        q[np.arange(len(y)), y] -= 1.0
        q *= weight[:, None]
        slope = np.concatenate([[-(q * x).sum() * np.exp(-p[0])], q.sum(axis=0)]) + 2 * ridge * p
        return float(value), slope

    best = minimize(loss, np.zeros(1 + len(CLASSES)), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    fit = CalibrationFit(float(np.exp(best[0])), tuple(float(v) for v in best[1:]), 0.5)
    debris = fit.probabilities(logits)[:, _DEBRIS - 1]
    return CalibrationFit(fit.temperature, fit.offset, choose_threshold(debris, label, stands_for, maximum_painted))


def choose_threshold(
    debris: NDArray[np.float32],
    label: NDArray[np.uint8],
    stands_for: NDArray[np.float32],
    maximum_painted: float,
    minimum_recall: float = 0.75,
) -> float:
    """The upper end of the thresholds whose F1 is within .01 of the best: of two as good, the one that paints less.

    Only thresholds that paint no more than allowed and find enough are looked at; if there is none, all are.

    Args:
        debris: (pixel,) probability.
        label: (pixel,), 0 unlabelled.
        stands_for: (pixel,).
        maximum_painted: pixels per 100 km² (10⁶ pixels of 10 m).
        minimum_recall: a threshold that finds less is not considered.
    """
    positive = np.sort(debris[label == _DEBRIS])
    if not len(positive):
        return 0.5
    negative = np.sort(debris[(label > 0) & (label != _DEBRIS)])
    unlabelled = label == 0
    order = np.argsort(debris[unlabelled])
    level = debris[unlabelled][order]
    mass = np.concatenate([np.cumsum(stands_for[unlabelled][order][::-1])[::-1], [0.0]])
    candidates = np.unique(np.round(np.quantile(positive, np.linspace(0.01, 0.6, 120)), 4))
    hits = len(positive) - np.searchsorted(positive, candidates)
    wrong = len(negative) - np.searchsorted(negative, candidates)
    f1 = 2 * hits / (len(positive) + hits + wrong)
    painted = (mass[np.searchsorted(level, candidates)] + hits + wrong) / stands_for.sum() * 1e6
    allowed = (painted <= maximum_painted) & (hits / len(positive) >= minimum_recall)
    chosen = np.flatnonzero(allowed) if allowed.any() else np.arange(len(candidates))
    # Three quarters up the near-best stretch, not at its very edge: scenes to come are a little different.
    near = chosen[f1[chosen] >= f1[chosen].max() - 0.01]
    return float(np.clip(np.quantile(candidates[near], 0.75), 0.02, 0.98))
