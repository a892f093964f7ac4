"""Found over searched: how much of the true mass lies in the water that a map holds for richest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def hit_curve(score: Array, truth: Array, area: Array) -> tuple[Array, Array]:
    """Share of the truth found against share of the area searched, richest cells first.

    Cells of one score are searched in no order: within a tie both grow evenly.

    Args:
        score: (cell) what the map says; any scale.
        truth: (cell) true mass.
        area: (cell) area.

    Returns:
        ``searched`` and ``found``, both rising from 0 to 1, one point a distinct score and the origin.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    searched, found = (np.concatenate([[0.0], np.cumsum(a[order])[ends]]) for a in (area, truth))
    return searched / searched[-1], found / found[-1] if found[-1] > 0 else searched / searched[-1]


def area_under(score: Array, truth: Array, area: Array) -> float:
    """Area under the found/searched curve: 0.5 for a map that knows nothing."""
    searched, found = hit_curve(score, truth, area)
    return float(np.trapezoid(found, searched))


def found_in_best(score: Array, truth: Array, area: Array, share: float = 0.1) -> float:
    """Share of the truth in the best ``share`` of the area."""
    searched, found = hit_curve(score, truth, area)
    return float(np.interp(share, searched, found))


def searched_between(score: Array, area: Array) -> tuple[Array, Array]:
    """Shares of the area that have been searched when the search comes to each cell and when it leaves it.

    Cells of one score are searched together.

    Args:
        score: (cell) what the map says; any scale.
        area: (cell) area.

    Returns:
        Two arrays (cell), 0 to 1.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    edges = np.concatenate([[0.0], np.cumsum(area[order])[ends]]) / area.sum()
    group = np.zeros(score.size, dtype=np.int64)
    group[order] = np.searchsorted(ends, np.arange(score.size))
    return edges[group], edges[group + 1]
