"""Gridding conserves mass and area, on any projection, at cell edges, at high latitude and across the date line."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from density_files import detections, make_region, segmentation
from hypothesis import given, settings
from hypothesis import strategies as st

from oceanclean.density.gridding import finer, grid_segmentation, grid_targets, summed
from oceanclean.errors import InputError
from oceanclean.products.names import Gate
from oceanclean.region import Grid


def covering(west, south, east, north, step) -> Grid:
    return Grid(west, south, step, int(np.ceil((east - west) / step)), int(np.ceil((north - south) / step)))


@pytest.mark.parametrize(
    ("crs", "west", "north", "box"),
    [
        ("EPSG:32606", 310_000, 3_335_000, (-149.2, 29.9, -148.5, 30.3)),
        ("EPSG:32633", 400_000, 8_900_000, (9.0, 79.6, 15.0, 80.6)),
        ("EPSG:32733", 600_000, 3_335_000, (15.8, -60.6, 17.6, -59.8)),
    ],
)
def test_area_seen_and_debris_area_are_conserved(tmp_path, crs, west, north, box):
    """The cells' sums are the pixels' true areas to 1e-6, near the equator, at 80° N and in the south."""
    from pyproj import CRS, Geod, Transformer

    one = segmentation(tmp_path, crs=crs, west=west, north=north, debris=[(slice(100, 160), slice(200, 300), 0.8)],
                       gates=[(slice(0, 100), slice(0, 500), Gate.CLOUD)])  # fmt: skip
    grid = covering(*box, 0.02)
    looked = grid_segmentation(one.raster, 0.5, grid)
    ratio = looked.debris_m2.sum() / looked.seen_km2.sum() / 1e6
    assert ratio == pytest.approx(0.8 * 6000 / (1200 * 1500 - 100 * 500), rel=1e-3)
    # true area of the raster's outline on the ellipsoid, less the cloud
    to = Transformer.from_crs(CRS(crs), 4326, always_xy=True)
    t = np.linspace(0, 1, 200)
    x = np.concatenate([15000 * t, 15000 + 0 * t, 15000 * (1 - t), 0 * t]) + west
    y = north - np.concatenate([0 * t, 12000 * t, 12000 + 0 * t, 12000 * (1 - t)])
    whole = abs(Geod(ellps="WGS84").polygon_area_perimeter(*to.transform(x, y))[0])
    assert looked.seen_km2.sum() == pytest.approx(whole / 1e6 * (1 - 5e4 / 1.8e6), rel=2e-5)
    assert looked.outside_m2 == 0


@settings(max_examples=25, deadline=None)
@given(
    west=st.floats(309_000, 311_000),
    north=st.floats(3_334_000, 3_336_000),
    pixel=st.sampled_from([10.0, 300.0, 2500.0]),
)
def test_a_pixel_is_split_at_cell_edges_by_area(west, north, pixel):
    """Shares agree with polygon clipping to 1e-9, whatever a pixel's place and size; nothing is lost."""
    from pyproj import Transformer

    from oceanclean.density.gridding import _share_out, _Sum

    grid = make_region().grid
    x, y = np.meshgrid(west + pixel * np.arange(4), north - pixel * np.arange(4))
    lon, lat = Transformer.from_crs(32606, 4326, always_xy=True).transform(x, y)
    amount = np.arange(1.0, 10.0).reshape(3, 3)
    total = _Sum(grid)
    _share_out(grid, lon, lat, ((total, amount),))
    assert total.flat.sum() + total.outside == pytest.approx(amount.sum(), rel=1e-12)
    expected = np.zeros(grid.shape)
    for i in range(3):
        for j in range(3):
            ring = [(lon[i + a, j + b], lat[i + a, j + b]) for a, b in ((0, 0), (0, 1), (1, 1), (1, 0))]
            shape = shapely.Polygon(ring)
            for r in range(grid.ny):
                if not lat[i + 1, j] - 0.1 < grid.lat[r] < lat[i, j] + 0.1:
                    continue
                for c in range(grid.nx):
                    box = shapely.box(
                        grid.lon_edges[c], grid.lat_edges[r], grid.lon_edges[c + 1], grid.lat_edges[r + 1]
                    )
                    if box.intersects(shape):
                        expected[r, c] += amount[i, j] * box.intersection(shape).area / shape.area
    assert np.allclose(total.cells(), expected, atol=1e-7)


def test_what_lies_beside_the_grid_is_counted_as_outside(tmp_path):
    """Inside and outside add up to the whole."""
    one = segmentation(tmp_path, debris=[(slice(None), slice(None), 1.0)])
    inside = grid_segmentation(one.raster, 0.5, Grid(-149.0, 30.0, 0.02, 3, 4))
    whole = grid_segmentation(one.raster, 0.5, covering(-149.3, 29.8, -148.5, 30.4, 0.02))
    assert inside.debris_m2.sum() + inside.outside_m2 == pytest.approx(whole.debris_m2.sum(), rel=1e-9)
    assert inside.outside_m2 > 0


def test_a_fully_seen_cell_has_its_own_area(tmp_path):
    """Seen area of an inner cell agrees with its ellipsoidal area to 2e-5: edges cut pixels exactly."""
    grid = Grid(-148.94, 30.06, 0.02, 4, 2)
    looked = grid_segmentation(segmentation(tmp_path).raster, 0.5, grid)
    assert np.allclose(looked.seen_km2 / grid.area_km2, 1, atol=2e-5)


def test_debris_lands_in_the_cell_it_lies_in(tmp_path):
    """A single bright pixel is found in the cell of its place, whatever the window or lattice."""
    from pyproj import Transformer

    grid = covering(-149.3, 29.8, -148.5, 30.4, 0.01)
    for row, column in ((0, 0), (63, 64), (1023, 1024), (1199, 1499)):
        one = segmentation(tmp_path, debris=[(row, column, 1.0)])
        looked = grid_segmentation(one.raster, 0.5, grid)
        to = Transformer.from_crs(32606, 4326, always_xy=True)
        lon, lat = to.transform(310_000 + 10 * (column + 0.5), 3_335_000 - 10 * (row + 0.5))
        r, c, _ = grid.index(np.array([lon]), np.array([lat]))
        assert looked.debris_m2[r[0], c[0]] > 90


def test_a_cloud_was_not_looked_at(tmp_path):
    """Gated pixels are no look, and clean water is one."""
    one = segmentation(tmp_path, gates=[(slice(None), slice(None), Gate.CLOUD)])
    assert grid_segmentation(one.raster, 0.5, make_region().grid).seen_km2.sum() == 0
    clear = segmentation(tmp_path)
    assert grid_segmentation(clear.raster, 0.5, make_region().grid).seen_km2.sum() > 50


def test_small_probabilities_of_clean_water_do_not_add_up(tmp_path):
    """A million pixels at 2 % are clean water below the threshold, not twenty thousand of debris."""
    one = segmentation(tmp_path, debris=[(slice(None), slice(None), 0.02)])
    assert grid_segmentation(one.raster, 0.5, make_region().grid).debris_m2.sum() == 0


def test_rasters_across_the_date_line_are_gridded_whole(tmp_path):
    """A scene that crosses 180° loses nothing, whichever turn the grid counts in."""
    everywhere = (slice(None), slice(None), 1.0)
    one = segmentation(tmp_path, crs="EPSG:32660", west=810_000, north=2_000_000, debris=[everywhere])
    a = grid_segmentation(one.raster, 0.5, Grid(179.5, 17.5, 0.05, 30, 20))
    b = grid_segmentation(one.raster, 0.5, Grid(-180.5, 17.5, 0.05, 30, 20))
    assert a.outside_m2 == b.outside_m2 == 0
    assert np.allclose(a.debris_m2, b.debris_m2)
    assert a.seen_km2.sum() == pytest.approx(180, rel=2e-3)


def test_a_damaged_raster_is_named(tmp_path):
    """A raster that breaks off or is of another kind is an input error."""
    one = segmentation(tmp_path)
    path = tmp_path / "a.tif"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"a\.tif"):
        grid_segmentation(one.raster, 0.5, make_region().grid)


def test_parts_of_cells_sum_to_cells():
    """A finer grid covers the same area."""
    grid = make_region().grid
    assert np.allclose(summed(finer(grid, 4).area_km2, 4), grid.area_km2, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    lon=st.floats(-179.9, 180), lat=st.floats(-80, 80), size=st.floats(0.001, 0.3),
    turn=st.sampled_from([-360, 0, 360]),
    mass=st.floats(0.1, 1e4),
)  # fmt: skip
def test_a_polygon_keeps_its_mass(lon, lat, size, turn, mass):
    """Shares over cells and beside the grid sum to the whole, to 1e-6, anywhere on the globe."""
    grid = Grid(lon - 0.5, lat - 0.5, 0.05, 20, 20)
    shape = shapely.Point(lon + turn, lat).buffer(size)
    cells, outside = grid_targets(detections([shape]), np.array([[mass]]), grid)
    assert cells.sum() + outside == pytest.approx(mass, rel=1e-6)
    assert outside == pytest.approx(0, abs=1e-6 * mass)


def test_a_polygon_is_split_by_area():
    """A box over two cells, three quarters in one, is shared out three to one."""
    grid = Grid(0.0, 0.0, 1.0, 2, 1)
    cells, _ = grid_targets(detections([shapely.box(0.25, 0.2, 1.25, 0.8)]), np.array([[100.0]]), grid)
    assert cells[0].tolist() == [[pytest.approx(75), pytest.approx(25)]]


def test_a_polygon_across_the_date_line_is_not_stretched_around_the_globe():
    """Vertices at 179.9 and −179.9 are neighbours."""
    grid = Grid(179.0, 0.0, 0.5, 4, 2)
    shape = shapely.Polygon([(179.9, 0.2), (-179.9, 0.2), (-179.9, 0.4), (179.9, 0.4)])
    cells, outside = grid_targets(detections([shape]), np.array([[10.0]]), grid)
    assert outside == pytest.approx(0, abs=1e-9)
    assert cells[0][0].tolist() == [0, pytest.approx(5), pytest.approx(5), 0]


def test_points_on_edges_belong_to_one_cell():
    """A point on a common edge is counted once."""
    grid = Grid(0.0, 0.0, 1.0, 3, 3)
    cells, outside = grid_targets(detections([(1.0, 1.0), (0.0, 0.0), (3.0, 1.0)]), np.ones((3, 1)), grid)
    assert cells.sum() == 2
    assert outside == 1
