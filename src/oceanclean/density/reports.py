"""Detections of other sensors than today's scenes: reports that say where debris is, not where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oceanclean.density.gridding import grid_targets
from oceanclean.density.looks import off_land
from oceanclean.density.observation import DensitySettings, relative_doubt, sensor_model, target_mass
from oceanclean.errors import InputError
from oceanclean.region import Region

if TYPE_CHECKING:
    import geopandas as gpd

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reports:
    """Reports by cell.

    Attributes:
        ids: detections that were used.
        mass_kg: (lat, lon) mass, if the reports are right.
        area_km2: (lat, lon) area of the targets.
        trust: (lat, lon) mean probability, weighted by mass.
        doubt: (lat, lon) relative doubt of the mass.
        youngest: (lat, lon) time of the youngest report, naive UTC; NaT where there is none.
    """

    ids: tuple[str, ...]
    mass_kg: Array
    area_km2: Array
    trust: Array
    doubt: Array
    youngest: NDArray[np.datetime64]


def reports_of(
    detections: gpd.GeoDataFrame | None, region: Region, settings: DensitySettings, scenes: set[str],
    now: pd.Timestamp, notes: list[str],
) -> Reports | None:  # fmt: skip
    """Sum the reports by cell.

    Args:
        detections: ``Detections`` table or None.
        region: gives grid and land.
        settings: of the room.
        scenes: scenes whose rasters are used already; their polygons would count twice.
        now: reports after it are refused and said.
        notes: sentences are appended.

    Returns:
        None where no report is left.

    Raises:
        InputError: a negative mass or area, or a sensor without a model.
    """
    if detections is None or not len(detections):
        return None
    table = _usable(detections, scenes, now, notes)
    mass, doubt = _masses(table, settings)
    table, mass, doubt = table[mass > 0], mass[mass > 0], doubt[mass > 0]
    if not len(table):
        return None
    probability = table["probability"].to_numpy(dtype=float) * _trust(table, settings)
    area = table["area_m2"].to_numpy(dtype=float) / 1e6
    amounts = np.column_stack([mass, mass * probability, mass * doubt, area])
    cells, outside = grid_targets(table, amounts, region.grid)
    if outside > 1e-9 * mass.sum():
        notes.append(f"Detections with {outside:.0f} kg lie outside the region and were left out.")
    moved = [off_land(layer, region) for layer in cells]
    if moved[0][1] > 0:
        notes.append(f"Detections with {moved[0][1]:.0f} kg lie far inland and were left out.")
    total = moved[0][0]
    if not (total > 0).any():
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        trust, spread = (np.where(total > 0, m[0] / total, 0.0) for m in moved[1:3])
    return Reports(tuple(table["detection_id"]), total, moved[3][0], trust, spread, _youngest(table, region))


def _usable(detections: gpd.GeoDataFrame, scenes: set[str], now: pd.Timestamp, notes: list[str]) -> gpd.GeoDataFrame:
    """Detections that count: not of the future, not of a scene already gridded, each once."""
    late = (detections["observed_at"] > now) | (detections["available_at"] > now)
    if late.any():
        notes.append(f"{int(late.sum())} detections of after the issue time were refused.")
    gridded = detections["source_id"].isin(scenes)
    table = detections[~late & ~gridded]
    same = pd.DataFrame({
        "where": table.geometry.to_wkb(), "when": table["observed_at"], "what": table["class_name"],
        "sensor": table["sensor"],
    }).duplicated()  # fmt: skip
    same |= table["detection_id"].duplicated()
    if same.any():
        notes.append(f"{int(same.sum())} detections were given twice and count once.")
    return table[~same].reset_index(drop=True)


def _masses(table: gpd.GeoDataFrame, settings: DensitySettings) -> tuple[Array, Array]:
    """Mass in kg and its relative doubt (n)."""
    for column in ("area_m2", "mass_kg"):
        wrong = table[column] < 0 if column in table else pd.Series(False, index=table.index)
        if wrong.any():
            row = table[wrong].iloc[0]
            raise InputError(row["source_id"], f"{column} of {row['detection_id']}", row[column], "0 or more",
                             "Correct or remove the detection.")  # fmt: skip
    known = table["mass_kg"].to_numpy(dtype=float) if "mass_kg" in table else np.full(len(table), np.nan)
    mass, doubt = np.zeros(len(table)), np.zeros(len(table))
    for sensor, rows in table.groupby("sensor").indices.items():
        model = sensor_model(settings, str(sensor), str(table["source_id"].iloc[rows[0]]))
        part = table.iloc[rows]
        mass[rows] = target_mass(
            settings, model, part["class_name"].to_numpy(dtype=object), part["area_m2"].to_numpy(dtype=float),
            part["cover"].to_numpy(dtype=float), known[rows],
            part["kind"].to_numpy(dtype=object) if "kind" in part else None,
        )  # fmt: skip
        doubt[rows] = relative_doubt(settings, model)
    return mass, doubt


def _trust(table: gpd.GeoDataFrame, settings: DensitySettings) -> Array:
    """Factor (n) on each detection's own probability."""
    return np.array([settings.sensors[s].trust for s in table["sensor"]])


def _youngest(table: gpd.GeoDataFrame, region: Region) -> NDArray[np.datetime64]:
    """Time of the youngest report in each cell and those beside it (mass may have been moved off land)."""
    from scipy.ndimage import maximum_filter

    newest = np.full(region.grid.shape, np.iinfo(np.int64).min)
    times = table["observed_at"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    bounds = table.bounds.to_numpy()
    for time, (west, south, east, north) in zip(times.astype(np.int64), bounds, strict=True):
        row, column, _ = region.grid.index(np.array([west, east]), np.array([south, north]))
        part = newest[row.min() : row.max() + 1, column.min() : column.max() + 1]
        np.maximum(part, time, out=part)
    spread = maximum_filter(newest, size=5)
    return np.where(newest > np.iinfo(np.int64).min, newest, spread).astype("datetime64[ns]")
