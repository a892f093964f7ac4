"""The forecast follows drifters that report: it finds what is wrong now, keeps to the past, few of them say little."""

from __future__ import annotations

import numpy as np
from drifter_tables import drifter_table, written

from oceanclean.drift.displacement_doubt import displacement_variance
from oceanclean.drift.drifters import load_tracks
from oceanclean.drift.informed import published_fading
from oceanclean.drift.recent import followed
from oceanclean.drift.settings import DriftSettings, RecentSettings, ResidualSettings
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


def test_what_comes_later_is_not_seen(tmp_path):
    """Coefficients up to an hour stay the same whatever drifters do after it."""
    tracks = tracks_of(tmp_path, drifters=10, noise=0.1)
    rows = np.ones(tracks.size, dtype=bool)
    terms = np.stack([tracks.wind, tracks.current], axis=1)
    residual = tracks.observed - tracks.current
    later = tracks.hours > tracks.hours.min() + 70
    other = np.where(later, 5 * residual, residual)
    zero, doubt = np.zeros(2, dtype=complex), np.array([0.01, 0.3])
    a, b = (followed(r, terms, tracks.hours, rows, zero, doubt, SETTINGS) for r in (residual, other))
    assert np.array_equal(a[~later], b[~later])
    assert not np.allclose(a[later], b[later])


def test_only_the_given_rows_are_looked_at(tmp_path):
    """Drifters outside the fold tell nothing."""
    tracks = tracks_of(tmp_path, drifters=10, extra=weak_and_turned)
    rows = tracks.drifter < 5
    terms, residual = tracks.current[:, None], tracks.observed - tracks.current
    hidden = np.where(rows, residual, np.nan)
    a, b = (
        followed(r, terms, tracks.hours, rows, np.zeros(1, dtype=complex), np.array([0.3]), SETTINGS)
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


def test_what_is_carried_on_fades():
    """At the start most of the last hour's residual, later only the last day's mean, in the end nothing."""
    weights = published_fading(SETTINGS, ResidualSettings())
    assert 0.9 < weights[0].sum().real < 1.0
    assert abs(weights[24, 0]) < 0.01 < abs(weights[24, 4])
    assert abs(weights[72]).sum() < 0.03


def test_known_start_narrows_the_doubt_and_less_so_with_lead():
    """Gillespie's displacement with and without a known start."""
    settings = ResidualSettings()
    share = [displacement_variance(settings, h, 1.0) / displacement_variance(settings, h) for h in (3, 24, 72)]
    assert share[0] < 0.15 < share[1] < share[2] < 0.9


def test_the_end_of_a_path_is_its_displacement(tmp_path):
    """The quick sum gives what the hour-by-hour path ends with."""
    tracks = tracks_of(tmp_path, drifters=6, extra=weak_and_turned, noise=0.1)
    known = Physics(tracks, DriftSettings(), np.ones(tracks.size, dtype=bool))
    starts = np.flatnonzero(
        (np.arange(tracks.size) - tracks.first >= 25) & (tracks.last - np.arange(tracks.size) >= 72)
    )
    for lead in (1, 24, 72):
        assert np.allclose(known.displacement(starts, lead), known.paths(starts, lead)[:, -1])
