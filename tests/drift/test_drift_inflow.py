"""The open boundary: water that flows in brings the background, and the books are kept."""
# ruff: noqa: ARG005 (currents are functions of time and place, used or not)

from __future__ import annotations

import numpy as np
import pytest
from analytic_sea import analytic_forcing

from oceanclean.drift.ensemble import forecast
from oceanclean.drift.gridding import MapGrid
from oceanclean.drift.inflow import Strip, background
from oceanclean.drift.settings import (
    DriftSettings,
    InflowSettings,
    MassSettings,
    ResidualSettings,
    TracksSettings,
    WindageSettings,
)
from oceanclean.products import names

ISSUE = "2025-06-10T06:00:00Z"
AXES = np.arange(15.5, 17.11, 0.05), np.arange(-88.4, -86.29, 0.05)
PLAIN = DriftSettings(
    members=6, particles_per_member=6000, residual=ResidualSettings(sigma_m_s=0), windage=WindageSettings(),
    mass=MassSettings(largest_cv=0.01), tracks=TracksSettings(members=6, particles=1500),
    inflow=InflowSettings(particles_share=0.5),
)  # fmt: skip


def sea(current):
    return analytic_forcing(current, *AXES, np.arange(0, 81, 1))


@pytest.fixture(scope="module")
def uniform(density_map):
    """A map of 2 kg km-2 everywhere, all sea."""
    flat = density_map.copy(deep=True)
    flat["origin"][:] = 3
    flat[names.DENSITY][:], flat[names.DENSITY_STD][:] = 2.0, 0.1
    return flat


def carried(density_map, current, hours=24, **changes):
    settings = PLAIN.model_copy(update=changes)
    return forecast(density_map, sea(current), issue_time=ISSUE, horizon_h=hours, settings=settings, seed=3)


def eastward(h, X, Y):
    return 0.4 + 0 * X, 0 * X


@pytest.fixture(scope="module")
def drifted(uniform):
    """The uniform sea after a day in 0.4 m/s eastward."""
    return carried(uniform, eastward)


def edges(density, hour):
    """Mean density of the western fifth, of the middle and of the eastern fifth of the map."""
    mean = density[names.DENSITY][hour]
    n = mean.sizes["lon"]
    return [
        float(mean.isel(lon=slice(a, b)).mean()) for a, b in ((0, n // 5), (2 * n // 5, 3 * n // 5), (4 * n // 5, n))
    ]


def test_a_uniform_sea_stays_uniform_under_a_uniform_current(uniform, drifted):
    """0.4 m/s for 27 h carries a fifth of the map away; what comes in is as dense as what goes."""
    density, _ = drifted
    for hour in (0, 12, 24):
        assert edges(density, hour) == pytest.approx([2.0, 2.0, 2.0], rel=0.06)
    shut, _ = carried(uniform, eastward, inflow=InflowSettings(particles_share=0))
    assert edges(shut, 24)[0] < 0.3


def test_a_tide_at_the_boundary_neither_fills_nor_empties(uniform):
    """What the ebb took out comes back with the flood and is not counted twice."""
    density, _ = carried(uniform, lambda h, X, Y: (0.8 * np.cos(2 * np.pi * h / 12.42) + 0 * X, 0 * X), hours=48)
    for hour in (6, 12, 31, 48):
        assert edges(density, hour) == pytest.approx([2.0, 2.0, 2.0], rel=0.08)


def test_what_came_in_is_on_the_books(uniform, drifted):
    """Map and inflow together equal afloat, stranded, left and without forcing; the inflow is density x flux x time."""
    density, tracks = drifted
    grid = MapGrid.of(uniform)
    start = float((2.0 * grid.area_km2).sum())
    total = sum(density[f"mass_{name}"] for name in ("afloat", "stranded", "left", "no_forcing"))
    assert np.allclose(total, start + density["mass_entered"], rtol=1e-6)
    side_km = 60 * 0.02 * 110.6
    assert float(density["mass_entered"][-1]) == pytest.approx(2.0 * side_km * 0.4 * 27 * 3.6, rel=0.08)
    inside = tracks["mass"].where(tracks["status"].isel(time=-1) == 0).sum() / 6
    assert float(inside) == pytest.approx(float(density["mass_afloat"][-1]), rel=0.05)


def test_nothing_comes_in_over_land_or_from_a_still_sea(density_map, uniform):
    """A closed western side lets nothing in; without a current nothing enters anywhere."""
    closed = uniform.copy(deep=True)
    closed["origin"][:, :2] = 0
    density, _ = carried(closed, eastward, hours=12)
    assert float(density["mass_entered"][-1]) == pytest.approx(0.0, abs=1e-9)
    still, _ = carried(density_map, lambda h, X, Y: (0 * X, 0 * X), hours=6)
    assert float(still["mass_entered"][-1]) == 0.0


def test_a_patch_at_the_edge_is_not_taken_for_the_sea_beyond(density_map, uniform):
    """The background is smoothed along the rim and never above the mean of the map."""
    patchy = uniform.copy(deep=True)
    patchy[names.DENSITY][20:24, :3] = 500.0
    grid = MapGrid.of(patchy)
    density = patchy[names.DENSITY].to_numpy()
    around = background(density, grid, Strip(grid, 7200.0, 20.0), 10.0)
    assert around.max() <= np.average(density, weights=grid.area_km2) + 1e-9
    assert around.min() == pytest.approx(2.0, rel=1e-3)
