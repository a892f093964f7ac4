"""Members of a density map: fields that agree with a mean and a spread cell by cell and hang together in space.

The marginal of a cell is a gamma distribution; which member is high where is taken from fields that know the sea (the
particles of yesterday's forecast), by their ranks: ensemble copula coupling (Schefzik, Thorarinsdottir & Gneiting 2013,
10.1214/13-STS443).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import gammaincinv, ndtri

from oceanclean.region import Grid

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = NDArray[np.float64]
Members = NDArray[np.float32]

#: Shapes of gamma distributions whose quantiles are tabulated; flatter and steeper ones are taken as the ends.
_SHAPES = np.logspace(-3.0, 4.0, 141)
#: Width of the kernel, in cells, that makes particles a field: ranks need no more detail than neighbours share.
_KERNEL_CELLS = 1.0


@lru_cache(maxsize=8)
def _log_quantiles(members: int) -> Array:
    """Log of a gamma variable of mean 1 at the middles of ``members`` equal shares: (member, shape)."""
    level = (np.arange(members) + 0.5) / members
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(gammaincinv(_SHAPES[None], level[:, None]) / _SHAPES), -690.0)


def with_moments(ranking: NDArray[np.floating], mean: Array, std: Array, least: Array | None = None) -> Members:
    """Members with a given mean and spread in each cell, in the order of other members.

    Args:
        ranking: (member, cell) any figures; only their order over the members counts.
        mean: (cell) kg km-2, kept exactly.
        std: (cell) kg km-2.
        least: (cell) kg km-2; a member with less has none, for debris comes in pieces: a sea may be empty, which no
            gamma distribution allows.

    Returns:
        (member, cell) kg km-2.
    """
    members = len(ranking)
    table = _log_quantiles(members)
    shape = (mean / np.maximum(std, 1e-9 * np.maximum(mean, 1e-9))) ** 2
    place = np.interp(np.log(np.maximum(shape, _SHAPES[0])), np.log(_SHAPES), np.arange(_SHAPES.size))
    low = np.minimum(place.astype(np.int64), _SHAPES.size - 2)
    share = (place - low).astype(np.float32)
    order = np.argsort(ranking, axis=0, kind="stable")
    out = np.empty(ranking.shape, dtype=np.float32)
    total = np.zeros(mean.shape)
    for k in range(members):  # one rank at a time: a table for all of them would be the largest array of the day
        value = np.exp((1 - share) * table[k, low] + share * table[k, low + 1]).astype(np.float32)
        if least is not None:
            value[value * mean < least] = 0.0
        np.put_along_axis(out, order[k : k + 1], value[None], axis=0)
        total += value
    out *= np.where(total > 0, mean * members / np.maximum(total, 1e-300), 0.0).astype(np.float32)
    flat = ~(total > 0) & (mean > 0)
    if flat.any():  # so skewed that only the highest member holds anything
        out[order[-1, flat], np.flatnonzero(flat)] = (mean * members)[flat]
    return out


def with_shared_doubt(members: Members, share: Array) -> Members:
    """A ranking in which cells that share a doubt (a calibration) rise and fall together.

    Args:
        members: (member, lat, lon) any figures; only their order counts.
        share: (lat, lon) part of the spread, 0 to 1, that all cells have in common.

    Returns:
        (member, lat, lon) normal scores whose correlation with one common score is ``share``; ``members`` where no
        cell shares anything.
    """
    if not (share > 0).any():
        return members
    count = len(members)
    score = ndtri((np.arange(count) + 0.5) / count).astype(np.float32)
    common = score[np.random.default_rng(count).permutation(count)]
    out = members.copy()
    here = share > 0
    rank = np.argsort(np.argsort(members[:, here], axis=0, kind="stable"), axis=0, kind="stable")
    part = np.minimum(share[here], 1.0).astype(np.float32)
    out[:, here] = np.sqrt(1 - part**2) * score[rank] + part * common[:, None]
    return out


def correlated(members: int, shape: tuple[int, int], width: float, rng: np.random.Generator) -> Members:
    """Noise (member, lat, lon) that neighbours share over some ``width`` cells: a ranking where no forecast is."""
    noise = rng.standard_normal((members, *shape), dtype=np.float32)
    return gaussian_filter(noise, (0, width, width), mode="nearest") if width > 0 else noise


def from_tracks(tracks: xr.Dataset, grid: Grid, when: pd.Timestamp) -> Members | None:
    """Density of each member of a forecast's particles at a time.

    Args:
        tracks: ``DebrisTracks``.
        grid: the region's.
        when: UTC; the nearest hour of the tracks is taken, at most 90 minutes away.

    Returns:
        (member, lat, lon) kg km-2, or None where the tracks do not reach the time or have fewer than two members.
    """
    times = tracks["time"].to_numpy()
    gap = np.abs(times - np.datetime64(when.tz_convert("UTC").tz_localize(None)))
    nearest = int(np.argmin(gap))
    if gap[nearest] > np.timedelta64(90, "m") or tracks.sizes["member"] < 2:
        return None
    one = tracks.isel(time=nearest)
    lon, lat = (np.nan_to_num(one[n].to_numpy().astype(np.float64), nan=1e6) for n in ("lon", "lat"))
    row, column, inside = grid.index(np.where(lon < 1e5, lon, grid.west - 1.0), np.where(lat < 1e5, lat, -1e3))
    afloat = inside & (one["status"].to_numpy() == 0)
    fields = np.zeros((lon.shape[0], *grid.shape), dtype=np.float32)
    mass = one["mass"].to_numpy().astype(np.float32)
    member = np.broadcast_to(np.arange(lon.shape[0])[:, None], lon.shape)
    np.add.at(fields, (member[afloat], row[afloat], column[afloat]), mass[afloat])
    return gaussian_filter(fields, (0, _KERNEL_CELLS, _KERNEL_CELLS), mode="nearest") / grid.area_km2.astype(np.float32)
