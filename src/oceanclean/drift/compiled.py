"""The loops that numba compiles; import this module only when particles move, since numba takes a second to load.

Every function here has a NumPy twin with the same arguments and the same result: ``step`` that of
:func:`oceanclean.drift.kernel.numpy_step`, the others those of :mod:`oceanclean.drift.noise`. Compiled code is
cached on disk, so that only the first run on a machine pays for compiling.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
# ruff: noqa: ANN001, ANN201, ANN202, D103

from __future__ import annotations

import logging
from typing import Any

import numba
import numpy as np

from oceanclean.drift.kernel import AFLOAT, LEFT, NO_FORCING, OPEN, STRANDED
from oceanclean.region import WGS84_A as SEMI_MAJOR_M
from oceanclean.region import WGS84_E2 as ECCENTRICITY2

LOG = logging.getLogger(__name__)
_RADIAN = np.pi / 180.0
_ROUND = 360.0
_POLE = 89.99
#: Largest shift times slope for the series of the length of a degree: its next term is then below 1e-10.
_LONG = 0.003
#: Particles that go through a stage together: their lookups do not wait for one another, and all fits the first cache.
_BLOCK = 128
#: Rows of a block: start, place of the stage, velocity, sums of the stages, series of :func:`_scales`, status.
_X0, _Y0, _X, _Y, _U, _V, _SX, _SY, _E, _E1, _E2, _E3, _N, _N1, _N2, _CODE = range(16)


def _inlined(function: Any) -> Any:
    """Compiled into its caller: passing a dozen arrays to a function of its own costs more than its arithmetic."""
    return numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nsz"}, forceinline=True)(function)


def _jit(function: Any) -> Any:
    """Compiled and cached on disk; sums may be fused (a rounding error's difference), NaN keeps its meaning."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "arcp", "nsz"}}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError as reason:  # no place for the cache: a read-only install and no home
        LOG.warning("%s is compiled anew in every process: %s", function.__name__, reason)
        return numba.njit(**options)(function)


@_inlined
def _sample(field, wet, cell, grid, lat, lon, use_wind, down, cross):
    """Velocity at one point: ``(code, u, v)``; four corners, dry ones left out of the weights."""
    ny, nx = field.shape[0], field.shape[1]
    east_of = lon - grid.lon0
    if grid.periodic:
        east_of -= _ROUND * np.floor(east_of / _ROUND)
    fx = east_of / grid.dlon
    fy = (lat - grid.lat0) / grid.dlat
    if not (fx >= -0.5 and fx <= nx - 0.5 and fy >= -0.5 and fy <= ny - 0.5):
        return LEFT, 0.0, 0.0
    fx = min(max(fx, 0.0), nx - 1.0)
    fy = min(max(fy, 0.0), ny - 1.0)
    # unsigned indices: numba then leaves out the test for negative ones
    ix, iy = np.uint64(min(int(fx), nx - 2)), np.uint64(min(int(fy), ny - 2))
    jx, jy = ix + np.uint64(1), iy + np.uint64(1)
    ax, ay = fx - ix, fy - iy
    w00, w01, w10, w11 = (1.0 - ay) * (1.0 - ax), (1.0 - ay) * ax, ay * (1.0 - ax), ay * ax
    if cell[iy, ix] != OPEN:
        w00, w01 = w00 * wet[iy, ix], w01 * wet[iy, jx]
        w10, w11 = w10 * wet[jy, ix], w11 * wet[jy, jx]
        total = w00 + w01 + w10 + w11
        if not total > 1e-12:
            return NO_FORCING, 0.0, 0.0
        w00, w01, w10, w11 = w00 / total, w01 / total, w10 / total, w11 / total
    u = w00 * field[iy, ix, 0] + w01 * field[iy, jx, 0] + w10 * field[jy, ix, 0] + w11 * field[jy, jx, 0]
    v = w00 * field[iy, ix, 1] + w01 * field[iy, jx, 1] + w10 * field[jy, ix, 1] + w11 * field[jy, jx, 1]
    if use_wind:
        p = w00 * field[iy, ix, 2] + w01 * field[iy, jx, 2] + w10 * field[jy, ix, 2] + w11 * field[jy, jx, 2]
        q = w00 * field[iy, ix, 3] + w01 * field[iy, jx, 3] + w10 * field[jy, ix, 3] + w11 * field[jy, jx, 3]
        u += down * p - cross * q
        v += down * q + cross * p
    return AFLOAT, u, v


@_inlined
def _scales(lat):
    """Degrees per metre east and north at a latitude (degrees), and their logarithmic series in a shift (radians).

    Returns ``(east, e1, e2, e3, north, n1, n2)``: at a shift s the length is east (1 + e1 s + e2 s2 + e3 s3) and
    north (1 + n1 s + n2 s2), the Taylor series on WGS84 (east: sqrt(w) / (a cos lat), north: w^1.5 / (a (1 - e2)),
    w = 1 - e2 sin2 lat). The shift within a step is far below 0.01 rad, so that the series ends at rounding error and
    one sine, cosine and root serve all four stages.
    """
    phi = lat * _RADIAN
    s, c = np.sin(phi), np.cos(phi)
    w = 1.0 - ECCENTRICITY2 * s * s
    root = np.sqrt(w)
    t, q = s / c, ECCENTRICITY2 * s * c / w
    bend = ECCENTRICITY2 * (c * c - s * s) / w + 2.0 * q * q
    one, two, three = t - q, 1.0 + t * t - bend, 2.0 * t * (1.0 + t * t) + 4.0 * q
    east = root / (SEMI_MAJOR_M * _RADIAN * c)
    north = w * root * (1.0 / (SEMI_MAJOR_M * (1.0 - ECCENTRICITY2) * _RADIAN))
    return (
        east, one, 0.5 * (one * one + two), (one * one * one + 3.0 * one * two + three) / 6.0,
        north, -3.0 * q, 4.5 * q * q - 1.5 * bend,
    )  # fmt: skip


@_inlined
def _ashore(x, y, land, shore):
    """Whether a point lies in a land cell."""
    east_of = x - shore.lon0
    if shore.periodic:
        east_of -= _ROUND * np.floor(east_of / _ROUND)
    jx, jy = int(np.floor(east_of / shore.dlon)), int(np.floor((y - shore.lat0) / shore.dlat))
    return 0 <= jx < land.shape[1] and 0 <= jy < land.shape[0] and land[jy, jx]


@_inlined
def _stage(b, count, ids, field, wet, cell, grid, windage, use_wind, extra, weight, ahead, first):
    """One stage for a block of particles: velocity at ``b.x, b.y``, its share of the sum, and the next place."""
    uniform = windage.shape[0] == 1
    for j in range(count):
        i = ids[j]
        k = 0 if uniform else i
        code, un, vn = _sample(field, wet, cell, grid, b[_Y, j], b[_X, j], use_wind, windage[k, 0], windage[k, 1])
        if code == AFLOAT:
            b[_U, j], b[_V, j] = un, vn
        elif first:
            b[_CODE, j] = code
        u, v = b[_U, j] + extra[i, 0], b[_V, j] + extra[i, 1]
        shift = (b[_Y, j] - b[_Y0, j]) * _RADIAN
        if np.abs(shift * b[_E1, j]) > _LONG:  # beyond the reach of the series: near a pole, or steps of hours
            there = _scales(b[_Y, j])
            u, v = u * there[0], v * there[4]
        else:
            u *= b[_E, j] * (1.0 + shift * (b[_E1, j] + shift * (b[_E2, j] + shift * b[_E3, j])))
            v *= b[_N, j] * (1.0 + shift * (b[_N1, j] + shift * b[_N2, j]))
        b[_SX, j] += weight * u
        b[_SY, j] += weight * v
        b[_X, j], b[_Y, j] = b[_X0, j] + ahead * u, b[_Y0, j] + ahead * v


@_jit
def step(lon, lat, status, extra, windage, use_wind, f0, f1, f2, wet, cell, grid, land, shore, dry_status, h):
    block = np.empty((16, _BLOCK))
    ids = np.empty(_BLOCK, dtype=np.int64)
    for start in range(0, lon.size, _BLOCK):
        count = 0
        for i in range(start, min(start + _BLOCK, lon.size)):
            if status[i] == AFLOAT:
                ids[count] = i
                block[_X0, count], block[_Y0, count] = lon[i], lat[i]
                count += 1
        for j in range(count):
            block[_X, j], block[_Y, j] = block[_X0, j], block[_Y0, j]
            block[_U, j], block[_V, j], block[_SX, j], block[_SY, j], block[_CODE, j] = 0.0, 0.0, 0.0, 0.0, 0.0
            scales = _scales(block[_Y0, j])
            block[_E, j], block[_E1, j], block[_E2, j], block[_E3, j] = scales[0], scales[1], scales[2], scales[3]
            block[_N, j], block[_N1, j], block[_N2, j] = scales[4], scales[5], scales[6]
        _stage(block, count, ids, f0, wet, cell, grid, windage, use_wind, extra, 1.0, 0.5 * h, True)
        _stage(block, count, ids, f1, wet, cell, grid, windage, use_wind, extra, 2.0, 0.5 * h, False)
        _stage(block, count, ids, f1, wet, cell, grid, windage, use_wind, extra, 2.0, h, False)
        _stage(block, count, ids, f2, wet, cell, grid, windage, use_wind, extra, 1.0, 0.0, False)
        for j in range(count):
            i = ids[j]
            if block[_CODE, j] != AFLOAT:
                status[i] = dry_status if block[_CODE, j] == NO_FORCING else np.int8(block[_CODE, j])
                continue
            x, y = block[_X0, j] + h / 6.0 * block[_SX, j], block[_Y0, j] + h / 6.0 * block[_SY, j]
            if _ashore(x, y, land, shore):
                status[i] = STRANDED
                continue
            lon[i], lat[i] = x, y
            if not (y > -_POLE and y < _POLE):
                status[i] = LEFT


@_jit
def _mixed(value):
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@_jit
def _uniform(spread_id, place):
    bits = _mixed(spread_id + place * np.uint64(0xD6E8FEB86659FD93))
    return (np.float64(bits >> np.uint64(11)) + 0.5) * 1.1102230246251565e-16


@_jit
def advance_velocity(key, ids, node, velocity, mean, memory, sigma):
    keep, kick_share, mean_keep, mean_kick, mean_own = memory
    first = np.uint64(node) * np.uint64(16)
    for i in range(ids.size):
        spread_id = _mixed(ids[i] * np.uint64(0x9E3779B97F4A7C15) + key)
        for component in range(2):
            place = first + np.uint64(2 * component)
            radius = np.sqrt(-2.0 * np.log(_uniform(spread_id, place)))
            angle = 2.0 * np.pi * _uniform(spread_id, place + np.uint64(1))
            kick, own = radius * np.cos(angle), radius * np.sin(angle)
            before = velocity[i, component]
            mean[i, component] = mean_keep * before + sigma * (mean_kick * kick + mean_own * own)
            velocity[i, component] = keep * before + sigma * kick_share * kick


@_jit
def add_coherent(lon, lat, member, patches, lat0, dlat, lon0, dlon, mean):
    rows, columns = patches.shape[1], patches.shape[2]
    for i in range(lon.size):
        fx = min(max((lon[i] - lon0) / dlon, 0.0), columns - 1.000001)
        fy = min(max((lat[i] - lat0) / dlat, 0.0), rows - 1.000001)
        ix, iy, m = int(fx), int(fy), member[i]
        ax, ay = fx - ix, fy - iy
        w00, w01, w10, w11 = (1.0 - ay) * (1.0 - ax), (1.0 - ay) * ax, ay * (1.0 - ax), ay * ax
        scale = 1.0 / np.sqrt(w00 * w00 + w01 * w01 + w10 * w10 + w11 * w11)
        for c in range(2):
            total = w00 * patches[m, iy, ix, c] + w01 * patches[m, iy, ix + 1, c]
            total += w10 * patches[m, iy + 1, ix, c] + w11 * patches[m, iy + 1, ix + 1, c]
            mean[i, c] += total * scale


@_jit
def bin_mass(lon, lat, status, member, mass, lat0, dlat, lon0, dlon, out):
    out[:] = 0.0
    for i in range(lon.size):
        if status[i] != AFLOAT:
            continue
        column = int(np.floor((lon[i] - lon0) / dlon))
        row = int(np.floor((lat[i] - lat0) / dlat))
        if 0 <= column < out.shape[2] and 0 <= row < out.shape[1]:
            out[member[i], row, column] += mass[i]
