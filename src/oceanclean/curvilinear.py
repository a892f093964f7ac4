"""Curvilinear model grids: C-grid faces to cell centres, grid axes to east and north, centres to a regular grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A target point takes a value where at least this share of its interpolation weight is water.
WET_SHARE = 0.5


def faces_to_centres(values: Floats, axis: int, size: int) -> Floats:
    """Mean of the two faces of each cell; a coast lets nothing through, so that a missing face counts as 0.

    Args:
        values: (..., y, x) velocity through the faces along ``axis``; NaN on land. With one face fewer than cells
            (ROMS) the outermost cells have one face; with as many (NEMO, cut-outs) a cell's own face is its far one and
            the first cell lacks the near one.
        axis: -1 for faces across x, -2 across y.
        size: number of cells along the axis.

    Returns:
        (..., y, x) at cell centres.
    """
    filled = np.nan_to_num(values)
    missing = size + 1 - filled.shape[axis]
    pad = [(0, 0)] * filled.ndim
    pad[axis] = (1, missing - 1)
    wide = np.pad(filled, pad, mode="edge" if missing == 2 else "constant")
    low, high = [slice(None)] * filled.ndim, [slice(None)] * filled.ndim
    low[axis], high[axis] = slice(0, size), slice(1, size + 1)
    return np.asarray(0.5 * (wide[tuple(low)] + wide[tuple(high)]))


def grid_angle(lon: Floats, lat: Floats) -> Floats:
    """Angle (y, x) of the grid's x axis from east, radians anticlockwise, from the positions of cell centres."""
    wide = np.unwrap(lon, period=360.0, axis=1)
    east = np.gradient(wide, axis=1) * np.cos(np.radians(lat))
    return np.arctan2(np.gradient(lat, axis=1), east)


def turned(along_x: Floats, along_y: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Eastward and northward parts of a vector given along the grid's axes."""
    return along_x * np.cos(angle) - along_y * np.sin(angle), along_x * np.sin(angle) + along_y * np.cos(angle)


class Triangles:
    """Linear interpolation from scattered points to a regular grid, in the triangles between them; found once.

    Args:
        lon: (point) degrees east, without a jump.
        lat: (point) degrees north.
        to_lon: (lon) axis of the grid.
        to_lat: (lat) axis of the grid.
    """

    def __init__(self, lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats) -> None:
        from scipy.spatial import Delaunay

        triangles = Delaunay(np.column_stack([lon, lat]))
        target = np.stack(np.meshgrid(to_lon, to_lat), axis=-1).reshape(-1, 2)
        simplex = triangles.find_simplex(target)
        affine = triangles.transform[simplex]
        two = np.einsum("nij,nj->ni", affine[:, :2], target - affine[:, 2])
        self._weights = np.column_stack([two, 1 - two.sum(axis=1)])
        self._corners = triangles.simplices[simplex]
        self._outside = simplex < 0
        self.shape = to_lat.size, to_lon.size

    def __call__(self, values: Floats) -> NDArray[np.float32]:
        """Values (..., point), NaN on land, on the grid (..., lat, lon): NaN on land and outside the points."""
        corners = values[..., self._corners]
        weights = np.where(np.isfinite(corners), self._weights, 0.0)
        wet = weights.sum(axis=-1)
        total = (weights * np.nan_to_num(corners)).sum(axis=-1)
        out = np.where((wet >= WET_SHARE) & ~self._outside, total / np.maximum(wet, WET_SHARE), np.nan)
        return out.reshape(*values.shape[:-1], *self.shape).astype(np.float32)


__all__ = ["WET_SHARE", "Triangles", "faces_to_centres", "grid_angle", "turned"]
