"""True debris: mass is kept, rafts are filaments, every particle sails in its own way."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.twin.debris import AFLOAT, UNBORN, make_debris, make_particles
from oceanclean.twin.ocean import land_on


@pytest.fixture(scope="module")
def debris(ocean, region, settings):
    return make_debris(ocean, region, settings, 5)


def test_debris_is_reproducible(debris, ocean, region, settings):
    """The same seed gives the same tracks."""
    again = make_debris(ocean, region, settings, 5)
    np.testing.assert_array_equal(debris.lon, again.lon)
    np.testing.assert_array_equal(debris.mass_kg, again.mass_kg)


def test_no_particle_comes_back_from_the_shore_or_from_beyond(debris):
    """Status only goes forward: unborn, afloat, then stranded or gone for good."""
    before, after = debris.status[:-1], debris.status[1:]
    assert (after[before > AFLOAT] == before[before > AFLOAT]).all()
    assert (after[before == AFLOAT] != UNBORN).all()
    assert (debris.status[-1] == AFLOAT).mean() > 0.4


def test_loose_debris_afloat_is_on_the_water(debris, ocean, region):
    """A particle that floats is not on land (a raft's ends may touch a beach)."""
    grid = ocean.basin.grid
    fine = type(grid)(grid.west, grid.south, grid.step / 4, grid.nx * 4, grid.ny * 4)
    own = (debris.status[-1] == AFLOAT) & (debris.raft < 0)
    row, column, inside = fine.index(debris.lon[-1][own], debris.lat[-1][own])
    assert not land_on(region, fine)[row, column][inside].any()


def test_rafts_weigh_what_the_settings_say(debris, settings):
    """Every raft weighs between the set limits, and mass and covered area agree class by class."""
    raft = debris.raft >= 0
    mass = np.bincount(debris.raft[raft], debris.mass_kg[raft])
    low, high = settings.debris.raft_mass_kg
    assert low * 0.99 <= mass.min() <= mass.max() <= high * 1.01
    kg_m2 = np.array([c.kg_m2 for c in settings.debris.classes.values()])
    np.testing.assert_allclose(debris.mass_kg / debris.area_m2, kg_m2[debris.kind])


def test_each_particle_has_a_windage_of_its_own_class(debris, settings):
    """Windage is drawn for each particle: means of the classes agree, and none is alike."""
    loose = debris.raft < 0
    for index, kind in enumerate(settings.debris.classes.values()):
        own = debris.windage[loose & (debris.kind == index)]
        assert own.mean() == pytest.approx(kind.windage, abs=4 * kind.windage_std / np.sqrt(len(own)) + 2e-4)
        assert len(np.unique(own)) > 0.8 * len(own)


def test_rafts_are_filaments_that_stretch(ocean, settings, debris):
    """A raft is much longer than wide and its sea is partly covered; it grows longer with age."""
    lon, lat, afloat = debris.at(1.0)
    members = np.nonzero(afloat & (debris.raft == debris.raft[afloat].max()))[0]
    x = np.stack([(lon[members] - lon[members].mean()) * 107e3, (lat[members] - lat[members].mean()) * 110e3])
    long, wide = np.sqrt(np.linalg.eigvalsh(np.cov(x))[::-1])
    assert long > 2 * wide
    rafts, particles = make_particles(ocean, settings, np.random.default_rng([5, 3]))
    area = np.bincount(particles.raft[particles.raft >= 0], particles.area_m2[particles.raft >= 0])
    cover = area / (rafts.length_m * rafts.width_m)
    low, high = settings.debris.core_cover
    assert ((cover >= low * 0.999) & (cover <= high * 1.001)).all()


def test_total_mass_is_tens_of_tonnes(config_dir, region):
    """With the shipped settings some tens of tonnes drift in the region: enough for a day's work, not a continent."""
    from oceanclean.twin.ocean import make_ocean
    from oceanclean.twin.settings import load_twin_settings

    full = load_twin_settings(config_dir)
    sea = make_ocean(region, np.datetime64("2026-06-12T06:00:00"), 2, full, 1)
    truth = make_debris(sea, region, full, 1)
    lon, lat, afloat = truth.at(0.0)
    west, south, east, north = region.grid.bounds
    here = afloat & (lon > west) & (lon < east) & (lat > south) & (lat < north)
    assert 20_000 < truth.mass_kg[here].sum() < 120_000
