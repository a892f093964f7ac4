"""A drifter's own residual carried on: linear prediction (kriging) from its last hours, with published memories.

The residual of a drifter over physics is taken as the sum of a slow part (fronts and eddies that a model puts in the
wrong place), a fast part (tide, waves, shear) and an inertial oscillation, each with its memory. The best linear
prediction of its next hours, and what remains unknown of them, follow from these covariances alone (Rasmussen and
Williams 2006, eqs. 2.25-2.26). How far current, wind and products suit this drifter, beyond what suits the fleet, is
found with it (ibid., section 2.7).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.settings import CarriedSettings

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]

#: Hours of history that a start needs, lengths that are used (the longest that it has), and the longest lead.
HISTORY_H = 25
SIZES_H = (HISTORY_H, 37, 49, 73, 97, 121)
LONGEST_H = 72
#: Latitudes that share their inertial period, degrees.
BAND_DEG = 2.0
_KM_PER_MS_H = 3.6
_EARTH_TURN = 2.0 * np.pi / 11.967  # twice the Earth's rotation, radians an hour


def covariance(lag_h: Floats, lat: float, carried: CarriedSettings) -> Complex:
    """E[conj(r(t)) r(t + lag)] of a residual of unit variance a component.

    Args:
        lag_h: hours, any shape, may be negative.
        lat: degrees north; inertial motion turns clockwise in the northern hemisphere.
        carried: shares and memories.
    """
    age = np.abs(lag_h)
    turn = np.exp(-1j * _EARTH_TURN * np.sin(np.radians(lat)) * lag_h)
    fast = 1.0 - carried.slow_share - carried.inertial_share
    return np.asarray(
        carried.slow_share * np.exp(-age / carried.slow_h)
        + fast * np.exp(-age / carried.fast_h)
        + carried.inertial_share * np.exp(-age / carried.inertial_h) * turn
    )


class Kriging(NamedTuple):
    """Prediction from a history of fixed length that ends an hour before the start.

    Attributes:
        precision: (hour, hour) inverse of the covariance of the history.
        reach: (hour, lead 0..72) covariance of the history with each hour from the start on.
        ahead: (lead, lead) covariance of the hours from the start on.
    """

    precision: Complex
    reach: Complex
    ahead: Complex

    def weights(self) -> Complex:
        """(hour, lead) weights of the history in the residual at each lead."""
        return self.precision @ self.reach

    def unknown_km2(self, lead: int) -> float:
        """Variance a component, km2, of the displacement that the history leaves unknown, for unit variance."""
        steps = trapezoid_km(lead)
        reach = self.reach[:, : lead + 1] @ steps
        free = steps @ self.ahead[: lead + 1, : lead + 1] @ steps
        return float((free - reach.conj() @ self.precision @ reach).real)


@lru_cache(maxsize=256)
def kriging(size: int, lat: float, carried: CarriedSettings) -> Kriging:
    """The prediction from ``size`` hours at a latitude (degrees north)."""
    past = np.arange(-size, 0).astype(np.float64)
    ahead = np.arange(LONGEST_H + 1).astype(np.float64)
    known = covariance(past[None, :] - past[:, None], lat, carried) + carried.white_share * np.eye(size)
    return Kriging(
        np.linalg.inv(known).astype(np.complex128),
        covariance(ahead[None, :] - past[:, None], lat, carried),
        covariance(ahead[None, :] - ahead[:, None], lat, carried),
    )


def trapezoid_km(lead: int) -> Floats:
    """(hour 0..lead) weights that make a displacement in km of hourly velocities in m s-1."""
    steps = np.full(lead + 1, _KM_PER_MS_H)
    steps[0] = steps[-1] = 0.5 * _KM_PER_MS_H
    return steps


__all__ = ["HISTORY_H", "LONGEST_H", "SIZES_H", "Kriging", "covariance", "kriging", "trapezoid_km"]
