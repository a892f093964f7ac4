"""Vessels that tow one net together: the leader is sent with what both can do, its mate sails along."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from oceanclean.allocation.crews import Crew
    from oceanclean.allocation.sea_routing import SeaRouter

#: Vessels this near to each other are together, in metres.
TOGETHER_M = 1000.0


def pair_up(crews: list[Crew], router: SeaRouter) -> tuple[list[Crew], list[str]]:
    """Let those that tow together act as one vessel.

    The leader takes the net's mouth, the room of both holds, and of every limit the stricter one; where they lie apart
    it waits for its mate. Where one of the two cannot be sent or come, the other works alone with its own gear.

    Args:
        crews: every vessel of the fleet.
        router: paths at sea.

    Returns:
        The crews, mates held back for their leaders, and sentences.
    """
    crews, notes = list(crews), []
    place = {c.vessel_id: k for k, c in enumerate(crews)}
    for k, lead in enumerate(crews):
        if not lead.row["tows_with"]:
            continue
        name = str(lead.row["tows_with"])
        mate = crews[place[name]] if name in place else None
        if mate is None or mate.stays or lead.stays:
            kept = name if mate is None or mate.stays else lead.vessel_id
            notes.append(f"{lead.vessel_id} and {name} do not tow together: {kept} cannot be sent.")
            continue
        seconds = _seconds_to(mate, lead, router)
        left = float(mate.row["endurance"]) * 3600.0 - mate.reserve_s - seconds
        if left <= 0 or not np.isfinite(seconds):
            notes.append(f"{lead.vessel_id} and {name} do not tow together: {name} cannot reach {lead.vessel_id}.")
            continue
        crews[k] = replace(lead, row=_joint(lead.row, mate.row, seconds), mate=name, meets_s=seconds)
        crews[place[name]] = replace(mate, stays=f"Tows with {lead.vessel_id}.", mate=lead.vessel_id)
    return crews, notes


def _seconds_to(mate: Crew, lead: Crew, router: SeaRouter) -> float:
    """How long the mate sails until it is with its leader."""
    if np.hypot(*(mate.xy - lead.xy)) <= TOGETHER_M:
        return 0.0
    return router.distance(mate.xy, lead.xy) / float(mate.row["transit_speed"])


def _joint(lead: dict, mate: dict, seconds: float) -> dict:
    """One row for both: the slower speeds, the stricter limits, the sum of the holds.

    Fuel is counted in the leader's litres, used as fast as the thirstier of the two empties its own tanks.
    """
    both = dict(lead)
    for name in ("transit_speed", "collect_speed", "max_wave_height", "max_wind"):
        both[name] = min(lead[name], mate[name])
    both["endurance"] = min(float(lead["endurance"]), float(mate["endurance"]) - seconds / 3600.0)
    for name in ("hold", "hold_used"):
        both[name] = float(lead[name]) + float(mate[name])
    for name in ("wave_speed_loss", "rest", "bunker", "reserve_s"):
        both[name] = max(lead[name], mate[name])
    both["daylight_only"], both["drone"] = (bool(f(lead[n], mate[n])) for n, f in
                                            (("daylight_only", _either), ("drone", _either)))  # fmt: skip
    worked = [row["max_work"] for row in (lead, mate) if row["max_work"] > 0]
    both["max_work"] = min(worked, default=0.0)
    both["swath"] = lead["pair_swath"]
    counted = [row for row in (lead, mate) if row["fuel_capacity"] > 0]
    if counted:
        first = counted[0]
        left = {id(row): row["fuel"] - (seconds / 3600.0 * row["fuel_transit"] if row is mate else 0.0)
                for row in counted}  # fmt: skip
        for name in ("fuel_transit", "fuel_collect", "fuel_idle"):
            both[name] = first["fuel"] * max(row[name] / max(left[id(row)], 1e-9) for row in counted)
        both["fuel"] = first["fuel"]
        both["fuel_capacity"] = first["fuel"] * min(row["fuel_capacity"] / max(left[id(row)], 1e-9) for row in counted)
    return both


def _either(one: bool, other: bool) -> bool:
    return one or other
