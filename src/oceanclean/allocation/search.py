"""The search: rounds of annealing side by side, each followed by packing every route met so far.

With the same problem, settings and seed, and without a limit in seconds, the same plan comes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation import annealing, motion, recreate
from oceanclean.allocation.master import Column, best_columns, pack
from oceanclean.allocation.problem import S, V

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.options import SearchSettings
    from oceanclean.allocation.problem import Problem

#: Routes that one worker remembers, and stops that they may have together.
POOL_ROUTES, POOL_STOPS = 60_000, 1_500_000
#: Longest route in stops.
LONGEST_ROUTE = 200
#: Tasks between which the neighbourhood of a ruin is drawn.
NEIGHBOURS = 400


@dataclass(frozen=True)
class Solution:
    """What the search found.

    Attributes:
        routes: tasks in order, for each vessel.
        value: net value of the plan.
        columns: routes remembered, for prices, for bounds, and for tomorrow.
        iterations: ruin-and-recreate steps made.
        seconds: wall time.
        history: (seconds, value) after each round.
        packing: status of the last packing.
    """

    routes: list[list[int]]
    value: float
    columns: list[Column]
    iterations: int
    seconds: float
    history: list[tuple[float, float]] = field(default_factory=list)
    packing: str = ""


def vessel_kinds(problem: Problem) -> NDArray[np.int64]:
    """(vessel) number of the kind: vessels alike in state, limits, windows and ports are of one kind."""
    rows = [
        np.concatenate([problem.vessel[v], problem.pair[v].ravel(), problem.harbour[v].ravel(),
                        problem.shut[v].ravel() if len(problem.shut) == problem.vessels else []]).tobytes()
        for v in range(problem.vessels)
    ]  # fmt: skip
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(r, len(seen)) for r in rows], np.int64)


def neighbours(problem: Problem) -> NDArray[np.int64]:
    """(task, neighbour) tasks by distance, mean over three times of the horizon; each is its own first."""
    n, last = problem.tasks, problem.track.shape[1] - 1
    width = min(n, NEIGHBOURS)
    distance = np.zeros((n, n), np.float32)
    for h in sorted({0, last // 2, last}):
        x, y = problem.track[:, h, 0].astype(np.float32), problem.track[:, h, 1].astype(np.float32)
        distance += np.hypot(x[:, None] - x[None], y[:, None] - y[None])
    np.fill_diagonal(distance, -1.0)
    return np.argsort(distance, axis=1, kind="stable")[:, :width].astype(np.int64)


def share_chains(problem: Problem) -> NDArray[np.int64]:
    """(task, 2) the next better and the next poorer task of each, −1 if none.

    Tasks are of one chain when they are at the same place at all times with the same windows and services, and one
    brings at least as much as the other at every time: the shares of a patch.
    """
    n = problem.tasks
    chain = np.full((n, 2), -1, np.int64)
    rows = [
        (problem.track[j, :, :2].tobytes(), problem.pair[:, j].tobytes(), -problem.track[j, 0, 2], j) for j in range(n)
    ]
    rows.sort()
    for one, two in pairwise(rows):
        a, b = one[3], two[3]
        gains, loads = problem.track[[a, b], :, 2], problem.track[[a, b], :, 3]
        if one[:2] == two[:2] and (gains[0] >= gains[1]).all() and (loads[0] >= loads[1]).all():
            chain[a, 1], chain[b, 0] = b, a
    return chain


def route_value(problem: Problem, vessel: int, tasks: Sequence[int]) -> float | None:
    """Net value of a route, None if it breaks a limit."""
    route = np.asarray(tasks, np.int64)
    states = np.zeros((len(route) + 1, motion.STATE))
    code, _ = motion.follow(problem, vessel, route, len(route), 0, states)
    return None if code else float(motion.worth(problem, vessel, route, len(route), states)[0])


def states_of(problem: Problem, vessel: int, tasks: Sequence[int]) -> NDArray[np.float64]:
    """(stop + 1, state) condition of a vessel along a feasible route."""
    route = np.asarray(tasks, np.int64)
    states = np.zeros((len(route) + 1, motion.STATE))
    motion.follow(problem, vessel, route, len(route), 0, states)
    return states


class _Worker:
    """One annealing thread: its plan and the routes it remembers."""

    def __init__(self, problem: Problem, kinds: NDArray, near: NDArray, mark: NDArray, knob: NDArray) -> None:
        self.problem, self.kinds, self.near, self.knob = problem, kinds, near, knob
        self.chain = share_chains(problem)
        self.width = min(problem.tasks, LONGEST_ROUTE) + 2
        self.memory = annealing.Memory(
            mark, np.zeros(POOL_STOPS, np.int32), np.zeros(POOL_ROUTES, np.int64), np.zeros(POOL_ROUTES, np.int16),
            np.zeros(POOL_ROUTES), np.zeros((1 << 18, 2), np.int64), np.zeros(1, np.int64),
        )  # fmt: skip
        self.taken = 0
        self.start([[] for _ in range(problem.vessels)])

    def start(self, plan: list[list[int]]) -> None:
        """Begin from a plan."""
        self.routes = np.zeros((self.problem.vessels, self.width), np.int64)
        self.counts = np.zeros(self.problem.vessels, np.int64)
        for v, tasks in enumerate(plan):
            self.routes[v, : len(tasks)], self.counts[v] = tasks, len(tasks)

    def anneal(self, seed: int, iterations: int, hot: float, cold: float) -> tuple[float, list[list[int]]]:
        """Search on from the present plan; the best plan met on the way."""
        value, best, counts = annealing.anneal(
            self.problem, self.kinds, self.near, self.chain, self.knob, self.routes, self.counts, seed, iterations, hot,
            cold, self.memory,
        )  # fmt: skip
        return value, [best[v, : counts[v]].tolist() for v in range(len(counts))]

    def new_columns(self) -> list[Column]:
        """Routes remembered since the last call."""
        columns, m = [], self.memory
        for k in range(self.taken, int(m.size[0])):
            tasks = m.pool[m.ends[k - 1] if k else 0 : m.ends[k]]
            columns.append(Column(int(m.owner[k]), tuple(tasks.tolist()), float(m.worths[k])))
        self.taken = int(m.size[0])
        return columns


def _knobs(problem: Problem, settings: SearchSettings) -> NDArray[np.float64]:
    knob = np.zeros(recreate.KNOBS)
    knob[recreate.REMOVED], knob[recreate.STRING] = settings.removed, settings.string
    knob[recreate.BLINK], knob[recreate.CANDIDATES] = settings.blink, settings.candidates
    # with one window a task and nothing that drifts, the estimate of what fits is exact
    strict = problem.pair.shape[2] == 4 and problem.track.shape[1] == 1 and problem.scalar[S.ARCS] == 0
    knob[recreate.STRICT] = recreate.SURE if strict and _only_time_counts(problem) else float(strict)
    knob[recreate.PLACES], knob[recreate.VESSELS], knob[recreate.WIDE] = settings.places, 8, settings.wide
    return knob


def _only_time_counts(problem: Problem) -> bool:
    """True where no hold, endurance, crew, fuel, sea or port can stop a vessel that has the time."""
    row, unlimited = problem.vessel, 1e17
    return bool(
        (row[:, V.HOLD_LEFT] >= unlimited).all() and (row[:, V.ENDURANCE_LEFT] >= unlimited).all()
        and not row[:, [V.WATCHED, V.MAX_WORK, V.TANK]].any()
        and not problem.scalar[[S.LAND, S.GATES, S.FLOWS]].any()
    )  # fmt: skip


def solve(
    problem: Problem,
    settings: SearchSettings,
    *,
    seed: int,
    seconds: float | None = None,
    warm: Sequence[Sequence[int]] | None = None,
    progress: Callable[[float, float], None] | None = None,
    promised: NDArray[np.float64] | None = None,
) -> Solution:
    """Plan.

    Args:
        problem: vessels and tasks.
        settings: of the search.
        seed: of all random numbers.
        seconds: stop after this wall time instead of after ``settings.iterations``.
        warm: tasks in order for each vessel, e.g. of yesterday's plan; tasks that no longer fit are dropped.
        progress: called with the share done and the value so far after each round.
        promised: (task) part of the gains that only says what must be served; temperatures take no account of it.

    Returns:
        The best plan found.
    """
    clock = time.perf_counter()
    if problem.tasks == 0 or problem.vessels == 0:
        return Solution([[] for _ in range(problem.vessels)], 0.0, [], 0, 0.0)
    kinds, near = vessel_kinds(problem), neighbours(problem)
    available = np.bincount(kinds)
    mark = np.random.default_rng(seed).integers(1, 2**62, problem.tasks + len(available))
    workers = [_Worker(problem, kinds, near, mark, _knobs(problem, settings)) for _ in range(settings.workers)]
    scale = _scale(workers[0], seed, np.zeros(problem.tasks) if promised is None else promised)
    best = _warm_start(problem, warm)
    columns: dict[tuple[int, frozenset[int]], Column] = {}
    _keep(columns, as_columns(problem, kinds, best[1]))
    done, history, status = 0, [], ""
    for r in range(settings.rounds):
        for w, worker in enumerate(workers):
            last_round = r == settings.rounds - 1 and r > 0
            warmed = warm is not None and (w == 0 or settings.rounds == 1)  # one short round is for improving only
            worker.start(best[1] if last_round or warmed else [[] for _ in best[1]])
        budget = None if seconds is None else seconds * 0.93 * (r + 1) / settings.rounds
        hot = settings.hot * (0.25 if r == settings.rounds - 1 and r > 0 else 1.0)
        found, steps = _side_by_side(workers, settings, seed + 7919 * r, hot, scale, clock, budget)
        done += steps
        for worker in workers:
            _keep(columns, worker.new_columns())
        best = max([best, *found], key=lambda b: b[0])
        incumbent = as_columns(problem, kinds, best[1])
        packed, status = pack(best_columns(list(columns.values()), settings.columns), available.tolist(), incumbent,
                              effort=settings.packing_effort, seed=seed)  # fmt: skip
        best = max([best, unpacked(packed, kinds)], key=lambda b: b[0])
        history.append((time.perf_counter() - clock, best[0]))
        if progress:
            progress((r + 1) / settings.rounds, best[0])
        if seconds is not None and time.perf_counter() - clock > seconds:
            break
    return Solution(best[1], best[0], list(columns.values()), done, time.perf_counter() - clock, history, status)


def _warm_start(problem: Problem, warm: Sequence[Sequence[int]] | None) -> tuple[float, list[list[int]]]:
    """Value and routes of the warm plan after dropping what no longer fits; an empty plan without one."""
    empty: list[list[int]] = [[] for _ in range(problem.vessels)]
    if warm is None:
        return 0.0, empty
    seen: set[int] = set()
    plan = []
    for v, tasks in enumerate(warm):
        fits: list[int] = []
        for task in tasks:
            if task not in seen and route_value(problem, v, [*fits, task]) is not None:
                fits.append(task)
                seen.add(task)
        plan.append(fits)
    return sum(route_value(problem, v, tasks) or 0.0 for v, tasks in enumerate(plan)), plan


def _side_by_side(
    workers: list[_Worker],
    settings: SearchSettings,
    seed: int,
    hot: float,
    scale: float,
    clock: float,
    budget: float | None,
) -> tuple[list[tuple[float, list[list[int]]]], int]:
    """Let all workers anneal, for their share of the iterations or until ``budget`` seconds on the clock."""
    steps = max(1, settings.iterations // (settings.rounds * len(workers)))

    def run(w: int) -> tuple[list[tuple[float, list[list[int]]]], int]:
        worker, cold = workers[w], settings.cold
        own = seed + 104_729 * (w + 1)
        if budget is None:
            return [worker.anneal(own, steps, hot * scale, cold * scale)], steps
        return _until(worker, own, hot * scale, cold * scale, clock, budget)

    with ThreadPoolExecutor(len(workers)) as threads:
        results = list(threads.map(run, range(len(workers))))
    return [b for found, _ in results for b in found], sum(n for _, n in results)


def _until(
    worker: _Worker, seed: int, hot: float, cold: float, clock: float, budget: float
) -> tuple[list[tuple[float, list[list[int]]]], int]:
    """Anneal in pieces, cooling with the share of the time that has passed."""
    begin, done, piece = time.perf_counter() - clock, 0, 50
    found: list[tuple[float, list[list[int]]]] = []
    span = max(budget - begin, 1e-3)
    while (now := time.perf_counter() - clock) < budget:
        share = min(1.0, (now - begin) / span)
        pace = done / max(now - begin, 1e-6) if done else 0.0
        piece = int(np.clip(pace * span / 40, 20, 5000)) if done else 50
        ahead = min(1.0, share + (piece / pace / span if pace else 0.01))
        found.append(worker.anneal(seed + done, piece, hot * (cold / hot) ** share, hot * (cold / hot) ** ahead))
        done += piece
        found = [max(found, key=lambda b: b[0])]
    return found, done


def _scale(worker: _Worker, seed: int, promised: NDArray[np.float64]) -> float:
    """Value of a plan built in a few greedy steps: the unit of the temperatures."""
    value, plan = worker.anneal(seed, 20, 1e-9, 1e-9)
    worker.start([[] for _ in plan])
    return max(value - sum(float(promised[t]) for tasks in plan for t in tasks), 1e-9)


def repack(
    problem: Problem, solution: Solution, found: Sequence[Column], settings: SearchSettings, seed: int
) -> Solution:
    """Pack once more, with routes that were not found by the search.

    Args:
        problem: vessels and tasks.
        solution: what the search found.
        found: routes of the bound's relaxation; those that break a limit in truth are left out.
        settings: of the search.
        seed: of the packing.

    Returns:
        The solution, or a better one.
    """
    kinds = vessel_kinds(problem)
    vessel_of = {int(k): int(np.flatnonzero(kinds == k)[0]) for k in np.unique(kinds)}
    columns: dict[tuple[int, frozenset[int]], Column] = {}
    _keep(columns, solution.columns)
    for column in found:
        value = route_value(problem, vessel_of[column.kind], column.tasks)
        if value is not None and len(set(column.tasks)) == len(column.tasks):
            _keep(columns, [Column(column.kind, column.tasks, value)])
    incumbent = as_columns(problem, kinds, solution.routes)
    best = best_columns(list(columns.values()), settings.columns)
    available = np.bincount(kinds).tolist()
    packed, status = pack(best, available, incumbent, effort=settings.packing_effort, seed=seed)
    value, routes = unpacked(packed, kinds)
    if value <= solution.value:
        return solution
    return replace(solution, routes=routes, value=value, packing=status)


def as_columns(problem: Problem, kinds: NDArray, routes: list[list[int]]) -> list[Column]:
    """A plan's routes as columns."""
    return [
        Column(int(kinds[v]), tuple(tasks), route_value(problem, v, tasks) or 0.0)
        for v, tasks in enumerate(routes)
        if tasks
    ]


def _keep(columns: dict[tuple[int, frozenset[int]], Column], new: list[Column]) -> None:
    for column in new:
        key = (column.kind, frozenset(column.tasks))
        if key not in columns or columns[key].value < column.value:
            columns[key] = column


def unpacked(packed: list[Column], kinds: NDArray) -> tuple[float, list[list[int]]]:
    """Value of the chosen columns and a route for each vessel of their kinds."""
    routes: list[list[int]] = [[] for _ in kinds]
    free = {int(k): [v for v in range(len(kinds)) if kinds[v] == k] for k in np.unique(kinds)}
    for column in packed:
        routes[free[column.kind].pop(0)] = list(column.tasks)
    return sum(c.value for c in packed), routes
