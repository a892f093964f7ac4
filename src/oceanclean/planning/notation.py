"""How the page writes positions, times, courses and masses; the only place where numbers become words."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

METRES_PER_NM = 1852.0
KNOTS_PER_M_S = 3600.0 / METRES_PER_NM
#: Embedding, override and isolate controls: they reorder the text around a name (Unicode TR #36, section 2.2).
_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def plain(text: object, limit: int | None = None) -> str:
    """Text from outside, made safe to store in any file: no control characters, no bidi overrides, one line.

    Args:
        text: anything; None becomes "".
        limit: longest result, an ellipsis included.
    """
    if text is None or text != text:
        return ""
    kept = str(text).translate(_BIDI_CONTROLS)
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in kept)
    kept = "".join(c for c in kept if unicodedata.category(c) not in {"Cs", "Cn"})
    kept = " ".join(kept.split())
    return kept if limit is None or len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def ascii_name(text: str, limit: int, fallback: str = "vessel") -> str:
    """The name in ASCII, for plotters and pictures that draw nothing else."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    folded = " ".join(re.sub(r"[^A-Za-z0-9 ._-]", " ", folded).split())
    return folded[:limit].strip() or fallback[:limit]


def slug(text: str) -> str:
    """The text as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:40] or "vessel"


def signed_lon(lon: float) -> float:
    """Longitude in [−180, 180), as GPX and RFC 7946 want it."""
    return lon if -180 <= lon < 180 else (lon + 180.0) % 360.0 - 180.0


def degrees_minutes(value: float, positive: str, negative: str, width: int) -> str:
    """Degrees and decimal minutes, ``15°48.20′N``; rounding never gives 60 minutes."""
    hundredths = round(abs(value) * 6000)
    degrees, minutes = divmod(hundredths, 6000)
    return f"{degrees:0{width}d}°{minutes / 100:05.2f}′{positive if value >= 0 else negative}"


def position(lat: float, lon: float) -> str:
    """Position as a chart table wants it: ``15°48.20′N 086°47.40′W``."""
    return f"{degrees_minutes(lat, 'N', 'S', 2)} {degrees_minutes(signed_lon(lon), 'E', 'W', 3)}"


def decimal_position(lat: float, lon: float) -> str:
    """Position in decimal degrees to a metre: ``15.80333, -86.79000``."""
    return f"{lat:.5f}, {signed_lon(lon):.5f}"


def course(degrees: float | None) -> str:
    """True course in three digits, ``045°``."""
    return "–" if degrees is None else f"{round(degrees) % 360:03d}°"


def compass(degrees: float) -> str:
    """Nearest of eight compass points."""
    return _COMPASS[round(degrees / 45) % 8]


def thousands(value: float) -> str:
    """Whole number with thin groups: ``12 345``."""
    return f"{round(value):,}".replace(",", "\u202f")


def kilograms(value: float) -> str:
    """Mass with two to three figures that mean something: ``1 840 kg``, ``7.4 kg``."""
    if 0 < value < 10:
        return f"{value:.1f}\u00a0kg"
    return f"{thousands(round(value, -1) if value >= 1000 else value)}\u00a0kg"


def signed_kilograms(value: float) -> str:
    """A difference of masses with its sign: ``+120 kg``, ``−1 240 kg``."""
    return f"{'−' if value < 0 else '+'}{kilograms(abs(value))}"


def interval(low: float, high: float) -> str:
    """An 80 % interval: ``900–2 760 kg``."""
    left = kilograms(low).removesuffix("\u00a0kg")
    return f"{left}–{kilograms(high)}"


def percent(share: float) -> str:
    """A share as a percentage; small ones keep a decimal."""
    value = 100 * share
    return f"{value:.1f}\u00a0%" if 0 < abs(value) < 10 and abs(value - round(value)) > 0.05 else f"{value:.0f}\u00a0%"


def moment(iso: str) -> datetime:
    """An ISO 8601 time as an aware datetime in UTC; a time without a zone is UTC."""
    when = datetime.fromisoformat(iso)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def iso(when: datetime) -> str:
    """ISO 8601 UTC to the second, with ``Z``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(when: datetime) -> str:
    return f"{when:%a} {when.day} {when:%b}"


def utc(text: str) -> str:
    """``Tue 16 Jun 12:40 UTC``."""
    when = moment(text)
    return f"{_day(when)} {when:%H:%M} UTC"


def local(text: str, zone: str) -> str:
    """``Tue 16 Jun 06:40``, on the region's clock."""
    when = moment(text).astimezone(ZoneInfo(zone))
    return f"{_day(when)} {when:%H:%M}"


def day(text: str, zone: str) -> str:
    """``Tue 16 Jun 2026``, on the region's calendar."""
    when = moment(text).astimezone(ZoneInfo(zone))
    return f"{_day(when)} {when:%Y}"


def clock(text: str, zone: str = "UTC") -> str:
    """``06:40`` on the given clock."""
    return f"{moment(text).astimezone(ZoneInfo(zone)):%H:%M}"


def day_clock(text: str, zone: str = "UTC") -> str:
    """``Tue 06:40`` on the given clock: a plan runs over several days."""
    return f"{moment(text).astimezone(ZoneInfo(zone)):%a %H:%M}"


def zone_name(text: str, zone: str) -> str:
    """Name of the region's clock at that time with its offset: ``CST (UTC−6)``."""
    when = moment(text).astimezone(ZoneInfo(zone))
    offset = when.utcoffset()
    hours = offset.total_seconds() / 3600 if offset else 0.0
    name = when.tzname() or zone
    shift = "UTC" if hours == 0 else f"UTC{'+' if hours > 0 else '−'}{abs(hours):g}"
    return shift if name.lstrip("+-").isdigit() or name == "UTC" else f"{name} ({shift})"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 vessel``, ``3 vessels``; a plural that is no ``s`` is given."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
