"""What the learned residual sees: current, wind and Stokes drift with their recent past, no place and no clock.

Offered beside them, and taken where a later block of time shows a gain: shear of the current, depth, distance to the
coast, and the class by its windage.

All vectors are complex (eastward + i northward), time runs along axis 0. Turned into the wind's frame they are the
same whichever way the wind blows, so that what is learned in one weather holds in another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]

#: Hours over which the wind is averaged (Ekman memory), and lags and averages of the current (tide, inertia).
WIND_MEANS_H = (6, 12, 24)
CURRENT_LAGS_H = (3, 6, 9)
CURRENT_MEANS_H = (13, 25)
NAMES = (
    "current", "spread", "wind", "wind_squared", "stokes",
    *(f"wind_mean_{h}h" for h in WIND_MEANS_H),
    *(f"current_{h}h_ago" for h in CURRENT_LAGS_H),
    *(f"current_mean_{h}h" for h in CURRENT_MEANS_H),
)  # fmt: skip
#: Numbers that may stand beside the vectors: s-1, m, km, and the windage of the class as a fraction of the wind.
EXTRAS = ("shear", "depth", "coast", "class")


def trailing_mean(values: Complex, steps: int, first: Index) -> Complex:
    """Mean over the last ``steps`` rows of the same run, fewer at its start.

    Args:
        values: (row, ...) along time.
        steps: length of the window.
        first: (row) index of the first row of the row's run.
    """
    zero = np.zeros((1, *values.shape[1:]), dtype=values.dtype)
    total = np.concatenate([zero, np.cumsum(values, axis=0)])
    rows = np.arange(values.shape[0])
    begin = np.maximum(rows - steps + 1, first)
    count = (rows + 1 - begin).reshape(-1, *[1] * (values.ndim - 1))
    return (total[rows + 1] - total[begin]) / count


def past(values: Complex, steps: int, first: Index) -> Complex:
    """Value ``steps`` rows ago, or the run's first where it is younger."""
    return values[np.maximum(np.arange(values.shape[0]) - steps, first)]


def vectors(current: Complex, wind: Complex, spread: Complex, stokes: Complex, first: Index, step_h: float) -> Complex:
    """All features as complex vectors.

    Args:
        current: (row, ...) m s-1.
        wind: (row, ...) m s-1.
        spread: (row, ...) half the difference between two current products, 0 where there is one.
        stokes: (row, ...) m s-1, 0 where there is none.
        first: (row) index of the first row of the row's run.
        step_h: hours between rows.

    Returns:
        (row, ..., feature) in the order of :data:`NAMES`.
    """

    def steps(hours: int) -> int:
        return max(1, round(hours / step_h))

    found = [current, spread, wind, np.abs(wind) * wind / 10.0, stokes]
    found += [trailing_mean(wind, steps(h), first) for h in WIND_MEANS_H]
    found += [past(current, steps(h), first) for h in CURRENT_LAGS_H]
    found += [trailing_mean(current, steps(h), first) for h in CURRENT_MEANS_H]
    return np.stack(found, axis=-1)


def wind_direction(wind: Complex) -> Complex:
    """Unit vector of the wind; 1 where it is calm."""
    speed = np.abs(wind)
    return np.where(speed > 1e-6, wind / np.maximum(speed, 1e-6), 1.0 + 0j)


def wind_frame(features: Complex, extras: Floats | None = None) -> Floats:
    """Real columns for the trees: speeds, and every vector along and across the wind.

    Args:
        features: (row, feature) from :func:`vectors`.
        extras: (row, extra) numbers that are put beside them, NaN where unknown.

    Returns:
        (row, column) float64.
    """
    turned = features * np.conj(wind_direction(features[:, NAMES.index("wind")]))[:, None]
    speeds = np.abs(features[:, : NAMES.index("stokes") + 1])
    beside = np.empty((len(features), 0)) if extras is None else extras
    return np.concatenate([speeds, turned.real, turned.imag, beside], axis=1)
