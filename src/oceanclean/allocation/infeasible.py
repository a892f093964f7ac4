"""Why a vessel can serve nothing: the smallest set of its limits that leaves no patch, were all others lifted."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation.model import start_windows, why_shut
from oceanclean.allocation.problem import Code, Problem, S, V
from oceanclean.allocation.schedule import first_limit

if TYPE_CHECKING:
    from oceanclean.allocation.model import Day

#: Largest set that is looked for; beyond, the commonest first limit is told.
LARGEST = 3


class Limit(StrEnum):
    """What may stop a vessel."""

    WAVES = "waves"
    WIND = "wind"
    DAYLIGHT = "daylight"
    CLOSED = "closed areas"
    ENDURANCE = "endurance"
    FUEL = "fuel"
    CREW = "crew hours"
    HOLD = "hold"
    PORTS = "hours of ports"
    HORIZON = "horizon"


def smallest_limits(day: Day, v: int) -> list[Limit]:
    """The smallest set of limits that alone leaves a vessel nothing.

    Args:
        day: the problem.
        v: a vessel.

    Returns:
        The set, the first found of the smallest; empty where not even :data:`LARGEST` of them explain it, or where the
        vessel could serve nothing with every limit lifted.
    """
    shares = np.unique(day.shares.patch, return_index=True)[1]  # the densest of each patch
    if not _nothing(day, v, (), shares):
        for size in range(1, LARGEST + 1):
            for limits in combinations(Limit, size):
                if _nothing(day, v, limits, shares):
                    return list(limits)
    return []


def _nothing(day: Day, v: int, limits: Collection[Limit], shares: np.ndarray) -> bool:
    problem = _under(day, v, limits)
    return all(first_limit(problem, 0, int(s)) != Code.OK for s in shares)


def _under(day: Day, v: int, limits: Collection[Limit]) -> Problem:
    """The problem of one vessel with only the given limits in force, and what people decided."""
    problem, crew = day.problem, day.crews[v]
    row, scalar = problem.vessel[v].copy(), problem.scalar.copy()
    if Limit.ENDURANCE not in limits:
        row[[V.ENDURANCE, V.ENDURANCE_LEFT]] = 1e12
    if Limit.FUEL not in limits:
        row[V.TANK] = 0.0
    if Limit.CREW not in limits:
        row[V.MAX_WORK] = 0.0
    if Limit.HOLD not in limits:
        row[[V.HOLD, V.HOLD_LEFT]] = 1e12
    if Limit.WAVES not in limits:
        row[V.WATCHED] = 0.0
    if Limit.HORIZON not in limits:
        row[V.LIMIT] = 1e9
    if Limit.PORTS not in limits:
        scalar[S.GATES] = 0.0
    own = {
        "max_wave_height": crew.row["max_wave_height"] if Limit.WAVES in limits else np.inf,
        "max_wind": crew.row["max_wind"] if Limit.WIND in limits else np.inf,
        "daylight_only": crew.row["daylight_only"] and Limit.DAYLIGHT in limits,
    }
    closed = day.zone >= 0 if Limit.CLOSED in limits else np.zeros(day.zone.shape, bool)
    shut = why_shut(own, day.waves, day.wind, day.light, closed, day.afloat)
    pair = start_windows(shut[None], day.shares, problem.pair[v : v + 1, 0, 0], np.ones(1), day.slot_s)
    pair[:, :, 1] = problem.pair[v : v + 1, :, 1]
    return problem._replace(
        vessel=row[None], scalar=scalar, pair=pair, harbour=problem.harbour[v : v + 1], shut=problem.shut[v : v + 1]
    )
