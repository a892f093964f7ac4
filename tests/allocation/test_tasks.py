"""Laws of patches and shares: nothing that matters is lost, and nothing is counted twice."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation.options import TaskSettings
from oceanclean.allocation.sea_routing import SeaRouter
from oceanclean.allocation.tasks import cut_shares, find_patches, particles_of
from oceanclean.errors import ProductError
from tests.allocation.days import ISSUE, OpenSea, region, tracks

CELL_M2 = 4.0e6


@pytest.fixture(scope="module")
def router() -> SeaRouter:
    return SeaRouter.of_region(region(OpenSea))


def _patches(router, data, **changes):
    particles = particles_of(data, router.plane, ISSUE, 48 * 3600.0)
    return find_patches(particles, router, CELL_M2, TaskSettings(**changes), np.random.default_rng(0))


def test_the_patches_hold_all_the_mass(router):
    """Mass of the patches adds up to the mass afloat, member by member."""
    data = tracks([(0.3, 0.5, 100.0), (1.2, 0.2, 300.0), (1.7, 0.8, 50.0)], disagreement=0.05)
    patches = _patches(router, data)
    assert patches.share_of_mass == pytest.approx(1.0)
    assert np.allclose(patches.mass.sum(axis=1), 450.0)


def test_separate_patches_stay_separate_and_follow_the_drift(router):
    """Three groups far apart become three patches, heaviest first, each moving with its particles."""
    data = tracks([(0.3, 0.5, 100.0), (1.2, 0.2, 300.0), (1.6, 0.8, 50.0)], drift=(0.2, 0.1))
    patches = _patches(router, data)
    assert len(patches.x) == 3
    assert np.allclose(patches.mass.mean(axis=0), [300.0, 100.0, 50.0])
    moved = np.hypot(patches.x[:, 24] - patches.x[:, 0], patches.y[:, 24] - patches.y[:, 0])
    assert np.allclose(moved, np.hypot(0.2, 0.1) * 24 * 3600, rtol=0.02)


def test_no_more_patches_than_allowed_and_none_lost(router):
    """With fewer patches allowed than groups there are, groups are joined, not dropped."""
    rng = np.random.default_rng(1)
    data = tracks([(float(x), float(y), 10.0) for x, y in rng.uniform((0.1, 0.1), (1.9, 0.9), (30, 2))])
    patches = _patches(router, data, max_patches=5)
    assert len(patches.x) == 5
    assert patches.share_of_mass == pytest.approx(1.0)


def test_members_that_disagree_lower_the_chance_to_find_a_patch(router):
    """The further the members drift apart, the smaller the share of them within reach, and the expected mass."""
    close, apart = (
        _patches(router, tracks([(1.0, 0.5, 100.0)], disagreement=d, members=12), max_patches=1) for d in (0.01, 0.3)
    )
    assert close.found[0, 36] == 1.0
    assert apart.found[0, 36] < 0.7
    assert apart.kg[:, 0, 36].mean() < close.kg[:, 0, 36].mean()


def test_stranded_debris_is_no_longer_on_offer(router):
    """From the hour at which a patch strands, its mass afloat is nil and its share ashore is one."""
    patches = _patches(router, tracks([(1.0, 0.5, 100.0)], stranded_at=20))
    assert patches.kg[:, 0, 19].min() > 0
    assert patches.kg[:, 0, 21:].max() == 0
    assert patches.stranded[0, 21] == pytest.approx(1.0)


def test_shares_of_a_patch_never_hold_more_than_the_patch(router):
    """Sweeping every share takes less than all, the densest share first, and a wider patch gives less a share."""
    patches = _patches(router, tracks([(1.0, 0.5, 100.0)], spread=2500.0), max_patches=1)
    shares = cut_shares(patches, 0.5e6, 1.0, TaskSettings(shares_per_patch=40, least_kg=0.0, max_shares=400))
    part = shares.part[:, 0]
    assert part.sum() < 1.0
    assert (np.diff(part) < 0).all()
    tight = cut_shares(_patches(router, tracks([(1.0, 0.5, 100.0)], spread=300.0)), 0.5e6, 1.0, TaskSettings())
    assert tight.part[0, 0] > shares.part[0, 0]


def test_catch_rate_is_width_times_speed_times_density(router):
    """A 1.4 km mouth at 0.75 m/s in 60 and 100 kg/km² takes 38 and 64 t a week, as observed at sea."""
    for density, tonnes in ((60.0, 38.1), (100.0, 63.5)):
        area_m2 = 1400.0 * 0.75 * 7 * 24 * 3600.0
        patches = _patches(router, tracks([(1.0, 0.5, density * 1e4)], spread=1.0))
        wide = patches.__class__(**{**patches.__dict__, "spread_m2": np.full_like(patches.spread_m2, 1e4 * 1e6)})
        part = cut_shares(wide, area_m2 / 1000, 1.0, TaskSettings(shares_per_patch=1)).part[0, 0]
        assert part * density * 1e4 * 1000 / 1000 == pytest.approx(tonnes, rel=0.01)


def test_particles_without_mass_are_left_out_and_told(router):
    """NaN and negative masses are not planned for; the plan says how many there were."""
    data = tracks([(1.0, 0.5, 100.0)])
    data["mass"][0, 0], data["mass"][1, 1] = np.nan, -5.0
    particles = particles_of(data, router.plane, ISSUE, 48 * 3600.0)
    assert "2 of 36 particles" in particles.notes[0]
    assert particles.mass.min() >= 0


def test_tracks_that_end_before_the_issue_time_are_refused(router):
    """A forecast that does not cover the issue time is an error that names both times."""
    with pytest.raises(ProductError, match="time"):
        particles_of(tracks([(1.0, 0.5, 1.0)]), router.plane, ISSUE + np.timedelta64(90, "h"), 48 * 3600.0)
