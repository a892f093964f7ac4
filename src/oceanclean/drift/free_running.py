"""Free-running forecasts for the skill: particles let go at a drifter's place, carried by gridded forcing alone."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift import carried
from oceanclean.drift.displacement_doubt import GAUSS, displacement_variance
from oceanclean.drift.drifters import Tracks
from oceanclean.drift.engine import advect
from oceanclean.drift.fields import CURRENT, coverage_hours, has_stokes, has_wind
from oceanclean.drift.settings import DriftSettings
from oceanclean.region import metres_per_degree

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]


class FreeRunning:
    """Paths of particles let go at the starts.

    Args:
        tracks: the drifters.
        forcing: gridded forcing.
        starts: rows at which particles are let go.
        windage: fraction of the 10 m wind, one number or (kind) by type of drifter.
        stokes_factor: share of the Stokes drift; a drogue hangs below it.
        settings: of the room.
        doubtful: whether the forecast has the published doubt; a plain row has none.
    """

    def __init__(self, tracks: Tracks, forcing: xr.Dataset, starts: Index, windage: float | Floats,
                 stokes_factor: float, settings: DriftSettings, *, doubtful: bool = False) -> None:  # fmt: skip
        self.settings, self.doubtful = settings, doubtful
        self.row = {int(start): number for number, start in enumerate(starts)}
        self.moved = np.full((starts.size, carried.LONGEST_H + 1), np.nan + 0j)
        push = np.broadcast_to(np.asarray(windage, dtype=np.float64), len(tracks.kinds))
        below = tracks.drogued[starts] & (stokes_factor > 0) & has_stokes(forcing)
        for hour in np.unique(tracks.hours[starts]):
            when = np.datetime64(round(hour * 3600), "s")
            hours = int(min(carried.LONGEST_H, coverage_hours(forcing, when)))
            for drogued, factor in ((False, stokes_factor), (True, 0.0)):
                together = np.flatnonzero((tracks.hours[starts] == hour) & (below == drogued))
                if hours < 1 or together.size == 0:
                    continue
                rows = starts[together]
                run = advect(
                    forcing, tracks.lon[rows], tracks.lat[rows], when, hours, stokes_factor=factor,
                    windage=push[tracks.kind[rows]] if has_wind(forcing) else 0.0, dt_s=settings.step_s,
                )  # fmt: skip
                self.moved[together, : hours + 1] = travelled_km(run["lon"].to_numpy(), run["lat"].to_numpy())

    def paths(self, starts: Index, lead: int) -> Complex:
        """(start, hour 0..lead) displacement, km."""
        return self.moved[[self.row[int(start)] for start in starts], : lead + 1]

    def doubt(self, starts: Index, lead: int) -> tuple[Floats, Floats]:
        """Variance and radii at a lead."""
        variance = displacement_variance(self.settings.residual, lead) if self.doubtful else 0.0
        return np.full(starts.size, variance), np.tile(GAUSS, (starts.size, 1))


def travelled_km(lon: Floats, lat: Floats) -> Complex:
    """(particle, hour) displacement from the first hour, east + i north, summed hour by hour."""
    east, north = metres_per_degree(0.5 * (lat[:, 1:] + lat[:, :-1]))
    turn = (np.diff(lon, axis=1) + 180.0) % 360.0 - 180.0
    steps = (turn * east + 1j * np.diff(lat, axis=1) * north) / 1000.0
    return np.concatenate([np.zeros((lon.shape[0], 1)), np.cumsum(steps, axis=1)], axis=1)


def wet(tracks: Tracks, forcing: xr.Dataset, starts: Index) -> Index:
    """Starts at which the forcing has a current."""
    at = {
        "time": xr.DataArray((tracks.hours[starts] * 3600e9).astype("datetime64[ns]"), dims="start"),
        "lat": xr.DataArray(tracks.lat[starts], dims="start"),
        "lon": xr.DataArray(float(forcing["lon"][0]) + np.mod(tracks.lon[starts] - float(forcing["lon"][0]), 360.0),
                            dims="start"),
    }  # fmt: skip
    current = forcing[CURRENT[0]].sel(at, method="nearest").to_numpy()
    return starts[np.isfinite(current)]


__all__ = ["FreeRunning", "has_stokes", "travelled_km", "wet"]
