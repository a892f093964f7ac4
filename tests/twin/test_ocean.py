"""The sea of the twin: a flow that respects the coast, and the right numbers of wind and waves."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.twin.debris import AFLOAT, STRANDED, Particles, drift
from oceanclean.twin.forecast import forecast_of
from oceanclean.twin.ocean import TIDE_PERIOD_H, make_ocean
from oceanclean.twin.weather import GRAVITY


def passive(lon, lat):
    """Particles that only the current moves."""
    n = len(lon)
    zero = np.zeros(n)
    return Particles(
        lon=lon, lat=lat, release_h=zero, detach_h=zero, raft=np.full(n, -1), along=zero, across=zero, mass_kg=zero,
        area_m2=zero, kind=np.zeros(n, int), windage=zero, leeway=zero, stokes=zero,
    )  # fmt: skip


def test_same_seed_gives_the_same_sea_and_another_seed_another(region, settings, ocean):
    """A twin can be run again."""
    again = make_ocean(region, ocean.start, ocean.hours, settings, 5)
    other = make_ocean(region, ocean.start, ocean.hours, settings, 6)
    np.testing.assert_array_equal(ocean.current(17.5), again.current(17.5))
    assert np.abs(ocean.current(17.5) - other.current(17.5)).max() > 0.1


def test_current_does_not_carry_particles_through_the_coast(region, settings, ocean):
    """Water that starts 4 km off land stays in the sea: fewer than one particle in a hundred strands in 60 h."""
    rows, columns = np.nonzero((ocean.basin.shore_m > 4_000) & (ocean.basin.shore_m < 15_000))
    rng = np.random.default_rng(0)
    pick = rng.choice(len(rows), 600)
    calm = settings.debris.model_copy(update={"subgrid_speed_m_s": 0.0})
    particles = passive(ocean.basin.grid.lon[columns[pick]], ocean.basin.grid.lat[rows[pick]])
    lon, lat, status = drift(ocean, region, None, particles, calm, rng)
    assert (status[-1] == STRANDED).mean() < 0.01
    moved = np.hypot((lon[-1] - lon[0]) * 107e3, (lat[-1] - lat[0]) * 110e3)[status[-1] == AFLOAT]
    assert np.median(moved) > 5_000  # and it does move


def test_flow_is_free_of_divergence_but_for_fronts_tide_and_slab(ocean):
    """The curl of a stream function has no divergence; what remains at fronts is small beside the rotation."""
    psi = ocean.stream_function(20.0)
    u, v = -np.gradient(psi, ocean.basin.dy, axis=0), np.gradient(psi, ocean.basin.dx, axis=1)
    divergence = np.gradient(u, ocean.basin.dx, axis=1) + np.gradient(v, ocean.basin.dy, axis=0)
    vorticity = np.gradient(v, ocean.basin.dx, axis=1) - np.gradient(u, ocean.basin.dy, axis=0)
    inner = (slice(2, -2), slice(2, -2))
    assert np.abs(divergence[inner]).max() < 1e-9 * np.abs(vorticity[inner]).max() + 1e-15
    whole = ocean.current(20.0)
    gathered = np.gradient(whole[0], ocean.basin.dx, axis=1) + np.gradient(whole[1], ocean.basin.dy, axis=0)
    at_sea = ocean.basin.shore_m > 15_000
    assert 0 < np.std(gathered[at_sea]) < 0.5 * np.std(vorticity[at_sea])


def test_current_is_of_the_speed_of_a_shelf_sea(ocean):
    """Mean speeds of one to three decimetres a second, nowhere much above one metre a second, still on land."""
    speed = np.hypot(*ocean.current(30.0))
    assert 0.08 < speed[~ocean.basin.land].mean() < 0.3
    assert speed.max() < 1.2
    assert (speed[ocean.basin.land] == 0).all()


def test_tide_turns_with_its_periods(ocean):
    """M2 alone comes back after 12.42 h, as K1 after 23.93 h."""
    for tide, name in zip(ocean.tides, ("M2", "K1"), strict=True):
        assert tide.period_h == TIDE_PERIOD_H[name]
        now, later = (np.exp(2j * np.pi * h / tide.period_h) * tide.u for h in (3.0, 3.0 + tide.period_h))
        assert now.real == pytest.approx(later.real, abs=1e-12)


def test_waves_follow_the_wind(ocean):
    """Stokes drift is about 1.3 % of the wind off the lee of land, and no sea is higher than fully developed."""
    sky = ocean.weather
    wind = np.hypot(sky.wind[:, 0], sky.wind[:, 1])
    stokes = np.hypot(sky.waves[:, 0], sky.waves[:, 1])
    assert 0.008 < np.percentile(stokes, 90) / np.percentile(wind, 90) < 0.014
    strongest = wind.max()
    assert 0.3 < np.median(sky.waves[:, 2]) < 2.0
    assert sky.waves[:, 2].max() <= 0.211 * strongest**2 / GRAVITY


def test_forecast_errs_more_the_further_ahead(ocean, settings):
    """The error of the forecast current grows from the issue on, over the mean of several issues."""
    early, late = [], []
    sea = ocean.basin.shore_m > 10_000
    for day in range(4):
        said = forecast_of(ocean, 12.0, settings, 5, day)
        for hour, into in ((12.0, early), (60.0, late)):
            into.append(np.sqrt(((said.current(hour) - ocean.current(hour))[:, sea] ** 2).mean()))
    assert 0.02 < np.mean(early) < np.mean(late) < 0.3
