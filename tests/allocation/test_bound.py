"""The bound is a bound: nothing that can be sailed exceeds it."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation.bound import PriceBound, time_and_hold_bound, upper_bound
from oceanclean.allocation.options import SearchSettings
from oceanclean.allocation.problem import V
from oceanclean.allocation.search import solve
from tests.allocation.test_law_of_motion import HOUR, problem_of


@pytest.mark.parametrize("seed", range(6))
def test_no_plan_exceeds_the_bound(seed):
    """Whatever the drift, windows, holds and port calls, a plan's value lies under the bound."""
    rng = np.random.default_rng(seed)
    problem = problem_of(
        rng, 3, 12, drift=float(rng.uniform(0, 1)), hold=float(rng.choice([100.0, 1e9])), calls=int(seed % 3)
    )
    solution = solve(problem, SearchSettings(iterations=600), seed=seed)
    bound, _ = upper_bound(problem, solution.columns, solution.value, 15)
    assert solution.value <= bound * (1 + 1e-9)
    assert bound <= time_and_hold_bound(problem) + 1e-9


def test_at_any_prices_the_relaxation_bounds_the_plan():
    """The Lagrangian bound holds for arbitrary prices, not only for good ones."""
    problem = problem_of(np.random.default_rng(11), 2, 10)
    value = solve(problem, SearchSettings(iterations=600), seed=1).value
    relaxation = PriceBound(problem)
    for _ in range(10):
        assert relaxation.at(np.random.default_rng(3).uniform(0, 60, 10))[0] >= value


def test_the_bound_is_tight_where_everything_can_be_had():
    """With time and room for all, the bound is the sum of all gains and the plan reaches it."""
    problem = problem_of(np.random.default_rng(12), 2, 4, drift=0.0, windows=1, speed=30.0)
    problem.pair[:, :, 0], problem.pair[:, :, 1] = 0.2 * HOUR, 1.0
    problem.pair[:, :, 2], problem.pair[:, :, 3] = 0.0, 30 * HOUR
    problem.track[:] = problem.track[:, :1]
    problem.vessel[:, V.LIMIT] = 36 * HOUR
    solution = solve(problem, SearchSettings(iterations=400), seed=1)
    bound, _ = upper_bound(problem, solution.columns, solution.value, 5)
    assert solution.value == pytest.approx(problem.track[:, 0, 2].sum())
    assert bound == pytest.approx(solution.value, rel=1e-6)
