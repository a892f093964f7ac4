"""Upper bounds on the expected catch: what no plan can exceed under the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation import motion, pricing
from oceanclean.allocation.master import Column, task_prices
from oceanclean.allocation.problem import Problem, V
from oceanclean.allocation.search import vessel_kinds

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Slots of time in the relaxation, and coarser ones for the legs between places.
SLOTS, COARSE_SLOTS = 864, 144


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


@dataclass(frozen=True)
class _View:
    """What the relaxation needs of one vessel, see :mod:`~oceanclean.allocation.pricing`."""

    gain: NDArray[np.float64]
    legs: NDArray[np.float64]
    out: NDArray[np.float64]
    starts: NDArray[np.int32]
    service: NDArray[np.float64]
    last: NDArray[np.float64]


class PriceBound:
    """Lagrangian bound: prices on tasks, and the most that each vessel could gain beyond them.

    For any prices π ≥ 0, Σπ + Σ_v max(0, best route of v at gains less π) is at least the value of every plan
    (Geoffrion 1974). The prices begin at those of the packing's linear relaxation and move by subgradients.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem._replace(scalar=problem.scalar.copy())
        self.problem.scalar[5] = 0.0  # no land: legs only become shorter
        # tasks are of one place when they share track, windows and services
        alike = [problem.track[:, :, :2], problem.pair.transpose(1, 0, 2)]
        rows = np.concatenate([a.reshape(problem.tasks, -1) for a in alike], axis=1)
        _, self.first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        place = place.ravel()
        self.member = np.argsort(place, kind="stable")
        self.start = np.searchsorted(place[self.member], np.arange(len(self.first) + 1)).astype(np.int64)
        horizon = float(problem.vessel[:, V.LIMIT].max())
        service = problem.pair[:, :, 0][problem.pair[:, :, 1] > 0]
        self.slot = max(min(horizon / SLOTS, float(service.min()) / 2 if len(service) else np.inf), horizon / 4000)
        self.slots = int(np.ceil(horizon / self.slot))
        self.ratio = max(1, int(horizon / COARSE_SLOTS / self.slot))
        self.views = [self._view(v) for v in range(problem.vessels)]

    def _view(self, v: int) -> _View:
        p, slot = self.problem, self.slot
        coarse = self.ratio * slot
        moved = np.hypot(*np.diff(p.track[self.first, :, :2], axis=1).transpose(2, 0, 1)) / p.scalar[0]
        drift, speed = float(moved.max(initial=0.0)), float(p.vessel[v, V.SPEED])
        rate = 2 * drift / max(speed - drift, 1e-9) if drift < speed else np.inf
        legs = pricing.leg_times(p, v, self.first, coarse, self.slots // self.ratio + 1, rate)
        x, y, ready = p.vessel[v, V.X], p.vessel[v, V.Y], p.vessel[v, V.READY]
        out = np.array([motion.meeting(p, v, p.tasks, x, y, ready, int(j))[0] for j in self.first])
        ports = p.harbour[v][p.harbour[v, :, 4] > 0, :2]
        gap = np.hypot(*(p.track[self.first][:, :, None, :2] - ports[None, None]).transpose(3, 0, 1, 2))
        last = p.vessel[v, V.LIMIT] - gap.min(axis=(1, 2)) / speed
        service = np.array(
            [p.pair[v, self.member[a:b], 0].min() for a, b in zip(self.start, self.start[1:], strict=False)]
        )
        return _View(self._gains(v, float(service.max())), legs, out,
                     pricing.next_starts(p, v, self.first, slot, self.slots), service, last)  # fmt: skip

    def _gains(self, v: int, service: float) -> NDArray[np.float64]:
        """(task, slot) largest gain of a visit in a row that begins in the slot."""
        p = self.problem
        times = np.arange(self.slots + 1) * self.slot
        f = np.clip(times / p.scalar[0], 0, p.track.shape[1] - 1)
        low = np.minimum(f.astype(int), max(p.track.shape[1] - 2, 0))
        high = np.minimum(low + 1, p.track.shape[1] - 1)
        gain = p.track[:, low, 2] * (1 - (f - low)) + p.track[:, high, 2] * (f - low)
        reach = int(np.ceil(pricing.RUN * service / self.slot)) + 1
        if p.track.shape[1] > 1:
            from scipy.ndimage import maximum_filter1d

            # the largest of this slot and those in which later visits of the run may begin
            gain = maximum_filter1d(gain, 2 * reach + 1, axis=1, origin=-reach, mode="nearest")
        return np.ascontiguousarray(gain * p.pair[v, :, 1][:, None])

    def at(self, prices: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The bound at given prices, and how often each task is used by the vessels' best routes."""
        total, used = float(prices.sum()), np.zeros(self.problem.tasks)
        mine = np.zeros(self.problem.tasks)
        for view in self.views:
            total += pricing.dearest_route(
                view.gain, prices, self.member, self.start, view.legs, self.ratio, view.out, view.starts, view.service,
                view.last, self.slot, mine,
            )  # fmt: skip
            used += mine
        return total, used


def price_bound(problem: Problem, prices: NDArray[np.float64], reached: float, rounds: int) -> float:
    """Least Lagrangian bound met on a subgradient walk from ``prices``.

    Args:
        problem: vessels and tasks.
        prices: (task) to begin with.
        reached: value of the plan, the target of the steps.
        rounds: steps.
    """
    relaxation = PriceBound(problem)
    best, keep, scale, stuck = np.inf, prices.copy(), 1.0, 0
    for _ in range(max(1, rounds)):
        value, used = relaxation.at(prices)
        if value < best - 1e-6 * abs(value):
            best, keep, stuck = value, prices.copy(), 0
        else:
            stuck += 1
        if stuck == 4:
            scale, stuck, prices = scale / 2, 0, keep.copy()
            continue
        slope = 1.0 - used
        step = scale * max(value - reached, 1e-9) / max(float(slope @ slope), 1e-9)
        prices = np.maximum(0.0, prices - step * slope)
    return best


def upper_bound(problem: Problem, columns: Sequence[Column], reached: float, rounds: int) -> float:
    """The lesser of both bounds.

    Args:
        problem: vessels and tasks.
        columns: routes remembered by the search, for the first prices.
        reached: value of the plan.
        rounds: price updates.
    """
    kinds = vessel_kinds(problem)
    simple = time_and_hold_bound(problem)
    if not columns or simple <= reached:
        return simple
    prices = task_prices(columns, np.bincount(kinds).tolist(), problem.tasks)
    return min(simple, price_bound(problem, prices, reached, rounds))
