"""Times: everything becomes UTC, and nothing is seen before it became available."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from oceanclean.errors import InputError

#: Nanoseconds of 64 bits, in which time axes are kept, reach from 1677 to 2262.
_FIRST_YEAR, _LAST_YEAR = 1800, 2200
Moment = str | datetime | pd.Timestamp


def utc(value: Moment, source: str | Path = "issue time", field: str = "time") -> pd.Timestamp:
    """A moment as tz-aware UTC; a time without zone is taken as UTC.

    Raises:
        InputError: not a time.
    """
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise InputError(source, field, repr(value), "an ISO 8601 time such as 2020-01-04T00:00Z",
                         "Correct the time.") from error  # fmt: skip
    if stamp is pd.NaT:
        raise InputError(source, field, repr(value), "an ISO 8601 time", "Give the time.")
    if not _FIRST_YEAR <= stamp.year <= _LAST_YEAR:
        raise InputError(source, field, repr(value), f"a year from {_FIRST_YEAR} to {_LAST_YEAR}", "Correct the time.")
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def iso(stamp: pd.Timestamp) -> str:
    """ISO 8601 UTC to the second, ``2020-01-04T00:00:00Z``."""
    return stamp.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")


def said(stamp: pd.Timestamp) -> str:
    """How a sentence says a moment: ``4 Jan 2020 00:00 UTC``."""
    return f"{stamp.day} {stamp.strftime('%b %Y %H:%M')} UTC"


def naive(stamp: pd.Timestamp) -> np.datetime64:
    """Naive ``datetime64[ns]`` in UTC, as xarray's time axes carry it."""
    return stamp.tz_convert("UTC").tz_localize(None).as_unit("ns").to_datetime64()


def hours(delta: pd.Timedelta | np.timedelta64) -> float:
    """Length in hours."""
    return float(pd.Timedelta(delta) / pd.Timedelta(hours=1))
