"""Contracts: the first thing that breaks one is named with what was expected."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from oceanclean.errors import ProductError
from oceanclean.products import GRIDS, TABLES, SceneRef, describe, names, validate_grid, validate_table
from oceanclean.products.files import load_grid, load_table, save_grid, save_table


@pytest.fixture
def forcing() -> xr.Dataset:
    shape = (3, 2, 4)
    data = xr.Dataset(
        {
            n: (("time", "lat", "lon"), np.full(shape, 0.1, dtype="f4"))
            for n in (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT)
        },
        coords={
            "time": pd.date_range("2026-06-14", periods=3, freq="h"),
            "lat": [1.0, 2.0],
            "lon": [3.0, 4.0, 5.0, 6.0],
        },
        attrs={"available_at": "2026-06-14T00:00:00Z", "source": "test"},
    )
    return describe("Forcing", data)


@pytest.fixture
def fixes() -> gpd.GeoDataFrame:
    when = pd.to_datetime(["2026-06-14T00:00Z", "2026-06-14T01:00Z"], utc=True)
    return gpd.GeoDataFrame(
        {"drifter_id": ["a", "a"], "time": when, "drogued": [True, None], "quality": [1, 2], "available_at": when},
        geometry=gpd.points_from_xy([1, 2], [3, 4]), crs="EPSG:4326",
    )  # fmt: skip


def _break_units(d):
    d[names.EASTWARD_CURRENT].attrs["units"] = "cm s-1"
    return d


def _fill_value(d):
    return d.assign({names.EASTWARD_CURRENT: (d[names.EASTWARD_CURRENT] * 1e36).assign_attrs(units="m s-1")})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_break_units, names.EASTWARD_CURRENT),
        (lambda d: d.drop_vars(names.NORTHWARD_CURRENT), names.NORTHWARD_CURRENT),
        (lambda d: d.transpose("lat", "lon", "time"), names.EASTWARD_CURRENT),
        (_fill_value, names.EASTWARD_CURRENT),
        (lambda d: d.isel(time=[0, 2, 1]), "time"),
        (lambda d: d.isel(lat=[1, 0]), "lat"),
        (lambda d: d.assign_attrs(source=1).drop_attrs(), "units"),
    ],
    ids=["units", "missing", "dims", "fill value", "unsorted", "descending", "attributes"],
)  # fmt: skip
def test_a_broken_field_is_named(forcing: xr.Dataset, change, field: str) -> None:
    """Units, dimensions, fill values, order and attributes are checked, in words."""
    with pytest.raises(ProductError, match=r"forcing\.nc") as caught:
        validate_grid("Forcing", change(forcing), "forcing.nc")
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda t: t.drop(columns="quality"), "quality"),
        (lambda t: t.assign(quality=[1, 9]), "quality"),
        (lambda t: t.assign(time=t["time"].dt.tz_localize(None)), "time"),
        (lambda t: t.assign(drifter_id=["a", 3]), "drifter_id"),
        (lambda t: t.set_crs(3857, allow_override=True), "crs"),
        (lambda t: t.set_geometry(gpd.GeoSeries([None, None], crs=4326)), "geometry"),
    ],
    ids=["missing", "range", "zone", "kind", "crs", "geometry"],
)
def test_a_broken_column_is_named(fixes: gpd.GeoDataFrame, change, field: str) -> None:
    """Columns, ranges, zones, kinds, reference system and geometry are checked, in words."""
    with pytest.raises(ProductError, match=field):
        validate_table("Drifters", change(fixes), "drifters.parquet")


def test_products_survive_their_files(tmp_path, forcing: xr.Dataset, fixes: gpd.GeoDataFrame) -> None:
    """What is written is read back equal, and byte for byte the same when written again."""
    first, second = tmp_path / "a.nc", tmp_path / "b.nc"
    save_grid("Forcing", forcing, first)
    save_grid("Forcing", load_grid("Forcing", first), second)
    xr.testing.assert_allclose(load_grid("Forcing", first), forcing)
    assert first.read_bytes() == second.read_bytes()
    save_table("Drifters", fixes, tmp_path / "d.parquet")
    pd.testing.assert_frame_equal(pd.DataFrame(load_table("Drifters", tmp_path / "d.parquet")), pd.DataFrame(fixes))


def test_every_contract_has_units_and_words() -> None:
    """Each variable and column says what it is and in which unit (an empty unit is a name or a flag)."""
    for contract in GRIDS.values():
        assert contract.summary
        assert all(v.units and v.long_name for v in contract.variables.values())
    for table in TABLES.values():
        assert table.summary
        assert all(c.long_name for c in table.columns.values())
        assert all(c.units for c in table.columns.values() if c.kind in {"float", "time"})


def test_a_scene_of_unknown_radiometry_is_refused() -> None:
    """Radiometry is carried as a tag, never guessed."""
    with pytest.raises(Exception, match="radiometry"):
        SceneRef("s", "s.tif", {"B2": 1}, 1e-4, 0.0, 0, "toa", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "S2A")
