"""Catch reports of the crews: CSV files to the Catches table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError
from oceanclean.products import TABLES, validate_table
from oceanclean.sources import tables
from oceanclean.sources.times import Moment, utc

if TYPE_CHECKING:
    import geopandas as gpd

_COLUMNS = {
    "time": ("started_at", "start", "time", "datetime", "timestamp"),
    "ended_at": ("ended_at", "end"),
    "available_at": ("available_at", "reported_at"),
    "lat": ("latitude", "lat"),
    "lon": ("longitude", "lon", "lng"),
    "vessel_id": ("vessel_id", "vessel"),
    "task_id": ("task_id", "task", "patch"),
    "caught_kg": ("caught_kg", "catch_kg", "mass_kg"),
    "swept_m": ("swept_m", "distance_m"),
    "swath_m": ("swath_m", "mouth_m"),
    "wave_height_m": ("wave_height_m", "hs_m"),
    "fuel_l": ("fuel_l",),
    "debris_class": ("debris_class", "class"),
    "reported_by": ("reported_by", "observer"),
    "note": ("note", "notes", "remarks"),
}
_TEXT = ("task_id", "debris_class", "reported_by", "note")
_OPTIONAL_NUMBERS = ("swept_m", "swath_m", "wave_height_m", "fuel_l")
_OPTIONAL = ("ended_at", "available_at", *_TEXT, *_OPTIONAL_NUMBERS)


def read_catches(
    paths: Sequence[Path], *, issue_time: Moment | None = None, timezone: str | None = None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Read catch reports.

    Needed columns are start, position, vessel and kilograms; a haul without an end ends when it started. A haul that
    was reported twice (same vessel, start and place) is kept once, with its latest figure.

    Args:
        paths: CSV files, may be gzipped.
        issue_time: reports that became available later are left out; None takes all.
        timezone: zone of times without one, UTC if not given.

    Returns:
        The ``Catches`` table in the order of time, and sentences on what was mended or left out.

    Raises:
        InputError: names file, column and line of what cannot be read.
    """
    import geopandas as gpd

    notes: list[str] = []
    parts = [_one_file(Path(path), timezone, notes) for path in paths]
    if not parts:
        return tables.empty("Catches"), notes
    table = pd.concat(parts, ignore_index=True)
    if issue_time is not None:
        table = table[table["available_at"] <= utc(issue_time)]
    before = len(table)
    table = table.sort_values("available_at", kind="stable").drop_duplicates("catch_id", keep="last")
    if len(table) < before:
        notes.append(f"Note: hauls that were reported again were counted once: {before - len(table)}.")
    table = table.sort_values(["started_at", "catch_id"], kind="stable").reset_index(drop=True)
    points = gpd.points_from_xy(table.pop("lon"), table.pop("lat"))
    return validate_table("Catches", gpd.GeoDataFrame(table, geometry=points, crs="EPSG:4326"), "catches"), notes


def _one_file(path: Path, timezone: str | None, notes: list[str]) -> pd.DataFrame:
    """Hauls of one file in the contract's columns, with ``lat`` and ``lon``."""
    raw = tables.read_csv(path, _COLUMNS, _OPTIONAL, notes)
    out = pd.DataFrame(index=raw.index)
    out["vessel_id"] = raw["vessel_id"]
    out["started_at"] = tables.times(raw, "time", path, notes, timezone)
    out["ended_at"] = _times_or(raw, "ended_at", out["started_at"], path, notes, timezone)
    out["available_at"] = _times_or(raw, "available_at", out["ended_at"], path, notes, timezone)
    out["lat"], out["lon"] = tables.places(raw, path)
    out["caught_kg"] = tables.numbers(raw, "caught_kg", path)
    for column in _OPTIONAL_NUMBERS:
        given = column in raw
        out[column] = tables.numbers(raw, column, path, empty_allowed=True) if given else np.nan
    for column in _TEXT:
        out[column] = raw.get(column, pd.Series("", index=raw.index))
    _check(out, raw, path)
    keys = zip(out["vessel_id"], out["started_at"].astype(str), out["lat"].round(4), out["lon"].round(4), strict=True)
    out["catch_id"] = ["catch-" + hashlib.sha256(repr(k).encode()).hexdigest()[:12] for k in keys]
    return out


def _times_or(
    raw: pd.DataFrame, column: str, otherwise: pd.Series, path: Path, notes: list[str], timezone: str | None
) -> pd.Series:
    """Times of a column where it has any, else those given."""
    if column not in raw or (raw[column] == "").all():
        return otherwise
    given = raw[column] != ""
    known = tables.times(raw[given], column, path, notes, timezone)
    return known.reindex(raw.index).fillna(otherwise)


def _check(out: pd.DataFrame, raw: pd.DataFrame, path: Path) -> None:
    """Refuse what no haul can be, naming the line."""
    ranges = {c: (spec.low, spec.high) for c, spec in TABLES["Catches"].columns.items() if spec.kind == "float"}
    for column, (low, high) in ranges.items():
        wrong = (out[column] < low) | (out[column] > high)
        if wrong.any():
            raise InputError(path, f"{column}, line {raw['line'][wrong].iloc[0]}", out[column][wrong].iloc[0],
                             f"{low:g} to {high:g}", "Correct the line.")  # fmt: skip
    nameless = out["vessel_id"] == ""
    if nameless.any():
        raise InputError(path, f"vessel_id, line {raw['line'][nameless].iloc[0]}", "empty", "a vessel of the fleet",
                         "Name the vessel.")  # fmt: skip
    backwards = out["ended_at"] < out["started_at"]
    if backwards.any():
        raise InputError(path, f"ended_at, line {raw['line'][backwards].iloc[0]}", out["ended_at"][backwards].iloc[0],
                         f"{out['started_at'][backwards].iloc[0]} or later", "Correct the line.")  # fmt: skip
