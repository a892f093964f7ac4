"""iCalendar (RFC 5545): one event for each order that takes time."""

from __future__ import annotations

from oceanclean.planning import notation
from oceanclean.planning.exchange import waypoints
from oceanclean.planning.model import Order, PlanView, Vessel


def ics(view: PlanView) -> str:
    """Events of every vessel, times in UTC."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//oceanclean//deployment plan//EN", "CALSCALE:GREGORIAN"]
    for vessel in view.sent:
        for order in vessel.orders:
            lines += _event(view, vessel, order)
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _event(view: PlanView, vessel: Vessel, order: Order) -> list[str]:
    name = notation.plain(vessel.name, 60)
    summary = f"{name}: {order.action} {order.task_id or order.place}".strip()
    text = f"{waypoints.describe(order)}. {notation.position(order.lat, order.lon)}"
    return [
        "BEGIN:VEVENT",
        f"UID:{view.header.region}-{_stamp(view.header.issue_time)}-{order.waypoint}@oceanclean",
        f"DTSTAMP:{_stamp(view.header.issue_time)}",
        f"DTSTART:{_stamp(order.arrive)}",
        f"DTEND:{_stamp(order.leave)}",
        f"SUMMARY:{_text(summary)}",
        f"LOCATION:{_text(notation.position(order.lat, order.lon))}",
        f"GEO:{order.lat:.6f};{order.lon:.6f}",
        f"DESCRIPTION:{_text(text)}",
        "END:VEVENT",
    ]


def _stamp(iso: str) -> str:
    return notation.moment(iso).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    """Text value with the four characters escaped (section 3.3.11)."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> list[str]:
    """A line cut to 75 octets, continuations begin with a space; no character is cut in two (section 3.1)."""
    parts, current, size = [], "", 0
    for character in line:
        width = len(character.encode())
        if size + width > 75:
            parts.append(current)
            current, size = " ", 1
        current, size = current + character, size + width
    return [*parts, current]
