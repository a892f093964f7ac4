"""The doubt learned from the region's drifters: right when they are many, the prior when they are few."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from oceanclean.drift.local_doubt import followed_currents, local_doubt
from oceanclean.drift.settings import DriftSettings
from oceanclean.products import describe, names
from oceanclean.region import metres_per_degree


def sea(hours: int) -> xr.Dataset:
    """A uniform current of 0.2 m/s east over a small box."""
    shape = (hours, 3, 3)
    data = {
        names.EASTWARD_CURRENT: (("time", "lat", "lon"), np.full(shape, 0.2, "f4")),
        names.NORTHWARD_CURRENT: (("time", "lat", "lon"), np.zeros(shape, "f4")),
    }
    coords = {
        "time": pd.date_range("2026-06-01", periods=hours, freq="h"),
        "lat": [-9.0, 0, 9],
        "lon": [170.0, 180, 190],
    }
    return describe("Forcing", xr.Dataset(data, coords, {"available_at": "x", "source": "x"}))


def buoys(count: int, hours: int, sigma: float, tau_h: float, seed: int = 0) -> gpd.GeoDataFrame:
    """Drogued drifters carried by 0.2 m/s east and an Ornstein-Uhlenbeck error of known size and memory."""
    rng = np.random.default_rng(seed)
    rows = []
    times = pd.date_range("2026-06-01", periods=hours, freq="h", tz="UTC")
    keep = np.exp(-1 / tau_h)
    for buoy in range(count):
        draws = rng.normal(size=(hours, 2)) @ [1, 1j]
        error = np.empty(hours, complex)
        error[0] = draws[0]
        for i in range(1, hours):
            error[i] = keep * error[i - 1] + np.sqrt(1 - keep**2) * draws[i]
        velocity = 0.2 + sigma * error
        east, north = metres_per_degree(0.0)
        lon = 179.9 + np.cumsum(velocity.real) * 3600 / east
        lat = np.cumsum(velocity.imag) * 3600 / north
        rows.append(pd.DataFrame({"drifter_id": f"b{buoy}", "time": times, "lon": (lon + 180) % 360 - 180, "lat": lat}))
    table = pd.concat(rows, ignore_index=True)
    return gpd.GeoDataFrame(
        table[["drifter_id", "time"]].assign(drogued=True, quality=1, available_at=table["time"]),
        geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326",
    )  # fmt: skip


def test_many_drifters_find_the_size_and_memory_of_the_error() -> None:
    """Forty drifters over ten days, crossing 180°, give sigma and tau back within a few per cent."""
    settings, found = local_doubt(buoys(40, 240, 0.08, 10.0), sea(240), DriftSettings())
    assert settings.residual.sigma_m_s == pytest.approx(0.08, rel=0.08)
    assert settings.residual.tau_h == pytest.approx(10.0, rel=0.2)
    assert found["drifters"] == 40


def test_few_fixes_leave_the_prior() -> None:
    """A drifter with a day of fixes says nothing yet."""
    settings, _ = local_doubt(buoys(1, 24, 0.02, 10.0), sea(240), DriftSettings())
    assert settings.residual.sigma_m_s == DriftSettings().residual.sigma_m_s


def test_a_jump_in_a_track_does_not_widen_the_doubt() -> None:
    """A fix a hundred kilometres off is left out."""
    tracks = buoys(20, 120, 0.08, 10.0)
    moved = tracks.copy()
    moved.loc[50, "geometry"] = moved.geometry[50].__class__(moved.geometry[50].x + 1.0, moved.geometry[50].y)
    straight, _ = local_doubt(tracks, sea(120), DriftSettings())
    bent, _ = local_doubt(moved, sea(120), DriftSettings())
    assert bent.residual.sigma_m_s == pytest.approx(straight.residual.sigma_m_s, rel=0.02)


def test_no_drifter_at_all_leaves_the_prior() -> None:
    """An empty table is not an error."""
    settings, found = local_doubt(buoys(1, 3, 0.1, 5.0).iloc[:0], sea(48), DriftSettings())
    assert settings.residual == DriftSettings().residual
    assert found["drifter_hours"] == 0


def test_waves_stand_in_the_windage_where_the_forcing_has_none() -> None:
    """A drifter carried by current + 2.3 % of the wind, or 1 % and Stokes drift, leaves no residual."""
    wind = {names.EASTWARD_WIND: 8.0, names.NORTHWARD_WIND: 0.0}
    stokes = {names.EASTWARD_STOKES: 0.104, names.NORTHWARD_STOKES: 0.0}
    drifters = buoys(20, 120, 1e-6, 10.0).assign(drogued=False)
    drifters = turned(drifters, (0.2 + 0.023 * 8.0) / 0.2)
    found = []
    for extra in (wind, wind | stokes):
        forcing = sea(121)
        for name, value in extra.items():
            forcing[name] = forcing[names.EASTWARD_CURRENT] * 0 + value
        settings, _ = local_doubt(drifters, forcing, DriftSettings())
        found.append(settings.residual.sigma_m_s)
    prior_alone = DriftSettings().residual.sigma_m_s
    assert max(found) < 0.2 * prior_alone


def turned(drifters: gpd.GeoDataFrame, factor: complex) -> gpd.GeoDataFrame:
    """The same drifters with their eastward travel scaled and turned."""
    step = (drifters.geometry.x.to_numpy() % 360 - 179.9) + 1j * drifters.geometry.y.to_numpy()
    place = 179.9 + factor * step
    return drifters.set_geometry(gpd.points_from_xy((place.real + 180) % 360 - 180, place.imag), crs="EPSG:4326")


def test_currents_follow_many_drifters_and_not_few() -> None:
    """Drifters at six tenths of the current, turned left by 15 degrees: what they are worth is how far they draw it.

    In a uniform sea the posterior is the prior's precision against the drifters' in closed form; one drifter leaves the
    current as it is, and drifters whose hours are all independent find the truth.
    """
    factor = 0.6 * np.exp(1j * np.radians(15))
    many, settings = turned(buoys(30, 72, 0.02, 6.0), factor), DriftSettings()
    followed, found = followed_currents(many, sea(73), settings)
    recent = settings.recent
    hours = 30 * np.exp(-np.arange(71) / recent.memory_h).sum()
    power = recent.independent_share / recent.sigma_m_s**2 * hours * 0.2**2
    drawn = 1 + (factor - 1) * power / (power + recent.current**-2)
    assert found["current_scale"] == pytest.approx(abs(drawn), abs=0.02)
    assert found["current_turn_deg"] == pytest.approx(np.degrees(np.angle(drawn)), abs=1.0)
    turned_by = np.radians(found["current_turn_deg"])
    eastward = 0.2 * found["current_scale"] * np.cos(turned_by)
    assert float(followed[names.EASTWARD_CURRENT][5, 1, 1]) == pytest.approx(eastward, abs=0.002)
    late = turned(buoys(30, 72, 0.02, 6.0), factor)
    faded, _ = followed_currents(late, sea(216), settings)
    east = faded[names.EASTWARD_CURRENT][:, 1, 1].to_numpy()
    assert east[70] == pytest.approx(eastward, abs=0.002)
    assert east[71 + 144] - 0.2 == pytest.approx((eastward - 0.2) / np.e, abs=0.002)
    alone = settings.model_copy(update={"recent": recent.model_copy(update={"independent_share": 1.0})})
    _, truth = followed_currents(many, sea(73), alone)
    assert truth["current_scale"] == pytest.approx(0.6, abs=0.03)
    assert truth["current_turn_deg"] == pytest.approx(15.0, abs=1.5)
    few, none = followed_currents(turned(buoys(1, 25, 0.02, 6.0), factor), sea(73), settings)
    assert none == {"current_scale": 1.0, "current_turn_deg": 0.0}
    assert np.array_equal(few[names.EASTWARD_CURRENT], sea(73)[names.EASTWARD_CURRENT])
