"""Other solvers on the same static instances, for the same time: OR-Tools routing, and PyVRP where it is installed."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec

from oceanclean.allocation.evaluation import check
from oceanclean.allocation.orienteering import Instance
from oceanclean.allocation.routing_baseline import route_static

#: Integer units of a length and of a prize in PyVRP; larger prizes meet its ceiling for penalties.
LENGTH_UNITS, PRIZE_WEIGHT = 1000, 10


def with_routing(instance: Instance, seconds: float) -> list[list[int]]:
    """OR-Tools routing, prizes as disjunction penalties, guided local search."""
    return route_static(instance.problem(), seconds=seconds)


def with_pyvrp(instance: Instance, seconds: float) -> list[list[int]]:
    """PyVRP: optional clients with prizes, the limit as the longest shift."""
    import pyvrp
    from pyvrp.stop import MaxRuntime

    def units(x: float) -> int:
        return round(x * LENGTH_UNITS)

    model, n = pyvrp.Model(), len(instance.points)
    places = [model.add_location(units(x), units(y)) for x, y in instance.points]
    start, end = model.add_depot(places[0]), model.add_depot(places[-1])
    model.add_vehicle_type(
        instance.vehicles, start_depot=start, end_depot=end, shift_duration=units(instance.limit) + 1
    )
    for k, prize in enumerate(instance.prizes):
        window = instance.windows[k] if instance.windows is not None else (0.0, instance.limit)
        service = 0.0 if instance.service is None else float(instance.service[k])
        times = {"service_duration": units(service), "tw_early": units(window[0]), "tw_late": units(window[1])}
        model.add_client(places[1 + k], prize=int(prize) * PRIZE_WEIGHT * LENGTH_UNITS, required=False, **times)
    for i in range(n):
        for j in range(n):
            if i != j:
                length = units(math.dist(instance.points[i], instance.points[j]))
                model.add_edge(places[i], places[j], distance=length, duration=length)
    found = model.solve(MaxRuntime(seconds), seed=1, display=False).best
    routes: list[list[int]] = []
    for route in found.routes():
        tasks = [int(activity.idx) for activity in route if activity.is_client()]
        while tasks and not check(instance, [tasks]):  # rounded lengths may overrun the limit
            tasks.pop()
        routes.append(tasks)
    return routes


def peers() -> dict[str, Callable[[Instance, float], list[list[int]]]]:
    """Solvers that are installed."""
    found: dict[str, Callable[[Instance, float], list[list[int]]]] = {"OR-Tools routing": with_routing}
    if find_spec("pyvrp") is not None:
        found["PyVRP"] = with_pyvrp
    return found
