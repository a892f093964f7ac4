# ruff: noqa: D417 - arguments that belong together are described on one line
"""Compiled law of motion: where a vessel meets a drifting task, and what stops it.

Everything that plans, checks or prices a route goes through :func:`visit` and :func:`go_on`, so that no part of the
room can believe in a schedule that another part would refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from oceanclean.allocation.passage import INF, rough, sailed, sea_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem


#: Entries of a state, the vessel's condition when it leaves a stop.
(X, Y, LEAVE, HOLD_LEFT, DEADLINE, CALLS, VALUE, SAILED, START, TAKEN, PORT, DEPART, IN_PORT, GAIN, DUTY, FUEL_LEFT,
 RESTED) = range(17)  # fmt: skip
STATE = 17
#: An intercept is found to this part of the time between two positions.
INTERCEPT_TOLERANCE = 1e-6


@njit(cache=True, nogil=True)
def spot(track: NDArray, step: float, j: int, t: float) -> tuple[float, float]:
    """Position of task ``j`` at time ``t``, linear between the track's times, constant beyond them."""
    last = track.shape[1] - 1
    if last == 0:
        return track[j, 0, 0], track[j, 0, 1]
    f = t / step
    h = min(max(int(f), 0), last - 1)
    w = min(max(f - h, 0.0), 1.0)
    x, y = track[j, h, 0], track[j, h, 1]
    return x + w * (track[j, h + 1, 0] - x), y + w * (track[j, h + 1, 1] - y)


@njit(cache=True, nogil=True)
def level(track: NDArray, step: float, j: int, k: int, t: float) -> float:
    """Entry ``k`` (gain or load) of task ``j``'s track at time ``t``, linear between its times."""
    last = track.shape[1] - 1
    if last == 0:
        return track[j, 0, k]
    f = t / step
    h = min(max(int(f), 0), last - 1)
    w = min(max(f - h, 0.0), 1.0)
    return track[j, h, k] * (1.0 - w) + track[j, h + 1, k] * w


@njit(cache=True, nogil=True)
def to_task(p: Problem, x: float, y: float, j: int, t: float) -> float:
    """Distance sailed from (x, y) to where task ``j`` is at time ``t``."""
    jx, jy = spot(p.track, p.scalar[0], j, t)
    return sea_distance(p, x, y, jx, jy)


@njit(cache=True, nogil=True)
def meeting(p: Problem, v: int, i: int, x: float, y: float, t: float, j: int) -> tuple[float, float]:
    """Earliest meeting of a vessel at (x, y) at time ``t`` with task ``j``.

    The meeting is the smallest a with a = t + distance(x, y → task at a) / speed: secant steps while the vessel is the
    faster, a march over the track's intervals otherwise.

    Returns:
        Time and distance sailed; inf when the task outruns the vessel.
    """
    jx, jy = spot(p.track, p.scalar[0], j, t)
    d = sea_distance(p, x, y, jx, jy)
    a = sailed(p, v, i, j, x, y, jx, jy, d, t)
    if p.track.shape[1] == 1 or d == INF:
        return a, d
    tolerance = INTERCEPT_TOLERANCE * p.scalar[0]
    last, gap = t, a - t  # gap: time still missing when the task is met at `last`
    for _ in range(24):
        jx, jy = spot(p.track, p.scalar[0], j, a)
        d = sea_distance(p, x, y, jx, jy)
        new = sailed(p, v, i, j, x, y, jx, jy, d, t) - a
        if abs(new) < tolerance:
            return a, d
        if new == INF:
            break
        slope = (new - gap) / (a - last)
        last, gap = a, new
        if slope > -0.05:
            break
        a = max(a - new / slope, t)
        if a == last:
            return a, d
    return march(p, v, i, x, y, t, j)


@njit(cache=True, nogil=True)
def when_there(p: Problem, v: int, i: int, x: float, y: float, t: float, j: int, a: float) -> float:
    """Arrival at where task ``j`` is at time ``a`` of a vessel that leaves (x, y) at ``t``."""
    jx, jy = spot(p.track, p.scalar[0], j, a)
    return sailed(p, v, i, j, x, y, jx, jy, sea_distance(p, x, y, jx, jy), t)


@njit(cache=True, nogil=True)
def march(p: Problem, v: int, i: int, x: float, y: float, t: float, j: int) -> tuple[float, float]:
    """Meeting by bisection in the first interval of the track at whose end the vessel can be there in time."""
    step = p.scalar[0]
    low = t
    for h in range(int(t / step) + 1, p.track.shape[1] + 1):
        high = min(h, p.track.shape[1]) * step
        if when_there(p, v, i, x, y, t, j, high) <= high:
            for _ in range(50):
                a = 0.5 * (low + high)
                if when_there(p, v, i, x, y, t, j, a) <= a:
                    high = a
                else:
                    low = a
            return high, to_task(p, x, y, j, high)
        low = high
    return INF, INF


@njit(cache=True, nogil=True)
def reach(p: Problem, v: int, i: int, x: float, y: float, t: float, j: int) -> tuple[float, float, float]:
    """Departure, arrival and distance to task ``j``, waiting for the sea to calm where it is too rough to sail."""
    a, d = meeting(p, v, i, x, y, t, j)
    if p.vessel[v, 13] == 0.0:
        return t, a, d
    while a < p.vessel[v, 10]:
        jx, jy = spot(p.track, p.scalar[0], j, a)
        if not rough(p, v, x, y, t, jx, jy, a):
            break
        t = (np.floor(t / p.scalar[7]) + 1.0) * p.scalar[7]
        a, d = meeting(p, v, i, x, y, t, j)
    return t, a, d


@njit(cache=True, nogil=True)
def let_in(p: Problem, port: int, t: float, work: float) -> float:
    """When a vessel that is off a port at ``t`` is let in, with ``work`` to be done before it closes; inf if never.

    Work that is longer than the port is ever open begins when it opens.
    """
    if p.scalar[8] == 0.0:
        return t
    for k in range(0, p.gate.shape[1], 2):
        low, high = p.gate[port, k], p.gate[port, k + 1]
        begin = max(t, low)
        if begin + min(work, high - low) <= high:
            return begin
    return INF


@njit(cache=True, nogil=True)
def reach_port(
    p: Problem, v: int, i: int, x: float, y: float, t: float, port: int, work: float
) -> tuple[float, float, float, float]:
    """Departure, arrival off a port, distance, and the time at which the vessel is let in."""
    bx, by = p.harbour[v, port, 0], p.harbour[v, port, 1]
    d = sea_distance(p, x, y, bx, by)
    end = p.track.shape[0] + 1
    a = sailed(p, v, i, end, x, y, bx, by, d, t)
    if p.vessel[v, 13] != 0.0:
        while a < p.vessel[v, 10] and rough(p, v, x, y, t, bx, by, a):
            t = (np.floor(t / p.scalar[7]) + 1.0) * p.scalar[7]
            a = sailed(p, v, i, end, x, y, bx, by, d, t)
    return t, a, d, let_in(p, port, a, work)


@njit(cache=True, nogil=True)
def nearest_end(p: Problem, v: int, i: int, x: float, y: float, t: float) -> tuple[float, float, int, float, float]:
    """Earliest end at a port where the vessel may end: let in, distance, port, departure, arrival off it."""
    best, distance, port, depart, off = INF, INF, -1, t, INF
    for k in range(p.harbour.shape[1]):
        if p.harbour[v, k, 4] == 0.0:
            continue
        leave, a, d, when = reach_port(p, v, i, x, y, t, k, 0.0)
        if when < best:
            best, distance, port, depart, off = when, d, k, leave, a
    return best, distance, port, depart, off


@njit(cache=True, nogil=True)
def home(
    p: Problem, v: int, i: int, x: float, y: float, t: float, duty: float
) -> tuple[float, float, int, float, float]:
    """Earliest end of the trip, after a rest where the crew's time on duty asks for it.

    Args:
        p, v: problem and vessel.
        i: task it stands at (task count: the start).
        x, y, t: place and time of leaving.
        duty: when the time on duty began.

    Returns:
        When it is let in, distance, port, departure, arrival off the port; inf where the way is longer than a watch.
    """
    back, d, port, depart, off = nearest_end(p, v, i, x, y, t)
    work = p.vessel[v, 14]
    if work > 0.0 and off - duty > work:
        rested = t + p.vessel[v, 15]
        back, d, port, depart, off = nearest_end(p, v, i, x, y, rested)
        if off - rested > work:
            return INF, d, port, depart, INF
    return back, d, port, depart, off


@njit(cache=True, nogil=True)
def opening(p: Problem, v: int, j: int, t: float) -> float:
    """First time from ``t`` on at which service of task ``j`` may start; inf if none."""
    for k in range(2, p.pair.shape[2], 2):
        if t <= p.pair[v, j, k + 1]:
            return max(t, p.pair[v, j, k])
    return INF


@njit(cache=True, nogil=True)
def leave_late(
    p: Problem, v: int, i: int, x: float, y: float, depart: float, j: int, jx: float, jy: float, start: float
) -> tuple[float, float]:
    """Departure from port and distance of a vessel that leaves so as to be at task ``j`` no sooner than it may start.

    Returns:
        The given departure where leaving later is no better; the distance is negative then.
    """
    d = sea_distance(p, x, y, jx, jy)
    late = start - d / p.vessel[v, 4]
    if p.scalar[9] != 0.0:
        for _ in range(3):  # what the currents take or give is known once the departure is
            late -= sailed(p, v, i, j, x, y, jx, jy, d, late) - start
        if sailed(p, v, i, j, x, y, jx, jy, d, late) > start + 60.0:
            return depart, -1.0
    if late > depart and (p.vessel[v, 13] == 0.0 or not rough(p, v, x, y, late, jx, jy, start)):
        return late, d
    return depart, -1.0


@njit(cache=True, nogil=True)
def fitting(p: Problem, v: int, hold: float, amount: float) -> float:
    """Part of an amount that goes into the room left in the hold, −1 where it is too small a part."""
    if amount <= hold:
        return 1.0
    if hold < p.vessel[v, 12] * min(amount, p.vessel[v, 5]) or amount <= 0.0:
        return -1.0
    return hold / amount


@njit(cache=True, nogil=True)
def comes_home(
    p: Problem, v: int, j: int, x: float, y: float, leave: float, deadline: float, duty: float, fuel: float
) -> int:
    """Code of the first limit that the way home from (x, y) at ``leave`` breaks, 0 if none."""
    back, _, _, depart, off = home(p, v, j, x, y, leave, duty)
    if off == INF and p.vessel[v, 14] > 0.0:
        return 8
    if back > p.vessel[v, 10]:
        return 2
    if back > deadline - p.vessel[v, 9]:
        return 1
    if p.vessel[v, 18] > 0.0:
        need = (off - depart + p.vessel[v, 9]) * p.vessel[v, 19] + (depart - leave + back - off) * p.vessel[v, 21]
        if fuel < need:
            return 9
    return 0


@njit(cache=True, nogil=True)
def visit(  # noqa: C901 - each limit in its turn, in the hottest code
    p: Problem, v: int, i: int, x: float, y: float, t: float, hold: float, deadline: float, in_port: float,
    duty: float, fuel: float, j: int,
) -> tuple:  # fmt: skip
    """Sail to task ``j`` and serve it.

    Args:
        p: the problem.
        v: vessel.
        i: task it comes from (task count: the start or a port).
        x, y, t: place and time of leaving.
        hold: room left in the hold.
        deadline: when the endurance ends.
        in_port: 1 where endurance and duty start only at departure, which may then wait.
        duty: when the crew's time on duty began.
        fuel: on board.
        j: the task.

    Returns:
        Code, x, y, time of leaving the task, hold, deadline, gain, amount taken, start of service, distance, departure,
        beginning of duty, fuel.
    """
    share, service = p.pair[v, j, 1], p.pair[v, j, 0]
    if share <= 0.0:
        return 7, x, y, t, hold, deadline, 0.0, 0.0, t, 0.0, t, duty, fuel
    depart, a, d = reach(p, v, i, x, y, t, j)
    if a == INF:
        return 5, x, y, t, hold, deadline, 0.0, 0.0, t, 0.0, t, duty, fuel
    start = opening(p, v, j, a)
    if start == INF:
        return 3, x, y, t, hold, deadline, 0.0, 0.0, a, d, depart, duty, fuel
    jx, jy = spot(p.track, p.scalar[0], j, start)
    arrive = a
    if in_port > 0.0:
        if start > a:  # leave later rather than wait at sea
            late, d_late = leave_late(p, v, i, x, y, depart, j, jx, jy, start)
            if d_late >= 0.0:
                depart, d, arrive = late, d_late, start
        deadline, duty = depart + p.vessel[v, 7], depart
    amount = level(p.track, p.scalar[0], j, 3, start) * share
    part = fitting(p, v, hold, amount)
    if part < 0.0:
        return 4, x, y, t, hold, deadline, 0.0, 0.0, start, d, depart, duty, fuel
    leave = start + service * part
    if p.vessel[v, 14] > 0.0:
        duty = on_duty(p, v, duty, arrive, start, leave)
        if duty == INF:
            return 8, x, y, t, hold, deadline, 0.0, 0.0, start, d, depart, duty, fuel
    if p.track.shape[1] > 1:
        jx, jy = spot(p.track, p.scalar[0], j, leave)
    if p.vessel[v, 18] > 0.0:
        waits = start - arrive + (depart - t if in_port == 0.0 else 0.0)
        fuel -= (arrive - depart) * p.vessel[v, 19] + waits * p.vessel[v, 21] + (leave - start) * p.vessel[v, 20]
    code = comes_home(p, v, j, jx, jy, leave, deadline, duty, fuel)
    if code != 0:
        return code, x, y, t, hold, deadline, 0.0, 0.0, start, d, depart, duty, fuel
    gain = level(p.track, p.scalar[0], j, 2, start) * share * part - p.vessel[v, 24] * (leave - start)
    return 0, jx, jy, leave, hold - amount * part, deadline, gain, amount * part, start, d, depart, duty, fuel


@njit(cache=True, nogil=True)
def on_duty(p: Problem, v: int, duty: float, arrive: float, start: float, leave: float) -> float:
    """When the time on duty began that includes a visit; a long wait before it is a rest. inf if it is too long."""
    work = p.vessel[v, 14]
    if arrive - duty > work:
        return INF
    if start - arrive >= p.vessel[v, 15]:
        duty = start
    return duty if leave - duty <= work else INF


@njit(cache=True, nogil=True)
def best_call(
    p: Problem, v: int, i: int, x: float, y: float, t: float, deadline: float, duty: float, fuel: float, j: int
) -> tuple[int, float, float, float, float]:
    """Port at which to unload and bunker on the way to task ``j``.

    Returns:
        Port (−1 if none is within reach), when the vessel is let in, distance, when it is ready to leave, fuel then.
    """
    port, when, distance, ready, left, least = -1, INF, INF, INF, fuel, INF
    for k in range(p.harbour.shape[1]):
        if p.harbour[v, k, 3] == 0.0:
            continue
        work = p.harbour[v, k, 2]
        depart, off, d, a = reach_port(p, v, i, x, y, t, k, work)
        if a > deadline - p.vessel[v, 9] or a > p.vessel[v, 10]:
            continue
        if p.vessel[v, 14] > 0.0:  # a port call is a rest, however short the work
            if off - duty > p.vessel[v, 14]:
                continue
            work = max(work, p.vessel[v, 15])
        rest = fuel
        if p.vessel[v, 18] > 0.0:
            rest -= (off - depart) * p.vessel[v, 19] + (depart - t + a - off) * p.vessel[v, 21]
            if rest < 0.0:
                continue
            if p.harbour[v, k, 5] != 0.0:
                rest = p.vessel[v, 18]
        px, py = p.harbour[v, k, 0], p.harbour[v, k, 1]
        on = to_task(p, px, py, j, a + work) / p.vessel[v, 4]
        if a + work + on < least:
            least, port, when, distance, ready, left = a + work + on, k, a, d, a + work, rest
    return port, when, distance, ready, left


@njit(cache=True, nogil=True)
def go_on(p: Problem, v: int, i: int, state: NDArray, j: int, out: NDArray) -> int:
    """Serve task ``j`` next: after a rest where the crew needs one, by way of a port where hold or stores ask for it.

    Args:
        p: the problem.
        v: vessel.
        i: task it stands at (task count: the start).
        state: (:data:`STATE`) its condition.
        j: the task.
        out: (:data:`STATE`) filled with the condition after the task when the code is 0; may be ``state`` itself.

    Returns:
        Code of the first limit that stops it, 0 if none.
    """
    x, y, t, hold, deadline = state[X], state[Y], state[LEAVE], state[HOLD_LEFT], state[DEADLINE]
    calls, value, sea, in_port, duty = state[CALLS], state[VALUE], state[SAILED], state[IN_PORT], state[DUTY]
    done = visit(p, v, i, x, y, t, hold, deadline, in_port, duty, state[FUEL_LEFT], j)
    port, extra, rested = -1, 0.0, 0.0
    if done[0] == 8 and in_port == 0.0:
        later = t + p.vessel[v, 15]
        second = visit(p, v, i, x, y, later, hold, deadline, 0.0, later,
                       state[FUEL_LEFT] - p.vessel[v, 15] * p.vessel[v, 21], j)  # fmt: skip
        if second[0] == 0:
            done, rested = second, 1.0
    if done[0] in (1, 4, 8, 9) and calls > 0.0 and in_port == 0.0:
        port, _, extra, ready, fuel = best_call(p, v, i, x, y, t, deadline, duty, state[FUEL_LEFT], j)
        if port < 0:
            return done[0]
        px, py = p.harbour[v, port, 0], p.harbour[v, port, 1]
        done = visit(p, v, p.track.shape[0], px, py, ready, p.vessel[v, 5], ready + p.vessel[v, 7], 1.0, ready, fuel, j)
        calls -= 1.0
    if done[0] != 0:
        return done[0]
    _, nx, ny, leave, room, end, gain, taken, start, d, depart, duty, fuel = done
    out[X], out[Y], out[LEAVE], out[HOLD_LEFT], out[DEADLINE], out[CALLS] = nx, ny, leave, room, end, calls
    out[VALUE], out[SAILED], out[START], out[TAKEN] = value + gain, sea + d + extra, start, taken
    out[PORT], out[DEPART], out[IN_PORT], out[GAIN] = port, depart, 0.0, gain
    out[DUTY], out[FUEL_LEFT], out[RESTED] = duty, fuel, rested
    return 0


@njit(cache=True, nogil=True)
def begin(p: Problem, v: int, state: NDArray) -> None:
    """Fill ``state`` with the vessel's condition at the start."""
    state[:] = 0.0
    state[X], state[Y], state[LEAVE] = p.vessel[v, 0], p.vessel[v, 1], p.vessel[v, 2]
    state[HOLD_LEFT], state[IN_PORT], state[CALLS] = p.vessel[v, 6], p.vessel[v, 3], p.vessel[v, 11]
    state[DEADLINE] = p.vessel[v, 2] + p.vessel[v, 8]
    state[PORT] = -1.0
    state[DUTY], state[FUEL_LEFT] = p.vessel[v, 2] - p.vessel[v, 16], p.vessel[v, 17]


@njit(cache=True, nogil=True)
def follow(p: Problem, v: int, route: NDArray, n: int, first: int, states: NDArray) -> tuple[int, int]:
    """Follow a route from its stop ``first`` on.

    Args:
        p: the problem.
        v: vessel.
        route: (stop) tasks in order.
        n: number of stops.
        first: stops before this one keep their states.
        states: (stop + 1, :data:`STATE`); row 0 is the start, row k + 1 the condition after stop k.

    Returns:
        Code and the number of stops done (= ``n`` when the code is 0).
    """
    if first == 0:
        begin(p, v, states[0])
    for k in range(first, n):
        i = route[k - 1] if k > 0 else p.track.shape[0]
        code = go_on(p, v, i, states[k], route[k], states[k + 1])
        if code != 0:
            return code, k
    return 0, n


@njit(cache=True, nogil=True)
def worth(p: Problem, v: int, route: NDArray, n: int, states: NDArray) -> tuple[float, float]:
    """Value of a followed route less the cost of the distance, the end included; and when it ends."""
    if n == 0:
        return 0.0, p.vessel[v, 2]
    last = states[n]
    back, d, _, _, _ = home(p, v, route[n - 1], last[X], last[Y], last[LEAVE], last[DUTY])
    return last[VALUE] - (p.scalar[4] + p.vessel[v, 23]) * (last[SAILED] + d), back
