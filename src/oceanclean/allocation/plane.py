"""A flat map of the region in metres, on which legs are straight lines.

Azimuthal equidistant about the region's centre on WGS84: at c metres from the centre, lengths across the radius are
(c/R)/sin(c/R) too long (Snyder 1987, USGS Prof. Paper 1395, eq. 25-14): 0.04 % at 300 km, 0.4 % at 1,000 km. The map
knows no date line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Plane:
    """Map between degrees and metres about a centre.

    Attributes:
        lon0: longitude of the centre, degrees east.
        lat0: latitude of the centre, degrees north.
    """

    lon0: float
    lat0: float

    @cached_property
    def _both(self) -> tuple[Any, Any]:
        from pyproj import CRS, Transformer

        local = CRS.from_proj4(f"+proj=aeqd +lat_0={self.lat0} +lon_0={self.lon0} +datum=WGS84 +units=m")
        world = CRS.from_epsg(4326)
        return (
            Transformer.from_crs(world, local, always_xy=True),
            Transformer.from_crs(local, world, always_xy=True),
        )

    def to_xy(self, lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Degrees to metres; NaN stays NaN."""
        lon_a, lat_a = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
        x, y = self._both[0].transform(lon_a, lat_a)
        bad = ~(np.isfinite(lon_a) & np.isfinite(lat_a))
        return np.where(bad, np.nan, x), np.where(bad, np.nan, y)

    def to_lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Metres to degrees; longitudes within half a turn of the centre's."""
        lon, lat = self._both[1].transform(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        lon = self.lon0 + np.mod(np.asarray(lon) - self.lon0 + 180.0, 360.0) - 180.0
        return lon, np.asarray(lat)
