"""Fields on a regular latitude–longitude grid: CF NetCDF or Zarr, one file or many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names
from oceanclean.settings import SourceSettings
from oceanclean.sources import cf
from oceanclean.sources.places import expand, files_of, how_to_fetch
from oceanclean.sources.registry import reader
from oceanclean.sources.times import naive, said

#: Quantities that a source of each role brings; the first two are needed, the others welcome.
QUANTITIES: dict[str, tuple[str, ...]] = {
    "currents": (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT),
    "wind": (names.EASTWARD_WIND, names.NORTHWARD_WIND),
    "waves": (names.EASTWARD_STOKES, names.NORTHWARD_STOKES, names.WAVE_HEIGHT, "peak_period"),
}
#: Short keys of ``options.variables``.
SHORT = {
    names.EASTWARD_CURRENT: "eastward", names.NORTHWARD_CURRENT: "northward", names.EASTWARD_WIND: "eastward",
    names.NORTHWARD_WIND: "northward", names.EASTWARD_STOKES: "eastward", names.NORTHWARD_STOKES: "northward",
    names.WAVE_HEIGHT: "wave_height", "peak_period": "peak_period",
}  # fmt: skip
#: A step longer than this many usual ones has a level missing in it, as the drift engine counts it.
_BRIDGED = 1.5
_OPTIONS = frozenset({
    "title", "variables", "units", "time_units", "level_index", "max_gap_h", "extend_h", "available_at",
    "stands_in_as_forecast", "zero_is_land", "reach_deg", "step_deg", "mesh", "water_mask", "wave_height_from",
    "stale_h",
})  # fmt: skip


@dataclass(frozen=True)
class Window:
    """What is wanted of a field.

    Attributes:
        west: edges in degrees; ``east`` exceeds 180 across the date line.
        south: see ``west``.
        east: see ``west``.
        north: see ``west``.
        start: first time wanted (UTC).
        end: last time wanted.
        issue_time: nothing that became available later is seen.
    """

    west: float
    south: float
    east: float
    north: float
    start: pd.Timestamp
    end: pd.Timestamp
    issue_time: pd.Timestamp

    @property
    def centre_lon(self) -> float:
        """Longitude within half a turn of which all longitudes are brought."""
        return (self.west + self.east) / 2


@dataclass
class Piece:
    """A file's part of a field, with when it became available (None: nothing says it)."""

    data: xr.Dataset
    available_at: pd.Timestamp | None
    path: Path


@reader("gridded", "currents", "wind", "waves")
def read_gridded(role: str, source: SourceSettings, window: Window, work: Path | None) -> tuple[xr.Dataset, list[str]]:
    """Read a field on a regular latitude–longitude grid.

    Args:
        role: ``currents``, ``wind`` or ``waves``.
        source: its settings. ``options``: ``variables`` (eastward, northward, wave_height, peak_period: names in the
            file), ``units`` (name to units, where the file has none), ``time_units``, ``level_index``,
            ``zero_is_land``, and those of :func:`joined`.
        window: what is wanted.
        work: work folder of the run.

    Returns:
        ``(time, lat, lon)`` float32 on the file's own grid, cut to the window; sentences on what was mended.

    Raises:
        MissingDataError: no file, or nothing in it was available.
        InputError: a file that cannot be used.
    """
    check_options(source)
    notes: list[str] = []
    pieces = []
    for path in _files(source, work):
        with cf.open_dataset(path) as data:
            piece = _read_piece(role, data, path, source.options, window, notes)
            if piece is not None:
                pieces.append(Piece(piece, available_at(data, path, source), path))
    field = joined(pieces, source, window, notes)
    if source.options.get("zero_is_land"):
        field = masked_where_still(field)
    return field, notes


def check_options(source: SourceSettings) -> None:
    """Refuse options that no field has.

    Raises:
        InputError: names the option.
    """
    unknown = set(source.options) - _OPTIONS
    if unknown:
        raise InputError("config/sources", f"options of {source.path}", sorted(unknown), f"among {sorted(_OPTIONS)}",
                         "Correct the option.")  # fmt: skip


def _files(source: SourceSettings, work: Path | None) -> list[Path]:
    found = files_of(source.path, work, (".nc", ".nc4", ".cdf", ".zarr", ".h5"))
    if not found:
        raise MissingDataError(source.path, "file", "no such file", "NetCDF or Zarr",
                               how_to_fetch(expand(source.path, work)))  # fmt: skip
    return found


def available_at(data: xr.Dataset, path: Path, source: SourceSettings) -> pd.Timestamp | None:
    """When a file could be read: the option, or what the file says plus the source's latency."""
    from oceanclean.sources.times import utc

    if "available_at" in source.options:
        return utc(str(source.options["available_at"]), path, "options.available_at")
    stated = cf.stated_availability(data, path)
    if stated is not None and "available_at" not in data.attrs:
        stated += pd.Timedelta(hours=source.latency_h)
    return stated


def _read_piece(
    role: str, data: xr.Dataset, path: Path, options: dict[str, Any], window: Window, notes: list[str]
) -> xr.Dataset | None:
    """The window of one file in the contract's names and units; None where it holds no time of the window."""
    chosen = options.get("variables", {})
    found = {}
    for quantity in QUANTITIES[role]:
        name = cf.find_variable(data, quantity, chosen.get(SHORT[quantity]), path)
        if name is not None:
            found[quantity] = name
    missing = [q for q in QUANTITIES[role][:2] if q not in found]
    if missing:
        raise InputError(path, missing[0], f"variables {sorted(map(str, data.data_vars))}", "that quantity",
                         f"Say which variable it is: options.variables.{SHORT[missing[0]]}.")  # fmt: skip
    out = {}
    for quantity, name in found.items():
        array = cut(cf.canonical(data[name], path, options, window.centre_lon), window)
        if array.sizes["time"] == 0:
            return None
        if array.sizes["lat"] < 2 or array.sizes["lon"] < 2:
            raise MissingDataError(path, name, "no part over the region", "a field that covers the region",
                                   "Choose a source that covers it.")  # fmt: skip
        units = options.get("units", {}).get(name, data[name].attrs.get("units"))
        values = cf.to_target_units(array.to_numpy(), quantity, units, name, path, notes)
        out[quantity] = array.copy(data=values).drop_attrs()
        out[quantity].attrs["file_variable"] = name
    return xr.Dataset(out)


def cut(data: xr.DataArray, window: Window) -> xr.DataArray:
    """Cut ``(time, lat, lon)`` to the window with one grid step and one time step around it."""
    for axis, low, high in (("lat", window.south, window.north), ("lon", window.west, window.east)):
        values = data[axis].to_numpy()
        margin = 1.01 * float(np.median(np.diff(values))) if values.size > 1 else 0.0
        data = data.isel({axis: np.flatnonzero((values >= low - margin) & (values <= high + margin))})
    times = data["time"].to_numpy()
    step = np.median(np.diff(np.unique(times))) if times.size > 1 else np.timedelta64(24, "h")
    keep = (times >= naive(window.start) - step) & (times <= naive(window.end) + step)
    return data.isel(time=np.flatnonzero(keep))


def joined(
    pieces: Sequence[Piece], source: SourceSettings, window: Window, notes: list[str], mean_over_h: float = 0.0
) -> xr.Dataset:
    """Join the files of a field in time, as they stood at the issue time.

    A file counts from its ``available_at``; where two give the same time the later issue wins. In a file that does
    not say when it became available, a time counts ``latency_h`` after itself; later times are refused unless
    ``options.stands_in_as_forecast`` says that a hindcast is knowingly used in a forecast's place. Gaps over
    ``options.max_gap_h`` (default: two steps, at least 6 h) end the field on their far side of the issue time.

    Raises:
        MissingDataError: nothing was available.
        InputError: the files are on different grids.
    """
    usable = [p for piece in pieces if (p := _as_available(piece, source, window, notes)) is not None]
    if not usable:
        raise MissingDataError(
            source.path, "time", f"nothing that was available at {said(window.issue_time)}",
            f"fields from {said(window.start)} to {said(window.end)}",
            "Fetch the data of that time; for a hindcast that knowingly stands in for a forecast set "
            "options.stands_in_as_forecast: true, or say options.available_at.",
        )  # fmt: skip
    order = sorted(usable, key=lambda p: (p.available_at or pd.Timestamp.min.tz_localize("UTC"), p.path.name))
    first = order[0].data
    for piece in order[1:]:
        same = all(np.array_equal(piece.data[a], first[a]) for a in ("lat", "lon"))
        if not same or set(piece.data) != set(first):
            raise InputError(piece.path, "grid", "another grid or other variables than the files before it",
                             f"those of {order[0].path.name}", "Give files of one product only.")  # fmt: skip
    field = xr.concat([p.data for p in order], "time", data_vars="all", coords="minimal", compat="override",
                      join="override")  # fmt: skip
    field = field.isel(time=_steps(order, source, notes))
    issued = [p.available_at for p in order if p.available_at is not None]
    field.attrs["mean_over_h"] = mean_over_h
    field.attrs["available_at"] = max(issued).isoformat() if issued else ""
    field.attrs["files"] = ", ".join(dict.fromkeys(p.path.name for p in order))
    return without_gaps(field, source, window, notes)


def _steps(order: Sequence[Piece], source: SourceSettings, notes: list[str]) -> list[int]:
    """Which of the joined time steps to keep, in order of time: of two files the later, in one file the first."""
    steps: dict[np.datetime64, tuple[int, int]] = {}
    offset = doubled = 0
    for number, piece in enumerate(order):
        times = piece.data["time"].to_numpy()
        doubled += times.size - np.unique(times).size
        for index, time in enumerate(times):
            if steps.get(time, (-1, -1))[0] != number:
                steps[time] = (number, offset + index)
        offset += times.size
    if doubled:
        notes.append(f"{Path(source.path).name}: {doubled} repeated time steps were dropped.")
    return [index for _, (_, index) in sorted(steps.items())]


def _as_available(piece: Piece, source: SourceSettings, window: Window, notes: list[str]) -> Piece | None:
    """The times of a piece that could be seen at the issue time; None where there is none."""
    if piece.available_at is not None:
        return piece if piece.available_at <= window.issue_time else None
    if source.options.get("stands_in_as_forecast"):
        return piece
    latest = naive(window.issue_time - pd.Timedelta(hours=source.latency_h))
    keep = np.flatnonzero(piece.data["time"].to_numpy() <= latest)
    if keep.size < piece.data.sizes["time"]:
        notes.append(f"{piece.path.name} does not say when it was issued: times after the issue time were not used.")
    return Piece(piece.data.isel(time=keep), None, piece.path) if keep.size else None


def without_gaps(field: xr.Dataset, source: SourceSettings, window: Window, notes: list[str]) -> xr.Dataset:
    """The unbroken stretch around the issue time.

    A gap (more than ``max_gap_h``) before the issue time shortens the history and is said; one that spans or follows it
    is refused. A shorter one, more than one and a half times the usual step, is bridged linearly and said: the drift
    engine itself bridges nothing.

    Raises:
        MissingDataError: names the file, the variable and the times of the gap.
    """
    times = field["time"].to_numpy()
    if times.size < 2:
        return field
    steps = np.diff(times) / np.timedelta64(1, "h")
    allowed = float(source.options.get("max_gap_h", max(6.0, 2.01 * float(steps.min()))))
    extend = np.timedelta64(round(extension_h(field, source) * 60), "m")
    start, end, now = naive(window.start), naive(window.end), naive(window.issue_time)
    first = 0
    bridged = np.flatnonzero((steps > _BRIDGED * np.median(steps)) & (steps <= allowed))
    bridged = bridged[(times[bridged + 1] > start) & (times[bridged] < end)]
    if bridged.size:
        notes.append(f"{Path(source.path).name}: {bridged.size} steps of up to {steps[bridged].max():g} h where "
                     f"{np.median(steps):g} h are usual, first after {_said(times[bridged[0]])}: taken as linear "
                     "between their ends.")  # fmt: skip
    for i in np.flatnonzero(steps > allowed):
        before, after = times[i], times[i + 1]
        if after <= start or before >= end:
            continue
        if after - extend <= now:
            first = int(i) + 1
            if before + extend > start:
                notes.append(f"{Path(source.path).name}: nothing between {_said(before)} and {_said(after)}; "
                             "the history begins after that gap.")  # fmt: skip
            continue
        name = field[str(next(iter(field)))].attrs.get("file_variable", "")
        raise MissingDataError(source.path, name, f"a gap from {_said(before)} to {_said(after)}",
                               f"steps of at most {allowed:g} h",
                               "Fetch the missing files, or raise max_gap_h.")  # fmt: skip
    return field.isel(time=slice(first, None))


def extension_h(field: xr.Dataset, source: SourceSettings) -> float:
    """Hours by which the first and last field hold beyond their own time (half a day for daily means)."""
    return float(source.options.get("extend_h", field.attrs.get("mean_over_h", 0.0) / 2))


def _said(time: np.datetime64) -> str:
    return said(pd.Timestamp(time).tz_localize("UTC"))


def masked_where_still(field: xr.Dataset) -> xr.Dataset:
    """Mask cells where every component is exactly zero at all times: land, in files that write it as zero."""
    still = xr.concat([(v == 0).all("time") for v in field.values()], "variable").all("variable")
    return field.where(~still)
