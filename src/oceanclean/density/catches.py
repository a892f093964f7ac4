"""Hauls as measurements of the density of the water that was worked through.

A mouth that trawls all the time of a haul measures its strip: catch = mouth × distance × steering × density ×
efficiency. A crew by day that has its gear out for a part of the time only has spent the rest looking for windrows, out
to its sight on either side, and took what it found: catch = (windrow share × area looked over + strip × steering) ×
density × efficiency. Taking the strip alone would make a raft that was sought out in 30 km² the density of its cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.density.looks import Look, off_land
from oceanclean.density.observation import CatchSettings, DensitySettings, SensorModel
from oceanclean.errors import InputError
from oceanclean.region import Region, metres_per_degree

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

_KNOT = 1852.0 / 3600.0


def looks_of_catches(
    catches: gpd.GeoDataFrame | None, region: Region, settings: DensitySettings, now: pd.Timestamp, notes: list[str]
) -> list[Look]:
    """One look for each hour in which hauls ended; a haul that found nothing is a look at clean water.

    What was worked through lies in a disc around the middle of the haul, its catch spread evenly over it: where in it
    the debris was, a report does not say.

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
    strip = swath * swept / 1e6
    looked = looked_over_km2(hours.to_numpy(dtype=float), swept, own)
    worked = own.windrow_share * looked + own.steering * strip
    mass = table["caught_kg"].to_numpy(dtype=float)
    sensor = SensorModel(
        cover=1.0, std_cover=0.0, limit_cover=0.0, found=own.efficiency, visible_share=1.0, false_per_km2=0.0,
        looks=True, source=own.source,
    )  # fmt: skip
    looks = []
    for hour, rows in table.groupby(table["ended_at"].dt.floor("h")).indices.items():
        area, kg = np.zeros(region.grid.shape), np.zeros(region.grid.shape)
        for k in rows:
            around = disc(region, float(table.geometry.x.iloc[k]), float(table.geometry.y.iloc[k]), float(looked[k]))
            area += around * (looked[k] + strip[k])
            kg += around * mass[k]
        kg, _ = off_land(kg, region)
        area, _ = off_land(area, region)
        seen_km2 = np.minimum(area, region.grid.area_km2)
        names = tuple(table["catch_id"].iloc[rows])
        gain = float(worked[rows].sum() / max((looked + strip)[rows].sum(), 1e-12))
        looks.append(Look(sensor, pd.Timestamp(str(hour)), seen_km2, kg, names, own.std_steering, gain))
    return looks


def looked_over_km2(
    hours: NDArray[np.float64], swept_m: NDArray[np.float64], settings: CatchSettings
) -> NDArray[np.float64]:
    """(haul) area looked over in the time that the gear was not out, km²; 0 without a lookout.

    Args:
        hours: (haul) length of the haul.
        swept_m: (haul) distance with the gear out.
        settings: sight, speeds.
    """
    searching = np.maximum(0.0, hours - swept_m / (settings.speed_kn * _KNOT * 3600))
    area = 2 * settings.sight_m * settings.search_kn * _KNOT * 3600 * searching / 1e6
    return np.asarray(np.minimum(area, np.pi * settings.widest_km**2), dtype=np.float64)


def disc(region: Region, lon: float, lat: float, area_km2: float) -> NDArray[np.float64]:
    """Weights (lat, lon) of the sea cells in a disc of an area around a point, by area; they add up to 1.

    Args:
        region: grid and land.
        lon: degrees.
        lat: degrees.
        area_km2: of the disc; a disc smaller than a cell is the point's own cell.
    """
    grid = region.grid
    weight = np.zeros(grid.shape)
    row, column, _ = grid.index(np.array([lon]), np.array([lat]))
    weight[row[0], column[0]] = 1.0
    east, north = metres_per_degree(lat)
    dx, dy = (grid.lon - grid.wrap(np.array([lon]))[0]) * float(east), (grid.lat - lat) * float(north)
    within = (np.hypot(dx[None], dy[:, None]) / 1000 <= np.sqrt(area_km2 / np.pi)) & ~region.land_mask
    if within.any():
        weight = np.where(within, grid.area_km2, 0.0)
    return weight / weight.sum()


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
