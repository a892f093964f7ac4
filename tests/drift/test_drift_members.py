"""Ensemble forcing: every member of the drift ensemble takes its own forcing, and nothing else changes."""
# ruff: noqa: ARG005 (currents are functions of time and place, used or not)

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analytic_sea import analytic_forcing

from oceanclean.drift.ensemble import forecast
from oceanclean.drift.forcing_members import blocks, members_of, rest_of_error
from oceanclean.drift.settings import DriftSettings, ResidualSettings, TracksSettings
from oceanclean.products import names

U, V = names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT
WIND = [names.EASTWARD_WIND, names.NORTHWARD_WIND]
SMALL = DriftSettings(members=6, particles_per_member=200, tracks=TracksSettings(members=6, particles=50))
STILL = SMALL.model_copy(update={"residual": ResidualSettings(sigma_m_s=0.0)})


def run(density_map, forcing, settings=SMALL, hours=24):
    return forecast(density_map, forcing, issue_time="2025-06-10T06:00:00Z", horizon_h=hours, settings=settings, seed=5)


def stacked(runs):
    """Members of an ensemble, units kept."""
    return xr.concat(runs, "member", combine_attrs="override")


def test_members_that_are_alike_change_nothing(density_map, eddies):
    """Three copies of one forcing, or of its wind alone, give the forecast of the one, to the last bit."""
    one, _ = run(density_map, eddies)
    copies = stacked([eddies] * 3)
    shared = xr.merge([eddies.drop_vars(WIND), copies[WIND]], combine_attrs="override")
    for forcing in (copies, shared):
        many, _ = run(density_map, forcing)
        assert many.attrs["forcing_members"] == 3
        for name in (names.DENSITY, "exceedance_probability", "mass_left", "mass_stranded"):
            assert np.array_equal(many[name], one[name], equal_nan=True)


def test_each_member_goes_with_its_own_current(density_map):
    """A current to the east in one member and to the west in the other: the ensemble parts in two halves."""
    axes = np.arange(14.0, 18.01, 0.1), np.arange(-91.0, -83.99, 0.1)
    east, west = (analytic_forcing(lambda h, X, Y, s=s: (s + 0 * X, 0 * Y), *axes, [0, 24, 48]) for s in (0.3, -0.3))
    _, tracks = run(density_map, stacked([east, west]), STILL)
    status = tracks["status"].to_numpy()
    moved = (tracks["lon"][..., -1] - tracks["lon"][..., 0]).to_numpy()
    afloat = (status == 0).all(axis=2)
    means = [moved[m][afloat[m]].mean() for m in range(6)]
    assert (np.sign(means) == [1, 1, 1, -1, -1, -1]).all()


def test_members_are_dealt_evenly():
    """Few forcings carry several members each, of many those spread over the ensemble are taken."""
    assert blocks(6, 3) == [(0, 2), (2, 4), (4, 6)]
    assert [b - a for a, b in blocks(7, 3)] == [2, 3, 2]
    axis = np.arange(3.0)
    runs = stacked([analytic_forcing(lambda h, X, Y, k=k: (k + 0 * X, 0 * Y), axis, axis, [0, 1]) * 1.0
                    for k in range(10)])  # fmt: skip
    assert [float(r[U][0, 0, 0]) for r in members_of(runs, 4)] == [0.0, 3.0, 6.0, 9.0]


def test_the_spread_of_currents_is_not_counted_twice():
    """What the members differ by is taken off the drawn error; half of it stays; one run takes nothing."""
    axis, rng = np.arange(0.0, 4.0, 0.1), np.random.default_rng(0)

    def spread(size):
        shift = rng.normal(0, size, (40, 2))
        return stacked([analytic_forcing(lambda h, X, Y, s=s: (s[0] + 0 * X, s[1] + 0 * Y), axis, axis, [0, 1])
                        for s in shift])  # fmt: skip

    error = ResidualSettings(sigma_m_s=0.3)
    left = rest_of_error(error, spread(0.2)).sigma_m_s
    assert left == pytest.approx(np.sqrt(0.09 - 0.04), abs=0.02)
    assert rest_of_error(error, spread(0.5)).sigma_m_s == pytest.approx(0.15)
    assert rest_of_error(error, spread(0.2).isel(member=0)) == error
