"""Has the input changed? Population stability index and Kolmogorov–Smirnov distance, from sketches of each day.

A day's values of a variable are kept as a sketch of quantiles, so that neither rasters nor forcing need to be kept or
read again. Within a sketch the distribution function is linear between its quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Quantiles of a sketch.
LEVELS = np.linspace(0.0, 1.0, 101)
#: A bin that holds nothing is given this share, so that the index stays finite (half of one in a thousand).
_LEAST = 0.0005

Sketch = dict[str, Any]


def sketch(values: ArrayLike) -> Sketch | None:
    """Quantiles of the finite values and their number; None where there are none."""
    x = np.asarray(values, dtype=float).ravel()
    x = x[np.isfinite(x)]
    if not x.size:
        return None
    return {"n": int(x.size), "quantiles": [float(f"{v:.6g}") for v in np.quantile(x, LEVELS)]}


def share_below(sketches: Sequence[Sketch], at: ArrayLike) -> NDArray[np.float64]:
    """Distribution function at some values, each sketch counting alike whatever its number of values."""
    at = np.asarray(at, dtype=float)
    parts = []
    for one in sketches:
        quantiles = np.asarray(one["quantiles"], dtype=float)
        # the last level of a run of equal quantiles: the share at or below the value
        values, last = np.unique(quantiles[::-1], return_index=True)
        parts.append(np.interp(at, values, LEVELS[::-1][last], left=0.0, right=1.0))
    return np.asarray(np.mean(parts, axis=0))


def stability_index(reference: Sequence[Sketch], recent: Sequence[Sketch], bins: int = 10) -> float:
    """Population stability index Σ (p − q) ln(p / q) over bins of equal share of the reference (Siddiqi 2006).

    Args:
        reference: sketches of the days compared with.
        recent: sketches of the days in question.
        bins: number of bins; where the reference has ties, bins join.

    Returns:
        0 for the same distribution; symmetric in its arguments but for the bins.
    """
    pooled = np.sort(np.concatenate([np.asarray(s["quantiles"], float) for s in reference]))
    edges = np.unique(np.quantile(pooled, np.linspace(0, 1, bins + 1))[1:-1])
    p, q = (_shares(sketches, edges) for sketches in (recent, reference))
    return float(np.sum((p - q) * np.log(p / q)))


def _shares(sketches: Sequence[Sketch], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.diff(np.concatenate([[0.0], share_below(sketches, edges), [1.0]]))
    shares = np.maximum(shares, _LEAST)
    return np.asarray(shares / shares.sum())


def largest_distance(reference: Sequence[Sketch], recent: Sequence[Sketch]) -> float:
    """Kolmogorov–Smirnov distance: the largest difference of the two distribution functions, 0 to 1.

    The distance is what is watched, not its p-value: with a hundred thousand pixels any difference is significant.
    """
    at = np.unique(np.concatenate([np.asarray(s["quantiles"], float) for s in (*reference, *recent)]))
    return float(np.max(np.abs(share_below(reference, at) - share_below(recent, at))))
