"""The orders as CSV: units in the headers, ISO 8601 UTC, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from oceanclean.planning import notation
from oceanclean.planning.model import Order, PlanView, Vessel

HEADER = (
    "vessel_id", "vessel_name", "sequence", "waypoint", "action", "task_id", "place", "latitude_deg", "longitude_deg",
    "position_ddm", "end_latitude_deg", "end_longitude_deg", "end_position_ddm", "arrive_utc", "leave_utc",
    "window_start_utc", "window_end_utc", "distance_nm", "first_course_deg_true", "way", "expected_kg",
    "expected_p10_kg", "expected_p90_kg", "forecasts_in_reach_1", "finding_chance_1", "hold_kg", "endurance_left_h",
    "wave_height_m", "wind_kn", "drift_course_deg_true", "drift_speed_kn", "daylight", "reason",
)  # fmt: skip


def orders_csv(view: PlanView) -> str:
    """One row an order; a vessel that stays has one row with its reason."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(HEADER)
    for vessel in view.vessels:
        for order in vessel.orders:
            writer.writerow([cell_text(v) for v in _row(vessel, order)])
        if not vessel.orders:
            writer.writerow([cell_text(v) for v in _staying(vessel)])
    return out.getvalue()


def cell_text(value: object) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection): text that starts like one gets a quote."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(int(value) if isinstance(value, int) else float(value))
    text = str(value)
    return f"'{text}" if text.lstrip()[:1] in {"=", "+", "-", "@", "＝", "＋", "－", "＠"} else text


def _row(vessel: Vessel, order: Order) -> list[object]:
    return [
        vessel.vessel_id, vessel.name, order.sequence, order.waypoint, order.action, order.task_id, order.place,
        order.lat, order.lon, notation.position(order.lat, order.lon), order.end_lat, order.end_lon,
        notation.position(order.end_lat, order.end_lon), order.arrive, order.leave, order.window_start,
        order.window_end, order.distance_nm, order.first_course_deg, courses(order), order.expected_kg, order.p10_kg,
        order.p90_kg, order.forecasts_in_reach, order.finding_chance, order.hold_kg, order.endurance_left_h,
        order.wave_height_m, order.wind_kn, order.drift_course_deg, order.drift_speed_kn, order.daylight, order.reason,
    ]  # fmt: skip


def courses(order: Order) -> str:
    """The way to an order: each stretch's true course, length in nautical miles and end."""
    parts = [(notation.course(s.course_deg), s.distance_nm, notation.position(s.lat, s.lon)) for s in order.way]
    return "; ".join(f"{course} {miles:.1f} nm to {end}" for course, miles, end in parts)


def _staying(vessel: Vessel) -> list[object]:
    row: list[object] = [None] * len(HEADER)
    facts = {
        "vessel_id": vessel.vessel_id, "vessel_name": vessel.name, "action": "stay", "place": vessel.home_port,
        "latitude_deg": vessel.lat, "longitude_deg": vessel.lon,
        "position_ddm": notation.position(vessel.lat, vessel.lon),
        "reason": vessel.reason,
    }  # fmt: skip
    for key, value in facts.items():
        row[HEADER.index(key)] = value
    return row
