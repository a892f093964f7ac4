"""Simple ways of planning, done as well as they can be: same fleet, ports, daylight, hold and endurance as the chain.

They see what an operator would: the map of the day, people's reports, where the vessels are. None of them is handed the
truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.region import Region
from oceanclean.settings import KNOT_M_S
from oceanclean.twin.season.seaway import Seaway
from oceanclean.twin.season.ship import Ship, Step
from oceanclean.twin.sortie import sun_is_up

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from oceanclean.settings import VesselSettings
    from oceanclean.twin.season.scenario import OperationSettings

Orders = dict[str, list[Step]]
Clock = Callable[[float], np.datetime64]
#: A stop's length: two hours find what is within reach and take it aboard.
STOP_H = 2.0
#: Debris within this distance of a stop counts as within reach, metres.
WITHIN_M = 2_000.0
#: Part of it that a stop brings home, the vessel's efficiency apart: what floats loose is not seen (assumed).
TAKEN = 0.6
#: With less room than this part of the hold a vessel unloads before it goes on.
NEARLY_FULL = 0.2


@dataclass
class Itinerary:
    """A vessel's day as it is being planned."""

    vessel: VesselSettings
    xy: NDArray[np.float64]
    free_h: float
    room_kg: float
    left_h: float
    steps: list[Step]
    in_port: bool


@dataclass(frozen=True)
class Visit:
    """A stop that fits: when it begins, the hours from being free to its end, and the night in port before it."""

    begin_h: float
    cost_h: float
    at_home: bool


class Dispatcher:
    """Plans stops one after the other under daylight, endurance and hold.

    Attributes:
        region: ports.
        seaway: ways round land.
        rules: how fast a crew searches.
        clock: UTC of an hour of the sea.
        issue_h: hour of the plan; stops begin within ``span_h`` of it.
    """

    def __init__(
        self, region: Region, seaway: Seaway, rules: OperationSettings, clock: Clock, issue_h: float,
        span_h: float = 26.0,
    ) -> None:  # fmt: skip
        self.region, self.seaway, self.rules, self.clock = region, seaway, rules, clock
        self.issue_h, self.end_h = issue_h, issue_h + span_h
        self.ports = {p.name: seaway.plane.xy(p.lon, p.lat) for p in region.settings.ports}
        west, south, east, north = region.grid.bounds
        middle = (west + east) / 2, (south + north) / 2
        self.bright = np.array([sun_is_up(clock(issue_h + k / 4), *middle) for k in range(4 * 60)])

    def itinerary(self, ship: Ship) -> Itinerary:
        """Where a vessel's day begins."""
        unloads = ship.free_h > self.issue_h
        return Itinerary(
            ship.vessel, ship.xy, max(self.issue_h, ship.free_h),
            ship.vessel.hold_kg if unloads else ship.room_kg,
            ship.vessel.endurance_h if ship.port else ship.left_h, [], bool(ship.port),
        )  # fmt: skip

    def fit(self, plan: Itinerary, place: NDArray[np.float64], hours: float = STOP_H) -> Visit | None:
        """A stop at a place as early as daylight allows; None where endurance or the plan's end forbid it."""
        speed = plan.vessel.transit_speed_kn * KNOT_M_S * 0.9 * 3600
        home = self.ports[plan.vessel.home_port]
        out, back = (self.seaway.length(a, place) / speed for a in (plan.xy, home))
        begin = self._next_light(plan.free_h + out, hours) if plan.vessel.daylight_only else plan.free_h + out
        if begin > self.end_h:
            return None
        waits, left = begin - plan.free_h - out, plan.left_h
        to_port = self.seaway.length(plan.xy, home) / speed
        at_home = not plan.in_port and waits > to_port + back - out + 1.0  # the night is spent in port if it is near
        if at_home:
            left = plan.vessel.endurance_h - back
        else:
            left -= out if plan.in_port else out + waits
        if left < hours + back + self.rules.reserve_h:
            return None
        return Visit(begin, begin - plan.free_h + hours, at_home)

    def go(self, plan: Itinerary, place: NDArray, visit: Visit, kg: float, task: str, hours: float = STOP_H) -> None:
        """Add a stop to the plan."""
        if visit.at_home:
            self.unload(plan)
        speed = plan.vessel.transit_speed_kn * KNOT_M_S * 0.9 * 3600
        out = self.seaway.length(plan.xy, place) / speed
        begin = max(visit.begin_h, plan.free_h + out)
        plan.left_h -= begin + hours - (begin - out if plan.in_port else plan.free_h)
        plan.steps.append(Step("collect", place, begin, hours, task_id=task, expected_kg=kg))
        plan.xy, plan.free_h, plan.in_port = place, begin + hours, False
        plan.room_kg -= kg

    def turns(self, free: list[Itinerary]) -> Iterator[Itinerary]:
        """Whoever is free first, until the caller has taken all out of the list; nearly full vessels unload before."""
        while free:
            plan = min(free, key=lambda p: p.free_h)
            if plan.room_kg < NEARLY_FULL * plan.vessel.hold_kg:
                self.unload(plan)
            else:
                yield plan

    def unload(self, plan: Itinerary) -> None:
        """Add a port call to the plan."""
        home = self.ports[plan.vessel.home_port]
        speed = plan.vessel.transit_speed_kn * KNOT_M_S * 0.9 * 3600
        hours = {p.name: p.unload_h for p in self.region.settings.ports}[plan.vessel.home_port]
        used = 1 - plan.room_kg / plan.vessel.hold_kg
        plan.free_h += self.seaway.length(plan.xy, home) / speed + max(0.25, hours * used)
        plan.steps.append(Step("port", home))
        plan.xy, plan.in_port = home, True
        plan.room_kg, plan.left_h = plan.vessel.hold_kg, plan.vessel.endurance_h

    def _next_light(self, hour: float, hours: float) -> float:
        """First hour from ``hour`` on with daylight for half of a stop at least."""
        for k in range(max(0, int(np.ceil(4 * (hour - self.issue_h)))), len(self.bright) - int(2 * hours)):
            if self.bright[k] and self.bright[k + int(2 * hours)]:
                return max(hour, self.issue_h + k / 4)
        return float("inf")


def greedy(density: NDArray[np.float64], ships: Sequence[Ship], desk: Dispatcher) -> Orders:
    """Each vessel, whenever it is free, goes where the map of today promises most kilograms an hour.

    Hours count from being free to the end of the stop, the way and the night included. What one vessel is sent for is
    taken off the map for the others.

    Args:
        density: (lat, lon) kg km⁻² of today's map, NaN on land.
        ships: the fleet as it stands.
        desk: daylight, endurance, hold.
    """
    grid, plane = desk.region.grid, desk.seaway.plane
    left = np.nan_to_num(density) * grid.area_km2
    lon, lat = np.meshgrid(grid.lon, grid.lat)
    places = plane.xy(lon, lat)
    shape = np.array([grid.step * plane.east_m, grid.step * plane.north_m])
    disc = _disc(shape)
    plans = [desk.itinerary(s) for s in ships if s.vessel.available]
    free = list(plans)
    for plan in desk.turns(free):
        within = _summed(left, disc)
        best = _best_stop(plan, within, places, desk)
        if best is None:
            if plan.in_port or plan.room_kg > 0.99 * plan.vessel.hold_kg or plan.free_h > desk.end_h:
                free.remove(plan)
            else:
                desk.unload(plan)
            continue
        (row, column), visit, kg = best
        desk.go(plan, places[row, column], visit, kg, f"G{len(plan.steps) + 1:02d}")
        share = kg / max(float(within[row, column]), 1e-9)
        away = np.hypot(*np.moveaxis(places - places[row, column], -1, 0))
        left[away <= WITHIN_M] *= 1 - min(0.95, share)
    return {p.vessel.id: p.steps for p in plans}


def _best_stop(
    plan: Itinerary, within: NDArray, places: NDArray, desk: Dispatcher, tried: int = 40
) -> tuple[tuple[int, int], Visit, float] | None:
    """The cell with most kilograms an hour; the ways round land are worked out for the most promising only."""
    gain = np.minimum(plan.room_kg, TAKEN * plan.vessel.efficiency * within)
    speed = plan.vessel.transit_speed_kn * KNOT_M_S * 0.9 * 3600
    quick = gain / (np.hypot(*np.moveaxis(places - plan.xy, -1, 0)) / speed + STOP_H)
    quick[desk.region.land_mask] = 0
    best, most = None, 0.0
    for flat in np.argsort(-quick, axis=None)[:tried]:
        row, column = (int(v) for v in np.unravel_index(int(flat), quick.shape))
        if quick[row, column] <= most or gain[row, column] < 1.0:
            break
        visit = desk.fit(plan, places[row, column])
        if visit is not None and gain[row, column] / visit.cost_h > most:
            best, most = ((row, column), visit, float(gain[row, column])), float(gain[row, column] / visit.cost_h)
    return best


def _disc(cell_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the cells around one: those whose centres are within reach, itself at least."""
    half = np.maximum(0, np.floor(WITHIN_M / cell_m)).astype(int)
    x, y = np.meshgrid(*(np.arange(-h, h + 1) * c for h, c in zip(half, cell_m, strict=True)))
    return (np.hypot(x, y) <= WITHIN_M).astype(float)


def _summed(mass: NDArray[np.float64], disc: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import convolve

    return np.asarray(convolve(mass, disc, mode="constant"), dtype=float)


def nearest_sighting(
    reports: pd.DataFrame, done: set[str], ships: Sequence[Ship], desk: Dispatcher, hours: float = 48.0
) -> Orders:
    """Each vessel, whenever it is free, goes to the nearest place that people reported and nobody was sent to.

    Args:
        reports: ``time`` (UTC text), ``lat``, ``lon``, ``available_at``.
        done: reports that a vessel was sent to before; added to.
        ships: the fleet as it stands.
        desk: daylight, endurance, hold.
        hours: older reports are not believed.
    """
    now, since = (str(desk.clock(desk.issue_h - back)) + "Z" for back in (0.0, hours))
    fresh = reports[(reports["available_at"] <= now) & (reports["time"] >= since)].sort_values("time")
    open_ = {
        f"{time} {lat} {lon}": desk.seaway.plane.xy(float(lon), float(lat))
        for time, lat, lon in zip(fresh["time"], fresh["lat"], fresh["lon"], strict=True)
    }  # fmt: skip
    open_ = {k: v for k, v in open_.items() if k not in done}
    plans = [desk.itinerary(s) for s in ships if s.vessel.available]
    free = list(plans)
    for plan in desk.turns(free):
        near = sorted(open_, key=lambda k: float(np.hypot(*(open_[k] - plan.xy))))
        found = next(((k, v) for k in near if (v := desk.fit(plan, open_[k])) is not None), None)
        if found is None:
            if not plan.in_port and plan.room_kg < 0.99 * plan.vessel.hold_kg:
                desk.unload(plan)
            free.remove(plan)
            continue
        key, visit = found
        place = open_.pop(key)
        desk.go(plan, place, visit, 0.0, f"N{len(plan.steps) + 1:02d}")
        done.add(key)
        for other in [k for k, v in open_.items() if np.hypot(*(v - place)) < WITHIN_M]:
            done.add(other)  # a second report of the same raft
            del open_[other]
    return {p.vessel.id: p.steps for p in plans}


def lawn_mower(ships: Sequence[Ship], desk: Dispatcher, lanes: dict[str, NDArray[np.float64]]) -> Orders:
    """Each vessel follows the lanes of its own part of the sea, by day, and takes what its crew sees on the way."""
    orders: Orders = {}
    for ship in ships:
        if ship.vessel.available and len(lanes.get(ship.vessel.id, ())):
            lane = lanes[ship.vessel.id]
            orders[ship.vessel.id] = [
                Step("patrol", lane[ship.lane % len(lane)], desk.issue_h, 24.0, lanes=lane, task_id="L01")
            ]
    return orders


def lanes_of(region: Region, seaway: Seaway, ships: Sequence[Ship], spacing_m: float) -> dict[str, NDArray]:
    """Lanes that cover the sea: north and south by turns, the sea shared out from west to east by speed of search.

    Args:
        region: grid and land.
        seaway: plane.
        ships: the fleet; the westernmost home port has the westernmost part.
        spacing_m: distance of the lanes.

    Returns:
        (point, 2) metres by vessel.
    """
    lon, lat = np.meshgrid(region.grid.lon, region.grid.lat)
    sea = seaway.plane.xy(lon, lat)[~region.land_mask]
    ports = {p.name: p.lon for p in region.settings.ports}
    fleet = sorted((s for s in ships if s.vessel.available), key=lambda s: ports[s.vessel.home_port])
    if not fleet or not len(sea):
        return {}
    pace = np.cumsum([s.vessel.collect_speed_kn for s in fleet])
    edges = np.quantile(sea[:, 0], np.concatenate([[0.0], pace / pace[-1]]))
    found = {}
    for ship, west, east in zip(fleet, edges[:-1], edges[1:], strict=True):
        own = sea[(sea[:, 0] >= west) & (sea[:, 0] <= east)]
        points, up = [], True
        for x in np.arange(west + spacing_m / 2, max(east, west + spacing_m / 2 + 1), spacing_m):
            column = own[np.abs(own[:, 0] - x) <= spacing_m / 2]
            ys = np.unique(np.round(column[:, 1] / spacing_m)) * spacing_m
            points += [[x, y] for y in (ys if up else ys[::-1]) if seaway.at_sea(np.array([x, y]))]
            up = not up
        found[ship.vessel.id] = np.array(points).reshape(-1, 2)
    return found
