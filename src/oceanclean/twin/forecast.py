"""What a forecast centre would have said: the same sea with wrong coefficients, on a coarse grid, in CF NetCDF."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products import names
from oceanclean.region import Grid
from oceanclean.twin.fields import autoregressive_fields
from oceanclean.twin.ocean import Ocean, Tide, slab_of
from oceanclean.twin.weather import Weather, covering, wind_of

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from oceanclean.twin.settings import ForecastSettings, TwinSettings

FILL = 9.96921e36


def forecast_of(truth: Ocean, issue_h: float, settings: TwinSettings, seed: int, day: int) -> Ocean:
    """The sea as forecast at an issue hour.

    Eddies are displaced (more with lead time) and too strong or weak, the smallest are absent and fronts do not
    converge; jet, tide and inertial rotation have amplitude and phase errors; the wind is off by a smooth field that
    grows with lead time, and its events come early or late. Half of the error of an eddy stays from day to day.

    Args:
        truth: the sea.
        issue_h: hour of the run at which the forecast is issued.
        settings: sizes of the errors.
        seed: seed of the twin.
        day: number of the issue day.
    """
    f = settings.forecast
    lasting, daily = np.random.default_rng([seed, 5]), np.random.default_rng([seed, 6, day])
    e = truth.eddies
    n = len(e.x)

    def error(std: float) -> NDArray[np.float64]:
        return std * np.sqrt(0.5) * (lasting.standard_normal(n) + daily.standard_normal(n))

    eddies = replace(
        e, swirl=np.where(e.small, 0.0, e.swirl * (1 + error(f.eddy_amplitude_std))),
        shift_x=error(f.eddy_shift_m / np.sqrt(2)), shift_y=error(f.eddy_shift_m / np.sqrt(2)),
        rate_x=error(f.eddy_shift_m_day / np.sqrt(2) / 24), rate_y=error(f.eddy_shift_m_day / np.sqrt(2) / 24),
        issue_h=issue_h,
    )  # fmt: skip
    late = f.tide_phase_h * daily.standard_normal()
    tides = tuple(
        Tide(t.period_h, t.u * np.exp(-2j * np.pi * late / t.period_h), t.v * np.exp(-2j * np.pi * late / t.period_h))
        for t in truth.tides
    )
    gyre = replace(truth.gyre, phase=truth.gyre.phase + 0.25 * daily.standard_normal(len(truth.gyre.phase)))
    weather = _weather(truth, issue_h, settings, daily)
    latitude = float(truth.basin.grid.lat.mean())
    slab = slab_of(weather.wind, latitude, truth.settings, f.inertial_phase_h * daily.standard_normal())
    return replace(
        truth, eddies=eddies, tides=tides, gyre=gyre, weather=weather, slab=slab,
        jet_amplitude=1 + f.jet_amplitude_std * daily.standard_normal(),
        settings=truth.settings.model_copy(update={"front_convergence_m_s": 0.0}),
    )  # fmt: skip


def _weather(truth: Ocean, issue_h: float, settings: TwinSettings, rng: np.random.Generator) -> Weather:
    """Forecast wind and the waves that it would raise."""
    f, w, sky = settings.forecast, settings.weather, truth.weather
    clock = float((truth.start - truth.start.astype("datetime64[D]")) / np.timedelta64(1, "h"))
    shift = f.front_shift_h * rng.standard_normal(len(sky.events.peak_h))
    wind = wind_of(w, sky.wind_grid, truth.hours, clock, sky.events, sky.gusts, shift)
    lead = np.maximum(0.0, np.arange(truth.hours) - issue_h) / 24
    size = np.minimum(f.wind_std_m_s + f.wind_std_m_s_day * lead, 2.5)
    for component in range(2):
        off = autoregressive_fields(truth.hours, sky.wind_grid.shape, 3.0, 18.0, rng)
        wind[:, component] += (size[:, None, None] * off).astype(np.float32)
    return sky.with_wind(wind, w)


def block_mean(source: Grid, target: Grid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Matrices (target lat, source lat) and (target lon, source lon) that sum the fine cells in each coarse cell."""

    def matrix(fine: NDArray, edges: NDArray) -> NDArray[np.float32]:
        inside = (fine[None] >= edges[:-1, None]) & (fine[None] < edges[1:, None])
        return inside.astype(np.float32)

    return matrix(source.lat, target.lat_edges), matrix(source.lon, target.lon_edges)


def write_forecast(
    forecast: Ocean, issue_h: float, settings: TwinSettings, folder: Path, stamp: str, available_at: str,
    wave_bias: float,
) -> dict[str, Path]:  # fmt: skip
    """Write currents, wind and waves of one issue as CF NetCDF under ``folder``.

    Returns:
        Paths by role.
    """
    f = settings.forecast
    first, last = round(issue_h) - f.history_h, round(issue_h) + f.horizon_h
    hours = np.arange(max(first, 0), min(last, forecast.hours - 1) + 1)
    attrs = {"available_at": available_at, "issue_time": str(forecast.time(issue_h)) + "Z"}
    paths = {}
    for role, data in (
        ("currents", _currents(forecast, hours, f)),
        ("wind", _wind(forecast, hours[:: f.wind_every_h], f)),
        ("waves", _waves(forecast, hours, f, wave_bias)),
    ):
        paths[role] = folder / role / f"{role}_{stamp}.nc"
        paths[role].parent.mkdir(parents=True, exist_ok=True)
        write_cf(data.assign_attrs(attrs, title=f"{role} forecast, simulated"), paths[role])
    return paths


def write_cf(data: xr.Dataset, path: Path) -> None:
    """Write NetCDF-4, compressed, times in hours since 1970."""
    data.attrs.update(Conventions="CF-1.11", institution="oceanclean twin (simulated sea)")
    encoding: dict[str, dict[str, Any]] = {"time": {"units": "hours since 1970-01-01", "dtype": "f8"}}
    for name, variable in data.data_vars.items():
        if variable.dtype.kind == "f" and variable.ndim > 1:
            encoding[str(name)] = {"zlib": True, "complevel": 1, "dtype": "f4", "_FillValue": np.float32(FILL)}
            encoding[str(name)].update(variable.encoding)
    data.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def field(
    ocean: Ocean, hours: NDArray[np.int64], grid: Grid, variables: dict[str, tuple[str, str, NDArray]]
) -> xr.Dataset:
    """Dataset (time, latitude, longitude) of ``{name: (standard name, units, values)}``."""
    import xarray as xr

    times = np.array([ocean.time(float(h)) for h in hours]).astype("datetime64[ns]")
    dims = ("time", "latitude", "longitude")
    return xr.Dataset(
        {
            name: (dims, values.astype(np.float32), {"standard_name": standard, "units": units})
            for name, (standard, units, values) in variables.items()
        },
        coords={
            "time": ("time", times, {"standard_name": "time", "axis": "T"}),
            "latitude": ("latitude", grid.lat, {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}),
            "longitude": ("longitude", grid.lon, {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}),
        },
    )  # fmt: skip


def _currents(ocean: Ocean, hours: NDArray[np.int64], f: ForecastSettings) -> xr.Dataset:
    fine = ocean.basin.grid
    grid = covering(fine, f.step_deg)
    rows, columns = block_mean(fine, grid)
    sea = (~ocean.basin.land).astype(np.float32)
    water, whole = rows @ sea @ columns.T, rows @ np.ones_like(sea) @ columns.T
    dry = water < 0.5 * np.maximum(whole, 1)
    out = np.empty((len(hours), 2, *grid.shape), dtype=np.float32)
    for index, hour in enumerate(hours):
        out[index] = rows @ (ocean.current(float(hour)) * sea) @ columns.T / np.maximum(water, 1)
    out[:, :, dry] = np.nan
    return field(ocean, hours, grid, {
        "uo": (names.EASTWARD_CURRENT, "m s-1", out[:, 0]), "vo": (names.NORTHWARD_CURRENT, "m s-1", out[:, 1]),
    })  # fmt: skip


def _wind(ocean: Ocean, hours: NDArray[np.int64], f: ForecastSettings) -> xr.Dataset:
    from oceanclean.twin.fields import regrid

    own = ocean.weather.wind_grid
    grid = covering(ocean.basin.grid, f.wind_step_deg)
    wind = np.stack([regrid(ocean.weather.wind[h], own, grid) for h in hours])
    return field(ocean, hours, grid, {
        "u10": (names.EASTWARD_WIND, "m s-1", wind[:, 0]), "v10": (names.NORTHWARD_WIND, "m s-1", wind[:, 1]),
    })  # fmt: skip


def _waves(ocean: Ocean, hours: NDArray[np.int64], f: ForecastSettings, bias: float) -> xr.Dataset:
    from oceanclean.twin.fields import regrid

    own, fine = ocean.weather.wave_grid, ocean.basin.grid
    grid = covering(fine, f.step_deg)
    waves = np.stack([regrid(ocean.weather.waves[h], own, grid) for h in hours]) * np.float32(1 + bias)
    rows, columns = block_mean(fine, grid)
    wet = rows @ (~ocean.basin.land).astype(np.float32) @ columns.T
    waves[:, :, wet < 0.5 * np.maximum(rows.sum(1)[:, None] * columns.sum(1)[None], 1)] = np.nan
    return field(ocean, hours, grid, {
        "VSDX": (names.EASTWARD_STOKES, "m s-1", waves[:, 0]), "VSDY": (names.NORTHWARD_STOKES, "m s-1", waves[:, 1]),
        "VHM0": (names.WAVE_HEIGHT, "m", waves[:, 2]),
    })  # fmt: skip
