"""The forcing as the kernel wants it: two time levels in memory, packed, checked, with wet and dry nodes told apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift.kernel import NO_FORCING, STRANDED, Raster, classify_cells
from oceanclean.errors import InputError
from oceanclean.products import names

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

CURRENT = (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT)
WIND = (names.EASTWARD_WIND, names.NORTHWARD_WIND)
STOKES = (names.EASTWARD_STOKES, names.NORTHWARD_STOKES)
#: Speeds beyond which a number is a fill value or in another unit, m s-1.
_CEILING = {CURRENT: 5.0, WIND: 90.0, STOKES: 3.0}
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True)
class Pair:
    """Two neighbouring time levels.

    Attributes:
        first: (lat, lon, channel) field at ``t0``.
        change: field at ``t1`` minus field at ``t0``.
        t0: ns since the epoch.
        t1: ns since the epoch.
        wet: (lat, lon) 1.0 where the node has a current at both.
        cell: class of every cell, see :func:`~oceanclean.drift.kernel.classify_cells`.
        dry: (lat, lon) True where the node has no current.
    """

    first: Floats
    change: Floats
    t0: int
    t1: int
    wet: Floats
    cell: NDArray[np.uint8]
    dry: NDArray[np.bool_]

    def at(self, t_ns: float, out: Floats) -> Floats:
        """Field at a time between the two, linear in time, written to ``out``."""
        np.multiply(self.change, (t_ns - self.t0) / (self.t1 - self.t0), out=out)
        out += self.first
        return out


def time_axis(forcing: xr.Dataset, source: str) -> Times:
    """Times of the forcing in ns since the epoch.

    Args:
        forcing: has a coordinate ``time``.
        source: file or stage it came from, for the error.

    Raises:
        InputError: times that are missing, repeated or out of order.
    """
    if "time" not in forcing.coords:
        raise InputError(source, "time", "no such coordinate", "times of the forcing", "Add the time coordinate.")
    stamps = forcing["time"].to_numpy()
    if stamps.dtype.kind != "M" or np.isnat(stamps).any():
        raise InputError(source, "time", f"type {stamps.dtype} or missing times", "decoded UTC times",
                         "Decode the time axis; drop levels without a time.")  # fmt: skip
    times: Times = stamps.astype("datetime64[ns]").astype(np.int64)
    steps = np.diff(times)
    if (steps <= 0).any():
        at = int(np.argmax(steps <= 0))
        what = "a repeated time" if steps[at] == 0 else "a time that goes back"
        raise InputError(source, "time", f"{what} at {stamps[at + 1]}", "strictly increasing times",
                         "Sort the files by time and drop duplicates.")  # fmt: skip
    return times


def coverage_hours(forcing: xr.Dataset, start: datetime | str | np.datetime64) -> float:
    """How many hours after ``start`` the forcing lasts without a gap; 0 when it does not hold ``start``.

    Args:
        forcing: a Forcing.
        start: UTC.
    """
    times = time_axis(forcing, "forcing")
    begin = utc_ns(start)
    if times.size < 2 or begin < times[0] or begin >= times[-1]:
        return 0.0
    end = times[-1]
    for gap in gaps(times):
        if times[gap] >= begin or times[gap + 1] > begin:
            end = times[gap]
            break
    return max(float(end - begin) / HOUR_NS, 0.0)


def check_window(forcing: xr.Dataset, begin_ns: int, end_ns: int, source: str) -> Times:
    """Check that the forcing holds a window without a gap.

    Returns:
        The forcing's times, ns since the epoch.

    Raises:
        InputError: it starts later, ends earlier, or has a gap within; names variable and time.
    """
    times = time_axis(forcing, source)
    first, last = min(begin_ns, end_ns), max(begin_ns, end_ns)
    if times.size < 2 and first != last:
        raise InputError(source, f"{CURRENT[0]}: time", f"{times.size} time level", "at least two time levels",
                         "Add the next time level of the forcing.")  # fmt: skip
    if first < times[0]:
        raise InputError(source, f"{CURRENT[0]}: time", f"first time {_stamp(times[0])}", f"{_stamp(first)} or earlier",
                         "Add earlier forcing or start later.")  # fmt: skip
    if last > times[-1]:
        raise InputError(source, f"{CURRENT[0]}: time", f"last time {_stamp(times[-1])}", f"{_stamp(last)} or later",
                         "Add later forcing or shorten the horizon.")  # fmt: skip
    for gap in gaps(times):
        if times[gap] < last and times[gap + 1] > first:
            raise InputError(source, f"{CURRENT[0]}: time", f"a gap {_stamp(times[gap])} to {_stamp(times[gap + 1])}",
                             "evenly spaced times", "Add the missing levels or plan up to the gap.")  # fmt: skip
    return times


def gaps(times: Times) -> NDArray[np.int64]:
    """Positions after which a level is missing: more than one and a half times the usual spacing passes."""
    steps = np.diff(times)
    return np.flatnonzero(steps > 1.5 * np.median(steps)) if steps.size else steps


def utc_ns(time: datetime | str | np.datetime64) -> int:
    """Nanoseconds since the epoch, UTC; a time without a zone is UTC."""
    import pandas as pd

    stamp = pd.Timestamp(time)
    stamp = stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
    return int(stamp.to_datetime64().astype("datetime64[ns]").astype(np.int64))


def _stamp(ns: int) -> str:
    return str(np.datetime64(int(ns), "ns").astype("datetime64[m]")) + "Z"


def regular_grid(forcing: xr.Dataset, source: str) -> Raster:
    """Geometry of the forcing's nodes.

    Raises:
        InputError: axes that are not evenly spaced.
    """
    first, spacing = {}, {}
    for axis in ("lat", "lon"):
        values = forcing[axis].to_numpy().astype(np.float64)
        steps = np.diff(values)
        if values.size < 2 or not (steps > 0).all() or np.ptp(steps) > 2e-3 * steps.mean() + 1e-5:
            raise InputError(source, axis, f"{values.size} values, spacing {steps.min() if steps.size else 0:.6g} to "
                             f"{steps.max() if steps.size else 0:.6g}", "an increasing, evenly spaced axis",
                             "Put the forcing on a regular grid.")  # fmt: skip
        first[axis], spacing[axis] = values[0], (values[-1] - values[0]) / (values.size - 1)
    turn = forcing["lon"].size * spacing["lon"]
    return Raster(
        first["lat"], spacing["lat"], first["lon"], spacing["lon"], bool(abs(turn - 360.0) < 0.5 * spacing["lon"])
    )


class Levels:
    """Reads a Forcing level by level; never holds more than two.

    Args:
        forcing: a Forcing, in memory or backed by Dask.
        source: file or stage it came from, for errors.
        stokes_factor: share of the Stokes drift that carries debris.
        relative: windage acts on the wind minus the current.
        windage: one (downwind, crosswind) for all particles, folded into the field; None leaves the wind apart.
        extend: cells by which currents are continued into dry nodes (a finer coast decides what is land).
        has_coast: a coast is given; dry nodes are then water without forcing, else they are land.
        rim: nodes by which the outermost values are carried on beyond the forcing's edges.
    """

    def __init__(self, forcing: xr.Dataset, source: str, *, stokes_factor: float = 1.0, relative: bool = False,
                 windage: tuple[float, float] | None = None, extend: int = 0,
                 has_coast: bool = False, rim: int = 0) -> None:  # fmt: skip
        self.source, self.extend, self.relative = source, extend, relative
        self.forcing, self.stokes_factor = forcing, stokes_factor
        self.grid = regular_grid(forcing, source)
        self.rim = (rim, 0 if self.grid.periodic else rim)
        self.grid = self.grid._replace(
            lat0=self.grid.lat0 - self.rim[0] * self.grid.dlat, lon0=self.grid.lon0 - self.rim[1] * self.grid.dlon
        )
        self.times = time_axis(forcing, source)
        self.has_wind, self.has_stokes = has_wind(forcing), has_stokes(forcing) and stokes_factor > 0
        self.windage = windage if self.has_wind else None
        self.use_wind = self.has_wind and windage is None
        self.dry_status = NO_FORCING if has_coast else STRANDED
        self._kept: dict[int, tuple[Floats, NDArray[np.bool_]]] = {}
        self._pair: tuple[int, Pair] | None = None
        self._check_units()

    @property
    def degraded(self) -> tuple[str, ...]:
        """What the forcing lacks, in words for the plan."""
        lacking = []
        if not self.has_wind:
            lacking.append("no wind in the forcing: debris drifts with the current alone")
        if self.stokes_factor > 0 and not self.has_stokes:
            lacking.append("no Stokes drift in the forcing: windage stands for wind and waves together")
        return tuple(lacking)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(lat, lon, channel) of a packed level."""
        extra = 1 if self.grid.periodic else 0
        rows, columns = (self.forcing.sizes[a] + 2 * n for a, n in zip(("lat", "lon"), self.rim, strict=True))
        return rows, columns + extra, 4 if self.use_wind else 2

    @property
    def middle_lon(self) -> float:
        """Longitude of the forcing's middle, degrees east."""
        return self.grid.lon0 + 0.5 * (self.forcing.sizes["lon"] + 2 * self.rim[1] - 1) * self.grid.dlon

    def pair(self, t_ns: int, forward: bool) -> Pair:
        """The two levels around a time; at a level, the pair that lies ahead."""
        behind = np.searchsorted(self.times, t_ns, side="right" if forward else "left") - 1
        index = int(np.clip(behind, 0, self.times.size - 2))
        if self._pair is None or self._pair[0] != index:
            self._pair = (index, self._build_pair(index))
            self._kept = {k: v for k, v in self._kept.items() if k in (index, index + 1)}
        return self._pair[1]

    def _build_pair(self, index: int) -> Pair:
        first, wet0 = self._level(index)
        second, wet1 = self._level(index + 1)
        wet = wet0 & wet1
        return Pair(first, second - first, int(self.times[index]), int(self.times[index + 1]),
                    wet.astype(np.float64), classify_cells(wet), ~wet)  # fmt: skip

    def _level(self, index: int) -> tuple[Floats, NDArray[np.bool_]]:
        if index not in self._kept:
            self._kept[index] = self._pack(index)
        return self._kept[index]

    def _pack(self, index: int) -> tuple[Floats, NDArray[np.bool_]]:
        u, v = self._read(CURRENT, index)
        wet = np.isfinite(u) & np.isfinite(v)
        if not wet.any():
            raise InputError(self.source, CURRENT[0], f"no value at {_stamp(self.times[index])}", "currents at sea",
                             "Fetch that level again or leave it out.")  # fmt: skip
        if self.extend:
            u, v, wet = _extended((u, v), wet, self.extend)
        field = np.zeros((*u.shape, 4 if self.use_wind else 2))
        current = np.stack([u, v], axis=-1)
        field[..., :2] = current
        if self.has_stokes:
            field[..., :2] += self.stokes_factor * np.stack(self._covering(STOKES, index, wet), axis=-1)
        if self.has_wind:
            wind = np.stack(self._covering(WIND, index, wet), axis=-1) - (current if self.relative else 0.0)
            if self.use_wind:
                field[..., 2:] = wind
            elif self.windage is not None:
                down, cross = self.windage
                field[..., 0] += down * wind[..., 0] - cross * wind[..., 1]
                field[..., 1] += down * wind[..., 1] + cross * wind[..., 0]
        field[~wet] = 0.0
        if self.grid.periodic:
            field, wet = np.concatenate([field, field[:, :1]], axis=1), np.concatenate([wet, wet[:, :1]], axis=1)
        if any(self.rim):
            sides = tuple((n, n) for n in self.rim)
            field, wet = np.pad(field, (*sides, (0, 0)), mode="edge"), np.pad(wet, sides, mode="edge")
        return np.ascontiguousarray(field), wet

    def _read(self, pair: tuple[str, str], index: int) -> tuple[Floats, Floats]:
        """One level of two components as float64; refuses fill values and foreign units by their size."""
        found = []
        for name in pair:
            values = self.forcing.variables[name].isel(time=index).to_numpy().astype(np.float64)
            largest = np.nanmax(np.abs(values), initial=0.0)
            if largest > _CEILING[pair]:
                raise InputError(self.source, name, f"{largest:.6g} at {_stamp(self.times[index])}",
                                 f"at most {_CEILING[pair]:g} m s-1", "Mask fill values, mend units.")  # fmt: skip
            found.append(values)
        return found[0], found[1]

    def _covering(self, pair: tuple[str, str], index: int, wet: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """One level of wind or Stokes drift, continued from the nearest node to every wet node that lacks it."""
        u, v = self._read(pair, index)
        known = np.isfinite(u) & np.isfinite(v)
        if not known.any():
            raise InputError(self.source, pair[0], f"no value at {_stamp(self.times[index])}", "values over the sea",
                             "Fetch that level again or leave the variable out.")  # fmt: skip
        if (wet & ~known).any():
            u, v, _ = _extended((u, v), known, None)
        return u, v

    def _check_units(self) -> None:
        for pair, present in ((CURRENT, True), (WIND, self.has_wind), (STOKES, self.has_stokes)):
            for name in pair if present else ():
                if name not in self.forcing:
                    raise InputError(self.source, name, "no such variable", "a Forcing with it",
                                     "Name the variable by its CF standard name.")  # fmt: skip
                if set(self.forcing[name].dims) != {"time", "lat", "lon"}:
                    raise InputError(self.source, name, f"dimensions {self.forcing[name].dims}", "time, lat, lon",
                                     "Select one level and one member, e.g. forcing.isel(member=0).")  # fmt: skip
                units = self.forcing[name].attrs.get("units", "m s-1")
                if units not in ("m s-1", "m/s", "m.s-1"):
                    raise InputError(self.source, name, f"units {units!r}", "units 'm s-1'",
                                     "Convert the values and set the units attribute.")  # fmt: skip


def has_wind(forcing: xr.Dataset) -> bool:
    """Whether the forcing holds the wind."""
    return all(name in forcing for name in WIND)


def has_stokes(forcing: xr.Dataset) -> bool:
    """Whether the forcing holds Stokes drift."""
    return all(name in forcing for name in STOKES)


def _extended(
    values: tuple[Floats, Floats], known: NDArray[np.bool_], reach: int | None
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Continue two fields from the nearest known node, at most ``reach`` nodes away (None: everywhere)."""
    from scipy.ndimage import distance_transform_edt

    distance, nearest = distance_transform_edt(~known, return_indices=True)
    filled = known if reach is None else distance <= reach + 1e-9
    near = (nearest[0], nearest[1])
    u, v = (np.where(filled | (reach is None), one[near], one) for one in values)
    return u, v, filled | (reach is None)
