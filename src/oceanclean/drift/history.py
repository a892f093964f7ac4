"""What a drifter's own last day tells about its next hours: statistics of the recent residual and how they fade.

For each lead a complex ridge regression maps eight statistics of the last 25 h of residual (two M2 periods, so that
the tide averages out) to the residual at that lead; a taper lets the whole fade, since what was learned on some days
about late leads does not hold on others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.features import trailing_mean

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]

#: Hours of history a start needs, and the longest lead.
HISTORY_H = 25
LONGEST_H = 72
_M2 = 2 * np.pi / 12.42
_MEANS_H = (1, 3, 6, 13, 25)
#: Number of statistics, and places of the mean over the last hour and over the last 25.
STATISTICS = len(_MEANS_H) + 3
LAST_HOUR, LAST_DAY = 0, 4


def statistics(residual: Complex, first: Index, lat: Floats) -> Complex:
    """Statistics of the last 25 h of residual at every row.

    Args:
        residual: (row) m s-1, hourly.
        first: (row) index of the first row of the row's run.
        lat: (row) degrees north, for the inertial frequency.

    Returns:
        (row, 8): means over 1, 3, 6, 13 and 25 h; demodulations at M2 in both senses and at the inertial frequency.
        NaN where the run is younger than 25 h.
    """
    inertial = 2 * np.pi / 12.0 * np.sin(np.radians(lat))  # radians an hour; sidereal day taken as 24 h
    rows = np.arange(residual.size)
    found = [trailing_mean(residual, n, first) for n in _MEANS_H]
    for omega in (np.full_like(lat, _M2), np.full_like(lat, -_M2), -inertial):
        total = np.zeros(residual.size, dtype=np.complex128)
        for k in range(HISTORY_H):
            total += residual[np.maximum(rows - k, first)] * np.exp(1j * omega * k)
        found.append(total / HISTORY_H)
    stacked = np.stack(found, axis=1)
    stacked[rows - first < HISTORY_H - 1] = np.nan
    return stacked


def fit_fading(stats: Complex, residual: Complex, usable: NDArray[np.bool_], last: Index, penalty: float,
               taper_h: float) -> Complex:  # fmt: skip
    """Weights that carry the statistics of the hour before the start forward.

    Args:
        stats: (row, statistic) from :func:`statistics`.
        residual: (row) m s-1.
        usable: (row) True for rows of the training set.
        last: (row) index of the last row of the row's run.
        penalty: relative to the variance of the statistics.
        taper_h: e-folding of the squared lead.

    Returns:
        (lead 0..72, statistic).
    """
    weights = np.zeros((LONGEST_H + 1, stats.shape[1]), dtype=np.complex128)
    ready = usable & np.isfinite(stats).all(axis=1)
    if ready.sum() < 10 * stats.shape[1]:
        return weights
    scale = np.sqrt(np.mean(np.abs(stats[ready]) ** 2, axis=0)) + 1e-12
    for lead in range(LONGEST_H + 1):
        rows = np.flatnonzero(ready & (last >= np.arange(stats.shape[0]) + lead + 1))
        rows = rows[usable[rows + lead + 1]]
        if rows.size < 10 * stats.shape[1]:
            break
        a = stats[rows] / scale
        normal = a.conj().T @ a + penalty * rows.size * np.eye(a.shape[1])
        weights[lead] = np.linalg.solve(normal, a.conj().T @ residual[rows + lead + 1]) / scale
    return weights * np.exp(-((np.arange(LONGEST_H + 1) / taper_h) ** 2))[:, None]


def recent_energy(residual: Complex, first: Index) -> Floats:
    """(row) mean squared residual over the last 25 h, (m s-1)2."""
    squared = np.abs(residual).astype(np.complex128) ** 2
    return trailing_mean(squared, HISTORY_H, first).real.astype(np.float64)
