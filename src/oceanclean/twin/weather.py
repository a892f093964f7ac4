"""Wind and waves of the truth: a trade wind, sea breeze, gusts with memory, passing events, and a lagged sea."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.region import Grid, metres_per_degree
from oceanclean.settings import Box
from oceanclean.twin.fields import autoregressive_fields, regrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.twin.settings import WeatherSettings

GRAVITY = 9.80665
DIRECTIONS = 16


@dataclass(frozen=True)
class WindEvents:
    """Fronts that cross from west to east: hours of their peak at the western edge, strength, heading."""

    peak_h: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    duration_h: float
    crossing_h: float = 9.0

    def at(self, hours: NDArray[np.float64], grid: Grid, shift_h: NDArray[np.float64] | float = 0.0) -> NDArray:
        """Wind (component, time, lat, lon) of all events, each ``shift_h`` hours late."""
        across = (np.arange(grid.nx) / max(grid.nx - 1, 1))[None, :] * self.crossing_h
        total = np.zeros((2, len(hours), 1, grid.nx))
        for peak, u, v, late in zip(
            self.peak_h, self.u, self.v, np.broadcast_to(shift_h, self.peak_h.shape), strict=True
        ):
            shape = np.exp(-(((hours[:, None] - peak - late - across) / self.duration_h) ** 2))
            total[0, :, 0] += u * shape
            total[1, :, 0] += v * shape
        return np.broadcast_to(total, (2, len(hours), grid.ny, grid.nx))


@dataclass(frozen=True)
class Weather:
    """Hourly wind and waves.

    Attributes:
        wind_grid: grid of ``wind``.
        wave_grid: grid of ``waves``.
        wind: (time, component, lat, lon) m/s at 10 m, component = east, north.
        waves: (time, 3, lat, lon): Stokes drift east and north in m/s, significant wave height in m.
        fetch: (direction, lat, lon) of the wave grid: metres of open water against the direction the wind blows to.
        events: the fronts, kept so that a forecast can have them early or late.
        gusts: (time, component, lat, lon), unit variance.
    """

    wind_grid: Grid
    wave_grid: Grid
    wind: NDArray[np.float32]
    waves: NDArray[np.float32]
    fetch: NDArray[np.float32]
    events: WindEvents
    gusts: NDArray[np.float32]

    def with_wind(self, wind: NDArray[np.float32], settings: WeatherSettings) -> Weather:
        """The same sky with another wind, and the waves that it would raise."""
        return replace(self, wind=wind, waves=sea_of(wind, self.wind_grid, self.wave_grid, self.fetch, settings))


def covering(box: Grid, step: float) -> Grid:
    """Grid of another step over the same box, half a step beyond."""
    west, south, east, north = box.bounds
    around = Box(west=west - step / 2, east=east + step / 2, south=south - step / 2, north=north + step / 2)
    return Grid.of(around, step)


def make_weather(
    grid: Grid, land: NDArray[np.bool_], hours: int, start_hour_utc: float, settings: WeatherSettings,
    rng: np.random.Generator,
) -> Weather:  # fmt: skip
    """Simulate wind and waves.

    Args:
        grid: fine grid of the truth.
        land: (lat, lon) of ``grid``.
        hours: number of hourly fields.
        start_hour_utc: time of day of the first, for the sea breeze.
        settings: strengths and scales.
        rng: source of randomness.
    """
    wind_grid, wave_grid = covering(grid, settings.wind_step_deg), covering(grid, settings.wave_step_deg)
    count = max(1, round(hours / settings.front_every_h))
    speed = settings.front_peak_m_s * rng.uniform(0.5, 1.1, count)
    heading = rng.normal(-0.6 * np.pi, 0.5, count)  # towards the south-south-west, as after a northerly surge
    events = WindEvents(np.sort(rng.uniform(0, hours, count)), speed * np.cos(heading), speed * np.sin(heading),
                        settings.front_duration_h)  # fmt: skip
    length = settings.gust_length_deg / settings.wind_step_deg
    gusts = np.stack(
        [autoregressive_fields(hours, wind_grid.shape, length, settings.gust_memory_h, rng) for _ in "uv"], axis=1
    )
    wind = wind_of(settings, wind_grid, hours, start_hour_utc, events, gusts)
    fetch = fetch_of(land, grid, wave_grid)
    return Weather(wind_grid, wave_grid, wind, sea_of(wind, wind_grid, wave_grid, fetch, settings), fetch, events,
                   gusts)  # fmt: skip


def wind_of(
    settings: WeatherSettings, grid: Grid, hours: int, start_hour_utc: float, events: WindEvents,
    gusts: NDArray[np.float32], shift_h: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float32]:  # fmt: skip
    """Wind (time, component, lat, lon): trade wind + sea breeze + gusts + events."""
    clock = np.arange(hours, dtype=float)
    breeze = settings.sea_breeze_m_s * np.sin(2 * np.pi * (start_hour_utc + clock - 15) / 24)
    mean = np.stack([np.full(hours, settings.trade_u_m_s) - 0.3 * breeze, settings.trade_v_m_s - breeze], axis=1)
    total = mean[:, :, None, None] + settings.gust_std_m_s * gusts
    total = total + np.moveaxis(events.at(clock, grid, shift_h), 0, 1)
    return total.astype(np.float32)


def fetch_of(land: NDArray[np.bool_], grid: Grid, wave_grid: Grid, reach_m: float = 200_000.0) -> NDArray[np.float32]:
    """Open water (direction, lat, lon) upwind of each wave cell for winds blowing to each of 16 directions, metres."""
    lon, lat = np.meshgrid(wave_grid.lon, wave_grid.lat)
    east, north = metres_per_degree(float(wave_grid.lat.mean()))
    step = 2_000.0
    fetch = np.full((DIRECTIONS, *wave_grid.shape), reach_m, dtype=np.float32)
    for k in range(DIRECTIONS):
        to = 2 * np.pi * k / DIRECTIONS
        for reached in np.arange(step, reach_m, step)[::-1]:  # the nearest land is written last
            row, column, inside = grid.index(
                lon - reached * np.cos(to) / float(east), lat - reached * np.sin(to) / float(north)
            )
            fetch[k][inside & land[row, column]] = reached
    return fetch


def sea_of(
    wind: NDArray[np.float32], wind_grid: Grid, wave_grid: Grid, fetch: NDArray[np.float32], settings: WeatherSettings
) -> NDArray[np.float32]:
    """Stokes drift and significant wave height (time, 3, lat, lon) of a wind history.

    The sea follows the wind with an exponential lag; height is limited by fetch (JONSWAP growth, g Hs / U² =
    0.0016 (g F / U²)^½, Hasselmann et al. 1973) and by full development (g Hs / U² = 0.21, Pierson and Moskowitz 1964).
    """
    keep = float(np.exp(-1 / settings.wave_lag_h))
    state = regrid(wind[0], wind_grid, wave_grid)
    out = np.empty((len(wind), 3, *wave_grid.shape), dtype=np.float32)
    rows, columns = np.indices(wave_grid.shape)
    for hour, now in enumerate(wind):
        state = keep * state + (1 - keep) * regrid(now, wind_grid, wave_grid)
        speed = np.hypot(*state) + 1e-3
        sector = np.arctan2(state[1], state[0]) / (2 * np.pi) * DIRECTIONS
        low = np.floor(sector).astype(int)
        share = sector - low
        open_water = (1 - share) * fetch[low % DIRECTIONS, rows, columns]
        open_water = open_water + share * fetch[(low + 1) % DIRECTIONS, rows, columns]
        growth = np.minimum(0.0016 * np.sqrt(GRAVITY * open_water / speed**2), 0.21)
        out[hour, :2] = settings.stokes_share * state * np.sqrt(growth / 0.21)
        out[hour, 2] = growth * speed**2 / GRAVITY
    return out
