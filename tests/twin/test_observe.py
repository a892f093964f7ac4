"""What is seen: files in the real formats, with nothing of the truth in them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

import oceanclean
from oceanclean.errors import InputError
from oceanclean.products import names
from oceanclean.settings import load_sources_settings
from oceanclean.store import digest_file
from oceanclean.twin import observe as door
from tests.twin.conftest import ISSUE

QUANTITIES = {
    "currents": {names.EASTWARD_CURRENT: "m s-1", names.NORTHWARD_CURRENT: "m s-1"},
    "wind": {names.EASTWARD_WIND: "m s-1", names.NORTHWARD_WIND: "m s-1"},
    "waves": {names.EASTWARD_STOKES: "m s-1", names.NORTHWARD_STOKES: "m s-1", names.WAVE_HEIGHT: "m"},
}


def opened(twin, role, day=0):
    return xr.open_dataset(Path(twin["out"]) / twin["paths"][role][day])


@pytest.mark.parametrize("role", QUANTITIES)
def test_forecasts_are_cf_files_over_the_whole_window(twin, role, region, settings):
    """Standard names and units, from the history to the horizon, over the region, as available before the issue."""
    with opened(twin, role) as data:
        found = {v.attrs["standard_name"]: v.attrs["units"] for v in data.data_vars.values()}
        assert found == QUANTITIES[role]
        f, issue = settings.forecast, pd.Timestamp(ISSUE).tz_localize(None)
        assert data["time"].values[0] == (issue - pd.Timedelta(hours=f.history_h)).to_datetime64()
        assert data["time"].values[-1] == (issue + pd.Timedelta(hours=f.horizon_h)).to_datetime64()
        west, south, east, north = region.grid.bounds
        assert float(data["longitude"][0]) <= west
        assert float(data["longitude"][-1]) >= east
        assert float(data["latitude"][0]) <= south
        assert float(data["latitude"][-1]) >= north
        assert pd.Timestamp(data.attrs["available_at"]) < pd.Timestamp(ISSUE)


def test_currents_and_waves_are_missing_on_land_and_wind_is_not(twin):
    """As in real products: the ocean model has no land, the atmosphere has."""
    with opened(twin, "currents") as currents, opened(twin, "waves") as waves, opened(twin, "wind") as wind:
        place = {"longitude": -87.3, "latitude": 15.6}
        assert np.isnan(currents["uo"].sel(place, method="nearest")).all()
        assert np.isnan(waves["VHM0"].sel(place, method="nearest")).all()
        assert np.isfinite(wind["u10"]).all()
        assert np.isfinite(currents["uo"].sel(longitude=-87.3, latitude=16.5, method="nearest")).all()


def test_forecast_is_not_the_truth(twin):
    """The forecast current differs from the true one at sea, and resembles it."""
    with opened(twin, "currents") as said, xr.open_dataset(Path(twin["truth"]) / "currents.nc") as true:
        window = {"latitude": slice(16.0, 16.8), "longitude": slice(-88.0, -86.9)}
        told = said["uo"].sel(window)
        real = true["uo"].interp(latitude=told["latitude"], longitude=told["longitude"]).sel(time=told["time"])
        error = float(np.sqrt(((told - real) ** 2).mean()))
        assert 0.02 < error < 0.2
        both = np.isfinite(told) & np.isfinite(real)
        assert np.corrcoef(told.values[both.values], real.values[both.values])[0, 1] > 0.5


def test_each_issue_has_files_of_its_own_and_none_from_its_future(twin):
    """A day of several can be replayed as it was: two forecasts, two passes, each with when it became available."""
    assert twin["issue_times"] == [ISSUE, "2026-06-16T06:00:00Z"]
    for day, issue in enumerate(twin["issue_times"]):
        for role in QUANTITIES:
            with opened(twin, role, day) as data:
                assert pd.Timestamp(data.attrs["available_at"]) <= pd.Timestamp(issue)
        with rasterio.open(Path(twin["out"]) / twin["paths"]["scenes"][day]) as file:
            available = pd.Timestamp(file.tags()["available_at"])
        assert pd.Timestamp(issue) - pd.Timedelta(hours=24) < available <= pd.Timestamp(issue)


def test_tables_are_causal_and_have_the_faults_of_real_ones(twin, fleet, settings):
    """A units row, gaps and drogues in the fixes; a duplicate and a mistake among the sightings; every vessel."""
    seen = Path(twin["seen"])
    last = pd.Timestamp(twin["issue_times"][-1])
    fixes = pd.read_csv(seen / "drifters.csv", skiprows=[1])
    assert (seen / "drifters.csv").read_text().splitlines()[1] == ",UTC,degrees_north,degrees_east,,UTC"
    assert set(fixes["drogued"]) == {0, 1}
    assert pd.to_datetime(fixes["available_at"]).max() <= last
    steps = fixes.groupby("drifter_id")["time"].apply(lambda t: pd.to_datetime(t).diff().dropna())
    assert steps.min() == pd.Timedelta(hours=1)
    assert steps.max() > pd.Timedelta(hours=1)
    sightings = pd.read_csv(seen / "sightings.csv")
    assert len(sightings) == 2 * settings.reports.sightings_a_day
    assert (pd.to_datetime(sightings["available_at"]) >= pd.to_datetime(sightings["time"])).all()
    status = pd.read_csv(seen / "fleet_status.csv")
    assert set(status["vessel_id"]) == {v.id for v in fleet.vessels}
    assert (pd.to_datetime(status["available_at"]) <= last).all()


def test_what_is_seen_holds_nothing_of_the_truth(twin):
    """No file under seen/ carries a true mass, cover, particle or class: by name of variable, column or tag."""
    told = re.compile(r"mass|cover|truth|particle|raft|kind|status_flag|false|duplicate", re.IGNORECASE)
    for path in Path(twin["seen"]).rglob("*"):
        if path.suffix == ".nc":
            with xr.open_dataset(path) as data:
                words = [*map(str, data.variables), *map(str, data.attrs), *map(str, data.attrs.values())]
        elif path.suffix == ".csv":
            words = path.read_text().splitlines()[:1]
        elif path.suffix == ".tif":
            with rasterio.open(path) as file:
                words = [*file.tags(), *file.tags().values(), *map(str, file.descriptions)]
        else:
            continue
        assert not [w for w in words if told.search(w)], path
    assert not list(Path(twin["seen"]).rglob("*truth*"))
    assert {p.name for p in Path(twin["truth"]).iterdir()} == {
        "debris.nc",
        "currents.nc",
        "wind.nc",
        "waves.nc",
        "scenes",
    }


def test_no_room_of_the_chain_imports_the_twin():
    """The chain cannot read the truth: no module beside the twin and the command line imports the twin."""
    root = Path(oceanclean.__file__).parent
    for path in root.rglob("*.py"):
        if path.relative_to(root).parts[0] in {"twin", "cli"}:
            continue
        assert not re.search(r"^\s*(from|import) oceanclean\.twin\.(?!observe|settings)", path.read_text(), re.M), path


def test_same_arguments_are_answered_at_once_and_other_ones_are_not(region, settings, fleet, tmp_path, monkeypatch):
    """A finished folder is recognised; another seed makes another sea; the same seed elsewhere the same bytes."""
    first = door.observe(region, ISSUE, tmp_path / "a", settings, 5, fleet=fleet)
    other = door.observe(region, ISSUE, tmp_path / "b", settings, 5, fleet=fleet)
    scene = first["paths"]["scenes"][0]
    assert digest_file(tmp_path / "a" / scene) == digest_file(tmp_path / "b" / scene)
    assert (tmp_path / "a/seen/drifters.csv").read_text() == (tmp_path / "b/seen/drifters.csv").read_text()
    with opened(first, "currents") as a, opened(other, "currents") as b:
        xr.testing.assert_identical(a, b)
    with monkeypatch.context() as patch:
        patch.setattr(door, "_fill", lambda *_: pytest.fail("computed again"))
        again = door.observe(region, ISSUE, tmp_path / "a", settings, 5, fleet=fleet)
    assert again["reused"]
    assert again["paths"] == first["paths"]
    (tmp_path / "b/seen/drifters.csv").unlink()
    monkeypatch.setattr(door, "_fill", lambda *_: (_ for _ in ()).throw(RuntimeError("stopped")))
    with pytest.raises(RuntimeError, match="stopped"):  # a file is missing: it is not taken for whole
        door.observe(region, ISSUE, tmp_path / "b", settings, 5, fleet=fleet)


def test_nothing_half_written_stands(region, settings, fleet, tmp_path, monkeypatch):
    """A run that dies while it renders leaves no folder behind."""
    monkeypatch.setattr(door, "write_scene", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        door.observe(region, ISSUE, tmp_path / "demo", settings, 5, fleet=fleet)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["yesterday", "2026-06-15T06:30:00Z"])
def test_wrong_issue_time_is_refused_with_what_was_expected(region, settings, fleet, tmp_path, wrong):
    """An unreadable time, or one off the hour, names itself."""
    with pytest.raises(InputError, match=re.escape(repr(wrong))):
        door.observe(region, wrong, tmp_path / "demo", settings, 5, fleet=fleet)


def test_sources_of_the_demo_region_point_at_what_is_written(config_dir, twin):
    """Every source of config/sources/demo.yaml finds a file of the twin."""
    sources = load_sources_settings("demo", config_dir)
    for role in ("scenes", "currents", "wind", "waves", "drifters", "sightings", "fleet_status"):
        for source in getattr(sources, role):
            pattern = source.path.removeprefix("${OCEANCLEAN_WORK}/twin/demo/")
            assert list(Path(twin["out"]).glob(pattern)), (role, pattern)
