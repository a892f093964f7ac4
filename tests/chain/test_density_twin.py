"""Verification of the density map: simulated looks obey clouds and rates; the command reads the windrow archive."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.cli.density_twin import START, Sky, known_fixes, simulate_look, twin_table
from oceanclean.density import load_settings, windrows
from oceanclean.errors import MissingDataError
from oceanclean.region import load_region

DAY = pd.Timedelta(days=1)
FIRST = pd.Timestamp(START).tz_localize("UTC")


def test_a_simulated_look_sees_nothing_under_cloud_and_counts_right(config_dir):
    """Found kilograms over many looks agree with rates and truth; a swath comes back after its turn."""
    region, settings = load_region("demo"), load_settings(config_dir)
    sensor = settings.sensors["sentinel2"]
    truth = np.where(region.land_mask, 0.0, 50.0)
    rng = np.random.default_rng(1)
    looks = [simulate_look(truth, region, settings, FIRST + k * DAY, Sky(), rng) for k in range(40)]
    for look in looks:
        assert (look.found_kg[look.seen_km2 == 0] == 0).all()
        assert (look.seen_km2[region.land_mask] == 0).all()
    seen = sum(look.seen_km2.sum() for look in looks)
    assert seen / 40 / region.grid.area_km2[~region.land_mask].sum() == pytest.approx(0.2, abs=0.05)
    expected = seen * (50.0 * sensor.found * sensor.visible_share + sensor.false_per_km2 * settings.windrows.clump_kg)
    assert sum(look.found_kg.sum() for look in looks) == pytest.approx(expected, rel=0.4)
    columns = [np.flatnonzero(look.seen_km2.sum(axis=0)) for look in looks[:3]]
    assert not set(columns[0]) & set(columns[1])


def test_only_fixes_that_could_be_read_are_known():
    """Neither tomorrow's nor the day before yesterday's."""
    hours = pd.to_timedelta([-60, -10, -1, 5], unit="h")
    time, ready = ((FIRST + hours + pd.Timedelta(hours=h)).strftime("%Y-%m-%dT%H:%M:%SZ") for h in (0, 2))
    columns = {"drifter_id": "b1", "time": time, "latitude": 16.0, "longitude": -87.0, "drogued": 1}
    fixes = pd.DataFrame({**columns, "available_at": ready})
    assert known_fixes(fixes, FIRST)["time"].tolist() == [FIRST - pd.Timedelta(hours=10)]


def test_the_table_names_every_method():
    """Lines for a terminal, from the figures as they are written."""
    row = {f"{k}_last_day": 0.5 for k in ("in_best_tenth", "of_truth_map", "area_under", "mass_error")}
    text = twin_table({
        "days": 10, "seeds": [0], "cloud": 0.5, "swath": 0.4, "scores": {"assimilation": row, "climatology": row},
        "times_latest_scene": 1.7,
        "calibration": {"coverage": {"cells": {"50": 0.5, "90": 0.9, "count": 7}}, "crps": 1.0,
                        "crps_climatology": 2.0},
    })  # fmt: skip
    assert "climatology" in text
    assert "1.70 times" in text


def test_the_command_scores_an_archive(tmp_path, monkeypatch):
    """From the Excel book to figures on disk; a folder without one is named."""
    rng = np.random.default_rng(0)
    time = pd.date_range("2018-03-02", "2020-05-30", periods=1500)
    pd.DataFrame({
        "Latitude": 38 + 0.3 * rng.standard_normal(1500), "Longitude": 5 + 0.3 * rng.standard_normal(1500),
        "Str_time": time.strftime("%Y%m%dT%H%M%S"), "Pixels per LW": rng.integers(5, 50, 1500),
    }).to_excel(tmp_path / "archive.xlsx", index=False)  # fmt: skip
    monkeypatch.setattr(windrows, "_CHOICES", {"season_share": (0.3, 0.6)})
    words = ["evaluate", "density", "--days", "0", "--data", str(tmp_path), "--json", str(tmp_path / "f.json")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "seasonal map" in done.output
    figures = json.loads((tmp_path / "f.json").read_text())["windrows"]
    assert figures["scores"]["seasonal map"]["area_under"] > 0.95
    empty = CliRunner().invoke(app, ["evaluate", "density", "--days", "0", "--data", str(tmp_path / "none")])
    assert isinstance(empty.exception, MissingDataError)
