"""Compiled forced insertion: the best that a route can be with one more task in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from oceanclean.allocation.motion import DUTY, LEAVE, SAILED, STATE, VALUE, X, Y, follow, go_on, home

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem


@njit(cache=True, nogil=True)
def best_with(p: Problem, v: int, route: NDArray, task: int, most_dropped: int) -> float:
    """Largest net value of a route with a task in it, alone or in place of some stops in a row; −inf if it never fits.

    Args:
        p: the problem.
        v: vessel.
        route: (stop) its tasks, a route that breaks no limit.
        task: the one to be served too.
        most_dropped: stops in a row that it may take the place of.
    """
    n = len(route)
    states, state = np.zeros((n + 1, STATE)), np.zeros(STATE)
    follow(p, v, route, n, 0, states)
    best = -np.inf
    for k in range(n + 1):
        if go_on(p, v, route[k - 1] if k > 0 else p.track.shape[0], states[k], task, state) != 0:
            continue
        for dropped in range(most_dropped + 1):
            best = max(best, _ended(p, v, route, min(k + dropped, n), task, state))
    # or all that it did before is given up
    begin = states[0]
    if go_on(p, v, p.track.shape[0], begin, task, state) == 0:
        best = max(best, _ended(p, v, route, n, task, state))
    return best


@njit(cache=True, nogil=True)
def _ended(p: Problem, v: int, route: NDArray, first: int, task: int, begun: NDArray) -> float:
    """Net value of a vessel that stands at ``task`` and goes on with the stops from ``first`` on; −inf if it cannot."""
    state, last = begun.copy(), task
    for q in range(first, len(route)):
        if go_on(p, v, last, state, route[q], state) != 0:
            return -np.inf
        last = route[q]
    _, d, _, _, _ = home(p, v, last, state[X], state[Y], state[LEAVE], state[DUTY])
    return state[VALUE] - (p.scalar[4] + p.vessel[v, 23]) * (state[SAILED] + d)
