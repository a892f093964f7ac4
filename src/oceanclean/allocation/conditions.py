"""Sea state, wind and daylight at a place and time, and the hours in which a vessel may work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.products import names

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray


def solar_elevation(time: NDArray[np.datetime64], lon: NDArray, lat: NDArray) -> NDArray[np.float64]:
    """Elevation of the sun in degrees, without refraction.

    Low-precision formulas of the Astronomical Almanac (page C5): within 0.01° from 1950 to 2050.

    Args:
        time: UTC.
        lon: degrees east.
        lat: degrees north.

    Returns:
        Array of the arguments' broadcast shape.
    """
    day = (np.asarray(time).astype("datetime64[s]") - np.datetime64("2000-01-01T12:00:00")).astype(float) / 86400.0
    anomaly = np.radians(np.mod(357.528 + 0.9856003 * day, 360.0))
    ecliptic = np.radians(280.460 + 0.9856474 * day + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * day)
    ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    sidereal = np.radians(np.mod(280.46061837 + 360.98564736629 * day, 360.0))
    hour_angle = sidereal + np.radians(lon) - ascension
    phi = np.radians(lat)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    return np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))  # straight overhead, rounding may pass 1


@dataclass(frozen=True)
class Weather:
    """Wave height, wind speed and currents on a grid.

    Attributes:
        time: (time) seconds since the issue time.
        lat, lon: axes in degrees.
        waves: (time, lat, lon) significant wave height in m, or None where unknown.
        wind: (time, lat, lon) 10 m wind speed in m/s, or None.
        gaps: sentences about what is missing.
        east, north: (time, lat, lon) currents in m/s, or None.
    """

    time: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    waves: NDArray[np.float64] | None
    wind: NDArray[np.float64] | None
    gaps: tuple[str, ...] = ()
    east: NDArray[np.float64] | None = None
    north: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, forcing: xr.Dataset, issue: np.datetime64, horizon_s: float) -> Weather:
        """Weather of a ``Forcing`` product from the issue time on."""
        time = (forcing["time"].to_numpy() - issue) / np.timedelta64(1, "s")
        gaps = []
        waves = wind = None
        if names.WAVE_HEIGHT in forcing:
            waves = _filled(forcing[names.WAVE_HEIGHT].to_numpy())
        if waves is None:
            gaps.append("No wave forecast: wave limits were not checked.")
        if names.EASTWARD_WIND in forcing and names.NORTHWARD_WIND in forcing:
            wind = _filled(np.hypot(forcing[names.EASTWARD_WIND].to_numpy(), forcing[names.NORTHWARD_WIND].to_numpy()))
        if wind is None:
            gaps.append("No wind forecast: wind limits were not checked.")
        if (waves is not None or wind is not None) and time[-1] < horizon_s - 1:
            gaps.append(
                f"Waves and wind are forecast for {time[-1] / 3600:.0f} h only; the last values were held after that."
            )
        currents = [_filled(forcing[n].to_numpy()) if n in forcing else None
                    for n in (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT)]  # fmt: skip
        return cls(time, forcing["lat"].to_numpy().astype(float), forcing["lon"].to_numpy().astype(float), waves, wind,
                   tuple(gaps), *currents)  # fmt: skip

    def at(self, values: NDArray | None, t: ArrayLike, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
        """Linear interpolation; places beyond the grid take its edge; NaN where ``values`` is None."""
        from scipy.interpolate import RegularGridInterpolator

        t, lon, lat = np.broadcast_arrays(np.asarray(t, float), np.asarray(lon, float), np.asarray(lat, float))
        if values is None:
            return np.full(t.shape, np.nan)
        west = self.lon[0]
        lon = west + np.mod(lon - west + 180.0, 360.0) - 180.0
        axes, points = [], []
        for axis, p in ((self.time, t), (self.lat, lat), (self.lon, lon)):
            axes.append(axis if len(axis) > 1 else np.array([axis[0], axis[0] + 1.0]))
            points.append(np.clip(p, axis[0], axis[-1]))
        for k, axis in enumerate((self.time, self.lat, self.lon)):
            if len(axis) == 1:
                values = np.repeat(values, 2, axis=k)
        return RegularGridInterpolator(tuple(axes), values)(np.stack(points, axis=-1))


def _filled(values: NDArray) -> NDArray[np.float64] | None:
    """Gaps (land in the model's mask) filled with the nearest value of the same time; None if nothing is known."""
    from scipy.ndimage import distance_transform_edt

    values = values.astype(float)
    known = np.isfinite(values)
    if not known.any():
        return None
    for k in range(len(values)):
        if known[k].all():
            continue
        if not known[k].any():
            values[k] = np.nanmax(values)  # a time without any value counts as the worst there is
            continue
        index = distance_transform_edt(~known[k], return_distances=False, return_indices=True)
        values[k] = values[k][tuple(index)]
    return values


def open_spans(flags: NDArray[np.bool_], slot: float) -> list[tuple[float, float]]:
    """Spans in which consecutive slots are open, in seconds from the first slot's time.

    A span reaches from the first to the last open slot time, so that both its ends are known to be open.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(float(a) * slot, float(b - 1) * slot) for a, b in zip(edges[::2], edges[1::2], strict=True)]
