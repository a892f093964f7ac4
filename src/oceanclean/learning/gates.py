"""Does the challenger win? A paired bootstrap over groups that neither model has learned from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.learning.figures import plain
from oceanclean.learning.settings import BootstrapSettings, Gate

#: Sums over groups to the metric.
Metric = Callable[[NDArray[Any]], float]


@dataclass(frozen=True)
class Evidence:
    """What a promotion was decided on.

    Attributes:
        metric: name and unit.
        champion: the champion's figure.
        challenger: the challenger's.
        gain: challenger against champion, positive is better whatever the metric's direction.
        low: lower end of the gain's interval.
        high: upper end.
        groups: independent groups (scenes, drifters, days) it rests on.
        rests_on: what was compared, in words.
        wins: the challenger passes the gate.
        sentence: why it passes or not.
    """

    metric: str
    champion: float
    challenger: float
    gain: float
    low: float
    high: float
    groups: int
    rests_on: str
    wins: bool
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values; figures that are not finite become null."""
        return plain(self)


def compare(
    champion: NDArray[Any], challenger: NDArray[Any], metric: Metric, *, gate: Gate, settings: BootstrapSettings,
    rests_on: str, seed: int = 0,
) -> Evidence:  # fmt: skip
    """Compare two models on the same groups.

    Groups are drawn with replacement, the same ones for both models, and the metric is taken of the sums over the
    groups drawn (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 8 and 13: percentile interval of
    a paired difference). Frames of one scene or fixes of one drifter are alike: the group is what is independent.

    Args:
        champion: (group, ...) additive statistics, for example confusion matrices.
        challenger: the same shape, the same groups in the same order.
        metric: figure of the sum over groups.
        gate: metric's name, direction and least gain.
        settings: interval.
        rests_on: what was compared, in words.
        seed: of the draws.

    Returns:
        The evidence; ``wins`` only where the whole interval lies above the least gain and groups are enough.
    """
    sign = 1.0 if gate.larger_is_better else -1.0
    groups = len(champion)
    old, new = metric(champion.sum(axis=0)), metric(challenger.sum(axis=0))
    gain, low, high = sign * (new - old), float("nan"), float("nan")
    if groups >= 2:
        rng = np.random.default_rng(seed)
        drawn = np.empty(settings.resamples)
        for i in range(settings.resamples):
            rows = rng.integers(0, groups, groups)
            drawn[i] = sign * (metric(challenger[rows].sum(axis=0)) - metric(champion[rows].sum(axis=0)))
        tail = (1 - settings.confidence) / 2
        known = drawn[np.isfinite(drawn)]
        low, high = (float(v) for v in np.quantile(known, [tail, 1 - tail])) if known.size else (low, high)
    enough = groups >= settings.minimum_groups
    wins = bool(enough and np.isfinite(gain) and low > gate.minimum_gain)
    return Evidence(
        gate.metric, float(old), float(new), float(gain), low, high, groups, rests_on, wins,
        _sentence(gate, settings, float(gain), low, high, groups, wins),
    )  # fmt: skip


def _sentence(
    gate: Gate, settings: BootstrapSettings, gain: float, low: float, high: float, groups: int, wins: bool
) -> str:
    figures = f"{gate.metric}: gain {gain:+.4f} ({settings.confidence:.0%} interval {low:+.4f} to {high:+.4f}, "
    figures += f"{groups} groups)"
    if wins:
        return f"The challenger wins. {figures}."
    if groups < settings.minimum_groups:
        return f"Too few groups to decide ({groups}, at least {settings.minimum_groups}). {figures}."
    return f"The challenger does not win: its gain is not surely above {gate.minimum_gain:g}. {figures}."
