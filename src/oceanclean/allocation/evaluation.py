"""How good the solver is: gaps to published best values, and what drift costs planners that do not see it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.allocation.options import SearchSettings
from oceanclean.allocation.orienteering import Instance, drift_field, read_folder
from oceanclean.allocation.problem import Problem
from oceanclean.allocation.routing_baseline import route_static
from oceanclean.allocation.search import Solution, solve
from oceanclean.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Settings of the search for long routes without weather: longer strings, more and shorter rounds than for a day.
SEARCH = SearchSettings(rounds=6, removed=10, string=10, hot=0.015, cold=0.0005, candidates=150)

#: With time windows: less torn out at once, fewer and longer rounds.
SEARCH_WINDOWS = SEARCH.model_copy(update={"rounds": 3, "removed": 6, "string": 8})


@dataclass(frozen=True)
class Executed:
    """What a plan brings when sailed."""

    prize: float
    skipped: int


def execute(instance: Instance, velocity: NDArray[np.float64], routes: Sequence[Sequence[int]]) -> Executed:
    """Sail routes among drifting tasks with true meetings; a task is skipped where going there would break the limit.

    Closed form of the meeting with a target of constant velocity; shares no code with the planner.
    """
    points, prizes = instance.points, instance.prizes
    prize, skipped, seen = 0.0, 0, set()
    for route in routes:
        x, y, t = points[0, 0], points[0, 1], 0.0
        for task in route:
            dx, dy = points[1 + task] + velocity[task] * t - (x, y)
            vx, vy = velocity[task]
            a, b, c = vx * vx + vy * vy - 1.0, dx * vx + dy * vy, dx * dx + dy * dy
            wait = (-b - math.sqrt(max(b * b - a * c, 0.0))) / a if a < 0 else math.inf
            nx, ny = points[1 + task] + velocity[task] * (t + wait) if math.isfinite(wait) else (x, y)
            if t + wait + math.dist((nx, ny), points[-1]) > instance.limit + 1e-6:
                skipped += 1
                continue
            x, y, t = nx, ny, t + wait
            if task not in seen:
                prize += prizes[task]
                seen.add(task)
    return Executed(float(prize), skipped)


def _prize(instance: Instance, routes: Sequence[Sequence[int]]) -> float:
    return float(sum(instance.prizes[t] for r in routes for t in r))


def _arrival(instance: Instance, i: int, j: int, metres: float, t: float) -> float:
    """When a vehicle that leaves ``i`` at ``t`` is at ``j``; it changes its speed at the periods' ends."""
    if instance.arc is None or instance.profile is None:
        return t + metres
    ends, speeds = instance.profile[0, 1:], instance.profile[1 + int(instance.arc[i, j])]
    for end, speed in zip(ends, speeds, strict=False):
        if t < end or end == ends[-1]:
            if t + metres / speed <= end or end == ends[-1]:
                return float(t + metres / speed)
            metres -= (end - t) * speed
            t = float(end)
    return t


def check(instance: Instance, routes: Sequence[Sequence[int]]) -> bool:
    """True when the routes keep all limits of a static instance, recomputed in plain floating point."""
    seen = [t for r in routes for t in r]
    if len(seen) != len(set(seen)) or len(routes) > instance.vehicles:
        return False
    for route in filter(None, routes):  # a vehicle without tasks stays where it is
        t, at, load, n = instance.ready, instance.points[0], 0.0, len(instance.prizes)
        before = n
        for task in route:
            t = _arrival(instance, before, task, math.dist(at, instance.points[1 + task]), t)
            before = task
            if instance.windows is not None:
                if t > instance.windows[task, 1] + 1e-6:
                    return False
                t = max(t, instance.windows[task, 0])
            t += 0.0 if instance.service is None else instance.service[task]
            load += 0.0 if instance.demand is None else instance.demand[task]
            at = instance.points[1 + task]
        t = _arrival(instance, before, n + 1, math.dist(at, instance.points[-1]), t)
        if t > instance.limit + 1e-6 or load > instance.capacity + 1e-6:
            return False
    return True


def evaluate_allocation(
    data_dir: Path, seconds: float, drift: float | None = None, *, seed: int = 1, names: Sequence[str] | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Measure the solver on a folder of published instances.

    Args:
        data_dir: folder with ``instances`` and, where there is one, ``best_known.csv``.
        seconds: wall time for each instance (with ``drift``: for each plan).
        drift: mean drift over vessel speed; instead of gaps, catches of planners that do not see the drift are given
            relative to ours.
        seed: of the search and of the drift field.
        names: only these instances.
        progress: called with each row.

    Returns:
        JSON-ready: ``instances`` (rows), ``mean_gap_percent``, ``worst_gap_percent`` (None without best known values),
        ``seconds``; with ``drift`` also ``catch_relative_to_ours`` by method.

    Raises:
        InputError: the folder holds no instance that can be read.
    """
    rows: list[dict[str, Any]] = []
    for instance in read_folder(Path(data_dir)):
        if (names and instance.name not in names) or not len(instance.prizes):
            continue
        row = _gap_row(instance, seconds, seed) if drift is None else _drift_row(instance, seconds, drift, seed)
        rows.append(row)
        if progress:
            progress(row)
    if not rows:
        raise InputError(data_dir, "instances", "none", "instances in a known layout", "See docs/allocation.md.")
    gaps = [r["gap_percent"] for r in rows if r.get("gap_percent") is not None]
    result: dict[str, Any] = {
        "instances": rows, "mean_gap_percent": float(np.mean(gaps)) if gaps else None,
        "worst_gap_percent": float(np.max(gaps)) if gaps else None, "seconds": seconds, "seed": seed,
    }  # fmt: skip
    if drift is not None:
        methods = rows[0]["catch_relative_to_ours"]
        result["drift"] = drift
        result["catch_relative_to_ours"] = {
            m: float(np.mean([r["catch_relative_to_ours"][m] for r in rows])) for m in methods
        }
    return result


def _plan(problem: Problem, seconds: float, seed: int) -> Solution:
    windows = np.isfinite(problem.pair[:, :, 3]).any()
    return solve(problem, SEARCH_WINDOWS if windows else SEARCH, seed=seed, seconds=seconds)


def _gap_row(instance: Instance, seconds: float, seed: int) -> dict[str, Any]:
    clock = time.perf_counter()
    solution = _plan(instance.problem(), seconds, seed)
    prize, best = _prize(instance, solution.routes), instance.best_known
    gap = None if best is None else (100.0 * (best - prize) / best if best else 0.0)
    return {"name": instance.name, "prize": prize, "best_known": best, "gap_percent": gap,
            "feasible": check(instance, solution.routes), "iterations": solution.iterations,
            "columns": len(solution.columns), "seconds": round(time.perf_counter() - clock, 2)}  # fmt: skip


def _moved(instance: Instance, velocity: NDArray[np.float64], when: NDArray[np.float64] | float) -> Problem:
    """The static problem with every task where it is at a time."""
    problem = instance.problem()
    problem.track[:, 0, :2] += velocity * np.reshape(when, (-1, 1))
    return problem


def _drift_row(instance: Instance, seconds: float, ratio: float, seed: int) -> dict[str, Any]:
    """Catch of ours and of static planners, all sailed by :func:`execute`."""
    velocity = drift_field(instance, ratio, np.random.default_rng(seed))
    ours = execute(instance, velocity, _plan(instance.problem(velocity), seconds, seed).routes)
    static = {
        "static, first positions": _plan(_moved(instance, velocity, 0.0), seconds, seed).routes,
        "static, positions at half time": _plan(_moved(instance, velocity, instance.limit / 2), seconds, seed).routes,
    }
    baseline = "OR-Tools routing, positions at half time"
    static[baseline] = route_static(_moved(instance, velocity, instance.limit / 2), seconds=seconds)
    done = {name: execute(instance, velocity, routes) for name, routes in static.items()}
    done["fixed point over four plans"] = _fixed_point(instance, velocity, static["static, positions at half time"],
                                                       seconds, seed)  # fmt: skip
    top = max(ours.prize, 1e-9)
    return {"name": instance.name, "ours": ours.prize, "skipped": ours.skipped,
            "prizes": {m: e.prize for m, e in done.items()},
            "catch_relative_to_ours": {m: e.prize / top for m, e in done.items()}}  # fmt: skip


def _fixed_point(
    instance: Instance, velocity: NDArray[np.float64], routes: list[list[int]], seconds: float, seed: int
) -> Executed:
    """Best of four static plans, each with the tasks where the plan before would have met them."""
    best = execute(instance, velocity, routes)
    for k in range(4):
        when = np.full(len(instance.prizes), instance.limit / 2)
        for route in routes:
            t, at = 0.0, instance.points[0]
            for task in route:
                spot = instance.points[1 + task] + velocity[task] * when[task]
                t += math.dist(at, spot)
                at, when[task] = spot, min(t, instance.limit)
        routes = _plan(_moved(instance, velocity, when), seconds / 4, seed + k).routes
        best = max(best, execute(instance, velocity, routes), key=lambda e: e.prize)
    return best
