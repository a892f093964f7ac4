"""Scenes to looks: passes joined so that nothing is counted twice, mass moved off land cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oceanclean.density.assimilation import Evidence
from oceanclean.density.gridding import Looked, finer, grid_segmentation, summed
from oceanclean.density.observation import (
    DensitySettings,
    SensorModel,
    kg_per_detected_m2,
    relative_doubt,
    sensor_model,
)
from oceanclean.products.scene import Segmentation
from oceanclean.region import Grid, Region

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """What one pass of one sensor saw.

    Attributes:
        sensor: its model.
        time: when.
        seen_km2: (lat, lon) area looked at.
        found_kg: (lat, lon) mass of the debris found, in the pixels themselves.
        scenes: the scenes that were joined.
        doubt: relative doubt of the mass that all cells of the look share.
        gain: debris in the way of what was seen over that of the cell around it (a mouth that is steered).
    """

    sensor: SensorModel
    time: pd.Timestamp
    seen_km2: Array
    found_kg: Array
    scenes: tuple[str, ...]
    doubt: float
    gain: float = 1.0


def looks_of(
    segmentations: Sequence[Segmentation], region: Region, settings: DensitySettings, notes: list[str]
) -> list[Look]:
    """One look for each pass of each sensor, oldest first.

    Where scenes of one pass overlap, each part of a cell takes the scene that saw most of it.

    Args:
        segmentations: any order.
        region: gives grid and land.
        settings: of the room.
        notes: sentences for the plan page are appended.

    Raises:
        InputError: a raster that cannot be read.
    """
    model = sensor_model(settings, "sentinel2", "segmentations")
    if segmentations:
        _same_model(model, segmentations[0], notes)
    ordered = sorted(segmentations, key=lambda s: (s.scene.acquired, s.scene.scene_id))
    passes: list[list[Segmentation]] = []
    for one in ordered:
        gap = _minutes(passes[-1][0], one) if passes else np.inf
        if gap <= settings.pass_minutes:
            passes[-1].append(one)
        else:
            passes.append([one])
    looks = [_joined(scenes, region, settings, model, notes) for scenes in passes]
    return [look for look in looks if look.scenes]


def _same_model(sensor: SensorModel, one: Segmentation, notes: list[str]) -> None:
    """Say where a sensor's rates were measured with another model than the one that looked."""
    measured = sensor.rates.measured if sensor.rates else None
    if measured is not None and one.model_sha256 != measured.model_sha256:
        both = f"{measured.model_sha256[:8]} against {one.model_sha256[:8]}"
        notes.append("Detection and false-alarm rates were measured with another segmenter than today's "
                     f"({both}): the map's doubt may be too small.")  # fmt: skip


def conditions_of(one: Segmentation) -> dict[str, float]:
    """What is known of a scene on which detection may depend: shares of cloud and glint, and what its notes say."""
    gate = {k.removeprefix("gate_"): v for k, v in one.statistics.items() if k.startswith("gate_")}
    water = sum(gate.values()) - gate.get("no_data", 0.0) - gate.get("land", 0.0)
    out = {}
    if water > 0:
        out["cloud_share"] = (gate.get("cloud", 0.0) + gate.get("cloud_shadow", 0.0)) / water
        out["glint_share"] = gate.get("glint", 0.0) / water
    for name in ("wind_m_s", "off_nadir_deg"):
        try:
            out[name] = float(one.scene.notes[name])
        except (KeyError, ValueError):
            continue
    return out


def evidence_of(
    looks: Sequence[Look], shape: tuple[int, int], when: pd.Timestamp, settings: DensitySettings
) -> Evidence:
    """All looks together, as counts of clumps by cell.

    A look that is ``h`` hours from the map's time counts with weight exp(−h / look_scale_h) (a power likelihood:
    Ibrahim & Chen 2000, 10.1214/ss/1009212673): it says the same with less force, so that more doubt is left.

    Args:
        looks: at least one.
        shape: (lat, lon).
        when: time of the map.
        settings: of the room.
    """
    found, effort, false = (np.zeros(shape) for _ in range(3))
    clump = settings.windrows.clump_kg
    weight, streak = 0.0, 0.0
    for look in looks:
        fresh = float(np.exp(-hours_apart(look, when) / settings.look_scale_h))
        share = look.sensor.found * look.sensor.visible_share * look.gain
        own = fresh * share * look.seen_km2 / clump
        found += fresh * look.found_kg / clump
        effort += own
        wrong = fresh * look.sensor.false_per_km2 * look.seen_km2
        false += wrong
        streak += float(wrong.sum()) * look.sensor.false_shape
        weight += float(wrong.sum())
    total = float(sum(look.found_kg.sum() for look in looks))
    doubt = sum(look.doubt * float(look.found_kg.sum()) for look in looks) / total if total > 0 else looks[-1].doubt
    return Evidence(found, effort, false, streak / weight if weight > 0 else 1.0, doubt)


def hours_apart(look: Look, when: pd.Timestamp) -> float:
    """Hours between a look and the map, either way."""
    return float(abs((when - look.time) / pd.Timedelta(hours=1)))


def _minutes(first: Segmentation, second: Segmentation) -> float:
    delta = pd.Timestamp(second.scene.acquired) - pd.Timestamp(first.scene.acquired)
    return float(delta / pd.Timedelta(minutes=1))


def _joined(
    scenes: Sequence[Segmentation], region: Region, settings: DensitySettings, model: SensorModel, notes: list[str]
) -> Look:
    """Join the scenes of one pass on a grid of part cells."""
    parts = settings.subcells
    fine = finer(region.grid, parts)
    seen, debris = np.zeros(fine.shape), np.zeros(fine.shape)
    double, used, conditions = 0.0, [], []
    for one in scenes:
        looked: Looked = grid_segmentation(one.raster, one.threshold, fine)
        if not _plausible(looked, one, settings, notes):
            continue
        used.append(one.scene.scene_id)
        conditions.append((float(looked.seen_km2.sum()), conditions_of(one)))
        better = looked.seen_km2 > seen
        double += float(np.minimum(looked.seen_km2, seen).sum())
        seen = np.where(better, looked.seen_km2, seen)
        debris = np.where(better, looked.debris_m2, debris)
    if double > 1.0:
        notes.append(f"{len(used)} scenes of one pass overlap by {double:.0f} km²: each part of the sea counts once.")
    mass, lost = off_land(summed(debris, parts) * kg_per_detected_m2(settings, model), region)
    if lost > 0:
        notes.append(f"{lost:.0f} kg of debris seen far inside land cells were left out.")
    when = max(pd.Timestamp(s.scene.acquired) for s in scenes)
    sensor = model.under(_mean_conditions(conditions), notes, ", ".join(used)) if used else model
    return Look(sensor, when, np.minimum(summed(seen, parts), region.grid.area_km2), mass, tuple(used),
                relative_doubt(settings, sensor))  # fmt: skip


def _plausible(looked: Looked, one: Segmentation, settings: DensitySettings, notes: list[str]) -> bool:
    """Whether a scene's share of debris can be; a wrong radiometry or a broken band paints the whole sea."""
    seen = float(looked.seen_km2.sum())
    share = float(looked.debris_m2.sum()) / 1e6 / seen if seen > 0 else 0.0
    if share <= settings.implausible_share:
        return True
    notes.append(f"Scene {one.scene.scene_id} (radiometry {one.scene.radiometry}) marks {share:.1%} of {seen:.0f} km² "
                 "as debris, more than any sea holds: a wrong radiometry or a fault of the sensor. It was not "
                 "used; check how the scene is tagged.")  # fmt: skip
    return False


def _mean_conditions(scenes: Sequence[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Conditions of a pass: means over its scenes by area seen, of the measures that all have."""
    total = sum(area for area, _ in scenes)
    shared = set.intersection(*(set(c) for _, c in scenes))
    if total <= 0:
        return {}
    return {k: sum(area * c[k] for area, c in scenes) / total for k in sorted(shared)}


def off_land(mass: Array, region: Region, reach: int = 2) -> tuple[Array, float]:
    """Move mass of cells whose centre is land to the nearest sea cell.

    Args:
        mass: (lat, lon) kg.
        region: gives the land.
        reach: cells; mass farther inland is lost.

    Returns:
        The mass on sea cells and what was lost, in kg.
    """
    from scipy.ndimage import distance_transform_edt

    land = region.land_mask
    if not (mass[land] > 0).any():
        return np.where(land, 0.0, mass), 0.0
    if land.all():
        return np.zeros_like(mass), float(mass.sum())
    distance, (row, column) = distance_transform_edt(land, return_indices=True)
    near = land & (distance <= reach + 0.5)
    out = np.where(land, 0.0, mass)
    np.add.at(out, (row[near], column[near]), mass[near])
    return out, float(mass[land & ~near].sum())


def part_of_cell(area_km2: Array, grid: Grid) -> Array:
    """Share of each cell, at most 1."""
    return np.minimum(area_km2 / grid.area_km2, 1.0)
