"""The fleet's day as bars on one clock: who sails, collects, unloads when, and when it is dark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from oceanclean.planning import geodesy, notation
from oceanclean.planning.model import PlanView, Vessel

#: Width of the drawing in its own units.
WIDTH = 1000.0
#: Step in which sunrise and sunset are looked for.
_NIGHT_STEP = timedelta(minutes=10)


Place = Callable[[datetime], float]


@dataclass(frozen=True)
class Bar:
    """One stretch of a vessel's day, in drawing units."""

    kind: str
    x: float
    width: float
    label: str
    title: str


@dataclass(frozen=True)
class Lane:
    """A vessel's bars."""

    vessel: Vessel
    bars: list[Bar]


@dataclass(frozen=True)
class Timeline:
    """The drawing: lanes, nights as (x, width), marks as (x, local label, utc label)."""

    lanes: list[Lane]
    nights: list[tuple[float, float]] = field(default_factory=list)
    marks: list[tuple[float, str, str]] = field(default_factory=list)
    width: float = WIDTH


def timeline(view: PlanView) -> Timeline | None:
    """Bars of every vessel sent, from the first departure's hour to the last order's end; None if none sails."""
    sent = view.sent
    if not sent:
        return None
    start = min(notation.moment(v.orders[0].arrive) for v in sent).replace(minute=0, second=0)
    end = max(notation.moment(o.leave) for v in sent for o in v.orders) + timedelta(hours=1)
    span = (end - start).total_seconds()

    def x(when: datetime) -> float:
        return round(WIDTH * (when - start).total_seconds() / span, 2)

    lanes = [Lane(v, _bars(v, x)) for v in sent]
    place = sent[0]
    return Timeline(lanes, _nights(start, end, place.lat, place.lon, x), _marks(start, end, view.header.timezone, x))


def _bars(vessel: Vessel, x: Place) -> list[Bar]:
    bars, before = [], None
    for order in vessel.orders:
        arrive, leave = notation.moment(order.arrive), notation.moment(order.leave)
        if before is not None and arrive > before:
            title = f"Sails {order.distance_nm:.0f} nm to {order.task_id or order.place}"
            bars.append(Bar("sail", x(before), round(x(arrive) - x(before), 2), "", title))
        if leave > arrive:
            hours = (leave - arrive).total_seconds() / 3600.0
            what = order.task_id or order.place
            bars.append(Bar(order.action, x(arrive), round(x(leave) - x(arrive), 2), order.task_id,
                            f"{order.action.capitalize()} {what}, {hours:.1f} h"))  # fmt: skip
        before = leave
    return bars


def _nights(start: datetime, end: datetime, lat: float, lon: float, x: Place) -> list[tuple[float, float]]:
    """Dark stretches at a place, to ten minutes."""
    nights, dusk, when = [], None, start
    while when <= end:
        dark = not geodesy.is_daylight(when, lat, lon)
        if dark and dusk is None:
            dusk = when
        if dusk is not None and (not dark or when + _NIGHT_STEP > end):
            nights.append((x(dusk), round(x(when) - x(dusk), 2)))
            dusk = None
        when += _NIGHT_STEP
    return nights


def _marks(start: datetime, end: datetime, zone: str, x: Place) -> list[tuple[float, str, str]]:
    """Marks of day and time on round local hours, about a dozen of them."""
    hours = (end - start).total_seconds() / 3600.0
    step = next((s for s in (1, 2, 3, 6, 12) if hours / s <= 13), 24)
    marks, when = [], start
    while when <= end:
        local = when.astimezone(ZoneInfo(zone))
        if local.hour % step == 0:
            label = f"{local:%a} {local:%H:%M}"
            marks.append((x(when), label, f"{when.astimezone(UTC):%H}Z"))
        when += timedelta(hours=1)
    return marks
