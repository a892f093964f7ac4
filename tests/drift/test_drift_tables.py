"""Drifter tables as people send them: mended where the convention is clear, else refused with file and column."""
# ruff: noqa: ARG005 (currents are functions of time and place, used or not)

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analytic_sea import START, analytic_forcing
from drifter_tables import drifter_table, written

from oceanclean.drift.drifters import load_tracks
from oceanclean.drift.engine import advect
from oceanclean.drift.fitting import fit, train_forecaster
from oceanclean.drift.informed import published_windage, stokes_of
from oceanclean.drift.residual import load_forecaster
from oceanclean.drift.settings import DriftSettings, ForecasterSettings
from oceanclean.drift.skill import BASELINES, evaluate_drift
from oceanclean.errors import InputError
from oceanclean.products import names

FAST = DriftSettings(forecaster=ForecasterSettings(trees=5, rows_per_leaf=50, weights=(0.0, 1.0)))
AXIS = np.arange(-1.5, 1.51, 0.1)


def restamped(form):
    """A table whose times are written in another way."""
    table = drifter_table(drifters=2, hours=40)
    table["time"] = pd.to_datetime(table["time"]).dt.strftime(form)
    return table


def test_dates_are_read_where_day_and_month_are_told_apart(tmp_path):
    """A month that runs past the 12th tells the order, American or not, and the reader is told."""
    for number, (form, order) in enumerate((("%m/%d/%Y %H:%M", "month/day"), ("%d/%m/%Y %H:%M", "day/month"))):
        table = restamped(form)
        late = drifter_table(drifters=2, hours=340)
        late["time"] = pd.to_datetime(late["time"]).dt.strftime(form)
        tracks = load_tracks(written(tmp_path / str(number), late))
        assert pd.Timestamp(tracks.hours.min() * 3600, unit="s") == pd.Timestamp("2025-03-01")
        assert any(order in said for said in tracks.report)
        with pytest.raises(InputError, match=r"tracks\.csv: time: .*cannot be told apart"):
            load_tracks(written(tmp_path / f"short {number}", table))


@pytest.mark.parametrize("lone", ["u_drifter", "vnorth_drifter", "u_alpha", "v_wind"])
def test_half_a_velocity_is_refused(tmp_path, lone):
    """One component without the other is named; it is neither dropped nor taken for a table of places."""
    table = drifter_table(drifters=2).rename(columns={"ueast_drifter": "u_drifter", "vnorth_drifter": "v_drifter",
                                                      "ueast_atmos": "u_wind", "vnorth_atmos": "v_wind"})  # fmt: skip
    if lone == "vnorth_drifter":
        table = table.rename(columns={"v_drifter": lone, "u_drifter": "other"})
    other = {"u": "v", "v": "u"}[lone[0]] + lone[1:]
    with pytest.raises(InputError, match=rf"tracks\.csv: {lone}: found no column"):
        load_tracks(written(tmp_path, table.drop(columns=other, errors="ignore")))


@pytest.mark.parametrize(("factor", "unit"), [(3600 / 1852, "knots"), (3.6, "km/h"), (100.0, "cm/s|median speed")])
def test_a_drifters_own_speed_in_another_unit_is_refused(tmp_path, factor, unit):
    """Knots are no unlikely speed; against the drifter's own positions they are."""
    table = drifter_table(drifters=2)
    table[["ueast_drifter", "vnorth_drifter"]] *= factor
    with pytest.raises(InputError, match=rf"tracks\.csv.*({unit})"):
        load_tracks(written(tmp_path, table))


def test_exchanged_axes_within_range_are_refused_by_the_drifters_own_velocity(tmp_path):
    """Forty degrees north and forty west are both possible: the way that the drifters went tells."""
    table = drifter_table(drifters=2).rename(columns={"lon": "lat", "lat": "lon"})
    with pytest.raises(InputError, match=r"tracks\.csv: lon, lat: .*swapped"):
        load_tracks(written(tmp_path, table))


def test_a_drogue_takes_the_wind_and_the_waves_away(tmp_path):
    """Drogued rows have the slip of a drogue and no Stokes drift, others what ships; makes are known by name."""
    table = drifter_table(drifters=4).assign(u_stokes=0.05, v_stokes=0.0)
    table["drogued"] = np.where(table["seg"] == "s0", "true", np.where(table["seg"] == "s1", "false", ""))
    table["type"] = np.where(table["seg"] == "s2", "MetOcean CODE/Davis", "puck")
    tracks = load_tracks(written(tmp_path, table))
    push = dict(zip(tracks.kinds, published_windage(tracks, DriftSettings().windage), strict=True))
    assert push["puck drogued"] == 0.0  # 0.07 % less the waves' share
    assert push["puck"] == pytest.approx(0.017)
    assert push["MetOcean CODE/Davis"] == 0.0
    assert (np.abs(stokes_of(tracks)) > 0).tolist() == (~tracks.drogued).tolist()
    calm = load_tracks(written(tmp_path / "calm", table.drop(columns=["u_stokes", "v_stokes"])))
    push = dict(zip(calm.kinds, published_windage(calm, DriftSettings().windage), strict=True))
    assert push == {"puck drogued": 0.0007, "puck": 0.03, "MetOcean CODE/Davis": 0.005}


def test_a_drogue_unknown_to_the_fit_is_no_surface_drifter(tmp_path):
    """A forecaster of surface drifters meets drogued ones: they get the published slip."""
    tracks = load_tracks(written(tmp_path, drifter_table(noise=0.05)))
    model = fit(tracks, np.ones(tracks.size, dtype=bool), FAST)
    assert model.windage_of("SVP drogued") == pytest.approx(0.0007)
    assert model.windage_of("SVP") == model.windage[""]


def test_tracks_without_wind_are_scored_with_the_current(tmp_path):
    """Drogued buoys at 15 m come without wind: rows with and without it are the same, and the reader is told."""
    table = drifter_table(drifters=4, noise=0.1).drop(columns=["ueast_atmos", "vnorth_atmos"])
    record = evaluate_drift(written(tmp_path, table))
    assert any("no wind" in note for note in record["notes"])
    rows = record["baselines"]
    assert rows["current"]["separation_mean_km"] == rows["current_plus_3pct"]["separation_mean_km"]


def test_a_wind_is_known_by_the_name_of_its_model(tmp_path):
    """Wind columns named after a weather model are the wind and no current, and the reader is told."""
    table = drifter_table(drifters=3)
    usual = load_tracks(written(tmp_path / "usual", table))
    named = table.rename(columns={"ueast_atmos": "u_hrdps_1km", "vnorth_atmos": "v_hrdps_1km"})
    tracks = load_tracks(written(tmp_path / "named", named))
    assert np.array_equal(tracks.wind, usual.wind)
    assert set(tracks.products) == {"alpha"}
    assert any("taken as the wind" in said for said in tracks.report)


def test_a_horizon_that_no_track_reaches_is_null(tmp_path):
    """Tracks of 60 h have no start for 48 and 72 h: every key stands in every row, without a figure."""
    record = evaluate_drift(written(tmp_path, drifter_table(drifters=4, hours=60, noise=0.1)))
    for row in (record, *(record["baselines"][name] for name in BASELINES)):
        assert list(row["separation_mean_km"]) == ["6", "24", "48", "72"]
        assert row["separation_mean_km"]["24"] > 0
        assert row["coverage_90"]["72"] is None
        assert row["starts_by_horizon"]["72"] == 0
    assert record["gain_over"]["current"]["72"] is None


def sea(step_h=1, hours=120):
    """A sea that swings with the inertial period, under wind."""
    return analytic_forcing(
        lambda h, X, Y: (0.1 + 0.2 * np.cos(h / 2.7) + 0 * X, -0.2 * np.sin(h / 2.7) + 0.02 * Y), AXIS, AXIS,
        list(range(0, hours + 1, step_h)), wind=lambda h, X, Y: (4 + 0 * X, 2 * np.sin(h / 20) + 0 * X),
    )  # fmt: skip


def floats(folder, *, every_h, count=6, hours=80, exchanged=False):
    """ERDDAP table of drifters at current + 3 % of the wind, every few hours."""
    rng = np.random.default_rng(2)
    run = advect(sea(), rng.uniform(-1.0, -0.6, count), rng.uniform(-0.5, 0.5, count), START, hours, windage=0.03,
                 output_every_h=every_h)  # fmt: skip
    stamps = pd.to_datetime(run["time"].to_numpy()).strftime("%Y-%m-%dT%H:%M:%SZ")
    axes = ("latitude", "longitude") if exchanged else ("longitude", "latitude")
    rows = [pd.DataFrame({"ID": str(k), "time": stamps, axes[0]: run["lon"][k], axes[1]: run["lat"][k]})
            for k in range(count)]  # fmt: skip
    return written(folder, pd.concat(rows), "gdp.csv")


def test_six_hourly_fixes_are_joined_by_a_curve(tmp_path):
    """A loop of 17 h and 1.9 km is followed within 400 m between fixes 6 h apart; a line would miss it by 1.1 km."""
    tracks, truth = (load_tracks(floats(tmp_path / str(h), every_h=h)) for h in (6.0, 1.0))
    assert any("6 h apart" in said for said in tracks.report)
    at = {(d, h): k for k, (d, h) in enumerate(zip(truth.drifter, truth.hours, strict=True))}
    rows = [at[key] for key in zip(tracks.drifter, tracks.hours, strict=True)]
    off = 111.0 * np.hypot(tracks.lon - truth.lon[rows], tracks.lat - truth.lat[rows])
    inside = (tracks.hours - tracks.hours[tracks.first] > 12) & (tracks.hours[tracks.last] - tracks.hours > 12)
    assert off[inside].max() < 0.4
    assert off.max() < 0.9
    sea(hours=90).to_netcdf(tmp_path / "6.0" / "sea.nc")
    record = evaluate_drift(tmp_path / "6.0")
    assert record["baselines"]["current_plus_3pct"]["separation_mean_km"]["48"] < 0.7


def test_a_drogue_status_beside_fixes_is_read(tmp_path):
    """GDP's flag parts the track where the drogue goes: two types of one drifter, each a run of its own."""
    stamps = pd.date_range("2025-03-01", periods=48, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ")
    table = pd.DataFrame({"ID": "7", "time": stamps, "longitude": -30 + 0.001 * np.arange(48), "latitude": 40.0,
                          "drogue_status": np.where(np.arange(48) < 20, "True", "False")})  # fmt: skip
    tracks = load_tracks(written(tmp_path, table))
    assert tracks.kinds == ("drogued", "undrogued")
    assert tracks.drogued.sum() == 20
    assert np.unique(tracks.first).size == 2


def test_fixes_with_exchanged_axes_are_refused_against_the_forcing(tmp_path):
    """No fix lies in the forcing, all do once exchanged."""
    folder = floats(tmp_path, every_h=1.0, exchanged=True)
    west = sea(hours=90)
    west.assign_coords(lon=west["lon"] + 30).to_netcdf(folder / "sea.nc")
    table = pd.read_csv(folder / "gdp.csv")
    table["latitude"] += 30.0
    table.to_csv(folder / "gdp.csv", index=False)
    with pytest.raises(InputError, match="swapped"):
        evaluate_drift(folder)


def test_a_forecaster_is_fitted_on_fixes_with_gridded_forcing(tmp_path):
    """Current, wind, shear and the rest are read along the tracks; the fitted file is used free-running."""
    folder = floats(tmp_path, every_h=1.0)
    sea(hours=90).to_netcdf(folder / "sea.nc")
    record = train_forecaster(folder, tmp_path / "m.skops", FAST)
    assert record["products"] == ["forcing"]
    assert any("forcing read along the tracks" in note for note in record["notes"])
    assert load_forecaster(tmp_path / "m.skops").windage_of("").real == pytest.approx(0.03, abs=0.004)
    scored = evaluate_drift(folder, tmp_path / "m.skops")
    assert scored["protocol"] == "free-running"
    assert scored["separation_mean_km"]["24"] < 0.5
    assert any("flatter" in note for note in scored["notes"])


def test_wind_alone_is_read_along_the_tracks(tmp_path):
    """No current, wind as a grid: the floats are followed along their tracks with it, and no row asks for a current."""
    folder = floats(tmp_path, every_h=1.0)
    sea(hours=90).drop_vars([names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT]).to_netcdf(folder / "wind.nc")
    record = evaluate_drift(folder)
    assert record["protocol"] == "shipped"
    rows = record["baselines"]
    assert rows["current_plus_3pct"]["separation_mean_km"]["24"] < rows["no_motion"]["separation_mean_km"]["24"]
    assert record["separation_mean_km"]["48"] > 0


def test_a_gap_in_the_forcing_parts_the_tracks(tmp_path):
    """Six hours without forcing: no start runs across them, none is lost elsewhere, and the reader is told."""
    folder = floats(tmp_path, every_h=1.0, hours=100)
    whole = sea(hours=110)
    holed = whole.isel(time=[k for k in range(111) if not 30 <= k < 36])
    holed.to_netcdf(folder / "sea.nc")
    record = evaluate_drift(folder)
    assert any("in gaps of the forcing" in note for note in record["notes"])
    assert record["starts"] > 0
    assert record["baselines"]["current_plus_3pct"]["separation_mean_km"]["24"] < 0.3
