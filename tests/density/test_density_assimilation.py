"""Assimilation: nothing is learned where nothing was seen, and what is learned agrees with the counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from density_files import forecast, make_region

from oceanclean.density.assimilation import Evidence, Scheme, analyse, gaspari_cohn, hand_back, regional_factor
from oceanclean.density.ensemble import from_tracks, with_moments, with_shared_doubt
from oceanclean.density.observation import load_settings
from oceanclean.density.prior import believed

SHAPE = (20, 30)


def scheme(**changes) -> Scheme:
    return Scheme(**{"regional_doubt": 0.0, "reach_cells": 0.0, "dense_weight": 0.0, "dense_mean": 150.0,
                     "dense_std": 300.0, **changes})  # fmt: skip


def evidence(found=0.0, effort=0.0, false=0.0, shape=1.0, doubt=0.0) -> Evidence:
    return Evidence(
        *(np.broadcast_to(np.asarray(a, float), SHAPE).copy() for a in (found, effort, false)), shape, doubt
    )


@pytest.fixture
def prior():
    """Members whose western half goes together, cell by cell around a mean."""
    rng = np.random.default_rng(3)
    mean = rng.gamma(1.0, 10, SHAPE) + 0.1
    common = rng.lognormal(0, 0.8, (40, 1, 1))
    return (mean * common * rng.lognormal(0, 0.1, (40, *SHAPE))).astype(np.float32), mean, 0.9 * mean


def test_without_a_look_mass_is_kept(prior):
    """To 1e-6 of the whole, in the mean and in the members' mean."""
    members, mean, std = prior
    after = analyse(members, mean, std, evidence(), scheme(regional_doubt=1.0, reach_cells=5.0))
    assert after.mean.sum() == pytest.approx(mean.sum(), rel=1e-12)
    assert after.members.astype(float).mean(axis=0).sum() == pytest.approx(mean.sum(), rel=1e-6)
    assert np.array_equal(after.std, std)


def test_members_take_mean_and_spread_in_their_old_order(prior):
    """Moments are those asked for; who was highest stays highest."""
    members, mean, std = (a.reshape(40, -1) if a.ndim == 3 else a.ravel() for a in prior)
    out = with_moments(members, 3 * mean, 0.5 * std)
    assert np.allclose(out.mean(axis=0), 3 * mean, rtol=1e-5)
    assert np.allclose(out.std(axis=0), 0.5 * std, rtol=0.1)
    assert np.array_equal(np.argmax(out, axis=0), np.argmax(members, axis=0))
    skewed = with_moments(members, np.full(mean.shape, 1.0), np.full(mean.shape, 300.0))
    assert np.allclose(skewed.mean(axis=0), 1.0, rtol=1e-5)
    assert (skewed >= 0).all()


def test_a_neighbour_follows_only_as_far_as_the_members_go_together(prior):
    """A rich find raises the unseen cells that rise and fall with it, less with distance, and no others."""
    members, mean, std = prior
    rng = np.random.default_rng(4)
    members[:, :, 15:] = (mean * rng.lognormal(0, 0.8, (40, *SHAPE)))[:, :, 15:]
    effort = np.zeros(SHAPE)
    effort[8:12, 2:6] = effort[8:12, 24:28] = 1.0
    rich = analyse(members, mean, std, evidence(3 * effort * mean, effort), scheme(reach_cells=4.0))
    gain = rich.mean / mean
    assert gain[10, 8] > 1.3
    assert gain[10, 8] > gain[10, 11] > 1.0
    assert np.median(abs(gain[8:12, 19:23] - 1)) < 0.1
    assert gain[10, 15] == 1.0
    assert (rich.std[8:12, 7] < std[8:12, 7]).all()


def test_cells_of_a_climatology_learn_from_their_own_look_only(prior):
    """Where no forecast links cells, a cloud keeps what was believed."""
    members, mean, std = prior
    effort = np.zeros(SHAPE)
    effort[:, :10] = 1.0
    after = analyse(members, mean, std, evidence(0.0, effort), scheme(regional_doubt=1.0, reach_cells=4.0),
                    np.zeros(SHAPE, dtype=bool))  # fmt: skip
    assert np.array_equal(after.mean[:, 10:], mean[:, 10:])
    assert (after.mean[:, :10] < mean[:, :10]).all()


def test_the_regional_factor_is_the_gamma_poisson_one():
    """Without clumping and calibration doubt: (a + N) / (a + E), and less where a doubt is common to all cells."""
    mean, effort = np.full(SHAPE, 2.0), np.full(SHAPE, 0.5)
    seen = evidence(1.5, effort)
    count, expected = 1.5 * 600, 600.0
    factor, doubt = regional_factor(mean, np.zeros(SHAPE), seen, 0.5)
    assert factor == pytest.approx((4 + count) / (4 + expected), rel=1e-6)
    assert doubt == pytest.approx(1 / np.sqrt(4 + count), rel=1e-3)
    shy, wide = regional_factor(mean, np.zeros(SHAPE), evidence(1.5, effort, doubt=0.6), 0.5)
    assert 1.0 < shy < factor
    assert wide > 2 * doubt
    assert regional_factor(mean, np.zeros(SHAPE), seen, 0.0) == (1.0, 0.0)


def test_false_alarms_do_not_scale_the_region():
    """As many finds as false alarms are usual, where little is expected, are no reason to believe in more."""
    mean, effort = np.full(SHAPE, 0.2), np.full(SHAPE, 0.5)
    believed_in, _ = regional_factor(mean, np.zeros(SHAPE), evidence(0.6, effort), 0.5)
    usual, _ = regional_factor(mean, np.zeros(SHAPE), evidence(0.6, effort, false=0.5), 0.5)
    assert believed_in > 3
    assert usual < 1.3


def test_the_taper_is_that_of_gaspari_and_cohn():
    """1 at the look, 5/24 at the half-width, 0 from twice that on, falling throughout."""
    r = np.linspace(0, 3, 301)
    taper = gaspari_cohn(r)
    assert taper[0] == 1
    assert taper[100] == pytest.approx(5 / 24)
    assert (taper[200:] == 0).all()
    assert (np.diff(taper) <= 1e-12).all()


def test_particles_take_their_cells_change():
    """Mass follows the ratio; beside the grid and in unchanged cells it stays."""
    weight, cell = np.array([1.0, 3.0, 2.0, 5.0]), np.array([0, 0, 1, -1])
    out = hand_back(weight, cell, np.array([4.0, 2.0, 0.0]), np.array([2.0, 2.0, 9.0]))
    assert out.tolist() == [0.5, 1.5, 2.0, 5.0]


def test_a_shared_doubt_makes_sums_as_doubtful_as_cells():
    """Members of unrelated cells have narrow sums; with a common calibration the sum is as wide as its parts."""
    rng = np.random.default_rng(1)
    members = rng.random((50, 20, 20)).astype(np.float32)
    mean, std = np.full(400, 10.0), np.full(400, 5.0)

    def spread(ranking):
        total = with_moments(ranking.reshape(50, -1), mean, std).sum(axis=1)
        return total.std() / total.mean()

    assert spread(members) < 0.1
    assert spread(with_shared_doubt(members, np.ones((20, 20)))) > 0.4
    assert with_shared_doubt(members, np.zeros((20, 20))) is members


def test_members_come_from_the_forecasts_particles(config_dir):
    """Each member's mass lies where its particles are; another hour or a lost particle brings none."""
    region = make_region()
    time = pd.Timestamp("2026-06-14T20:00")
    own = ("member", "particle", "time")
    lon = np.array([[[-148.89], [-148.89]], [[-148.71], [np.nan]]])
    tracks = xr.Dataset(
        {"lon": (own, lon), "lat": (own, np.full((2, 2, 1), 30.11)), "status": (own, np.zeros((2, 2, 1), np.int8)),
         "mass": (own[:2], np.full((2, 2), 50.0))}, {"time": [time.to_datetime64()]})  # fmt: skip
    when = time.tz_localize("UTC")
    fields = from_tracks(tracks, region.grid, when)
    kg = (fields * region.grid.area_km2).sum(axis=(1, 2))
    assert kg == pytest.approx([100, 50], rel=1e-3)
    assert np.unravel_index(fields[0].argmax(), region.grid.shape) == (5, 5)
    assert from_tracks(tracks, region.grid, when + pd.Timedelta(hours=5)) is None
    settings = load_settings(config_dir)
    prior = believed(region, forecast(region, 10.0), when, settings, [])
    members = prior.members(region, tracks, when, settings, 0)
    assert members.shape == (2, *region.grid.shape)
    assert members[0, 5, 5] > members[1, 5, 5]
    assert np.allclose(members.mean(axis=0), 10.0, rtol=1e-5)


def test_less_than_a_piece_is_none_and_the_mean_stays():
    rng = np.random.default_rng(3)
    mean, std = np.array([0.05, 5.0, 200.0]), np.array([0.4, 20.0, 60.0])
    members = with_moments(rng.random((50, 3)), mean, std, np.full(3, 0.25))
    assert np.allclose(members.mean(axis=0), mean, rtol=1e-5)
    assert (members[:, :2] == 0).mean() > 0.3
    assert (members[:, 2] > 0).all()
    assert members[members > 0].min() > 0.2
