"""The density map: looks, reports and yesterday's forecast become one estimate with its doubt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from oceanclean.density.bayes import Belief, at_least
from oceanclean.density.looks import Look, looks_of, part_of_cell
from oceanclean.density.observation import DensitySettings, relative_doubt
from oceanclean.density.reports import Reports, reports_of
from oceanclean.errors import InputError
from oceanclean.products import describe, names, validate_grid
from oceanclean.products.scene import Segmentation
from oceanclean.region import Region

if TYPE_CHECKING:
    import geopandas as gpd

Array = NDArray[np.float64]
Moment = str | datetime | pd.Timestamp

LAND, CLIMATOLOGY, FORECAST, OBSERVATION = 0, 1, 2, 3
#: A forecast counts for a map time up to this much outside its own times.
_FORECAST_SLACK = pd.Timedelta(hours=6)


def density_map(
    region: Region, segmentations: Sequence[Segmentation], detections: gpd.GeoDataFrame | None,
    prior: xr.Dataset | None, *, valid_time: Moment, issue_time: Moment, settings: DensitySettings,
) -> xr.Dataset:  # fmt: skip
    """Estimate debris density in every sea cell of the region.

    A cell that a scene has seen combines what was believed before with what was found and what was not; a report
    raises a cell to at least what it says; a cell without a look keeps the forecast's mean with a wider doubt, or the
    region's background. A cloud is not a clean sea: gated pixels are no look.

    Args:
        region: grid, land and background.
        segmentations: today's scenes as the vision room left them.
        detections: ``Detections`` of other sensors, where they are or have been moved to at ``valid_time``; a column
            ``mass_kg`` wins over the estimate from area and cover.
        prior: an earlier ``DensityForecast``, or one time of it, or None.
        valid_time: time of the map.
        issue_time: scenes and detections after it are refused and said.
        settings: of the room.

    Returns:
        ``DensityMap``; sentences for the plan page stand in the attribute ``degraded`` (JSON).

    Raises:
        InputError: a negative mass, a sensor without a model, a raster that cannot be read.
    """
    when, now = _utc(valid_time), _utc(issue_time)
    notes: list[str] = []
    scenes = _not_after(segmentations, now, notes)
    mean, std, has_forecast = _believed(region, prior, when, settings, notes)
    looks = looks_of(scenes, region, settings, notes)
    reports = reports_of(detections, region, settings, {s.scene.scene_id for s in scenes}, now, notes)
    seen, age = np.zeros(region.grid.shape), np.full(region.grid.shape, np.nan)
    if looks:
        mean, std, seen, age = _after_looks(region, looks, mean, std, when, settings)
    if reports is not None:
        mean, std, seen, age = _after_reports(region, reports, mean, std, seen, age, when)
    reported = reports.mass_kg > 0 if reports is not None else np.zeros(region.grid.shape, dtype=bool)
    origin = np.where(has_forecast, FORECAST, CLIMATOLOGY)
    origin[(seen >= settings.least_fraction) | reported] = OBSERVATION
    data = _dataset(region, mean, std, seen, age, origin)
    data.attrs = {
        "valid_time": _iso(when), "issue_time": _iso(now), "region": region.name,
        "scenes": json.dumps([name for look in looks for name in look.scenes]),
        "reports": len(reports.ids) if reports is not None else 0,
        "background_source": region.settings.background.source,
        "degraded": json.dumps(list(dict.fromkeys(notes))),
    }  # fmt: skip
    return validate_grid("DensityMap", describe("DensityMap", data), f"density map of {region.name}")


def _utc(value: Moment) -> pd.Timestamp:
    stamp = pd.Timestamp(value)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def _iso(stamp: pd.Timestamp) -> str:
    return stamp.strftime("%Y-%m-%dT%H:%M:%SZ")


def _not_after(segmentations: Sequence[Segmentation], now: pd.Timestamp, notes: list[str]) -> list[Segmentation]:
    """Scenes that were available at the issue time, each once."""
    kept: dict[str, Segmentation] = {}
    for one in segmentations:
        if _utc(one.scene.acquired) > now or _utc(one.scene.available_at) > now:
            notes.append(f"Scene {one.scene.scene_id} is of after the issue time and was refused.")
        elif one.scene.scene_id in kept:
            notes.append(f"Scene {one.scene.scene_id} was given twice and counts once.")
        else:
            kept[one.scene.scene_id] = one
    return list(kept.values())


def _believed(
    region: Region, prior: xr.Dataset | None, when: pd.Timestamp, settings: DensitySettings, notes: list[str]
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Mean and doubt (lat, lon) before today's looks, and where they come from a forecast."""
    background = region.settings.background
    mean = np.full(region.grid.shape, background.mean_kg_km2)
    std = np.full(region.grid.shape, background.std_kg_km2)
    fields = _forecast_at(region, prior, when, notes)
    if fields is None:
        return mean, std, np.zeros(region.grid.shape, dtype=bool)
    forecast, spread = fields
    known = np.isfinite(forecast) & np.isfinite(spread)
    forecast, spread = np.nan_to_num(forecast), np.nan_to_num(spread)
    wider = np.sqrt(
        spread**2 + (settings.forecast_doubt * forecast) ** 2 + (settings.forecast_floor * background.std_kg_km2) ** 2
    )
    return np.where(known, forecast, mean), np.where(known, wider, std), known


def _forecast_at(
    region: Region, prior: xr.Dataset | None, when: pd.Timestamp, notes: list[str]
) -> tuple[Array, Array] | None:
    """The forecast's mean and spread at a time, linear between its times; None where it cannot be used."""
    if prior is None:
        return None
    grid = region.grid
    same = all(
        prior[axis].size == own.size and np.allclose(prior[axis], own, atol=1e-6)
        for axis, own in (("lat", grid.lat), ("lon", grid.lon))
    )
    if not same:
        notes.append("The earlier forecast is on another grid and was not used.")
        return None
    fields = prior[[names.DENSITY, names.DENSITY_STD]]
    if "time" in fields.dims:
        moment = when.tz_convert("UTC").tz_localize(None)
        first, last = (pd.Timestamp(t) for t in fields["time"].to_numpy()[[0, -1]])
        if moment < first - _FORECAST_SLACK or moment > last + _FORECAST_SLACK:
            notes.append(f"The earlier forecast (to {last:%Y-%m-%d %H:%M} UTC) does not reach the map's time; it was "
                         "not used.")  # fmt: skip
            return None
        fields = _at_time(fields, min(max(moment, first), last))
    return tuple(fields[n].to_numpy().astype(np.float64) for n in (names.DENSITY, names.DENSITY_STD))  # type: ignore[return-value]


def _at_time(fields: xr.Dataset, moment: pd.Timestamp) -> xr.Dataset:
    """Linear between the two times around a moment, which lies within the fields' times."""
    times = fields["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    position = float(np.interp(moment.as_unit("ns").value, times, np.arange(times.size)))
    low = int(position)
    high = min(low + 1, times.size - 1)
    share = position - low
    return fields.isel(time=low, drop=True) * (1 - share) + fields.isel(time=high, drop=True) * share


def _after_looks(
    region: Region, looks: Sequence[Look], mean: Array, std: Array, when: pd.Timestamp, settings: DensitySettings
) -> tuple[Array, Array, Array, Array]:
    """Mean, doubt, share seen and age (lat, lon) after all looks, the oldest first.

    A look that is ``h`` hours from the map's time counts with weight exp(−h / look_scale_h) (a power likelihood:
    Ibrahim & Chen 2000, 10.1214/ss/1009212673): it says the same with less force, so that more doubt is left.
    """
    grid, dense = region.grid, settings.windrows
    weight = dense.share * region.settings.background.mean_kg_km2 / dense.mean_kg_km2
    looked = np.zeros(grid.shape, dtype=bool)
    found_total, effort_total, false_total, calibration = (np.zeros(grid.shape) for _ in range(4))
    seen, age = np.zeros(grid.shape), np.full(grid.shape, np.nan)
    for look in looks:
        hours = abs((when - _utc(look.time)) / pd.Timedelta(hours=1))
        fresh = float(np.exp(-hours / settings.look_scale_h))
        found_total += fresh * look.found_kg / dense.clump_kg
        effort_total += fresh * look.sensor.found * look.sensor.visible_share * look.seen_km2 / dense.clump_kg
        false_total += fresh * look.sensor.false_per_km2 * look.seen_km2
        here = look.seen_km2 > 0
        looked |= here
        share = part_of_cell(look.seen_km2, grid)
        calibration = np.where(here, relative_doubt(settings, look.sensor), calibration)
        seen = np.maximum(seen, share)
        age = np.where(here & (share >= settings.least_fraction), np.fmin(age, hours), age)
    belief = Belief.of(
        mean[looked], std[looked], np.full(int(looked.sum()), weight), dense.mean_kg_km2, dense.std_kg_km2
    )
    shape = looks[-1].sensor.false_shape
    after = belief.after(found_total[looked], effort_total[looked], false_total[looked], shape)
    first, spread = after.moments()
    # the figure of mass per area is the same in all cells of a look: its doubt is on what was found
    drawn = found_total[looked] / np.maximum(effort_total[looked], 1e-12)
    mean, std = mean.copy(), std.copy()
    mean[looked] = first
    std[looked] = np.hypot(spread, calibration[looked] * np.minimum(drawn, first))
    return mean, std, seen, age


def _after_reports(
    region: Region, reports: Reports, mean: Array, std: Array, seen: Array, age: Array, when: pd.Timestamp
) -> tuple[Array, Array, Array, Array]:
    """Raise the cells of reports to at least what they say, as far as they are trusted."""
    here = reports.mass_kg > 0
    floor = reports.mass_kg[here] / region.grid.area_km2[here]
    trust = reports.trust[here]
    more, spread = at_least(mean[here], std[here], floor)
    spread = np.hypot(spread, reports.doubt[here] * floor)
    first = trust * more + (1 - trust) * mean[here]
    second = trust * (spread**2 + more**2) + (1 - trust) * (std[here] ** 2 + mean[here] ** 2)
    mean, std, seen, age = (a.copy() for a in (mean, std, seen, age))
    mean[here], std[here] = first, np.sqrt(np.maximum(second - first**2, 0.0))
    seen[here] = np.minimum(1.0, seen[here] + part_of_cell(reports.area_km2, region.grid)[here])
    hours = abs((np.datetime64(when.tz_localize(None)) - reports.youngest[here]) / np.timedelta64(1, "h"))
    age[here] = np.fmin(age[here], hours)
    return mean, std, seen, age


def _dataset(region: Region, mean: Array, std: Array, seen: Array, age: Array, origin: NDArray[np.int64]) -> xr.Dataset:
    grid, land = region.grid, region.land_mask
    dims = ("lat", "lon")

    def at_sea(values: Array) -> tuple[tuple[str, str], NDArray[np.float32]]:
        return dims, np.where(land, np.nan, values).astype(np.float32)

    return xr.Dataset(
        {
            names.DENSITY: at_sea(mean),
            names.DENSITY_STD: at_sea(std),
            "observed_fraction": at_sea(seen),
            "observation_age": at_sea(age),
            "origin": (dims, np.where(land, LAND, origin).astype(np.int8), {
                "flag_values": np.array([0, 1, 2, 3], dtype=np.int8),
                "flag_meanings": "land climatology forecast observation"}),
        },
        coords={"lat": grid.lat, "lon": grid.lon},
    )  # fmt: skip


def summary(data: xr.Dataset, region: Region) -> dict[str, Any]:
    """Figures of a map for the ledger and the page.

    Returns:
        ``mass_kg`` with ``mass_std_kg`` (cells taken as independent: a lower bound), ``densest_kg_km2``,
        ``observed_share`` of the sea by area, ``origin_share`` by area, and ``degraded``, the map's sentences.

    Raises:
        InputError: the map is not on the region's grid.
    """
    if data[names.DENSITY].shape != region.grid.shape:
        raise InputError("density map", "shape", data[names.DENSITY].shape, str(region.grid.shape), "Map it again.")
    area = region.grid.area_km2
    mean, std = (np.nan_to_num(data[n].to_numpy().astype(np.float64)) for n in (names.DENSITY, names.DENSITY_STD))
    origin = data["origin"].to_numpy()
    sea = float(area[origin != LAND].sum()) or 1.0
    shares = {"climatology": CLIMATOLOGY, "forecast": FORECAST, "observation": OBSERVATION}
    sentences = list(json.loads(data.attrs.get("degraded", "[]")))
    if not json.loads(data.attrs.get("scenes", "[]")):
        sentences.insert(0, "No satellite scene today: the map rests on the forecast and sightings.")
    return {
        "mass_kg": float((mean * area).sum()),
        "mass_std_kg": float(np.sqrt(((std * area) ** 2).sum())),
        "densest_kg_km2": float(mean.max()),
        "observed_share": float((np.nan_to_num(data["observed_fraction"].to_numpy()) * area).sum() / sea),
        "origin_share": {name: float(area[origin == code].sum() / sea) for name, code in shares.items()},
        "degraded": sentences,
    }
