"""Tables of people and instruments: CSV files with units rows, repeated headers, times without zone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.region import Region

#: A units row carries these words under the columns of time and place.
_UNIT_WORDS = {"utc", "degrees_north", "degrees_east", "degrees", "degree_north", "degree_east", "m s-1", "m"}
#: Characters of a cell; more is no figure, name or remark.
_LONGEST_CELL = 10_000
#: A time of day followed by its zone, and a text that begins with a time of day.
_ZONED = re.compile(r"[T ]\d{1,2}(?::?\d{2}){0,2}(?:\.\d+)?\s*(?:Z|GMT|UTC|[+-]\d{2}(?::?\d{2})?)$", re.IGNORECASE)
_HOUR_ALONE = re.compile(r"^T?\d{1,2}:")


def read_csv(
    path: Path, columns: Mapping[str, Sequence[str]], optional: Sequence[str], notes: list[str]
) -> pd.DataFrame:
    """Read a CSV file as text under our own column names.

    Args:
        path: file, may be gzipped; lines that begin with ``#`` are comments.
        columns: our name to the names (lower case) it may have in the file.
        optional: our names that may be absent.
        notes: sentences on what was mended are appended.

    Returns:
        Text columns with ``line``, the line number in the file. Units rows and repeated header rows are dropped.

    Raises:
        InputError: unreadable, empty, or a needed column is absent or there twice.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, comment="#", skip_blank_lines=False,
                            encoding="utf-8-sig", skipinitialspace=True)  # fmt: skip
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            path, "file", str(error)[:200], "a CSV table in UTF-8", "Correct or remove the file."
        ) from error
    header = [str(c).strip().lower() for c in table.columns]
    picked: dict[str, pd.Series] = {}
    for ours, theirs in columns.items():
        found = [i for i, name in enumerate(header) if name in theirs]
        if len(found) > 1:
            raise InputError(path, ours, f"columns {[header[i] for i in found]}", "one", "Remove one of them.")
        if found:
            picked[ours] = table.iloc[:, found[0]].str.strip()
        elif ours not in optional:
            raise InputError(path, ours, f"columns {header}", f"one of {list(theirs)}", "Name the column so.")
    out = pd.DataFrame(picked)
    for name in out.columns:
        long = out[name].str.len() > _LONGEST_CELL
        if long.any():
            raise InputError(path, f"{name}, line {int(np.flatnonzero(long)[0]) + 2}",
                             f"{int(out[name].str.len().max())} characters", f"at most {_LONGEST_CELL}",
                             "Correct the line; a line break may be lost.")  # fmt: skip
    out["line"] = np.arange(len(out)) + 2
    out = out[(out.drop(columns="line") != "").any(axis=1)]
    repeated = _is_header(out, columns)
    units = _is_units(out)
    if repeated.any():
        notes.append(f"{path.name}: {int(repeated.sum())} repeated header rows were dropped.")
    out.attrs["units_row"] = bool(units.any())
    return out[~repeated & ~units].reset_index(drop=True)


def _is_header(table: pd.DataFrame, columns: Mapping[str, Sequence[str]]) -> pd.Series:
    """Rows whose every cell is the name of its own column."""
    tests = [table[c].str.lower().isin(columns[c]) for c in table.columns if c != "line"]
    return pd.concat(tests, axis=1).all(axis=1) if tests else pd.Series(False, index=table.index)


def _is_units(table: pd.DataFrame) -> pd.Series:
    """Rows that carry units under the columns of place or time."""
    tests = [table[c].str.lower().isin(_UNIT_WORDS) for c in ("time", "lat", "lon") if c in table]
    return pd.concat(tests, axis=1).any(axis=1) if tests else pd.Series(False, index=table.index)


def numbers(table: pd.DataFrame, column: str, path: Path, *, empty_allowed: bool = False) -> pd.Series:
    """A text column as numbers; empty cells and ``NaN`` become NaN.

    Raises:
        InputError: names the line that is no number, or is empty where it must not be.
    """
    text = table[column].replace({"": "nan"})
    values = pd.to_numeric(text, errors="coerce")
    wrong = values.isna() & ~text.str.lower().isin(["nan", "na", "null", "none"])
    if not empty_allowed:
        wrong |= values.isna()
    if wrong.any():
        row = table[wrong].iloc[0]
        raise InputError(path, f"{column}, line {row['line']}", repr(row[column]), "a number", "Correct the line.")
    return values.astype(float)


def times(table: pd.DataFrame, column: str, path: Path, notes: list[str], zone: str | None = None) -> pd.Series:
    """A text column as UTC times.

    A time without zone is in ``zone``; where that is not given it is taken as UTC, and said unless a units row or
    the file's convention says so.

    Raises:
        InputError: names the line that is no time.
    """
    text = table[column]
    zoned = text.str.contains(_ZONED)
    values = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]")
    if zoned.any():
        values[zoned] = _nanoseconds(pd.to_datetime(text[zoned], errors="coerce", utc=True, format="mixed"))
    if (~zoned).any():
        local = _without_zone(text[~zoned]).dt.tz_localize(zone or "UTC", ambiguous="NaT", nonexistent="NaT")
        values[~zoned] = _nanoseconds(local.dt.tz_convert("UTC"))
    if values.isna().any():
        row = table[values.isna()].iloc[0]
        raise InputError(
            path, f"{column}, line {row['line']}", repr(row[column]), "an ISO 8601 time", "Correct the line."
        )
    if (~zoned).any() and zone is None and not table.attrs.get("units_row"):
        notes.append(f"{path.name}: {int((~zoned).sum())} times without zone were taken as UTC.")
    return values


def _without_zone(text: pd.Series) -> pd.Series:
    """Times as they stand; NaT where a text is no time, lacks its date, or ends in an offset that cannot be read."""
    # pandas would give an hour of the day the date of the clock
    dated = text.where(~text.str.contains(_HOUR_ALONE))
    try:
        stamps = pd.to_datetime(dated, errors="coerce", format="mixed")
        if getattr(stamps.dtype, "tz", None) is None:
            return stamps
    except (ValueError, TypeError):  # offsets among them that _ZONED does not know
        pass
    return pd.to_datetime(pd.Series([_plain(t) for t in dated], index=text.index), errors="coerce")


def _plain(text: object) -> pd.Timestamp | None:
    """One time without zone; None where it is none or has an offset."""
    try:
        stamp = pd.Timestamp(str(text))
    except (ValueError, TypeError):
        return None
    return stamp if stamp is not pd.NaT and stamp.tzinfo is None else None


def _nanoseconds(stamps: pd.Series) -> pd.Series:
    """UTC times to the nanosecond; NaT for years that no observation has, which do not fit into them."""
    return stamps.where(stamps.dt.year.between(1678, 2261)).astype("datetime64[ns, UTC]")


def places(table: pd.DataFrame, path: Path) -> tuple[pd.Series, pd.Series]:
    """Columns ``lat`` and ``lon`` as degrees.

    Raises:
        InputError: names the line with an impossible position.
    """
    lat, lon = numbers(table, "lat", path), numbers(table, "lon", path)
    wrong = (lat.abs() > 90) | (lon < -180) | (lon > 360)
    if wrong.any():
        row = table[wrong].iloc[0]
        raise InputError(path, f"position, line {row['line']}", f"{row['lat']}, {row['lon']}",
                         "latitude within ±90° and longitude −180 to 360°", "Correct the line.")  # fmt: skip
    return lat, lon


def inside(region: Region, lon: np.ndarray, lat: np.ndarray, margin_deg: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes in the waters' turn, and which points lie in the waters or the density grid."""
    grid = region.routing_grid
    turned = grid.wrap(np.asarray(lon, dtype=float) + margin_deg) - margin_deg
    keep = np.zeros(turned.shape, dtype=bool)
    for west, south, east, north in (grid.bounds, region.grid.bounds):
        for turn in (-360.0, 0.0, 360.0):
            keep |= (
                (turned + turn >= west - margin_deg) & (turned + turn <= east + margin_deg)
                & (lat >= south - margin_deg) & (lat <= north + margin_deg)
            )  # fmt: skip
    return turned, keep


def empty(product: str) -> gpd.GeoDataFrame:
    """A table of a product without a row, every column of its own type."""
    import geopandas as gpd

    from oceanclean.products import TABLES

    types = {"text": "object", "float": "float64", "int": "int64", "bool": "bool", "time": "datetime64[ns, UTC]"}
    columns = {
        name: pd.Series([], dtype="boolean" if c.kind == "bool" and c.null_allowed else types[c.kind])
        for name, c in TABLES[product].columns.items()
    }  # fmt: skip
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs="EPSG:4326"), crs="EPSG:4326")
