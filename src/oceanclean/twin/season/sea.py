"""The hidden truth of one seed: sea, weather and debris of the whole season, made once and kept."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from oceanclean.settings import KNOT_M_S
from oceanclean.store import write_aside
from oceanclean.twin.debris import AFLOAT, DebrisTruth, make_debris
from oceanclean.twin.ocean import Ocean, make_ocean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.region import Region
    from oceanclean.settings import VesselSettings
    from oceanclean.twin.season.scenario import Scenario
    from oceanclean.twin.settings import TwinSettings

FILE = "debris.npz"


@dataclass(frozen=True)
class Sea:
    """One seed's season.

    Attributes:
        scenario: what it is of.
        region: coast and grids.
        settings: of the simulated sea.
        seed: of all randomness.
        ocean: currents and weather.
        debris: where every particle is, hour by hour, were nothing caught.
        issues: hours at which the day's plan is issued; one more than days.
    """

    scenario: Scenario
    region: Region
    settings: TwinSettings
    seed: int
    ocean: Ocean
    debris: DebrisTruth
    issues: tuple[float, ...]

    def issue_time(self, day: int) -> str:
        """Issue time of a day as the chain writes it."""
        return f"{np.datetime_as_string(self.ocean.time(self.issues[day]), unit='m')}:00Z"

    def with_left(self, left_kg: NDArray[np.float64]) -> DebrisTruth:
        """The debris with what was caught taken out: lighter particles that cover less; nobody's order changes."""
        share = left_kg / np.maximum(self.debris.mass_kg, 1e-12)
        return replace(self.debris, mass_kg=left_kg, area_m2=self.debris.area_m2 * share)

    def balance(self, hour: float, left_kg: NDArray[np.float64]) -> dict[str, float]:
        """Mass in kg at an hour: ``unborn``, ``afloat``, ``stranded``, ``gone``, ``sunk``, ``caught``."""
        status = self.debris.status[min(int(hour), len(self.debris.status) - 1)]
        by = np.bincount(status, left_kg, minlength=5)
        names = ("unborn", "afloat", "stranded", "gone", "sunk")
        return {**dict(zip(names, by.tolist(), strict=True)), "caught": float((self.debris.mass_kg - left_kg).sum())}

    def within(self, hour: float) -> NDArray[np.bool_]:
        """(particle): afloat inside the region at an hour."""
        lon, lat, afloat = self.debris.at(hour)
        return afloat & self.region.grid.index(lon, lat)[2]

    def kilograms(self, hour: float, left_kg: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mass (lat, lon) in kg afloat in each cell of the region's grid at an hour.

        Args:
            hour: of the sea.
            left_kg: (particle) what is left of the debris.
        """
        lon, lat, afloat = self.debris.at(hour)
        grid = self.region.grid
        row, column, inside = grid.index(lon, lat)
        kept = inside & afloat
        mass = np.bincount((row * grid.nx + column)[kept], left_kg[kept], grid.nx * grid.ny)
        return mass.astype(np.float64).reshape(grid.shape)

    def wave_height(self, hour: float, lon: float, lat: float) -> float:
        """Significant wave height in m, nearest cell."""
        weather = self.ocean.weather
        row, column, _ = weather.wave_grid.index(np.array([lon]), np.array([lat]))
        return float(weather.waves[_hour(hour, weather.waves), 2, row[0], column[0]])

    def workable(self, vessel: VesselSettings, hour: float, lon: float, lat: float) -> bool:
        """Whether waves and wind are within a vessel's limits."""
        weather = self.ocean.weather
        row, column, _ = weather.wind_grid.index(np.array([lon]), np.array([lat]))
        wind = float(np.hypot(*weather.wind[_hour(hour, weather.wind), :, row[0], column[0]]))
        calm = self.wave_height(hour, lon, lat) <= vessel.max_wave_height_m
        return calm and wind <= vessel.max_wind_kn * KNOT_M_S


def _hour(hour: float, series: NDArray) -> int:
    return int(np.clip(round(hour), 0, len(series) - 1))


def issue_hours(scenario: Scenario, settings: TwinSettings, days: int) -> tuple[np.datetime64, int, tuple[float, ...]]:
    """First hour of the sea (UTC), number of hours, and hours of the issues (one more than days)."""
    region = scenario.region_settings()
    first = datetime.combine(date.fromisoformat(scenario.start), datetime.min.time(), ZoneInfo(region.timezone))
    moment = (first + timedelta(hours=region.plan_hour)).astimezone(UTC).replace(tzinfo=None)
    before = max(settings.ocean.spin_up_h, settings.forecast.history_h)
    start = np.datetime64(moment, "s") - np.timedelta64(before, "h")
    issues = tuple(float(before + 24 * d) for d in range(days + 1))
    return start, round(issues[-1]) + settings.forecast.horizon_h + 1, issues


def make_sea(scenario: Scenario, seed: int, days: int, kept: Path | None = None, config: Path | None = None) -> Sea:
    """The sea of one seed.

    Args:
        scenario: what sea.
        seed: of all randomness.
        days: of the season.
        kept: folder in which the debris' tracks are kept, so that they are drifted once; None keeps nothing.
        config: the project's configuration.
    """
    settings, region = scenario.twin_settings(config), scenario.make_region()
    start, hours, issues = issue_hours(scenario, settings, days)
    ocean = make_ocean(region, start, hours, settings, seed)
    if kept is not None and (kept / FILE).is_file():
        with np.load(kept / FILE) as file:
            debris = DebrisTruth(**{f.name: file[f.name] for f in fields(DebrisTruth)})
    else:
        debris = make_debris(ocean, region, settings, seed)
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            with write_aside(kept / FILE) as aside, aside.open("wb") as file:
                np.savez(file, **{f.name: getattr(debris, f.name) for f in fields(DebrisTruth)})
    return Sea(scenario, region, settings, seed, ocean, debris, issues)


__all__ = ["AFLOAT", "Sea", "issue_hours", "make_sea"]
