"""Upper bounds on the expected catch: what no plan can exceed under the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation.problem import Problem, V

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
