"""The price of a share in a route is what trying every place for it finds."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation.insertion import best_with
from oceanclean.allocation.search import route_value
from tests.allocation.test_law_of_motion import problem_of


@pytest.mark.parametrize("seed", range(4))
def test_the_best_place_is_that_of_trying_all(seed):
    """Alone, at every place, and in place of up to two stops; holds and drift included."""
    rng = np.random.default_rng(seed)
    problem = problem_of(
        rng, 1, 9, drift=float(rng.uniform(0, 1)), hold=float(rng.choice([100.0, 1e9])), calls=seed % 3
    )
    route: list[int] = []
    for task in range(1, 9):
        if route_value(problem, 0, [*route, task]) is not None:
            route.append(task)
    tried = [[0], *([*route[:k], 0, *route[k + d :]] for k in range(len(route) + 1) for d in range(3))]
    values = [route_value(problem, 0, tasks) for tasks in tried]
    best = max((v for v in values if v is not None), default=-np.inf)
    assert best_with(problem, 0, np.array(route, np.int64), 0, 2) == pytest.approx(best)
