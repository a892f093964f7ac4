"""Re-planning: yesterday's routes as a start, and no change of mind without a gain that is worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.allocation.search import Solution, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely import Point

    from oceanclean.allocation.model import Day
    from oceanclean.allocation.options import AllocationSettings
    from oceanclean.allocation.problem import Problem
    from oceanclean.products import Plan


def yesterdays_routes(day: Day, previous: Plan) -> list[list[int]]:
    """What is left of an earlier plan, in today's shares.

    A visit that has not begun is matched to the patch nearest to its place at its time, if within reach of it.

    Returns:
        Shares in order, for each vessel of the day.
    """
    orders = previous.orders[previous.orders["action"] == "collect"].sort_values(["vessel_id", "sequence"])
    issue = pd.Timestamp(day.issue, tz="UTC")
    free: dict[int, list[int]] = {}
    for share, patch in enumerate(day.shares.patch):
        free.setdefault(int(patch), []).append(share)
    routes = []
    for v, crew in enumerate(day.crews):
        route: list[int] = []
        for row in orders[orders["vessel_id"] == crew.vessel_id].itertuples():
            start, hours = (row.arrive - issue).total_seconds(), (row.leave - row.arrive).total_seconds()
            if start < 0 or start > day.horizon_s:
                continue
            patch = _nearest(day, row.geometry, start)
            visits = max(1, round(hours / max(float(day.problem.pair[v, 0, 0]), 1.0)))
            if patch in free:
                route += free[patch][:visits]
                free[patch] = free[patch][visits:]
        routes.append(route)
    return routes


def _nearest(day: Day, place: Point, t: float) -> int:
    """Patch nearest to a point at a time, −1 if none is within its own reach."""
    x, y = day.router.plane.to_xy(place.x, place.y)
    h = min(round(t / day.patches.step), day.patches.x.shape[1] - 1)
    gap = np.hypot(day.patches.x[:, h] - x, day.patches.y[:, h] - y)
    patch = int(np.argmin(gap))
    return patch if gap[patch] <= 4000.0 + day.patches.radius_m[patch, h] else -1


def keep_or_change(
    problem: Problem, fresh: Solution, warm: list[list[int]], settings: AllocationSettings, seed: int,
    seconds: float | None, promised: NDArray[np.float64],
) -> Solution:  # fmt: skip
    """Yesterday's assignment, improved, unless a fresh plan is clearly better; no patch is taken from its vessel.

    Args:
        problem: the day's, as the search sees it.
        fresh: plan made without regard to yesterday's.
        warm: yesterday's routes.
        settings: ``keep_bonus`` is the part by which a fresh plan must be better.
        seed: of the search.
        seconds: wall time of the search, or None.
        promised: (task) what pins add to gains.
    """
    owner = {share: v for v, route in enumerate(warm) for share in route if promised[share] == 0}
    if not owner or settings.keep_bonus == 0:
        return fresh
    pair = problem.pair.copy()
    for share, v in owner.items():
        pair[np.arange(len(pair)) != v, share, 1] = 0.0
    kept = solve(problem._replace(pair=pair), settings.search, seed=seed, seconds=seconds, warm=warm, promised=promised)
    obeyed = [sum(float(promised[s]) for route in plan.routes for s in route) for plan in (fresh, kept)]
    changes = fresh.value - obeyed[0] >= (1 + settings.keep_bonus) * (kept.value - obeyed[1])
    better = fresh if obeyed[0] > obeyed[1] or (changes and obeyed[0] == obeyed[1]) else kept
    columns = list(dict.fromkeys([*fresh.columns, *kept.columns]))
    return Solution(better.routes, better.value, columns, fresh.iterations + kept.iterations,
                    fresh.seconds + kept.seconds, [*fresh.history, *kept.history], better.packing)  # fmt: skip
