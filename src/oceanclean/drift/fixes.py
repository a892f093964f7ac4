"""Raw drifter fixes to hourly tracks: messages of any spacing, ERDDAP tables, and the waves that buoys measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.windage import DROGUED
from oceanclean.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

ID = ("drifter_id", "buoy", "id", "ID", "D_number", "WMO", "platform_code", "BuoyID")
TIME = ("time", "timestamp", "date_UTC", "datetime", "Time")
LON = ("lon", "longitude", "Longitude", "LON")
LAT = ("lat", "latitude", "Latitude", "LAT")
_WAVES = ("significantWaveHeight", "meanPeriod", "meanDirection")
#: Fixes farther apart than this are not joined by a line, h.
LONGEST_GAP_H = 3.0
#: Fixes that come regularly this far apart (6-hourly products) are joined by a cubic: linear between them, a day's
#: inertial loop would lose its size.
LONGEST_STEP_H = 6.5
_OWN = ("u_drifter", "ueast_drifter")
#: What tables write of a drogue: 1 on it, 0 without.
DROGUE_WORDS = {"true": 1.0, "1": 1.0, "1.0": 1.0, "yes": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0, "no": 0.0}
_DROGUE = ("drogued", "drogue_status")
GRAVITY = 9.80665  #: standard gravity, m s-2


def column(raw: pd.DataFrame, names: tuple[str, ...], file: Path) -> str:
    """The first of some names that a table has.

    Raises:
        InputError: none; names file and column.
    """
    for name in names:
        if name in raw:
            return name
    raise InputError(file, names[0], f"columns {list(raw.columns)}", f"one of {names}", "Add the column.")


def is_raw(raw: pd.DataFrame) -> bool:
    """Whether a table holds places and times alone, without a current or wind along the track."""
    known = {str(c) for c in raw} - set(_OWN)
    return not any(c.startswith("u_") and "v_" + c[2:] in known for c in known) and not known & {"ueast_atmos", "u10"}


def is_waves(raw: pd.DataFrame) -> bool:
    """Whether a table holds the waves that buoys measured."""
    return all(name in raw for name in _WAVES)


def stokes_drift(height: Floats, period: Floats, direction: Floats) -> Complex:
    """Surface Stokes drift of a deep-water wave of the same energy, east + i north, m s-1.

    ``pi^3 Hs^2 / (g T^3)`` (Kenyon 1969, doi 10.1029/JC074i028p06991, for one frequency).

    Args:
        height: significant wave height, m.
        period: mean period, s.
        direction: direction the waves come from, degrees clockwise from north.
    """
    angle = np.radians(direction)
    towards = -(np.sin(angle) + 1j * np.cos(angle))
    return np.asarray(np.pi**3 * height**2 / (GRAVITY * period**3) * towards)


def hourly(raw: pd.DataFrame, waves: pd.DataFrame | None, file: Path, times: Callable[[pd.DataFrame], pd.Series],
           report: list[str]) -> pd.DataFrame:  # fmt: skip
    """Hourly rows of every drifter, linear between its fixes (cubic where these are 6 h apart); a gap begins a new one.

    Args:
        raw: fixes, text columns.
        waves: measured waves, or None.
        file: for errors and the report.
        times: reads the times of a table, UTC without zone.
        report: sentences on what was mended are appended.

    Returns:
        Columns ``drifter segment kind time lon lat stokes``, the last only with waves.

    Raises:
        InputError: no drifter with two hours that fixes hold.
    """
    import pandas as pd

    fixes = _clean(raw, file, times, report)
    joined_h = _longest_step(fixes, file, report)
    sea = None if waves is None else _wave_table(waves, times)
    parts = []
    for (drifter, kind), own in fixes.groupby(["drifter", "kind"], sort=True):
        hours = own["hours"].to_numpy()
        broken = np.flatnonzero(np.diff(hours) > joined_h) + 1
        for number, piece in enumerate(np.split(np.arange(hours.size), broken)):
            at = np.arange(np.ceil(hours[piece[0]]), np.floor(hours[piece[-1]]) + 1)
            if at.size < 2:
                continue
            lon = np.unwrap(own["lon"].to_numpy()[piece], period=360.0)
            places = np.stack([lon, own["lat"].to_numpy()[piece]], axis=1)
            there = _between(at, hours[piece], places, joined_h)
            rows = {"drifter": drifter, "segment": f"{drifter} {number} {kind}".strip(), "kind": kind,
                    "time": pd.to_datetime(at * 3600, unit="s"), "lon": there[:, 0], "lat": there[:, 1]}  # fmt: skip
            if sea is not None:
                rows["stokes"] = _along(sea, str(drifter), at)
            parts.append(pd.DataFrame(rows))
    if not parts:
        raise InputError(file, "fixes", "no two hours of one drifter", f"tracks of fixes at most {joined_h:g} h apart",
                         "Add fixes.")  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _longest_step(fixes: pd.DataFrame, file: Path, report: list[str]) -> float:
    """Hours that may lie between two fixes of a run: more where the whole table is that sparse."""
    steps = fixes["hours"].diff()[fixes["drifter"].eq(fixes["drifter"].shift())]
    usual = float(steps.median()) if len(steps) else 0.0
    if not LONGEST_GAP_H < usual <= LONGEST_STEP_H:
        return LONGEST_GAP_H
    report.append(f"{file.name}: fixes {usual:.3g} h apart joined by a cubic")
    return LONGEST_STEP_H


def _between(at: Floats, hours: Floats, places: Floats, joined_h: float) -> Floats:
    """(hour, 2) longitude and latitude between fixes."""
    if joined_h == LONGEST_GAP_H or hours.size < 3:
        return np.stack([np.interp(at, hours, column) for column in places.T], axis=1)
    from scipy.interpolate import CubicSpline

    return np.asarray(CubicSpline(hours, places, axis=0, bc_type="natural")(at))


def _clean(raw: pd.DataFrame, file: Path, times: Callable[[pd.DataFrame], pd.Series],
           report: list[str]) -> pd.DataFrame:  # fmt: skip
    """Fixes with a time and a place, one for each drifter and time, in order; a drogue lost ends the track."""
    import pandas as pd

    fixes = pd.DataFrame({
        "drifter": raw[column(raw, ID, file)].astype(str), "time": times(raw), "kind": "",
        "lon": pd.to_numeric(raw[column(raw, LON, file)], errors="coerce"),
        "lat": pd.to_numeric(raw[column(raw, LAT, file)], errors="coerce"),
    })  # fmt: skip
    usable = fixes.notna().all(axis=1) & fixes["lat"].abs().le(90) & fixes["lon"].abs().le(360)
    if (~usable).any():
        report.append(f"{file.name}: {int((~usable).sum())} rows without a time and a place on Earth dropped")
    flag = next((name for name in _DROGUE if name in raw), None)
    if flag is not None:
        fixes["kind"] = raw[flag].str.strip().str.lower().map(DROGUE_WORDS).map({1.0: DROGUED, 0.0: f"un{DROGUED}"})
        fixes["kind"] = fixes["kind"].fillna("")
    elif "drogue_lost_date" in raw:
        lost = pd.to_datetime(raw["drogue_lost_date"], errors="coerce", utc=True, format="mixed").dt.tz_localize(None)
        loose = lost.notna() & (lost.dt.year > 1971) & (fixes["time"] >= lost)
        if loose.any():
            report.append(f"{file.name}: {int(loose.sum())} fixes after drogue loss kept as drifters of their own")
        fixes["drifter"] = fixes["drifter"].where(~loose, fixes["drifter"] + " undrogued")
        fixes["kind"] = np.where(loose, f"un{DROGUED}", DROGUED)
    fixes = fixes[usable].sort_values(["drifter", "time"], kind="stable")
    twice = fixes.duplicated(["drifter", "time"])
    if twice.any():
        report.append(f"{file.name}: {int(twice.sum())} duplicated fixes dropped")
    fixes = fixes[~twice]
    return fixes.assign(hours=_hours(fixes["time"]))


def _hours(times: pd.Series) -> Floats:
    """Hours since the epoch."""
    return np.asarray(times.to_numpy().astype("datetime64[s]").astype(np.int64) / 3600.0)


def _wave_table(waves: pd.DataFrame, times: Callable[[pd.DataFrame], pd.Series]) -> pd.DataFrame:
    import pandas as pd

    numbers = [pd.to_numeric(waves[name], errors="coerce").to_numpy() for name in _WAVES]
    drift = stokes_drift(*numbers)
    name = next(n for n in ID if n in waves)
    table = pd.DataFrame({"drifter": waves[name].astype(str), "hours": _hours(times(waves)), "drift": drift})
    return table[np.isfinite(drift)].sort_values(["drifter", "hours"], kind="stable")


def _along(sea: pd.DataFrame, drifter: str, at: Floats) -> Complex:
    """Stokes drift at some hours of one drifter; NaN farther than the longest gap from a measurement."""
    own = sea[sea["drifter"] == drifter]
    if own.empty:
        return np.full(at.size, np.nan + 0j)
    hours, drift = own["hours"].to_numpy(), own["drift"].to_numpy()
    nearest = np.abs(hours[np.clip(np.searchsorted(hours, at), 0, hours.size - 1)] - at)
    before = np.abs(hours[np.clip(np.searchsorted(hours, at) - 1, 0, hours.size - 1)] - at)
    value = np.interp(at, hours, drift.real) + 1j * np.interp(at, hours, drift.imag)
    return np.where(np.minimum(nearest, before) <= LONGEST_GAP_H, value, np.nan)


__all__ = ["column", "hourly", "is_raw", "is_waves", "stokes_drift"]
