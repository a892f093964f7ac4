"""What people decided, checked against the plan that came of it; and what would be if something were otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import shapely

from oceanclean.decisions import KINDS, Ban, ClosedPort, Decisions, Hold, Limit, Pin
from oceanclean.planning import geodesy, notation
from oceanclean.planning.model import Decision, Hand, Task, Vessel, WhatIf
from oceanclean.settings import ZoneSettings

_KM_PER_NM = notation.METRES_PER_NM / 1000.0


def hand_of(
    decided: Mapping[str, Any] | None, vessels: Sequence[Vessel], tasks: Sequence[Task], expected_kg: float
) -> Hand | None:
    """The decisions with their prices, and whether the plan keeps to each.

    Args:
        decided: ``by``, ``free_kg``, ``record`` (the decisions as plain values) and ``entries`` in their order, each
            with ``cost_kg``; None where nothing was decided.
        vessels: cards of the plan that obeys them.
        tasks: its patches.
        expected_kg: its expected catch.
    """
    if not decided:
        return None
    decisions = Decisions.model_validate(decided["record"])
    each = [d for kind in KINDS for d in getattr(decisions, kind)]
    made = [
        Decision(
            notation.plain(entry["kind"], 40), notation.plain(entry["text"], 400), notation.plain(entry["reason"], 300),
            None if entry["cost_kg"] is None else round(max(0.0, entry["cost_kg"]), 2), kept(decision, vessels, tasks),
        )
        for entry, decision in zip(decided["entries"], each, strict=True)
    ]  # fmt: skip
    free = float(decided["free_kg"])
    return Hand(notation.plain(decided["by"], 120), round(free, 2), round(free - expected_kg, 2), made)


def kept(decision: Any, vessels: Sequence[Vessel], tasks: Sequence[Task]) -> bool | None:
    """Whether the plan keeps to a decision, seen from its orders alone; None where orders do not show it."""
    checks: dict[type, Callable[..., bool | None]] = {
        Pin: _pin,
        Ban: _ban,
        Hold: _hold,
        ClosedPort: _port,
        ZoneSettings: _area,
        Limit: _limit,
    }
    return checks[type(decision)](decision, vessels, tasks)


def _meant(decision: Pin | Ban, tasks: Sequence[Task]) -> str:
    """Id of the patch that a decision names, "" if there is none such."""
    if decision.place is None:
        return decision.task if any(t.task_id == decision.task for t in tasks) else ""
    place = decision.place
    far = [(geodesy.leg(place.lat, place.lon, t.lat, t.lon)[1] * _KM_PER_NM, t.task_id) for t in tasks]
    return min(far)[1] if far and min(far)[0] <= place.within_km else ""


def _worked(vessel: Vessel) -> list[str]:
    return [o.task_id for o in vessel.orders if o.action == "collect"]


def _pin(pin: Pin, vessels: Sequence[Vessel], tasks: Sequence[Task]) -> bool:
    patch = _meant(pin, tasks)
    worked = [t for v in vessels if v.vessel_id == pin.vessel for t in _worked(v)]
    return bool(patch) and patch in (worked[:1] if pin.first else worked)


def _ban(ban: Ban, vessels: Sequence[Vessel], tasks: Sequence[Task]) -> bool:
    patch = _meant(ban, tasks)
    return not any(patch in _worked(v) for v in vessels if ban.vessel in ("", v.vessel_id))


def _hold(hold: Hold, vessels: Sequence[Vessel], _tasks: Sequence[Task]) -> bool:
    return not any(v.vessel_id == hold.vessel and _worked(v) for v in vessels)


def _port(port: ClosedPort, vessels: Sequence[Vessel], _tasks: Sequence[Task]) -> bool:
    return not any(o.place == port.port for v in vessels for o in v.orders[1:])


def _area(area: ZoneSettings, vessels: Sequence[Vessel], _tasks: Sequence[Task]) -> bool:
    polygon = shapely.Polygon(area.polygon)
    west = polygon.bounds[0]
    for order in (o for v in vessels for o in v.orders if o.action == "collect"):
        begins, ends = notation.moment(order.arrive), notation.moment(order.leave)
        starts, stops = (None if t is None else notation.moment(t.isoformat()) for t in (area.starts, area.ends))
        if (starts and ends <= starts) or (stops and begins >= stops):
            continue
        if polygon.contains(shapely.Point(west + (order.lon - west) % 360.0, order.lat)):
            return False
    return True


def _limit(limit: Limit, vessels: Sequence[Vessel], _tasks: Sequence[Task]) -> bool | None:
    """Waves, wind and hold at the orders; speeds and endurance are not seen from them."""
    mine = [o for v in vessels if v.vessel_id == limit.vessel for o in v.orders]
    work = [o for o in mine if o.action == "collect"]
    checks = (
        (limit.max_wave_height_m, [o.wave_height_m for o in work], 0.05),
        (limit.max_wind_kn, [o.wind_kn for o in work], 0.5),
        (limit.hold_kg, [o.hold_kg for o in mine], 1.0),
    )
    known = [
        all(value is None or value <= bound + slack for value in values)
        for bound, values, slack in checks
        if bound is not None
    ]
    return all(known) if known else None


def what_if_of(found: Sequence[Mapping[str, Any]] | None, noise_kg: float) -> list[WhatIf]:
    """Rows of the what-if table; a change within ``noise_kg`` is the search's own."""
    return [
        WhatIf(notation.plain(row["kind"], 20), notation.plain(row["text"], 200), round(float(row["expected_kg"]), 2),
               round(float(row["change_kg"]), 2), abs(float(row["change_kg"])) > noise_kg,
               int(row["vessels_sent"]))
        for row in found or []
    ]  # fmt: skip
