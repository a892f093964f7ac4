"""Current, wind and Stokes drift of unlike files on the axes of the current: linear, never over a gap or an edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift.fields import gaps, time_axis
from oceanclean.errors import InputError

Times = NDArray[np.int64]
MEMBER = "member"


def on_common_axes(parts: Sequence[xr.Dataset], source: str) -> tuple[xr.Dataset, list[str]]:
    """One Forcing of several quantities, each on its own axes.

    Latitudes and longitudes are those of the first part (the current, where there is one). Times are all times of all
    parts that lie within each of them, and not within a gap of any: a wind of every 6 h is linear between its levels,
    as the engine takes it anyhow. Members of ensembles of unlike size are used again from the first on.

    Args:
        parts: (time, lat, lon), some with ``member`` before; ascending axes.
        source: for errors.

    Returns:
        The Forcing and sentences on what was brought to other axes.

    Raises:
        InputError: no time in common.
    """
    if _alike(parts):
        return xr.merge(parts, combine_attrs="drop", join="override", compat="no_conflicts"), []
    axes = [time_axis(part, source) for part in parts]
    times = _common_times(axes)
    if times.size < 1:
        spans = "; ".join(f"{next(iter(p))} {_said(a[0])} to {_said(a[-1])}" for p, a in zip(parts, axes, strict=True))
        raise InputError(source, "time", spans, "times that all quantities hold",
                         "Fetch current, wind and waves of the same days.")  # fmt: skip
    first = parts[0]
    members = max(part.sizes.get(MEMBER, 1) for part in parts)
    moved = [_onto(part, first, axis, times, members) for part, axis in zip(parts, axes, strict=True)]
    said = []
    for part, axis in zip(parts[1:], axes[1:], strict=True):
        if not (np.array_equal(axis, axes[0]) and _same_place(part, first)):
            said.append(f"{next(iter(part))} brought to the times and places of {next(iter(first))}, linear")
    if times[0] > min(a[0] for a in axes) or times[-1] < max(a[-1] for a in axes):
        said.append(f"forcing used from {_said(times[0])} to {_said(times[-1])}, where all quantities are known")
    return xr.merge(moved, combine_attrs="drop", join="override", compat="no_conflicts"), said


def _alike(parts: Sequence[xr.Dataset]) -> bool:
    """Whether all parts have the first one's axes."""
    first = parts[0]
    return all(
        _same_place(part, first) and part.sizes.get(MEMBER) == first.sizes.get(MEMBER)
        and np.array_equal(part["time"].to_numpy(), first["time"].to_numpy())
        for part in parts[1:]
    )  # fmt: skip


def _same_place(one: xr.Dataset, other: xr.Dataset) -> bool:
    return all(
        one.sizes[axis] == other.sizes[axis] and np.allclose(one[axis], other[axis], rtol=0, atol=1e-6)
        for axis in ("lat", "lon")
    )


def _common_times(axes: Sequence[Times]) -> Times:
    """All times of all axes within each of them, outside the gaps of any."""
    every = np.unique(np.concatenate(axes))
    kept = (every >= max(a[0] for a in axes)) & (every <= min(a[-1] for a in axes))
    for axis in axes:
        for gap in gaps(axis):
            kept &= (every <= axis[gap]) | (every >= axis[gap + 1])
    return every[kept]


def _onto(part: xr.Dataset, first: xr.Dataset, axis: Times, times: Times, members: int) -> xr.Dataset:
    """A part at other places and times, level by level when asked for."""
    if MEMBER in part.dims:
        count = part.sizes[MEMBER]
        part = part.isel({MEMBER: np.arange(members) % count}).assign_coords({MEMBER: np.arange(members)})
    if not _same_place(part, first):
        west = float(first["lon"][0])
        turn = 360.0 * np.floor((west - part["lon"].to_numpy() + 180.0 + _half(first)) / 360.0)
        part = part.assign_coords(lon=part["lon"].to_numpy() + turn).sortby("lon")
        part = part.interp(lat=first["lat"], lon=first["lon"], method="linear")
    else:
        part = part.assign_coords(lat=first["lat"], lon=first["lon"])
    if np.array_equal(axis, times):
        return part
    before = np.clip(np.searchsorted(axis, times, side="right") - 1, 0, max(axis.size - 2, 0))
    after = np.minimum(before + 1, axis.size - 1)
    share = xr.DataArray((times - axis[before]) / np.maximum(axis[after] - axis[before], 1), dims="time")
    stamps = times.astype("datetime64[ns]")
    low, high = (part.isel(time=at).assign_coords(time=stamps) for at in (before, after))
    # a level on the axis stays as it is, though its neighbour may hold nothing there
    blended = xr.where(share <= 0, low, xr.where(share >= 1, high, low * (1 - share) + high * share))
    return blended.assign_coords(time=stamps)


def _half(field: xr.Dataset) -> float:
    """Half the width of a field, degrees of longitude."""
    return 0.5 * float(field["lon"][-1] - field["lon"][0])


def _said(ns: int) -> str:
    return str(np.datetime64(int(ns), "ns").astype("datetime64[m]")) + "Z"


__all__ = ["MEMBER", "on_common_axes"]
