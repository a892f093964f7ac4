"""Regions: areas on WGS84, cells, coast, date line."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Geod

from oceanclean import coast
from oceanclean.region import Grid, Region, cell_area_km2, load_region, metres_per_degree
from oceanclean.settings import Box

GEOD = Geod(ellps="WGS84")


@pytest.mark.parametrize("lat", [-70.0, -33.3, 0.0, 16.0, 60.0, 84.0])
def test_cell_area_agrees_with_the_geodesic_polygon(lat: float) -> None:
    """The authalic integral equals the area of a finely drawn geodesic polygon."""
    south, north = lat, lat + 0.5
    along = np.linspace(10, 10.5, 200)
    area, _ = GEOD.polygon_area_perimeter(
        np.concatenate([along, along[::-1]]), np.concatenate([np.full(200, south), np.full(200, north)])
    )
    assert cell_area_km2(np.array([south, north]), 0.5)[0] == pytest.approx(area / 1e6, rel=1e-6)


def test_the_whole_earth_has_the_area_of_wgs84() -> None:
    """All cells together make 510 065 621.7 km² (WGS84)."""
    grid = Grid(-180.0, -90.0, 1.0, 360, 180)
    assert grid.area_km2.sum() == pytest.approx(510_065_621.724, rel=1e-9)


@pytest.mark.parametrize("lat", [0.0, 30.0, -60.0])
def test_metres_per_degree_agree_with_geodesics(lat: float) -> None:
    """A thousandth of a degree has the length that the geodesic says."""
    east, north = metres_per_degree(lat)
    assert float(east) / 1000 == pytest.approx(GEOD.inv(0, lat, 0.001, lat)[2], rel=1e-6)
    assert float(north) / 1000 == pytest.approx(GEOD.inv(0, lat - 0.0005, 0, lat + 0.0005)[2], rel=1e-6)


def test_points_find_their_cell_across_the_date_line() -> None:
    """Longitudes of either convention fall into the same cell of a grid that crosses 180°."""
    grid = Grid.of(Box(west=178, east=-178, south=-2, north=2), 0.5)
    assert grid.shape == (8, 8)
    row, column, inside = grid.index(np.array([179.3, -179.3, 180.7, 0.0]), np.array([0.1, 0.1, 0.1, 0.1]))
    assert inside.tolist() == [True, True, True, False]
    assert column[1] == column[2]
    assert row.tolist()[:3] == [4, 4, 4]


def test_a_point_on_an_edge_belongs_to_the_cell_that_begins_there() -> None:
    """Cells are closed at west and south, open at east and north."""
    grid = Grid(0.0, 0.0, 1.0, 3, 2)
    row, column, inside = grid.index(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    assert (row[0], column[0], inside[0]) == (1, 1, True)
    assert not inside[1]


def test_known_places_are_land_or_sea() -> None:
    """Places that every atlas agrees on lie on the right side of the coast."""
    land = coast.land(-89, 15, -85, 17.5)
    assert land.contains(shapely.Point(-87.2, 15.4))  # inland of La Ceiba
    assert land.contains(shapely.Point(-86.548, 16.345))  # Roatán
    assert not land.intersects(shapely.Point(-87.5, 16.6))  # open sea


def test_the_coast_is_whole_across_the_date_line() -> None:
    """Taveuni (Fiji), which the 180th meridian cuts, is land on both sides of it."""
    land = coast.land(178, -18, 182, -16)
    assert land.contains(shapely.Point(179.98, -16.85))
    assert land.contains(shapely.Point(180.02, -16.8))


def test_every_port_is_near_water(config_dir) -> None:
    """A vessel can leave every configured port: water lies within 5 km."""
    for path in (config_dir / "regions").glob("*.yaml"):
        region = load_region(path.stem, config_dir)
        grid = region.routing_grid
        row, column, inside = grid.index(region.ports.geometry.x.to_numpy(), region.ports.geometry.y.to_numpy())
        assert inside.all(), path.stem
        reach = max(1, int(np.ceil(0.045 / grid.step)))
        for r, c, name in zip(row, column, region.ports["name"], strict=True):
            around = region.routing_land_mask[max(0, r - reach) : r + reach + 1, max(0, c - reach) : c + reach + 1]
            assert not around.all(), f"{path.stem}: {name} has no water near"


def test_a_closed_area_lies_in_the_waters_longitudes(config_dir) -> None:
    """A zone written at −179.5° closes the sea of a region whose waters run from 178° to 182°."""
    settings = load_region("demo", config_dir).settings
    zone = {"name": "reef", "reason": "closed", "polygon": [(-179.8, -1), (-179.2, -1), (-179.2, 1), (-179.8, 1)]}
    box = Box(west=178, east=-178, south=-2, north=2)
    region = Region(type(settings).model_validate(
        {**settings.model_dump(), "bbox": box, "waters": box, "exclusion_zones": [zone]}
    ))  # fmt: skip
    assert region.exclusions.total_bounds.tolist() == pytest.approx([180.2, -1, 180.8, 1])
