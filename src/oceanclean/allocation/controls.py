"""What people decided, put into the problem: held vessels, limits, closures, bans and pins.

A decision that cannot be obeyed is left out and named with the limit that stands against it; the rest is planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from oceanclean.allocation import motion
from oceanclean.allocation.explain import why_not_alone
from oceanclean.allocation.master import Column
from oceanclean.allocation.problem import Problem, T, V
from oceanclean.allocation.search import route_value, states_of, vessel_kinds
from oceanclean.settings import KNOT_M_S

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from oceanclean.allocation.model import Day
    from oceanclean.allocation.ports import Harbours
    from oceanclean.allocation.search import Solution
    from oceanclean.decisions import Ban, Decisions, Limit, Pin
    from oceanclean.products import Plan
    from oceanclean.region import Region

#: A task id is looked for in today's forecast within this distance of where the last plan expects it, in metres.
SAME_PATCH_M = 10_000.0
#: Pins of one vessel whose orders are all tried, to find those that cannot hold together.
TRIED_TOGETHER = 6
#: Column of the fleet table and factor to its unit, by limit.
LIMITED = {
    "max_wave_height_m": ("max_wave_height", 1.0),
    "max_wind_kn": ("max_wind", KNOT_M_S),
    "endurance_h": ("endurance", 1.0),
    "hold_kg": ("hold", 1.0),
    "transit_speed_kn": ("transit_speed", KNOT_M_S),
    "collect_speed_kn": ("collect_speed", KNOT_M_S),
}


@dataclass
class Orders:
    """Pins as the search sees them.

    Attributes:
        promised: (share) value added to a pinned share, so that no search leaves it out.
        first: share that a vessel serves first, by vessel.
        pinned: vessel and patch of every pin that is obeyed.
    """

    promised: NDArray[np.float64]
    first: dict[int, int] = field(default_factory=dict)
    pinned: set[tuple[int, int]] = field(default_factory=set)


def decided_fleet(fleet: gpd.GeoDataFrame, decisions: Decisions) -> tuple[gpd.GeoDataFrame, list[str]]:
    """The fleet with the day's limits and held vessels, and sentences about vessels that are not in it."""
    fleet, notes = fleet.copy(), []
    known = set(fleet["vessel_id"])
    for limit in decisions.limits:
        if limit.vessel in known:
            _limit(fleet, limit)
        else:
            notes.append(f"Limits for {limit.vessel!r} change nothing: the fleet has no such vessel.")
    for hold in decisions.holds:
        if hold.vessel not in known:
            notes.append(f"Holding {hold.vessel!r} changes nothing: the fleet has no such vessel.")
            continue
        row = fleet["vessel_id"] == hold.vessel
        fleet.loc[row, "available"] = False
        fleet.loc[row, "reason"] = f"Held by decision: {hold.reason}"
    return fleet, notes


def _limit(fleet: gpd.GeoDataFrame, limit: Limit) -> None:
    """Put one vessel's limits into its row."""
    row = fleet["vessel_id"] == limit.vessel
    for name, (column, factor) in LIMITED.items():
        value = getattr(limit, name)
        if value is not None:
            fleet[column] = fleet[column].astype(float)
            fleet.loc[row, column] = value * factor
    fleet.loc[row, "hold_used"] = np.minimum(fleet.loc[row, "hold_used"], fleet.loc[row, "hold"])


def decided_harbours(harbours: Harbours, decisions: Decisions) -> tuple[Harbours, list[str]]:
    """Harbours of which the closed ones are called at by nobody, and sentences."""
    closed, notes = harbours.closed.copy(), []
    for decision in decisions.closed_ports:
        if decision.port in harbours.name:
            closed[harbours.name.index(decision.port)] = True
            notes.append(f"Port {decision.port} is closed by decision: {decision.reason}")
        else:
            notes.append(f"Closing port {decision.port!r} changes nothing: the region has no such port.")
    return replace(harbours, closed=closed), notes


def decided_exclusions(region: Region, decisions: Decisions) -> gpd.GeoDataFrame:
    """Closed areas of the region and of the day."""
    zones = [*region.settings.exclusion_zones, *decisions.closed_areas]
    return type(region)(region.settings.model_copy(update={"exclusion_zones": zones})).exclusions


class _Finder:
    """Finds the patch that a decision names."""

    def __init__(self, day: Day, previous: Plan | None) -> None:
        self.day, self.previous = day, previous

    def patch(self, decision: Pin | Ban) -> tuple[int, str]:
        """Index of the patch, or −1 and why it was not found."""
        if decision.place is not None:
            place = decision.place
            name = f"the patch near {place.lat:.3f}, {place.lon:.3f}"
            x, y = self.day.router.plane.to_xy(place.lon, place.lat)
            return self._nearest(float(x), float(y), place.within_km * 1000.0, name)
        number = decision.task[1:]
        if self.previous is None:
            index = int(number) - 1 if decision.task[:1] == "T" and number.isdigit() else -1
            if 0 <= index < len(self.day.patches.x):
                return index, ""
            return -1, f"{decision.task} is no task of this forecast"
        tracks = self.previous.task_tracks
        mine = tracks[tracks["task_id"] == decision.task]
        if not len(mine):
            return -1, f"{decision.task} is no task of the last plan"
        gap = (mine["time"] - pd.Timestamp(self.day.issue, tz="UTC")).abs()
        at = mine.geometry.loc[gap.idxmin()]
        x, y = self.day.router.plane.to_xy(at.x, at.y)
        return self._nearest(float(x), float(y), SAME_PATCH_M, decision.task)

    def _nearest(self, x: float, y: float, within: float, name: str) -> tuple[int, str]:
        if not len(self.day.patches.x):
            return -1, f"{name} is not in the forecast"
        gap = np.hypot(self.day.patches.x[:, 0] - x, self.day.patches.y[:, 0] - y)
        index = int(np.argmin(gap))
        if gap[index] <= within:
            return index, ""
        return -1, f"{name} is not in the forecast: the nearest patch is {gap[index] / 1000:.0f} km off"


def obey(day: Day, decisions: Decisions, previous: Plan | None, notes: list[str]) -> tuple[Day, Orders]:
    """Put bans and pins into a day's problem.

    Args:
        day: the problem before any ban or pin.
        decisions: what was decided.
        previous: the last plan, in which task ids are looked up; without it they are those of this forecast.
        notes: told what cannot be obeyed, and why.

    Returns:
        The day with banned shares closed, pinned ones reserved and windows cut; and the pins for the search.
    """
    finder, pair = _Finder(day, previous), day.problem.pair.copy()
    day = replace(day, problem=day.problem._replace(pair=pair))
    vessels = {c.vessel_id: v for v, c in enumerate(day.crews)}
    banned: set[tuple[int, int]] = set()
    for ban in decisions.bans:
        patch, why = finder.patch(ban)
        mine = range(len(day.crews)) if not ban.vessel else [vessels[ban.vessel]] if ban.vessel in vessels else []
        if patch < 0:
            notes.append(f"A ban changes nothing: {why}.")
        for v in mine if patch >= 0 else []:
            banned.add((v, patch))
            pair[v, day.shares.patch == patch, 1] = 0.0
    wanted = _wanted(day, decisions.pins, finder, vessels, banned, notes)
    return day, _reserve(day, _fitting(day, wanted, notes))


@dataclass(frozen=True)
class _Wish:
    """A pin whose vessel and patch are known."""

    vessel: int
    patch: int
    share: int
    first: bool
    text: str


def _wanted(
    day: Day, pins: Sequence[Pin], finder: _Finder, vessels: dict[str, int], banned: set[tuple[int, int]],
    notes: list[str],
) -> list[_Wish]:  # fmt: skip
    """Pins that could be obeyed if each were alone; windows before ``not_before`` are cut."""
    wishes: list[_Wish] = []
    taken: set[int] = set()
    for pin in pins:
        patch, why = finder.patch(pin)
        text = f"The pin of {pin.vessel} to " + (f"task T{patch + 1:02d}" if patch >= 0 else pin.task or "a place")
        if pin.vessel not in vessels:
            why = "the vessel is not sent today"
        elif patch >= 0 and (vessels[pin.vessel], patch) in banned:
            why = "the same patch is banned for it"
        if why:
            notes.append(f"{text} was not obeyed: {why}.")
            continue
        v = vessels[pin.vessel]
        free = [int(s) for s in np.flatnonzero(day.shares.patch == patch) if s not in taken]
        if not free:
            notes.append(f"{text} was not obeyed: nothing is left of it to offer, or it holds too little debris.")
            continue
        if pin.not_before is not None:
            _not_before(day, v, patch, pin.not_before)
        if route_value(day.problem, v, free[:1]) is None:
            notes.append(f"{text} was not obeyed: {why_not_alone(day, v, free[0])}")
            continue
        if any(w.vessel == v and w.patch == patch for w in wishes):
            continue
        taken.add(free[0])
        wishes.append(_Wish(v, patch, free[0], pin.first, text))
    return wishes


def _not_before(day: Day, v: int, patch: int, moment: Any) -> None:
    """Let a vessel's work on a patch begin no earlier than a moment (UTC where it has no zone)."""
    stamp = pd.Timestamp(moment)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    seconds = (stamp - pd.Timestamp(day.issue, tz="UTC")).total_seconds()
    shares = np.flatnonzero(day.shares.patch == patch)
    windows = day.problem.pair[v, shares, 2:]
    low, high = windows[:, ::2], windows[:, 1::2]
    ended = high < seconds
    windows[:, ::2] = np.where(ended, np.inf, np.maximum(low, seconds))
    windows[:, 1::2] = np.where(ended, -np.inf, high)
    # windows that never open stand at the end
    order = np.argsort(windows[:, ::2], axis=1, kind="stable")
    windows[:, ::2] = np.take_along_axis(windows[:, ::2].copy(), order, axis=1)
    windows[:, 1::2] = np.take_along_axis(windows[:, 1::2].copy(), order, axis=1)
    day.problem.pair[v, shares, 2:] = windows


def _fits(problem: Problem, v: int, wishes: Sequence[_Wish]) -> bool:
    """True when some order of the pins keeps all limits and begins with the one that must be first."""
    firsts = [w.share for w in wishes if w.first]
    if len(firsts) > 1:
        return False
    rest = [w.share for w in wishes if not w.first]
    return any(route_value(problem, v, [*firsts, *order]) is not None for order in permutations(rest))


def _fitting(day: Day, wishes: list[_Wish], notes: list[str]) -> list[_Wish]:
    """Pins that hold together; of the smallest sets that do not, the last pin is left out and the set is named."""
    kept = list(wishes)
    for v in sorted({w.vessel for w in wishes}):
        while (clash := _smallest_clash(day.problem, v, [w for w in kept if w.vessel == v])) is not None:
            kept.remove(clash[-1])
            names = ", ".join(f"T{w.patch + 1:02d}" for w in clash)
            why = "only one patch can be the first" if sum(w.first for w in clash) > 1 else (
                "in no order can it work them all within its windows, endurance and hold")  # fmt: skip
            notes.append(f"{clash[-1].text} was not obeyed: with {names} together, {why}.")
    return kept


def _smallest_clash(problem: Problem, v: int, wishes: list[_Wish]) -> list[_Wish] | None:
    """Smallest set of a vessel's pins that cannot hold together, None if all can."""
    if _fits(problem, v, wishes[:TRIED_TOGETHER]) and len(wishes) <= TRIED_TOGETHER:
        return None
    for size in range(2, min(len(wishes), TRIED_TOGETHER) + 1):
        for some in combinations(wishes, size):
            if not _fits(problem, v, some):
                return list(some)
    return None


def _reserve(day: Day, wishes: list[_Wish]) -> Orders:
    """Keep each pinned share for its vessel and promise more for it than the vessel could gain without."""
    orders = Orders(np.zeros(day.problem.tasks))
    pair = day.problem.pair
    top = day.problem.track[:, :, T.GAIN].max(axis=1)
    for wish in wishes:
        others = np.arange(len(pair)) != wish.vessel
        pair[others, wish.share, 1] = 0.0
        orders.pinned.add((wish.vessel, wish.patch))
        if wish.first:
            orders.first[wish.vessel] = wish.share
        else:
            orders.promised[wish.share] = 1.0 + float(np.sort(top)[::-1][:50].sum())
    return orders


def searched(problem: Problem, orders: Orders) -> Problem:
    """The problem for the search: promises in the gains, vessels that begin after their first pinned visit."""
    if not orders.pinned:
        return problem
    track, vessel, pair = problem.track.copy(), problem.vessel.copy(), problem.pair.copy()
    for share in np.flatnonzero(orders.promised).tolist():
        v = int(np.argmax(pair[:, share, 1]))
        track[share, :, T.GAIN] += orders.promised[share] / pair[v, share, 1]
    for v, share in orders.first.items():
        after = states_of(problem, v, [share])[1]
        vessel[v, [V.X, V.Y, V.READY]] = after[[motion.X, motion.Y, motion.LEAVE]]
        vessel[v, V.HOLD_LEFT], vessel[v, V.CALLS] = after[motion.HOLD_LEFT], after[motion.CALLS]
        vessel[v, V.ENDURANCE_LEFT] = after[motion.DEADLINE] - after[motion.LEAVE]
        vessel[v, V.IN_PORT], vessel[v, V.ON_DUTY] = 0.0, after[motion.LEAVE] - after[motion.DUTY]
        vessel[v, V.FUEL] = after[motion.FUEL_LEFT]
        pair[:, share, 1] = 0.0
    return problem._replace(track=track, vessel=vessel, pair=pair)


def without_promises(problem: Problem, solution: Solution, orders: Orders) -> Solution:
    """What the search found, in terms of the problem itself: first pinned visits before the routes, true values."""
    if not orders.pinned:
        return solution
    kinds = vessel_kinds(problem)
    first = {int(kinds[v]): (share, float(states_of(problem, v, [share])[1, motion.VALUE]))
             for v, share in orders.first.items()}  # fmt: skip
    routes = [[orders.first[v], *r] if v in orders.first else list(r) for v, r in enumerate(solution.routes)]
    columns = []
    for c in solution.columns:
        value = c.value - float(orders.promised[list(c.tasks)].sum())
        share, gain = first.get(c.kind, (-1, 0.0))
        columns.append(Column(c.kind, (share, *c.tasks) if share >= 0 else c.tasks, value + gain))
    value = sum(route_value(problem, v, r) or 0.0 for v, r in enumerate(routes))
    return replace(solution, routes=routes, columns=columns, value=value)


def unmet(day: Day, orders: Orders, routes: list[list[int]]) -> list[str]:
    """Sentences about pins that fit one by one but not on the way that was found."""
    return [
        f"The pin of {day.crews[v].vessel_id} to task T{q + 1:02d} was not obeyed: no route was found that keeps it."
        for v, q in sorted(orders.pinned)
        if not any(day.shares.patch[s] == q for s in routes[v])
    ]
