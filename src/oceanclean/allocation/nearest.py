"""What a planner without a computer would do, told by the same law of motion: each vessel to the nearest patch.

It is the measure of what planning brings. Whichever vessel is free first goes to the patch that then lies nearest to
it, sweeps the densest share that nobody has taken, and goes on so until nothing that is left fits into its day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation import motion
from oceanclean.allocation.orders import catch_of
from oceanclean.allocation.problem import Problem
from oceanclean.allocation.schedule import tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.model import Day


def nearest_first(problem: Problem, patch: NDArray[np.int64], rank: NDArray[np.int64]) -> list[list[int]]:
    """Shares in order for each vessel.

    Args:
        problem: vessels and shares.
        patch: (share) patch it belongs to.
        rank: (share) 0 for the densest of its patch.
    """
    routes: list[list[int]] = [[] for _ in range(problem.vessels)]
    states = np.zeros((problem.vessels, motion.STATE))
    for v in range(problem.vessels):
        motion.begin(problem, v, states[v])
    left = [share for share in np.lexsort((rank, patch)).tolist() if problem.track[share, :, 2].max() > 0]
    busy = set(range(problem.vessels))
    while busy:
        v = min(busy, key=lambda k: (states[k, motion.LEAVE], k))
        share = _nearest(problem, v, routes[v], states[v], left, patch)
        if share is None:
            busy.discard(v)
            continue
        routes[v].append(share)
        left.remove(share)
    return routes


def _nearest(
    problem: Problem, v: int, route: list[int], state: NDArray[np.float64], left: list[int], patch: NDArray[np.int64]
) -> int | None:
    """The next share of the nearest patch that the vessel can serve from where it is; ``state`` is then after it."""
    first = list({int(patch[share]): share for share in reversed(left)}.values())
    spots = np.array([motion.spot(problem.track, problem.scalar[0], s, state[motion.LEAVE]) for s in first])
    at, after = route[-1] if route else problem.tasks, np.zeros(motion.STATE)
    for k in np.argsort(np.hypot(*(spots.reshape(-1, 2) - state[:2]).T), kind="stable"):
        if problem.pair[v, first[k], 1] > 0 and motion.go_on(problem, v, at, state, first[k], after) == 0:
            state[:] = after
            return first[k]
    return None


def nearest_first_kg(day: Day) -> float:
    """Expected catch of the day if every vessel went to the nearest patch, kg."""
    routes = nearest_first(day.problem, day.shares.patch, day.shares.rank)
    catches = [catch_of(day, v, tell(day.problem, v, tasks)) for v, tasks in enumerate(routes) if tasks]
    return float(sum(c.total.mean() for c in catches))
