"""The density map: looks, reports and yesterday's forecast become one estimate with its doubt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from oceanclean.density.assimilation import Scheme, analyse
from oceanclean.density.bayes import at_least
from oceanclean.density.catches import looks_of_catches, taken_aboard
from oceanclean.density.ensemble import Members, with_moments, with_shared_doubt
from oceanclean.density.looks import Look, evidence_of, hours_apart, looks_of, part_of_cell
from oceanclean.density.moving import Carry, moved_detections, moved_look
from oceanclean.density.observation import DensitySettings
from oceanclean.density.prior import Prior, believed, reach_cells
from oceanclean.density.reports import Reports, reports_of
from oceanclean.errors import InputError
from oceanclean.products import describe, names, validate_grid
from oceanclean.products.scene import Segmentation
from oceanclean.region import Region

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.density.climatology import Climatology

Array = NDArray[np.float64]
Moment = str | datetime | pd.Timestamp

LAND, CLIMATOLOGY, FORECAST, OBSERVATION = 0, 1, 2, 3


@dataclass(frozen=True)
class Estimate:
    """What is believed of each cell.

    Attributes:
        members: (member, lat, lon) kg km-2.
        mean: (lat, lon) kg km-2.
        std: (lat, lon) kg km-2.
        seen: (lat, lon) share of the cell looked at.
        age: (lat, lon) hours since the youngest look, NaN without one.
    """

    members: Members
    mean: Array
    std: Array
    seen: Array
    age: Array


def density_map(
    region: Region, segmentations: Sequence[Segmentation], detections: gpd.GeoDataFrame | None,
    prior: xr.Dataset | None, *, valid_time: Moment, issue_time: Moment, settings: DensitySettings,
    tracks: xr.Dataset | None = None, catches: gpd.GeoDataFrame | None = None, carry: Carry | None = None,
    climatology: Climatology | None = None, seed: int = 0,
) -> xr.Dataset:  # fmt: skip
    """Estimate debris density in every sea cell of the region.

    A cell that a scene has seen combines what was believed before with what was found and what was not; a report
    raises a cell to at least what it says; a cell without a look keeps the forecast's mean with a wider doubt, or the
    climatology, moved by what was found around it as far as the forecast's members say that they go together. A cloud
    is not a clean sea: gated pixels are no look.

    Args:
        region: grid, land and background.
        segmentations: today's scenes as the vision room left them.
        detections: ``Detections`` of other sensors; a column ``mass_kg`` wins over the estimate from area and cover.
        prior: an earlier ``DensityForecast``, or one time of it, or None.
        valid_time: time of the map.
        issue_time: scenes, detections and catches after it are refused and said.
        settings: of the room.
        tracks: ``DebrisTracks`` of the same forecast: where its members have their debris.
        catches: ``Catches`` since the forecast was made: each haul measures, and what it took is gone.
        carry: brings observations of other hours to the map's time by drift; None leaves them where they were.
        climatology: where neither look nor forecast is; None: the region's background.
        seed: of the members where no forecast tells.

    Returns:
        ``DensityMap`` with quantiles; sentences for the plan page stand in the attribute ``degraded`` (JSON).

    Raises:
        InputError: a negative mass, a sensor without a model, a raster that cannot be read.
    """
    when, now = _utc(valid_time), _utc(issue_time)
    notes: list[str] = []
    scenes = _not_after(segmentations, now, notes)
    before = believed(region, prior, when, settings, notes, climatology)
    looks = looks_of(scenes, region, settings, notes)
    hauls = looks_of_catches(catches, region, settings, now, notes)
    taken = taken_aboard(hauls, region.grid.shape)
    if detections is not None and carry is not None and len(detections):
        detections = moved_detections(detections, when, carry)
    if carry is not None:
        looks, hauls = ([moved_look(one, region, when, carry, notes) for one in part] for part in (looks, hauls))
        taken = taken_aboard(hauls, region.grid.shape)
    reports = reports_of(detections, region, settings, {s.scene.scene_id for s in scenes}, now, notes)
    members = before.members(region, tracks, when, settings, seed)
    found = estimate(region, before, members, [*looks, *hauls], reports, when, settings, taken)
    reported = reports.mass_kg > 0 if reports is not None else np.zeros(region.grid.shape, dtype=bool)
    origin = np.where(before.forecast, FORECAST, CLIMATOLOGY)
    origin[(found.seen >= settings.least_fraction) | reported] = OBSERVATION
    data = as_map(region, found, origin, settings.assimilation.quantiles)
    data.attrs = {
        "valid_time": _iso(when), "issue_time": _iso(now), "region": region.name,
        "scenes": json.dumps([name for look in looks for name in look.scenes]),
        "reports": len(reports.ids) if reports is not None else 0,
        "catches": json.dumps([name for look in hauls for name in look.scenes]),
        "background_source": before.source,
        "degraded": json.dumps(list(dict.fromkeys(notes))),
    }  # fmt: skip
    return validate_grid("DensityMap", describe("DensityMap", data), f"density map of {region.name}")


def estimate(
    region: Region, before: Prior, members: Members, looks: Sequence[Look], reports: Reports | None,
    when: pd.Timestamp, settings: DensitySettings, taken: Array | None = None,
) -> Estimate:  # fmt: skip
    """Join belief and observations that stand at one time already.

    Args:
        region: grid and land.
        before: belief before any look.
        members: (member, lat, lon) fields of it.
        looks: of scenes and hauls; they may be none.
        reports: where debris was said to be, or None.
        when: time of the map.
        settings: of the room.
        taken: (lat, lon) kg that hauls took out of the sea after they measured it.
    """
    mean, std, fields = before.mean, before.std, members
    seen, age = np.zeros(region.grid.shape), np.full(region.grid.shape, np.nan)
    if looks:
        mean, std, fields = _after_looks(region, before, members, looks, when, settings)
        for look in looks:
            share = part_of_cell(look.seen_km2, region.grid)
            seen = np.maximum(seen, share)
            recent = (look.seen_km2 > 0) & (share >= settings.least_fraction)
            age = np.where(recent, np.fmin(age, hours_apart(look, when)), age)
    if reports is not None:
        mean, std, seen, age = _after_reports(region, reports, mean, std, seen, age, when)
    if taken is not None and (taken > 0).any():
        left = np.maximum(mean - taken / region.grid.area_km2, 0.05 * mean)
        mean = np.where(taken > 0, left, mean)
    least = (settings.assimilation.least_kg / region.grid.area_km2).ravel()
    flat = with_moments(fields.reshape(len(fields), -1), mean.ravel(), std.ravel(), least)
    return Estimate(flat.reshape(fields.shape), mean, std, seen, age)


def _after_looks(
    region: Region, before: Prior, members: Members, looks: Sequence[Look], when: pd.Timestamp,
    settings: DensitySettings,
) -> tuple[Array, Array, Members]:  # fmt: skip
    """Mean, doubt (lat, lon) and members after all looks."""
    dense, own = settings.windrows, settings.assimilation
    weight = dense.share * region.settings.background.mean_kg_km2 / dense.mean_kg_km2
    evidence = evidence_of(looks, region.grid.shape, when, settings)
    scheme = Scheme(own.regional_doubt, reach_cells(region, own.reach_km), weight, dense.mean_kg_km2, dense.std_kg_km2)
    after = analyse(members, before.mean, before.std, evidence, scheme, before.forecast, before.arrived)
    # the figure of mass per area is the same in all cells of a look, the doubt of the total in all cells of a forecast
    looked = evidence.effort > 0
    drawn = np.divide(evidence.found, evidence.effort, out=np.zeros_like(after.mean), where=looked)
    shared = np.where(looked, evidence.doubt * np.minimum(drawn, after.mean), 0.0)
    common = np.where(before.forecast, after.factor_doubt * after.mean, 0.0)
    std = np.maximum(np.hypot(after.std, shared), common)
    shared = np.hypot(shared, common)
    return after.mean, std, with_shared_doubt(after.members, shared / np.maximum(std, 1e-12))


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


def as_map(region: Region, found: Estimate, origin: NDArray[np.int64], levels: Sequence[float]) -> xr.Dataset:
    """Variables of a ``DensityMap``, without attributes; NaN on land.

    Args:
        region: grid and land.
        found: what is believed.
        origin: (lat, lon) :data:`CLIMATOLOGY`, :data:`FORECAST` or :data:`OBSERVATION`.
        levels: of the quantiles.
    """
    grid, land = region.grid, region.land_mask
    dims = ("lat", "lon")

    def at_sea(values: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.where(land, np.nan, values).astype(np.float32)

    quantile = np.quantile(found.members, levels, axis=0, method="linear")
    return xr.Dataset(
        {
            names.DENSITY: (dims, at_sea(found.mean)),
            names.DENSITY_STD: (dims, at_sea(found.std)),
            "debris_density_quantile": (("quantile", *dims), at_sea(quantile)),
            "observed_fraction": (dims, at_sea(found.seen)),
            "observation_age": (dims, at_sea(found.age)),
            "origin": (dims, np.where(land, LAND, origin).astype(np.int8), {
                "flag_values": np.array([0, 1, 2, 3], dtype=np.int8),
                "flag_meanings": "land climatology forecast observation"}),
        },
        coords={"lat": grid.lat, "lon": grid.lon, "quantile": list(levels)},
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
