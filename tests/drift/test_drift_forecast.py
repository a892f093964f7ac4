"""Laws of the ensemble forecast."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analytic_sea import START, analytic_forcing

from oceanclean.drift.ensemble import forecast, mass_factors
from oceanclean.drift.gridding import MapGrid, Statistics, bin_mass, kernel_width, smooth_mass
from oceanclean.drift.settings import (
    DensitySettings,
    DriftSettings,
    MassSettings,
    ResidualSettings,
    TracksSettings,
    load_settings,
)
from oceanclean.errors import InputError, MissingDataError, SettingsError
from oceanclean.products import names

ISSUE = "2025-06-10T06:00:00Z"
SMALL = DriftSettings(members=10, particles_per_member=800, tracks=TracksSettings(members=4, particles=100))
ACCOUNTS = ("mass_afloat", "mass_stranded", "mass_left", "mass_no_forcing")


def run(density_map, eddies, **changes):
    options = {"issue_time": ISSUE, "horizon_h": 48, "settings": SMALL, "seed": 3} | changes
    return forecast(density_map, eddies, **options)


@pytest.fixture(scope="module")
def forecasted(density_map, eddies):
    return run(density_map, eddies)


def map_mass(density_map):
    return float(np.nansum(density_map[names.DENSITY] * MapGrid.of(density_map).area_km2))


def test_mass_is_conserved(density_map, forecasted):
    """Afloat, stranded, left and without forcing sum to the map's mass and what came in, to one part in a million."""
    density, _ = forecasted
    total = sum(density[name] for name in ACCOUNTS)
    assert np.allclose(total, map_mass(density_map) + density["mass_entered"], rtol=1e-6)
    assert float(density["mass_entered"][-1]) > 0
    assert float(density["mass_stranded"][-1]) > 0
    assert float(density["mass_left"][-1]) > 0


def test_density_integrates_to_the_mass_afloat(density_map, forecasted):
    """What the map shows is what floats: the smoothing loses nothing at the coast or at the edge."""
    density, _ = forecasted
    integral = (density[names.DENSITY].astype(float) * MapGrid.of(density_map).area_km2).sum(("lat", "lon"))
    assert np.allclose(integral, density["mass_afloat"], rtol=1e-6)


def test_first_hour_is_the_map_when_nothing_moves(density_map):
    """With no current, no wind, no error and no smoothing the ensemble mean is the map, cell by cell."""
    axis = np.arange(15.0, 17.51, 0.1), np.arange(-89.0, -85.49, 0.1)
    still = analytic_forcing(lambda h, X, Y: (0 * X, 0 * X), *axis, [0, 24, 48, 72])  # noqa: ARG005
    settings = SMALL.model_copy(
        update={"members": 30, "particles_per_member": 5000, "residual": ResidualSettings(sigma_m_s=0),
                "density": DensitySettings(neighbours=0), "mass": MassSettings(largest_cv=0.01)}
    )  # fmt: skip
    density, _ = forecast(density_map, still, issue_time=ISSUE, horizon_h=2, settings=settings, seed=1)
    heavy = density_map[names.DENSITY].to_numpy() > 100
    ratio = density[names.DENSITY].to_numpy()[0][heavy] / density_map[names.DENSITY].to_numpy()[heavy]
    assert abs(ratio.mean() - 1) < 0.01
    assert ratio.std() < 0.1


def test_land_is_nan_and_sea_is_not(density_map, forecasted):
    """Density is unknown on land and nowhere else."""
    density, _ = forecasted
    land = (density_map["origin"] == 0).to_numpy()
    for name in (names.DENSITY, names.DENSITY_STD, "exceedance_probability"):
        assert np.isnan(density[name].to_numpy()[:, land]).all()
        assert np.isfinite(density[name].to_numpy()[:, ~land]).all()


def test_same_seed_same_forecast_other_seed_another(density_map, eddies, forecasted):
    """A forecast is reproducible from its seed."""
    again, tracks = run(density_map, eddies)
    xr.testing.assert_identical(forecasted[0], again)
    xr.testing.assert_identical(forecasted[1], tracks)
    other, _ = run(density_map, eddies, seed=4)
    assert float(np.abs(other[names.DENSITY] - again[names.DENSITY]).max()) > 0


def test_step_does_not_change_the_spread(density_map, eddies, forecasted):
    """Half the step gives the same doubt."""
    finer, _ = run(density_map, eddies, settings=SMALL.model_copy(update={"step_s": 450.0}))
    a, b = (float(d[names.DENSITY_STD][-1].mean()) for d in (forecasted[0], finer))
    assert a == pytest.approx(b, rel=0.02)


def test_quantiles_are_ordered_and_bracket(forecasted):
    """Quantiles rise with their level; hours run from the issue time to the horizon."""
    density, _ = forecasted
    quantile = density["debris_density_quantile"].to_numpy()
    sea = np.isfinite(quantile[0])
    assert (np.diff(quantile, axis=0)[:, sea] >= 0).all()
    assert density["time"].to_numpy()[0] == np.datetime64("2025-06-10T06:00")
    assert density.sizes["time"] == 49
    share = density["exceedance_probability"].to_numpy()[sea]
    assert (share.min(), share.max()) >= (0.0, 0.5)


def test_tracks_carry_each_members_whole_mass(density_map, forecasted):
    """The thinned sample sums to the full mass; those that came in stand after the map's."""
    _, tracks = forecasted
    assert dict(tracks.sizes) == {"member": 4, "particle": 110, "time": 49}
    totals = tracks["mass"].isel(particle=slice(0, 100)).sum("particle")
    assert abs(float(totals.mean()) / map_mass(density_map) - 1) < 0.5
    assert set(np.unique(tracks["status"])) <= {0, 1, 2, 3}


def test_tracks_of_all_members_sum_to_the_maps_mass(density_map, eddies):
    """With every member in the sample the mean of the members' masses is the map's."""
    settings = SMALL.model_copy(update={"tracks": TracksSettings(members=10, particles=50)})
    _, tracks = run(density_map, eddies, settings=settings, horizon_h=2)
    assert float(tracks["mass"].isel(particle=slice(0, 50)).sum() / 10) == pytest.approx(
        map_mass(density_map), rel=1e-6
    )


def test_doubt_of_the_map_becomes_doubt_of_the_forecast(density_map, eddies):
    """A map with twice the standard deviation gives a wider first hour."""
    sure = density_map.copy()
    sure[names.DENSITY_STD] = 0.1 * density_map[names.DENSITY_STD]
    wide, narrow = (run(m, eddies, horizon_h=1)[0][names.DENSITY_STD][0].sum() for m in (density_map, sure))
    assert float(wide) > 1.2 * float(narrow)


def test_mass_factors_keep_the_mean_and_the_variation(density_map):
    """Over the members the mean factor is one in every cell, the spread is the map's coefficient of variation."""
    grid = MapGrid.of(density_map)
    mean = np.where(grid.sea, 10.0, 0.0)
    factor = mass_factors(mean, 0.5 * mean, grid, MassSettings(), 400, np.random.default_rng(1))
    assert np.allclose(factor.mean(axis=0), 1.0)
    assert np.median(factor[:, grid.sea].std(axis=0)) == pytest.approx(0.5, rel=0.1)


def test_smoothing_keeps_mass_at_coast_and_edge(density_map):
    """Mass in a corner between land and edge is dealt out over the sea alone."""
    grid = MapGrid.of(density_map)
    mass = np.zeros((2, *grid.sea.shape))
    row = int(np.argmax(grid.sea[:, 0]))
    mass[0, row, 0], mass[1, -1, -1] = 5.0, 7.0
    spread = smooth_mass(mass, grid.sea, 2.0)
    assert np.allclose(spread.sum(axis=(1, 2)), [5.0, 7.0])
    assert (spread[:, ~grid.sea] == 0).all()
    assert spread[0].max() < 2.0


def test_kernel_narrows_as_particles_grow(density_map):
    """Four times the particles halve the kernel's width."""
    mass = np.ones((3, *density_map["origin"].shape))
    few, many = (kernel_width(mass, n, DensitySettings(widest_cells=20)) for n in (500, 2000))
    assert few == pytest.approx(2 * many)


def test_compiled_binning_equals_numpy(density_map):
    """Both count the same particles into the same cells."""
    grid, rng = MapGrid.of(density_map), np.random.default_rng(1)
    n = 4000
    lon, lat = rng.uniform(-88.3, -86.3, n), rng.uniform(15.6, 17.0, n)
    status, member = rng.integers(0, 4, n).astype(np.int8), rng.integers(0, 3, n).astype(np.int32)
    out = [np.empty((3, *grid.sea.shape)) for _ in range(2)]
    a, b = (
        bin_mass(lon, lat, status, member, np.ones(n), grid, o, compiled=c)
        for o, c in zip(out, (True, False), strict=True)
    )
    assert np.array_equal(a, b)
    assert 0 < a.sum() < n


def test_statistics_are_those_of_numpy(density_map):
    """Streaming reduction equals numpy's mean, std and quantile over all members."""
    grid = MapGrid.of(density_map)
    mass = np.random.default_rng(2).gamma(0.5, 10, (7, *grid.sea.shape)) * grid.sea
    statistics = Statistics(grid, 1, DensitySettings())
    statistics.add(0, mass)
    density = (mass / grid.area_km2)[:, grid.sea]
    assert np.allclose(statistics.mean[0][grid.sea], density.mean(0), rtol=1e-5)
    assert np.allclose(statistics.std[0][grid.sea], density.std(0, ddof=1), rtol=1e-5)
    assert np.allclose(statistics.quantile[:, 0][:, grid.sea], np.quantile(density, (0.1, 0.5, 0.9), axis=0), rtol=1e-5)


def test_an_empty_sea_gives_an_empty_forecast(density_map, eddies):
    """No debris is a forecast of none, not an error."""
    empty = density_map.copy()
    empty[names.DENSITY], empty[names.DENSITY_STD] = 0 * density_map[names.DENSITY], 0 * density_map[names.DENSITY]
    density, tracks = run(empty, eddies, horizon_h=3)
    assert float(density[names.DENSITY].sum()) == 0.0
    assert float(tracks["mass"].sum()) == 0.0


def test_forcing_that_ends_early_is_refused_before_anything_runs(density_map, eddies):
    """The chain decides on shortening; the room names where the forcing ends."""
    with pytest.raises(InputError, match="analytic sea: eastward_sea_water_velocity: time: found last time"):
        run(density_map, eddies, horizon_h=200)


def test_a_map_from_after_the_issue_time_is_refused(density_map, eddies):
    """A replayed day sees only what was known."""
    with pytest.raises(InputError, match="valid_time"):
        run(density_map, eddies, issue_time="2025-06-10T02:00:00Z")


def test_forcing_over_part_of_the_region_is_said_or_refused(density_map, eddies):
    """Debris without current is flagged; most of it without current ends the forecast."""
    west = eddies.sel(lon=slice(-89, -86.8))
    density, _ = run(density_map, west, horizon_h=2)
    assert "no current for" in density.attrs["degraded"]
    elsewhere = eddies.assign_coords(lon=eddies["lon"] + 2.2)
    with pytest.raises(MissingDataError, match="debris"):
        run(density_map, elsewhere, horizon_h=2)


def test_unknown_cells_are_said(density_map, eddies):
    """Sea cells without a figure are taken as empty, and the reader is told."""
    holed = density_map.copy(deep=True)
    holed[names.DENSITY][40:50, 10:20] = np.nan
    density, _ = run(holed, eddies, horizon_h=1)
    assert "density unknown in" in density.attrs["degraded"]


def test_refloating_brings_debris_back(density_map, eddies, forecasted):
    """With refloating on, less stays ashore."""
    back, _ = run(density_map, eddies, settings=SMALL.model_copy(update={"refloat_h": 2.0}))
    assert float(back["mass_stranded"][-1]) < 0.9 * float(forecasted[0]["mass_stranded"][-1])


def test_shipped_settings_load_and_a_wrong_key_is_named(config_dir, tmp_path):
    """config/models/drift.yaml is valid; a typo names file and key."""
    shipped = load_settings(config=config_dir)
    assert shipped.windage.classes["drum"].mean == 0.0075
    (tmp_path / "models").mkdir()
    text = (config_dir / "models" / "drift.yaml").read_text().replace("tau_h:", "tau_hours:")
    (tmp_path / "models" / "drift.yaml").write_text(text)
    with pytest.raises(SettingsError, match=r"drift\.yaml: residual\.tau_hours"):
        load_settings(config=tmp_path)


def test_start_constant_is_the_first_level():
    """The analytic sea starts when the tests think it does."""
    assert np.datetime64("2025-06-10", "ns") == START
