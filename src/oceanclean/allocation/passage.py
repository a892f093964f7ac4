"""Compiled passages: how far and how long a vessel sails from place to place, round land, with currents and waves.

The path is that of the sea table; what currents and waves do to the speed is looked up along it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from oceanclean.allocation.sightlines import roughly_clear

if TYPE_CHECKING:
    from oceanclean.allocation.problem import Problem

INF = np.inf
#: Pieces of a stretch along which currents and waves are looked up.
PIECES = 4
#: Part of the speed that is left in any sea.
LEAST_SPEED = 0.2


@njit(cache=True, nogil=True)
def node_of(p: Problem, x: float, y: float) -> int:
    """Node of the sea table that a point belongs to, −1 off the raster or on land."""
    i = int(np.floor((x - p.scalar[1]) / p.scalar[3]))
    j = int(np.floor((y - p.scalar[2]) / p.scalar[3]))
    if i < 0 or j < 0 or j >= p.label.shape[0] or i >= p.label.shape[1]:
        return -1
    return p.label[j, i]


@njit(cache=True, nogil=True)
def sea_distance(p: Problem, ax: float, ay: float, bx: float, by: float) -> float:
    """Distance sailed from a to b, round land."""
    direct = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    if p.scalar[5] == 0.0:
        return direct
    i, j = node_of(p, ax, ay), node_of(p, bx, by)
    if i < 0 or j < 0:
        return INF
    f, g = p.first[i, j], p.first[j, i]
    if f == -1:
        return direct
    if f < -1:
        if roughly_clear(p.clearance, p.scalar[1], p.scalar[2], p.scalar[3], ax, ay, bx, by):
            return direct
        f, g = -2 - f, -2 - g
    out = np.sqrt((p.corner[f, 0] - ax) ** 2 + (p.corner[f, 1] - ay) ** 2)
    back = np.sqrt((p.corner[g, 0] - bx) ** 2 + (p.corner[g, 1] - by) ** 2)
    return max(direct, out + p.mid[i, j] + back)


@njit(cache=True, nogil=True)
def arrival(p: Problem, v: int, i: int, j: int, distance: float, t: float) -> float:
    """When a vessel that leaves ``i`` for ``j`` at ``t`` has sailed ``distance``."""
    speed = p.vessel[v, 4]
    if p.scalar[6] == 0.0:
        return t + distance / speed
    category = p.arc[i, j] + 1
    for k in range(p.profile.shape[1] - 1):
        end = p.profile[0, k + 1]
        if t >= end and k < p.profile.shape[1] - 2:
            continue
        pace = p.profile[category, k] * speed
        if t + distance / pace <= end or k == p.profile.shape[1] - 2:
            return t + distance / pace
        distance -= (end - t) * pace
        t = end
    return INF


@njit(cache=True, nogil=True)
def flow_at(p: Problem, x: float, y: float, t: float) -> tuple[float, float, float]:
    """Current eastwards and northwards and wave height, linear between the raster's cells and times."""
    times, rows, columns = p.flow.shape[0], p.flow.shape[1], p.flow.shape[2]
    fx = min(max((x - p.scalar[10]) / p.scalar[12], 0.0), columns - 1.0)
    fy = min(max((y - p.scalar[11]) / p.scalar[12], 0.0), rows - 1.0)
    ft = min(max(t / p.scalar[13], 0.0), times - 1.0)
    i, j, h = min(int(fx), max(columns - 2, 0)), min(int(fy), max(rows - 2, 0)), min(int(ft), max(times - 2, 0))
    wx, wy, wt = fx - i, fy - j, ft - h
    east, north, waves = 0.0, 0.0, 0.0
    for c in range(8):
        dx, dy, dt = c & 1, (c >> 1) & 1, c >> 2
        w = (wx if dx else 1.0 - wx) * (wy if dy else 1.0 - wy) * (wt if dt else 1.0 - wt)
        if w > 0.0:
            east += w * p.flow[h + dt, j + dy, i + dx, 0]
            north += w * p.flow[h + dt, j + dy, i + dx, 1]
            waves += w * p.flow[h + dt, j + dy, i + dx, 2]
    return east, north, waves


@njit(cache=True, nogil=True)
def made_good(p: Problem, v: int, ax: float, ay: float, bx: float, by: float, length: float, t: float) -> float:
    """Time of arrival after a stretch of the given length that leads from a to b, left at ``t``.

    The vessel steers into the current so as to stay on the line: over ground it makes u·e + √(w² − (u·n)²), with the
    current u along (e) and across (n) the line and the speed through the water w, which waves lower.
    """
    direct = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    if direct <= 0.0 or length <= 0.0:
        return t + length / p.vessel[v, 4]
    ex, ey = (bx - ax) / direct, (by - ay) / direct
    for k in range(PIECES):
        w = (k + 0.5) / PIECES
        east, north, waves = flow_at(p, ax + w * (bx - ax), ay + w * (by - ay), t)
        speed = p.vessel[v, 4] * max(1.0 - p.vessel[v, 22] * waves, LEAST_SPEED)
        across = east * ey - north * ex
        over = east * ex + north * ey + np.sqrt(max(speed * speed - across * across, 0.0))
        t += length / PIECES / max(over, LEAST_SPEED * p.vessel[v, 4])
    return t


@njit(cache=True, nogil=True)
def carried(p: Problem, v: int, ax: float, ay: float, bx: float, by: float, distance: float, t: float) -> float:
    """Arrival at b of a vessel that leaves a at ``t``, with currents and waves on its way, which bends round land."""
    direct = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    if distance == INF:
        return INF
    if distance <= direct * (1.0 + 1e-12) or p.scalar[5] == 0.0:
        return made_good(p, v, ax, ay, bx, by, distance, t)
    i, j = node_of(p, ax, ay), node_of(p, bx, by)
    f, g = p.first[i, j], p.first[j, i]
    if f < -1:
        f, g = -2 - f, -2 - g
    fx, fy, gx, gy = p.corner[f, 0], p.corner[f, 1], p.corner[g, 0], p.corner[g, 1]
    out = np.sqrt((fx - ax) ** 2 + (fy - ay) ** 2)
    back = np.sqrt((gx - bx) ** 2 + (gy - by) ** 2)
    t = made_good(p, v, ax, ay, fx, fy, out, t)
    t = made_good(p, v, fx, fy, gx, gy, max(distance - out - back, 0.0), t)
    return made_good(p, v, gx, gy, bx, by, back, t)


@njit(cache=True, nogil=True)
def sailed(
    p: Problem, v: int, i: int, j: int, ax: float, ay: float, bx: float, by: float, distance: float, t: float
) -> float:
    """Arrival at b, ``distance`` away by sea, of a vessel that leaves a at ``t``."""
    if p.scalar[9] != 0.0:
        return carried(p, v, ax, ay, bx, by, distance, t)
    return arrival(p, v, i, j, distance, t)


@njit(cache=True, nogil=True)
def rough(p: Problem, v: int, ax: float, ay: float, t: float, bx: float, by: float, e: float) -> bool:
    """True when the sea on the way from a (at ``t``) to b (at ``e``) is at some point too rough for the vessel."""
    last = p.shut.shape[1] - 1
    for k in range(5):
        w = k / 4.0
        node = node_of(p, ax + w * (bx - ax), ay + w * (by - ay))
        if node < 0:
            continue
        h = min(max(int((t + w * (e - t)) / p.scalar[7] + 0.5), 0), last)
        if p.shut[v, h, node]:
            return True
    return False
