"""Times, days and zones as people give them: with an error that names the place and what was expected."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oceanclean.errors import InputError


def moment(text: str, source: str, field: str) -> datetime | None:
    """A time with its zone in ISO 8601; None for no text.

    Args:
        text: as it was given.
        source: where, for the message: ``command line``, ``query``.
        field: option or parameter.

    Raises:
        InputError: no such time, or one without a zone.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InputError(source, field, repr(text), "ISO 8601 with zone, e.g. 2026-06-01T09:30+02:00", "Correct it.")
    return found


def zone(name: str, source: str, field: str) -> tzinfo | None:
    """A time zone by its name; None for no name.

    Raises:
        InputError: no such zone.
    """
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(source, field, repr(name), "a zone such as Europe/Rome", "Correct it.") from error


def day(text: str, source: str, field: str) -> date:
    """A calendar day.

    Raises:
        InputError: no such day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(source, field, repr(text), "YYYY-MM-DD", "Correct the day.") from error
