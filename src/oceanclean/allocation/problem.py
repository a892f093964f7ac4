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
    CREW = 8
    FUEL = 9


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
    MAX_WORK = 14  # time on duty before the crew must rest; 0: not counted
    REST = 15  # length of that rest
    ON_DUTY = 16  # time on duty when it is ready
    FUEL = 17
    TANK = 18  # fuel after bunkering; 0: not counted
    USE_TRANSIT = 19  # fuel per unit of time
    USE_COLLECT = 20
    USE_IDLE = 21
    WAVE_LOSS = 22  # part of the speed lost for each unit of wave height
    METRE_COST = 23  # value lost by unit of distance, beside what all vessels lose by it (fuel)
    WORK_COST = 24  # value lost by unit of time in service (fuel)


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
    BUNKER = 5  # 1: fuel can be had


class S(IntEnum):
    """Entries of :attr:`Problem.scalar`."""

    STEP = 0
    X0 = 1
    Y0 = 2
    CELL = 3
    COST = 4  # value lost by unit of distance, by every vessel
    LAND = 5
    ARCS = 6
    SHUT_STEP = 7
    GATES = 8  # 1 where ports have opening hours
    FLOWS = 9  # 1 where currents and waves change the speed over ground
    FLOW_X0 = 10
    FLOW_Y0 = 11
    FLOW_CELL = 12
    FLOW_STEP = 13


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
        gate: (port, 2 × span) times from which and until which a vessel is let in, sorted, padded with inf and −inf;
            1 × 2 where every port is always open.
        flow: (time, row, column, 3) current eastwards and northwards and wave height at multiples of ``FLOW_STEP``, at
            the centres of a raster's cells; one value where the speed over ground is that through the water.
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
    gate: NDArray[np.float64]
    flow: NDArray[np.float32]

    @property
    def vessels(self) -> int:
        """Number of vessels."""
        return len(self.vessel)

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.track)


class Flow(NamedTuple):
    """Currents and waves on a raster, see :attr:`Problem.flow`; ``x0``, ``y0`` are the centre of its first cell."""

    values: NDArray[np.float32]
    x0: float
    y0: float
    cell: float
    step: float


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
    gate: NDArray | None = None,
    flow: Flow | None = None,
) -> Problem:
    """Put a problem together; see :class:`Problem` for the arrays.

    Args:
        vessel, pair, track, harbour, shut, arc, profile, gate: as in :class:`Problem`.
        step: time between the track's positions.
        cost: value lost by unit of distance by every vessel, to prefer short routes among equals.
        sea: distances round land; None for open water.
        shut_step: time between the columns of ``shut``.
        flow: currents and waves, None where they are left out.
    """
    table = sea or open_water()
    scalar = np.zeros(len(S))
    scalar[S.STEP], scalar[S.COST], scalar[S.SHUT_STEP] = step, cost, shut_step
    scalar[S.X0], scalar[S.Y0], scalar[S.CELL] = table.x0, table.y0, table.cell
    scalar[S.LAND] = float((table.first != -1).any())
    scalar[S.ARCS], scalar[S.GATES], scalar[S.FLOWS] = arc is not None, gate is not None, flow is not None
    if flow is not None:
        scalar[[S.FLOW_X0, S.FLOW_Y0, S.FLOW_CELL, S.FLOW_STEP]] = flow.x0, flow.y0, flow.cell, flow.step
    return Problem(
        np.ascontiguousarray(vessel, np.float64), np.ascontiguousarray(pair, np.float64),
        np.ascontiguousarray(track, np.float64), np.ascontiguousarray(harbour, np.float64), scalar,
        table.label, table.clearance, table.first, table.mid, np.ascontiguousarray(table.corner, np.float64),
        np.zeros((1, 1, 1), np.uint8) if shut is None else np.ascontiguousarray(shut, np.uint8),
        np.zeros((1, 1), np.int8) if arc is None else np.ascontiguousarray(arc, np.int8),
        np.zeros((2, 2)) if profile is None else np.ascontiguousarray(profile, np.float64),
        np.zeros((1, 2)) if gate is None else np.ascontiguousarray(gate, np.float64),
        np.zeros((1, 1, 1, 3), np.float32) if flow is None else np.ascontiguousarray(flow.values, np.float32),
    )  # fmt: skip
