"""An assignment sheet a vessel, with the content of an ICS-204 (boxes 1 to 11 of FEMA's form, v3)."""

from __future__ import annotations

from oceanclean.planning import notation
from oceanclean.planning.exchange.table import courses
from oceanclean.planning.exchange.waypoints import moves
from oceanclean.planning.model import Order, PlanView, Vessel
from oceanclean.planning.paper.brief import NOT_CHECKED, approved, both, foot, prepared
from oceanclean.planning.paper.sheet import Sheet


def assignment(view: PlanView, vessel: Vessel, picture: bytes) -> bytes:
    """A vessel's sheet as PDF on A4: resources, assignments, safety, communications, who approved, report.

    Args:
        view: the model.
        vessel: a vessel that is sent.
        picture: PNG of the map around its route.
    """
    head, zone = view.header, view.header.timezone
    sheet = Sheet(f"Assignment {head.issue_time[:10]}: {vessel.name[:60]}", foot(view), head.issue_time)
    if head.simulated:
        sheet.text("SIMULATED SEA: do not sail by it.", bold=True)
    sheet.heading("Assignment list (ICS 204)", 14)
    sheet.boxes([
        ("1. Incident", f"Debris collection, {head.title}"),
        ("2. Operational period from", both(head.issue_time, zone)), ("to", both(head.valid_to, zone)),
        ("3. Branch", "Collection at sea"), ("4. Division / group", f"{head.region}, vessel {vessel.number}"),
        ("5. Operations personnel", f"Duty planner: {head.prepared_by or _BLANK}"),
    ])  # fmt: skip
    sheet.heading("6. Resources assigned")
    sheet.boxes([
        ("Vessel", vessel.name), ("Identifier, call sign, MMSI", _called(vessel)), ("Home port", vessel.home_port),
        ("Master", vessel.master or _BLANK), ("Contact", vessel.contact or _BLANK), ("Persons on board", _BLANK),
        ("Leaves / back", f"{both(vessel.depart, zone)}\n{both(vessel.back, zone)}"),
        ("Hold", _hold(vessel)),
        ("Endurance", f"{vessel.endurance_before_h:.1f} h at the start, {vessel.endurance_after_h:.1f} h at the end"),
        ("Limits", _limits(vessel)), ("Expected catch", _catch(vessel)),
        ("Trip", f"{vessel.distance_nm:.0f} nm, {vessel.hours:.1f} h away"), ("Fuel", _fuel(vessel)),
    ])  # fmt: skip
    sheet.heading("7. Assignments")
    sheet.table(["Order", "Position", "Arrive – leave", "Course, distance", "Expected, sureness", "Sea, drift"],
                [_row(o, zone) for o in vessel.orders], (1.7, 2.2, 2.3, 1.3, 1.8, 1.7), 7.5)  # fmt: skip
    for order in vessel.orders:
        if len(order.way) > 1:
            sheet.text(f"Way to {order.waypoint}: {courses(order)}.", 8)
        if order.action == "collect":
            _details(sheet, order, zone)
    sheet.picture(picture, f"Map of the route of vessel {vessel.number}", 105)
    sheet.heading("8. Special instructions and safety")
    sheet.points(_safety(view, vessel))
    sheet.heading("9. Communications")
    sheet.boxes([("Working channel", _BLANK), ("Call sign, MMSI", _called(vessel)),
                 ("Report to, at", "duty planner, on leaving each patch")])  # fmt: skip
    sheet.boxes([("10. Prepared by", prepared(view)), ("11. Approved by", approved(view)),
                 ("Status, plan", f"{head.status}, {head.plan_digest[:12]}")])  # fmt: skip
    _report(sheet, vessel)
    return sheet.content()


#: To be filled in by hand.
_BLANK = "____________________"


def _fuel(vessel: Vessel) -> str:
    if vessel.fuel_before_l is None or vessel.fuel_after_l is None:
        return "not counted: its use is not in the fleet's settings"
    return f"{vessel.fuel_before_l:.0f} l at the start, {vessel.fuel_after_l:.0f} l at the end"


def _called(vessel: Vessel) -> str:
    return ", ".join(t for t in (vessel.vessel_id, vessel.callsign, vessel.mmsi) if t)


def _hold(vessel: Vessel) -> str:
    return f"{vessel.hold_before_kg:.0f} kg at the start, fullest {vessel.hold_after_kg:.0f} of {vessel.hold_kg:.0f} kg"


def _limits(vessel: Vessel) -> str:
    light = ", collects by daylight only" if vessel.daylight_only else ""
    return f"waves {vessel.max_wave_height_m:.1f} m, wind {vessel.max_wind_kn:.0f} kn{light}"


def _catch(vessel: Vessel) -> str:
    return f"{notation.kilograms(vessel.expected_kg)} (80 %: {notation.interval(vessel.p10_kg, vessel.p90_kg)})"


def _row(order: Order, zone: str) -> list[str]:
    work = order.action == "collect"
    times = f"{notation.local(order.arrive, zone)} – {notation.clock(order.leave, zone)}"
    utc = f"{notation.clock(order.arrive)}–{notation.clock(order.leave)} UTC"
    chance = ""
    if order.forecasts_in_reach is not None:
        chance = f"\nin reach of {notation.percent(order.forecasts_in_reach)} of forecasts"
    if order.finding_chance is not None:
        chance += f"\n{notation.percent(order.finding_chance)} to find it"
    sea = f"Hs {order.wave_height_m:.1f} m" if order.wave_height_m is not None else "–"
    wind = f", {order.wind_kn:.0f} kn" if order.wind_kn is not None else ""
    first = f" first of {len(order.way)}" if len(order.way) > 1 else ""
    way = f"{notation.course(order.first_course_deg)}{first}\n{order.distance_nm:.1f} nm" if order.way else "–"
    ends = f"\nends {notation.position(order.end_lat, order.end_lon)}" if moves(order) else ""
    return [
        f"{order.waypoint}\n{order.action} {order.task_id or order.place}",
        f"{notation.position(order.lat, order.lon)}\n{notation.decimal_position(order.lat, order.lon)}{ends}",
        f"{times}\n{utc}", way, f"{notation.kilograms(order.expected_kg)}{chance}" if work else "–",
        f"{sea}{wind}{_drift(order)}" if work else "–",
    ]  # fmt: skip


def _drift(order: Order) -> str:
    if order.drift_speed_kn is None:
        return ""
    return f"\ndrifts {notation.course(order.drift_course_deg)} {order.drift_speed_kn:.1f} kn"


def _details(sheet: Sheet, order: Order, zone: str) -> None:
    """Why, go or no-go, and what to do if the patch is gone."""
    sheet.text(f"{order.waypoint} {order.task_id}", 8, bold=True)
    sheet.text(f"{order.reason} {order.evidence}", 8)
    gate = f"Go / no-go: {order.go_no_go}"
    if order.leave_by:
        gate += (
            f" Leave by {notation.local(order.leave_by, zone)} ({notation.clock(order.leave_by)} UTC) at the latest."
        )
    sheet.text(gate, 8)
    gone = []
    if order.search is not None:
        square = order.search
        legs = ", ".join(f"{notation.course(c)} {n:.1f} nm" for c, n in square.legs)
        gone.append(f"expanding square from the position: {legs}; out to {square.radius_nm:.1f} nm, "
                    f"{square.hours:.1f} h, {notation.percent(square.covers)} chance to come upon it")  # fmt: skip
    if order.alternate is not None:
        other = order.alternate
        where, course = notation.position(other.lat, other.lon), notation.course(other.course_deg)
        mass = notation.kilograms(other.mass_kg)
        gone.append(f"then {other.task_id} at {where}: {course}, {other.distance_nm:.0f} nm, {mass} lie there")
    sheet.text(f"If it is not there: {'; '.join(gone) or 'go on to the next order'}.", 8)


def _safety(view: PlanView, vessel: Vessel) -> list[str]:
    said = [
        f"{NOT_CHECKED} The master decides.",
        f"Stop collecting above {vessel.max_wave_height_m:.1f} m of waves or {vessel.max_wind_kn:.0f} kn of wind.",
        f"Main risk of the plan: {view.bottom.main_risk}",
    ]
    said += [f"Closed: {a.name} ({a.reason})." for a in view.closed_areas]
    return said + [f"Today: {sentence}" for sentence in view.degraded[:6]]


def _report(sheet: Sheet, vessel: Vessel) -> None:
    """Form for what was found: it feeds the next forecast."""
    patches = [o.task_id for o in vessel.orders if o.action == "collect"]
    if patches:
        sheet.heading("Report of what was found", room_mm=14 + 9 * len(patches))
        sheet.table(["Patch", "Time, UTC", "Position found", "Kilograms", "Waves, wind", "Remarks"],
                    [[p, "", "", "", "", "\n"] for p in patches], (1, 1.5, 2.2, 1.3, 1.5, 2.5))  # fmt: skip
