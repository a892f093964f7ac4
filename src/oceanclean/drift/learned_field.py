"""The learned correction over a whole Forcing: what it sees at every node, strip by strip in bounded memory."""

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
TOGETHER = 150_000
DEPTH = "sea_floor_depth_below_sea_level"


class Strip(NamedTuple):
    """Some rows of latitude of a Forcing, over all its hours, as the correction sees them.

    Attributes:
        rows: which latitudes.
        vectors: (time, lat, lon, feature).
        wet: (time, lat, lon) True where current and wind are known.
        extras: (time, lat, lon, extra).
    """

    rows: slice
    vectors: Complex
    wet: NDArray[np.bool_]
    extras: Floats


def strips(forcing: xr.Dataset, extras: Sequence[str] = (), windage: float = np.nan,
           together: int = TOGETHER) -> Iterator[Strip]:  # fmt: skip
    """Cut a Forcing into strips of latitude: what is seen of a node is its own past, and its neighbours' current.

    The variables are read once and held as they are; the features, ten times their size, stand for one strip alone.

    Args:
        forcing: (time, lat, lon).
        extras: names of :data:`oceanclean.drift.features.EXTRAS`.
        windage: of the debris, for ``class``.
        together: node-hours of a strip.
    """
    held = [name for name in (*CURRENT, *WIND, *STOKES, DEPTH) if name in forcing]
    forcing = forcing[held].compute()
    lat, lon = forcing["lat"].to_numpy(), forcing["lon"].to_numpy()
    height = max(together // (forcing.sizes["time"] * lon.size), 1)
    coast = None
    if "coast" in extras:
        coast = coast_km(np.isfinite(forcing[CURRENT[0]].isel(time=0).to_numpy()), lat, lon)
    for begin in range(0, lat.size, height):
        rows = slice(begin, min(begin + height, lat.size))
        part = forcing.isel(lat=rows)
        vectors, wet = field_vectors(part)
        beside = np.full((*wet.shape, len(extras)), np.nan)
        for number, name in enumerate(extras):
            if name == "shear":
                beside[..., number] = _shear_of(forcing, rows)
            elif name == "coast" and coast is not None:
                beside[..., number] = coast[rows]
            elif name == "depth" and DEPTH in forcing:
                beside[..., number] = part[DEPTH].transpose("lat", "lon").to_numpy()
            elif name == "class":
                beside[..., number] = windage
        yield Strip(rows, vectors, wet, beside)


def field_vectors(forcing: xr.Dataset) -> tuple[Complex, NDArray[np.bool_]]:
    """(time, lat, lon, feature) of a forcing and its wet mask (time, lat, lon)."""

    def vector(pair: tuple[str, str]) -> Complex:
        u, v = (forcing[name].to_numpy().astype(np.float64) for name in pair)
        return u + 1j * v

    current, wind = vector(CURRENT), vector(WIND)
    stokes = vector(STOKES) if has_stokes(forcing) else np.zeros_like(current)
    wet = np.isfinite(current) & np.isfinite(wind) & np.isfinite(stokes)
    filled = [np.where(np.isfinite(x), x, 0) for x in (current, wind, np.zeros_like(current), stokes)]
    step_h = float(np.median(np.diff(forcing["time"].to_numpy()) / np.timedelta64(1, "s"))) / 3600.0
    first = np.zeros(current.shape[0], dtype=np.int64)
    return seen.vectors(filled[0], filled[1], filled[2], filled[3], first, step_h), wet


def _shear_of(forcing: xr.Dataset, rows: slice) -> Floats:
    """(time, lat, lon) shear of some rows, which needs the rows beside them."""
    wide = slice(max(rows.start - 1, 0), min(rows.stop + 1, forcing.sizes["lat"]))
    if wide.stop - wide.start < 2:
        return np.full((forcing.sizes["time"], rows.stop - rows.start, forcing.sizes["lon"]), np.nan)
    part = forcing.isel(lat=wide)
    u, v = (part[name].to_numpy().astype(np.float64) for name in CURRENT)
    found = shear(u + 1j * v, part["lat"].to_numpy(), part["lon"].to_numpy())
    return found[:, rows.start - wide.start : rows.stop - wide.start]


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


__all__ = ["DEPTH", "Strip", "coast_km", "field_vectors", "shear", "strips"]
