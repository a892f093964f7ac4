"""OR-Tools routing as an independent second method for static problems, and as the baseline to beat.

Prizes are disjunction penalties, worth six times the mean time that a unit of prize costs when all were collected:
with penalties that dwarf every arc, guided local search penalises arcs in vain and stays in its first local optimum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.allocation.motion import sea_distance
from oceanclean.allocation.problem import P, Problem, V
from oceanclean.allocation.search import route_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Weight of a prize against the mean time of a unit of prize.
PRIZE_WEIGHT = 6.0
#: Routing counts in integers: units into which the longest time is divided.
TICKS = 1_000_000


def route_static(problem: Problem, *, seconds: float | None = None, solutions: int | None = None) -> list[list[int]]:
    """Routes for vessels among tasks that stand where they are at first, with their first windows only.

    Holds, endurance and port calls are left to :func:`~oceanclean.allocation.search.route_value`, by which stops that
    break a limit are dropped afterwards; drift is not seen at all.

    Args:
        problem: vessels and tasks.
        seconds: wall time of the search.
        solutions: number of improvements after which it stops; repeatable where ``seconds`` is not reached.

    Returns:
        Tasks in order for each vessel.
    """
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    n, m = problem.tasks, problem.vessels
    if n == 0 or m == 0:
        return [[] for _ in range(m)]
    starts, ends = [n + v for v in range(m)], [n + m + v for v in range(m)]
    manager = pywrapcp.RoutingIndexManager(n + 2 * m, m, starts, ends)
    model = pywrapcp.RoutingModel(manager)
    longest = float(problem.vessel[:, V.LIMIT].max())
    ticks = TICKS / longest
    transits = [model.RegisterTransitMatrix(_times(problem, v, ticks)) for v in range(m)]
    for v, transit in enumerate(transits):
        model.SetArcCostEvaluatorOfVehicle(transit, v)
    model.AddDimensionWithVehicleTransits(transits, TICKS, TICKS, False, "time")
    clock = model.GetDimensionOrDie("time")
    gain = problem.track[:, 0, 2] * problem.pair[:, :, 1].max(axis=0)
    weight = PRIZE_WEIGHT * m * TICKS / max(float(gain.sum()), 1e-9)
    for j in range(n):
        index = manager.NodeToIndex(j)
        model.AddDisjunction([index], int(gain[j] * weight))
        low, high = problem.pair[:, j, 2].min() * ticks, problem.pair[:, j, 3].max() * ticks
        if not low <= high or not np.isfinite(low) or low > TICKS:
            model.VehicleVar(index).SetValues([-1])
            continue
        clock.CumulVar(index).SetRange(int(np.ceil(max(low, 0.0))), int(min(high, TICKS)))
    for v in range(m):
        clock.CumulVar(model.Start(v)).SetMin(int(np.ceil(problem.vessel[v, V.READY] * ticks)))
        clock.CumulVar(model.End(v)).SetMax(int(problem.vessel[v, V.LIMIT] * ticks))
    search = pywrapcp.DefaultRoutingSearchParameters()
    search.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    search.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    search.time_limit.FromMilliseconds(int(1000 * (seconds if seconds is not None else 10.0)))
    if solutions is not None:
        search.solution_limit = solutions
    found = model.SolveWithParameters(search)
    return [[] for _ in range(m)] if found is None else _sailed(problem, manager, model, found)


def _times(problem: Problem, v: int, ticks: float) -> list[list[int]]:
    """(node, node) service at the first and sailing to the second, rounded up."""
    m = problem.vessels
    port = problem.harbour[v][np.flatnonzero(problem.harbour[v, :, P.END])[0], :2]
    xy = np.concatenate([problem.track[:, 0, :2], problem.vessel[:, [V.X, V.Y]], np.repeat(port[None], m, axis=0)])
    metres = np.array([[sea_distance(problem, a[0], a[1], b[0], b[1]) for b in xy] for a in xy])
    service: NDArray[np.float64] = np.concatenate([problem.pair[v, :, 0], np.zeros(2 * m)])
    time = (metres / problem.vessel[v, V.SPEED] + service[:, None]) * ticks
    rows: list[list[int]] = np.ceil(np.minimum(time, 2 * TICKS)).astype(int).tolist()
    return rows


def _sailed(problem: Problem, manager: Any, model: Any, found: Any) -> list[list[int]]:
    """Routes read from the model, each task once and only where the law of motion allows it."""
    routes = []
    for v in range(problem.vessels):
        route: list[int] = []
        index = found.Value(model.NextVar(model.Start(v)))
        while not model.IsEnd(index):
            task = manager.IndexToNode(index)
            if route_value(problem, v, [*route, task]) is not None:
                route.append(task)
            index = found.Value(model.NextVar(index))
        routes.append(route)
    return routes
