"""Efficiency learned from reports: it finds the truth, with honest doubt, and moves little on little."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from oceanclean.allocation.catches import learned_efficiency, passed_kg, with_learned
from oceanclean.errors import InputError
from oceanclean.products import validate_table
from tests.allocation.days import ISSUE, fleet

START = pd.Timestamp(ISSUE, tz="UTC")


def _hauls(count, truth, *, waves=0.3, lump=3.0, seed=0, vessel="v0", density=50.0):
    """Hauls of a vessel whose true efficiency is known: compound Poisson catches."""
    rng = np.random.default_rng(seed)
    swept = rng.uniform(2e3, 2e4, count)
    caught = lump * rng.poisson(truth * 40.0 * swept / 1e6 * density / lump)
    start = START + pd.to_timedelta(np.arange(count), unit="h")
    table = pd.DataFrame({
        "catch_id": [f"{vessel}-{waves}-{k}" for k in range(count)], "vessel_id": vessel, "task_id": "",
        "started_at": start, "ended_at": start + pd.Timedelta(minutes=50), "available_at": start,
        "caught_kg": caught, "swept_m": swept, "swath_m": np.nan, "wave_height_m": waves, "fuel_l": np.nan,
        "debris_class": "", "reported_by": "", "note": "",
    })  # fmt: skip
    for name in ("started_at", "ended_at", "available_at"):
        table[name] = table[name].astype("datetime64[ns, UTC]")
    points = gpd.points_from_xy(np.zeros(count), np.zeros(count))
    return validate_table("Catches", gpd.GeoDataFrame(table, geometry=points, crs="EPSG:4326"), "test")


def _of(table, vessel="v0", below=None):
    mine = table[table["vessel_id"] == vessel]
    return mine[mine["all_seas"]].iloc[0] if below is None else mine[mine["waves_below_m"].eq(below)].iloc[0]


def test_many_reports_find_the_truth_by_sea_state():
    """A vessel that keeps 60 % in calm and 20 % in moderate seas is told so, whatever its file says."""
    catches = pd.concat([_hauls(300, 0.6), _hauls(300, 0.2, waves=1.0, seed=1)], ignore_index=True)
    table, notes = learned_efficiency(catches, fleet({"efficiency": 0.9}), np.full(600, 50.0))
    assert notes == []
    assert _of(table, below=0.5)["efficiency"] == pytest.approx(0.6, abs=0.05)
    assert _of(table, below=1.25)["efficiency"] == pytest.approx(0.2, abs=0.05)


def test_the_doubt_is_honest():
    """Over many made-up fleets, the truth lies between the 10 % and the 90 % quantile about four times in five."""
    inside = 0
    for seed in range(60):
        truth = float(np.random.default_rng(seed).uniform(0.2, 0.8))
        row = _of(learned_efficiency(_hauls(12, truth, seed=seed), fleet({"efficiency": 0.5}), np.full(12, 50.0))[0])
        inside += row["p10"] <= truth <= row["p90"]
    assert 0.65 <= inside / 60 <= 0.95


def test_without_reports_the_file_is_believed_and_few_reports_move_little():
    """No haul: what the file says with wide doubt; one empty haul takes it down, not to zero; more hauls narrow it."""
    boats = fleet({"efficiency": 0.7})
    none = _of(learned_efficiency(_hauls(0, 0.5), boats, np.zeros(0))[0])
    assert none["efficiency"] == pytest.approx(0.7)
    assert none["doubt"] == pytest.approx(0.35)
    one = _of(learned_efficiency(_hauls(1, 0.0), boats, np.full(1, 5.0))[0])
    assert 0.1 < one["efficiency"] < 0.7
    many = _of(learned_efficiency(_hauls(50, 0.5), boats, np.full(50, 50.0))[0])
    assert many["doubt"] < 0.2 * none["doubt"]


def test_hauls_that_say_nothing_are_left_out_and_counted():
    """Unknown vessels and hauls without a density change nothing and are told."""
    catches = pd.concat([_hauls(3, 0.5, vessel="ghost"), _hauls(3, 0.5)], ignore_index=True)
    table, notes = learned_efficiency(catches, fleet({"efficiency": 0.7}), np.full(6, np.nan))
    assert _of(table)["efficiency"] == pytest.approx(0.7)
    assert len(notes) == 2
    assert list(table["vessel_id"].unique()) == ["v0"]
    with pytest.raises(InputError, match="one value"):
        passed_kg(catches, fleet({}), np.ones(2))


def test_a_haul_without_a_distance_counts_its_time():
    """Swept area from the vessel's collecting speed and mouth where the crew gave none."""
    catches = _hauls(1, 0.5)
    catches["swept_m"] = np.nan
    assert passed_kg(catches, fleet({}), [100.0])[0] == pytest.approx(40.0 * 1.2 * 3000 / 1e6 * 100)


def test_the_learned_efficiency_goes_into_the_fleet():
    """The plan that follows reckons with what was learned; vessels without a row stay."""
    boats = fleet({"efficiency": 0.9}, {"efficiency": 0.4})
    table, _ = learned_efficiency(_hauls(80, 0.3), boats, np.full(80, 50.0))
    after = with_learned(boats, table)
    assert after["efficiency"].iloc[0] == pytest.approx(0.3, abs=0.05)
    assert after["efficiency"].iloc[1] == pytest.approx(0.4)
