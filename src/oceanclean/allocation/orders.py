"""From routes to the tables of a plan: orders, legs round land, tasks and their tracks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from oceanclean.allocation.explain import clock, knots
from oceanclean.allocation.model import Day, Shut
from oceanclean.allocation.problem import P, V
from oceanclean.allocation.schedule import Stop, Trip

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Visits to one patch closer in time than this, in seconds, are one order; longer waits are an order of their own.
PAUSE_S = 900.0


@dataclass
class Catch:
    """What the members say about a vessel's catch.

    Attributes:
        total: (member) kg of the whole trip.
        by_stop: (stop, member) kg.
    """

    total: NDArray[np.float64]
    by_stop: NDArray[np.float64]


@dataclass
class Tables:
    """Rows of a plan while it is put together."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)


def catch_of(day: Day, v: int, trip: Trip) -> Catch:
    """Catch of each stop in each member, with the hold filling member by member between port calls."""
    members = day.patches.kg.shape[0]
    by_stop = np.zeros((len(trip.stops), members))
    room = np.full(members, day.problem.vessel[v, 6])
    for k, stop in enumerate(trip.stops):
        if stop.call is not None:
            room = np.full(members, day.problem.vessel[v, 5])
        patch = int(day.shares.patch[stop.task])
        there = _at(day.patches.kg[:, patch], day.patches.step, stop.start)
        part = float(_at(day.shares.part[stop.task][None], day.patches.step, stop.start)[0])
        wanted = there * part * day.problem.pair[v, stop.task, 1]
        service = day.problem.pair[v, stop.task, 0]
        if service > 0:  # a visit cut short because the hold fills
            wanted = wanted * min(1.0, (stop.leave - stop.start) / service)
        by_stop[k] = np.minimum(wanted, room)
        room = room - by_stop[k]
    return Catch(by_stop.sum(axis=0), by_stop)


def _at(values: NDArray, step: float, t: float) -> NDArray[np.float64]:
    """(row) linear interpolation of (row, time)."""
    f = min(max(t / step, 0.0), values.shape[1] - 1.0)
    low = min(int(f), max(values.shape[1] - 2, 0))
    return values[:, low] * (1 - (f - low)) + values[:, min(low + 1, values.shape[1] - 1)] * (f - low)


def length(way: NDArray) -> float:
    """Length of a (point, 2) line, in its own unit."""
    return float(np.hypot(*np.diff(way, axis=0).T).sum())


class Writer:
    """Writes one vessel's trip into the tables."""

    def __init__(self, day: Day, v: int, tables: Tables, task_ids: list[str]) -> None:
        self.day, self.v, self.tables, self.task_ids = day, v, tables, task_ids
        self.vessel_id = day.crews[v].vessel_id
        self.sequence, self.left = 0, 0.0
        self.hold = float(day.problem.vessel[v, 5] - day.problem.vessel[v, 6])
        self.fuel = float(day.problem.vessel[v, V.FUEL]) if day.problem.vessel[v, V.TANK] > 0 else float("nan")
        self.issue = pd.Timestamp(day.issue, tz="UTC")

    def trip(self, trip: Trip, catch: Catch) -> None:
        """Write all orders and legs of a trip."""
        at, first = trip.begin, trip.stops[0]
        crew = self.day.crews[self.v]
        deadline = float(self.day.problem.vessel[self.v, 2] + self.day.problem.vessel[self.v, 8])
        ready = float(self.day.problem.vessel[self.v, 2])
        leave = first.depart if first.call is None else 0.0
        if crew.port >= 0:
            deadline = leave + float(self.day.problem.vessel[self.v, 7])
        where = f"from {self.day.harbours.name[crew.port]}" if crew.port >= 0 else "from its present position"
        used = float(crew.row["hold_used"])
        if crew.port >= 0 and used > 0:  # it lies in port with something on board, which comes off first
            name = self.day.harbours.name[crew.port]
            reason = f"Unloads {used:.0f} kg at {name} before it leaves."
            self.order("unload", at, 0.0, ready, deadline, reason=reason)
        leave = max(leave, ready)
        with_mate = f" with {crew.mate}, which holds the net's other end" if crew.mate else ""
        self.order("depart", at, ready, leave, deadline,
                   reason=f"Leaves {where} at {clock(self.day.issue, leave)}{with_mate}.")  # fmt: skip
        self.left = leave
        k = 0
        while k < len(trip.stops):
            last = k
            while last + 1 < len(trip.stops) and self._same_visit(trip.stops[last], trip.stops[last + 1]):
                last += 1
            at, deadline = self._visit(trip.stops[k : last + 1], catch.by_stop[k : last + 1], at, deadline)
            k = last + 1
        self._end(trip, at, deadline)

    def _same_visit(self, one: Stop, two: Stop) -> bool:
        same = self.day.shares.patch[one.task] == self.day.shares.patch[two.task]
        return bool(same) and two.call is None and two.start - one.leave < PAUSE_S

    def _visit(self, stops: list[Stop], catch: NDArray, at: NDArray, deadline: float) -> tuple[NDArray, float]:
        """Orders of one visit: port call before it, waiting, collecting."""
        first, last = stops[0], stops[-1]
        if first.call is not None:
            at, deadline = self._call(first, at)
        elif first.rested:
            self._rest(at, deadline)
        line = self.leg(at, first.met)
        patch = int(self.day.shares.patch[first.task])
        if first.start - first.arrive > PAUSE_S:
            until, cause = clock(self.day.issue, first.start), self._cause(patch, first.arrive)
            reason = f"Waits at the patch and drifts with it until {until} ({cause})."
            self.order("wait", first.met, first.arrive, first.start, deadline, patch=patch, way=line, end=first.served,
                       reason=reason)  # fmt: skip
            self.draw(line)
            line = first.served[None]
        found = float(_at(self.day.patches.found[patch][None], self.day.patches.step, first.start)[0])
        kg = catch.sum(axis=0)
        self.hold += float(kg.mean())
        self._burn(last.fuel_left)
        self.left = last.leave
        self.order(
            "collect", first.served, first.start, last.leave, deadline, patch=patch, way=line, end=last.left, kg=kg,
            found=found, window=self._window(first), reason=self._why(stops, kg, found),
        )  # fmt: skip
        self.draw(np.concatenate([line, [first.served, last.left]]))
        return last.left, deadline

    def _call(self, stop: Stop, at: NDArray) -> tuple[NDArray, float]:
        call = stop.call
        assert call is not None  # noqa: S101
        port = self.day.harbours.xy[call.port]
        line = self.leg(at, port)
        deadline = stop.depart + float(self.day.problem.vessel[self.v, 7])
        unloaded, self.hold = self.hold, 0.0
        name = self.day.harbours.name[call.port]
        if call.arrive - call.off > PAUSE_S:
            self._wait_off(call.port, call.off, call.arrive, deadline, line)
            line = port[None]
        self._burn(call.fuel)
        fuel = ""
        if np.isfinite(self.fuel) and self.day.problem.harbour[self.v, call.port, P.BUNKER]:
            fuel = f" and bunkers to {self.fuel:.0f} l"
        self.order("unload", port, call.arrive, stop.depart, deadline, way=line,
                   reason=f"Unloads {unloaded:.0f} kg{fuel} at {name}.")  # fmt: skip
        self.draw(line)
        return port, deadline

    def _end(self, trip: Trip, at: NDArray, deadline: float) -> None:
        port = self.day.harbours.xy[trip.end_port]
        if trip.end_rested:
            self._rest(at, deadline)
        line = self.leg(at, port)
        if trip.end_arrive - trip.end_off > PAUSE_S:
            self._wait_off(trip.end_port, trip.end_off, trip.end_arrive, deadline, line)
            line = port[None]
        self._burn(trip.end_fuel)
        fuel = f", {self.fuel:.0f} l of fuel left" if np.isfinite(self.fuel) else ""
        reason = f"Ends at {self.day.harbours.name[trip.end_port]}, {self.hold:.0f} kg on board{fuel}."
        self.order("return", port, trip.end_arrive, trip.end_arrive, deadline, way=line, reason=reason)
        self.draw(line)

    def _burn(self, left: float) -> None:
        """Fuel that is left now, where it is counted."""
        if np.isfinite(self.fuel):
            self.fuel = max(left, 0.0)

    def _rest(self, at: NDArray, deadline: float) -> None:
        """The crew rests where it is."""
        row = self.day.crews[self.v].row
        until = self.left + float(row["rest"]) * 3600.0
        self._burn(self.fuel - float(row["rest"]) * float(row["fuel_idle"]))
        reason = (f"Hove to until {clock(self.day.issue, until)}: the crew rests {float(row['rest']):g} h "
                  f"after at most {float(row['max_work']):g} h on duty.")  # fmt: skip
        self.order("wait", at, self.left, until, deadline, reason=reason)

    def _wait_off(self, port: int, off: float, until: float, deadline: float, way: NDArray) -> None:
        """The vessel waits off a port until it is let in."""
        reason = f"Waits off {self.day.harbours.name[port]}, which lets vessels in from {clock(self.day.issue, until)}."
        self.order("wait", self.day.harbours.xy[port], off, until, deadline, way=way, reason=reason)
        self.draw(way)

    def leg(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        """(point, 2) path at sea, in metres of the plane."""
        line: NDArray[np.float64] = self.day.router.path(a, b)
        return line if len(line) else np.array([a, b])

    def draw(self, line: NDArray) -> None:
        """Add a leg to the routes; it belongs to the order written last."""
        import shapely

        lon, lat = self.day.router.plane.to_lonlat(line[:, 0], line[:, 1])
        if len(line) == 1 or np.ptp(line, axis=0).max() < 1.0:
            lon, lat = np.array([lon[0], lon[0] + 1e-6]), np.array([lat[0], lat[0]])
        self.tables.routes.append(
            {"vessel_id": self.vessel_id, "sequence": self.sequence - 1,
             "geometry": shapely.LineString(np.column_stack([lon, lat]))}
        )  # fmt: skip

    def order(
        self, action: str, xy: NDArray, arrive: float, leave: float, deadline: float, *, patch: int = -1,
        way: NDArray | None = None, end: NDArray | None = None, kg: NDArray | None = None, found: float = np.nan,
        window: tuple[float, float] | None = None, reason: str = "",
    ) -> None:  # fmt: skip
        """Add one order.

        Args:
            action: what is done.
            xy: (2) place where it begins, metres of the plane.
            arrive: beginning, seconds after the issue.
            leave: its end.
            deadline: when the endurance ends.
            patch: the patch it is done at, or -1.
            way: (point, 2) way to it from the end of the order before; None where it stays.
            end: (2) place where it ends; None where it began.
            kg: (member) catch.
            found: share of the members in which the patch is within reach.
            window: when the work may begin.
            reason: why, in words.
        """
        import shapely

        lon, lat = self.day.lonlat(xy[0], xy[1])
        end_lon, end_lat = (lon, lat) if end is None else self.day.lonlat(end[0], end[1])
        low, high = (self._time(t) for t in window) if window else (pd.NaT, pd.NaT)
        catch = np.zeros(1) if kg is None else kg
        self.tables.orders.append({
            "vessel_id": self.vessel_id, "sequence": self.sequence, "action": action,
            "task_id": self.task_ids[patch] if patch >= 0 else "", "arrive": self._time(arrive),
            "leave": self._time(leave), "window_start": low, "window_end": high, "end_lat": float(end_lat),
            "end_lon": float(end_lon), "distance_m": 0.0 if way is None else length(way),
            "course_deg": float("nan") if way is None else self._course(way), "expected_kg": float(catch.mean()),
            "expected_p10_kg": float(np.quantile(catch, 0.1)), "expected_p90_kg": float(np.quantile(catch, 0.9)),
            "found_probability": found, "hold_kg": self.hold,
            "endurance_left_h": max((deadline - leave) / 3600.0, 0.0), "fuel_left_l": self.fuel,
            "wave_height_m": self.day.weather.at(self.day.weather.waves, arrive, lon, lat).item(),
            "wind_m_s": self.day.weather.at(self.day.weather.wind, arrive, lon, lat).item(),
            "reason": reason, "geometry": shapely.Point(lon, lat),
        })  # fmt: skip
        self.sequence += 1

    def _time(self, seconds: float) -> Any:
        if not np.isfinite(seconds):
            return pd.NaT
        return self.issue + pd.Timedelta(seconds=round(seconds))

    def _course(self, way: NDArray) -> float:
        """True course of the first stretch of a way that is longer than a metre; NaN where there is none."""
        from pyproj import Geod

        for begin, end in itertools.pairwise(way):
            if np.hypot(*(end - begin)) >= 1.0:
                (lon0, lat0), (lon1, lat1) = self.day.lonlat(*begin), self.day.lonlat(*end)
                return float(Geod(ellps="WGS84").inv(lon0, lat0, lon1, lat1)[0] % 360.0)
        return float("nan")

    def _window(self, stop: Stop) -> tuple[float, float]:
        pair = self.day.problem.pair[self.v, stop.task, 2:]
        for low, high in zip(pair[::2], pair[1::2], strict=True):
            if low - 1 <= stop.start <= high + 1:
                return float(low), float(high)
        return stop.start, stop.start

    def _cause(self, patch: int, t: float) -> str:
        slot = min(int(t / self.day.slot_s), self.day.shut.shape[2] - 1)
        code = Shut(int(self.day.shut[self.v, patch, slot]))
        row = self.day.crews[self.v].row
        return {
            Shut.WAVES: f"Hs {self.day.waves[patch, slot]:.1f} m > {row['max_wave_height']:g} m",
            Shut.WIND: f"wind {knots(self.day.wind[patch, slot])} > {knots(row['max_wind'])}",
            Shut.NIGHT: "dark", Shut.CLOSED_AREA: "closed area",
        }.get(code, "a whole visit no longer fits before")  # fmt: skip

    def _why(self, stops: list[Stop], kg: NDArray, found: float) -> str:
        hours = sum(s.leave - s.start for s in stops) / 3600.0
        part = f"{len(stops)} share{'s' if len(stops) > 1 else ''}"
        chance = f"within reach in {100 * found:.0f} % of the forecasts"
        return f"{part} in {hours:.1f} h of sweeping: {kg.mean():.0f} kg expected, {chance}."
