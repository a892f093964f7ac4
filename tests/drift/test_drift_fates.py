"""What becomes of debris beside drifting: right in the mean, the same in any order, on the books."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.drift.ensemble import forecast
from oceanclean.drift.fates import Fates, near_land
from oceanclean.drift.kernel import AFLOAT, STRANDED, SUNK, Raster
from oceanclean.drift.settings import DriftSettings, FateSettings, TracksSettings

SHORE = Raster(0.0, 0.1, 0.0, 0.1, False)
KEY = np.uint64(7)


def after(settings, hours, refloat_h=None, land=None, start=AFLOAT, count=20_000, lon=0.15):
    """Status of particles after some hours."""
    fates = Fates(settings, refloat_h, land, SHORE)
    status = np.full(count, start, dtype=np.int8)
    ids = np.arange(count, dtype=np.uint64)
    for node in range(1, hours + 1):
        fates.draw(np.full(count, lon), np.full(count, 0.05), status, KEY, ids, node, 1.0)
    return status


def test_sinking_has_the_mean_time_it_says():
    """After one time scale a share of 1/e floats."""
    status = after(FateSettings(sinking_d=2), 48)
    assert (status == AFLOAT).mean() == pytest.approx(np.exp(-1), abs=0.01)
    assert set(np.unique(status)) == {AFLOAT, SUNK}


def test_fouled_debris_sinks_between_the_two_times_and_not_before():
    """From 1 to 3 days: none at 23 h, half at 48 h, all at 72 h; older debris sinks sooner."""
    settings = FateSettings(biofouling_d=(1, 3))
    shares = [(after(settings, hours) == SUNK).mean() for hours in (23, 48, 72)]
    assert shares == pytest.approx([0.0, 0.5, 1.0], abs=0.01)
    assert (after(settings.model_copy(update={"age_d": 1.0}), 24) == SUNK).mean() == pytest.approx(0.5, abs=0.01)


def test_beaching_is_for_the_coastal_zone_alone():
    """Within 15 km of land debris beaches at its rate; farther out none does."""
    land = np.zeros((10, 10), dtype=bool)
    land[:, 0] = True
    near = near_land(land, SHORE, 15.0)
    assert near[0].tolist() == [False, True] + [False] * 8
    settings = FateSettings(beaching_d=1, beach_km=15.0)
    assert (after(settings, 24, land=land) == STRANDED).mean() == pytest.approx(1 - np.exp(-1), abs=0.01)
    assert (after(settings, 24, land=land, lon=0.45) == AFLOAT).all()
    assert (after(settings, 24) == AFLOAT).all()


def test_beaching_and_refloating_balance():
    """At equal rates half of the debris is ashore in the end."""
    land = np.zeros((10, 10), dtype=bool)
    land[:, 0] = True
    status = after(FateSettings(beaching_d=0.5, beach_km=15.0), 200, refloat_h=12.0, land=land)
    assert (status == STRANDED).mean() == pytest.approx(0.5, abs=0.02)


def test_order_of_particles_does_not_matter():
    """A particle meets the same fate whatever stands beside it."""
    fates, rng = Fates(FateSettings(sinking_d=1), 5.0, None, None), np.random.default_rng(1)
    ids = np.arange(1000, dtype=np.uint64)
    order = rng.permutation(1000)
    one, two = np.zeros(1000, dtype=np.int8), np.zeros(1000, dtype=np.int8)
    for node in range(1, 20):
        fates.draw(np.zeros(1000), np.zeros(1000), one, KEY, ids, node, 1.0)
        fates.draw(np.zeros(1000), np.zeros(1000), two, KEY, ids[order], node, 1.0)
    assert np.array_equal(one[order], two)


def test_what_sank_is_on_the_books_of_the_forecast(density_map, eddies):
    """Map and inflow equal all accounts with the sunk; without the option nothing sinks."""
    small = {"members": 4, "particles_per_member": 500, "tracks": TracksSettings(members=4, particles=100)}
    settings = DriftSettings(fates=FateSettings(sinking_d=1.0), **small)
    density, tracks = forecast(density_map, eddies, issue_time="2025-06-10T06:00:00Z", horizon_h=24, settings=settings)
    names = ("afloat", "stranded", "left", "no_forcing", "sunk")
    total = sum(density[f"mass_{name}"] for name in names) - density["mass_entered"]
    assert np.ptp(total.to_numpy()) < 1e-6 * float(total[0])
    assert 0.5 < float(density["mass_sunk"][-1] / total[0]) < 0.8
    assert (tracks["status"] == SUNK).any()
