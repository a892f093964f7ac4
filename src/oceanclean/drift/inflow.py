"""Debris that the water brings in through the map's open boundary.

Beyond the map's box nothing is known; the best guess is the background of the cells at the rim, with their doubt. A
strip around the box is kept filled to that background: what particles that left the box have taken there counts, what
is lacking is added as new ones, and those that have not come in by the next filling are taken out again. So water that
flows in carries the background, water that went out and comes back with the tide carries what it took along, and a
uniform sea stays uniform.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.gridding import MapGrid
from oceanclean.drift.kernel import AFLOAT, STRANDED
from oceanclean.drift.settings import InflowSettings
from oceanclean.region import cell_area_km2, metres_per_degree

Floats = NDArray[np.float64]
#: Status of a particle that is not in the sea yet; no step moves it.
WAITING = 5
#: Layers of the strip, from the box outwards: what is lacking far out is not laid close in.
LAYERS = 6


def side_of(edges: Floats, axis: Floats) -> NDArray[np.int64]:
    """-1 for cells below the first edge of the box along an axis, 1 for those above its last, 0 between."""
    return np.where(edges[:, 0] < axis[1], -1, np.where(edges[:, 1] > axis[-2], 1, 0))


class Strip:
    """The ring of cells around the map's box.

    Args:
        grid: the map's grid.
        width_m: width of the ring.
        reach_km: length of a stretch of the ring over which what is there is weighed against its background.

    Attributes:
        number: (lat + 2, lon + 2) number of the ring's cell, -1 within the box.
        row: (cell) row of the nearest cell of the map.
        column: (cell) its column.
        edges: (cell, 4) south, north, west, east, degrees.
        area_km2: (cell) area; 0 where the nearest cell of the map is land.
        stretch: (cell) number of the cell's stretch.
        shares: (cell, layer) share of the cell that lies in each layer, counted outwards.
    """

    def __init__(self, grid: MapGrid, width_m: float, reach_km: float) -> None:
        r, (ny, nx) = grid.coast.raster, grid.sea.shape
        north, south = r.lat0 + ny * r.dlat, r.lat0
        east_m, north_m = metres_per_degree(0.5 * (south + north))
        self.width_lat, self.width_lon = width_m / float(north_m), width_m / float(east_m)
        lat = np.concatenate([[south - self.width_lat], r.lat0 + r.dlat * np.arange(ny + 1), [north + self.width_lat]])
        west, east = r.lon0, r.lon0 + nx * r.dlon
        lon = np.concatenate([[west - self.width_lon], r.lon0 + r.dlon * np.arange(nx + 1), [east + self.width_lon]])
        outside = np.ones((ny + 2, nx + 2), dtype=bool)
        outside[1:-1, 1:-1] = False
        if r.periodic:  # a belt around the globe has no western and no eastern boundary
            outside[:, [0, -1]] = False
        around = np.argwhere(outside)
        i, j = around[:, 0], around[:, 1]
        self.number: NDArray[np.int64] = np.full(outside.shape, -1)
        self.number[i, j] = np.arange(i.size)
        self.row, self.column = np.clip(i - 1, 0, ny - 1), np.clip(j - 1, 0, nx - 1)
        self.edges = np.stack([lat[i], lat[i + 1], lon[j], lon[j + 1]], axis=1)
        area = np.stack([cell_area_km2(lat, 1.0)] * (nx + 2), axis=1)[i, j] * (lon[j + 1] - lon[j])
        self.area_km2 = np.where(grid.sea[self.row, self.column], area, 0.0)
        self.corner = np.isin(i, (0, ny + 1)) & np.isin(j, (0, nx + 1))
        ring = np.arange(LAYERS)
        self.shares = np.where(self.corner[:, None], (2 * ring + 1) / LAYERS**2, 1 / LAYERS)
        self.stretch = self._stretches(i, j, reach_km / float(np.sqrt(grid.area_km2.mean())))
        self._lat, self._lon = lat, lon

    def _stretches(self, i: NDArray[np.int64], j: NDArray[np.int64], cells: float) -> NDArray[np.int64]:
        """Number of the stretch of each cell: runs of ``cells`` along each of the four sides."""
        ny, nx = self.number.shape
        across = (i == 0) | (i == ny - 1)
        side = np.where(across, np.where(i == 0, 0, 1), np.where(j == 0, 2, 3))
        along = (np.where(across, j, i) / max(cells, 1.0)).astype(np.int64)
        return np.unique(side * (max(ny, nx) + 1) + along, return_inverse=True)[1]

    def beyond(self, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        """Whether points lie outside the map's box."""
        return (lat < self._lat[1]) | (lat > self._lat[-2]) | (lon < self._lon[1]) | (lon > self._lon[-2])

    def cell_of(self, lon: Floats, lat: Floats) -> NDArray[np.int64]:
        """Number of the ring's cell that holds each point, -1 for points elsewhere."""
        i, j = np.searchsorted(self._lat, lat, side="right") - 1, np.searchsorted(self._lon, lon, side="right") - 1
        within = (i >= 0) & (i < self._lat.size - 1) & (j >= 0) & (j < self._lon.size - 1)
        return np.where(within, self.number[np.where(within, i, 0), np.where(within, j, 0)], -1)

    def layer_of(self, lon: Floats, lat: Floats) -> NDArray[np.int64]:
        """Layer of points in the ring, 0 next to the box."""
        south, north, west, east = self._lat[1], self._lat[-2], self._lon[1], self._lon[-2]
        beyond = np.maximum(
            np.maximum(south - lat, lat - north) / self.width_lat, np.maximum(west - lon, lon - east) / self.width_lon
        )
        return np.clip((beyond * LAYERS).astype(np.int64), 0, LAYERS - 1)

    def scattered(self, cell: NDArray[np.int64], layer: NDArray[np.int64],
                  rng: np.random.Generator) -> tuple[Floats, Floats]:  # fmt: skip
        """Longitudes and latitudes of points spread evenly over the given layers of the given cells."""
        one, two = rng.random(cell.size), rng.random(cell.size)
        flat = (layer + one) / LAYERS
        deep = np.sqrt(layer**2 + (2 * layer + 1) * one) / LAYERS  # a corner's layer widens outwards
        turned = rng.random(cell.size) < 0.5
        south, north, west, east = self.edges[cell].T
        up, right = side_of(self.edges[cell], self._lat), side_of(self.edges[cell][:, 2:], self._lon)
        corner = self.corner[cell]
        y = np.where(corner, np.where(turned, deep, deep * two), np.where(up != 0, flat, two))
        x = np.where(corner, np.where(turned, deep * two, deep), np.where(up != 0, two, flat))
        lat = np.where(up < 0, north - (north - south) * y, south + (north - south) * y)
        lon = np.where(right < 0, east - (east - west) * x, west + (east - west) * x)
        return lon, lat


def background(density: Floats, grid: MapGrid, strip: Strip, correlation_km: float) -> Floats:
    """Density of the sea beyond each part of the rim.

    The map near the rim, smoothed over its own correlation length, and at most the mean of the whole map: a patch that
    happens to lie at the edge is a patch, not the state of the sea beyond.

    Args:
        density: (lat, lon) kg km-2, 0 where unknown.
        grid: the map's grid.
        strip: the ring.
        correlation_km: distance over which the map is smoothed.

    Returns:
        (cell of the ring) kg km-2.
    """
    from scipy.ndimage import gaussian_filter

    width = correlation_km / float(np.sqrt(grid.area_km2.mean()))
    weight = gaussian_filter(grid.sea.astype(np.float64), width, mode="nearest")
    smooth = gaussian_filter(np.where(grid.sea, density, 0.0), width, mode="nearest") / np.maximum(weight, 1e-12)
    mean = float((density * grid.area_km2)[grid.sea].sum() / grid.area_km2[grid.sea].sum()) if grid.sea.any() else 0.0
    return np.minimum(smooth, mean)[strip.row, strip.column]


class Inflow:
    """Keeps the strip filled and the account of what came in.

    Args:
        strip: the ring.
        expected: (member, cell of the ring) kg that each member's background has there.
        slots: (member, slot) indices of the particles that are kept for it; they wait.
        settings: of the room.
        rng: source of randomness.

    Attributes:
        entered_kg: mean mass that has come in so far.
    """

    def __init__(self, strip: Strip, expected: Floats, slots: NDArray[np.int64], settings: InflowSettings,
                 rng: np.random.Generator) -> None:  # fmt: skip
        self.strip, self.expected, self.slots, self.rng = strip, expected, slots, rng
        self.batch = max(1, round(slots.shape[1] * settings.batch_share))
        self.used = np.zeros(slots.shape, dtype=bool)
        self.entered_kg = 0.0

    def settle(self, lon: Floats, lat: Floats, status: NDArray[np.int8], mass: Floats, grid: MapGrid) -> None:
        """Keep the particles of the strip that have come in; the others wait again, without mass."""
        tried = self.slots[~self.used]
        came = ((status[tried] == AFLOAT) & grid.holds(lon[tried], lat[tried])) | (status[tried] == STRANDED)
        fresh = ~self.used
        fresh[fresh] = came
        self.used |= fresh
        self.entered_kg += float(mass[tried[came]].sum()) / len(self.slots)
        status[tried[~came]] = WAITING
        mass[tried[~came]] = 0.0

    def fill(self, lon: Floats, lat: Floats, status: NDArray[np.int8], mass: Floats,
             member: NDArray[np.int32]) -> None:  # fmt: skip
        """Add particles until the strip holds its background, stretch by stretch, in every member."""
        lacking = self.expected[..., None] * self.strip.shares * self._lacking(lon, lat, status, mass, member)
        lacking = lacking.reshape(len(self.expected), -1)
        for own, free, short in zip(self.slots, ~self.used, lacking, strict=True):
            total, slots = short.sum(), own[free][: self.batch]
            if total <= 0 or slots.size == 0:
                continue
            marks = (np.arange(slots.size) + self.rng.random()) / slots.size * total
            chosen = np.minimum(np.searchsorted(np.cumsum(short), marks, side="right"), short.size - 1)
            lon[slots], lat[slots] = self.strip.scattered(chosen // LAYERS, chosen % LAYERS, self.rng)
            mass[slots], status[slots] = total / slots.size, AFLOAT

    def _lacking(self, lon: Floats, lat: Floats, status: NDArray[np.int8], mass: Floats,
                 member: NDArray[np.int32]) -> Floats:  # fmt: skip
        """Share (member, cell, layer) of the background that is not there, for a stretch as a whole: few are noise."""
        strip, members = self.strip, len(self.expected)
        there = np.flatnonzero((status == AFLOAT) & strip.beyond(lon, lat))
        cell = strip.cell_of(lon[there], lat[there])
        there, cell = there[cell >= 0], cell[cell >= 0]
        count = int(strip.stretch.max(initial=0)) + 1
        part = strip.stretch[cell] * LAYERS + strip.layer_of(lon[there], lat[there])
        size = count * LAYERS
        held = np.bincount(member[there] * size + part, mass[there], members * size).reshape(members, count, LAYERS)
        wanted = np.zeros((count, members, LAYERS))
        np.add.at(wanted, strip.stretch, (self.expected.T[..., None] * strip.shares[:, None]))
        wanted = wanted.transpose(1, 0, 2)
        share = np.divide(wanted - held, wanted, out=np.zeros_like(wanted), where=wanted > 0)
        return np.maximum(share, 0.0)[:, strip.stretch]


__all__ = ["WAITING", "Inflow", "Strip", "background"]
