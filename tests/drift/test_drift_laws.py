"""Laws that any advection engine must keep; each has bitten a published one."""
# ruff: noqa: ARG005 (currents are functions of time and place, used or not)

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analytic_sea import START, analytic_forcing
from scipy.integrate import solve_ivp

from oceanclean.drift.engine import Coast, Doubt, Particles, advect, drive
from oceanclean.drift.fields import Levels
from oceanclean.drift.settings import ResidualSettings
from oceanclean.errors import SettingsError
from oceanclean.region import metres_per_degree

BACKENDS = ("numba", "numpy")
OMEGA = 2 * np.pi / 86400.0


def rotation(h, X, Y):
    return -OMEGA * Y * 110574.0 * np.ones_like(X), OMEGA * X * 111320.0


def growing_rotation(h, X, Y):
    u, v = rotation(h, X, Y)
    return 0.6 * u * (0.5 + h / 48), 0.6 * v * (1.5 - h / 48)


def exact(current, lon, lat, hours):
    """End point by an eighth-order adaptive method, with the field itself instead of a grid."""

    def slope(t, p):
        u, v = current(t / 3600, np.array(p[0]), np.array(p[1]))
        east, north = metres_per_degree(p[1])
        return [float(u / east), float(v / north)]

    end = solve_ivp(slope, (0, hours * 3600), [lon, lat], method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return end[0], end[1]


def error_m(current, levels, dt_s, backend="numba"):
    """Distance in metres from the exact end after 48 h, 20 km from the centre of rotation."""
    axis = np.linspace(-0.5, 0.5, 21)
    forcing = analytic_forcing(current, axis, axis, levels)
    end = advect(
        forcing, np.array([0.18]), np.array([0.0]), START, 48, dt_s=dt_s, output_every_h=48, backend=backend
    ).isel(time=-1)
    lon, lat = exact(current, 0.18, 0.0, 48)
    return float(np.hypot((end["lon"][0] - lon) * 111320, (end["lat"][0] - lat) * 110574))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("current", [rotation, growing_rotation], ids=["steady", "growing"])
def test_scheme_is_of_fourth_order(current, backend):
    """Halving the step divides the error by sixteen, in a steady and in a time-varying field."""
    errors = [error_m(current, [0, 24, 48], dt, backend) for dt in (7200, 3600, 1800)]
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(np.abs(orders - 4.0) < 0.3), (errors, orders)


def test_rotation_at_a_quarter_hour_ends_within_a_metre():
    """Two turns on a circle of 20 km with 15 min steps: OpenDrift's runge-kutta4 errs by 1419 m."""
    assert error_m(rotation, np.arange(49), 900) < 0.1


@pytest.mark.parametrize("lat", [0.0, 45.0, 80.0])
def test_zonal_flow_is_exact(lat):
    """A uniform eastward current moves a particle by u t along its parallel, at any latitude."""
    axis = np.arange(-2, 12.1, 0.5)
    forcing = analytic_forcing(lambda h, X, Y: (1.0, 0.0), lat + np.linspace(-1, 1, 5), axis, [0, 24, 48])
    end = advect(forcing, np.array([0.1]), np.array([lat]), START, 24).isel(time=-1)
    east, _ = metres_per_degree(lat)
    assert abs(float(end["lon"][0]) - 0.1 - 86400.0 / east) < 1e-10
    assert abs(float(end["lat"][0]) - lat) < 1e-12


def test_wind_alone_moves_by_windage_times_wind_times_time():
    """Without current the displacement is windage x wind x time."""
    axis = np.linspace(-1, 1, 9)
    forcing = analytic_forcing(lambda h, X, Y: (0.0, 0.0), axis, axis, [0, 24, 48], wind=lambda h, X, Y: (0.0, 10.0))
    end = advect(forcing, np.zeros(2), np.zeros(2), START, 24, windage=np.array([0.02, 0.03])).isel(time=-1)
    travelled = [quadrature_m(lat) for lat in end["lat"].to_numpy()]
    assert np.allclose(travelled, [0.02 * 10 * 86400, 0.03 * 10 * 86400], atol=1e-3)


def quadrature_m(lat):
    """Length of the meridian from the equator."""
    points = np.linspace(0, lat, 2001)
    return np.trapezoid(metres_per_degree(points)[1], points)


def test_stokes_drift_counts_with_its_factor():
    """Half of the Stokes drift moves a particle half as far."""
    axis = np.linspace(-1, 1, 9)
    forcing = analytic_forcing(lambda h, X, Y: (0.0, 0.0), axis, axis, [0, 48], stokes=lambda h, X, Y: (0.2, 0.0))
    far, half = (
        float(advect(forcing, np.zeros(1), np.zeros(1), START, 24, stokes_factor=s)["lon"][0, -1]) for s in (1.0, 0.5)
    )
    assert far == pytest.approx(2 * half, rel=1e-12)
    assert far == pytest.approx(0.2 * 86400 / metres_per_degree(0.0)[0], rel=1e-9)


def test_windage_on_relative_wind_vanishes_when_wind_follows_water():
    """With wind equal to the current the relative wind is zero."""
    axis = np.linspace(-1, 1, 9)
    same = {"current": lambda h, X, Y: (0.3, 0.1), "wind": lambda h, X, Y: (0.3, 0.1)}
    forcing = analytic_forcing(same["current"], axis, axis, [0, 48], wind=same["wind"])
    for windage in (0.03, np.full(1, 0.03)[:, None] * [1.0, 0.0]):
        pushed = advect(forcing, np.zeros(1), np.zeros(1), START, 24, windage=windage, relative_to_current=True)
        plain = advect(forcing, np.zeros(1), np.zeros(1), START, 24)
        assert np.allclose(pushed["lon"], plain["lon"], atol=1e-12)


def test_position_at_t_is_at_t():
    """In a current that grows with time the hourly positions are a t^2 / 2, none of them a step late."""
    axis = np.linspace(-1, 3, 17)
    forcing = analytic_forcing(lambda h, X, Y: (h / 48, 0.0), np.linspace(-1, 1, 9), axis, np.arange(0, 49, 6))
    track = advect(forcing, np.zeros(1), np.zeros(1), START, 48, dt_s=900)
    hours = np.arange(49)
    expected = 0.5 * hours**2 / 48 * 3600 / metres_per_degree(0.0)[0]
    assert np.allclose(track["lon"][0], expected, atol=1e-11)


def test_start_between_time_levels():
    """A start inside a forcing interval sees the blended field at once."""
    axis = np.linspace(-1, 3, 17)
    forcing = analytic_forcing(lambda h, X, Y: (h / 48, 0.0), np.linspace(-1, 1, 9), axis, np.arange(0, 49, 6))
    late = START + np.timedelta64(7 * 3600 + 1234, "s")
    end = float(advect(forcing, np.zeros(1), np.zeros(1), late, 5.5)["lon"][0, -1])
    t0, t1 = 7 + 1234 / 3600, 12.5 + 1234 / 3600
    assert end == pytest.approx(0.5 * (t1**2 - t0**2) / 48 * 3600 / metres_per_degree(0.0)[0], abs=1e-11)


def test_forward_then_backward_returns_within_a_metre(eddies):
    """The way back ends where the way out began."""
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(-88, -86.5, 300), rng.uniform(15.6, 17, 300)
    out = advect(eddies, lon, lat, START, 48, windage=0.02, dt_s=900)
    end = out.isel(time=-1)
    afloat = (end["status"] == 0).to_numpy()
    assert afloat.sum() > 200
    back = advect(eddies, end["lon"].to_numpy()[afloat], end["lat"].to_numpy()[afloat], START + np.timedelta64(48, "h"),
                  -48, windage=0.02, dt_s=900).isel(time=-1)  # fmt: skip
    returned = (back["status"] == 0).to_numpy()
    miss = np.hypot((back["lon"] - lon[afloat]) * 107000, (back["lat"] - lat[afloat]) * 110700).to_numpy()[returned]
    assert returned.mean() > 0.99
    assert np.quantile(miss, 0.99) < 1.0


@pytest.mark.parametrize("shift", [-360.0, 0.0, 360.0])
def test_seam_at_180_does_not_exist(shift):
    """A particle crosses the date line as any other meridian, whatever the convention of its longitude."""
    lat = np.linspace(-1, 1, 9)
    swirl = lambda h, X, Y: (0.5 + 0.1 * np.sin(X), 0.1 * np.cos(X))  # noqa: E731
    seam = analytic_forcing(swirl, lat, np.arange(175, 185.01, 0.25), [0, 24, 48])
    plain = seam.assign_coords(lon=seam["lon"] - 180)
    a = advect(seam, np.array([179.9 + shift]), np.array([0.0]), START, 48)
    b = advect(plain, np.array([-0.1]), np.array([0.0]), START, 48)
    assert np.allclose(a["lon"] - 180, b["lon"], atol=1e-9)
    assert np.allclose(a["lat"], b["lat"], atol=1e-9)
    assert float(b["lon"][0, -1]) > 0.5


def test_a_grid_that_goes_round_has_no_edge():
    """On a global grid a particle passes from the last column to the first."""
    lat, lon = np.linspace(-2, 2, 9), np.arange(0, 360, 1.0)
    forcing = analytic_forcing(lambda h, X, Y: (1.0, 0.0), lat, lon, [0, 24, 48])
    track = advect(forcing, np.array([358.9]), np.array([0.0]), START, 48)
    moved = np.diff(np.unwrap(track["lon"][0], period=360))
    assert np.allclose(moved, 3600 / metres_per_degree(0.0)[0], rtol=1e-9)
    assert (track["status"] == 0).all()


def test_numpy_twin_gives_the_compiled_result(eddies):
    """Coast, wind, windage of each particle's own and error with memory: both backends agree to 1e-9 degrees."""
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(-88.9, -85.6, 1500), rng.uniform(15.1, 17.4, 1500)
    windage = np.stack([rng.uniform(0, 0.04, 1500), rng.normal(0, 0.005, 1500)], axis=1)
    noise = ResidualSettings(sigma_m_s=0.2, coherent_share=0.6)
    a, b = (
        advect(eddies, lon, lat, START, 36, windage=windage, noise=noise, rng=np.random.default_rng(1), backend=backend)
        for backend in BACKENDS
    )
    assert set(np.unique(a["status"])) == {0, 1, 2}
    assert np.array_equal(a["status"], b["status"])
    assert float(np.abs(a["lon"] - b["lon"]).max()) < 1e-9
    assert float(np.abs(a["lat"] - b["lat"]).max()) < 1e-9


def test_chunked_run_equals_whole_run(eddies):
    """Forcing read level by level through Dask gives the positions of forcing in memory, bit for bit."""
    rng = np.random.default_rng(6)
    lon, lat = rng.uniform(-88, -86.5, 200), rng.uniform(15.6, 17, 200)
    whole = advect(eddies, lon, lat, START, 30, windage=0.02)
    chunked = advect(eddies.chunk(time=7, lat=20), lon, lat, START, 30, windage=0.02)
    xr.testing.assert_identical(whole, chunked)


def noisy(eddies, order):
    """Particles with error with memory, in a given order, and their forcing."""
    rng = np.random.default_rng(8)
    lon, lat = rng.uniform(-88, -86.5, 50)[order], rng.uniform(16.4, 17, 50)[order]
    settings = ResidualSettings(sigma_m_s=0.2, coherent_share=0.5)
    member = (np.arange(50) % 3).astype(np.int32)[order]
    doubt = Doubt(settings, np.uint64(77), order.astype(np.uint64), member, (15.0, 17.5, -89.0, -85.5))
    levels = Levels(eddies, "test", windage=(0.02, 0.0))
    return levels, Particles(lon, lat, np.zeros(50, dtype=np.int8), np.zeros((1, 2)), doubt)


def test_a_run_cut_in_two_equals_one_run(eddies):
    """Stopping at an odd time and going on changes nothing, errors with memory included."""
    hour = 3_600_000_000_000
    start = int(START.astype(np.int64))
    levels, one = noisy(eddies, np.arange(50))
    list(drive(levels, one, start, [start + 24 * hour]))
    levels, two = noisy(eddies, np.arange(50))
    middle = start + int(9.5 * hour)
    list(drive(levels, two, start, [middle]))
    list(drive(levels, two, middle, [start + 24 * hour]))
    assert np.allclose(one.lon, two.lon, atol=1e-8)
    assert np.allclose(one.lat, two.lat, atol=1e-8)


def test_order_of_particles_does_not_matter(eddies):
    """A particle meets the same error whichever particles stand before it."""
    start = int(START.astype(np.int64))
    order = np.random.default_rng(9).permutation(50)
    ends = []
    for arrangement in (np.arange(50), order):
        levels, particles = noisy(eddies, arrangement)
        list(drive(levels, particles, start, [start + 24 * 3_600_000_000_000]))
        ends.append((particles.lon, particles.lat))
    assert np.array_equal(ends[0][0][order], ends[1][0])
    assert np.array_equal(ends[0][1][order], ends[1][1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_open_water_particles_never_stop(backend):
    """In a sea without land every particle moves every hour to the end."""
    axis = np.linspace(-3, 3, 61)
    forcing = analytic_forcing(
        lambda h, X, Y: (0.3 + 0.1 * np.sin(Y), 0.1 * np.cos(X)), axis, axis, np.arange(0, 73, 3)
    )
    rng = np.random.default_rng(2)
    track = advect(forcing, rng.uniform(-2, 1, 2000), rng.uniform(-1.5, 1.5, 2000), START, 72, backend=backend)
    assert (track["status"] == 0).all()
    assert float(np.hypot(track["lon"].diff("time"), track["lat"].diff("time")).min()) > 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
def test_current_along_a_coast_is_not_slowed_by_dry_corners(backend):
    """Dry nodes are left out of the weights, not counted as zero."""
    lat, lon = np.linspace(0, 1, 11), np.linspace(0, 4, 41)
    forcing = analytic_forcing(lambda h, X, Y: (np.where(Y < 0.45, np.nan, 0.5), 0.0 * Y), lat, lon, [0, 24, 48])
    track = advect(forcing, np.array([0.5]), np.array([0.46]), START, 24, backend=backend)
    assert float(track["lon"][0, -1] - 0.5) == pytest.approx(0.5 * 86400 / metres_per_degree(0.46)[0], rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_particle_strands_at_the_coast_and_stays(backend):
    """Flow onto land ends with status 1 at the last place afloat; flow out of the grid with status 2."""
    axis = np.linspace(0, 2, 21)
    land = xr.DataArray(np.zeros((20, 20), bool), coords={"lat": 0.05 + axis[:-1], "lon": 0.05 + axis[:-1]},
                        dims=("lat", "lon"))  # fmt: skip
    land[:, 15:] = True
    forcing = analytic_forcing(lambda h, X, Y: (1.0, 0.0), axis, axis, [0, 48])
    ashore = advect(forcing, np.array([1.0, 1.8]), np.array([1.0, 1.0]), START, 40, land=land, backend=backend)
    assert (ashore["status"][0, -1], ashore["status"][1, 0]) == (1, 1)
    assert 1.48 < float(ashore["lon"][0, -1]) <= 1.5
    assert float(ashore["lon"][1, -1]) == 1.8
    gone = advect(forcing, np.array([1.0]), np.array([1.0]), START, 40, backend=backend)
    assert gone["status"][0, -1] == 2


def test_water_without_forcing_is_not_land():
    """With a coast of its own, a dry node at sea means no forcing (3), unless the current is continued to it."""
    axis = np.linspace(0, 2, 21)
    sea = xr.DataArray(np.zeros((20, 20), bool), coords={"lat": 0.05 + axis[:-1], "lon": 0.05 + axis[:-1]},
                       dims=("lat", "lon"))  # fmt: skip
    forcing = analytic_forcing(lambda h, X, Y: (np.where(X > 1.01, np.nan, 0.5), 0.0), axis, axis, [0, 48])
    assert advect(forcing, np.array([0.5]), np.array([1.0]), START, 40, land=sea)["status"][0, -1] == 3
    further = advect(forcing, np.array([0.5]), np.array([1.0]), START, 40, land=sea, land_extension_cells=3)
    assert float(further["lon"][0, -1]) > 1.05


def test_several_threads_give_one_result(eddies):
    """Slices advanced at once give the positions of a single loop."""
    rng = np.random.default_rng(4)
    lon, lat = rng.uniform(-88.9, -85.6, 45_000), rng.uniform(15.1, 17.4, 45_000)
    one, two = (advect(eddies, lon, lat, START, 3, windage=0.02, threads=n, output_every_h=3) for n in (1, 2))
    xr.testing.assert_identical(one, two)


def test_coast_is_found_in_any_convention_of_longitude():
    """The mask's cells hold the points that lie in them."""
    land = xr.DataArray(
        [[True, False], [False, True]], coords={"lat": [0.5, 1.5], "lon": [10.5, 11.5]}, dims=("lat", "lon")
    )
    coast = Coast.of(land)
    assert (coast.raster.lat0, coast.raster.lon0) == (0.0, 10.0)


def test_unknown_backend_and_noise_without_generator_are_refused(eddies):
    """Both name the argument at fault."""
    with pytest.raises(SettingsError, match="backend"):
        advect(eddies, np.array([-87.0]), np.array([16.5]), START, 2, backend="cuda")
    with pytest.raises(SettingsError, match="rng"):
        advect(eddies, np.array([-87.0]), np.array([16.5]), START, 2, noise=ResidualSettings())
