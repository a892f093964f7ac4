"""Observations of several hours brought to one time: what was seen is carried to where it has drifted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oceanclean.density.looks import Look, off_land
from oceanclean.region import Region

if TYPE_CHECKING:
    import geopandas as gpd

Array = NDArray[np.float64]
#: Where points (lon, lat) are at another time: ``carry(lon, lat, from, to)`` gives longitudes and latitudes, NaN where
#: unknown. The drift room's; the density room takes it as given.
Carry = Callable[[Array, Array, pd.Timestamp, pd.Timestamp], tuple[Array, Array]]

#: Observations nearer than this to the map's time stay where they are: water moves a few hundred metres meanwhile.
_LEAST = pd.Timedelta(minutes=30)
#: A cell's content is carried by this many points along each side.
_POINTS = 3


def moved_look(look: Look, region: Region, when: pd.Timestamp, carry: Carry, notes: list[str]) -> Look:
    """A look as it would lie at another time; mass and area seen are conserved but for what leaves the region.

    Args:
        look: what one pass saw.
        region: gives grid and land.
        when: time of the map.
        carry: drift.
        notes: a sentence is appended where mass has left.
    """
    if abs(when - look.time) < _LEAST or not (look.seen_km2 > 0).any():
        return look
    grid = region.grid
    row, column = np.nonzero((look.seen_km2 > 0) | (look.found_kg > 0))
    offset = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    dy, dx = (a.ravel() for a in np.meshgrid(offset, offset, indexing="ij"))
    lon = (grid.lon[column][:, None] + dx * grid.step).ravel()
    lat = (grid.lat[row][:, None] + dy * grid.step).ravel()
    there_lon, there_lat = carry(lon, lat, look.time, when)
    lost = ~(np.isfinite(there_lon) & np.isfinite(there_lat))  # where no current is known, water is taken to stay
    r, c, inside = grid.index(np.where(lost, lon, there_lon), np.where(lost, lat, there_lat))
    out = []
    for values in (look.seen_km2, look.found_kg):
        part = np.repeat(values[row, column] / _POINTS**2, _POINTS**2)
        sums = np.bincount((r * grid.nx + c)[inside], part[inside], minlength=grid.nx * grid.ny)
        out.append(sums.reshape(grid.shape).astype(np.float64))
    left = float(look.found_kg.sum() - out[1].sum())
    if left > 1e-6 * look.found_kg.sum() and left > 1.0:
        notes.append(f"{left:.0f} kg seen at {look.time:%H:%M} UTC have drifted out of the region.")
    mass, _ = off_land(out[1], region)
    return replace(look, seen_km2=np.where(region.land_mask, 0.0, out[0]), found_kg=mass)


def moved_detections(table: gpd.GeoDataFrame, when: pd.Timestamp, carry: Carry) -> gpd.GeoDataFrame:
    """Detections where they have drifted to, each as a whole; ``observed_at`` stays, so that age still counts.

    Args:
        table: ``Detections``.
        when: time of the map.
        carry: drift.
    """
    import shapely

    far = (table["observed_at"] - when).abs() >= _LEAST
    if not far.any():
        return table
    out = table.copy()
    geometry = out.geometry.to_numpy().copy()
    for time, rows in table[far].groupby("observed_at").indices.items():
        index = np.flatnonzero(far.to_numpy())[rows]
        centre = shapely.centroid(geometry[index])
        lon, lat = shapely.get_x(centre), shapely.get_y(centre)
        there_lon, there_lat = carry(lon, lat, pd.Timestamp(str(time)) if isinstance(time, str) else time, when)
        shift = np.column_stack([np.nan_to_num(there_lon - lon), np.nan_to_num(there_lat - lat)])
        shift[:, 0] = np.mod(shift[:, 0] + 180.0, 360.0) - 180.0
        geometry[index] = [
            shapely.transform(g, lambda xy, d=d: xy + d) for g, d in zip(geometry[index], shift, strict=True)
        ]
    return out.set_geometry(geometry, crs=table.crs)
