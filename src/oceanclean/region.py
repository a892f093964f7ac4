"""A region: bounding box, grid, coast, ports, closed areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean import coast
from oceanclean.settings import Box, RegionSettings, ZoneSettings, load_region_settings

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely import MultiPolygon, Polygon

#: WGS84 semi-major axis in metres and first eccentricity squared (NIMA TR8350.2).
WGS84_A = 6_378_137.0
WGS84_E2 = 6.694379990141316e-3


def cell_area_km2(lat_edges: NDArray[np.float64], step_lon_deg: float) -> NDArray[np.float64]:
    """Exact area of grid cells on the WGS84 ellipsoid.

    Args:
        lat_edges: cell edges (lat + 1), degrees north.
        step_lon_deg: width of a cell in degrees of longitude.

    Returns:
        Area in km² for each row (lat). Authalic integral, Snyder 1987 (USGS Prof. Paper 1395), eq. 3-12.
    """
    e = np.sqrt(WGS84_E2)
    s = np.sin(np.radians(lat_edges))
    q = s / (1 - WGS84_E2 * s**2) + np.arctanh(e * s) / e
    strip = WGS84_A**2 * (1 - WGS84_E2) / 2 * np.diff(q)
    return np.abs(strip) * np.radians(step_lon_deg) / 1e6


def metres_per_degree(lat: NDArray[np.float64] | float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of one degree on WGS84.

    Args:
        lat: latitude in degrees north.

    Returns:
        ``(east, north)``: metres a degree of longitude and of latitude, from the radii of curvature.
    """
    phi = np.radians(lat)
    w2 = 1 - WGS84_E2 * np.sin(phi) ** 2
    east = np.radians(1.0) * WGS84_A / np.sqrt(w2) * np.cos(phi)
    north = np.radians(1.0) * WGS84_A * (1 - WGS84_E2) / w2**1.5
    return np.asarray(east), np.asarray(north)


@dataclass(frozen=True)
class Grid:
    """A regular latitude–longitude grid, cells named by their centres.

    Attributes:
        west: western edge in degrees; longitudes of the grid increase from here, past 180 if need be.
        south: southern edge in degrees.
        step: cell size in degrees.
        nx: number of cells eastwards.
        ny: number of cells northwards.
    """

    west: float
    south: float
    step: float
    nx: int
    ny: int

    @classmethod
    def of(cls, box: Box, step: float) -> Grid:
        """Grid that covers a box with whole cells."""
        nx = max(1, int(np.ceil(box.width / step - 1e-9)))
        ny = max(1, int(np.ceil((box.north - box.south) / step - 1e-9)))
        return cls(box.west, box.south, step, nx, ny)

    @property
    def lon(self) -> NDArray[np.float64]:
        """Cell centres (lon), degrees east."""
        return np.asarray(self.west + self.step * (np.arange(self.nx) + 0.5), dtype=np.float64)

    @property
    def lat(self) -> NDArray[np.float64]:
        """Cell centres (lat), degrees north."""
        return np.asarray(self.south + self.step * (np.arange(self.ny) + 0.5), dtype=np.float64)

    @property
    def lon_edges(self) -> NDArray[np.float64]:
        """Cell edges (lon + 1), degrees east."""
        return np.asarray(self.west + self.step * np.arange(self.nx + 1), dtype=np.float64)

    @property
    def lat_edges(self) -> NDArray[np.float64]:
        """Cell edges (lat + 1), degrees north."""
        return np.asarray(self.south + self.step * np.arange(self.ny + 1), dtype=np.float64)

    @property
    def shape(self) -> tuple[int, int]:
        """(lat, lon)."""
        return self.ny, self.nx

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in degrees."""
        return self.west, self.south, self.west + self.nx * self.step, self.south + self.ny * self.step

    @cached_property
    def area_km2(self) -> NDArray[np.float64]:
        """Cell areas (lat, lon) in km²."""
        return np.repeat(cell_area_km2(self.lat_edges, self.step)[:, None], self.nx, axis=1)

    def wrap(self, lon: NDArray[np.float64]) -> NDArray[np.float64]:
        """Longitudes shifted by whole turns into ``[west, west + 360)``."""
        return self.west + np.mod(np.asarray(lon, dtype=float) - self.west, 360.0)

    def index(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Cells that hold the points.

        Returns:
            ``row``, ``column`` and ``inside``; rows and columns of points outside are clipped to the grid.
        """
        x = np.floor((self.wrap(lon) - self.west) / self.step)
        y = np.floor((np.asarray(lat, dtype=float) - self.south) / self.step)
        inside = (x >= 0) & (x < self.nx) & (y >= 0) & (y < self.ny)  # false where a coordinate is no number
        row, column = (np.clip(np.nan_to_num(v), 0, n - 1).astype(np.int64) for v, n in ((y, self.ny), (x, self.nx)))
        return row, column, inside


@dataclass(frozen=True)
class Region:
    """A region with everything that follows from its settings."""

    settings: RegionSettings

    @property
    def name(self) -> str:
        """Short name, as in ``config/regions``."""
        return self.settings.name

    @cached_property
    def grid(self) -> Grid:
        """The density grid, over ``bbox``."""
        return Grid.of(self.settings.bbox, self.settings.grid_step_deg)

    @cached_property
    def routing_grid(self) -> Grid:
        """The fine grid on which vessels find their way, over ``waters`` (``bbox`` where none is set)."""
        return Grid.of(self.settings.waters or self.settings.bbox, self.settings.routing_step_deg)

    @cached_property
    def land(self) -> MultiPolygon:
        """Land over the waters and the density grid, EPSG:4326, a tenth of a degree beyond."""
        boxes = [self.grid.bounds, self.routing_grid.bounds]
        west, south = min(b[0] for b in boxes) - 0.1, min(b[1] for b in boxes) - 0.1
        east, north = max(b[2] for b in boxes) + 0.1, max(b[3] for b in boxes) + 0.1
        return coast.land(west, max(south, -90.0), east, min(north, 90.0))

    @cached_property
    def land_mask(self) -> NDArray[np.bool_]:
        """(lat, lon) of the density grid: True where the cell's centre is land."""
        return self._rasterised(self.grid, all_touched=False)

    @cached_property
    def routing_land_mask(self) -> NDArray[np.bool_]:
        """(lat, lon) of the routing grid: True where any part of the cell is land."""
        return self._rasterised(self.routing_grid, all_touched=True)

    def _rasterised(self, grid: Grid, *, all_touched: bool) -> NDArray[np.bool_]:
        from rasterio.features import rasterize
        from rasterio.transform import from_origin

        if self.land.is_empty:
            return np.zeros(grid.shape, dtype=bool)
        _west, _south, _east, north = grid.bounds
        north_up = rasterize(
            [(self.land, 1)], out_shape=grid.shape, all_touched=all_touched,
            transform=from_origin(grid.west, north, grid.step, grid.step), dtype="uint8",
        )  # fmt: skip
        return north_up[::-1].astype(bool)  # rasters run north to south, our grids south to north

    @cached_property
    def ports(self) -> gpd.GeoDataFrame:
        """Ports: ``name``, ``unload_h``, ``bunkers``, point geometry in the waters' longitudes."""
        import geopandas as gpd

        ports = self.settings.ports
        lon = self.routing_grid.wrap(np.array([p.lon for p in ports]))
        return gpd.GeoDataFrame(
            {"name": [p.name for p in ports], "unload_h": [p.unload_h for p in ports],
             "bunkers": [p.bunkers for p in ports]},
            geometry=gpd.points_from_xy(lon, [p.lat for p in ports]), crs="EPSG:4326",
        )  # fmt: skip

    def _in_waters(self, corners: list[tuple[float, float]]) -> Polygon:
        """Polygon in the waters' longitudes; corners are shifted together, so that it stays whole."""
        import shapely

        lon, lat = np.array(corners, dtype=float).T
        lon = lon[0] + (lon - lon[0] + 180) % 360 - 180
        west, _south, east, _north = self.routing_grid.bounds
        middle = (lon.min() + lon.max()) / 2
        turns = round(((west + east) / 2 - middle) / 360)
        return shapely.Polygon(np.column_stack([lon + 360 * turns, lat]))

    @cached_property
    def exclusions(self) -> gpd.GeoDataFrame:
        """Closed areas: ``name``, ``reason``, ``starts``, ``ends`` (UTC or NaT), ``no_passage``, polygon."""
        return self._zones(self.settings.exclusion_zones, "no_passage", bool)

    @cached_property
    def harm(self) -> gpd.GeoDataFrame:
        """Areas where debris does more harm: as :attr:`exclusions`, with ``weight``."""
        return self._zones(self.settings.harm_zones, "weight", float)

    def _zones(self, zones: Sequence[ZoneSettings], extra: str, kind: type) -> gpd.GeoDataFrame:
        import geopandas as gpd
        import pandas as pd

        times = {k: pd.to_datetime([getattr(z, k) for z in zones], utc=True) for k in ("starts", "ends")}
        return gpd.GeoDataFrame(
            {"name": [z.name for z in zones], "reason": [z.reason for z in zones], **times,
             extra: np.array([getattr(z, extra) for z in zones], kind)},
            geometry=[self._in_waters(z.polygon) for z in zones], crs="EPSG:4326",
        )  # fmt: skip


def load_region(name: str, config: Path | None = None) -> Region:
    """The region ``name`` of the configuration folder.

    Raises:
        SettingsError: unknown region or a wrong value in its file.
    """
    return Region(load_region_settings(name, config))
