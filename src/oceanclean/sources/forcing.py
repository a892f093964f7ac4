"""Currents, wind and waves on one grid and one time axis: the Forcing product."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import describe, names, validate_grid
from oceanclean.settings import SourceSettings, SourcesSettings
from oceanclean.sources import regrid
from oceanclean.sources.gridded import Window, extension_h
from oceanclean.sources.places import resolved
from oceanclean.sources.registry import reader_of
from oceanclean.sources.times import Moment, iso, naive, said, utc
from oceanclean.sources.waves import with_height

if TYPE_CHECKING:
    from oceanclean.region import Region

#: What the plan goes without when a source is missing.
_WITHOUT = {
    "wind": "debris is carried without windage, and wind limits cannot be checked",
    "waves": "debris is carried without Stokes drift, and sea-state limits cannot be checked",
}
#: A forcing of more cells × times than this is brought to a coarser grid (7 variables of float32: 1.1 GiB).
MAX_VALUES = 40_000_000
#: Age in hours above which the newest forecast is said to be an old one, where the source does not say: services make
#: one a day, and a day's own is older than this only when it is late.
STALE_H = 24.0


def read_forcing(
    region: Region, sources: SourcesSettings, *, start: Moment, end: Moment, issue_time: Moment,
    work: Path | None = None,
) -> tuple[xr.Dataset, list[str]]:  # fmt: skip
    """Currents, wind, Stokes drift and waves as they were known at the issue time.

    The grid has the currents' own points and step, carried on over the region's waters; values are NaN where a
    source does not reach (currents are never spread over land). Longitudes run on from the region's western edge.

    Args:
        region: the region.
        sources: its sources; of each role the first that can be used is taken.
        start: first time wanted; a later begin (not after the issue time) is said.
        end: last time wanted.
        issue_time: nothing that became available later is seen.
        work: work folder of the run.

    Returns:
        The ``Forcing`` product and sentences for the plan page.

    Raises:
        MissingDataError: no currents, or they end before the region's ``minimum_horizon_h``.
        InputError: a required source cannot be used.
    """
    window = _window(region, start, end, issue_time)
    degraded: list[str] = []
    currents, how = _first_usable("currents", sources.currents, region, window, work, degraded)
    if currents is None or how is None:
        raise MissingDataError(f"sources {sources.name}", "currents", "; ".join(degraded) or "no source", "currents",
                               "A drift forecast needs currents: add a source, or fetch today's files.")  # fmt: skip
    parts = [(currents, extension_h(currents, how))]
    for role, wanted in (("wind", sources.wind), ("waves", sources.waves)):
        field, settings = _first_usable(role, wanted, region, window, work, degraded)
        if field is None or settings is None:
            degraded.append(f"No {role} today: {_WITHOUT[role]}.")
            continue
        if role == "waves":
            field = with_height(field, settings.options, degraded)
        reach = float(settings.options.get("reach_deg", 0.0))
        parts.append((regrid.reached_out(field, reach) if reach else field, extension_h(field, settings)))
    times = _times([f for f, _ in parts], _span(parts, window, region, degraded))
    lat, lon = _axes(currents, window, how, times.size, degraded)
    fields = [regrid.onto_times(regrid.onto_axes(f, lat, lon), times, h) for f, h in parts]
    forcing = _finished(
        xr.merge(fields, combine_attrs="drop", join="exact", compat="no_conflicts"), parts, sources, window
    )
    degraded += _coverage(forcing, region)
    return validate_grid("Forcing", forcing, f"sources {sources.name}"), list(dict.fromkeys(degraded))


def _window(region: Region, start: Moment, end: Moment, issue_time: Moment) -> Window:
    """Box around the density grid and the waters, and the times wanted."""
    west, south, east, north = region.grid.bounds
    w, s, e, n = region.routing_grid.bounds
    turn = 360.0 * round(((west + east) - (w + e)) / 720.0)
    box = (min(west, w + turn), min(south, s), max(east, e + turn), max(north, n))
    begin, stop, now = utc(start), utc(end), utc(issue_time)
    if not begin <= now < stop:
        raise InputError("forcing", "time", f"start {said(begin)}, issue {said(now)}, end {said(stop)}",
                         "start ≤ issue time < end", "Correct the times.")  # fmt: skip
    return Window(*box, begin, stop, now)


def _first_usable(
    role: str, wanted: Sequence[SourceSettings], region: Region, window: Window, work: Path | None, degraded: list[str]
) -> tuple[xr.Dataset | None, SourceSettings | None]:
    """The first source of a role that can be used, and its settings; those passed over are said."""
    refusals: list[InputError] = []
    for source in wanted:
        read = reader_of(role, source.kind)
        try:
            source = resolved(source, work)
            field, notes = read(role, source, window, work)
            _check_reach(field, role, source, region, window)
        except (InputError, MissingDataError) as error:
            refusals.append(error)
            continue
        degraded += [f"{role.capitalize()} source passed over: {e}" for e in refusals] + notes
        if source.options.get("stands_in_as_forecast"):
            title = source.options.get("title", Path(source.path).name)
            degraded.append(
                f"{role.capitalize()}: a hindcast ({title}) stands in for a forecast; it could not have been known at "
                f"{said(window.issue_time)}."
            )
        else:
            degraded += _stale(field, role, source, window)
        return field, source
    if refusals and (role == "currents" or any(s.required for s in wanted)):
        raise refusals[-1]  # the error itself names file, variable and time
    degraded += [f"{role.capitalize()} source passed over: {e}" for e in refusals]
    return None, None


def _stale(field: xr.Dataset, role: str, source: SourceSettings, window: Window) -> list[str]:
    """A sentence where the newest forecast that could be read is an old one: the day's own did not come."""
    stated = field.attrs.get("available_at")
    if not stated:
        return []
    age_h = (window.issue_time - utc(stated)) / pd.Timedelta(hours=1)
    if age_h <= float(source.options.get("stale_h", STALE_H)):
        return []
    return [
        f"{role.capitalize()}: the newest forecast came {age_h:.0f} h before the issue time; no younger one arrived."
    ]


def _check_reach(field: xr.Dataset, role: str, source: SourceSettings, region: Region, window: Window) -> None:
    """A field must begin by the issue time and last for the region's shortest horizon."""
    extend = pd.Timedelta(hours=extension_h(field, source))
    first, last = (pd.Timestamp(t).tz_localize("UTC") for t in field["time"].to_numpy()[[0, -1]])
    variable = next(iter(field.values())).attrs.get("file_variable", role)
    shortest = window.issue_time + pd.Timedelta(hours=region.settings.minimum_horizon_h)
    if first - extend > window.issue_time:
        raise MissingDataError(source.path, variable, f"first time {said(first)}",
                               f"{said(window.issue_time)} or before", "Fetch the earlier files.")  # fmt: skip
    if last + extend < min(shortest, window.end):
        raise MissingDataError(
            field.attrs.get("files", source.path), variable, f"last time {said(last + extend)}",
            f"{said(shortest)} or later (minimum_horizon_h {region.settings.minimum_horizon_h} h)",
            "Fetch the newer forecast, or lower minimum_horizon_h of the region.",
        )  # fmt: skip


def _span(
    parts: Sequence[tuple[xr.Dataset, float]], window: Window, region: Region, degraded: list[str]
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The times that all fields cover, within those wanted; what is cut off is said."""
    begin, stop = window.start, window.end
    for field, extend_h in parts:
        extend = pd.Timedelta(hours=extend_h)
        first, last = (pd.Timestamp(t).tz_localize("UTC") for t in field["time"].to_numpy()[[0, -1]])
        name = str(next(iter(field))).replace("_", " ")
        if first - extend > begin:
            begin = first - extend
            degraded.append(f"The {name} begins at {said(begin)}: earlier observations cannot be drifted to today.")
        if last + extend < stop:
            stop = last + extend
            left = (stop - window.issue_time) / pd.Timedelta(hours=1)
            degraded.append(f"The {name} ends at {said(stop)}: the forecast covers {left:.0f} h instead of "
                            f"{region.settings.horizon_h} h.")  # fmt: skip
    return begin, stop


def _times(fields: Sequence[xr.Dataset], span: tuple[pd.Timestamp, pd.Timestamp]) -> NDArray[np.datetime64]:
    """A uniform axis on which every field's own times lie, as far as steps of 1 to 6 h allow."""
    begin, stop = (naive(t).astype("datetime64[m]").astype(int) for t in span)
    minutes = 360
    for field in fields:
        own = field["time"].to_numpy().astype("datetime64[m]").astype(int)
        for distance in (*np.diff(own), *(own - begin), stop - begin):
            minutes = int(np.gcd(minutes, int(distance)))
    minutes = max(minutes, 60)
    axis = np.arange(begin, stop + 1, minutes)
    if axis[-1] < stop:
        axis = np.append(axis, stop)
    return axis.astype("datetime64[m]").astype("datetime64[ns]")


def _axes(
    currents: xr.Dataset, window: Window, source: SourceSettings, steps: int, degraded: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes and longitudes: the currents' own points, carried on with their step over the window."""
    axes = []
    for axis, low, high in (("lat", window.south, window.north), ("lon", window.west, window.east)):
        own = currents[axis].to_numpy()
        step = float(source.options.get("step_deg") or np.median(np.diff(own)))
        before = np.ceil(max(0.0, (own[0] - low)) / step - 1e-6)
        origin = own[0] - before * step
        axes.append(origin + step * np.arange(int(np.ceil((high - origin) / step - 1e-6)) + 1))
    lat, lon = axes
    stride = int(np.ceil(np.sqrt(lat.size * lon.size * steps / MAX_VALUES)))
    if stride > 1:
        degraded.append(f"The currents were thinned to every {stride}th point: the region has too many at their step.")
        lat, lon = lat[::stride], lon[::stride]
    # no point beyond the pole, none twice around the globe
    return lat[(lat >= -90) & (lat <= 90)], lon[lon < lon[0] + 360 - 1e-6]


def _finished(
    forcing: xr.Dataset, parts: Sequence[tuple[xr.Dataset, float]], sources: SourcesSettings, window: Window
) -> xr.Dataset:
    """Attributes of the contract, and what each variable was made from."""
    issued = [utc(f.attrs["available_at"]) for f, _ in parts if f.attrs.get("available_at")]
    for field, _ in parts:
        for name in field:
            kept = {"source_files": str(field.attrs.get("files", ""))}
            comment = field[name].attrs.get("comment") or field.attrs.get("comment")
            forcing[name].attrs = {**kept, **({"comment": comment} if comment else {})}
    forcing.attrs = {
        "available_at": iso(max(issued, default=window.issue_time)),
        "source": sources.name,
        "issue_time": iso(window.issue_time),
        "variables_read": json.dumps(sorted(str(n) for n in forcing)),
    }
    return describe("Forcing", forcing)


def _coverage(forcing: xr.Dataset, region: Region) -> list[str]:
    """A sentence where the currents leave out part of the region's sea.

    Raises:
        MissingDataError: they leave out all of it.
    """
    grid = region.grid
    moving = forcing[names.EASTWARD_CURRENT].notnull().any("time").to_dataset(name="moving").astype(np.float32)
    moving = moving.expand_dims("time")
    seen = (
        regrid.onto_axes(moving, grid.lat, _in_turn(grid.lon, forcing["lon"].to_numpy()))["moving"].to_numpy()[0] >= 0.5
    )
    sea = ~region.land_mask
    share = float((seen & sea).sum() / max(1, sea.sum()))
    if share == 0:
        files = forcing[names.EASTWARD_CURRENT].attrs.get("source_files")
        place = f"sources {forcing.attrs['source']} ({files})"
        raise MissingDataError(place, names.EASTWARD_CURRENT, "no value in the region",
                               "currents over the region", "Choose a source that covers it.")  # fmt: skip
    return (
        [f"The currents cover {share:.0%} of the region's sea; no drift is forecast in the rest."]
        if share < 0.95
        else []
    )


def _in_turn(lon: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = (axis[0] + axis[-1]) / 2
    return np.asarray(centre - 180 + np.mod(lon - centre + 180, 360))
