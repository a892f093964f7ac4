"""Laws of the velocity error with memory."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_sea import START, analytic_forcing

from oceanclean.drift import noise
from oceanclean.drift.engine import Doubt, advect
from oceanclean.drift.settings import ResidualSettings
from oceanclean.region import metres_per_degree

STILL = np.linspace(-8, 8, 5)


def still_water():
    return analytic_forcing(lambda _h, X, Y: (0.0 * X, 0.0 * Y), STILL, STILL, [0, 36, 72])


def spread_m(hours, tau_h, sigma):
    """Standard deviation of the displacement of an Ornstein-Uhlenbeck velocity (Taylor 1921)."""
    t, tau = hours * 3600.0, tau_h * 3600.0
    return sigma * np.sqrt(2 * tau * (t - tau * -np.expm1(-t / tau)))


@pytest.mark.parametrize(("interval_s", "dt_s"), [(3600, 900), (3600, 3600), (10800, 1800)])
def test_spread_is_that_of_the_continuous_process(interval_s, dt_s):
    """The displacement's standard deviation follows Taylor (1921) whatever the nodes and the step."""
    settings = ResidualSettings(tau_h=12, sigma_m_s=0.2, interval_s=interval_s)
    track = advect(still_water(), np.zeros(8000), np.zeros(8000), START, 72, dt_s=dt_s, noise=settings,
                   rng=np.random.default_rng(1), output_every_h=6)  # fmt: skip
    east, north = metres_per_degree(0.0)
    for hours in (6, 24, 72):
        at = track.sel(time=START + np.timedelta64(hours, "h"))
        expected = spread_m(hours, 12, 0.2)
        assert float(at["lon"].std() * east) == pytest.approx(expected, rel=0.03)
        assert float(at["lat"].std() * north) == pytest.approx(expected, rel=0.03)


def test_same_seed_gives_the_same_error_at_any_step():
    """The step does not enter: hourly and 5-minute steps end at the same place."""
    ends = [
        advect(still_water(), np.zeros(50), np.zeros(50), START, 48, dt_s=dt, noise=ResidualSettings(),
               rng=np.random.default_rng(2)).isel(time=-1)
        for dt in (3600, 300)
    ]  # fmt: skip
    assert float(np.abs(ends[0]["lon"] - ends[1]["lon"]).max()) < 1e-8


def test_transition_keeps_the_stationary_variance():
    """Velocity at every node has the variance of the first, and the mean's variance is the exact one."""
    for interval, tau in ((3600, 64800), (60, 1e6), (86400, 3600)):
        m = noise.Memory.over(interval, tau)
        ratio = interval / tau
        assert m.keep**2 + m.kick**2 == pytest.approx(1.0, rel=1e-12)
        exact = 2 * (ratio + np.expm1(-ratio)) / ratio**2 if ratio > 1e-3 else 1 - ratio / 3
        assert m.mean_keep**2 + m.mean_kick**2 + m.mean_own**2 == pytest.approx(exact, rel=2e-4)


def test_numbers_are_uniform_and_lanes_independent():
    """The counter's numbers pass a coarse test of uniformity and of correlation between lanes, nodes and ids."""
    ids = np.arange(200_000, dtype=np.uint64)
    a, b = noise.uniforms(np.uint64(5), ids, 3, 0), noise.uniforms(np.uint64(5), ids, 3, 1)
    c, d = noise.uniforms(np.uint64(5), ids, 4, 0), noise.uniforms(np.uint64(6), ids, 3, 0)
    assert a.min() > 0
    assert a.max() < 1
    assert np.abs(np.histogram(a, 20, (0, 1))[0] / 10_000 - 1).max() < 0.05
    for other in (b, c, d, np.roll(a, 1)):
        assert abs(np.corrcoef(a, other)[0, 1]) < 0.01


def doubt(share, members, count=4000):
    settings = ResidualSettings(sigma_m_s=0.3, coherent_share=share, coherent_km=40)
    member = np.repeat(np.arange(members, dtype=np.int32), count // members)
    return Doubt(settings, np.uint64(9), np.arange(count, dtype=np.uint64), member, (0.0, 3.0, 0.0, 3.0))


def test_neighbours_of_a_member_share_their_error_and_members_do_not():
    """Debris a kilometre apart drifts together within a member; far away or in another member it does not."""
    shared = doubt(1.0, 2000)
    lon, lat = np.tile([1.0, 1.01], 2000), np.full(4000, 1.5)
    shared.advance(lon, lat, compiled=True)
    near = shared.mean.reshape(2000, 2, 2)
    assert np.corrcoef(near[:, 0, 0], near[:, 1, 0])[0, 1] > 0.98
    far = doubt(1.0, 2000)
    far.advance(np.tile([0.5, 2.5], 2000), lat, compiled=True)
    apart = far.mean.reshape(2000, 2, 2)
    assert abs(np.corrcoef(apart[:, 0, 0], apart[:, 1, 0])[0, 1]) < 0.1
    assert abs(np.corrcoef(near[:-1, 0, 0], near[1:, 0, 0])[0, 1]) < 0.1


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_total_variance_does_not_depend_on_the_shared_part(share):
    """Whatever the share, sigma is the configured one, between nodes as well as at them."""
    errors = doubt(share, 4000)
    rng = np.random.default_rng(1)
    errors.advance(rng.uniform(0, 3, 4000), rng.uniform(0, 3, 4000), compiled=True)
    memory = noise.Memory.over(3600, 18 * 3600)
    held = np.sqrt(memory.mean_keep**2 + memory.mean_kick**2 + memory.mean_own**2)
    assert errors.mean.std() == pytest.approx(0.3 * held, rel=0.04)
