"""Laws of distances and paths at sea."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from oceanclean.allocation import passage
from oceanclean.allocation.problem import make_problem
from oceanclean.allocation.sea_routing import SeaRouter
from tests.allocation.days import OpenSea, SeaWithCape, region


@pytest.fixture(scope="module")
def router() -> SeaRouter:
    return SeaRouter.of_region(region(SeaWithCape))


def _points(router: SeaRouter, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    row, column = np.nonzero(~router.land)
    k = rng.integers(len(row), size=count)
    return router.centre(row[k], column[k]) + rng.uniform(-0.4, 0.4, (count, 2)) * router.cell


def test_a_route_goes_round_the_cape_and_never_across(router):
    """From one side of a peninsula to the other the path passes its tip and touches no land."""
    a, b = (np.column_stack(router.plane.to_xy([lon], [0.8]))[0] for lon in (0.8, 1.2))
    line = router.path(a, b)
    lon, lat = router.plane.to_lonlat(line[:, 0], line[:, 1])
    land = shapely.box(0.95, 0.4, 1.05, 1.2)
    assert not shapely.LineString(np.column_stack([lon, lat])).intersects(land)
    assert lat.min() < 0.4
    round_tip = np.hypot(
        *np.diff(np.column_stack(router.plane.to_xy([0.8, 0.95, 1.05, 1.2], [0.8, 0.4, 0.4, 0.8])), axis=0).T
    )
    assert round_tip.sum() <= router.distance(a, b) <= round_tip.sum() + 4 * router.cell


def test_no_path_touches_land(router):
    """Whatever the two ends, the path between them stays on the sea."""
    land = shapely.box(0.95, 0.4, 1.05, 1.2)
    points = _points(router, 120)
    for a, b in zip(points[::2], points[1::2], strict=True):
        line = router.path(a, b)
        assert len(line) >= 2
        lon, lat = router.plane.to_lonlat(line[:, 0], line[:, 1])
        assert not shapely.LineString(np.column_stack([lon, lat])).intersects(land)


def test_distance_is_never_longer_than_on_the_grid(router):
    """A stretched path is no longer than the best path along grid steps, and no shorter than the straight line."""
    from skimage.graph import MCP_Geometric

    points = _points(router, 40, seed=1)
    cost = np.where(router.land, -1, 1.0)
    for a, b in zip(points[::2], points[1::2], strict=True):
        row, column, _ = router.cells(np.array([a[0], b[0]]), np.array([a[1], b[1]]))
        along, _ = MCP_Geometric(cost).find_costs([(row[0], column[0])])
        grid = along[row[1], column[1]] * router.cell
        assert np.hypot(*(b - a)) - 1e-6 <= router.distance(a, b) <= grid + 2 * router.cell


def test_open_water_distance_is_the_geodesic():
    """Without land, distances on the plane agree with WGS84 geodesics to 0.05 %."""
    from pyproj import Geod

    router = SeaRouter.of_region(region(OpenSea))
    points = _points(router, 60, seed=2)
    for a, b in zip(points[::2], points[1::2], strict=True):
        (lon0, lon1), (lat0, lat1) = router.plane.to_lonlat([a[0], b[0]], [a[1], b[1]])
        assert router.distance(a, b) == pytest.approx(
            Geod(ellps="WGS84").inv(lon0, lat0, lon1, lat1)[2], rel=5e-4, abs=1
        )


def test_the_table_agrees_with_the_paths(router):
    """Distances that the search takes from the table are the true ones, but for few pairs behind corners."""
    problem = make_problem(np.zeros((1, 14)), np.zeros((1, 1, 4)), np.zeros((1, 1, 4)), np.zeros((1, 1, 5)), step=1.0,
                           sea=router.table())  # fmt: skip
    points = _points(router, 400, seed=3)
    pairs = list(zip(points[::2], points[1::2], strict=True))
    true = np.array([router.distance(a, b) for a, b in pairs])
    table = np.array([passage.sea_distance(problem, *a, *b) for a, b in pairs])
    assert np.quantile(np.abs(table / true - 1), 0.95) < 0.01
    assert np.quantile(true - table, 0.99) < 3 * router.cell


def test_a_point_on_land_moves_to_the_nearest_sea(router):
    """A port in a land cell is moved to sea, and the distance is told; one on sea stays."""
    x, y = router.plane.to_xy([1.0, 0.5, 30.0], [0.8, 0.5, 0.5])
    xy, moved = router.to_sea(x, y)
    lon, lat = router.plane.to_lonlat(xy[:2, 0], xy[:2, 1])
    assert not shapely.box(0.95, 0.4, 1.05, 1.2).contains(shapely.Point(lon[0], lat[0]))
    assert 4000 < moved[0] < 8000
    assert moved[1] == 0
    assert np.allclose([lon[1], lat[1]], [0.5, 0.5])
    assert np.isinf(moved[2])


def test_the_date_line_is_no_obstacle():
    """A region across 180° measures across it, not round the world."""
    router = SeaRouter.of_land(shapely.MultiPolygon(), (179.0, -1.0, 181.0, 1.0))
    a, b = (np.column_stack(router.plane.to_xy([lon], [0.0]))[0] for lon in (179.5, -179.5))
    assert router.distance(a, b) == pytest.approx(111_320, rel=1e-3)
