"""Hauls as measurements: catch = mouth × distance through water × density × efficiency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.density.looks import Look, off_land
from oceanclean.density.observation import DensitySettings, SensorModel
from oceanclean.errors import InputError
from oceanclean.region import Region

if TYPE_CHECKING:
    import geopandas as gpd

_KNOT = 1852.0 / 3600.0


def looks_of_catches(
    catches: gpd.GeoDataFrame | None, region: Region, settings: DensitySettings, now: pd.Timestamp, notes: list[str]
) -> list[Look]:
    """One look for each hour in which hauls ended; a haul that found nothing is a look at clean water.

    The area seen is the swept strip, mouth × distance through water; a crew that leads its mouth along windrows meets
    more debris there than the cell holds on the mean (``steering``).

    Args:
        catches: ``Catches`` or None.
        region: gives grid and land.
        settings: of the room.
        now: hauls reported after it are refused and said.
        notes: sentences are appended.

    Raises:
        InputError: a negative catch.
    """
    if catches is None or not len(catches):
        return []
    table = _usable(catches, region, now, notes)
    if not len(table):
        return []
    own = settings.catches
    hours = (table["ended_at"] - table["started_at"]) / pd.Timedelta(hours=1)
    swath = table["swath_m"].fillna(own.swath_m).to_numpy(dtype=float)
    swept = table["swept_m"].fillna(hours * 3600.0 * own.speed_kn * _KNOT).to_numpy(dtype=float)
    seen = swath * swept / 1e6
    mass = table["caught_kg"].to_numpy(dtype=float)
    row, column, _ = region.grid.index(table.geometry.x.to_numpy(), table.geometry.y.to_numpy())
    sensor = SensorModel(
        cover=1.0, std_cover=0.0, limit_cover=0.0, found=own.efficiency, visible_share=1.0, false_per_km2=0.0,
        looks=True, source=own.source,
    )  # fmt: skip
    looks = []
    for hour, rows in table.groupby(table["ended_at"].dt.floor("h")).indices.items():
        area, kg = np.zeros(region.grid.shape), np.zeros(region.grid.shape)
        np.add.at(area, (row[rows], column[rows]), seen[rows])
        np.add.at(kg, (row[rows], column[rows]), mass[rows])
        kg, _ = off_land(kg, region)
        area, _ = off_land(area, region)
        seen_km2 = np.minimum(area, region.grid.area_km2)
        names = tuple(table["catch_id"].iloc[rows])
        looks.append(Look(sensor, pd.Timestamp(str(hour)), seen_km2, kg, names, own.std_steering, own.steering))
    return looks


def _usable(catches: gpd.GeoDataFrame, region: Region, now: pd.Timestamp, notes: list[str]) -> gpd.GeoDataFrame:
    """Hauls that count: reported by now, inside the region, each once, with an area swept."""
    wrong = catches["caught_kg"] < 0
    if wrong.any():
        row = catches[wrong].iloc[0]
        raise InputError("catches", f"caught_kg of {row['catch_id']}", row["caught_kg"], "0 or more",
                         "Correct the report.")  # fmt: skip
    late = (catches["available_at"] > now) | (catches["ended_at"] > now)
    if late.any():
        notes.append(f"{int(late.sum())} catch reports of after the issue time were refused.")
    table = catches[~late].drop_duplicates("catch_id")
    same = table.drop(columns="geometry")[["vessel_id", "started_at", "ended_at"]].duplicated()
    if len(table) < int((~late).sum()) or same.any():
        notes.append("Catch reports that were given twice count once.")
    table = table[~same]
    _, _, inside = region.grid.index(table.geometry.x.to_numpy(), table.geometry.y.to_numpy())
    if not inside.all():
        notes.append(f"{int((~inside).sum())} hauls lie outside the region and were left out of the map.")
    table = table[inside]
    still = table["swept_m"].isna() & (table["ended_at"] <= table["started_at"])
    if still.any():
        notes.append(f"{int(still.sum())} hauls without distance or duration measure no density and were left out.")
    return table[~still].reset_index(drop=True)


def taken_aboard(looks: list[Look], shape: tuple[int, int]) -> np.ndarray:
    """Mass (lat, lon) in kg that hauls have taken out of the sea."""
    return sum((look.found_kg for look in looks), np.zeros(shape))
