"""Upper bounds on the expected catch: what no plan can exceed under the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.allocation import labels, pricing
from oceanclean.allocation.duals import Walk
from oceanclean.allocation.master import Column, Master, best_columns
from oceanclean.allocation.problem import Problem, S, V
from oceanclean.allocation.search import vessel_kinds

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Slots of time in the relaxation, and coarser ones for the legs between places.
SLOTS, COARSE_SLOTS, MOST_SLOTS = 864, 144, 4000
#: Labels that one pricing may keep; beyond, the coarser relaxation stands in for what is not followed.
LABELS = 100_000
#: Routes of the search that are looked at, those that the bound begins with, and what one pricing gives at most.
SEEN_COLUMNS, FIRST_COLUMNS, NEW_ROUTES = 20_000, 5000, 20
#: Comparisons of labels that one exact pricing may make; beyond, the coarser relaxation stands in.
COMPARISONS = 3_000_000
#: Places whose tasks a label remembers at first, its own among them, and at most.
NEIGHBOURS, MOST_NEIGHBOURS = 1, 16
#: An exact pricing does not follow labels that gain less than this part of the plan more, over all vessels.
SLACK = 0.001
#: Steps by the tables for each round, and parts of the time until which tables and quick guesses serve.
TABLE_STEPS, TABLES_UNTIL, GUESSES_UNTIL = 10, 0.55, 0.65
#: The walk goes on with the next relaxation where its steps are shorter than this part of Polyak's.
LEAST_STEP = 0.03
#: Routes that one pricing by the tables gives at most.
COARSE_ROUTES = 1
#: The neighbourhoods grow once the relaxation is within this part of its own bound.
GROWN = 0.02
#: Pricings side by side; part of nothing: the result is the same with any number.
THREADS = 2
#: A bound this near to the plan, as part of it, is not worth more work.
NEAR = 0.002
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
        # no land and ports that are always open: what can be done then can be done no later
        self.problem.scalar[[S.LAND, S.GATES]] = 0.0
        if problem.scalar[S.FLOWS]:  # nobody is faster over ground than with the strongest current behind
            vessel = problem.vessel.copy()
            vessel[:, V.SPEED] += float(np.hypot(problem.flow[..., 0], problem.flow[..., 1]).max())
            self.problem = self.problem._replace(vessel=vessel)
            self.problem.scalar[S.FLOWS] = 0.0
        problem = self.problem
        horizon = float(problem.vessel[:, V.LIMIT].max())
        service = problem.pair[:, :, 0][problem.pair[:, :, 1] > 0]
        shortest = float(service.min()) if len(service) else np.inf
        self.slot = max(min(horizon / SLOTS, shortest / 2), horizon / MOST_SLOTS)
        self.usable = bool(shortest > self.slot and problem.scalar[S.ARCS] == 0)
        self.slots = int(np.ceil(horizon / self.slot))
        self.later = np.maximum.accumulate(problem.track[:, ::-1, 2], axis=1)[:, ::-1].copy()
        self.effort = COMPARISONS
        self.load = problem.track[:, :, 3].max(axis=1)
        self.near = self._neighbourhoods()
        self.frames = self._side_by_side(self._frame, self.vessels) if self.usable else []
        self.soonest = [pricing.first_slots(problem, v, f) for v, f in zip(self.vessels, self.frames, strict=False)]
        buckets = max(1, min(MOST_SLOTS, int(horizon / max(shortest, horizon / MOST_SLOTS))))
        threads = min(THREADS, len(self.vessels))
        self.stores = [labels.empty_labels(LABELS, problem.tasks, len(self.first), buckets) for _ in range(threads)]

    @staticmethod
    def _side_by_side(work: Callable[[int], Any], items: Sequence[int]) -> list[Any]:
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(work, items))

    def _neighbourhoods(self) -> NDArray[np.uint64]:
        """(place, word) bits of the tasks of the places that are nearest at half time."""
        half = self.problem.track.shape[1] // 2
        x, y = self.problem.track[self.first, half, 0], self.problem.track[self.first, half, 1]
        gap = np.hypot(x[:, None] - x[None], y[:, None] - y[None])
        np.fill_diagonal(gap, -1.0)
        self.beside = [set(row[:NEIGHBOURS].tolist()) for row in np.argsort(gap, axis=1, kind="stable")]
        near = np.zeros((len(self.first), (self.problem.tasks + 63) // 64), np.uint64)
        for a, places in enumerate(self.beside):
            for b in places:
                self._remember(near, a, b)
        return near

    def _remember(self, near: NDArray[np.uint64], a: int, b: int) -> None:
        """Let labels at place ``a`` remember the tasks of place ``b``."""
        for j in range(int(self.start[b]), int(self.start[b + 1])):
            near[a, j >> 6] |= np.uint64(1 << (j & 63))

    def grow(self, columns: Sequence[Column]) -> list[Column]:
        """Widen the neighbourhoods so that tasks taken twice by the given routes are remembered in between.

        Returns:
            The routes that are no longer of the relaxation.
        """
        place = np.empty(self.problem.tasks, np.int64)
        place[self.order] = self.of
        forbidden = []
        for column in columns:
            last: dict[int, int] = {}
            cut = False
            for k, task in enumerate(column.tasks):
                if task in last:
                    between = {int(place[t]) for t in column.tasks[last[task] + 1 : k]} | {int(place[task])}
                    cut |= self._widen(between, int(place[task]))
                last[task] = k
            if cut:
                forbidden.append(column)
        return forbidden

    def _widen(self, places: set[int], b: int) -> bool:
        """Let labels at all of the places remember the tasks of place ``b``; False where one remembers too many."""
        if any(len(self.beside[a]) >= MOST_NEIGHBOURS and b not in self.beside[a] for a in places):
            return False
        for a in places:
            self.beside[a].add(b)
            self._remember(self.near, a, b)
        return True

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
        return pricing.Frame(self.first, self.start, self.of, self.later, legs, ratio, starts, service, slot,
                             self.load, self.near)  # fmt: skip

    def _terms(self, v: int, room_price: float) -> NDArray[np.float64]:
        """What :func:`~oceanclean.allocation.labels.price_routes` is told of holds, port calls and endurance."""
        p, row, terms = self.problem, self.problem.vessel[v], np.zeros(labels.TERMS)
        span = row[V.LIMIT] - row[V.READY]
        service = p.pair[v, :, 0][p.pair[v, :, 1] > 0]
        load = np.sort(self.load * p.pair[v, :, 1])[::-1]
        most = int(min(span, open_time(p, v)) / max(service.min(), 1e-9)) + 1 if len(service) else 0
        terms[labels.MAY_FILL] = float(load[:most].sum() > row[V.HOLD_LEFT])
        terms[labels.END] = np.inf
        if min(row[V.ENDURANCE], row[V.ENDURANCE_LEFT]) - row[V.RESERVE] < span:
            terms[labels.END] = row[V.READY] + row[V.ENDURANCE_LEFT]
        if terms[labels.MAY_FILL] or terms[labels.END] < np.inf:
            terms[labels.CALLS] = row[V.CALLS]
        terms[labels.ROOM_VALUE], terms[labels.CREDIT] = room_price * row[V.HOLD_LEFT], room_price * row[V.HOLD]
        return terms

    def _ahead(
        self, kind: int, prices: NDArray[np.float64], room: float, labelled: bool = True
    ) -> tuple[Problem, pricing.Frame, pricing.Ahead]:
        """The problem with gains less what the amount taken is charged with, and what can follow in it."""
        v, frame, problem = self.vessels[kind], self.frames[kind], self.problem
        if room > 0.0:
            track = problem.track.copy()
            track[:, :, 2] -= room * track[:, :, 3]
            later = np.maximum.accumulate(track[:, ::-1, 2], axis=1)[:, ::-1].copy()
            problem, frame = problem._replace(track=track), frame._replace(later=later)
        best = pricing.task_values(problem, v, frame, prices, self.slots)
        instead = pricing.losses(frame, best, prices) if labelled else np.zeros((0, 0, 0), np.float32)
        return problem, frame, pricing.Ahead(best, *pricing.look_ahead(frame, best), instead)

    def coarse(self, kind: int, prices: NDArray[np.float64], room: float, cut: float) -> tuple[float, list[Column]]:
        """As :meth:`price`, from the tables alone: quick, proven and loose, since they visit places again and again."""
        prices, terms = prices[self.order], self._terms(self.vessels[kind], room)
        problem, frame, ahead = self._ahead(kind, prices, room, labelled=False)
        granted = float(terms[labels.ROOM_VALUE] + terms[labels.CALLS] * terms[labels.CREDIT])
        row, soonest = problem.vessel[self.vessels[kind]], self.soonest[kind]
        places = np.arange(len(soonest))
        promise = ahead.run[places, frame.starts[places, soonest]]
        found, route = [], np.zeros(problem.tasks, np.int64)
        for a in np.argsort(-promise, kind="stable")[:COARSE_ROUTES]:
            tasks = route[: pricing.way_through(frame, ahead, int(a), int(soonest[a]), route)].copy()
            if promise[a] + granted <= cut or not len(tasks):
                continue
            over = float((self.load[tasks] * problem.pair[self.vessels[kind], tasks, 1]).sum())
            over -= row[V.HOLD_LEFT] + terms[labels.CALLS] * row[V.HOLD]
            value = float(promise[a]) + granted + room * over + float(prices[tasks].sum())
            found.append(Column(kind, tuple(self.order[tasks].tolist()), value, over))
        return max(cut, float(promise.max(initial=0.0)) + granted, 0.0), found

    def price(
        self, kind: int, prices: NDArray[np.float64], room: float, cut: float, exact: bool = True, slack: float = 0.0
    ) -> tuple[float, list[Column]]:
        """Most that a vessel of a kind gains beyond the prices, and routes of the relaxation that gain over ``cut``.

        Args:
            kind: of vessel.
            prices: (task).
            room: price of a unit of room in the hold.
            cut: value that is known to be reached.
            exact: False for a quick guess, which is no bound.
            slack: by which an exact answer may be too large.
        """
        v, prices, terms = self.vessels[kind], prices[self.order], self._terms(self.vessels[kind], room)
        problem, frame, ahead = self._ahead(kind, prices, room)
        store, found, known = self.stores.pop(), [], cut
        try:
            for precise in (False, True) if exact else (False,):
                # what a quick guess reaches is a route of the relaxation: labels that cannot beat it are not followed
                most = labels.price_routes(problem, v, frame, ahead, prices, known, terms, precise,
                                           slack if precise else 0.0, self.effort, store)  # fmt: skip
                known = max(known, float(store.value[store.best[store.best >= 0]].max(initial=0.0)))
                found += self._routes(kind, prices, room, cut, store)
        finally:
            self.stores.append(store)
        return float(most), found

    def _routes(
        self, kind: int, prices: NDArray[np.float64], room: float, cut: float, store: labels.Labels
    ) -> list[Column]:
        """Best routes in a store, one at most for each place where they end."""
        ends = [int(i) for i in store.best if i >= 0 and store.value[i] > cut]
        ends.sort(key=lambda i: (-store.value[i], i))
        found = []
        for i in ends[:NEW_ROUTES]:
            over, tasks, at = float(store.over[i]), [], i
            value = float(store.value[i]) + room * over
            while at > 0:
                tasks.append(int(store.task[at]))
                at = int(store.parent[at])
            own = tuple(self.order[tasks[::-1]].tolist())
            found.append(Column(kind, own, value + float(prices[tasks].sum()), over))
        return found

    def at(
        self, prices: NDArray[np.float64], columns: Sequence[Column] = (), *, room: NDArray[np.float64] | None = None,
        exact: bool | None = True, slack: float = 0.0,
    ) -> tuple[float, list[Column]]:  # fmt: skip
        """The bound at given prices, and routes of the relaxation that gain more than the known ones.

        Args:
            prices: (task).
            columns: known routes.
            room: (kind) price of a unit of room in the hold; none by default.
            exact: False for a quick guess, which is no bound; None for the tables alone, which is a loose one.
            slack: by which the answer may be too large for each vessel.
        """
        if not self.usable:
            return np.inf, []
        cuts, room = np.zeros(len(self.vessels)), np.zeros(len(self.vessels)) if room is None else room
        for c in columns:
            cuts[c.kind] = max(cuts[c.kind], c.value - float(prices[list(c.tasks)].sum() + room[c.kind] * c.over))

        def one(kind: int) -> tuple[float, list[Column]]:
            if exact is None:
                return self.coarse(kind, prices, float(room[kind]), float(cuts[kind]))
            return self.price(kind, prices, float(room[kind]), float(cuts[kind]), exact, slack)

        answers = self._side_by_side(one, range(len(self.vessels)))
        total = float(prices.sum()) + sum(most * int((self.kinds == k).sum()) for k, (most, _) in enumerate(answers))
        return total, [c for _, new in answers for c in new]


def price_bound(
    problem: Problem, columns: Sequence[Column], rounds: int, *, reached: float = 0.0, seconds: float | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[float, list[Column]]:  # fmt: skip
    """Least Lagrangian bound met on a way down the dual, first by quick relaxations, then by labels.

    The tables of what can follow give a loose bound in a fraction of a second: a subgradient goes down it in many steps
    (:class:`~oceanclean.allocation.duals.Walk`), and on by quick guesses of the labels, whose routes fill the packing's
    linear relaxation. Then exact rounds, each a proven bound: in turn a step of the subgradient, and the
    relaxation's own prices drawn towards the best so far (Wentges 1997, Int. Trans. Opl. Res. 4(2), 151-162).

    Args:
        problem: vessels and tasks.
        columns: routes to begin with.
        rounds: of pricing, at most.
        reached: value of the plan; a bound nearer to it than :data:`NEAR` ends the rounds.
        seconds: wall time after which no round is begun; then the bound depends on the machine.
        progress: called with the share of the rounds done and the bound so far.

    Returns:
        The bound and the routes of the relaxation; these may break limits that it leaves out.
    """
    clock, relaxation = time.perf_counter(), PriceBound(problem)
    if not relaxation.usable:
        return np.inf, []
    master, pool = _begun(problem, relaxation, columns)
    walk = Walk(relaxation, np.append(master.solve()[1], master.room_prices()), reached)

    def late(share: float, longest: float = 0.0) -> bool:
        return seconds is not None and time.perf_counter() - clock + longest > share * seconds

    best = np.inf
    for _ in range(TABLE_STEPS * rounds):
        best = min(best, walk.step(None)[0])
        if best <= (1 + NEAR) * reached or walk.length < LEAST_STEP or late(TABLES_UNTIL):
            break
    if progress:
        progress(TABLES_UNTIL, best)
    walk.turn()
    found: list[Column] = []
    for _ in range(rounds // 2 if best > (1 + NEAR) * reached else 0):
        found += walk.step(False)[1]
        if walk.length < LEAST_STEP or late(GUESSES_UNTIL):
            break
    walk.turn()
    pool += found
    master.add(found)
    value, own = _solved(master, relaxation, pool, grow=False)
    longest = 0.0
    for number in range(max(1, rounds // 2)):
        begun = time.perf_counter()
        if best <= (1 + NEAR) * reached or late(1.0, longest):
            break
        slack = SLACK * max(reached, value) / max(1, problem.vessels)
        most, new = _exact_round(walk, pool, own, slack, drawn=number % 2 == 1)
        best = min(best, most)
        master.add(new)
        pool, found = pool + new, found + new
        value, own = _solved(master, relaxation, pool, grow=most <= (1 + GROWN) * value)
        longest = max(longest, time.perf_counter() - begun)
        if progress:
            progress(GUESSES_UNTIL + (1 - GUESSES_UNTIL) * (number + 1) / max(1, rounds // 2), best)
    return best, found


def _exact_round(
    walk: Walk, pool: Sequence[Column], own: NDArray[np.float64], slack: float, *, drawn: bool
) -> tuple[float, list[Column]]:
    """A proven bound and routes: at the walk's next prices, or at the linear relaxation's, drawn towards the best."""
    if not drawn:
        return walk.step(True, slack)
    now = SMOOTH * walk.best + (1 - SMOOTH) * own
    prices, room = now[: walk.tasks], now[walk.tasks :]
    most, new = walk.relaxation.at(prices, pool, room=room, slack=slack)
    walk.offer(now, most)
    return most, new


def _begun(problem: Problem, relaxation: PriceBound, columns: Sequence[Column]) -> tuple[Master, list[Column]]:
    """The linear relaxation over the routes that it likes best, and those routes."""
    available = np.bincount(relaxation.kinds).tolist()
    master, every = Master(available, problem.tasks), list(columns)
    master.add(every)
    _, prices, wages = master.solve()
    lack = [prices[list(c.tasks)].sum() + wages[c.kind] - c.value for c in every]
    pool = [every[k] for k in np.argsort(lack, kind="stable")[:FIRST_COLUMNS]]
    master = Master(available, problem.tasks)
    master.add(pool)
    return master, pool


def _solved(
    master: Master, relaxation: PriceBound, pool: list[Column], *, grow: bool
) -> tuple[float, NDArray[np.float64]]:
    """Value of the linear relaxation and its prices of tasks and of room.

    Where it uses routes that take a task twice, the neighbourhoods may grow, and those routes leave the pool.
    """
    value, own, _ = master.solve()
    twice = [c for c in master.in_use() if len(set(c.tasks)) < len(c.tasks)] if grow else []
    gone = set(relaxation.grow(twice))
    return _without(master, pool, gone) if gone else (value, np.append(own, master.room_prices()))


def _without(master: Master, pool: list[Column], gone: set[Column]) -> tuple[float, NDArray[np.float64]]:
    """Value and prices once some routes may not be used any more; they leave the pool."""
    master.forbid(gone)
    pool[:] = [c for c in pool if c not in gone]
    value, own, _ = master.solve()
    return value, np.append(own, master.room_prices())


def upper_bound(
    problem: Problem, columns: Sequence[Column], reached: float, rounds: int, *, seconds: float | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[float, list[Column]]:  # fmt: skip
    """The lesser of both bounds, and routes of the relaxation.

    Args:
        problem: vessels and tasks.
        columns: routes remembered by the search, for the first prices.
        reached: value of the plan.
        rounds: price updates.
        seconds: wall time after which no round is begun, or None.
        progress: called with the share of the rounds done and the bound so far.
    """
    simple = time_and_hold_bound(problem)
    if not columns or simple <= (1 + NEAR) * reached:
        return simple, []
    value, found = price_bound(problem, best_columns(columns, SEEN_COLUMNS), rounds, reached=reached, seconds=seconds,
                               progress=progress)  # fmt: skip
    return min(simple, value), found
