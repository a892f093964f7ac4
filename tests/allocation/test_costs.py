"""What fuel costs is what another simulator burns, and a plan under a price of fuel sails less."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation.options import SearchSettings
from oceanclean.allocation.problem import P, V
from oceanclean.allocation.search import route_value, solve
from tests.allocation.simulator import run
from tests.allocation.test_law_of_motion import HOUR, problem_of, ship_and_targets

#: Litres an hour in transit and at work.
TRANSIT, WORK = 120.0, 70.0


def _priced(problem, price):
    """The problem with a price of fuel, kg a litre."""
    vessel = problem.vessel.copy()
    vessel[:, V.USE_TRANSIT], vessel[:, V.USE_COLLECT] = TRANSIT / HOUR, WORK / HOUR
    vessel[:, V.METRE_COST] = price * vessel[:, V.USE_TRANSIT] / vessel[:, V.SPEED]
    vessel[:, V.WORK_COST] = price * vessel[:, V.USE_COLLECT]
    return problem._replace(vessel=vessel)


@pytest.mark.parametrize("seed", range(3))
def test_the_value_of_a_route_is_its_catch_less_the_litres_that_another_simulator_burns(seed):
    """In calm water, where distance and time in transit are the same thing."""
    problem = _priced(problem_of(np.random.default_rng(seed), 1, 6), 0.01)
    route = solve(problem, SearchSettings(iterations=200), seed=1).routes[0]
    assert route
    ship, targets = ship_and_targets(problem, 0, route)
    ship.fuel, ship.transit, ship.collect, ship.reserve = 1e6, TRANSIT / HOUR, WORK / HOUR, 0.0
    done = run(ship, targets, (problem.harbour[0, 0, P.X], problem.harbour[0, 0, P.Y]))
    assert route_value(problem, 0, route) == pytest.approx(done["taken"] - 0.01 * (1e6 - done["fuel"]), abs=0.2)


def test_dear_fuel_keeps_a_vessel_from_far_patches():
    """The plan's litres fall with their price, and at a price above every catch nobody sails."""
    plain = problem_of(np.random.default_rng(5), 2, 12)
    plans = [solve(_priced(plain, price), SearchSettings(iterations=400), seed=1) for price in (0.0, 0.1, 100.0)]
    stops = [sum(map(len, plan.routes)) for plan in plans]
    assert stops[0] > stops[1] > stops[2] == 0
