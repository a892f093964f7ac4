"""From particles to density: binning, a kernel whose width follows the number of particles, ensemble statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift.engine import Coast
from oceanclean.drift.settings import DensitySettings
from oceanclean.errors import InputError
from oceanclean.products import names
from oceanclean.region import cell_area_km2

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MapGrid:
    """The density map's grid.

    Attributes:
        lat: (lat) cell centres, degrees north.
        lon: (lon) cell centres, degrees east.
        sea: (lat, lon) True at sea.
        area_km2: (lat, lon) cell areas.
        coast: its land as a coast on which particles strand.
    """

    lat: Floats
    lon: Floats
    sea: NDArray[np.bool_]
    area_km2: Floats
    coast: Coast

    @classmethod
    def of(cls, density_map: xr.Dataset) -> MapGrid:
        """Grid of a DensityMap; land is where ``origin`` is 0."""
        lat, lon = (density_map[a].to_numpy().astype(np.float64) for a in ("lat", "lon"))
        if lat.size < 2 or lon.size < 2:
            raise InputError("density map", "lat, lon", f"{lat.size} x {lon.size} cells", "at least 2 x 2 cells",
                             "Use a region of at least two cells each way.")  # fmt: skip
        land = density_map["origin"] == 0
        coast = Coast.of(land)
        r = coast.raster
        edges: Floats = r.lat0 + r.dlat * np.arange(lat.size + 1, dtype=np.float64)
        area = cell_area_km2(edges, r.dlon)
        return cls(lat, lon, ~coast.land, np.repeat(area[:, None], lon.size, axis=1), coast)

    def holds(self, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        """Whether points lie in the grid's box."""
        r = self.coast.raster
        column, row = (lon - r.lon0) / r.dlon, (lat - r.lat0) / r.dlat
        return (column >= 0) & (column < self.lon.size) & (row >= 0) & (row < self.lat.size)


def bin_mass(lon: Floats, lat: Floats, status: NDArray[np.int8], member: NDArray[np.int32], mass: Floats,
             grid: MapGrid, out: Floats, *, compiled: bool = True) -> Floats:  # fmt: skip
    """Mass afloat in every cell of every member.

    Args:
        lon: (particle) degrees east, in the grid's convention.
        lat: (particle) degrees north.
        status: (particle) only 0, afloat, counts.
        member: (particle) member.
        mass: (particle) kg.
        grid: the grid.
        out: (member, lat, lon) receives kg.
        compiled: use the compiled loop.

    Returns:
        ``out``.
    """
    r = grid.coast.raster
    if compiled:
        from oceanclean.drift import compiled as fast

        fast.bin_mass(lon, lat, status, member, mass, r.lat0, r.dlat, r.lon0, r.dlon, out)
        return out
    counted = (status == 0) & grid.holds(lon, lat)
    column = np.floor((lon[counted] - r.lon0) / r.dlon).astype(np.int64)
    row = np.floor((lat[counted] - r.lat0) / r.dlat).astype(np.int64)
    out[:] = 0.0
    np.add.at(out, (member[counted], row, column), mass[counted])
    return out


def kernel_width(mass: Floats, particles: int, settings: DensitySettings) -> float:
    """Standard deviation of the smoothing kernel.

    A Gaussian of standard deviation s cells covers an effective 4 pi s^2 cells (Silverman 1986, section 4.2: the
    inverse integral of its square); it should hold ``neighbours`` of a member's particles where the mass is.

    Args:
        mass: (member, lat, lon) kg.
        particles: number of particles in a member.
        settings: number of neighbours and the widest kernel.

    Returns:
        Width in cells, 0 for none.
    """
    pooled = mass.sum(axis=0)
    total = pooled.sum()
    if total <= 0 or settings.neighbours <= 0:
        return 0.0
    per_cell = particles * float(((pooled / total) ** 2).sum())
    return min(float(np.sqrt(settings.neighbours / (4.0 * np.pi * per_cell))), settings.widest_cells)


def smooth_mass(mass: Floats, sea: NDArray[np.bool_], width: float) -> Floats:
    """Spread the mass of every member with a Gaussian that keeps to the sea and loses nothing.

    Each cell's mass is dealt out over the sea cells in reach, in proportion to the kernel; hence the division by the
    kernel's weight at sea *before* the convolution.

    Args:
        mass: (member, lat, lon) kg, 0 on land.
        sea: (lat, lon) True at sea.
        width: standard deviation in cells.

    Returns:
        (member, lat, lon) kg, the same sum in every member.
    """
    if width < 0.2:
        return mass
    from scipy.ndimage import gaussian_filter

    options = {"mode": "constant", "cval": 0.0, "truncate": 3.0}
    reach = gaussian_filter(sea.astype(np.float64), width, **options)
    dealt = np.where(sea, mass / np.where(sea, reach, 1.0), 0.0)
    return np.where(sea, gaussian_filter(dealt, width, axes=(1, 2), **options), 0.0)


class Statistics:
    """Ensemble statistics of the density, hour by hour; holds the members of one hour only.

    Args:
        grid: the grid.
        times: number of hours.
        settings: quantiles and threshold.
    """

    def __init__(self, grid: MapGrid, times: int, settings: DensitySettings) -> None:
        shape = (times, *grid.sea.shape)
        self.grid, self.settings = grid, settings
        self.mean, self.std, self.exceedance = (np.full(shape, np.nan, dtype=np.float32) for _ in range(3))
        self.quantile = np.full((len(settings.quantiles), *shape), np.nan, dtype=np.float32)

    def add(self, hour: int, mass: Floats) -> None:
        """Reduce one hour; ``mass`` (member, lat, lon) kg."""
        sea, area = self.grid.sea, self.grid.area_km2[self.grid.sea]
        density = (mass[:, sea] / area).T  # (cell, member): sorting along the last axis reads memory in order
        self.mean[hour][sea] = density.mean(axis=1)
        self.std[hour][sea] = density.std(axis=1, ddof=1)
        self.exceedance[hour][sea] = (density > self.settings.exceedance_kg_km2).mean(axis=1)
        quantiles = np.zeros((len(self.settings.quantiles), density.shape[0]))
        some = density.max(axis=1) > 0
        ranked = np.sort(density[some], axis=1)
        for k, level in enumerate(self.settings.quantiles):
            place = level * (ranked.shape[1] - 1)
            low = int(place)
            high = min(low + 1, ranked.shape[1] - 1)
            quantiles[k, some] = ranked[:, low] + (place - low) * (ranked[:, high] - ranked[:, low])
            self.quantile[k, hour][sea] = quantiles[k]

    def dataset(self, times: NDArray[np.datetime64]) -> xr.Dataset:
        """The statistics as a dataset without attributes."""
        dims = ("time", "lat", "lon")
        return xr.Dataset(
            {
                names.DENSITY: (dims, self.mean),
                names.DENSITY_STD: (dims, self.std),
                "debris_density_quantile": (("quantile", *dims), self.quantile),
                "exceedance_probability": (
                    dims, self.exceedance,
                    {"units": "1", "long_name": f"share of members above {self.settings.exceedance_kg_km2:g} kg km-2",
                     "threshold_kg_km2": self.settings.exceedance_kg_km2},
                ),
            },
            coords={"time": times, "lat": self.grid.lat, "lon": self.grid.lon,
                    "quantile": list(self.settings.quantiles)},
        )  # fmt: skip
