"""Times of drifter tables: ISO 8601, or dates with slashes where day and month cannot be confused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.drift.fixes import TIME, column
from oceanclean.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_DATE = r"^\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}"
_LAST_MONTH = 12
#: Times this close to a whole hour mean it: receivers report seconds after it, s.
_JITTER_S = 300.0


def utc_times(raw: pd.DataFrame, file: Path, report: list[str]) -> pd.Series:
    """UTC times without zone; a table without zone is taken as UTC and said so.

    Args:
        raw: a table of text.
        file: for errors and the report.
        report: sentences on what was mended are appended.

    Raises:
        InputError: dates whose day and month cannot be told apart; names file, column and a date.
    """
    import pandas as pd

    name = column(raw, TIME, file)
    given = raw[name]
    stamps = pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601")
    if stamps.isna().all():
        first = _day_first(given, name, file)
        stamps = pd.to_datetime(given, utc=True, errors="coerce", format="mixed", dayfirst=first)
        if given.str.match(_DATE).any():
            report.append(f"{file.name}: dates read as {'day/month' if first else 'month/day'}/year")
    if not given.dropna().str.contains(r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$").any():
        report.append(f"{file.name}: times have no zone, taken as UTC")
    if stamps.isna().any():
        report.append(f"{file.name}: {int(stamps.isna().sum())} rows without a readable time dropped")
    return stamps.dt.tz_localize(None)


def _day_first(given: pd.Series, name: str, file: Path) -> bool:
    """Whether dates with slashes begin with the day; one number above 12 in either place tells.

    Raises:
        InputError: no such number, or one in each place.
    """
    parts = given.str.extract(_DATE).dropna().astype(int)
    if parts.empty:
        return True
    first, second = bool((parts[0] > _LAST_MONTH).any()), bool((parts[1] > _LAST_MONTH).any())
    if first == second:
        why = "days and months both first" if first else "day and month cannot be told apart"
        raise InputError(file, name, f"{given[parts.index[0]]!r} ({why})", "times as 2020-03-04T05:00:00Z",
                         "Write the times in ISO 8601.")  # fmt: skip
    return first


def on_the_hour(times: pd.Series, file: Path, report: list[str]) -> pd.Series:
    """Times within a few minutes of a whole hour brought to it: else every row would be a run of its own."""
    whole = times.dt.round("h")
    off = (times - whole).abs().dt.total_seconds()
    near = off.gt(0) & off.le(_JITTER_S)
    if near.any():
        report.append(f"{file.name}: {int(near.sum())} times at most {_JITTER_S / 60:g} min off the hour brought to it")
    return times.where(~near, whole)


__all__ = ["on_the_hour", "utc_times"]
