"""The advection kernel: one true fourth-order Runge-Kutta step of many particles, compiled and in plain NumPy.

Both versions take the same arguments and give the same positions (to rounding). A step sees the velocity at three
instants, t, t + h/2 and t + h; the caller blends the two time levels of the forcing once per instant, so that the
kernel gathers four corners per stage and no more. Velocities are metres per second, positions degrees on WGS84.

Field layout: ``(lat, lon, 2)`` holds everything that moves a particle (eastward, northward); ``(lat, lon, 4)`` holds
current + Stokes in the first two and the wind in the last two, to which each particle applies its own windage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oceanclean.region import metres_per_degree

_ROUND = 360.0
_POLE = 89.99

AFLOAT, STRANDED, LEFT, NO_FORCING, SUNK = 0, 1, 2, 3, 4
#: How a cell (the square between four nodes) is sampled: all corners wet, some wet, none wet.
OPEN, COAST, DRY = 0, 1, 2

Floats = NDArray[np.float64]


class Raster(NamedTuple):
    """Geometry of a regular grid: first value and spacing of each axis (degrees), and whether it goes round."""

    lat0: float
    dlat: float
    lon0: float
    dlon: float
    periodic: bool


def classify_cells(wet: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Class of every cell between four nodes.

    Args:
        wet: (lat, lon) True where the node has a current.

    Returns:
        (lat - 1, lon - 1) of ``OPEN``, ``COAST`` or ``DRY``.
    """
    corners = wet[:-1, :-1].astype(np.uint8) + wet[:-1, 1:] + wet[1:, :-1] + wet[1:, 1:]
    return np.where(corners == 4, OPEN, np.where(corners == 0, DRY, COAST)).astype(np.uint8)


def compiled_step() -> Callable[..., None]:
    """The compiled twin of :func:`numpy_step`: same arguments, same result; numba loads only here."""
    from oceanclean.drift.compiled import step

    return step


def _sample_many(
    field: Floats, wet: Floats, cell: NDArray[np.uint8], grid: Raster, lat: Floats, lon: Floats,
    use_wind: bool, windage: Floats,
) -> tuple[NDArray[np.int64], Floats, Floats]:  # fmt: skip
    """Velocity at many points: ``(code, u, v)``; the twin of the compiled ``sample``."""
    ny, nx = field.shape[:2]
    east_of = lon - grid.lon0
    if grid.periodic:
        east_of = east_of - _ROUND * np.floor(east_of / _ROUND)
    fx, fy = east_of / grid.dlon, (lat - grid.lat0) / grid.dlat
    inside = (fx >= -0.5) & (fx <= nx - 0.5) & (fy >= -0.5) & (fy <= ny - 0.5)
    fx, fy = np.clip(np.where(inside, fx, 0.0), 0.0, nx - 1.0), np.clip(np.where(inside, fy, 0.0), 0.0, ny - 1.0)
    ix, iy = np.minimum(fx.astype(np.int64), nx - 2), np.minimum(fy.astype(np.int64), ny - 2)
    ax, ay = fx - ix, fy - iy
    corners = ((iy, ix), (iy, ix + 1), (iy + 1, ix), (iy + 1, ix + 1))
    weights = np.stack([(1 - ay) * (1 - ax), (1 - ay) * ax, ay * (1 - ax), ay * ax])
    partly = cell[iy, ix] != OPEN
    masked = weights * np.stack([wet[c] for c in corners])
    total = masked.sum(axis=0)
    bare = partly & ~(total > 1e-12)
    renormalised = masked / np.where(bare | ~partly, 1.0, total)
    weights = np.where(partly, renormalised, weights)
    values = sum(w[:, None] * field[c] for w, c in zip(weights, corners, strict=True))
    u, v = values[:, 0], values[:, 1]
    if use_wind:
        u = u + windage[:, 0] * values[:, 2] - windage[:, 1] * values[:, 3]
        v = v + windage[:, 0] * values[:, 3] + windage[:, 1] * values[:, 2]
    code = np.where(~inside, LEFT, np.where(bare, NO_FORCING, AFLOAT))
    return code, u, v


def numpy_step(
    lon: Floats, lat: Floats, status: NDArray[np.int8], extra: Floats, windage: Floats, use_wind: bool,
    f0: Floats, f1: Floats, f2: Floats, wet: Floats, cell: NDArray[np.uint8], grid: Raster,
    land: NDArray[np.bool_], shore: Raster, dry_status: int, h: float,
) -> None:  # fmt: skip
    """Advance all particles afloat by one RK4 step, in place, with NumPy alone.

    Args:
        lon: (particle) degrees east, changed in place.
        lat: (particle) degrees north, changed in place.
        status: (particle) one of ``AFLOAT STRANDED LEFT NO_FORCING``, changed in place.
        extra: (particle, 2) velocity perturbation held over the step, m s-1.
        windage: (particle or 1, 2) downwind and crosswind share of the wind.
        use_wind: whether the fields carry the wind in channels 2 and 3.
        f0: (lat, lon, channel) field at t.
        f1: the same at t + h/2.
        f2: the same at t + h.
        wet: (lat, lon) 1.0 where the node has a current, else 0.0.
        cell: (lat - 1, lon - 1) from :func:`classify_cells`.
        grid: geometry of the fields (nodes).
        land: (row, column) True where a particle strands.
        shore: geometry of ``land`` (lower left cell edges).
        dry_status: status of a particle that has no wet corner.
        h: step in seconds, negative for backward.
    """
    afloat = np.flatnonzero(status == AFLOAT)
    if afloat.size == 0:
        return
    x0, y0 = lon[afloat], lat[afloat]
    push = windage if windage.shape[0] == 1 else windage[afloat]
    eu, ev = extra[afloat, 0], extra[afloat, 1]
    code, u, v = _sample_many(f0, wet, cell, grid, y0, x0, use_wind, push)
    status[afloat] = np.where(code == NO_FORCING, dry_status, code)
    going = code == AFLOAT
    slope_x, slope_y = np.zeros_like(x0), np.zeros_like(x0)
    x, y = x0, y0
    for field, ahead, weight in ((f1, 0.5, 1.0), (f1, 0.5, 2.0), (f2, 1.0, 2.0), (None, 0.0, 1.0)):
        east, north = metres_per_degree(y)
        a, b = (u + eu) / east, (v + ev) / north
        slope_x, slope_y = slope_x + weight * a, slope_y + weight * b
        if field is not None:
            x, y = x0 + ahead * h * a, y0 + ahead * h * b
            code, un, vn = _sample_many(field, wet, cell, grid, y, x, use_wind, push)
            u, v = np.where(code == AFLOAT, un, u), np.where(code == AFLOAT, vn, v)
    x, y = x0 + h / 6.0 * slope_x, y0 + h / 6.0 * slope_y
    aground = going & on_land(x, y, land, shore)
    moved = going & ~aground
    lon[afloat[moved]], lat[afloat[moved]] = x[moved], y[moved]
    status[afloat[aground]] = STRANDED
    status[afloat[moved & ~(np.abs(y) < _POLE)]] = LEFT


def on_land(lon: Floats, lat: Floats, land: NDArray[np.bool_], shore: Raster) -> NDArray[np.bool_]:
    """Whether points lie in a land cell; outside the raster is sea.

    Args:
        lon: (point) degrees east.
        lat: (point) degrees north.
        land: (row, column) True on land.
        shore: geometry of ``land`` (lower left cell edges).

    Returns:
        (point) True on land.
    """
    east_of = lon - shore.lon0
    if shore.periodic:
        east_of = east_of - _ROUND * np.floor(east_of / _ROUND)
    column = np.floor(east_of / shore.dlon).astype(np.int64)
    row = np.floor((lat - shore.lat0) / shore.dlat).astype(np.int64)
    inside = (column >= 0) & (column < land.shape[1]) & (row >= 0) & (row < land.shape[0])
    return inside & land[np.where(inside, row, 0), np.where(inside, column, 0)]
