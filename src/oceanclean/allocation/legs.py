"""Holding a plan's legs against the true paths at sea.

The search takes distances from a table of nodes. Where the path between two places bends at other corners than the
path between their nodes, the table may be short; such entries are corrected here and the route is followed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation import passage
from oceanclean.allocation.problem import S, V
from oceanclean.allocation.schedule import Trip, tell
from oceanclean.allocation.search import route_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.model import Day
    from oceanclean.allocation.search import Solution

#: A leg may be longer than the search thought by as much as a vessel sails in this time, in seconds.
TOLERANCE_S = 120.0
#: Passes of correction.
PASSES = 12


def settle_legs(day: Day, solution: Solution, notes: list[str]) -> Solution:
    """Correct the table of distances until every leg is as long as its path; drop tasks that then no longer fit.

    Args:
        day: the problem; its table is corrected in place.
        solution: routes to check.
        notes: told if stops had to be dropped.

    Returns:
        The solution with routes that hold at sea.
    """
    routes, before = [list(r) for r in solution.routes], sum(map(len, solution.routes))
    for _ in range(PASSES):
        corrected = [_correct(day, v, tasks) for v, tasks in enumerate(routes) if tasks]
        if not any(corrected):
            break
        routes = [_still_fit(day, v, tasks) for v, tasks in enumerate(routes)]
    dropped = before - sum(map(len, routes))
    if dropped:
        notes.append(f"{dropped} visits were dropped when the legs were measured along the coast.")
    value = sum(route_value(day.problem, v, tasks) or 0.0 for v, tasks in enumerate(routes))
    return replace(solution, routes=routes, value=value)


def _still_fit(day: Day, v: int, tasks: list[int]) -> list[int]:
    fits: list[int] = []
    for task in tasks:
        if route_value(day.problem, v, [*fits, task]) is not None:
            fits.append(task)
    return fits


def legs_of(day: Day, trip: Trip) -> Iterator[tuple[NDArray, NDArray, float]]:
    """Ends of every leg of a trip and when it begins."""
    at, left = trip.begin, 0.0
    for stop in trip.stops:
        if stop.call is not None:
            yield at, day.harbours.xy[stop.call.port], left
        yield stop.begin, stop.met, stop.depart
        at, left = stop.left, stop.leave
    yield at, day.harbours.xy[trip.end_port], trip.end_depart


def _correct(day: Day, v: int, tasks: list[int]) -> bool:
    """Correct the table for every leg of a route that is longer than the search thought; True if any was."""
    changed, p = False, day.problem
    speed = float(p.vessel[v, V.SPEED])
    for a, b, t in legs_of(day, tell(p, v, tasks)):
        line = day.router.path(a, b)
        if not len(line):
            continue
        metres = float(np.hypot(*np.diff(line, axis=0).T).sum())
        thought = passage.sea_distance(p, a[0], a[1], b[0], b[1])
        # what currents take on the true path counts as metres more
        lost = _late(day, v, line, t, thought) * speed if p.scalar[S.FLOWS] and len(line) > 2 else 0.0
        if max(metres - thought, lost) > TOLERANCE_S * speed:
            changed |= _enter(day, a, b, line, max(metres, thought + lost))
    return changed


def _late(day: Day, v: int, line: NDArray, t: float, thought: float) -> float:
    """Seconds by which a vessel on the true path arrives later than the search thought."""
    p, (ax, ay), (bx, by) = day.problem, line[0], line[-1]
    arrive = t
    for (x, y), (nx, ny) in pairwise(line):
        arrive = passage.made_good(p, v, x, y, nx, ny, float(np.hypot(nx - x, ny - y)), arrive)
    return float(arrive - passage.sailed(p, v, p.tasks, p.tasks, ax, ay, bx, by, thought, t))


def _enter(day: Day, a: NDArray, b: NDArray, line: NDArray, metres: float) -> bool:
    """Put a path's first and last bend into the table."""
    p = day.problem
    i, j = (int(passage.node_of(p, c[0], c[1])) for c in (a, b))
    if len(line) < 3 or i < 0 or j < 0 or i == j:
        return False
    f, g = (int(np.argmin(np.hypot(*(p.corner - c).T))) for c in (line[1], line[-2]))
    p.first[i, j], p.first[j, i] = f, g
    p.mid[i, j] = p.mid[j, i] = metres - np.hypot(*(line[1] - a)) - np.hypot(*(line[-2] - b))
    return True
