"""Upper bounds on the expected catch: what no plan can exceed under the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation import labels, pricing
from oceanclean.allocation.master import Column, Master, best_columns
from oceanclean.allocation.problem import Problem, V
from oceanclean.allocation.search import vessel_kinds

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Slots of time in the relaxation, and coarser ones for the legs between places.
SLOTS, COARSE_SLOTS, MOST_SLOTS = 864, 144, 4000
#: Labels that one pricing may keep; beyond, the coarser relaxation stands in for what is not followed.
LABELS = 100_000
#: Routes of the search that the bound begins with, and routes that one pricing gives at most.
FIRST_COLUMNS, NEW_ROUTES = 3000, 30
#: Rounds kept for exact pricing.
EXACT_ROUNDS = 1
#: A bound this near to the plan, as part of it, is not worth more work.
NEAR = 0.002
#: Quick guesses serve until the bound that they suggest is within this part of the relaxation's value.
GUESSED = 0.01
#: Weight of the best prices so far against those of the present linear relaxation.
SMOOTH = 0.5


def best_gains(problem: Problem) -> NDArray[np.float64]:
    """(vessel, task) largest gain of a visit that starts in one of the windows; 0 where none does."""
    step, last = problem.scalar[0], problem.track.shape[1] - 1
    gain = problem.track[:, :, 2]
    best = np.zeros(problem.pair.shape[:2])
    times = np.arange(last + 1) * step
    for v in range(problem.vessels):
        for k in range(2, problem.pair.shape[2], 2):
            low, high = problem.pair[v, :, k], problem.pair[v, :, k + 1]
            usable = (high >= low) & np.isfinite(low)
            inside = (times[None] > low[:, None] - step) & (times[None] < high[:, None] + step)
            # linear between its times, the gain is largest at one of those around the window
            top = np.where(inside, gain, 0.0).max(axis=1) if last else gain[:, 0]
            best[v] = np.maximum(best[v], np.where(usable, top, 0.0))
    return best * problem.pair[:, :, 1]


def open_time(problem: Problem, v: int) -> float:
    """Longest total time that a vessel can spend serving: the union of its windows, each as long as a visit longer."""
    spans = []
    for k in range(2, problem.pair.shape[2], 2):
        low, high = problem.pair[v, :, k], problem.pair[v, :, k + 1] + problem.pair[v, :, 0]
        usable = (problem.pair[v, :, k + 1] >= low) & np.isfinite(low) & (problem.pair[v, :, 1] > 0)
        spans += list(zip(low[usable], np.minimum(high[usable], problem.vessel[v, V.LIMIT]), strict=True))
    total, end = 0.0, -np.inf
    for low, high in sorted(spans):
        total += max(0.0, high - max(low, end))
        end = max(end, high)
    return total


def time_and_hold_bound(problem: Problem) -> float:
    """Bound that knows of time on the patches, holds, and that a share is taken once, but not of distances.

    Each vessel serves no longer than its windows are open and takes no more than its hold times its trips; each task is
    served once in all, in any parts (linear program, GLOP).
    """
    from ortools.linear_solver import pywraplp

    gains = best_gains(problem)
    if not gains.any():
        return 0.0
    load = (problem.track[:, :, 3].min(axis=1))[None] * problem.pair[:, :, 1]
    solver = pywraplp.Solver.CreateSolver("GLOP")
    once = [solver.Constraint(0.0, 1.0) for _ in range(problem.tasks)]
    objective = solver.Objective()
    objective.SetMaximization()
    for v in range(problem.vessels):
        row = problem.vessel[v]
        time = solver.Constraint(0.0, open_time(problem, v))
        hold = solver.Constraint(0.0, float(row[V.HOLD_LEFT] + row[V.CALLS] * row[V.HOLD]))
        for j in np.flatnonzero(gains[v] > 0):
            x = solver.NumVar(0.0, 1.0, "")
            objective.SetCoefficient(x, float(gains[v, j]))
            once[j].SetCoefficient(x, 1.0)
            time.SetCoefficient(x, float(problem.pair[v, j, 0]))
            hold.SetCoefficient(x, float(load[v, j]))
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return float(gains.max(axis=0).sum())
    return float(objective.Value())


class PriceBound:
    """Lagrangian bound: prices on tasks, and the most that each vessel could gain beyond them.

    For any prices π ≥ 0, Σπ + Σ_v max(0, best route of v at gains less π) is at least the value of every plan
    (Geoffrion 1974). The best route is that of :mod:`~oceanclean.allocation.labels`.
    """

    def __init__(self, problem: Problem) -> None:
        self.kinds = vessel_kinds(problem)
        self.vessels = [int(np.flatnonzero(self.kinds == k)[0]) for k in range(int(self.kinds.max()) + 1)]
        # tasks are of one place when they share track, windows and services; here they stand side by side
        alike = [problem.track[:, :, :2], problem.pair.transpose(1, 0, 2)]
        rows = np.concatenate([a.reshape(problem.tasks, -1) for a in alike], axis=1)
        _, place = np.unique(rows, axis=0, return_inverse=True)
        self.order = np.lexsort((-problem.track[:, 0, 2], place.ravel()))
        self.of = place.ravel()[self.order].astype(np.int64)
        self.first = np.searchsorted(self.of, np.arange(int(self.of.max()) + 1)).astype(np.int64)
        self.start = np.append(self.first, problem.tasks)
        self.problem = problem._replace(
            scalar=problem.scalar.copy(), track=np.ascontiguousarray(problem.track[self.order]),
            pair=np.ascontiguousarray(problem.pair[:, self.order]),
        )  # fmt: skip
        self.problem.scalar[5] = 0.0  # no land: legs only become shorter
        problem = self.problem
        horizon = float(problem.vessel[:, V.LIMIT].max())
        service = problem.pair[:, :, 0][problem.pair[:, :, 1] > 0]
        shortest = float(service.min()) if len(service) else np.inf
        self.slot = max(min(horizon / SLOTS, shortest / 2), horizon / MOST_SLOTS)
        self.usable = bool(shortest > self.slot and problem.scalar[6] == 0)
        self.slots = int(np.ceil(horizon / self.slot))
        self.later = np.maximum.accumulate(problem.track[:, ::-1, 2], axis=1)[:, ::-1].copy()
        self.frames = [self._frame(v) for v in self.vessels] if self.usable else []
        buckets = max(1, min(MOST_SLOTS, int(horizon / max(shortest, horizon / MOST_SLOTS))))
        self.store = labels.empty_labels(LABELS, problem.tasks, len(self.first), buckets)

    def _frame(self, v: int) -> pricing.Frame:
        p, slot = self.problem, self.slot
        ratio = max(1, int(float(p.vessel[:, V.LIMIT].max()) / COARSE_SLOTS / slot))
        coarse = ratio * slot
        moved = np.hypot(*np.diff(p.track[self.first, :, :2], axis=1).transpose(2, 0, 1)) / p.scalar[0]
        drift, speed = float(moved.max(initial=0.0)), float(p.vessel[v, V.SPEED])
        rate = 2 * drift / max(speed - drift, 1e-9) if drift < speed else np.inf
        legs = pricing.leg_times(p, v, self.first, coarse, self.slots // ratio + 1, rate)
        service = np.array([p.pair[v, a:b, 0].min() for a, b in zip(self.start, self.start[1:], strict=False)])
        starts = pricing.next_starts(p, v, self.first, slot, self.slots)
        return pricing.Frame(self.first, self.start, self.of, self.later, legs, ratio, starts, service, slot)

    def _limits(self, v: int) -> tuple[float, float, bool]:
        """Hold and end of the endurance at the start, inf where they cannot bind; whether port calls can help."""
        p, row = self.problem, self.problem.vessel[v]
        span = row[V.LIMIT] - row[V.READY]
        hold = deadline = np.inf
        service = p.pair[v, :, 0][p.pair[v, :, 1] > 0]
        load = np.sort(p.track[:, :, 3].max(axis=1) * p.pair[v, :, 1])[::-1]
        if len(service) and load[: int(span / max(service.min(), 1e-9)) + 1].sum() > row[V.HOLD_LEFT]:
            # room in the hold is told in gains: only where gain and load are the same
            hold = float(row[V.HOLD_LEFT]) if np.array_equal(p.track[:, :, 2], p.track[:, :, 3]) else np.inf
        if min(row[V.ENDURANCE], row[V.ENDURANCE_LEFT]) - row[V.RESERVE] < span:
            deadline = float(row[V.READY] + row[V.ENDURANCE_LEFT])
        return hold, deadline, bool(row[V.CALLS] > 0 and min(hold, deadline) < np.inf)

    def price(
        self, kind: int, prices: NDArray[np.float64], cut: float, exact: bool = True
    ) -> tuple[float, list[Column]]:
        """Most that a vessel of a kind gains beyond the prices, and routes of the relaxation that gain over ``cut``.

        Args:
            kind: of vessel.
            prices: (task).
            cut: value that is known to be reached.
            exact: False for a quick guess, which is no bound.
        """
        v, frame, prices = self.vessels[kind], self.frames[kind], prices[self.order]
        best = pricing.task_values(self.problem, v, frame, prices, self.slots)
        gains = np.where(best > 0, best + prices[:, None], 0.0)
        profit = (best / np.maximum(gains, 1e-300)).max(axis=0)
        ahead = pricing.Ahead(best, *pricing.look_ahead(frame, best), profit, gains.max(axis=0),
                              pricing.losses(frame, best, prices))  # fmt: skip
        most = labels.price_routes(self.problem, v, frame, ahead, prices, cut, *self._limits(v), exact, self.store)
        ends = [int(i) for i in self.store.best if i >= 0 and self.store.value[i] > cut]
        ends.sort(key=lambda i: (-self.store.value[i], i))
        found = []
        for i in ends[:NEW_ROUTES]:
            value, tasks, at = float(self.store.value[i]), [], i
            while at > 0:
                tasks.append(int(self.store.task[at]))
                at = int(self.store.parent[at])
            own = tuple(self.order[tasks[::-1]].tolist())
            found.append(Column(kind, own, value + float(prices[tasks].sum())))
        return float(most), found

    def at(
        self, prices: NDArray[np.float64], columns: Sequence[Column] = (), *, exact: bool = True
    ) -> tuple[float, list[Column]]:
        """The bound at given prices, and routes of the relaxation that gain more than the known ones.

        Args:
            prices: (task).
            columns: known routes.
            exact: False for a quick guess, which is no bound.
        """
        total, found = float(prices.sum()), []
        if not self.usable:
            return np.inf, []
        cuts = np.zeros(len(self.vessels))
        for c in columns:
            cuts[c.kind] = max(cuts[c.kind], c.value - float(prices[list(c.tasks)].sum()))
        for kind, cut in enumerate(cuts):
            most, new = self.price(kind, prices, float(cut), exact)
            total += most * int((self.kinds == kind).sum())
            found += new
        return total, found


def price_bound(problem: Problem, columns: Sequence[Column], rounds: int) -> tuple[float, list[Column]]:
    """Least Lagrangian bound met while routes of the relaxation are added to the packing's linear relaxation.

    The prices are drawn towards the best so far (Wentges 1997, Int. Trans. Opl. Res. 4(2), 151-162).

    Args:
        problem: vessels and tasks.
        columns: routes to begin with.
        rounds: of pricing, at most.

    Returns:
        The bound and the routes of the relaxation; these may break limits that it leaves out.
    """
    relaxation = PriceBound(problem)
    master = Master(np.bincount(relaxation.kinds).tolist(), problem.tasks)
    pool = list(columns)
    master.add(pool)
    best, found = np.inf, []
    reached, own, _ = master.solve()
    centre, exact = own, False
    for number in range(max(1, rounds)):
        prices = SMOOTH * centre + (1 - SMOOTH) * own
        value, new = relaxation.at(prices, pool, exact=exact)
        if exact and value < best:
            best, centre = value, prices
        if not exact:
            centre = prices
        master.add(new)
        pool += new
        found += new
        if exact and not new:
            centre = own
        reached, own, _ = master.solve()
        left = rounds - 1 - number
        exact = exact or value < (1 + GUESSED) * reached or not new or left <= EXACT_ROUNDS
        if np.isfinite(best) and best - reached <= 1e-3 * best:
            break
    if not exact:
        best, _ = relaxation.at(SMOOTH * centre + (1 - SMOOTH) * own, pool)
    return best, found


def upper_bound(problem: Problem, columns: Sequence[Column], reached: float, rounds: int) -> tuple[float, list[Column]]:
    """The lesser of both bounds, and routes of the relaxation.

    Args:
        problem: vessels and tasks.
        columns: routes remembered by the search, for the first prices.
        reached: value of the plan.
        rounds: price updates.
    """
    simple = time_and_hold_bound(problem)
    if not columns or simple <= (1 + NEAR) * reached:
        return simple, []
    value, found = price_bound(problem, best_columns(columns, FIRST_COLUMNS), rounds)
    return min(simple, value), found
