"""Climatology: what an archive of maps says of a place and a season, where there is neither look nor forecast."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names
from oceanclean.region import Region

Array = NDArray[np.float64]

#: Months of the four seasons, December with the winter after it.
SEASONS = {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)}
_OBSERVATION = 3


def season_of(when: pd.Timestamp) -> str:
    """Season of a time, by its UTC month."""
    return next(name for name, months in SEASONS.items() if when.month in months)


@dataclass(frozen=True)
class Climatology:
    """Mean and spread of density by season.

    Attributes:
        data: ``debris_density``, ``debris_density_std`` and ``weight`` (season, lat, lon); weight in whole looks.
    """

    data: xr.Dataset

    def at(self, region: Region, when: pd.Timestamp, fallback: tuple[float, float]) -> tuple[Array, Array, str]:
        """Mean, spread (lat, lon) and source for a time.

        Cells never seen in the season have the fallback; the others' mean is drawn to it by one look's weight.

        Args:
            region: the climatology must stand on its grid.
            when: time of the map.
            fallback: mean and spread where nothing is known, kg km-2.

        Raises:
            InputError: another grid.
        """
        if self.data[names.DENSITY].shape[1:] != region.grid.shape:
            raise InputError("climatology", "shape", self.data[names.DENSITY].shape[1:], str(region.grid.shape),
                             "Build it from maps of this region.")  # fmt: skip
        one = self.data.sel(season=season_of(when))
        mean, std, weight = (one[n].to_numpy().astype(float) for n in (names.DENSITY, names.DENSITY_STD, "weight"))
        share = weight / (weight + 1.0)
        mixed = share * np.nan_to_num(mean) + (1 - share) * fallback[0]
        spread = np.hypot(share * np.nan_to_num(std), (1 - share) * fallback[1])
        maps = json.loads(self.data.attrs["maps"])
        source = f"climatology of {len(maps)} maps, {maps[0]} to {maps[-1]}, season {season_of(when)}"
        return mixed, np.maximum(spread, 1e-3), source

    def save(self, path: Path) -> None:
        """Write as CF NetCDF, whole or not at all."""
        from oceanclean.store import write_aside

        with write_aside(path) as aside:
            self.data.to_netcdf(aside, engine="netcdf4")

    @classmethod
    def load(cls, path: Path) -> Climatology:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: unreadable, or something else.
        """
        try:
            with xr.open_dataset(path, engine="netcdf4") as data:
                loaded = data.load()
            loaded[[names.DENSITY, names.DENSITY_STD, "weight"]].sel(season=list(SEASONS))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(path, "climatology", error, "a file of this builder", "Build it again.") from error
        return cls(loaded)


def build_climatology(maps: Iterable[xr.Dataset]) -> Climatology:
    """Mean and spread by season from an archive of maps.

    Only what was looked at counts, each map by the share of the cell seen: a forecast put into the climatology would
    later confirm itself. The spread is that between the maps and the maps' own doubt together.

    Args:
        maps: ``DensityMap`` of one grid, read one at a time.

    Raises:
        MissingDataError: no map.
        InputError: maps of different grids.
    """
    sums: Array | None = None
    first: xr.Dataset | None = None
    dates: list[str] = []
    for one in maps:
        if first is None:
            first, sums = one[["lat", "lon"]], np.zeros((len(SEASONS), 3, one.sizes["lat"], one.sizes["lon"]))
        if not (one["lat"].equals(first["lat"]) and one["lon"].equals(first["lon"])):
            raise InputError("archive of maps", "grid", one.attrs.get("region"), "the first map's grid",
                             "Give maps of one region.")  # fmt: skip
        when = pd.Timestamp(one.attrs["valid_time"])
        dates.append(f"{when:%Y-%m-%d}")
        mean, std, seen = (np.nan_to_num(one[n].to_numpy().astype(float))
                           for n in (names.DENSITY, names.DENSITY_STD, "observed_fraction"))  # fmt: skip
        weight = np.where(one["origin"].to_numpy() == _OBSERVATION, seen, 0.0)
        part = sums[list(SEASONS).index(season_of(when))]  # type: ignore[index]
        part += np.stack([weight, weight * mean, weight * (mean**2 + std**2)])
    if first is None or sums is None:
        raise MissingDataError("archive of maps", "maps", "none", "at least one map", "Map a day first.")
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[:, 1] / sums[:, 0]
        std = np.sqrt(np.maximum(sums[:, 2] / sums[:, 0] - mean**2, 0.0))
    dims = ("season", "lat", "lon")
    kg = {"units": "kg km-2"}
    data = xr.Dataset(
        {
            names.DENSITY: (dims, mean.astype(np.float32), {**kg, "long_name": "mean of what was looked at"}),
            names.DENSITY_STD: (
                dims,
                std.astype(np.float32),
                {**kg, "long_name": "spread between looks, doubt included"},
            ),
            "weight": (dims, sums[:, 0].astype(np.float32), {"units": "1", "long_name": "whole looks at the cell"}),
        },
        coords={"season": list(SEASONS), "lat": first["lat"], "lon": first["lon"]},
        attrs={"Conventions": "CF-1.11", "maps": json.dumps(sorted(dates))},
    )
    return Climatology(data)
