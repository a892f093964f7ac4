"""A route as a sequence of events, told by the same law of motion that the search believes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation import motion
from oceanclean.allocation.problem import P, Problem, V

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Call:
    """A port call.

    Attributes:
        port: index of the port.
        arrive: when it is let in.
        ready: when it can leave again.
        metres: sailed to it.
        off: arrival off the port, which may be closed then.
        fuel: on board when it is ready.
    """

    port: int
    arrive: float
    ready: float
    metres: float
    off: float
    fuel: float


@dataclass(frozen=True)
class Stop:
    """A visit to one task.

    Attributes:
        task: the task.
        call: port call on the way, or None.
        depart: leaving the place before.
        arrive: meeting with the task.
        start: start of service.
        leave: end of service.
        begin: (2) place that it left.
        met, served, left: (2) places at arrival, start and end of service.
        metres: sailed since the place before (the port, if called).
        gain, taken: value gained, amount taken.
        hold_left: room left in the hold after it.
        deadline: when the endurance ends.
        rested: the crew rests before it sets out for the task.
        fuel_left: fuel after it.
    """

    task: int
    call: Call | None
    depart: float
    arrive: float
    start: float
    leave: float
    begin: NDArray[np.float64]
    met: NDArray[np.float64]
    served: NDArray[np.float64]
    left: NDArray[np.float64]
    metres: float
    gain: float
    taken: float
    hold_left: float
    deadline: float
    rested: bool = False
    fuel_left: float = 0.0


@dataclass(frozen=True)
class Trip:
    """A vessel's route: its stops and the way to the port where it ends.

    Attributes:
        stops: visits in order.
        end_port, end_depart, end_arrive, end_metres: the way to the port where it ends; it arrives when it is let in.
        begin: (2) where it begins.
        end_off: arrival off that port, from where it may have to wait for its hours.
        end_rested: the crew rests before that way.
        end_fuel: fuel at the end.
    """

    stops: list[Stop]
    end_port: int
    end_depart: float
    end_arrive: float
    end_metres: float
    begin: NDArray[np.float64]
    end_off: float = 0.0
    end_rested: bool = False
    end_fuel: float = 0.0


def place(problem: Problem, task: int, t: float) -> NDArray[np.float64]:
    """(2) position of a task."""
    return np.array(motion.spot(problem.track, problem.scalar[0], task, t))


def tell(problem: Problem, v: int, tasks: Sequence[int]) -> Trip:
    """Follow a feasible route and tell what happens.

    Raises:
        ValueError: the route breaks a limit.
    """
    state = np.zeros(motion.STATE)
    motion.begin(problem, v, state)
    begin, at, stops = state[:2].copy(), problem.tasks, []
    for task in tasks:
        before = state.copy()
        code = motion.go_on(problem, v, at, state, task, state)
        if code:
            raise ValueError(f"vessel {v} cannot serve task {task}: code {code}")
        stops.append(_stop(problem, v, at, before, state, task))
        at = task
    t, duty, fuel = (float(state[k]) for k in (motion.LEAVE, motion.DUTY, motion.FUEL_LEFT))
    back, metres, port, depart, off = motion.home(problem, v, at, state[0], state[1], t, duty)
    row = problem.vessel[v]
    fuel -= (off - depart) * row[V.USE_TRANSIT] + (depart - t + back - off) * row[V.USE_IDLE]
    rested = bool(row[V.MAX_WORK] and depart - t >= row[V.REST])
    return Trip(stops, int(port), float(depart), float(back), float(metres), begin, float(off), rested, fuel)


def _stop(problem: Problem, v: int, at: int, before: NDArray, after: NDArray, task: int) -> Stop:
    """Details of one visit from the conditions before and after it."""
    call, x, y, t = None, before[0], before[1], before[motion.LEAVE]
    if after[motion.PORT] >= 0:
        port, when, metres, ready, fuel = motion.best_call(
            problem, v, at, x, y, t, before[motion.DEADLINE], before[motion.DUTY], before[motion.FUEL_LEFT], task
        )
        _, off, _, _ = motion.reach_port(problem, v, at, x, y, t, port, problem.harbour[v, port, P.TURN])
        call = Call(int(port), float(when), float(ready), float(metres), float(off), float(fuel))
        x, y, t = problem.harbour[v, port, P.X], problem.harbour[v, port, P.Y], ready
    depart, start, leave = (float(after[k]) for k in (motion.DEPART, motion.START, motion.LEAVE))
    arrive, metres = motion.meeting(problem, v, at, x, y, depart, task)
    if arrive > start:  # it left port late so as to arrive when service may start
        arrive = start
    return Stop(
        task, call, depart, float(arrive), start, leave, np.array([x, y]), place(problem, task, arrive),
        place(problem, task, start), after[:2].copy(), float(metres), float(after[motion.GAIN]),
        float(after[motion.TAKEN]), float(after[motion.HOLD_LEFT]), float(after[motion.DEADLINE]),
        bool(after[motion.RESTED]), float(after[motion.FUEL_LEFT]),
    )  # fmt: skip


def first_limit(problem: Problem, v: int, task: int) -> int:
    """Code of the first limit that stops a vessel from serving one task alone, 0 if none does."""
    state = np.zeros(motion.STATE)
    motion.begin(problem, v, state)
    return int(motion.go_on(problem, v, problem.tasks, state, task, state))


def away(trip: Trip, problem: Problem, v: int) -> float:
    """Seconds between leaving and the end of a trip."""
    first = trip.stops[0].depart if trip.stops else trip.end_depart
    return trip.end_arrive - (first if problem.vessel[v, V.IN_PORT] else problem.vessel[v, V.READY])
