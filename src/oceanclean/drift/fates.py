"""What becomes of debris beside drifting: it beaches near a coast, floats again, sinks.

All of it happens at the hourly nodes of the velocity error, with random numbers from the counter of particle and node,
so that it depends neither on the step nor on the order of the particles.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import noise
from oceanclean.drift.kernel import AFLOAT, STRANDED, SUNK, Raster, on_land
from oceanclean.drift.settings import FateSettings
from oceanclean.region import metres_per_degree

Floats = NDArray[np.float64]
_REFLOAT, _BEACH, _SINK, _AGE = 12, 13, 14, 15  # lanes of the counter
_DAY_H = 24.0


class Fates:
    """Draws what becomes of particles over one interval.

    Args:
        settings: time scales.
        refloat_h: mean hours ashore before debris floats again where it stranded; None for never.
        land: (row, column) True on land, or None where no coast is known: nothing beaches then.
        shore: geometry of ``land`` (lower left cell edges).
    """

    def __init__(self, settings: FateSettings, refloat_h: float | None, land: NDArray[np.bool_] | None,
                 shore: Raster | None) -> None:  # fmt: skip
        self.settings, self.refloat_h = settings, refloat_h
        self.near, self.shore = None, shore
        if settings.beaching_d is not None and land is not None and shore is not None:
            self.near = near_land(land, shore, settings.beach_km)

    @property
    def idle(self) -> bool:
        """Whether nothing but drifting happens."""
        s = self.settings
        return self.refloat_h is None and self.near is None and s.sinking_d is None and s.biofouling_d is None

    def draw(self, lon: Floats, lat: Floats, status: NDArray[np.int8], key: np.uint64, ids: NDArray[np.uint64],
             node: int, interval_h: float) -> None:  # fmt: skip
        """Change the status of particles over one interval, in place.

        Args:
            lon: (particle) degrees east.
            lat: (particle) degrees north.
            status: (particle) changed.
            key: of the run's random numbers.
            ids: (particle) identifiers.
            node: number of the interval.
            interval_h: its length, hours.
        """
        s = self.settings
        ashore = np.flatnonzero(status == STRANDED)
        if s.biofouling_d is not None:
            first, last = s.biofouling_d
            after_h = _DAY_H * (first + (last - first) * noise.uniforms(key, ids, 0, _AGE))
            fouled = s.age_d * _DAY_H + node * interval_h >= after_h
            status[fouled & (status == AFLOAT)] = SUNK
        if s.sinking_d is not None:
            self._change(status, np.flatnonzero(status == AFLOAT), SUNK, s.sinking_d * _DAY_H, (key, ids, node, _SINK),
                         interval_h)  # fmt: skip
        if self.near is not None and self.shore is not None and s.beaching_d is not None:
            afloat = np.flatnonzero(status == AFLOAT)
            close = afloat[on_land(lon[afloat], lat[afloat], self.near, self.shore)]
            self._change(status, close, STRANDED, s.beaching_d * _DAY_H, (key, ids, node, _BEACH), interval_h)
        if self.refloat_h is not None:
            self._change(status, ashore, AFLOAT, self.refloat_h, (key, ids, node, _REFLOAT), interval_h)

    @staticmethod
    def _change(status: NDArray[np.int8], which: NDArray[np.int64], to: int, scale_h: float,
                lot: tuple[np.uint64, NDArray[np.uint64], int, int], interval_h: float) -> None:  # fmt: skip
        """Give some particles another status, each with the chance of one interval at a mean waiting time."""
        key, ids, node, lane = lot
        chance = -math.expm1(-interval_h / scale_h)
        status[which[noise.uniforms(key, ids[which], node, lane) < chance]] = to


def near_land(land: NDArray[np.bool_], shore: Raster, reach_km: float) -> NDArray[np.bool_]:
    """Sea cells within a distance of land (row, column)."""
    from scipy.ndimage import distance_transform_edt

    if not land.any():
        return np.zeros_like(land)
    east, north = metres_per_degree(shore.lat0 + 0.5 * land.shape[0] * shore.dlat)
    sampling = (float(north) * abs(shore.dlat) / 1000.0, float(east) * abs(shore.dlon) / 1000.0)
    return np.asarray(~land & (distance_transform_edt(~land, sampling=sampling) <= reach_km))


__all__ = ["Fates", "near_land"]
