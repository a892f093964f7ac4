"""Ways round land for every planner and for the execution: shortest paths on the routing grid, straightened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.region import Region, metres_per_degree

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Plane:
    """Metres east and north of a corner, with the degrees' lengths at the middle latitude (3 % off over 5°)."""

    west: float
    south: float
    east_m: float
    north_m: float

    @classmethod
    def of(cls, region: Region) -> Plane:
        """Plane over a region's waters."""
        west, south, _east, north = region.routing_grid.bounds
        east_m, north_m = metres_per_degree((south + north) / 2)
        return cls(west, south, float(east_m), float(north_m))

    def xy(self, lon: NDArray | float, lat: NDArray | float) -> NDArray[np.float64]:
        """(…, 2) metres of degrees."""
        x, y = (np.asarray(lon) - self.west) * self.east_m, (np.asarray(lat) - self.south) * self.north_m
        return np.stack([x, y], axis=-1)

    def lonlat(self, xy: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Degrees of (…, 2) metres."""
        return self.west + xy[..., 0] / self.east_m, self.south + xy[..., 1] / self.north_m


@dataclass
class Seaway:
    """Paths at sea.

    Attributes:
        plane: metres.
        land: (row, column) of the routing grid: True where any part of a cell is land.
        step: (2) size of a cell in metres.
    """

    plane: Plane
    land: NDArray[np.bool_]
    step: NDArray[np.float64]
    _from: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)

    @classmethod
    def of(cls, region: Region) -> Seaway:
        """Seaway of a region's waters."""
        plane, grid = Plane.of(region), region.routing_grid
        return cls(plane, region.routing_land_mask, np.array([grid.step * plane.east_m, grid.step * plane.north_m]))

    def way(self, start: NDArray, goal: NDArray) -> NDArray[np.float64]:
        """(point, 2) metres from start to goal round land, both included; straight where nothing is in the way."""
        if self._clear(start, goal):
            return np.stack([start, goal])
        before, reached = self._paths(self._cell(goal))
        here = self._cell(start)
        if not np.isfinite(reached[here]):
            return np.stack([start, goal])
        cells = [here]
        while before[cells[-1]] >= 0:
            cells.append(int(before[cells[-1]]))
        middle = np.array([self._centre(c) for c in cells])
        return self._straightened(np.concatenate([[start], middle, [goal]]))

    def length(self, start: NDArray, goal: NDArray) -> float:
        """Metres from start to goal."""
        return float(np.hypot(*np.diff(self.way(start, goal), axis=0).T).sum())

    def at_sea(self, xy: NDArray) -> bool:
        """Whether a point lies in a cell without land."""
        row, column = self._index(xy)
        return not self.land[row, column]

    def _index(self, xy: NDArray) -> tuple[NDArray, NDArray]:
        column, row = np.moveaxis(np.floor(np.asarray(xy) / self.step).astype(int), -1, 0)
        return np.clip(row, 0, self.land.shape[0] - 1), np.clip(column, 0, self.land.shape[1] - 1)

    def _centre(self, cell: int) -> NDArray[np.float64]:
        row, column = divmod(cell, self.land.shape[1])
        return (np.array([column, row]) + 0.5) * self.step

    def _cell(self, xy: NDArray) -> int:
        """The cell of a point, or the nearest one at sea."""
        row, column = (int(v) for v in self._index(xy))
        if self.land[row, column]:
            rows, columns = np.nonzero(~self.land)
            away = np.hypot((columns - column) * self.step[0], (rows - row) * self.step[1])
            best = int(np.argmin(away))
            row, column = int(rows[best]), int(columns[best])
        return row * self.land.shape[1] + column

    def _clear(self, a: NDArray, b: NDArray) -> bool:
        """No land between two points, their own cells apart (a port may lie in one)."""
        count = max(2, int(np.hypot(*(np.asarray(b) - a)) / (0.5 * self.step.min())) + 1)
        share = np.linspace(0, 1, count)[:, None]
        rows, columns = self._index(np.asarray(a) * (1 - share) + np.asarray(b) * share)
        blocked = self.land[rows, columns]
        for end in (0, -1):
            blocked &= (rows != rows[end]) | (columns != columns[end])
        return not blocked.any()

    def _paths(self, goal: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Next cell towards a goal from every cell, and the distance."""
        if goal not in self._from:
            from scipy.sparse.csgraph import dijkstra

            if len(self._from) > 200:
                self._from.clear()
            reached, before = dijkstra(self._graph(), directed=False, indices=goal, return_predecessors=True)
            self._from[goal] = (before.astype(np.int64), reached)
        return self._from[goal]

    def _graph(self) -> csr_array:
        from scipy.sparse import csr_array

        if not hasattr(self, "_made"):
            rows, columns = self.land.shape
            number = np.arange(rows * columns).reshape(rows, columns)
            one, two, far = [], [], []
            for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
                a = (slice(0, rows - dr), slice(max(0, -dc), columns - max(0, dc)))
                b = (slice(dr, rows), slice(max(0, dc), columns + min(0, dc)))
                free = ~self.land[a] & ~self.land[b]
                one.append(number[a][free])
                two.append(number[b][free])
                far.append(np.full(int(free.sum()), np.hypot(dc * self.step[0], dr * self.step[1])))
            edges = np.concatenate(far), (np.concatenate(one), np.concatenate(two))
            self._made = csr_array(edges, shape=(number.size, number.size))
        return self._made

    def _straightened(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The path with every corner left out that nothing stands behind."""
        kept, at = [points[0]], 0
        while at < len(points) - 1:
            ahead = len(points) - 1
            while ahead > at + 1 and not self._clear(points[at], points[ahead]):
                ahead -= 1
            kept.append(points[ahead])
            at = ahead
        return np.array(kept)
