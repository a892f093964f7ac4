"""The density map against a known truth: ten days of looks through clouds in the simulated sea, cycled with forecasts.

The sea, its debris and the currents' forecast are the twin's; a look is simulated by the cell (what is under a cloud is
not seen, clumps are found or missed, false alarms come in streaks, each scene's kilograms are off by a factor of its
own), so that ten days take a minute. What is scored is what the daily chain runs: the density room's estimate and the
drift room's forecast, corrected by the buoys of the last days; each day's forecast is the next day's prior.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oceanclean.density.hitcurve import area_under, found_in_best
from oceanclean.density.looks import Look
from oceanclean.density.mapping import FORECAST, OBSERVATION, Estimate, as_map, estimate
from oceanclean.density.observation import DensitySettings, load_settings, relative_doubt
from oceanclean.density.prior import Prior, believed
from oceanclean.density.verification import Tally
from oceanclean.products import describe
from oceanclean.region import Region, load_region
from oceanclean.settings import BackgroundSettings, SourceSettings, SourcesSettings

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from oceanclean.twin.debris import DebrisTruth
    from oceanclean.twin.ocean import Ocean
    from oceanclean.twin.settings import TwinSettings

Array = NDArray[np.float64]
START = np.datetime64("2026-06-05T16:00", "s")
#: Cells along the side of the groups whose mass is scored.
GROUP = 5
_WARM_UP_H = 48


@dataclass(frozen=True)
class Sky:
    """Clouds and passes.

    Attributes:
        cloud: mean share of the sea under cloud.
        scale_cells: size of the clouds.
        swath: share of the region, a band from north to south, that a day's pass sees; the next day's lies beside it.
            Sentinel-2 comes back every 5 days at the equator with two satellites, every 2 to 3 at mid-latitudes.
    """

    cloud: float = 0.5
    scale_cells: float = 8.0
    swath: float = 0.4


@dataclass
class _Cycle:
    """One way of making maps, with the forecast of its last one."""

    name: str
    settings: DensitySettings
    forecast: xr.Dataset | None = None
    tracks: xr.Dataset | None = None
    last: Array | None = None


def evaluate_twin(
    region_name: str = "demo", *, days: int = 10, seeds: tuple[int, ...] = (0, 1, 2), config: Path | None = None,
    sky: Sky | None = None, particles: int = 2000, progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Score maps of a simulated sea, day by day.

    Args:
        region_name: a region with settings of the twin.
        days: of one look each.
        seeds: of sea, clouds and looks; figures are means over them.
        config: configuration folder.
        sky: clouds.
        particles: of a forecast's member.
        progress: called with (what, share done).

    Returns:
        ``scores``: method to its figures on the last day and over the second half of the days;
        ``calibration``: of our map, coverage of 50 and 90 % intervals by cell and by group of 5 × 5 cells, by where the
        figure comes from, CRPS beside the climatology's, reliability; ``by_day``.
    """
    settings = load_settings(config)
    region = with_climatology(load_region(region_name, config), config)
    tally, rows = Tally(), []
    for number, seed in enumerate(seeds):
        rows += _one_sea(region, settings, days, seed, config, sky or Sky(), particles, tally)
        if progress:
            progress(f"sea {number + 1}", (number + 1) / len(seeds))
    table = pd.DataFrame(rows)
    late = table[table["day"] > days // 2]
    figures = ["in_best_tenth", "of_truth_map", "area_under", "mass_error"]
    scores = {
        str(name): {
            **{k: float(part[k].mean()) for k in figures},
            **{f"{k}_last_day": float(part[part["day"] == days][k].mean()) for k in figures},
        }
        for name, part in late.groupby("method", sort=False)
    }  # fmt: skip
    ours, scene = scores["assimilation"], scores["latest scene"]
    return {
        "days": days, "seeds": list(seeds), "cloud": (sky or Sky()).cloud, "swath": (sky or Sky()).swath,
        "scores": scores,
        "times_latest_scene": ours["in_best_tenth_last_day"] / scene["in_best_tenth_last_day"],
        "calibration": tally.figures(),
        "by_day": table.groupby(["method", "day"])["in_best_tenth"].mean().unstack().round(4).T.to_dict(),
    }  # fmt: skip


def _one_sea(
    region: Region, settings: DensitySettings, days: int, seed: int, config: Path | None, sky: Sky, particles: int,
    tally: Tally,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows (method, day) of one sea; ours goes into the tally too."""
    from oceanclean.drift.local_doubt import followed_currents, local_doubt
    from oceanclean.drift.settings import load_settings as drift_settings
    from oceanclean.twin.debris import make_debris
    from oceanclean.twin.ocean import make_ocean
    from oceanclean.twin.reports import drifter_fixes
    from oceanclean.twin.settings import load_twin_settings

    twin = load_twin_settings(config)
    ocean = make_ocean(region, START - np.timedelta64(_WARM_UP_H, "h"), _WARM_UP_H + 24 * days + 32, twin, seed)
    debris = make_debris(ocean, region, twin, seed)
    drift = drift_settings(config)
    drift = drift.model_copy(update={"particles_per_member": particles})
    alone = settings.assimilation.model_copy(update={"regional_doubt": 0.0, "reach_km": 0.0})
    cycles = [_Cycle("assimilation", settings),
              _Cycle("gamma–Poisson by cell", settings.model_copy(update={"assimilation": alone}))]  # fmt: skip
    fixes, _tracks = drifter_fixes(ocean, region, twin, ocean.hours - 1, seed)
    rng, rows = np.random.default_rng([seed, 77]), []
    composite = np.full(region.grid.shape, np.nan)
    for day in range(1, days + 1):
        hour = _WARM_UP_H + 24.0 * (day - 1)
        truth, when = _true_density(region, debris, hour), pd.Timestamp(ocean.time(hour)).tz_localize("UTC")
        look = simulate_look(truth, region, settings, when, sky, rng)
        buoys, forcing = known_fixes(fixes, when), _forcing(region, ocean, twin, hour, seed, day)
        forcing, _said = followed_currents(buoys, forcing, drift)
        today, _said = local_doubt(buoys, forcing, drift)
        maps: dict[str, Array] = {}
        for cycle in cycles:
            if cycle.last is not None and cycle.name == "assimilation":
                maps["persistence"] = cycle.last
            result, before = _map_of(region, cycle, look, when, seed)
            maps[cycle.name] = result.mean
            if cycle.name == "assimilation" and day > 1:
                tally.add(result.members, truth, _origin(result, before, settings), region.grid.area_km2,
                          ~region.land_mask, GROUP)  # fmt: skip
            _carry_on(region, cycle, result, _origin(result, before, settings), when, forcing, today, seed + day)
        maps |= _references(region, settings, look, when, composite)
        rows += [_row(name, day, field, truth, region) for name, field in maps.items()]
    return rows


def with_climatology(region: Region, config: Path | None, seed: int = 999) -> Region:
    """The region with the mean and spread of cells of another simulated sea for its background."""
    from oceanclean.twin.debris import make_debris
    from oceanclean.twin.ocean import make_ocean
    from oceanclean.twin.settings import load_twin_settings

    twin = load_twin_settings(config)
    ocean = make_ocean(region, START - np.timedelta64(_WARM_UP_H, "h"), _WARM_UP_H + 2, twin, seed)
    density = _true_density(region, make_debris(ocean, region, twin, seed), float(_WARM_UP_H))[~region.land_mask]
    background = BackgroundSettings(
        mean_kg_km2=float(density.mean()), std_kg_km2=float(density.std()), source="another simulated sea"
    )
    return Region(region.settings.model_copy(update={"background": background}))


def known_fixes(fixes: pd.DataFrame, when: pd.Timestamp) -> gpd.GeoDataFrame:
    """The buoys' fixes of the last two days that could be read at a time, as ``Drifters``."""
    import geopandas as gpd

    time, ready = (pd.to_datetime(fixes[c], utc=True).astype("datetime64[ns, UTC]") for c in ("time", "available_at"))
    kept = (ready <= when) & (time >= when - pd.Timedelta(hours=_WARM_UP_H))
    columns = {"drifter_id": fixes["drifter_id"], "time": time, "drogued": fixes["drogued"].astype(bool), "quality": 1,
               "available_at": ready}  # fmt: skip
    table = pd.DataFrame(columns)[kept].reset_index(drop=True)
    places = gpd.points_from_xy(fixes["longitude"][kept], fixes["latitude"][kept])
    return gpd.GeoDataFrame(table, geometry=places, crs="EPSG:4326")


def _true_density(region: Region, debris: DebrisTruth, hour: float) -> Array:
    """Density (lat, lon) afloat, kg km-2."""
    lon, lat, afloat = debris.at(hour)
    row, column, inside = region.grid.index(lon, lat)
    kept = inside & afloat
    mass = np.bincount((row * region.grid.nx + column)[kept], debris.mass_kg[kept], region.grid.nx * region.grid.ny)
    return np.where(region.land_mask, 0.0, mass.reshape(region.grid.shape) / region.grid.area_km2)


def simulate_look(
    truth: Array, region: Region, settings: DensitySettings, when: pd.Timestamp, sky: Sky, rng: np.random.Generator
) -> Look:
    """What a pass finds of a known sea.

    Args:
        truth: (lat, lon) kg km-2.
        region: grid and land.
        settings: the sensor's rates are the true ones; kilograms of what is found are off by a factor of the scene.
        when: time of the pass.
        sky: clouds.
        rng: source of randomness.
    """
    from scipy.ndimage import gaussian_filter

    sensor, clump = settings.sensors["sentinel2"], settings.windrows.clump_kg
    veil = gaussian_filter(rng.standard_normal(truth.shape), sky.scale_cells, mode="nearest")
    cover = float(np.clip(rng.normal(sky.cloud, 0.2), 0.05, 0.95))
    clear = (veil > np.quantile(veil, cover)) & _in_swath(region, when, sky.swath)
    seen = np.where(clear & ~region.land_mask, region.grid.area_km2, 0.0)
    doubt = relative_doubt(settings, sensor)
    sigma = np.sqrt(np.log1p(doubt**2))
    factor = float(np.exp(sigma * rng.standard_normal() - sigma**2 / 2))
    pieces = rng.poisson(sensor.found * sensor.visible_share * truth * seen / clump)
    found = (factor * pieces).astype(np.float64)
    wrong = sensor.false_per_km2 * seen
    odds = sensor.false_shape / (sensor.false_shape + np.maximum(wrong, 1e-12))
    found += np.where(wrong > 0, rng.negative_binomial(sensor.false_shape, odds), 0)
    return Look(sensor, when, seen, found * clump, (f"{when:%Y%m%d}",), doubt)


def _in_swath(region: Region, when: pd.Timestamp, share: float) -> NDArray[np.bool_]:
    """Columns (lon) of the day's pass."""
    day = (when - pd.Timestamp(START).tz_localize("UTC")) / pd.Timedelta(days=1)
    place = np.mod((np.arange(region.grid.nx) + 0.5) / region.grid.nx - share * np.floor(day), 1.0)
    return place < share


def _map_of(region: Region, cycle: _Cycle, look: Look, when: pd.Timestamp, seed: int) -> tuple[Estimate, Prior]:
    before = believed(region, cycle.forecast, when, cycle.settings, [])
    members = before.members(region, cycle.tracks, when, cycle.settings, seed)
    return estimate(region, before, members, [look], None, when, cycle.settings), before


def _origin(result: Estimate, before: Prior, settings: DensitySettings) -> NDArray[np.int64]:
    origin = np.where(before.forecast, FORECAST, 1)
    origin[result.seen >= settings.least_fraction] = OBSERVATION
    return origin


def _carry_on(
    region: Region, cycle: _Cycle, result: Estimate, origin: NDArray[np.int64], when: pd.Timestamp, forcing: xr.Dataset,
    drift: Any, seed: int,
) -> None:  # fmt: skip
    """Forecast to the next day's look."""
    from oceanclean.drift.ensemble import forecast

    data = as_map(region, result, origin, cycle.settings.assimilation.quantiles)
    stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    data.attrs = {"valid_time": stamp, "issue_time": stamp, "region": region.name}
    cycle.last = result.mean
    cycle.forecast, cycle.tracks = forecast(
        describe("DensityMap", data), forcing, issue_time=stamp, horizon_h=24, settings=drift, seed=seed, region=region
    )


def _forcing(region: Region, ocean: Ocean, twin: TwinSettings, hour: float, seed: int, day: int) -> xr.Dataset:
    """What a forecast centre says at an hour, through the files and the reader of the daily chain."""
    from oceanclean.sources import read_forcing
    from oceanclean.twin.forecast import forecast_of, write_forecast

    short = twin.model_copy(
        update={"forecast": twin.forecast.model_copy(update={"history_h": _WARM_UP_H, "horizon_h": 30})}
    )
    said = forecast_of(ocean, hour, short, seed, day)
    issue = str(ocean.time(hour)) + "Z"
    small = Region(region.settings.model_copy(update={"minimum_horizon_h": 12}))
    with TemporaryDirectory() as folder:
        paths = write_forecast(said, hour, short, Path(folder), "now", issue, 0.0)
        wanted = SourcesSettings(
            name="twin", **{role: [SourceSettings(kind="gridded", path=str(path))] for role, path in paths.items()}
        )
        begin = pd.Timestamp(issue)
        forcing, _ = read_forcing(
            small, wanted, start=begin - pd.Timedelta(hours=_WARM_UP_H), end=begin + pd.Timedelta(hours=26),
            issue_time=begin,
        )  # fmt: skip
        return forcing.load()


def _references(
    region: Region, settings: DensitySettings, look: Look, when: pd.Timestamp, composite: Array
) -> dict[str, Array]:
    """Maps to beat: climatology, the latest scene with and without the model of what it finds, a composite."""
    bare = believed(region, None, when, settings, [])
    cell = bare.members(region, None, when, settings, 0)
    scene = look.found_kg / np.maximum(look.seen_km2, 1e-9) / (look.sensor.found * look.sensor.visible_share)
    seen = look.seen_km2 > 0
    composite[seen] = scene[seen]
    background = region.settings.background.mean_kg_km2
    return {
        "latest scene": np.where(seen, scene, background),
        "latest scene, gamma–Poisson": estimate(region, bare, cell, [look], None, when, settings).mean,
        "overwrite (newest look of each cell)": np.where(np.isnan(composite), background, composite),
        "climatology": bare.mean.copy(),
    }


def _row(name: str, day: int, field: Array, truth: Array, region: Region) -> dict[str, Any]:
    sea, area = ~region.land_mask, region.grid.area_km2
    score, mass, km2 = field[sea], (truth * area)[sea], area[sea]
    best = found_in_best(score, mass, km2)
    return {
        "method": name, "day": day, "in_best_tenth": best, "area_under": area_under(score, mass, km2),
        "of_truth_map": best / found_in_best(truth[sea], mass, km2),
        "mass_error": float((score * km2).sum() / mass.sum() - 1.0),
    }  # fmt: skip


def twin_table(figures: Mapping[str, Any]) -> str:
    """The figures in lines for a terminal."""
    head = (f"{figures['days']} days, {len(figures['seeds'])} seas, a pass a day over {figures['swath']:.0%}, "
            f"{figures['cloud']:.0%} of it under cloud; last day")  # fmt: skip
    lines = [head, f"{'':38s}{'best tenth':>11s}{'of truth':>10s}{'area':>8s}{'mass':>8s}"]
    for name, row in figures["scores"].items():
        lines.append(
            f"{name:38s}{row['in_best_tenth_last_day']:11.3f}{row['of_truth_map_last_day']:10.3f}"
            f"{row['area_under_last_day']:8.3f}{row['mass_error_last_day']:+8.0%}"
        )
    lines.append(f"assimilation holds {figures['times_latest_scene']:.2f} times the latest scene's share")
    calibration = figures["calibration"]
    for part, row in calibration["coverage"].items():
        lines.append(f"{part:38s} 50 %: {row['50']:.3f}   90 %: {row['90']:.3f}   ({row['count']})")
    lines.append(f"CRPS {calibration['crps']:.3f} kg km-2, without any look {calibration['crps_climatology']:.3f}")
    return "\n".join(lines)


__all__ = ["Sky", "evaluate_twin", "simulate_look", "twin_table"]
