"""Where and when a photo was taken, from its EXIF data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

from oceanclean.errors import InputError
from oceanclean.vision.photos.pictures import TYPES

#: Tags of EXIF 3.0 (CIPA DC-008-2023), tables 4 to 15.
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_DATE_TIME_ORIGINAL, _OFFSET_ORIGINAL, _OFFSET = 0x9003, 0x9011, 0x9010
_LAT_REF, _LAT, _LON_REF, _LON, _TIME, _DATE, _ERROR_M = 1, 2, 3, 4, 7, 29, 31


@dataclass(frozen=True)
class PhotoFacts:
    """What a photo says of itself.

    Attributes:
        time: when it was taken, UTC; None where it does not say, or says a local time without zone and none was given.
        local_time: the camera's clock where its zone is unknown; else None.
        lat: degrees, None where unknown.
        lon: degrees.
        error_m: the receiver's own horizontal error, None where unknown.
    """

    time: datetime | None = None
    local_time: datetime | None = None
    lat: float | None = None
    lon: float | None = None
    error_m: float | None = None


def read_facts(path: Path, zone: tzinfo | None = None) -> PhotoFacts:
    """Position and time of a photo; what is damaged or impossible counts as absent.

    The satellite receiver's time (UTC) comes before the camera's clock with its offset, and that before the clock in
    ``zone``.

    Args:
        path: the photo.
        zone: zone of a camera clock that does not tell its offset.

    Raises:
        InputError: the file cannot be opened as a picture.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=TYPES) as picture:
            exif = picture.getexif()
            gps, camera = dict(exif.get_ifd(_GPS_IFD)), dict(exif.get_ifd(_EXIF_IFD))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(path, "photo", str(error)[:200], f"one of {', '.join(TYPES)}", "Replace the file.") from error
    lat, lon = _degrees(gps, _LAT, _LAT_REF, "S", 90), _degrees(gps, _LON, _LON_REF, "W", 180)
    if lat is None or lon is None or (lat == 0 and lon == 0):
        lat = lon = None  # a receiver without a fix writes zeros
    clock = _stamp(camera.get(_DATE_TIME_ORIGINAL))
    offset = _offset(camera.get(_OFFSET_ORIGINAL) or camera.get(_OFFSET)) or zone
    time = _gps_time(gps)
    if time is None and clock is not None and offset is not None:
        time = clock.replace(tzinfo=offset).astimezone(UTC)
    return PhotoFacts(time, clock if time is None else None, lat, lon, _number(gps.get(_ERROR_M)))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if number == number and abs(number) < 1e9 else None


def _degrees(gps: Mapping[int, Any], tag: int, ref: int, negative: str, limit: float) -> float | None:
    parts = gps.get(tag)
    sign = str(gps.get(ref, "")).strip("\0 ").upper()
    if not isinstance(parts, (tuple, list)) or len(parts) != 3 or not sign:
        return None
    numbers = [_number(p) for p in parts]
    if any(n is None or n < 0 for n in numbers):
        return None
    d, m, s = (float(n) for n in numbers if n is not None)
    value = d + m / 60 + s / 3600
    return None if value > limit else (-value if sign.startswith(negative) else value)


def _stamp(text: Any) -> datetime | None:
    try:
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _offset(text: Any) -> tzinfo | None:
    try:
        sign, hours, minutes = str(text)[0], int(str(text)[1:3]), int(str(text)[4:6])
    except (ValueError, IndexError):
        return None
    if sign not in "+-" or hours > 14 or minutes > 59:
        return None
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1))


def _gps_time(gps: Mapping[int, Any]) -> datetime | None:
    day, clock = str(gps.get(_DATE, "")).strip("\0 "), gps.get(_TIME)
    if not isinstance(clock, (tuple, list)) or len(clock) != 3:
        return None
    h, m, s = (_number(c) for c in clock)
    if h is None or m is None or s is None:
        return None
    try:
        return datetime.strptime(day, "%Y:%m:%d").replace(tzinfo=UTC) + timedelta(hours=h, minutes=m, seconds=s)
    except (ValueError, OverflowError):
        return None
