"""The whole plan as a brief of a few pages: what to do, how sure, why not the rest, what it rests on."""

from __future__ import annotations

from oceanclean.planning import notation
from oceanclean.planning.model import PlanView, Vessel
from oceanclean.planning.paper.sheet import Sheet

NOT_CHECKED = "Routes keep off land but are not checked for depth or dangers: check them against the chart."


def brief(view: PlanView, picture: bytes) -> bytes:
    """The plan as PDF on A4.

    Args:
        view: the model.
        picture: PNG of the still map.
    """
    head, bottom = view.header, view.bottom
    zone = head.timezone
    sheet = Sheet(f"Deployment plan {head.issue_time[:10]}: {head.title}", foot(view), head.issue_time)
    if head.simulated:
        sheet.text("SIMULATED SEA: coast and ports are real; debris, currents and vessels are not. Do not sail by it.",
                   bold=True)  # fmt: skip
    sheet.heading(f"Deployment plan: {head.title}, {notation.day(head.issue_time, zone)}", 15)
    sheet.boxes([
        ("Status", head.status), ("Issued", both(head.issue_time, zone)), ("Valid until", both(head.valid_to, zone)),
        ("Prepared by", prepared(view)), ("Approved by", approved(view)),
        ("Run", f"{head.run_id} {head.plan_digest[:12]}"),
    ])  # fmt: skip
    sheet.text(bottom.verdict, 12, bold=True)
    sheet.text(f"How good is it? {bottom.bound_statement} {bottom.nearest_statement}".rstrip())
    sheet.text(f"Main risk. {bottom.main_risk}")
    if view.degraded:
        sheet.heading("Degraded today")
        sheet.points(view.degraded)
    _hand(sheet, view)
    sheet.picture(picture, "Map of the plan: coast, debris density at the issue time, routes and patches")
    _vessels(sheet, view)
    _unserved(sheet, view)
    _rest(sheet, view)
    return sheet.content()


def foot(view: PlanView) -> str:
    """Text at the foot of every page."""
    head = view.header
    return f"{head.status} · {notation.ascii_name(head.title, 60, head.region)} · issued {head.issue_time[:16]}Z"


def both(text: str | None, zone: str) -> str:
    """A time on both clocks."""
    return f"{notation.local(text, zone)} local\n{notation.utc(text)}" if text else ""


def prepared(view: PlanView) -> str:
    """Who made the plan: the planner whose decisions it keeps to, else the software alone."""
    head = view.header
    return f"{head.prepared_by} with {head.software}" if head.prepared_by else head.software


def approved(view: PlanView) -> str:
    """Who approved the plan and when."""
    head = view.header
    when = f"\n{notation.utc(head.approved_at)}" if head.approved_at else ""
    return f"{head.approved_by}{when}" if head.approved_by else "not yet"


def _hand(sheet: Sheet, view: PlanView) -> None:
    hand = view.hand
    if hand is None:
        return
    sheet.heading("Decided by people")
    sheet.text(f"Without these decisions {notation.kilograms(hand.free_kg)} would be expected: together they cost "
               f"{notation.kilograms(max(0.0, hand.cost_kg))}.")  # fmt: skip
    noise = view.what_if_noise * hand.free_kg
    rows = [
        [d.text, d.reason, "together" if d.cost_kg is None else _price(d.cost_kg, noise),
         "see orders" if d.kept is None else "yes" if d.kept else "NO"]
        for d in hand.decisions
    ]  # fmt: skip
    sheet.table(["Decision", "Reason", "Costs", "Kept"], rows, (4, 4, 1.3, 1.2))


def _price(kg: float, noise_kg: float) -> str:
    """What a decision costs; a small price is the search's own."""
    return f"{notation.kilograms(kg)}{' (within noise)' if 0.5 <= kg < noise_kg else ''}"


def _vessels(sheet: Sheet, view: PlanView) -> None:
    zone = view.header.timezone
    sheet.heading("Vessels")
    rows = [[f"{v.number} {notation.plain(v.name, 60)}", *_day(v, zone)] for v in view.vessels]
    head = ["Vessel", "Leaves", "Back", "Patches", "Expected (80 %)", "Trip", "Hold, endurance left"]
    sheet.table(head, rows, (2.6, 1.5, 1.5, 1.5, 1.9, 1.4, 1.9))
    sheet.text(f"Times are local ({notation.zone_name(view.header.issue_time, zone)}). {NOT_CHECKED} Each vessel's "
               "positions and times stand on its assignment sheet.", 8, quiet=True)  # fmt: skip


def _day(vessel: Vessel, zone: str) -> list[str]:
    if vessel.status != "sent":
        return ["stays", "", "", vessel.reason, "", ""]
    patches = list(dict.fromkeys(o.task_id for o in vessel.orders if o.action == "collect"))
    return [
        notation.local(vessel.depart or "", zone), notation.local(vessel.back or "", zone), ", ".join(patches),
        f"{notation.kilograms(vessel.expected_kg)}\n({notation.interval(vessel.p10_kg, vessel.p90_kg)})",
        f"{vessel.distance_nm:.0f} nm\n{vessel.hours:.1f} h",
        f"{vessel.hold_after_kg:.0f} of {vessel.hold_kg:.0f} kg\n{vessel.endurance_after_h:.1f} h",
    ]  # fmt: skip


def _unserved(sheet: Sheet, view: PlanView) -> None:
    if not view.unserved:
        return
    sheet.heading("Patches that no vessel is sent to")
    shown, rest = view.unserved[:25], view.unserved[25:]
    rows = [[t.task_id, notation.position(t.lat, t.lon), notation.kilograms(t.mass_kg), t.reason] for t in shown]
    sheet.table(["Patch", "Position at issue", "Mass", "Reason"], rows, (0.9, 2.4, 1.1, 6))
    if rest:
        sheet.text(f"{len(rest)} smaller ones stand in plan.html.", 8, quiet=True)


def _rest(sheet: Sheet, view: PlanView) -> None:
    if view.changes:
        sheet.heading("Against the plan before")
        rows = [[notation.plain(c.name or c.vessel_id, 60), c.kind, c.text] for c in view.changes]
        sheet.table(["Vessel", "Change", "What"], rows, (2.4, 1, 6))
    if view.outcomes:
        sheet.heading("The plan before against what happened")
        rows = [
            [notation.plain(o.name, 60), notation.kilograms(o.expected_kg),
             "no report" if o.caught_kg is None else notation.kilograms(o.caught_kg)]
            for o in view.outcomes
        ]  # fmt: skip
        sheet.table(["Vessel", "Expected by the issue time", "Reported"], rows, (4, 2.5, 2))
    if view.what_if:
        sheet.heading("What if")
        rows = [
            [
                w.text,
                notation.kilograms(w.expected_kg if w.differs else view.bottom.expected_kg),
                notation.signed_kilograms(w.change_kg) if w.differs else "no difference",
                str(w.vessels_sent),
            ]
            for w in view.what_if
        ]
        sheet.table(["If", "Expected", "Against this plan", "Vessels out"], rows, (4, 1.5, 1.7, 1.2))
    sheet.heading("What this rests on")
    rows = [
        [s.name, notation.utc(s.cut_off) if s.cut_off else "–", f"{s.age_h:.1f} h" if s.age_h is not None else "–"]
        for s in view.sources
    ]
    sheet.table(["Source", "Up to", "Age at issue"], rows, (5, 2.2, 1.2))
    models = [f"{m.stage}: {m.name} {m.version}" for m in view.models]
    sheet.text(f"Models: {'; '.join(models)}. {view.header.software}", 8, quiet=True)
