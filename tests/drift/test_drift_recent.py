"""The forecast follows drifters that report: it finds what is wrong now, keeps to the past, few of them say little."""

from __future__ import annotations

import numpy as np
import pytest
from drifter_tables import drifter_table, written

from oceanclean.drift import carried
from oceanclean.drift.displacement_doubt import displacement_variance, fitted_doubt
from oceanclean.drift.drifters import load_tracks
from oceanclean.drift.informed import along
from oceanclean.drift.recent import followed
from oceanclean.drift.settings import CarriedSettings, DriftSettings, RecentSettings, ResidualSettings
from oceanclean.drift.skill import Physics, evaluate_drift

SETTINGS = RecentSettings()


def tracks_of(tmp_path, **kinds):
    return load_tracks(written(tmp_path, drifter_table(**kinds)))


def weak_and_turned(current, wind, hour):
    """The sea does seven tenths of the model's current, turned by 20 degrees to the right."""
    return (0.7 * np.exp(-1j * np.radians(20)) - 1) * current


def test_a_current_too_strong_and_turned_is_found(tmp_path):
    """With many drifters the coefficient is the truth; it begins at the published value."""
    tracks = tracks_of(tmp_path, drifters=60, extra=weak_and_turned, noise=0.05)
    rows = np.ones(tracks.size, dtype=bool)
    found = Physics(tracks, DriftSettings(), rows).coefficients[:, 1]
    first, last = found[tracks.hours == tracks.hours.min()], found[tracks.hours == tracks.hours.max()]
    assert abs(last[0] - (0.7 * np.exp(-1j * np.radians(20)) - 1)) < 0.08
    assert abs(first[0]) < 0.5 * abs(last[0])


def test_what_the_fleet_showed_fades_ahead(tmp_path):
    """A bias that lasts is kept the longer, the slower it fades; faded at once, the path is that of the published."""
    tracks = tracks_of(tmp_path, drifters=60, extra=weak_and_turned, noise=0.05)
    rows, starts = np.ones(tracks.size, dtype=bool), np.flatnonzero(tracks.hours - tracks.hours[tracks.first] == 60)
    truth = along(tracks.observed, starts, 48)[:, -1]
    error = {}
    for fade in (0.01, 144.0, 1e9):
        recent = RecentSettings(ahead_h=fade, own_share=1e-6)
        physics = Physics(tracks, DriftSettings(recent=recent), rows)
        error[fade] = np.abs(physics.displacement(starts, 48) - truth).mean()
        if fade == 0.01:  # what is left is the residual carried on from the hours before
            left = physics.paths(starts, 48)[:, -1] - along(physics.physics, starts, 48)[:, -1]
            assert np.abs(left).mean() < 0.5 * np.abs(truth - along(physics.physics, starts, 48)[:, -1]).mean()
    assert error[1e9] < error[144.0] < 0.7 * error[0.01]


def test_what_comes_later_is_not_seen(tmp_path):
    """Coefficients up to an hour stay the same whatever drifters do after it."""
    tracks = tracks_of(tmp_path, drifters=10, noise=0.1)
    rows = np.ones(tracks.size, dtype=bool)
    terms = np.stack([tracks.wind, tracks.current], axis=1)
    residual = tracks.observed - tracks.current
    later = tracks.hours > tracks.hours.min() + 70
    other = np.where(later, 5 * residual, residual)
    zero, doubt = np.zeros(2, dtype=complex), np.array([0.01, 0.3])
    a, b = (followed(r, terms, tracks.hours, rows, zero, doubt, SETTINGS).mean for r in (residual, other))
    assert np.array_equal(a[~later], b[~later])
    assert not np.allclose(a[later], b[later])


def test_only_the_given_rows_are_looked_at(tmp_path):
    """Drifters outside the fold tell nothing."""
    tracks = tracks_of(tmp_path, drifters=10, extra=weak_and_turned)
    rows = tracks.drifter < 5
    terms, residual = tracks.current[:, None], tracks.observed - tracks.current
    hidden = np.where(rows, residual, np.nan)
    a, b = (
        followed(r, terms, tracks.hours, rows, np.zeros(1, dtype=complex), np.array([0.3]), SETTINGS).mean
        for r in (residual, hidden)
    )
    assert np.array_equal(a, b)


def test_one_drifter_hardly_moves_the_prior(tmp_path):
    """A day of one drifter is less than half a sample."""
    tracks = tracks_of(tmp_path, drifters=1, hours=25, extra=weak_and_turned)
    found = Physics(tracks, DriftSettings(), np.ones(tracks.size, dtype=bool)).coefficients[:, 1]
    assert np.abs(found).max() < 0.1


def test_following_wins_where_the_model_is_wrong_and_costs_little_where_it_is_right(tmp_path):
    """Against the best of the plain rows: far better with a turned current, no worse than a tenth with a right one."""
    wrong = evaluate_drift(written(tmp_path / "a", drifter_table(drifters=40, extra=weak_and_turned, noise=0.05)))
    right = evaluate_drift(written(tmp_path / "b", drifter_table(drifters=8, noise=0.15, windage=0.03, seed=5)))
    for lead in ("24", "48", "72"):
        best = wrong["baselines"]["current_plus_2pct"]["separation_mean_km"][lead]
        assert wrong["separation_mean_km"][lead] < 0.8 * best
        assert (
            right["separation_mean_km"][lead]
            < 1.1 * right["baselines"]["current_plus_3pct"]["separation_mean_km"][lead]
        )


def test_a_single_memory_is_carried_on_as_markov():
    """Of a first-order process only the last hour counts and fades; what is left unknown is Gillespie's variance."""
    markov = CarriedSettings(slow_share=0.0, inertial_share=0.0, fast_h=8.0, white_share=1e-9)
    found = carried.kriging(25, 44.0, markov)
    weights = found.weights()
    assert np.allclose(weights[-1], np.exp(-(np.arange(73) + 1) / 8.0), atol=1e-6)
    assert np.abs(weights[:-1]).max() < 1e-6
    free = displacement_variance(ResidualSettings(tau_h=8.0, sigma_m_s=1.0), 24)
    lost = (3.6 * np.exp(-1 / 8) * 8 * (1 - np.exp(-24 / 8))) ** 2  # told by the hour before the start
    assert found.unknown_km2(24) == pytest.approx(free - lost, rel=0.01)


@pytest.mark.parametrize("lat", [48.0, -48.0])
def test_an_inertial_circle_goes_on(lat):
    """A pure inertial oscillation keeps turning, clockwise in the north, anticlockwise in the south."""
    turning = CarriedSettings(slow_share=0.0, inertial_share=1.0, inertial_h=480.0, white_share=0.001)
    omega = -2 * np.pi / 11.967 * np.sin(np.radians(lat))
    past, ahead = np.arange(-49, 0), np.arange(25)
    predicted = np.exp(1j * omega * past) @ carried.kriging(49, lat, turning).weights()[:, :25]
    assert np.abs(predicted - np.exp(1j * omega * ahead)).max() < 0.1


def test_a_slow_part_is_found_behind_a_fast_one():
    """A steady residual is believed more, and carried farther, the longer it was seen."""
    held = [carried.kriging(n, 44.0, CarriedSettings()).weights().sum(axis=0)[48].real for n in (25, 121)]
    alone = carried.kriging(25, 44.0, CarriedSettings(slow_share=0.6)).weights().sum(axis=0)[48].real
    assert 0.03 < held[0] < held[1] < alone < 0.9


def test_doubt_is_as_large_as_the_errors_of_the_process(tmp_path):
    """Drifters whose residual is the assumed process lie in the 90 % region 90 % of the time, at every lead."""
    settings = DriftSettings(
        recent=RecentSettings(carried=CarriedSettings(slow_share=0.0, inertial_share=0.0, fast_h=18))
    )
    tracks = tracks_of(tmp_path, drifters=150, noise=0.3, hours=110)
    known = Physics(tracks, settings, np.ones(tracks.size, dtype=bool))
    starts = np.flatnonzero(np.arange(tracks.size) - tracks.first == 30)
    for lead in (6, 24, 72):
        truth = along(tracks.observed, starts, lead)[:, -1]
        inside = np.abs(known.displacement(starts, lead) - truth) ** 2 < 4.6052 * known.variance(starts, lead)
        assert inside.mean() == pytest.approx(0.9, abs=0.06)


def test_fitted_doubt_is_what_the_errors_were_and_the_published_where_they_are_worth_nothing():
    """Errors twice as large as published double the deviation at full worth; between leads it is linear."""
    rng = np.random.default_rng(1)
    error = 2 * (rng.standard_normal(20_000) + 1j * rng.standard_normal(20_000))
    one = np.ones(error.size)
    full, none = (fitted_doubt([12, 24], [error, error], [one, one], [w, w]) for w in (1.0, 0.0))
    assert full.scale[18] == pytest.approx(4.0, rel=0.03)
    assert full.radius2[12] == pytest.approx([1.386, 4.605], rel=0.05)
    assert (none.scale == 1.0).all()
    assert np.allclose(none.radius2, [1.3863, 4.6052])


def test_the_end_of_a_path_is_its_displacement(tmp_path):
    """A shorter lead is the beginning of a longer one, and a path begins where the drifter is."""
    tracks = tracks_of(tmp_path, drifters=6, extra=weak_and_turned, noise=0.1)
    known = Physics(tracks, DriftSettings(), np.ones(tracks.size, dtype=bool))
    starts = np.flatnonzero(
        (np.arange(tracks.size) - tracks.first >= 25) & (tracks.last - np.arange(tracks.size) >= 72)
    )
    whole = known.paths(starts, 72)
    assert (whole[:, 0] == 0).all()
    for lead in (1, 24, 72):
        assert np.allclose(known.displacement(starts, lead), whole[:, lead])
