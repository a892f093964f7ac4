"""The learned correction over a whole Forcing: what it sees at every node, by slabs of time in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift import features as seen
from oceanclean.drift.fields import CURRENT, STOKES, WIND, has_stokes
from oceanclean.region import metres_per_degree

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
#: Node-hours that are looked at together: some 200 bytes of features each, twice over while they are made.
TOGETHER = 400_000
DEPTH = "sea_floor_depth_below_sea_level"


class Slab(NamedTuple):
    """Some hours of a Forcing as the correction sees them.

    Attributes:
        times: which levels.
        vectors: (time, lat, lon, feature).
        wet: (time, lat, lon) True where current and wind are known.
        extras: (time, lat, lon, extra).
    """

    times: slice
    vectors: Complex
    wet: NDArray[np.bool_]
    extras: Floats


def slabs(forcing: xr.Dataset, extras: Sequence[str] = (), windage: float = np.nan,
          together: int = TOGETHER) -> Iterator[Slab]:  # fmt: skip
    """Cut a Forcing into slabs of time, each read with the hours before it that averages and lags reach back to.

    Args:
        forcing: (time, lat, lon).
        extras: names of :data:`oceanclean.drift.features.EXTRAS`.
        windage: of the debris, for ``class``.
        together: node-hours of a slab.
    """
    step_h = float(np.median(np.diff(forcing["time"].to_numpy()) / np.timedelta64(1, "s"))) / 3600.0
    reach = max(1, round(max(*seen.WIND_MEANS_H, *seen.CURRENT_LAGS_H, *seen.CURRENT_MEANS_H) / step_h))
    plane = forcing.sizes["lat"] * forcing.sizes["lon"]
    # what is read again before each slab is a third of it at most
    length = max(together // plane, 3 * reach, 1)
    coast: Floats | None = None
    for begin in range(0, forcing.sizes["time"], length):
        end = min(begin + length, forcing.sizes["time"])
        before = max(0, begin - reach)
        vectors, wet = field_vectors(forcing.isel(time=slice(before, end)), step_h)
        if coast is None and "coast" in extras:
            coast = coast_km(wet[0], forcing["lat"].to_numpy(), forcing["lon"].to_numpy())
        own = slice(begin - before, end - before)
        beside = _extras(forcing, vectors[own], wet[own], extras, coast, windage)
        yield Slab(slice(begin, end), vectors[own], wet[own], beside)


def field_vectors(forcing: xr.Dataset, step_h: float | None = None) -> tuple[Complex, NDArray[np.bool_]]:
    """(time, lat, lon, feature) of a forcing and its wet mask (time, lat, lon)."""

    def vector(pair: tuple[str, str]) -> Complex:
        u, v = (forcing[name].to_numpy().astype(np.float64) for name in pair)
        return u + 1j * v

    current, wind = vector(CURRENT), vector(WIND)
    stokes = vector(STOKES) if has_stokes(forcing) else np.zeros_like(current)
    wet = np.isfinite(current) & np.isfinite(wind) & np.isfinite(stokes)
    filled = [np.where(np.isfinite(x), x, 0) for x in (current, wind, np.zeros_like(current), stokes)]
    if step_h is None:
        step_h = float(np.median(np.diff(forcing["time"].to_numpy()) / np.timedelta64(1, "s"))) / 3600.0
    first = np.zeros(current.shape[0], dtype=np.int64)
    return seen.vectors(filled[0], filled[1], filled[2], filled[3], first, step_h), wet


def _extras(forcing: xr.Dataset, vectors: Complex, wet: NDArray[np.bool_], extras: Sequence[str],
            coast: Floats | None, windage: float) -> Floats:  # fmt: skip
    """(time, lat, lon, extra) of a slab."""
    found = np.full((*wet.shape, len(extras)), np.nan)
    for number, name in enumerate(extras):
        if name == "shear":
            current = np.where(wet, vectors[..., seen.NAMES.index("current")], np.nan)
            found[..., number] = shear(current, forcing["lat"].to_numpy(), forcing["lon"].to_numpy())
        elif name == "coast" and coast is not None:
            found[..., number] = coast
        elif name == "depth" and DEPTH in forcing:
            found[..., number] = forcing[DEPTH].transpose("lat", "lon").to_numpy()
        elif name == "class":
            found[..., number] = windage
    return found


def shear(current: Complex, lat: Floats, lon: Floats) -> Floats:
    """Size of the current's gradient, s-1: root of the sum of the squares of its four components.

    Args:
        current: (..., lat, lon) m s-1, NaN where dry.
        lat: degrees north, even.
        lon: degrees east, even.
    """
    east, north = metres_per_degree(lat)
    along = np.gradient(current, lon, axis=-1) / east[:, None]
    across = np.gradient(current, lat, axis=-2) / north[:, None]
    return np.asarray(np.sqrt(np.abs(along) ** 2 + np.abs(across) ** 2))


def coast_km(wet: NDArray[np.bool_], lat: Floats, lon: Floats) -> Floats:
    """(lat, lon) km to the nearest dry node of the forcing; NaN everywhere where there is none."""
    if wet.all():
        return np.full(wet.shape, np.nan)
    from scipy.ndimage import distance_transform_edt

    east, north = metres_per_degree(np.array([0.5 * (lat[0] + lat[-1])]))
    steps = (abs(lat[1] - lat[0]) * float(north[0]) / 1e3, abs(lon[1] - lon[0]) * float(east[0]) / 1e3)
    return np.asarray(distance_transform_edt(wet, sampling=steps))


__all__ = ["DEPTH", "Slab", "coast_km", "field_vectors", "shear", "slabs"]
