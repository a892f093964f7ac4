# ruff: noqa: D417 - arguments that belong together are described on one line
"""Distances and paths at sea: straight where the water is open, stretched round the coast where it is not.

Land is rasterised on a :class:`~oceanclean.allocation.plane.Plane` so that a cell is land when any of it is; a path
that touches no such cell crosses no land. A shortest path bends only at corners of the land (visibility graph,
Lozano-Pérez & Wesley 1979), so that no smoothing is needed afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oceanclean.allocation.plane import Plane
from oceanclean.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from oceanclean.region import Region

#: Cells of the sea mask: finer costs memory and seconds, coarser closes straits.
MASK_CELLS = 120_000
#: The mask is never finer than this, in metres: the coast itself is not better known.
FINEST_CELL_M = 250.0
#: Places between which distances are tabulated for the search.
TABLE_NODES = 500


class SeaTable(NamedTuple):
    """Distances between any two points for compiled code, see :func:`oceanclean.allocation.passage.sea_distance`.

    Attributes:
        x0, y0, cell: placement of the raster, metres.
        label: (row, column) node of each cell, −1 on land; 1 × 1 where there is no land at all.
        clearance: (row, column) metres from a cell's centre to that of the nearest cell of land, 0 on land.
        first: (node, node) corner at which the path from one to the other first bends; −1 where it is straight; −2 − c
            where it is straight if nothing is in the way and bends first at corner c otherwise.
        mid: (node, node) metres between the first and the last bend.
        corner: (corner, 2) positions, metres.
        node: (node, 2) positions, metres.
    """

    x0: float
    y0: float
    cell: float
    label: NDArray[np.int32]
    clearance: NDArray[np.float32]
    first: NDArray[np.int32]
    mid: NDArray[np.float32]
    corner: NDArray[np.float64]
    node: NDArray[np.float64]


def open_water() -> SeaTable:
    """A table without land."""
    none = np.zeros((1, 2))
    return SeaTable(0.0, 0.0, 1.0, np.zeros((1, 1), np.int32), np.ones((1, 1), np.float32),
                    np.full((1, 1), -1, np.int32), np.zeros((1, 1), np.float32), none, none)  # fmt: skip


@dataclass(frozen=True)
class SeaRouter:
    """Shortest paths on a sea mask.

    Attributes:
        plane: map that the raster lies on.
        x0: western edge, metres on the plane.
        y0: southern edge, metres.
        cell: side of a cell, metres.
        land: (row, column) True where a vessel cannot go: land, and water cut off from the main body.
    """

    plane: Plane
    x0: float
    y0: float
    cell: float
    land: NDArray[np.bool_]
    _fans: dict[tuple[float, float], tuple[NDArray, NDArray]] = field(default_factory=dict, repr=False)

    @classmethod
    def of_region(cls, region: Region, closed: Sequence[BaseGeometry] = ()) -> SeaRouter:
        """Router over a region's waters and density grid.

        Args:
            region: coast and waters.
            closed: polygons that nobody sails through, EPSG:4326, in the waters' longitudes.
        """
        import shapely

        boxes = [region.grid.bounds, region.routing_grid.bounds]
        west, south = (min(b[k] for b in boxes) for k in (0, 1))
        east, north = (max(b[k] for b in boxes) for k in (2, 3))
        land = shapely.union_all([region.land, *closed]) if len(closed) else region.land
        return cls.of_land(land, (west, south, east, north))

    @classmethod
    def of_land(
        cls, land: BaseGeometry, box: tuple[float, float, float, float], cell_m: float | None = None
    ) -> SeaRouter:
        """Router over a box.

        Args:
            land: polygons, EPSG:4326, longitudes continuous with the box.
            box: (west, south, east, north) in degrees.
            cell_m: side of a mask cell; by default so that the mask has about :data:`MASK_CELLS` cells.

        Raises:
            InputError: the box holds no sea.
        """
        import shapely

        west, south, east, north = box
        plane = Plane((west + east) / 2, (south + north) / 2)
        frame = shapely.segmentize(shapely.box(*box), max_segment_length=0.05)
        fx, fy = plane.to_xy(*shapely.get_coordinates(frame).T)
        width, height = np.ptp(fx), np.ptp(fy)
        cell = cell_m or max(FINEST_CELL_M, float(np.sqrt(width * height / MASK_CELLS)))
        x0, y0 = float(fx.min() - cell), float(fy.min() - cell)
        shape = (int(np.ceil(height / cell)) + 2, int(np.ceil(width / cell)) + 2)
        flat = shapely.transform(land, lambda c: np.column_stack(plane.to_xy(c[:, 0], c[:, 1])))
        return cls(plane, x0, y0, cell, _closed_cells(flat, x0, y0, cell, shape, box))

    def cells(self, x: NDArray, y: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Row, column (clipped) and whether the point is on the raster."""
        i = np.floor((np.asarray(x) - self.x0) / self.cell).astype(np.int64)
        j = np.floor((np.asarray(y) - self.y0) / self.cell).astype(np.int64)
        inside = (i >= 0) & (j >= 0) & (i < self.land.shape[1]) & (j < self.land.shape[0])
        return np.clip(j, 0, self.land.shape[0] - 1), np.clip(i, 0, self.land.shape[1] - 1), inside

    def centre(self, row: NDArray, column: NDArray) -> NDArray[np.float64]:
        """(point, 2) centres of cells, metres."""
        return np.stack([self.x0 + (column + 0.5) * self.cell, self.y0 + (row + 0.5) * self.cell], axis=-1)

    @cached_property
    def _nearest_sea(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        from scipy.ndimage import distance_transform_edt

        distance, index = distance_transform_edt(self.land, return_indices=True)
        return distance * self.cell, index

    def to_sea(self, x: NDArray, y: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Nearest points from which a vessel can sail.

        Args:
            x, y: (point) metres on the plane.

        Returns:
            ``xy`` (point, 2) and ``moved`` (point) metres; a point on sea stays; NaN and points off the raster give
            ``moved`` = inf.
        """
        x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
        known = np.isfinite(x) & np.isfinite(y)
        row, column, inside = self.cells(np.where(known, x, self.x0), np.where(known, y, self.y0))
        distance, index = self._nearest_sea
        on_land = self.land[row, column]
        near = self.centre(index[0][row, column], index[1][row, column])
        xy = np.where(on_land[:, None], near, np.stack([x, y], axis=-1))
        moved = np.where(on_land, distance[row, column], 0.0)
        return xy, np.where(known & inside, moved, np.inf)

    @cached_property
    def _corners(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        from oceanclean.allocation import sightlines

        corners = sightlines.corner_cells(self.land)
        if not len(corners):
            return np.zeros((0, 4), np.int64), np.zeros((0, 2))
        return corners, self.centre(corners[:, 1], corners[:, 0])

    @cached_property
    def _corner_graph(self) -> tuple[NDArray, NDArray, NDArray]:
        """Edges between corners in both directions: from, to, metres."""
        from oceanclean.allocation import sightlines

        corners, points = self._corners
        if not len(corners):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        a, b, length = sightlines.corner_edges(self.land, self.x0, self.y0, self.cell, corners, points)
        return np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([length, length])

    def _seen(self, points: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
        from oceanclean.allocation import sightlines

        corners, at = self._corners
        return sightlines.seen_corners(self.land, self.x0, self.y0, self.cell, corners, at, points)

    def clear(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
        """True when the straight line between two points touches no land."""
        from oceanclean.allocation import sightlines

        return bool(sightlines.clear_line(self.land, self.x0, self.y0, self.cell, a[0], a[1], b[0], b[1]))

    def path(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shortest path that touches no land.

        Args:
            a, b: (2) metres on the plane, both on sea.

        Returns:
            (point, 2) from ``a`` to ``b``; empty when no path exists.
        """
        a, b = np.asarray(a, float), np.asarray(b, float)
        if self.clear(a, b):
            return np.array([a, b])
        lengths, previous = self._fan(a)
        _, seen, last_leg = self._seen(b[None])
        if not len(seen):
            return np.zeros((0, 2))
        total = lengths[seen] + last_leg
        best = int(np.argmin(total))
        if not np.isfinite(total[best]):
            return np.zeros((0, 2))
        points, at = [b], int(seen[best])
        while at >= 0:
            points.append(self._corners[1][at])
            at = int(previous[at])
        return np.array([a, *points[:0:-1], b])

    def distance(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        """Metres sailed between two points; inf when no path exists."""
        line = self.path(a, b)
        return float(np.hypot(*np.diff(line, axis=0).T).sum()) if len(line) else np.inf

    def _fan(self, a: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        """Metres from ``a`` to every corner and the corner before it (−1 or less: ``a`` itself); kept per source."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import dijkstra

        key = (round(float(a[0]), 1), round(float(a[1]), 1))
        if key not in self._fans:
            start, end, length = self._corner_graph
            _, seen, first_leg = self._seen(a[None])
            n = len(self._corners[0])
            rows = np.concatenate([start, np.full(len(seen), n)])
            graph = csr_array(
                (np.concatenate([length, first_leg]), (rows, np.concatenate([end, seen]))), shape=(n + 1, n + 1)
            )
            lengths, previous = dijkstra(graph, indices=n, return_predecessors=True)
            self._fans[key] = lengths[:n], np.where(previous[:n] == n, -1, previous[:n])
        return self._fans[key]

    def table(self) -> SeaTable:
        """Distances for the search; exact where the bends of a path are those of the nodes nearest to its ends."""
        return self._table

    @cached_property
    def _table(self) -> SeaTable:
        from scipy.ndimage import distance_transform_edt

        from oceanclean.allocation import sightlines

        corners, at = self._corners
        node, label = self._nodes()
        n = len(node)
        if not len(corners):
            far = np.full(label.shape, np.float32(1e9))
            return SeaTable(self.x0, self.y0, self.cell, label, far, np.full((n, n), -1, np.int32),
                            np.zeros((n, n), np.float32), np.zeros((1, 2)), node)  # fmt: skip
        sees = sightlines.mutual_sight(self.land, self.x0, self.y0, self.cell, node)
        total, last = self._between(node)
        first = np.where(sees | (last < 0), -1, last).T.copy()
        mid = total - np.hypot(*(node[:, None] - at[np.maximum(last.T, 0)]).transpose(2, 0, 1))
        mid -= np.hypot(*(node[None] - at[np.maximum(last, 0)]).transpose(2, 0, 1))
        mid = np.where(np.isfinite(mid), np.maximum(mid, 0.0), 1e12)
        a, b, c, d = sightlines.hidden_routes(sees, total, last, *_beside(label, n))
        first[a, b], first[b, a] = -2 - last[d, c], -2 - last[c, d]
        mid[a, b] = mid[b, a] = mid[c, d]
        clearance = (distance_transform_edt(~self.land) * self.cell).astype(np.float32)
        return SeaTable(self.x0, self.y0, self.cell, label, clearance, first.astype(np.int32), mid.astype(np.float32),
                        at, node)  # fmt: skip

    def _nodes(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Nodes spread over the sea, and the node that each cell belongs to (flooded, so never across land)."""
        from skimage.segmentation import watershed

        sea = ~self.land
        stride = max(1, int(np.sqrt(sea.sum() / TABLE_NODES)))
        row, column = np.nonzero(sea)
        block = (row // stride) * (self.land.shape[1] // stride + 1) + column // stride
        off = np.hypot(row % stride - stride / 2, column % stride - stride / 2)
        order = np.lexsort((off, block))
        chosen = order[np.unique(block[order], return_index=True)[1]]
        markers = np.zeros(self.land.shape, np.int32)
        markers[row[chosen], column[chosen]] = np.arange(1, len(chosen) + 1)
        label = watershed(np.zeros(self.land.shape, np.uint8), markers, mask=sea, connectivity=1)
        return self.centre(row[chosen], column[chosen]), (label - 1).astype(np.int32)

    def _between(self, node: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        """Metres between nodes by way of corners, and the last corner on the way (−1: none)."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import dijkstra

        start, end, length = self._corner_graph
        source, corner, leg = self._seen(node)
        n, c = len(node), len(self._corners[0])
        # sources only send and sinks only receive, so that no path runs through another node
        rows = np.concatenate([start + n, source, corner + n])
        columns = np.concatenate([end + n, corner + n, source + n + c])
        graph = csr_array((np.concatenate([length, leg, leg]), (rows, columns)), shape=(2 * n + c, 2 * n + c))
        total, previous = dijkstra(graph, indices=np.arange(n), return_predecessors=True)
        last = previous[:, n + c :] - n
        return total[:, n + c :], np.where(last < 0, -1, last)


def _beside(label: NDArray[np.int32], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nodes whose cells touch those of each node, itself included, as (start, beside)."""
    pairs = [np.stack([np.arange(n), np.arange(n)], axis=1)]
    for one, other in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
        touch = (one >= 0) & (other >= 0) & (one != other)
        pairs += [np.stack([one[touch], other[touch]], axis=1), np.stack([other[touch], one[touch]], axis=1)]
    unique = np.unique(np.concatenate(pairs), axis=0)
    return np.searchsorted(unique[:, 0], np.arange(n + 1)).astype(np.int64), unique[:, 1].astype(np.int64)


def _closed_cells(
    land: BaseGeometry, x0: float, y0: float, cell: float, shape: tuple[int, int], box: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Cells closed to vessels: land, and all water but the largest connected body."""
    from affine import Affine
    from rasterio.features import rasterize
    from scipy.ndimage import label

    closed = np.zeros(shape, bool)
    if not land.is_empty:
        closed = rasterize([(land, 1)], out_shape=shape, all_touched=True, dtype="uint8",
                           transform=Affine(cell, 0, x0, 0, cell, y0)).astype(bool)  # fmt: skip
    bodies, count = label(~closed)
    if count == 0:
        raise InputError("region", "land", f"no sea in the box {tuple(round(b, 3) for b in box)}", "a box with sea",
                         "Check the region's bbox and waters.")  # fmt: skip
    largest = 1 + int(np.argmax(np.bincount(bodies.ravel())[1:]))
    return bodies != largest
