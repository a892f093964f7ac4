# ruff: noqa: D417 - arguments that belong together are described on one line
"""The planning problem as plain arrays, in the form that compiled code reads.

Lengths, times and amounts may be in any units that agree (the daily plan uses metres, seconds and kilograms).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oceanclean.allocation.sea_routing import SeaTable, open_water

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Code(IntEnum):
    """First limit that stops a vessel from serving a task."""

    OK = 0
    ENDURANCE = 1
    HORIZON = 2
    WINDOW = 3
    HOLD = 4
    OUTRUN = 5
    TRANSIT = 6
    NOT_ALLOWED = 7


class V(IntEnum):
    """Columns of :attr:`Problem.vessel`."""

    X = 0
    Y = 1
    READY = 2
    IN_PORT = 3  # 1 where the clock of the endurance starts at departure
    SPEED = 4
    HOLD = 5
    HOLD_LEFT = 6
    ENDURANCE = 7  # after bunkering
    ENDURANCE_LEFT = 8
    RESERVE = 9
    LIMIT = 10  # when it must be back
    CALLS = 11  # port calls allowed on the way
    MIN_TAKE = 12  # smallest share of a task's load worth a visit when the hold fills
    WATCHED = 13  # 1 where the sea is at times too rough to sail


class T(IntEnum):
    """Last axis of :attr:`Problem.track`."""

    X = 0
    Y = 1
    GAIN = 2
    LOAD = 3


class P(IntEnum):
    """Last axis of :attr:`Problem.harbour`."""

    X = 0
    Y = 1
    TURN = 2
    UNLOAD = 3  # 1: may unload here
    END = 4  # 1: may end here


class S(IntEnum):
    """Entries of :attr:`Problem.scalar`."""

    STEP = 0
    X0 = 1
    Y0 = 2
    CELL = 3
    COST = 4  # value lost by unit of distance
    LAND = 5
    ARCS = 6
    SHUT_STEP = 7


class Problem(NamedTuple):
    """Vessels and drifting tasks.

    Attributes:
        vessel: (vessel, :class:`V`).
        pair: (vessel, task, 2 + 2 windows): service time, share of the task's gain and load that the vessel gets (0:
            not allowed), then opening and closing times between which service may *start*, sorted, padded with inf.
        track: (task, time, :class:`T`) position, gain and load at multiples of the step; linear between.
        harbour: (vessel, port, :class:`P`).
        scalar: (:class:`S`).
        label, clearance, first, mid, corner: see :class:`~oceanclean.allocation.sea_routing.SeaTable`.
        shut: (vessel, time, node) 1 where the sea is too rough for the vessel to sail, at multiples of ``SHUT_STEP``.
        arc: (task + 2, task + 2) speed category of each arc (start = task count, end = task count + 1); 1 × 1 if none.
        profile: (category + 1, period + 1): row 0 the periods' starts (last: end), then speeds of each category.
    """

    vessel: NDArray[np.float64]
    pair: NDArray[np.float64]
    track: NDArray[np.float64]
    harbour: NDArray[np.float64]
    scalar: NDArray[np.float64]
    label: NDArray[np.int32]
    clearance: NDArray[np.float32]
    first: NDArray[np.int32]
    mid: NDArray[np.float32]
    corner: NDArray[np.float64]
    shut: NDArray[np.uint8]
    arc: NDArray[np.int8]
    profile: NDArray[np.float64]

    @property
    def vessels(self) -> int:
        """Number of vessels."""
        return len(self.vessel)

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.track)


def make_problem(
    vessel: NDArray,
    pair: NDArray,
    track: NDArray,
    harbour: NDArray,
    *,
    step: float,
    cost: float = 0.0,
    sea: SeaTable | None = None,
    shut: NDArray | None = None,
    shut_step: float = 3600.0,
    arc: NDArray | None = None,
    profile: NDArray | None = None,
) -> Problem:
    """Put a problem together; see :class:`Problem` for the arrays.

    Args:
        vessel, pair, track, harbour, shut, arc, profile: as in :class:`Problem`.
        step: time between the track's positions.
        cost: value lost by unit of distance, to prefer short routes among equals.
        sea: distances round land; None for open water.
        shut_step: time between the columns of ``shut``.
    """
    table = sea or open_water()
    scalar = np.zeros(len(S))
    scalar[S.STEP], scalar[S.COST], scalar[S.SHUT_STEP] = step, cost, shut_step
    scalar[S.X0], scalar[S.Y0], scalar[S.CELL] = table.x0, table.y0, table.cell
    scalar[S.LAND] = float((table.first != -1).any())
    scalar[S.ARCS] = float(arc is not None)
    return Problem(
        np.ascontiguousarray(vessel, np.float64), np.ascontiguousarray(pair, np.float64),
        np.ascontiguousarray(track, np.float64), np.ascontiguousarray(harbour, np.float64), scalar,
        table.label, table.clearance, table.first, table.mid, np.ascontiguousarray(table.corner, np.float64),
        np.zeros((1, 1, 1), np.uint8) if shut is None else np.ascontiguousarray(shut, np.uint8),
        np.zeros((1, 1), np.int8) if arc is None else np.ascontiguousarray(arc, np.int8),
        np.zeros((2, 2)) if profile is None else np.ascontiguousarray(profile, np.float64),
    )  # fmt: skip
