"""Scenes to looks: passes joined so that nothing is counted twice, mass moved off land cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oceanclean.density.gridding import Looked, finer, grid_segmentation, summed
from oceanclean.density.observation import DensitySettings, SensorModel, kg_per_detected_m2, sensor_model
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
    """

    sensor: SensorModel
    time: pd.Timestamp
    seen_km2: Array
    found_kg: Array
    scenes: tuple[str, ...]


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
    ordered = sorted(segmentations, key=lambda s: (s.scene.acquired, s.scene.scene_id))
    passes: list[list[Segmentation]] = []
    for one in ordered:
        gap = _minutes(passes[-1][0], one) if passes else np.inf
        if gap <= settings.pass_minutes:
            passes[-1].append(one)
        else:
            passes.append([one])
    return [_joined(scenes, region, settings, model, notes) for scenes in passes]


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
    double = 0.0
    for one in scenes:
        looked: Looked = grid_segmentation(one.raster, one.threshold, fine)
        better = looked.seen_km2 > seen
        double += float(np.minimum(looked.seen_km2, seen).sum())
        seen = np.where(better, looked.seen_km2, seen)
        debris = np.where(better, looked.debris_m2, debris)
    if double > 1.0:
        notes.append(f"{len(scenes)} scenes of one pass overlap by {double:.0f} km²: each part of the sea counts once.")
    mass, lost = off_land(summed(debris, parts) * kg_per_detected_m2(settings, model), region)
    if lost > 0:
        notes.append(f"{lost:.0f} kg of debris seen far inside land cells were left out.")
    when = max(pd.Timestamp(s.scene.acquired) for s in scenes)
    return Look(model, when, np.minimum(summed(seen, parts), region.grid.area_km2), mass,
                tuple(s.scene.scene_id for s in scenes))  # fmt: skip


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
