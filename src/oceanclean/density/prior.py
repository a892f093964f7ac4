"""What is believed before today's looks: yesterday's forecast, else the region's climatology."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from oceanclean.density.ensemble import Members, correlated, from_tracks, with_moments
from oceanclean.density.observation import DensitySettings
from oceanclean.products import names
from oceanclean.region import Region, metres_per_degree

if TYPE_CHECKING:
    from oceanclean.density.climatology import Climatology

Array = NDArray[np.float64]

#: A forecast counts for a map time up to this much outside its own times.
_FORECAST_SLACK = pd.Timedelta(hours=6)


@dataclass(frozen=True)
class Prior:
    """Belief before any look.

    Attributes:
        mean: (lat, lon) kg km-2.
        std: (lat, lon) kg km-2.
        forecast: (lat, lon) True where a forecast says so, else climatology.
        source: of the climatology.
        arrived: (lat, lon) kg km-2 that no forecast knows of: born, or come in since it began. It is no part of the
            mean: an unseen sea keeps the forecast's mass; but a look may find it. 0 where a climatology tells how
            much there is on average: it is in mean and spread then.
    """

    mean: Array
    std: Array
    forecast: NDArray[np.bool_]
    source: str
    arrived: Array

    def members(
        self, region: Region, tracks: xr.Dataset | None, when: pd.Timestamp, settings: DensitySettings, seed: int
    ) -> Members:
        """Fields (member, lat, lon) of this mean and spread.

        Which member is high where comes from the forecast's particles; without them, or where they are not, from noise
        that neighbours share over ``correlation_km``.

        Args:
            region: gives the grid.
            tracks: ``DebrisTracks`` of the forecast, or None.
            when: time of the map.
            settings: of the room.
            seed: of the noise.
        """
        own, grid = settings.assimilation, region.grid
        fields = from_tracks(tracks, grid, when) if tracks is not None else None
        count = own.members if fields is None else len(fields)
        cell_km = float(np.sqrt(grid.area_km2.mean()))
        ranking = correlated(
            count, grid.shape, own.correlation_km / cell_km / np.sqrt(2.0), np.random.default_rng(seed)
        )
        if fields is not None:  # noise far below any density only breaks ties
            ranking = fields + np.float32(1e-12) * ranking
        flat = with_moments(ranking.reshape(count, -1), self.mean.ravel(), self.std.ravel())
        return flat.reshape(ranking.shape)


def believed(
    region: Region, forecast: xr.Dataset | None, when: pd.Timestamp, settings: DensitySettings, notes: list[str],
    climatology: Climatology | None = None,
) -> Prior:  # fmt: skip
    """Belief at a time.

    Args:
        region: gives grid and background.
        forecast: ``DensityForecast`` or None.
        when: time of the map.
        settings: of the room.
        notes: sentences are appended.
        climatology: of an archive of maps; None: the region's background everywhere.
    """
    background = region.settings.background
    mean = np.full(region.grid.shape, background.mean_kg_km2)
    std = np.full(region.grid.shape, background.std_kg_km2)
    source = background.source
    if climatology is not None:
        mean, std, source = climatology.at(region, when, (background.mean_kg_km2, background.std_kg_km2))
    fields = _forecast_at(region, forecast, when, notes)
    if fields is None:
        return Prior(mean, std, np.zeros(region.grid.shape, dtype=bool), source, np.zeros(region.grid.shape))
    ahead, spread = fields
    known = np.isfinite(ahead) & np.isfinite(spread)
    ahead, spread = np.nan_to_num(ahead), np.nan_to_num(spread)
    wider = np.sqrt(spread**2 + (settings.forecast_doubt * ahead) ** 2 + (settings.forecast_floor * std) ** 2)
    since = (when.tz_convert("UTC").tz_localize(None) - pd.Timestamp(_first_time(forecast, when))) / pd.Timedelta(
        hours=1
    )
    renewed = 1.0 - float(np.exp(-max(since, 0.0) / settings.assimilation.renewal_h))
    new = np.where(known, mean * renewed, 0.0)
    if climatology is not None:  # what is lost ashore and born again balances in what an archive holds on average
        ahead, wider, new = ahead + new, np.hypot(wider, std * np.sqrt(renewed)), np.zeros_like(new)
    return Prior(np.where(known, ahead, mean), np.where(known, wider, std), known, source, new)


def _first_time(forecast: xr.Dataset | None, when: pd.Timestamp) -> np.datetime64:
    """When a forecast begins; the map's time where it has none."""
    if forecast is None or "time" not in forecast.coords or forecast["time"].ndim == 0:
        return np.datetime64(when.tz_convert("UTC").tz_localize(None))
    return np.datetime64(forecast["time"].to_numpy()[0])


def reach_cells(region: Region, km: float) -> float:
    """A distance in cells of the region's grid, by the geometric mean of both sides."""
    east, north = metres_per_degree(float(region.grid.lat.mean()))
    return float(km * 1e3 / (region.grid.step * np.sqrt(float(east) * float(north))))


def _forecast_at(
    region: Region, forecast: xr.Dataset | None, when: pd.Timestamp, notes: list[str]
) -> tuple[Array, Array] | None:
    """The forecast's mean and spread at a time, linear between its times; None where it cannot be used."""
    if forecast is None:
        return None
    grid = region.grid
    same = all(
        forecast[axis].size == own.size and np.allclose(forecast[axis], own, atol=1e-6)
        for axis, own in (("lat", grid.lat), ("lon", grid.lon))
    )
    if not same:
        notes.append("The earlier forecast is on another grid and was not used.")
        return None
    fields = forecast[[names.DENSITY, names.DENSITY_STD]]
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
