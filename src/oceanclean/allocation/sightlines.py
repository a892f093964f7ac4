# ruff: noqa: D417 - arguments that belong together are described on one line
"""Compiled geometry on the sea mask: which points see each other, where a path must bend.

The mask is a raster of square cells; a line is clear when no cell it touches is land (Amanatides & Woo 1987).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def clear_line(land: NDArray, x0: float, y0: float, cell: float, ax: float, ay: float, bx: float, by: float) -> bool:
    """True when the segment a–b touches no land cell and does not leave the raster.

    Args:
        land: (row, column) bool, row 0 at ``y0``.
        x0: western edge of the raster.
        y0: southern edge.
        cell: side of a cell.
        ax, ay, bx, by: ends of the segment, in the units of ``cell``.
    """
    rows, columns = land.shape
    u, v = (ax - x0) / cell, (ay - y0) / cell
    du, dv = (bx - x0) / cell - u, (by - y0) / cell - v
    i, j = int(np.floor(u)), int(np.floor(v))
    last_i, last_j = int(np.floor(u + du)), int(np.floor(v + dv))
    if min(i, last_i) < 0 or max(i, last_i) >= columns or min(j, last_j) < 0 or max(j, last_j) >= rows:
        return False
    step_i, step_j = (1 if du > 0 else -1), (1 if dv > 0 else -1)
    grow_u = 1.0 / abs(du) if du != 0 else np.inf
    grow_v = 1.0 / abs(dv) if dv != 0 else np.inf
    next_u = ((i + 1 - u) if du > 0 else (u - i)) * grow_u if du != 0 else np.inf
    next_v = ((j + 1 - v) if dv > 0 else (v - j)) * grow_v if dv != 0 else np.inf
    for _ in range(abs(last_i - i) + abs(last_j - j) + 2):
        if land[j, i]:
            return False
        if i == last_i and j == last_j:
            return True
        if abs(next_u - next_v) < 1e-12:  # through a corner: both cells beside it must be sea
            if land[j + step_j, i] or land[j, i + step_i]:
                return False
            i, j = i + step_i, j + step_j
            next_u, next_v = next_u + grow_u, next_v + grow_v
        elif next_u < next_v:
            i, next_u = i + step_i, next_u + grow_u
        else:
            j, next_v = j + step_j, next_v + grow_v
        if i < 0 or j < 0 or i >= columns or j >= rows:
            return False
    return not land[last_j, last_i]


@njit(cache=True, nogil=True)
def corner_cells(land: NDArray) -> NDArray:
    """Sea cells at which a shortest path may bend: land lies diagonally and both cells between are sea.

    Returns:
        (corner, 4) int: column, row, and the direction (−1 or 1) of the land in both.
    """
    rows, columns = land.shape
    found = np.empty((rows * columns, 4), np.int64)
    count = 0
    for j in range(rows):
        for i in range(columns):
            if land[j, i]:
                continue
            for sj in (-1, 1):
                for si in (-1, 1):
                    a, b = j + sj, i + si
                    if a < 0 or b < 0 or a >= rows or b >= columns or not land[a, b]:
                        continue
                    if not land[j, b] and not land[a, i] and count < found.shape[0]:
                        found[count] = (i, j, si, sj)
                        count += 1
    return found[:count].copy()


@njit(cache=True, nogil=True)
def taut(corner: NDArray, du: float, dv: float) -> bool:
    """True when a stretched path may pass the corner in direction (du, dv): it grazes the land, never runs into it."""
    return (du * corner[2]) * (dv * corner[3]) <= 1e-9


@njit(cache=True, nogil=True)
def corner_edges(
    land: NDArray, x0: float, y0: float, cell: float, corners: NDArray, points: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Lengths of the straight lines between corners that see each other and are taut at both ends.

    Args:
        land: (row, column) bool.
        x0, y0, cell: placement of the raster.
        corners: (corner, 4) from :func:`corner_cells`.
        points: (corner, 2) their centres.

    Returns:
        ``a``, ``b`` (edge) int indices with a < b, and ``length`` (edge).
    """
    n = len(corners)
    a, b, length = [0], [0], [0.0]
    for p in range(n):
        for q in range(p + 1, n):
            dx, dy = points[q, 0] - points[p, 0], points[q, 1] - points[p, 1]
            if not (taut(corners[p], dx, dy) and taut(corners[q], dx, dy)):
                continue
            if clear_line(land, x0, y0, cell, points[p, 0], points[p, 1], points[q, 0], points[q, 1]):
                a.append(p)
                b.append(q)
                length.append(np.hypot(dx, dy))
    return np.array(a)[1:], np.array(b)[1:], np.array(length)[1:]


@njit(cache=True, nogil=True)
def seen_corners(
    land: NDArray, x0: float, y0: float, cell: float, corners: NDArray, points: NDArray, sources: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Corners that each source sees and could bend at.

    Args:
        sources: (source, 2) positions.

    Returns:
        ``source``, ``corner`` (edge) indices and ``length`` (edge).
    """
    s_index, c_index, length = [0], [0], [0.0]
    for s in range(len(sources)):
        for c in range(len(corners)):
            dx, dy = points[c, 0] - sources[s, 0], points[c, 1] - sources[s, 1]
            if not taut(corners[c], dx, dy):
                continue
            if clear_line(land, x0, y0, cell, sources[s, 0], sources[s, 1], points[c, 0], points[c, 1]):
                s_index.append(s)
                c_index.append(c)
                length.append(np.hypot(dx, dy))
    return np.array(s_index)[1:], np.array(c_index)[1:], np.array(length)[1:]


@njit(cache=True, nogil=True)
def mutual_sight(land: NDArray, x0: float, y0: float, cell: float, sources: NDArray) -> NDArray:
    """(source, source) bool: pairs with a clear line between them."""
    n = len(sources)
    sees = np.eye(n) > 0
    for p in range(n):
        for q in range(p + 1, n):
            sees[p, q] = clear_line(land, x0, y0, cell, sources[p, 0], sources[p, 1], sources[q, 0], sources[q, 1])
            sees[q, p] = sees[p, q]
    return sees


@njit(cache=True, nogil=True)
def roughly_clear(
    clearance: NDArray, x0: float, y0: float, cell: float, ax: float, ay: float, bx: float, by: float
) -> bool:
    """Fast form of :func:`clear_line`: strides along the segment as far as the nearest land allows.

    Args:
        clearance: (row, column) distance from each cell's centre to the nearest land cell's, 0 on land; same units as
            ``cell``.
        x0, y0, cell: placement of the raster.
        ax, ay, bx, by: ends of the segment.

    Returns:
        False when a sampled point lies on land; a corner of land less than half a cell deep may be missed.
    """
    length = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    if length == 0.0:
        return True
    ux, uy = (bx - ax) / (length * cell), (by - ay) / (length * cell)
    u, v = (ax - x0) / cell, (ay - y0) / cell
    done = 0.0
    while done < length:
        i, j = int(u + ux * done), int(v + uy * done)
        free = clearance[j, i]
        if free == 0.0:
            return False
        done += max(free - 1.5 * cell, 0.5 * cell)
    return True


@njit(cache=True, nogil=True)
def hidden_routes(
    sees: NDArray, total: NDArray, last: NDArray, start: NDArray, beside: NDArray
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """For nodes that see each other while nodes beside them do not: the way round that those would take.

    Args:
        sees: (node, node) bool.
        total: (node, node) length of the way round by corners.
        last: (node, node) last corner on it, −1 if none.
        start, beside: nodes beside node k, itself included: ``beside[start[k]:start[k + 1]]``.

    Returns:
        ``a``, ``b`` (pair) nodes with a < b; ``c``, ``d`` (pair) the nodes beside them whose way round is shortest.
    """
    n = len(sees)
    a, b, c, d = [0], [0], [0], [0]
    for i in range(n):
        for j in range(i + 1, n):
            if not sees[i, j]:
                continue
            shortest, p, q = np.inf, -1, -1
            for s in beside[start[i] : start[i + 1]]:
                for t in beside[start[j] : start[j + 1]]:
                    if not sees[s, t] and last[s, t] >= 0 and last[t, s] >= 0 and total[s, t] < shortest:
                        shortest, p, q = total[s, t], s, t
            if p >= 0:
                a.append(i)
                b.append(j)
                c.append(p)
                d.append(q)
    return np.array(a)[1:], np.array(b)[1:], np.array(c)[1:], np.array(d)[1:]
