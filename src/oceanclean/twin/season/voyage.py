"""The day carried out in the truth, by the same rules for every planner.

* A vessel sails round land at its transit speed less what waves take, and heaves to where they are too high. It leaves
  so as to arrive when the work is to begin; lateness shifts all that follows.
* At work it waits for daylight (where it works by day only), wind and waves. By day a crew sees rafts within
  ``sight_m`` (a drone: farther) and steers for the one with most mass for the way, at search speed until 300 m off,
  then at collecting speed with the gear out; with nothing in sight it searches on a spiral around where the plan says
  the debris drifts to, or along its lanes. By night, and between rafts, it catches only what it sweeps.
* On its way by day a crew that sees a raft of ``worth_kg`` takes it, if hold, weather and endurance allow; the rest of
  its orders shifts. At transit speed it sees less far: it looks over as much sea an hour as when it searches.
* What lies within half a swath of the track is caught with the vessel's efficiency until the hold is full; it is gone
  for everybody. What was swept once is not sought again on that visit.
* A full vessel goes to unload, and one whose endurance is only just enough goes home, whatever the plan says. One that
  has nothing left to do goes home. Alongside, hold and endurance are renewed.
* Breakdowns come by chance, the same for every planner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.settings import KNOT_M_S
from oceanclean.twin.season.seaway import Seaway
from oceanclean.twin.season.ship import Haul, Ship, Step
from oceanclean.twin.sortie import GEAR_OUT_M, distance_to_leg, spiral, sun_is_up, target_of, towards

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.settings import VesselSettings
    from oceanclean.twin.season.scenario import OperationSettings
    from oceanclean.twin.season.sea import Sea

#: Work is followed in stretches of this length, within which the vessels' order does not matter.
STRETCH_H = 0.5
#: Particles this far off are followed during a stretch, metres: sight and both ways.
REACH_M = 14_000.0
ARRIVED_M = 150.0
#: A hold with less room than this part is full.
FULL = 0.03


@dataclass
class Visit:
    """A vessel at work on a step: since when, what it swept and caught."""

    step: Step
    start_h: float
    until_h: float
    sought: NDArray[np.bool_]
    caught: float = 0.0
    swept_m: float = 0.0
    searched_m: float = 0.0
    taken: NDArray[np.float64] | None = None
    first_h: float = np.nan
    last_h: float = np.nan
    places: list[NDArray[np.float64]] = field(default_factory=list)


class Voyage:
    """Carries vessels through the truth.

    Attributes:
        left_kg: (particle) mass that is left of each.
    """

    def __init__(self, sea: Sea, seaway: Seaway, left_kg: NDArray[np.float64]) -> None:
        self.sea, self.seaway, self.left_kg = sea, seaway, left_kg
        self.rules: OperationSettings = sea.scenario.operations
        ports = sea.region.settings.ports
        self.ports = {p.name: (seaway.plane.xy(p.lon, p.lat), p.unload_h) for p in ports}
        self._downtime: dict[tuple[str, int], tuple[float, float] | None] = {}

    def day(self, ships: Sequence[Ship], steps: Mapping[str, list[Step]], begin_h: float, end_h: float) -> list[Haul]:
        """Carry a day's orders out.

        Args:
            ships: the fleet; changed.
            steps: orders by vessel; a vessel without any goes home.
            begin_h: hour of the sea at which the plan is issued.
            end_h: hour of the next plan.

        Returns:
            The hauls, in the order of time.
        """
        for ship in ships:
            ship.clock, ship.hauls, ship.way, ship.work = max(ship.clock, begin_h), [], None, None
            ship.passed = None
            ship.steps, ship.trace = list(steps.get(ship.vessel.id, [])), [(ship.clock, *ship.xy)]
        while True:
            waiting = [s for s in ships if s.clock < end_h - 1e-6]
            if not waiting:
                break
            ship = min(waiting, key=lambda s: s.clock)
            self._advance(ship, end_h)
            ship.trace.append((ship.clock, *ship.xy))
        for ship in ships:
            self._end_visit(ship)
        return sorted((h for s in ships for h in s.hauls), key=lambda h: (h.start_h, h.vessel_id))

    def speed(self, vessel: VesselSettings, xy: NDArray, hour: float) -> float:
        """Transit speed in m/s in the sea that there is; 0 where it is too rough to make way."""
        lon, lat = (float(v) for v in self.seaway.plane.lonlat(xy))
        height = self.sea.wave_height(hour, lon, lat)
        if height > self.rules.transit_wave_factor * vessel.max_wave_height_m:
            return 0.0
        kept = max(self.rules.least_speed, 1 - vessel.wave_speed_loss_per_m * height)
        return vessel.transit_speed_kn * KNOT_M_S * kept

    def home(self, ship: Ship) -> tuple[str, NDArray, float]:
        """Port to go to: the nearest of home and alternatives, with its place and the hours there in calm water."""
        offered = [ship.vessel.home_port, *ship.vessel.alternative_ports]
        far = {name: self.seaway.length(ship.xy, self.ports[name][0]) for name in offered}
        name = min(far, key=lambda n: far[n])
        return name, self.ports[name][0], far[name] / (ship.vessel.transit_speed_kn * KNOT_M_S) / 3600

    def _advance(self, ship: Ship, end_h: float) -> None:
        """One stretch of one vessel."""
        until = min(end_h, ship.clock + STRETCH_H)
        if (broken := self._broken(ship, ship.clock)) > ship.clock:
            return ship.spend(min(until, broken) - ship.clock, "port" if ship.port else "idle")
        if ship.free_h > ship.clock:
            return self._alongside(ship, min(end_h, ship.free_h))
        if not ship.port and self._must_go_home(ship):
            self._end_visit(ship)
            if not (ship.steps and ship.steps[0].action == "port"):
                ship.steps.insert(0, Step("port", self.home(ship)[1]))
                ship.way = None
        if not ship.steps:
            if ship.port:
                return ship.spend(end_h - ship.clock, "port")
            ship.steps.append(Step("port", self.home(ship)[1]))
        step = ship.steps[0]
        if step.action == "port":
            self._to_port(ship, step, until)
        else:
            self._to_work(ship, step, until)
        return None

    def _alongside(self, ship: Ship, until: float) -> None:
        """Unload evenly until it is free again."""
        share = (until - ship.clock) / (ship.free_h - ship.clock)
        ship.hold_kg *= 1 - min(1.0, share)
        ship.spend(until - ship.clock, "port")
        if ship.free_h <= ship.clock + 1e-6:
            ship.hold_kg, ship.left_h = 0.0, ship.vessel.endurance_h

    def _to_port(self, ship: Ship, step: Step, until: float) -> None:
        name = min(self.ports, key=lambda n: float(np.hypot(*(self.ports[n][0] - step.goal))))
        place, unload_h = self.ports[name]
        if not self._sail(ship, place, until):
            return
        ship.port, ship.steps = name, ship.steps[1:]
        ship.free_h = ship.clock + max(0.25, unload_h * ship.hold_kg / ship.vessel.hold_kg)

    def _to_work(self, ship: Ship, step: Step, until: float) -> None:
        """Sail there in time, then work."""
        if ship.room_kg < FULL * ship.vessel.hold_kg:
            self._end_visit(ship)
            ship.steps.insert(0, Step("port", self.home(ship)[1]))
            ship.way = None
            if step.action == "collect":  # the place has had its visit
                ship.steps.remove(step)
            return None
        if ship.work is None:
            goal = self._goal(ship, step)
            if ship.port and np.isfinite(step.begin_h):
                speed = ship.vessel.transit_speed_kn * KNOT_M_S * 0.85
                leave = step.begin_h - self.seaway.length(ship.xy, goal) / speed / 3600
                if leave > ship.clock + 0.01:
                    return ship.spend(min(until, leave) - ship.clock, "port")
            if not self._sail(ship, goal, until):
                return None
            if ship.clock < step.begin_h - 0.01:
                return ship.spend(min(until, step.begin_h) - ship.clock, "idle")
            begin = max(ship.clock, step.begin_h)
            ship.work = Visit(step, begin, begin + step.hours, np.ones(len(self.left_kg), dtype=bool))
        self._work(ship, ship.work, min(until, ship.work.until_h))
        if ship.clock >= ship.work.until_h - 1e-6:
            self._end_visit(ship)
            ship.steps = ship.steps[1:]
        return None

    def _goal(self, ship: Ship, step: Step) -> NDArray[np.float64]:
        """Where the vessel sails to: where the debris will be when it arrives."""
        if step.lanes is not None:
            return step.lanes[ship.lane % len(step.lanes)]
        away = float(np.hypot(*(step.place(ship.clock) - ship.xy)))
        eta = ship.clock + away / (ship.vessel.transit_speed_kn * KNOT_M_S) / 3600
        return step.place(max(eta, step.begin_h) if np.isfinite(step.begin_h) else eta)

    def _sail(self, ship: Ship, goal: NDArray, until: float) -> bool:
        """Make way to a place until an hour at most; True once there."""
        if float(np.hypot(*(goal - ship.xy))) <= ARRIVED_M:
            return True
        if ship.way is None or float(np.hypot(*(ship.way[-1] - goal))) > 500.0:
            ship.way = self.seaway.way(ship.xy, goal)[1:]
        ship.port = ""
        while ship.clock < until - 1e-6:
            speed = self.speed(ship.vessel, ship.xy, ship.clock)
            if self._worth_stopping(ship):
                self._pick_up(ship, until)
                return False
            step_h = min(until - ship.clock, self.rules.transit_step_s / 3600)
            if speed <= 0:
                ship.spend(step_h, "idle")
                continue
            room = speed * step_h * 3600
            while len(ship.way) and room > 0:
                leg = ship.way[0] - ship.xy
                length = float(np.hypot(*leg))
                if length <= room:
                    ship.xy, ship.way, room = ship.way[0], ship.way[1:], room - length
                else:
                    ship.xy, room = ship.xy + leg * (room / length), 0.0
            used = step_h - room / speed / 3600
            ship.sailed_m += speed * used * 3600
            ship.spend(used, "transit")
            if not len(ship.way):
                ship.way = None
                return True
        return False

    def _worth_stopping(self, ship: Ship) -> bool:
        """Whether a vessel on its way sees a raft that it can take."""
        lon, lat = (float(v) for v in self.seaway.plane.lonlat(ship.xy))
        if (
            ship.room_kg < FULL * ship.vessel.hold_kg
            or not self.seaway.at_sea(ship.xy)
            or not sun_is_up(self.sea.ocean.time(ship.clock), lon, lat)
            or not self.sea.workable(ship.vessel, ship.clock, lon, lat)
            or self._must_go_home(ship)
        ):
            return False
        debris, fast = self.sea.debris, self._search_speed(ship.vessel) / (ship.vessel.transit_speed_kn * KNOT_M_S)
        sight = self._sight(ship.vessel, bright=True) * fast
        lon_all, lat_all, afloat = debris.at(ship.clock)
        away = np.hypot(*(self.seaway.plane.xy(lon_all, lat_all) - ship.xy).T)
        seen = afloat & (debris.raft >= 0) & (away <= sight) & (self.left_kg > 0)
        if ship.passed is not None:
            seen &= ship.passed
        return bool(seen.any() and np.bincount(debris.raft[seen], self.left_kg[seen]).max() >= self.rules.worth_kg)

    def _pick_up(self, ship: Ship, until: float) -> None:
        """Take what is in sight of a vessel on its way."""
        if ship.passed is None:
            ship.passed = np.ones(len(self.left_kg), dtype=bool)
        ship.way = None
        ship.work = Visit(Step("collect", ship.xy), ship.clock, until, ship.passed)
        self._work(ship, ship.work, until)
        self._end_visit(ship)

    def _search_speed(self, vessel: VesselSettings) -> float:
        """m/s with which a crew looks for rafts."""
        return min(vessel.transit_speed_kn, self.rules.search_speed_factor * vessel.collect_speed_kn) * KNOT_M_S

    def _sight(self, vessel: VesselSettings, *, bright: bool) -> float:
        """How far a crew sees a raft, metres."""
        by_day = self.rules.drone_sight_m if vessel.drone else self.rules.sight_m
        return by_day if bright else 0.0

    def _must_go_home(self, ship: Ship) -> bool:
        """Whether endurance is only just enough."""
        if ship.left_h > 0.5 * ship.vessel.endurance_h:
            return False
        return ship.left_h <= 1.25 * self.home(ship)[2] + self.rules.reserve_h

    def _broken(self, ship: Ship, hour: float) -> float:
        """Hour until which a breakdown of today lasts; 0 where there is none."""
        day = int((hour - self.sea.issues[0]) // 24)
        key = (ship.vessel.id, day)
        if key not in self._downtime:
            name = sum(ship.vessel.id.encode()) % 65_521
            rng = np.random.default_rng([self.sea.seed, 31, max(day, 0), name])
            happens = rng.random() < self.rules.downtime_a_day
            start = self.sea.issues[0] + 24 * day + rng.uniform(0, 24)
            length = rng.exponential(self.rules.downtime_h)
            self._downtime[key] = (start, start + length) if happens else None
        found = self._downtime[key]
        return found[1] if found and found[0] <= hour < found[1] else 0.0

    def _work(self, ship: Ship, visit: Visit, until: float) -> None:
        """Collect for a stretch."""
        lon, lat = (float(v) for v in self.seaway.plane.lonlat(ship.xy))
        bright = sun_is_up(self.sea.ocean.time(ship.clock), lon, lat)
        if (ship.vessel.daylight_only and not bright) or not self.sea.workable(ship.vessel, ship.clock, lon, lat):
            return ship.spend(max(0.0, until - ship.clock), "idle")
        near, places, floating = self._nearby(ship, until)
        step_h = self.rules.step_s / 3600
        begin, span = ship.clock, max(until - ship.clock, 1e-9)
        visit.first_h = begin if np.isnan(visit.first_h) else visit.first_h
        visit.places.append(ship.xy)
        while ship.clock < until - 1e-6 and ship.room_kg >= FULL * ship.vessel.hold_kg:
            share = min(1.0, (ship.clock - begin) / span)
            place = (1 - share) * places[0] + share * places[1]
            self._one_step(ship, visit, near, place, floating, min(step_h, until - ship.clock), bright=bright)
            visit.last_h = ship.clock
        return None

    def _nearby(self, ship: Ship, until: float) -> tuple[NDArray, tuple[NDArray, NDArray], NDArray[np.bool_]]:
        """Particles within reach: indices, metres at the stretch's begin and end, afloat throughout."""
        debris, plane = self.sea.debris, self.seaway.plane
        lon, lat, afloat = debris.at(ship.clock)
        first = plane.xy(lon, lat)
        near = np.nonzero(afloat & (self.left_kg > 0) & (np.hypot(*(first - ship.xy).T) < REACH_M))[0]
        lon, lat, still = debris.at(until)
        return near, (first[near], plane.xy(lon[near], lat[near])), still[near]

    def _one_step(
        self, ship: Ship, visit: Visit, near: NDArray, place: NDArray, afloat: NDArray[np.bool_], hours: float, *,
        bright: bool,
    ) -> None:  # fmt: skip
        """Steer for a raft in sight, or search; catch what is swept with the gear out."""
        vessel = ship.vessel
        left = self.left_kg[near]
        wanted = visit.sought[near] & afloat & (left > 0)
        sight = self._sight(vessel, bright=bright)
        target = target_of(place, left, self.sea.debris.raft[near], wanted, ship.xy, sight)
        searching = target is None
        fast = self._search_speed(vessel)
        if target is None:
            target = self._search(ship, visit, fast * hours * 3600, sight or vessel.swath_m / 2)
        hurry = searching or bool(np.hypot(*(target - ship.xy)) > GEAR_OUT_M)
        speed = fast if hurry else vessel.collect_speed_kn * KNOT_M_S
        ahead = towards(ship.xy, target, speed * hours * 3600)
        if not self.seaway.at_sea(ahead) and self.seaway.at_sea(ship.xy):
            ahead = ship.xy  # shoals and shores are not swept
            visit.searched_m += 500.0
        if not (hurry and bright):
            swept = wanted & (distance_to_leg(place, ship.xy, ahead) <= vessel.swath_m / 2)
            self._sweep(ship, visit, near, swept, left)
            visit.swept_m += float(np.hypot(*(ahead - ship.xy)))
        ship.sailed_m += float(np.hypot(*(ahead - ship.xy)))
        ship.xy = ahead
        ship.spend(hours, "transit" if hurry else "collect")

    def _search(self, ship: Ship, visit: Visit, metres: float, spacing: float) -> NDArray[np.float64]:
        """Next point of the search."""
        lanes = visit.step.lanes
        if lanes is not None:
            if float(np.hypot(*(lanes[ship.lane % len(lanes)] - ship.xy))) < max(ARRIVED_M, 0.6 * metres):
                ship.lane += 1
            return lanes[ship.lane % len(lanes)]
        visit.searched_m += metres
        return visit.step.place(ship.clock) + spiral(visit.searched_m, spacing)

    def _sweep(self, ship: Ship, visit: Visit, near: NDArray, swept: NDArray[np.bool_], left: NDArray) -> None:
        take = np.where(swept, left * ship.vessel.efficiency, 0.0)
        total = float(take.sum())
        if total > 0:
            take *= min(1.0, ship.room_kg / total)
            total = float(take.sum())
            self.left_kg[near] -= take
            if visit.taken is None:
                visit.taken = np.zeros(int(self.sea.debris.kind.max()) + 1)
            visit.taken += np.bincount(self.sea.debris.kind[near], take, len(visit.taken))
        ship.hold_kg += total
        ship.caught_kg += total
        visit.caught += total
        visit.sought[near[swept]] = False

    def _end_visit(self, ship: Ship) -> None:
        """Close the visit and write its haul down."""
        visit, ship.work = ship.work, None
        if visit is None or not visit.places or np.isnan(visit.last_h):
            return  # it only waited there
        middle = np.mean([*visit.places, ship.xy], axis=0)
        lon, lat = (float(v) for v in self.seaway.plane.lonlat(middle))
        kind = int(visit.taken.argmax()) if visit.taken is not None and visit.caught > 0 else None
        ship.hauls.append(
            Haul(ship.vessel.id, visit.step.task_id, visit.first_h, visit.last_h, lat, lon, visit.caught,
                 visit.step.expected_kg, visit.swept_m, self.sea.wave_height(ship.clock, lon, lat),
                 ship.fuel_l - ship.fuel_reported_l, kind)
        )  # fmt: skip
        ship.fuel_reported_l = ship.fuel_l
