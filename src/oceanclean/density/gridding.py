"""Mass and area onto the region's grid, conserved: points, polygons, and segmentation rasters of any projection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from oceanclean.errors import InputError
from oceanclean.products.names import NOT_OBSERVED, PROBABILITY_SCALE, Gate
from oceanclean.region import WGS84_E2, Grid, metres_per_degree

if TYPE_CHECKING:
    import geopandas as gpd
    from rasterio.io import DatasetReader

#: Pixels between the points whose longitude and latitude are computed; those between are interpolated
#: (over 640 m of a Sentinel-2 scene the error is below a millimetre).
LATTICE = 64
#: Rows and columns of a raster held in memory at once.
WINDOW = 1024


@dataclass
class Looked:
    """What one raster says of each cell.

    Attributes:
        seen_km2: (lat, lon) area looked at.
        debris_m2: (lat, lon) area of debris pixels, weighted by probability.
        outside_m2: debris area beyond the grid.
    """

    seen_km2: NDArray[np.float64]
    debris_m2: NDArray[np.float64]
    outside_m2: float = 0.0


def finer(grid: Grid, parts: int) -> Grid:
    """The grid with every cell split into ``parts`` × ``parts``."""
    return Grid(grid.west, grid.south, grid.step / parts, grid.nx * parts, grid.ny * parts)


def summed(values: NDArray[np.float64], parts: int) -> NDArray[np.float64]:
    """Sum the parts of each cell of a :func:`finer` grid."""
    ny, nx = values.shape[0] // parts, values.shape[1] // parts
    return values.reshape(ny, parts, nx, parts).sum(axis=(1, 3))


def grid_segmentation(path: str, threshold: float, grid: Grid) -> Looked:
    """Area looked at and probability-weighted debris area of a segmentation raster, by cell.

    A pixel that an edge of the grid cuts is split by area; the sums over all cells are exact. Gated pixels
    (cloud, shadow, glint, land, shore, no data) were not looked at. Probabilities below the threshold count as none:
    the many small ones of clean water would outweigh the debris.

    Args:
        path: raster of :class:`~oceanclean.products.scene.Segmentation`.
        threshold: probability from which a pixel counts as debris.
        grid: target.

    Raises:
        InputError: unreadable, or not such a raster.
    """
    seen, debris = _Sum(grid), _Sum(grid)
    try:
        with rasterio.open(path) as source:
            _check_raster(source, path)
            for window in _windows(source):
                code, gate = source.read(1, window=window), source.read(3, window=window)
                look = (gate == Gate.OBSERVED) & (code != NOT_OBSERVED)
                if not look.any():
                    continue
                probability = np.where(look, code / PROBABILITY_SCALE, 0.0)
                probability[probability < threshold] = 0.0
                lon, lat, area = pixel_places(source, window)
                _share_out(grid, lon, lat, ((seen, look * area), (debris, probability * area)))
    except rasterio.errors.RasterioError as error:
        raise InputError(path, "raster", f"unreadable ({error})", "a segmentation raster",
                         "Segment the scene again.") from error  # fmt: skip
    return Looked(seen.cells() / 1e6, debris.cells(), debris.outside)


class _Sum:
    """Sums by cell of a grid, and of what falls beside it."""

    def __init__(self, grid: Grid) -> None:
        self.shape = grid.shape
        self.flat = np.zeros(grid.nx * grid.ny)
        self.outside = 0.0

    def add(self, cell: NDArray[np.int64], inside: NDArray[np.bool_], amount: NDArray[np.float64]) -> None:
        """Add amounts (n) to cells (n)."""
        self.flat += np.bincount(cell[inside], amount[inside], minlength=self.flat.size)
        self.outside += float(amount[~inside].sum())

    def cells(self) -> NDArray[np.float64]:
        """The sums as (lat, lon)."""
        return self.flat.reshape(self.shape)


def _share_out(
    grid: Grid, lon: NDArray[np.float64], lat: NDArray[np.float64],
    amounts: tuple[tuple[_Sum, NDArray[np.float64]], ...],
) -> None:  # fmt: skip
    """Add amounts of pixels to the cells that they lie in; a pixel that edges cut is split by area, exactly.

    Args:
        grid: target.
        lon: (row + 1, column + 1) of the pixels' corners.
        lat: as ``lon``.
        amounts: sums and what each pixel (row, column) adds to them.
    """
    # the turn changes far from the grid, so that corners of one pixel are never a turn apart
    middle = grid.west + grid.step * grid.nx / 2
    x = (middle + np.mod(lon - middle + 180.0, 360.0) - 180.0 - grid.west) / grid.step
    y = (lat - grid.south) / grid.step
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    beside = (column < 0) | (column >= grid.nx) | (row < 0) | (row >= grid.ny)
    key = np.where(beside, -1, row * grid.nx + column)
    whole = _alike(key)
    if beside.any():  # a pixel may be larger than the grid
        whole &= (key[:-1, :-1] >= 0) | ~_spans(x, y, grid)
    cell = key[:-1, :-1][whole]
    for total, amount in amounts:
        total.add(np.maximum(cell, 0), cell >= 0, amount[whole])
    cut = np.nonzero(~whole)
    if len(cut[0]):
        corner_x, corner_y = (np.stack([a[cut[0] + i, cut[1] + j] for i, j in _AROUND]) for a in (x, y))
        torn = np.ptp(corner_x, axis=0) * grid.step > 180.0  # on the far side of the globe, where the turn changes
        for total, amount in amounts:
            total.outside += float(amount[cut][torn].sum())
        if not torn.all():
            near = [(total, amount[cut][~torn]) for total, amount in amounts]
            _split(grid, corner_x[:, ~torn], corner_y[:, ~torn], near)


#: Corners of a pixel in turn: offsets of row and column.
_AROUND = ((0, 0), (0, 1), (1, 1), (1, 0))


def _alike(key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels (row, column) whose four corners have one key."""
    first = key[:-1, :-1]
    return (first == key[:-1, 1:]) & (first == key[1:, :-1]) & (first == key[1:, 1:])


def _spans(x: NDArray[np.float64], y: NDArray[np.float64], grid: Grid) -> NDArray[np.bool_]:
    """Pixels (row, column) whose bounding box reaches into the grid."""
    low_x, high_x, low_y, high_y = (
        reduce(pick, (a[:-1, :-1], a[:-1, 1:], a[1:, :-1], a[1:, 1:]))
        for a in (x, y)
        for pick in (np.minimum, np.maximum)
    )
    return (low_x < grid.nx) & (high_x > 0) & (low_y < grid.ny) & (high_y > 0)


def _split(
    grid: Grid, x: NDArray[np.float64], y: NDArray[np.float64], amounts: list[tuple[_Sum, NDArray[np.float64]]]
) -> None:
    """Split quadrilaterals by the cells that they overlap.

    The area of a polygon beyond x = c and y = r is the integral of (x − c) dy over the parts of its edges that lie
    there: the clipped outline's other parts run along x = c, where x − c is 0, or along y = r, where dy is 0 (Green's
    theorem). A cell's share follows from the areas beyond its four corners.

    Args:
        grid: target.
        x: (corner, pixel) in cells from the grid's western edge, in turn around the pixel.
        y: (corner, pixel) in cells from its southern edge.
        amounts: sums and what each pixel adds.
    """
    left, down = np.floor(x.min(axis=0)), np.floor(y.min(axis=0))
    columns, rows = (int(np.max(np.floor(a.max(axis=0)) - low)) + 1 for a, low in ((x, left), (y, down)))
    x, y = x - left, y - down
    beyond = [[_area_beyond(x, y, float(c), float(r)) for c in range(columns + 1)] for r in range(rows + 1)]
    whole = beyond[0][0]
    for r in range(rows):
        for c in range(columns):
            part = beyond[r][c] - beyond[r][c + 1] - beyond[r + 1][c] + beyond[r + 1][c + 1]
            share = np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
            column, row = (left + c).astype(np.int64), (down + r).astype(np.int64)
            inside = (column >= 0) & (column < grid.nx) & (row >= 0) & (row < grid.ny)
            cell = np.where(inside, row * grid.nx + column, 0)
            for total, amount in amounts:
                total.add(cell, inside, amount * share)


def _area_beyond(x: NDArray[np.float64], y: NDArray[np.float64], c: float, r: float) -> NDArray[np.float64]:
    """Signed area (pixel) of quadrilaterals (corner, pixel) where x > c and y > r."""
    area = np.zeros(x.shape[1])
    for k in range(len(x)):
        x0, y0, dx, dy = x[k], y[k], x[(k + 1) % len(x)] - x[k], y[(k + 1) % len(x)] - y[k]
        start, end = np.zeros_like(x0), np.ones_like(x0)
        for at, slope, limit in ((x0, dx, c), (y0, dy, r)):
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = (limit - at) / slope
            start = np.where(slope > 0, np.maximum(start, crossing), start)
            end = np.where(slope < 0, np.minimum(end, crossing), end)
            end = np.where((slope == 0) & (at <= limit), start, end)
        length = np.maximum(end - start, 0.0)
        area += np.where(length > 0, (x0 + dx * (start + end) / 2 - c) * dy * length, 0.0)
    return area


def _check_raster(source: DatasetReader, path: str) -> None:
    if source.count < 3 or source.crs is None or source.dtypes[0] != "uint8":
        raise InputError(path, "raster", f"{source.count} bands of {source.dtypes[0]}, CRS {source.crs}",
                         "three bands of uint8 (probability, class, gate) with a CRS",
                         "Segment the scene again.")  # fmt: skip


def _windows(source: DatasetReader) -> Iterator[Window]:
    for top in range(0, source.height, WINDOW):
        for left in range(0, source.width, WINDOW):
            yield Window(left, top, min(WINDOW, source.width - left), min(WINDOW, source.height - top))


def pixel_places(
    source: DatasetReader, window: Window
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Corners and areas of a window's pixels.

    Returns:
        Longitude and latitude (row + 1, column + 1) of the corners, and true area (row, column) in m² on WGS84:
        that of the map divided by the projection's areal scale.
    """
    from pyproj import CRS, Proj, Transformer

    rows, columns = _lattice(window.height), _lattice(window.width)
    transform = source.window_transform(window)
    column, row = np.meshgrid(columns, rows)
    x = transform.c + transform.a * column + transform.b * row
    y = transform.f + transform.d * column + transform.e * row
    crs = CRS.from_user_input(source.crs)
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    flat = abs(transform.a * transform.e - transform.b * transform.d)
    if crs.is_geographic:
        east, north = metres_per_degree(lat)
        area = flat * east * north
    else:
        area = flat / np.asarray(Proj(crs).get_factors(lon, lat).areal_scale)
    lon = lon[0, 0] + np.mod(lon - lon[0, 0] + 180.0, 360.0) - 180.0  # one turn, also across the date line
    down, right = np.arange(window.height + 1.0), np.arange(window.width + 1.0)
    corner_lon, corner_lat = (_between(a, rows, columns, down, right) for a in (lon, lat))
    return corner_lon, corner_lat, _between(area, rows, columns, down[:-1] + 0.5, right[:-1] + 0.5)


def _lattice(length: int) -> NDArray[np.float64]:
    """0, 64, 128, … and the end."""
    return np.unique(np.append(np.arange(0, length, LATTICE), length)).astype(float)


def _between(
    values: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64], down: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """Bilinear interpolation of lattice values to a full grid of rows and columns."""

    def weights(knots: NDArray[np.float64], at: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        index = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
        return index, (at - knots[index]) / (knots[index + 1] - knots[index])

    i, y = weights(rows, down)
    j, x = weights(columns, right)
    across = values[:, j] * (1 - x) + values[:, j + 1] * x
    return across[i] * (1 - y)[:, None] + across[i + 1] * y[:, None]


def grid_targets(
    targets: gpd.GeoDataFrame, amounts: NDArray[np.float64], grid: Grid
) -> tuple[NDArray[np.float64], float]:
    """Share amounts of points and polygons out over the cells, a polygon's in proportion to area.

    Args:
        targets: points, polygons or multi-polygons in EPSG:4326, any turn of longitude.
        amounts: (n, k) what each target carries.
        grid: target grid.

    Returns:
        ``cells`` (k, lat, lon) and the sum of the first amount that fell beside the grid.
    """
    import shapely

    cells = np.zeros((amounts.shape[1], grid.ny * grid.nx))
    outside = 0.0
    geometry = targets.geometry.to_numpy()
    points = np.array([g.geom_type == "Point" for g in geometry], dtype=bool)
    if points.any():
        row, column, inside = grid.index(shapely.get_x(geometry[points]), shapely.get_y(geometry[points]))
        for k in range(amounts.shape[1]):
            cells[k] += np.bincount((row * grid.nx + column)[inside], amounts[points, k][inside], cells.shape[1])
        outside += float(amounts[points, 0][~inside].sum())
    for number in np.flatnonzero(~points):
        index, share = _shares(geometry[number], grid)
        cells[:, index] += amounts[number][:, None] * share
        outside += float(amounts[number, 0] * (1 - share.sum()))
    return cells.reshape(-1, *grid.shape), outside


def shares_of_cells(polygon: object, grid: Grid) -> NDArray[np.float64]:
    """Share (lat, lon) of each cell's area that lies in a polygon (EPSG:4326, any turn of longitude)."""
    import shapely

    flat = shapely.transform(shapely.make_valid(polygon), lambda xy: _equal_area(_one_turn(xy, grid)))
    index, share = _shares(polygon, grid)
    edges = _equal_area(np.column_stack([np.zeros(grid.ny + 1), grid.lat_edges]))[:, 1]
    cell = np.repeat(np.diff(edges)[:, None] * grid.step, grid.nx, axis=1).ravel()
    out = np.zeros(grid.nx * grid.ny)
    out[index] = share * flat.area / cell[index]
    return np.minimum(out, 1.0).reshape(grid.shape)


def _shares(polygon: object, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cells that a polygon lies in and its share of area in each; shares sum to 1 less what lies beside the grid.

    Areas are those of the cylindrical equal-area projection, in which cell edges stay straight.
    """
    import shapely

    flat = shapely.transform(shapely.make_valid(polygon), lambda xy: _equal_area(_one_turn(xy, grid)))
    whole = flat.area
    west, south, east, north = flat.bounds
    if not whole > 0:  # a polygon without area still carries its mass
        centre = shapely.centroid(polygon)
        row, column, inside = grid.index(np.array([centre.x]), np.array([centre.y]))
        return (row * grid.nx + column)[inside], np.ones(int(inside.sum()))
    x, y = grid.lon_edges, _equal_area(np.column_stack([np.zeros(grid.ny + 1), grid.lat_edges]))[:, 1]
    columns = np.arange(max(0, np.searchsorted(x, west, "right") - 1), min(grid.nx, np.searchsorted(x, east)))
    rows = np.arange(max(0, np.searchsorted(y, south, "right") - 1), min(grid.ny, np.searchsorted(y, north)))
    j, i = (a.ravel() for a in np.meshgrid(columns, rows))
    boxes = shapely.box(x[j], y[i], x[j + 1], y[i + 1])
    return i * grid.nx + j, shapely.area(shapely.intersection(boxes, flat)) / whole


def _one_turn(xy: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    """Vertices on one turn of longitude, that of the grid: no jump across the date line."""
    lon = xy[:, 0]
    lon = lon[0] + np.mod(lon - lon[0] + 180.0, 360.0) - 180.0
    centre = grid.west + grid.step * grid.nx / 2
    lon = lon + 360.0 * np.round((centre - lon.mean()) / 360.0)
    return np.column_stack([lon, xy[:, 1]])


def _equal_area(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Latitude to the authalic q/2 of WGS84 (Snyder 1987, eq. 3-12), in which equal steps hold equal areas."""
    e = np.sqrt(WGS84_E2)
    s = np.sin(np.radians(xy[:, 1]))
    q = (1 - WGS84_E2) * (s / (1 - WGS84_E2 * s**2) + np.arctanh(e * s) / e)
    return np.column_stack([xy[:, 0], q / 2])
