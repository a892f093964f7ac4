"""The map in other forms, its climatology, and the figures it is verified by."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from density_files import BACKGROUND, NOW, detections, forecast, segmentation

from oceanclean.density import (
    Climatology,
    build_climatology,
    density_map,
    load_settings,
    map_mapper_index,
    time_series,
    windrows,
    write_geotiff,
    write_zarr,
)
from oceanclean.density.hitcurve import area_under, found_in_best, searched_between
from oceanclean.density.verification import Tally, crps, grouped
from oceanclean.density.windrows import GRID, evaluate_windrows
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names, validate_grid

PATCH = (slice(500, 540), slice(700, 760), 0.9)


@pytest.fixture(scope="module")
def data(tmp_path_factory, region, config_dir):
    scene = segmentation(tmp_path_factory.mktemp("s"), debris=[PATCH])
    return density_map(region, [scene], None, None, valid_time="2026-06-14T20:00Z", issue_time=NOW,
                       settings=load_settings(config_dir))  # fmt: skip


def test_quantiles_stand_around_the_mean(data):
    """They rise with their level; an unseen cell has them too."""
    quantile = data["debris_density_quantile"]
    assert (quantile.diff("quantile") >= 0).all()
    assert np.isfinite(quantile).all()
    assert (quantile.sel(quantile=0.95) > data[names.DENSITY]).mean() > 0.9


def test_the_geotiff_lies_where_the_map_does(tmp_path, data):
    """North up, each band named, values of the same place equal."""
    import rasterio

    path = write_geotiff(data, tmp_path / "m.tif")
    with rasterio.open(path) as source:
        assert source.descriptions[:2] == (names.DENSITY, names.DENSITY_STD)
        assert source.units[0] == "kg km-2"
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        rich = data[names.DENSITY].argmax(...)
        lon, lat = float(data["lon"][rich["lon"]]), float(data["lat"][rich["lat"]])
        value = next(source.sample([(lon, lat)]))
    assert value[0] == pytest.approx(float(data[names.DENSITY].max()))


def test_the_zarr_store_keeps_the_contract(tmp_path, data):
    """Read back, it passes the door."""
    path = write_zarr(data, tmp_path / "m.zarr")
    back = xr.open_zarr(path, consolidated=False).load()
    assert np.allclose(validate_grid("DensityMap", back, "zarr")[names.DENSITY], data[names.DENSITY])


def test_map_mappers_index_is_mean_times_number(region):
    """Only debris of the frame counts."""
    table = detections([(-148.79, 30.11)] * 3 + [(-148.71, 30.11)], probability=[0.5, 0.7, 0.9, 0.4])
    table.loc[1, "class_name"] = "foam"
    table.loc[2, "observed_at"] = pd.Timestamp("2026-06-20T00:00Z")
    index = map_mapper_index(table, region.grid, "2026-06-15", "2026-06-16")
    assert float(index["mdm_index"].max()) == pytest.approx(0.5)
    assert int(index["detections"].sum()) == 2
    assert float(index["mdm_index"].sum()) == pytest.approx(0.9)


def test_a_time_series_of_areas_adds_up(data, region):
    """Halves sum to the whole, at an edge inside cells too; area and observed share are those of the cells."""
    west, south, east, north = region.grid.bounds
    areas = {"all": shapely.box(west, south, east, north), "left": shapely.box(west, south, -148.777, north),
             "right": shapely.box(-148.777, south, east, north)}  # fmt: skip
    table = time_series([data, data.assign_attrs(valid_time="2026-06-13T20:00:00Z")], areas).set_index("area")
    assert len(table) == 6
    mass = table["mass_kg"].iloc[:3]
    assert mass["left"] + mass["right"] == pytest.approx(mass["all"], rel=1e-6)
    assert mass["all"] == pytest.approx(float((data[names.DENSITY] * region.grid.area_km2).sum()), rel=1e-5)
    assert table["area_km2"].iloc[0] == pytest.approx(region.grid.area_km2.sum(), rel=1e-6)
    assert table["valid_time"].is_monotonic_increasing


def test_a_climatology_learns_from_looks_of_its_season_only(tmp_path, data, region, config_dir):
    """What was seen enters, what was forecast does not; another season keeps the background; the file survives."""
    built = build_climatology([data, data])
    built.save(tmp_path / "c.nc")
    climate = Climatology.load(tmp_path / "c.nc")
    june, std, source = climate.at(region, pd.Timestamp("2027-07-01T00:00Z"), (BACKGROUND, 6.0))
    rich = data[names.DENSITY].to_numpy() > 20 * BACKGROUND
    assert (june[rich] > 5 * BACKGROUND).all()
    assert (std > 0).all()
    assert "2 maps" in source
    unseen = data["observed_fraction"].to_numpy() == 0
    assert np.allclose(june[unseen], BACKGROUND)
    winter, _, _ = climate.at(region, pd.Timestamp("2027-01-01T00:00Z"), (BACKGROUND, 6.0))
    assert np.allclose(winter, BACKGROUND)
    today = density_map(region, [], None, None, valid_time="2026-06-20T00:00Z", issue_time="2026-06-20T00:00Z",
                        settings=load_settings(config_dir), climatology=climate)  # fmt: skip
    assert (today[names.DENSITY].to_numpy()[rich] > 5 * BACKGROUND).all()
    assert (today["origin"] == 1).all()
    assert "climatology of 2 maps" in today.attrs["background_source"]


def test_an_unseen_sea_renews_itself_where_a_climatology_says_what_it_holds(data, region, config_dir):
    """Beside the forecast stands what was born since it began; without a climatology nobody knows how much."""
    settings = load_settings(config_dir)
    climate, ahead = build_climatology([data]), forecast(region, 0.5, 0.1)
    began = pd.Timestamp(ahead["time"].to_numpy()[0], tz="UTC")
    when = f"{began + pd.Timedelta(hours=6):%Y-%m-%dT%H:%MZ}"
    maps = [density_map(region, [], None, ahead, valid_time=when, issue_time=when, settings=settings, climatology=c)
            for c in (None, climate)]  # fmt: skip
    mean, std, _ = climate.at(region, began, (BACKGROUND, region.settings.background.std_kg_km2))
    renewed = 1 - np.exp(-6 / settings.assimilation.renewal_h)
    born = mean * renewed
    assert np.allclose(maps[0][names.DENSITY], 0.5, rtol=1e-5)
    assert np.allclose(maps[1][names.DENSITY], 0.5 + born, rtol=1e-3)
    assert (maps[1][names.DENSITY_STD].to_numpy() > std * np.sqrt(renewed)).all()


def test_what_is_no_climatology_is_named(tmp_path, data):
    """Another file, no map, maps of two grids."""
    data.to_netcdf(tmp_path / "m.nc")
    with pytest.raises(InputError, match=r"m\.nc"):
        Climatology.load(tmp_path / "m.nc")
    with pytest.raises(MissingDataError, match="at least one map"):
        build_climatology([])
    with pytest.raises(InputError, match="grid"):
        build_climatology([data, data.isel(lat=slice(1, None))])


def test_the_hit_curve_knows_the_perfect_and_the_blind_map():
    """The truth itself finds all at once, a flat map as much as it searches, ties in no order."""
    truth, area = np.array([0.0, 0.0, 5.0, 0.0, 5.0, 0, 0, 0, 0, 0]), np.ones(10)
    assert found_in_best(truth, truth, area, 0.2) == 1
    assert area_under(np.zeros(10), truth, area) == pytest.approx(0.5)
    assert area_under(truth, truth, area) == pytest.approx(0.9)
    assert area_under(-truth, truth, area) == pytest.approx(0.1)
    assert found_in_best(np.zeros(10), truth, area, 0.1) == pytest.approx(0.1)


def test_when_a_cell_is_searched_agrees_with_the_curve():
    """A kilogram's share of the area under the curve sums to the whole curve's, ties included."""
    rng = np.random.default_rng(7)
    score, truth, area = rng.integers(0, 6, 200).astype(float), rng.random(200), rng.random(200)
    low, high = searched_between(score, area)
    assert (truth * (1 - (low + high) / 2)).sum() / truth.sum() == pytest.approx(area_under(score, truth, area))
    tenth = (truth * np.clip((0.1 - low) / (high - low), 0, 1)).sum() / truth.sum()
    assert tenth == pytest.approx(found_in_best(score, truth, area))


def test_crps_is_the_integral_of_squared_differences():
    """Against the definition, and its two ends."""
    rng = np.random.default_rng(0)
    members, truth = rng.normal(size=(30, 4)), np.array([0.0, 1.0, -2.0, 0.3])
    x = np.linspace(-8, 8, 160_001)
    for k in range(4):
        step = (members[:, k][:, None] <= x).mean(axis=0) - (x >= truth[k])
        assert crps(members, truth)[k] == pytest.approx(float(np.trapezoid(step**2, x)), abs=1e-3)
    assert crps(np.full((5, 1), 2.0), np.array([2.0]))[0] == 0


def test_coverage_of_honest_members_is_what_they_say():
    """Truth drawn from the members' law: 90 % and 50 % hold, ranks are even; too narrow members are found out."""
    rng = np.random.default_rng(2)
    shape, sea = (60, 60), np.ones((60, 60), dtype=bool)
    field, narrow = Tally(), Tally()
    members, truth = rng.gamma(2, 3, (400, *shape)), rng.gamma(2, 3, shape)
    for tally, own in ((field, members), (narrow, 6 + 0.3 * (members - 6))):
        tally.add(own, truth, np.full(shape, 3), np.ones(shape), sea, 5)
    honest, small = field.figures(), narrow.figures()
    assert honest["coverage"]["cells"]["90"] == pytest.approx(0.9, abs=0.02)
    assert honest["coverage"]["cells of observation"]["50"] == pytest.approx(0.5, abs=0.03)
    assert honest["coverage"]["groups of 5 x 5 cells"]["90"] == pytest.approx(0.9, abs=0.07)
    assert small["coverage"]["cells"]["90"] < 0.6
    assert small["crps"] > honest["crps"]
    assert grouped(np.ones((2, 11, 7)), 5).tolist() == [[[25.0], [25.0]]] * 2


def archive(rng, years, places, n=200):
    rows = []
    for year in years:
        for month in (1, 4, 7, 10):
            lon, lat = places[month]
            rows.append(pd.DataFrame({
                "seen_at": pd.Timestamp(year=year, month=month, day=1, tz="UTC")
                + pd.to_timedelta(rng.integers(0, 25, n), unit="D"),
                "lon": lon + 0.4 * rng.standard_normal(n), "lat": lat + 0.4 * rng.standard_normal(n),
                "pixels": rng.integers(5, 50, n)}))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def test_the_windrow_archive_is_scored_on_seasons_never_seen(monkeypatch):
    """Where windrows return each season, the seasonal map finds them; where they jump about, nothing does."""
    rng = np.random.default_rng(5)
    sea = np.ones(GRID.shape, dtype=bool)
    steady = archive(rng, range(2018, 2021), {1: (5, 38), 4: (15, 40), 7: (20, 36), 10: (30, 34)})
    monkeypatch.setattr(windrows, "_CHOICES", {"season_share": (0.3, 0.6), "power": (0.0, 1.0)})
    figures = evaluate_windrows(steady, sea=sea, first_scored="2020-01-01", draws=20)
    assert figures["seasons"] == ["2020 MAM", "2020 JJA", "2020 SON"]
    assert figures["scores"]["seasonal map"]["area_under"] > 0.98
    gain = figures["gain_over"]["persistence (last season)"]["area_under"]
    assert gain[1] > 0.3
    assert gain[1] <= gain[0] <= gain[2]
    json.dumps(figures)
    with pytest.raises(MissingDataError, match="seasons"):
        evaluate_windrows(steady[steady["seen_at"] < "2019-01-01"], sea=sea, first_scored="2020-01-01")
