"""A plan in miniature, made to load compiled code before it is needed."""

from __future__ import annotations

import numpy as np

from oceanclean.allocation import insertion
from oceanclean.allocation.options import SearchSettings
from oceanclean.allocation.plane import Plane
from oceanclean.allocation.problem import P, V, make_problem
from oceanclean.allocation.schedule import first_limit, tell
from oceanclean.allocation.sea_routing import SeaRouter
from oceanclean.allocation.search import solve


def rehearse() -> None:
    """Plan one vessel and one task, and a way round a rock: every kernel that a plan calls is loaded by that."""
    vessel, harbour = np.zeros((1, len(V))), np.zeros((1, 1, len(P)))
    vessel[:, [V.SPEED, V.HOLD, V.HOLD_LEFT, V.ENDURANCE, V.ENDURANCE_LEFT, V.LIMIT]] = 1e3
    harbour[:, :, P.END] = 1.0
    pair, track = np.array([[[1.0, 1.0, 0.0, 100.0]]]), np.ones((1, 2, 4))
    problem = make_problem(vessel, pair, track, harbour, step=100.0)
    solve(problem, SearchSettings(iterations=2, rounds=1, workers=1), seed=1, warm=[[0]])
    tell(problem, 0, [0])
    first_limit(problem, 0, 0)
    insertion.best_with(problem, 0, np.zeros(0, np.int64), 0, 1)
    land = np.zeros((9, 9), bool)
    land[4, 4] = True
    SeaRouter(Plane(0.0, 0.0), 0.0, 0.0, 1.0, land).distance(np.array([1.5, 4.5]), np.array([7.5, 4.5]))
