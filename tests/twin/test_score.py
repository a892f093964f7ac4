"""Scores against the truth: a plan is paid for what it really meets."""

from __future__ import annotations

import json
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from oceanclean.errors import MissingDataError
from oceanclean.products.plan import Plan
from oceanclean.sources.catches import read_catches
from oceanclean.twin.catches import write_catches
from oceanclean.twin.forecast import write_cf
from oceanclean.twin.score import score_map, score_plan, score_run, score_segmentation
from oceanclean.twin.settings import load_twin_settings
from oceanclean.twin.sortie import sun_is_up

START = np.datetime64("2026-06-15T06:00:00")
NOON = pd.Timestamp("2026-06-15T15:00:00Z")


@pytest.fixture
def truth(tmp_path):
    """A still sea with one raft of 900 kg in 90 particles, 100 m long, 1 km north of the order's place."""
    folder = tmp_path / "truth"
    folder.mkdir()
    times = START + np.arange(24) * np.timedelta64(1, "h")
    lon = np.tile(-87.0 + np.linspace(-50, 50, 90) / 107e3, (24, 1))
    pieces = xr.Dataset(
        {
            "lon": (("time", "particle"), lon), "lat": (("time", "particle"), np.full((24, 90), 16.5 + 1000 / 110.6e3)),
            "status": (("time", "particle"), np.ones((24, 90), np.int8)), "mass": ("particle", np.full(90, 10.0)),
            "raft": ("particle", np.zeros(90, np.int32)),
        },
        coords={"time": times.astype("datetime64[ns]")},
    )  # fmt: skip
    write_cf(pieces, folder / "debris.nc")
    write_weather(folder, height=0.8, wind=5.0)
    return folder


def write_weather(folder, height, wind):
    times = (START + np.arange(24) * np.timedelta64(1, "h")).astype("datetime64[ns]")
    grid = {"time": times, "latitude": [16.0, 17.0], "longitude": [-88.0, -86.0]}
    dims, shape = ("time", "latitude", "longitude"), (24, 2, 2)
    still = xr.Dataset(coords=grid)
    write_cf(still.assign(u10=(dims, np.full(shape, wind)), v10=(dims, np.zeros(shape))), folder / "wind.nc")
    write_cf(still.assign(VHM0=(dims, np.full(shape, height))), folder / "waves.nc")


def saved_plan(folder, lon=-87.0, lat=16.5, hours=3.0, vessel="pelicano", arrive=NOON):
    """A plan of one collect order."""
    folder.mkdir()
    orders = gpd.GeoDataFrame(
        {"vessel_id": [vessel], "sequence": [1], "action": ["collect"], "task_id": ["t1"], "arrive": [arrive],
         "leave": [arrive + pd.Timedelta(hours=hours)], "expected_kg": [500.0]},
        geometry=gpd.points_from_xy([lon], [lat]), crs="EPSG:4326",
    )  # fmt: skip
    empty = gpd.GeoDataFrame({"task_id": [], "time": []}, geometry=[], crs="EPSG:4326")
    Plan(orders, empty, empty, empty, [], "2026-06-15T06:00:00Z", 18, 500.0, 0.0, 0.0, None, None, {}, 0.1).save(folder)
    return folder


@pytest.fixture(scope="module")
def rules(config_dir):
    return load_twin_settings(config_dir)


def test_a_raft_in_sight_is_caught_with_the_vessel_s_efficiency(truth, tmp_path, fleet, rules):
    """A crew that has three hours 1 km from a raft takes what its gear keeps of it, and not more."""
    result = score_plan(saved_plan(tmp_path / "plan"), truth, fleet, rules)
    assert result["kg_caught"] == pytest.approx(0.8 * 900, rel=0.05)
    assert result["kg_expected"] == 500.0
    assert result["share_of_afloat"] == pytest.approx(result["kg_caught"] / 900, rel=1e-3)
    assert result["orders"][0]["hours_waited"] == 0


def test_a_plan_that_goes_elsewhere_catches_nothing(truth, tmp_path, fleet, rules):
    """Expected kilograms are worth nothing where there is no debris."""
    result = score_plan(saved_plan(tmp_path / "plan", lon=-86.6), truth, fleet, rules)
    assert result["kg_caught"] == 0
    assert result["caught_over_expected"] == 0


def test_the_hold_ends_the_catch(truth, tmp_path, fleet, rules):
    """A hold with 200 kg left takes 200 kg."""
    small = fleet.model_copy(
        update={"vessels": [v.model_copy(update={"hold_used_kg": v.hold_kg - 200.0}) for v in fleet.vessels]}
    )
    assert score_plan(saved_plan(tmp_path / "plan"), truth, small, rules)["kg_caught"] == pytest.approx(200, abs=1)


def test_too_high_a_sea_keeps_the_vessel_waiting(truth, tmp_path, fleet, rules):
    """Above its wave limit a vessel waits out its whole order."""
    write_weather(truth, height=2.5, wind=5.0)
    result = score_plan(saved_plan(tmp_path / "plan"), truth, fleet, rules)
    assert result["kg_caught"] == 0
    assert result["orders"][0]["hours_waited"] == pytest.approx(3.0, abs=0.1)


def test_what_one_vessel_took_is_gone_for_the_next(truth, tmp_path, fleet, rules):
    """Two vessels on one raft share it."""
    folder = saved_plan(tmp_path / "plan")
    plan = Plan.load(folder)
    second = plan.orders.assign(
        vessel_id="garza", arrive=NOON + pd.Timedelta(hours=3), leave=NOON + pd.Timedelta(hours=6)
    )
    plan.orders = gpd.GeoDataFrame(pd.concat([plan.orders, second], ignore_index=True), crs="EPSG:4326")
    plan.save(folder)
    result = score_plan(folder, truth, fleet, rules)
    assert result["kg_caught"] <= 900
    assert result["vessels"]["garza"]["kg_caught"] == pytest.approx(0.2 * 900 * 0.8, rel=0.1)


def test_by_night_a_raft_1_km_away_is_not_seen(truth, tmp_path, fleet, rules):
    """Without the sun the crew finds only what it happens to sweep."""
    night = pd.Timestamp("2026-06-15T07:00:00Z")
    assert not sun_is_up(night.tz_localize(None).to_datetime64(), -87.0, 16.5)
    assert sun_is_up(NOON.tz_localize(None).to_datetime64(), -87.0, 16.5)
    result = score_plan(saved_plan(tmp_path / "plan", arrive=night, hours=1.0), truth, fleet, rules)
    assert result["kg_caught"] == 0


def test_a_missing_truth_is_named(tmp_path, fleet, rules):
    """Scoring without a truth folder says which file it wants."""
    with pytest.raises(MissingDataError, match=r"debris\.nc"):
        score_plan(saved_plan(tmp_path / "plan"), tmp_path, fleet, rules)


def test_a_map_is_paid_for_the_share_of_mass_in_its_best_tenth(truth):
    """The true map finds all it can, a map turned upside down finds nothing."""
    lon, lat = np.arange(-87.5, -86.5, 0.02) + 0.01, np.arange(16.0, 17.0, 0.02) + 0.01
    values = np.zeros((len(lat), len(lon)))
    values[np.argmin(np.abs(lat - 16.509)), np.abs(lon + 87.0) < 0.021] = 100.0
    dims = ("lat", "lon")
    right = xr.Dataset({"debris_density": (dims, values)}, {"lat": lat, "lon": lon},
                       {"valid_time": "2026-06-15T12:00:00Z"})  # fmt: skip
    wrong = right.assign(debris_density=(dims, 100 - values))
    good, bad = score_map(right, truth), score_map(wrong, truth)
    assert good["share_in_best_tenth"] == good["best_possible_share"] == pytest.approx(1.0)
    assert bad["share_in_best_tenth"] == 0
    assert good["mass_kg"] == pytest.approx(900)


def test_a_segmentation_is_scored_within_one_pixel_on_what_it_observed(tmp_path):
    """A true filament found one pixel aside counts; under cloud nothing counts; a false pixel is a false pixel."""
    cover = np.zeros((50, 50), np.uint8)
    cover[10, 5:20] = 100
    cover[40, 5:20] = 100
    probability, gate = np.zeros((50, 50), np.uint8), np.zeros((50, 50), np.uint8)
    probability[11, 5:20] = 200
    probability[25, 25] = 200
    gate[35:] = 3
    common = {"driver": "GTiff", "width": 50, "height": 50, "dtype": "uint8", "crs": "EPSG:32616",
              "transform": rasterio.transform.from_origin(4e5, 17e5, 10, 10)}  # fmt: skip
    with rasterio.open(tmp_path / "truth.tif", "w", count=2, **common) as file:
        file.write(np.stack([cover * 0, cover]))
    with rasterio.open(tmp_path / "found.tif", "w", count=3, **common) as file:
        file.write(np.stack([probability, probability * 0, gate]))
    score = SimpleNamespace(**score_segmentation(tmp_path / "found.tif", tmp_path / "truth.tif"))
    assert score.recall == 1
    assert score.precision == pytest.approx(15 / 16)
    assert score.rafts == score.rafts_found == 1
    assert score.observed_km2 == pytest.approx(35 * 50 * 1e-4)


def test_a_run_is_scored_stage_by_stage(truth, tmp_path, region, config_dir):
    """The figures of a run are those of its stages, each by its own name; a run without a plan says so."""
    root = tmp_path / "run"
    (root / "map").mkdir(parents=True)
    with pytest.raises(MissingDataError, match=r"plan\.json"):
        score_run(root, truth, region, config_dir)
    saved_plan(root / "allocate")
    lon, lat = np.arange(-87.49, -86.5, 0.02), np.arange(16.01, 17.0, 0.02)
    density = xr.Dataset({"debris_density": (("lat", "lon"), np.ones((len(lat), len(lon))))},
                         {"lat": lat, "lon": lon}, {"valid_time": "2026-06-15T12:00:00Z"})  # fmt: skip
    density.to_netcdf(root / "map" / "density.nc")
    figures = score_run(root, truth, region, config_dir)
    assert figures["plan.kg_caught"] == figures["plan.pelicano.kg_caught"] == pytest.approx(0.8 * 900, rel=0.05)
    assert figures["map.mass_kg"] == pytest.approx(900)
    assert not [k for k in figures if k.startswith(("forecast", "detect"))]


def test_what_was_caught_is_gone_for_the_next_plan_and_the_reports_can_be_read(truth, tmp_path, fleet, rules):
    """Two plans for one raft: the second finds what the first left; the CSV says what the hauls say."""
    one = saved_plan(tmp_path / "one", arrive=NOON - pd.Timedelta(hours=3), hours=2.0)
    two = saved_plan(tmp_path / "two")
    record = json.loads((two / "plan.json").read_text())
    (two / "plan.json").write_text(json.dumps({**record, "issue_time": "2026-06-15T14:30:00Z"}))
    hauls = write_catches([two, one], truth, fleet, rules, tmp_path / "catches.csv")
    assert [h.start for h in hauls] == sorted(h.start for h in hauls)
    assert hauls[0].kg == pytest.approx(0.8 * 900, rel=0.05)
    assert hauls[1].kg <= 900 - hauls[0].kg + 1e-6
    read, notes = read_catches([tmp_path / "catches.csv"])
    assert notes == []
    assert read["caught_kg"].sum() == pytest.approx(sum(h.kg for h in hauls), abs=0.2)
    assert read["swept_m"].gt(0).any()


def test_an_order_that_the_next_plan_overtook_is_not_carried_out(truth, tmp_path, fleet, rules):
    """The first plan's order begins after the second plan was issued."""
    one, two = saved_plan(tmp_path / "one"), saved_plan(tmp_path / "two", lon=-86.6)
    record = json.loads((two / "plan.json").read_text())
    (two / "plan.json").write_text(json.dumps({**record, "issue_time": "2026-06-15T14:00:00Z"}))
    hauls = write_catches([one, two], truth, fleet, rules, tmp_path / "catches.csv")
    assert [h.lon for h in hauls] == [-86.6]
