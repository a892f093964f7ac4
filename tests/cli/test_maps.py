"""``oceanclean maps …`` as a person calls it, on an archive of two days."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.density.climatology import Climatology
from oceanclean.errors import InputError
from oceanclean.products.files import save_grid
from oceanclean.region import load_region


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    work, region = tmp_path_factory.mktemp("work"), load_region("demo")
    dims = ("lat", "lon")
    for day in (15, 16):
        ones = np.where(region.land_mask, np.nan, 1.0).astype(np.float32)
        data = xr.Dataset(
            {"debris_density": (dims, day * ones), "debris_density_std": (dims, ones),
             "observed_fraction": (dims, ones), "observation_age": (dims, ones),
             "origin": (dims, np.where(region.land_mask, 0, 3).astype(np.int8))},
            {"lat": region.grid.lat, "lon": region.grid.lon},
            {"valid_time": f"2026-06-{day}T11:00:00Z", "issue_time": f"2026-06-{day}T11:00:00Z", "region": "demo"},
        )  # fmt: skip
        folder = work / "runs" / "demo" / f"2026-06-{day}T1100Z" / "map"
        folder.mkdir(parents=True)
        save_grid("DensityMap", data, folder / "density.nc")
    return work


def run(*words):
    return CliRunner().invoke(app, ["maps", *map(str, words)])


def test_the_climatology_is_built_where_the_chain_looks_for_it(archive):
    done = run("climatology", "--region", "demo", "--work", archive)
    assert done.exit_code == 0, done.output
    data = Climatology.load(archive / "climatology" / "demo.nc").data
    assert float(data["debris_density"].sel(season="JJA").mean()) == pytest.approx(15.5)
    assert float(data["weight"].sel(season="DJF").max()) == 0


def test_a_series_has_a_row_for_each_map_and_area(archive, tmp_path):
    region = load_region("demo")
    done = run("series", "--region", "demo", "--work", archive, "--out", tmp_path / "s.csv")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "s.csv")
    sea = region.grid.area_km2[~region.land_mask].sum()
    assert table["mass_kg"].tolist() == pytest.approx([15 * sea, 16 * sea], rel=1e-5)
    areas = gpd.GeoDataFrame({"name": ["bay"]}, geometry=[shapely.box(-88, 16, -87, 16.5)], crs="EPSG:4326")
    areas.to_file(tmp_path / "a.geojson")
    run("series", "--work", archive, "--out", tmp_path / "b.csv", "--areas", tmp_path / "a.geojson")
    assert pd.read_csv(tmp_path / "b.csv")["area"].tolist() == ["bay", "bay"]
    (tmp_path / "bad.geojson").write_text("{}")
    bad = run("series", "--work", archive, "--out", tmp_path / "c.csv", "--areas", tmp_path / "bad.geojson")
    assert isinstance(bad.exception, InputError)


def test_a_map_is_exported_by_its_ending(archive, tmp_path):
    file = archive / "runs/demo/2026-06-15T1100Z/map/density.nc"
    for name in ("m.tif", "m.zarr"):
        assert run("export", file, "--out", tmp_path / name).exit_code == 0
        assert (tmp_path / name).exists()
    assert isinstance(run("export", file, "--out", tmp_path / "m.xyz").exception, InputError)
