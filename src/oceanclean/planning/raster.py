"""Fields on the latitude–longitude grid made into pictures that lie right on a Mercator map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Canvas:
    """Where each pixel of a picture takes its value from.

    The map stretches a picture evenly in Mercator's y; rows are therefore evenly spaced there, not in latitude
    (Snyder 1987, USGS Prof. Paper 1395, eq. 7-2, sphere as in EPSG:3857).

    Attributes:
        rows: (y,) fractional row of the field, south to north, for each pixel row, north first.
        columns: (x,) fractional column of the field for each pixel column.
        bounds: (south, west, north, east) of the picture in degrees, longitudes ascending.
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    bounds: tuple[float, float, float, float]

    @classmethod
    def of(cls, field: xr.DataArray | xr.Dataset, longest_px: int) -> Canvas:
        """Canvas over a field's (lat, lon) cells, each drawn with the same whole number of pixels."""
        lat, lon = field["lat"].to_numpy().astype(float), field["lon"].to_numpy().astype(float)
        south, north, step_lat = _edges(lat)
        west, east, _step_lon = _edges(lon)
        south, north = max(south, -85.0), min(north, 85.0)
        factor = max(1, longest_px // max(len(lat), len(lon)))
        top, bottom = _mercator(north), _mercator(south)
        y = top + (bottom - top) * (np.arange(len(lat) * factor) + 0.5) / (len(lat) * factor)
        rows = (np.degrees(2 * np.arctan(np.exp(y)) - np.pi / 2) - lat[0]) / step_lat
        columns = (np.arange(len(lon) * factor) + 0.5) / factor - 0.5
        return cls(rows, columns, (south, west, north, east))

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) of the picture."""
        return len(self.rows), len(self.columns)

    def nearest(self, field: NDArray[np.generic]) -> NDArray[np.generic]:
        """The (lat, lon) field's nearest cell for each pixel."""
        rows = np.clip(np.rint(self.rows).astype(int), 0, field.shape[0] - 1)
        columns = np.clip(np.rint(self.columns).astype(int), 0, field.shape[1] - 1)
        return field[np.ix_(rows, columns)]

    def smooth(self, field: NDArray[np.float64], draw: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The (lat, lon) field interpolated bilinearly; gaps take the nearest value, pixels outside ``draw`` are NaN.

        Args:
            field: (lat, lon), may hold NaN and −inf.
            draw: (lat, lon) cells to be drawn.
        """
        from scipy.ndimage import distance_transform_edt, map_coordinates

        good = np.isfinite(field)
        if not good.any():
            return np.full(self.shape, np.nan)
        floor = min(float(field[good].min()), -0.25)
        filled = np.where(np.isneginf(field), floor, field)
        gaps = np.isnan(filled)
        if gaps.any():
            near = distance_transform_edt(gaps, return_distances=False, return_indices=True)
            filled = filled[tuple(near)]
        y, x = np.meshgrid(self.rows, self.columns, indexing="ij")
        drawn: NDArray[np.float64] = map_coordinates(np.maximum(filled, -0.25), [y, x], order=1, mode="nearest")
        drawn[~self.nearest(draw).astype(bool)] = np.nan
        return drawn


def _edges(axis: NDArray[np.float64]) -> tuple[float, float, float]:
    """Outer edges of the cells and the step of an even axis."""
    step = float((axis[-1] - axis[0]) / (len(axis) - 1)) if len(axis) > 1 else 1.0
    return float(axis[0] - step / 2), float(axis[-1] + step / 2), step


def _mercator(lat: float) -> float:
    return float(np.log(np.tan(np.pi / 4 + np.radians(lat) / 2)))


def hatch(shape: tuple[int, int], period: int, rising: bool) -> NDArray[np.bool_]:
    """Diagonal lines, two pixels thick, for areas that must also be told apart without colour."""
    y, x = np.indices(shape)
    found: NDArray[np.bool_] = ((x + y if rising else x - y) % period) < 2
    return found
