"""What the crews would have reported: plans carried out in the truth, written as catch reports.

The days of a season share one sea: what is caught on one day is gone on the next. An order that begins after the next
plan of the region was issued is not carried out: the next plan has overtaken it.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import MissingDataError
from oceanclean.products.plan import Plan
from oceanclean.store import write_aside
from oceanclean.twin.sortie import TrueDebris, TrueWeather, execute, naive_utc

if TYPE_CHECKING:
    from oceanclean.settings import FleetSettings
    from oceanclean.twin.settings import ScoreSettings, TwinSettings

HEADER = (
    "vessel_id", "task_id", "started_at", "ended_at", "available_at", "lat", "lon", "caught_kg", "swept_m", "swath_m",
    "wave_height_m", "fuel_l", "debris_class", "reported_by", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Haul:
    """One collect order carried out."""

    vessel_id: str
    task_id: str
    start: np.datetime64
    end: np.datetime64
    lat: float
    lon: float
    kg: float
    expected_kg: float
    hours_waited: float
    swept_m: float
    swath_m: float
    wave_height_m: float
    kind: int | None


def carry_out(
    plan: Plan, debris: TrueDebris, weather: TrueWeather, fleet: FleetSettings, rules: ScoreSettings,
    before: np.datetime64 | None = None,
) -> list[Haul]:  # fmt: skip
    """Carry a plan's collect orders out in the order of time (rules: :mod:`oceanclean.twin.sortie`).

    Args:
        plan: the plan.
        debris: the true debris; what is caught is taken from it.
        weather: true wind and waves.
        fleet: swath, efficiency, hold, speeds and limits of the vessels.
        rules: sight, search speed, time step.
        before: orders that begin at or after this time (UTC) are left out; None carries all out.
    """
    vessels = {v.id: v for v in fleet.vessels}
    room = {v.id: v.hold_kg - v.hold_used_kg for v in fleet.vessels}
    hauls = []
    for order in plan.orders.sort_values(["arrive", "vessel_id"]).itertuples():
        if before is not None and naive_utc(order.arrive) >= before:
            continue
        if order.action == "unload":
            room[order.vessel_id] = vessels[order.vessel_id].hold_kg
        if order.action != "collect" or order.vessel_id not in vessels:
            continue
        vessel = vessels[order.vessel_id]
        caught = execute(order, plan, vessel, room[vessel.id], debris, weather, rules)
        room[vessel.id] -= caught.kg
        begin, end, (lon, lat) = naive_utc(order.arrive), naive_utc(order.leave), (order.geometry.x, order.geometry.y)
        hauls.append(
            Haul(vessel.id, order.task_id, begin, end, lat, lon, caught.kg, float(order.expected_kg),
                 caught.hours_waited, caught.swept_m, vessel.swath_m, weather.wave_height(begin, lon, lat),
                 caught.kind)
        )  # fmt: skip
    return hauls


def write_catches(
    plans: Sequence[Path], truth: Path, fleet: FleetSettings, settings: TwinSettings, out: Path
) -> list[Haul]:
    """Carry consecutive plans out in one truth and write the crews' reports (``Catches``, see ``docs/sources.md``).

    Args:
        plans: folders of saved plans of one region, in any order.
        truth: folder ``truth`` of the twin that was planned on; it must reach to the last order.
        fleet: the fleet of the plans.
        settings: rules of the execution.
        out: CSV file, written whole or not at all.

    Returns:
        The hauls.

    Raises:
        MissingDataError: no plan, or no truth.
    """
    if not plans:
        raise MissingDataError(truth.parent, "plans", "none", "at least one finished run", "Plan a day first.")
    debris, weather = TrueDebris.read(truth), TrueWeather(truth)
    loaded = sorted((Plan.load(folder) for folder in plans), key=lambda p: p.issue_time)
    hauls: list[Haul] = []
    for plan, after in zip(loaded, [*loaded[1:], None], strict=True):
        before = naive_utc(after.issue_time) if after else None
        hauls += carry_out(plan, debris, weather, fleet, settings.score, before)
    with write_aside(out) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_row(haul, list(settings.debris.classes)) for haul in hauls)
    return hauls


def _row(haul: Haul, classes: Sequence[str]) -> list[Any]:
    """A haul as its crew reports it, an hour after it ended; the twin burns no fuel."""
    mostly = "" if haul.kind is None else classes[haul.kind]
    reported = haul.end + np.timedelta64(1, "h")
    waited = f"waited {haul.hours_waited:.1f} h for the weather" if haul.hours_waited >= 0.1 else ""
    return [
        haul.vessel_id, haul.task_id, *(f"{np.datetime_as_string(t, unit='s')}Z" for t in (haul.start, haul.end)),
        f"{np.datetime_as_string(reported, unit='s')}Z", f"{haul.lat:.5f}", f"{haul.lon:.5f}", f"{haul.kg:.1f}",
        f"{haul.swept_m:.0f}", f"{haul.swath_m:g}", f"{haul.wave_height_m:.1f}", "", mostly, "twin", waited,
    ]  # fmt: skip
