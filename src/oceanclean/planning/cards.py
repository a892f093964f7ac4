"""Vessels and patches of the model, made from the plan's tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.planning import geodesy, notation
from oceanclean.planning.evidence import Witness
from oceanclean.planning.model import Alternate, Leg, Order, Port, Search, Stretch, Task, TrackPoint, Vessel
from oceanclean.planning.search_pattern import chance_within, expanding_square, search_radius_nm
from oceanclean.planning.settings import PlanningSettings

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.products import Plan, VesselSummary

#: A point this near a port is in it.
PORT_NM = 1.5
#: Points of a way nearer than this are one.
BEND_NM = 0.01


def _number(value: Any, digits: int = 3) -> float | None:
    """A finite number, or None for a missing one."""
    if value is None or not np.isfinite(float(value)):
        return None
    return round(float(value), digits)


def _time(value: Any) -> str | None:
    """A timestamp as ISO 8601 UTC, or None for a missing one."""
    return None if value is None or value != value else notation.iso(_when(value))


def _end(value: Any) -> datetime | None:
    """A timestamp, or None for a missing one."""
    return None if value is None or value != value else _when(value)


def _when(value: Any) -> datetime:
    """A pandas timestamp as a datetime to the second."""
    when: datetime = value.round("s").to_pydatetime()
    return when


@dataclass
class Patches:
    """The plan's patches with their drift, asked for a position at any time."""

    tasks: list[Task]

    def __post_init__(self) -> None:
        self._by_id = {t.task_id: t for t in self.tasks}
        self._times = {
            t.task_id: np.array([notation.moment(p.time).timestamp() for p in t.track]) for t in self.tasks if t.track
        }

    def find(self, task_id: str) -> Task | None:
        """The patch of that identifier."""
        return self._by_id.get(task_id)

    def at(self, task: Task, when: datetime) -> tuple[float, float]:
        """Mean position (lat, lon) at a time; at either end of the track, its end."""
        if task.task_id not in self._times:
            return task.lat, task.lon
        times, seconds = self._times[task.task_id], when.timestamp()
        lon = np.unwrap([p.lon for p in task.track], period=360.0)
        return float(np.interp(seconds, times, [p.lat for p in task.track])), notation.signed_lon(
            float(np.interp(seconds, times, lon))
        )

    def drift(self, task: Task, when: datetime) -> tuple[float, float] | None:
        """True course in degrees and speed in knots of the drift at a time, or None where the track does not say."""
        times = self._times.get(task.task_id)
        if times is None or len(times) < 2:
            return None
        index = int(np.clip(np.searchsorted(times, when.timestamp()), 1, len(times) - 1))
        a, b = task.track[index - 1], task.track[index]
        course, miles = geodesy.leg(a.lat, a.lon, b.lat, b.lon)
        return round(course, 1), round(miles / (float(times[index] - times[index - 1]) / 3600.0), 3)


def tasks_of(plan: Plan, witness: Witness) -> list[Task]:
    """Patches with their drift and evidence, in the plan's order."""
    tracks = plan.task_tracks.sort_values(["task_id", "time"]) if len(plan.task_tracks) else plan.task_tracks
    points: dict[str, list[TrackPoint]] = {}
    for task_id, when, geometry in zip(tracks["task_id"], tracks["time"], tracks.geometry, strict=True):
        lat, lon = geodesy.rounded(geometry.y, geometry.x)
        points.setdefault(task_id, []).append(TrackPoint(_time(when) or "", lat, lon))
    found = []
    for row in plan.tasks.itertuples():
        lat, lon = geodesy.rounded(row.geometry.y, row.geometry.x)
        evidence = witness.at(lat, lon)
        found.append(
            Task(
                task_id=notation.plain(row.task_id, 40), lat=lat, lon=lon, mass_kg=round(row.mass_kg, 2),
                p10_kg=round(row.mass_p10_kg, 2), p90_kg=round(row.mass_p90_kg, 2), radius_m=round(row.radius_m, 1),
                density_kg_km2=round(row.density_kg_km2, 2), served_by=notation.plain(row.served_by),
                left_for=notation.plain(row.left_for, 20), reason=notation.plain(row.reason, 600),
                evidence=evidence.text, observed=evidence.observed, observation_age_h=_number(evidence.age_h, 2),
                debris_probability=_number(evidence.debris_probability, 4), track=points.get(row.task_id, []),
            )
        )  # fmt: skip
    return found


def vessels_of(
    plan: Plan, fleet: gpd.GeoDataFrame, ports: list[Port], patches: Patches, settings: PlanningSettings
) -> list[Vessel]:
    """Cards of every vessel of the fleet: those sent first, by expected catch; then those that stay."""
    summaries = sorted(plan.vessels, key=lambda v: (v.status != "sent", -v.expected_kg, v.vessel_id))
    rows = {row["vessel_id"]: row for row in fleet.to_dict("records")} if len(fleet) else {}
    cards, taken = [], set()
    for number, summary in enumerate(summaries, start=1):
        name = notation.slug(summary.vessel_id)
        name = f"{name}-{number}" if name.lower() in taken else name
        taken.add(name.lower())
        cards.append(_vessel(number, name, summary, rows.get(summary.vessel_id, {}), plan, ports, patches, settings))
    return cards


def _vessel(
    number: int, file_name: str, summary: VesselSummary, row: Mapping[str, Any], plan: Plan, ports: list[Port],
    patches: Patches, settings: PlanningSettings,
) -> Vessel:  # fmt: skip
    mine = plan.orders[plan.orders["vessel_id"] == summary.vessel_id].sort_values("sequence")
    limits = {key: float(row.get(key, np.nan)) for key in ("transit_speed", "max_wave_height", "max_wind")}
    transit_kn = limits["transit_speed"] * notation.KNOTS_PER_M_S
    orders = _orders(number, mine, ports, patches, limits, settings)
    legs = _legs(plan, summary.vessel_id, orders)
    orders = _with_ways(orders, legs)
    home = row.get("geometry")
    lat, lon = geodesy.rounded(home.y, home.x) if home is not None else _first_place(orders)
    sent = summary.status == "sent" and bool(orders)
    return Vessel(
        number=number, vessel_id=notation.plain(summary.vessel_id), file_name=file_name,
        name=notation.plain(row.get("name", summary.vessel_id)) or notation.plain(summary.vessel_id),
        callsign=notation.plain(row.get("callsign"), 16), mmsi=notation.plain(row.get("mmsi"), 9),
        master=notation.plain(row.get("master"), 80), contact=notation.plain(row.get("contact"), 120),
        home_port=notation.plain(row.get("home_port"), 80), status="sent" if sent else "stays",
        reason=notation.plain(summary.reason, 600), depart=_departure(orders) if sent else None,
        back=orders[-1].arrive if sent else None, expected_kg=round(summary.expected_kg, 2),
        p10_kg=round(summary.p10_kg, 2), p90_kg=round(summary.p90_kg, 2),
        distance_nm=round(math.fsum(o.distance_nm for o in orders), 3), hours=round(summary.hours, 3),
        binding=[notation.plain(b, 60) for b in summary.binding], transit_kn=_number(transit_kn) or 0.0,
        collect_kn=_number(float(row.get("collect_speed", np.nan)) * notation.KNOTS_PER_M_S) or 0.0,
        swath_m=_number(row.get("swath", np.nan)) or 0.0, hold_kg=_number(row.get("hold", np.nan)) or 0.0,
        hold_before_kg=_number(row.get("hold_used", np.nan)) or 0.0,
        hold_after_kg=max((o.hold_kg for o in orders), default=_number(row.get("hold_used", np.nan)) or 0.0),
        endurance_before_h=_number(row.get("endurance", np.nan)) or 0.0,
        endurance_after_h=orders[-1].endurance_left_h if sent else _number(row.get("endurance", np.nan)) or 0.0,
        fuel_before_l=_number(row.get("fuel"), 0), fuel_after_l=orders[-1].fuel_left_l if sent else None,
        max_wave_height_m=_number(limits["max_wave_height"]) or 0.0,
        max_wind_kn=_number(limits["max_wind"] * notation.KNOTS_PER_M_S) or 0.0,
        daylight_only=bool(row.get("daylight_only", False)), lat=lat, lon=lon,
        orders=orders if sent else [], legs=legs if sent else [],
    )  # fmt: skip


def _departure(orders: list[Order]) -> str:
    """When a vessel that is sent leaves; what lies before is done in port."""
    return next((o.leave for o in orders if o.action == "depart"), orders[0].leave)


def _first_place(orders: list[Order]) -> tuple[float, float]:
    return (orders[0].lat, orders[0].lon) if orders else (0.0, 0.0)


def _orders(
    number: int, table: gpd.GeoDataFrame, ports: list[Port], patches: Patches, limits: Mapping[str, float],
    settings: PlanningSettings,
) -> list[Order]:  # fmt: skip
    rows = table.to_dict("records")
    return [
        _order(number, row, slack, ports, patches, limits, settings)
        for row, slack in zip(rows, spare_hours(rows), strict=True)
    ]


def spare_hours(rows: list[dict[str, Any]]) -> list[float]:
    """Hours that each order may run late before the endurance is spent; a port call that renews it ends the count."""
    spare: list[float] = []
    for index in range(len(rows) - 1, -1, -1):
        left = float(rows[index]["endurance_left_h"])
        if spare:
            following = rows[index + 1]
            if float(following["endurance_left_h"]) > left:
                left -= (following["arrive"] - rows[index]["leave"]).total_seconds() / 3600.0
            else:
                left = min(left, spare[0])
        spare.insert(0, left)
    return spare


def _order(
    number: int, row: Mapping[str, Any], spare_h: float, ports: list[Port], patches: Patches,
    limits: Mapping[str, float], settings: PlanningSettings,
) -> Order:  # fmt: skip
    lat, lon = geodesy.rounded(row["geometry"].y, row["geometry"].x)
    end = geodesy.rounded(row["end_lat"], row["end_lon"])
    arrive, leave = _when(row["arrive"]), _when(row["leave"])
    collects = row["action"] == "collect"
    task = patches.find(notation.plain(row["task_id"], 40)) if row["task_id"] else None
    drift = patches.drift(task, arrive) if task else None
    wind = _number(row["wind_m_s"])
    wind_kn = None if wind is None else round(wind * notation.KNOTS_PER_M_S, 2)
    waves, reach = _number(row["wave_height_m"]), _number(row["found_probability"], 4)
    return Order(
        sequence=int(row["sequence"]), waypoint=f"V{number}-{int(row['sequence']):02d}",
        action=notation.plain(row["action"], 20), task_id=notation.plain(row["task_id"], 40),
        place=_place(lat, lon, ports), lat=lat, lon=lon, end_lat=end[0], end_lon=end[1],
        arrive=notation.iso(arrive), leave=notation.iso(leave), window_start=_time(row["window_start"]),
        window_end=_time(row["window_end"]), distance_nm=round(row["distance_m"] / notation.METRES_PER_NM, 3),
        first_course_deg=_number(row["course_deg"], 1), way=[], expected_kg=round(row["expected_kg"], 2),
        p10_kg=round(row["expected_p10_kg"], 2), p90_kg=round(row["expected_p90_kg"], 2), forecasts_in_reach=reach,
        finding_chance=_chance(reach, task), hold_kg=round(row["hold_kg"], 2),
        endurance_left_h=round(row["endurance_left_h"], 3), fuel_left_l=_number(row.get("fuel_left_l"), 0),
        wave_height_m=waves, wind_kn=wind_kn, daylight=geodesy.is_daylight(arrive, lat, lon),
        drift_course_deg=drift[0] if drift else None, drift_speed_kn=drift[1] if drift else None,
        evidence=task.evidence if task else "", reason=notation.plain(row["reason"], 600),
        go_no_go=_gates(waves, wind_kn, limits) if collects else "",
        leave_by=_leave_by(leave, spare_h, _end(row["window_end"])) if collects else None,
        spare_h=round(spare_h, 2) if collects else None,
        search=_search(row, task, drift, limits, settings, spare_h) if collects else None,
        alternate=_alternate(row, *end, leave, patches, limits, settings.alternate_h) if collects else None,
    )  # fmt: skip


def _chance(reach: float | None, task: Task | None) -> float | None:
    """Chance of finding a patch that was seen: it is debris and within reach; None where no detection tells."""
    if reach is None or task is None or task.debris_probability is None:
        return None
    return round(reach * task.debris_probability, 4)


def _place(lat: float, lon: float, ports: list[Port]) -> str:
    near = [(geodesy.leg(lat, lon, p.lat, p.lon)[1], p.name) for p in ports]
    return min(near)[1] if near and min(near)[0] <= PORT_NM else ""


def _gates(waves: float | None, wind_kn: float | None, limits: Mapping[str, float]) -> str:
    """What turns the order into a no-go, with numbers."""
    parts = []
    if np.isfinite(limits["max_wave_height"]):
        forecast = f"{waves:.1f} m forecast" if waves is not None else "no forecast"
        parts.append(f"waves stay under {limits['max_wave_height']:.1f} m ({forecast})")
    if np.isfinite(limits["max_wind"]):
        forecast = f"{wind_kn:.0f} kn forecast" if wind_kn is not None else "no forecast"
        parts.append(f"wind under {limits['max_wind'] * notation.KNOTS_PER_M_S:.0f} kn ({forecast})")
    return f"Go while {' and '.join(parts)}." if parts else ""


def _leave_by(leave: datetime, spare_h: float, window_end: datetime | None) -> str:
    """Latest departure: the trip still ends within the vessel's endurance, and the place within its window."""
    latest = leave + timedelta(hours=max(0.0, spare_h))
    return notation.iso(latest if window_end is None else max(leave, min(latest, window_end)))


def _search(
    row: Mapping[str, Any], task: Task | None, drift: tuple[float, float] | None, limits: Mapping[str, float],
    settings: PlanningSettings, spare_h: float,
) -> Search | None:  # fmt: skip
    """Where to look if the patch is not seen; None where the chance of finding or the time left allows no search."""
    chance, patch_m = _number(row["found_probability"]), task.radius_m if task else 0.0
    radius = search_radius_nm(chance, settings.found_within_m, settings.search_covers, patch_m)
    if radius is None or chance is None:
        return None
    spacing = 2 * settings.sight_m / notation.METRES_PER_NM
    speed = limits["transit_speed"] * notation.KNOTS_PER_M_S
    longest_h = min(settings.search_h, spare_h / 2)
    course = drift[0] if drift else 0.0
    for rings in range(max(1, math.ceil(radius / spacing - 0.5)), 0, -1):
        square = expanding_square(rings * spacing, spacing, course, speed, settings.search_covers)
        if square.hours <= longest_h:
            covers = chance_within(square.radius_nm, chance, settings.found_within_m, patch_m)
            return replace(square, covers=round(min(settings.search_covers, covers), 3))
    return None


def _alternate(
    row: Mapping[str, Any], lat: float, lon: float, leave: datetime, patches: Patches, limits: Mapping[str, float],
    alternate_h: float,
) -> Alternate | None:  # fmt: skip
    """The unserved patch with most mass for each hour of transit, among those near; straight line, not optimised.

    Only a patch that was left for its worth alone: where work is closed, ashore or too doubtful nobody is sent.
    """
    speed = limits["transit_speed"] * notation.KNOTS_PER_M_S
    if not np.isfinite(speed):
        return None
    best: tuple[float, Alternate] | None = None
    for task in patches.tasks:
        if task.left_for != "worth":
            continue
        _, miles = geodesy.leg(lat, lon, *patches.at(task, leave))
        there = patches.at(task, leave + timedelta(hours=miles / speed))
        course, miles = geodesy.leg(lat, lon, *there)
        hours = miles / speed
        if hours > min(alternate_h, float(row["endurance_left_h"]) / 2):
            continue
        worth = task.mass_kg / (hours + 1.0)
        if best is None or worth > best[0]:
            rounded = geodesy.rounded(*there)
            best = worth, Alternate(task.task_id, *rounded, round(miles, 3), round(course, 1), round(hours, 3),
                                    task.mass_kg)  # fmt: skip
    return best[1] if best else None


def _legs(plan: Plan, vessel_id: str, orders: list[Order]) -> list[Leg]:
    """Ways between a vessel's orders, each from the end of one to the beginning of the next."""
    mine = plan.routes[plan.routes["vessel_id"] == vessel_id] if len(plan.routes) else plan.routes
    lines = dict(zip(mine["sequence"], mine.geometry, strict=True)) if len(mine) else {}
    legs = []
    for before, order in itertools.pairwise(orders):
        line = lines.get(order.sequence)
        inner = [geodesy.rounded(y, x) for x, y in line.coords][:-1] if line is not None else []
        path = [(before.end_lat, before.end_lon), *inner, (order.lat, order.lon)]
        kept = [p for i, p in enumerate(path) if i == 0 or p != path[i - 1]]
        if len(kept) > 1:
            legs.append(Leg(order.sequence, [(lon, lat) for lat, lon in kept]))
    return legs


def _with_ways(orders: list[Order], legs: list[Leg]) -> list[Order]:
    """Orders with their ways, so that courses and distances are those of the lines that every file draws."""
    lines = {leg.sequence: leg.line for leg in legs}
    found = []
    for order in orders:
        way = stretches(lines.get(order.sequence, []))
        miles = round(math.fsum(s.distance_nm for s in way), 3)
        course = way[0].course_deg if way else None
        found.append(replace(order, way=way, distance_nm=miles, first_course_deg=course))
    return found


def stretches(line: list[tuple[float, float]]) -> list[Stretch]:
    """Courses and lengths along a (lon, lat) line; what is shorter than :data:`BEND_NM` is none."""
    found: list[Stretch] = []
    at = line[0] if line else (0.0, 0.0)
    for lon, lat in line[1:]:
        course, miles = geodesy.leg(at[1], at[0], lat, lon)
        if miles >= BEND_NM:
            found.append(Stretch(round(course, 1), round(miles, 3), lat, lon))
            at = (lon, lat)
    return found
