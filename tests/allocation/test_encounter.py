"""How much sea a vessel works through: the towed barrier's known catch, and what a lookout adds."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation.encounter import area_rates
from oceanclean.allocation.options import SeaSettings

ONE = np.ones(1)


def rate(density: float = 50.0, night: bool = False, daylight: float = 0.5, **sea: float) -> float:
    """One vessel: 30 m mouth, 1.3 m/s collecting, 5 m/s in transit."""
    return float(area_rates(30 * ONE, 1.3 * ONE, 5 * ONE, np.array([night]), density, daylight, SeaSettings(**sea))[0])


@pytest.mark.parametrize(("density", "tonnes"), [(60, 38.1), (100, 63.5)])
def test_a_blind_barrier_catches_what_was_observed(density: float, tonnes: float) -> None:
    """1.4 km at 0.75 m/s through 60 to 100 kg/km² is 38 to 64 t a week, as the operator's figures are."""
    sea = SeaSettings(sight_m=0, sweep_use=1.0)
    swept = area_rates(1400 * ONE, 0.75 * ONE, 3 * ONE, np.array([True]), density, 0.5, sea)[0]
    assert swept * 7 * 86400 / 1e6 * density / 1000 == pytest.approx(tonnes, rel=0.01)


def test_without_sight_or_windrows_the_mouth_sweeps_blindly() -> None:
    """No lookout, or nothing gathered: mouth times speed times the part of the time spent sweeping."""
    blind = 30 * 1.3 * 0.85
    assert rate(sight_m=0) == pytest.approx(blind)
    assert rate(windrow_share=0) == pytest.approx(blind)


def test_a_lookout_helps_more_the_farther_it_sees_and_the_thinner_the_debris() -> None:
    """More sight never hurts; where debris is dense the time goes into taking it aboard."""
    assert rate(sight_m=500) < rate(sight_m=1500) < rate(sight_m=4000)
    assert rate(density=5) > rate(density=50) > rate(density=5000)


def test_taking_aboard_never_exceeds_the_mouths_rate_inside_a_windrow() -> None:
    """However far a crew sees, kilograms a second stay below mouth × speed × density of the windrow."""
    sea = {"sight_m": 1e7, "windrow_share": 1.0, "sweep_use": 1.0}
    density = 200.0
    assert rate(density, **sea) * density / 1e6 <= 30 * 1.3 * 15_000 / 1e6 * (1 + 1e-6)


def test_at_night_nobody_sees_a_windrow() -> None:
    """A vessel that also works in the dark gains from its lookout only the daylight's share."""
    assert rate(night=True, daylight=0.0) == pytest.approx(rate(sight_m=0))
    assert rate(night=True, daylight=0.5) < rate(night=False)
