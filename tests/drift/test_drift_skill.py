"""The score of the drift forecast: honest folds, right numbers, every baseline beside it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from drifter_tables import drifter_table, written

from oceanclean.drift import scores
from oceanclean.drift.drifters import load_tracks
from oceanclean.drift.fitting import starts_of, train_forecaster
from oceanclean.drift.settings import DriftSettings, ForecasterSettings, ResidualSettings, WindageSettings
from oceanclean.drift.skill import BASELINES, HORIZONS_H, evaluate_drift, fold_rows
from oceanclean.drift.skill_report import skill_table
from oceanclean.errors import InputError, MissingDataError, SettingsError

FAST = DriftSettings(forecaster=ForecasterSettings(trees=5, rows_per_leaf=50, weights=(0.0, 1.0)))
BY_HORIZON = ("separation_mean_km", "separation_median_km", "skill_score", "coverage_50", "coverage_90", "area_90_km2",
              "energy_score_km")  # fmt: skip


def test_a_perfect_forecast_scores_perfectly(tmp_path):
    """When drifters do what the row says, its separation is 0 and its skill 1."""
    record = evaluate_drift(written(tmp_path, drifter_table(windage=0.02)), settings=FAST)
    best = record["baselines"]["current_plus_2pct"]
    for lead in map(str, HORIZONS_H):
        assert best["separation_mean_km"][lead] < 1e-6
        assert best["skill_score"][lead] == 1.0
        assert record["separation_mean_km"][lead] > 0.1


def test_no_motion_is_the_distance_travelled_and_persistence_is_exact_for_a_steady_drifter(tmp_path):
    """A drifter at half a metre a second is 43.2 km away after a day; persistence follows it."""
    table = drifter_table(drifters=3)
    table["ueast_drifter"], table["vnorth_drifter"] = 0.3, 0.4
    record = evaluate_drift(written(tmp_path, table), settings=FAST)
    assert record["baselines"]["no_motion"]["separation_mean_km"]["24"] == pytest.approx(43.2)
    assert record["baselines"]["no_motion"]["skill_score"]["24"] == pytest.approx(0.0)
    assert record["baselines"]["persistence_25h"]["separation_mean_km"]["72"] < 1e-6


def test_record_has_every_row_and_is_json(tmp_path):
    """The names that other tools read are there, by horizon, for the forecast and every baseline."""
    record = json.loads(json.dumps(evaluate_drift(written(tmp_path, drifter_table(noise=0.1)), settings=FAST)))
    assert tuple(record["baselines"]) == BASELINES
    for row in (record, *record["baselines"].values()):
        assert all(list(row[name]) == ["6", "24", "48", "72"] for name in BY_HORIZON)
        assert row["drifters"] == 12
        assert row["starts"] > 12
    assert "leak: not measured" in skill_table(record)
    gain = record["gain_over"]["current"]["48"]
    assert gain["interval_km"][0] <= gain["difference_km"] <= gain["interval_km"][1]


def test_doubt_of_true_size_covers_what_it_says(tmp_path):
    """Errors drawn from the shipped process lie in the 50 and 90 % regions 50 and 90 % of the time."""
    table = drifter_table(drifters=150, noise=0.25, windage=0.025, seed=7)
    settings = DriftSettings(residual=ResidualSettings(tau_h=18, sigma_m_s=0.25), windage=WindageSettings())
    record = evaluate_drift(written(tmp_path, table), settings=settings)
    for lead in ("24", "48", "72"):
        assert record["coverage_90"][lead] == pytest.approx(0.9, abs=0.04)
        assert record["coverage_50"][lead] == pytest.approx(0.5, abs=0.06)
        assert max(record["pit"][lead]) < 0.18


def test_folds_share_no_drifter_and_are_a_tide_and_more_apart(tmp_path):
    """Rows to fit on and rows to score on differ in drifter and lie 25 h apart; every row is scored once."""
    tracks = load_tracks(written(tmp_path, drifter_table()))
    scored = np.zeros(tracks.size, dtype=int)
    for train, test in fold_rows(tracks):
        scored += test
        assert not set(tracks.drifter[train]) & set(tracks.drifter[test])
        gap = np.abs(tracks.hours[train][:, None] - tracks.hours[test][None, :]).min()
        assert gap >= 25
    assert (scored == 1).all()


def test_starts_have_a_day_of_history_and_stay_in_their_block(tmp_path):
    """No scored trajectory leaves the block into days that were fitted on."""
    tracks = load_tracks(written(tmp_path, drifter_table()))
    for _, test in fold_rows(tracks):
        for lead in (6, 48):
            starts = starts_of(tracks, test, lead)
            assert test[starts].all()
            assert test[starts + lead].all()
            assert (starts - tracks.first[starts] >= 25).all()


def test_blocked_protocol_refits_and_prints_the_leak(tmp_path):
    """Refitting in folds gives scores and the health figure of blocking by drifter alone."""
    table = drifter_table(drifters=10, hours=150, noise=0.15)
    record = evaluate_drift(written(tmp_path, table), protocol="blocked", settings=FAST)
    assert "leak: blocked by drifter alone" in skill_table(record)
    assert "as shipped, same folds" in skill_table(record)
    assert record["shipped"]["starts_by_horizon"] == record["starts_by_horizon"]
    assert set(record["leak"]["percent_by_horizon"]) >= {"6", "24"}
    assert record["drifters"] == 10


def test_a_fitted_model_is_scored_through_its_file(tmp_path):
    """Windage learned from one folder beats the prior on another."""
    train = written(tmp_path / "a", drifter_table(windage=0.055, noise=0.05, seed=1))
    test = written(tmp_path / "b", drifter_table(windage=0.055, noise=0.05, seed=2))
    train_forecaster(train, tmp_path / "m.skops", FAST)
    fitted, shipped = evaluate_drift(test, tmp_path / "m.skops"), evaluate_drift(test)
    assert any("flatter" in note for note in fitted["notes"])
    assert fitted["separation_mean_km"]["48"] < 0.8 * shipped["separation_mean_km"]["48"]


def test_tables_are_mended_where_the_convention_is_clear(tmp_path):
    """Repeated headers, doubled fixes, a jump, a drogue lost and times without zone: mended and reported."""
    table = drifter_table(drifters=3).astype(str)
    table["drogued"] = "true"
    table.loc[(table["seg"] == "s1") & (table["time"] > "2025-03-04"), "drogued"] = "false"
    table.loc[30, "lon"] = str(float(table.loc[30, "lon"]) + 2)
    header = pd.DataFrame([table.columns], columns=table.columns)
    tracks = load_tracks(written(tmp_path, pd.concat([table.iloc[:50], header, table.iloc[45:]])))
    said = " ".join(tracks.report)
    for word in ("repeated header", "duplicated fixes", "jumps", "drogue loss", "no zone"):
        assert word in said
    assert "puck undrogued" in tracks.kinds
    assert tracks.size == len(table) - 1


@pytest.mark.parametrize(
    ("columns", "factor", "word"),
    [(["u_alpha", "v_alpha"], 100, "u_alpha, v_alpha: found a median speed"),
     (["ueast_drifter", "vnorth_drifter"], 100, "ueast_drifter"), (["ueast_atmos", "vnorth_atmos"], 36, "ueast_atmos")],
)  # fmt: skip
def test_another_unit_is_refused(tmp_path, columns, factor, word):
    """Centimetres a second along the track are named with file and columns, not taken for a torrent."""
    table = drifter_table(drifters=2)
    table[columns] *= factor
    with pytest.raises(InputError, match=rf"tracks\.csv: {word}"):
        load_tracks(written(tmp_path, table))


def test_fill_values_and_places_off_the_earth_go_and_swapped_axes_are_refused(tmp_path):
    """9.97e36 is no current, a latitude of 999 no place; longitudes in the column of latitudes are said."""
    table = drifter_table(drifters=2)
    table.loc[4, "u_alpha"], table.loc[60, "lat"] = 9.97e36, 999.0
    tracks = load_tracks(written(tmp_path / "a", table))
    assert tracks.size == len(table) - 2
    assert "not on Earth" in " ".join(tracks.report)
    table["lon"] -= 100
    swapped = table.rename(columns={"lon": "lat", "lat": "lon"})
    with pytest.raises(InputError, match="look swapped"):
        load_tracks(written(tmp_path / "b", swapped))


@pytest.mark.parametrize("fill", [-99.0, -9.0, 9.97e36])
def test_a_fill_value_of_one_product_leaves_the_other(tmp_path, fill):
    """A number that stands for missing is masked and counted; the mean is that of the other product."""
    table = drifter_table(drifters=2, products=("alpha", "beta"))
    table.loc[4:6, ["u_beta", "v_beta"]] = fill
    tracks = load_tracks(written(tmp_path, table))
    assert tracks.size == len(table)
    assert np.allclose(tracks.current.real, table["u_alpha"])
    assert "tracks.csv: 3 values of u_beta, v_beta beyond 5 m/s taken as missing" in tracks.report


def test_a_blank_drogue_flag_is_no_loss(tmp_path):
    """Only a flag that says so is a loss; a blank keeps what was said last, in the order of time."""
    table = drifter_table(drifters=2, hours=60)
    table["drogued"] = "true"
    table.loc[10:19, "drogued"] = ""
    table.loc[90, "drogued"], table.loc[91:, "drogued"] = "false", ""
    tracks = load_tracks(written(tmp_path, table.iloc[::-1]))
    assert "tracks.csv: 30 rows after drogue loss kept as segments of their own" in tracks.report
    assert np.unique(tracks.first).tolist() == [0, 60, 90]


def test_seconds_after_the_hour_are_the_hour_and_long_names_are_read(tmp_path):
    """Jitter of up to five minutes leaves one run to a drifter and is reported; half past stays half past."""
    table = drifter_table(drifters=2, hours=60)
    seconds = np.random.default_rng(1).integers(-290, 290, len(table))
    stamps = pd.to_datetime(table["time"])
    table["time"] = stamps + pd.to_timedelta(seconds, unit="s")
    table = table.rename(columns={"lon": "longitude", "lat": "latitude"})
    tracks = load_tracks(written(tmp_path / "a", table))
    assert np.unique(tracks.first).size == 2
    assert (tracks.hours % 1 == 0).all()
    assert f"tracks.csv: {(seconds != 0).sum()} times at most 5 min off the hour brought to it" in tracks.report
    table["time"] = stamps + pd.Timedelta("30min")
    assert (load_tracks(written(tmp_path / "b", table)).hours % 1 == 0.5).all()


def test_a_second_name_of_wind_or_truth_is_no_current(tmp_path):
    """The drifter's velocity and the wind under other names beside the first are no current products."""
    table = drifter_table(drifters=2)
    table["u_drifter"], table["v_drifter"] = table["ueast_drifter"], table["vnorth_drifter"]
    table["u_wind"], table["v_wind"] = table["ueast_atmos"], table["vnorth_atmos"]
    tracks = load_tracks(written(tmp_path, table))
    assert set(tracks.products) == {"alpha"}
    assert np.allclose(tracks.current.real, table["u_alpha"])


def test_velocity_comes_from_positions_where_it_is_not_given(tmp_path):
    """Without velocity columns the positions give it, to the rounding of an hour."""
    table = drifter_table(drifters=2, seed=3)
    given = load_tracks(written(tmp_path / "a", table))
    found = load_tracks(written(tmp_path / "b", table.drop(columns=["ueast_drifter", "vnorth_drifter", "type"])))
    assert np.median(np.abs(given.observed - found.observed)) < 0.15
    assert "taken from their positions" in " ".join(found.report)


def test_several_products_are_averaged_and_holes_filled(tmp_path):
    """Any number of current products counts; a hole in one leaves the others."""
    table = drifter_table(drifters=2, products=("alpha", "beta"))
    table["u_beta"] += 0.2
    table.loc[5, ["u_beta", "v_beta"]] = np.nan
    tracks = load_tracks(written(tmp_path, table))
    assert np.allclose(np.delete(tracks.current.real - table["u_alpha"].to_numpy(), 5), 0.1)
    assert tracks.current[5].real == pytest.approx(table.loc[5, "u_alpha"])
    assert tracks.spread[5] == 0


@pytest.mark.parametrize(
    ("drop", "word"), [("time", "time"), ("lon", "lon"), ("buoy", "drifter_id"), ("u_alpha", "v_alpha")]
)
def test_a_missing_column_is_named(tmp_path, drop, word):
    """The error names file and column."""
    with pytest.raises(InputError, match=rf"tracks\.csv: {word}"):
        load_tracks(written(tmp_path, drifter_table(drifters=1).drop(columns=drop)))


def test_empty_folder_and_unknown_protocol_are_refused(tmp_path):
    """Both say what was expected."""
    with pytest.raises(MissingDataError, match="no table"):
        evaluate_drift(tmp_path)
    with pytest.raises(SettingsError, match="protocol"):
        evaluate_drift(tmp_path, protocol="random")


def test_energy_score_rewards_a_true_doubt():
    """The score is least for the true standard deviation, and the distance itself for none."""
    rng = np.random.default_rng(1)
    error = 3 * (rng.standard_normal(4000) + 1j * rng.standard_normal(4000))
    means = [
        scores.energy_score(error, np.full(4000, s**2), 200, np.random.default_rng(2)).mean() for s in (0, 1, 3, 9)
    ]
    assert int(np.argmin(means)) == 2
    assert means[0] == pytest.approx(np.abs(error).mean())


def test_interval_is_wider_for_few_drifters():
    """The bootstrap counts drifters, not starts."""
    rng = np.random.default_rng(1)
    effect = np.repeat(rng.standard_normal(10), 50)
    few = scores.bootstrap_interval(effect, np.repeat(np.arange(10), 50), np.random.default_rng(2))
    many = scores.bootstrap_interval(effect, np.arange(500), np.random.default_rng(2))
    assert few[1] - few[0] > 3 * (many[1] - many[0])


@pytest.mark.real
def test_real_drifters_score_as_measured(real_data):
    """On the St Lawrence drifters of 2020 the baselines keep their known order and the ensemble its coverage."""
    record = evaluate_drift(real_data("trex_drifters"))
    rows = record["baselines"]
    for lead in ("24", "48", "72"):
        assert rows["current_plus_2pct"]["separation_mean_km"][lead] < rows["current"]["separation_mean_km"][lead]
        best = min(rows[f"current_plus_{n}pct"]["separation_mean_km"][lead] for n in (2, 3))
        assert record["separation_mean_km"][lead] < 0.96 * best
        assert 0.86 < record["coverage_90"][lead] < 0.94
    assert record["drifters"] > 150
