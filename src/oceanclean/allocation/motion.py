# ruff: noqa: D417 - arguments that belong together are described on one line
"""Compiled law of motion: where a vessel meets a drifting task, and what stops it.

Everything that plans, checks or prices a route goes through :func:`visit` and :func:`go_on`, so that no part of the
room can believe in a schedule that another part would refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from oceanclean.allocation.sightlines import roughly_clear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem


INF = np.inf
#: Entries of a state, the vessel's condition when it leaves a stop.
X, Y, LEAVE, HOLD_LEFT, DEADLINE, CALLS, VALUE, SAILED, START, TAKEN, PORT, DEPART, IN_PORT, GAIN = range(14)
STATE = 14
#: An intercept is found to this part of the time between two positions.
INTERCEPT_TOLERANCE = 1e-6


@njit(cache=True, nogil=True)
def node_of(p: Problem, x: float, y: float) -> int:
    """Node of the sea table that a point belongs to, −1 off the raster or on land."""
    i = int(np.floor((x - p.scalar[1]) / p.scalar[3]))
    j = int(np.floor((y - p.scalar[2]) / p.scalar[3]))
    if i < 0 or j < 0 or j >= p.label.shape[0] or i >= p.label.shape[1]:
        return -1
    return p.label[j, i]


@njit(cache=True, nogil=True)
def sea_distance(p: Problem, ax: float, ay: float, bx: float, by: float) -> float:
    """Distance sailed from a to b, round land."""
    direct = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    if p.scalar[5] == 0.0:
        return direct
    i, j = node_of(p, ax, ay), node_of(p, bx, by)
    if i < 0 or j < 0:
        return INF
    f, g = p.first[i, j], p.first[j, i]
    if f == -1:
        return direct
    if f < -1:
        if roughly_clear(p.clearance, p.scalar[1], p.scalar[2], p.scalar[3], ax, ay, bx, by):
            return direct
        f, g = -2 - f, -2 - g
    out = np.sqrt((p.corner[f, 0] - ax) ** 2 + (p.corner[f, 1] - ay) ** 2)
    back = np.sqrt((p.corner[g, 0] - bx) ** 2 + (p.corner[g, 1] - by) ** 2)
    return max(direct, out + p.mid[i, j] + back)


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
def arrival(p: Problem, v: int, i: int, j: int, distance: float, t: float) -> float:
    """When a vessel that leaves ``i`` for ``j`` at ``t`` has sailed ``distance``."""
    speed = p.vessel[v, 4]
    if p.scalar[6] == 0.0:
        return t + distance / speed
    category = p.arc[i, j] + 1
    for k in range(p.profile.shape[1] - 1):
        end = p.profile[0, k + 1]
        if t >= end and k < p.profile.shape[1] - 2:
            continue
        pace = p.profile[category, k] * speed
        if t + distance / pace <= end or k == p.profile.shape[1] - 2:
            return t + distance / pace
        distance -= (end - t) * pace
        t = end
    return INF


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
    a = arrival(p, v, i, j, d, t)
    if p.track.shape[1] == 1 or d == INF:
        return a, d
    tolerance = INTERCEPT_TOLERANCE * p.scalar[0]
    last, gap = t, a - t  # gap: time still missing when the task is met at `last`
    for _ in range(24):
        d = to_task(p, x, y, j, a)
        new = arrival(p, v, i, j, d, t) - a
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
def march(p: Problem, v: int, i: int, x: float, y: float, t: float, j: int) -> tuple[float, float]:
    """Meeting by bisection in the first interval of the track at whose end the vessel can be there in time."""
    step = p.scalar[0]
    low = t
    for h in range(int(t / step) + 1, p.track.shape[1] + 1):
        high = min(h, p.track.shape[1]) * step
        d = to_task(p, x, y, j, high)
        if arrival(p, v, i, j, d, t) <= high:
            for _ in range(50):
                a = 0.5 * (low + high)
                d = to_task(p, x, y, j, a)
                if arrival(p, v, i, j, d, t) <= a:
                    high = a
                else:
                    low = a
            return high, to_task(p, x, y, j, high)
        low = high
    return INF, INF


@njit(cache=True, nogil=True)
def rough(p: Problem, v: int, ax: float, ay: float, t: float, bx: float, by: float, e: float) -> bool:
    """True when the sea on the way from a (at ``t``) to b (at ``e``) is at some point too rough for the vessel."""
    last = p.shut.shape[1] - 1
    for k in range(5):
        w = k / 4.0
        node = node_of(p, ax + w * (bx - ax), ay + w * (by - ay))
        if node < 0:
            continue
        h = min(max(int((t + w * (e - t)) / p.scalar[7] + 0.5), 0), last)
        if p.shut[v, h, node]:
            return True
    return False


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
def reach_port(p: Problem, v: int, i: int, x: float, y: float, t: float, port: int) -> tuple[float, float, float]:
    """Departure, arrival and distance to a port."""
    bx, by = p.harbour[v, port, 0], p.harbour[v, port, 1]
    d = sea_distance(p, x, y, bx, by)
    end = p.track.shape[0] + 1
    a = arrival(p, v, i, end, d, t)
    if p.vessel[v, 13] == 0.0:
        return t, a, d
    while a < p.vessel[v, 10] and rough(p, v, x, y, t, bx, by, a):
        t = (np.floor(t / p.scalar[7]) + 1.0) * p.scalar[7]
        a = arrival(p, v, i, end, d, t)
    return t, a, d


@njit(cache=True, nogil=True)
def home(p: Problem, v: int, i: int, x: float, y: float, t: float) -> tuple[float, float, int, float]:
    """Earliest arrival at a port where the vessel may end: arrival, distance, port, departure."""
    best, distance, port, depart = INF, INF, -1, t
    for k in range(p.harbour.shape[1]):
        if p.harbour[v, k, 4] == 0.0:
            continue
        leave, a, d = reach_port(p, v, i, x, y, t, k)
        if a < best:
            best, distance, port, depart = a, d, k, leave
    return best, distance, port, depart


@njit(cache=True, nogil=True)
def opening(p: Problem, v: int, j: int, t: float) -> float:
    """First time from ``t`` on at which service of task ``j`` may start; inf if none."""
    for k in range(2, p.pair.shape[2], 2):
        if t <= p.pair[v, j, k + 1]:
            return max(t, p.pair[v, j, k])
    return INF


@njit(cache=True, nogil=True)
def visit(
    p: Problem, v: int, i: int, x: float, y: float, t: float, hold: float, deadline: float, in_port: float, j: int
) -> tuple:
    """Sail to task ``j`` and serve it.

    Args:
        p: the problem.
        v: vessel.
        i: task it comes from (task count: the start or a port).
        x, y, t: place and time of leaving.
        hold: room left in the hold.
        deadline: when the endurance ends.
        in_port: 1 where the endurance starts only at departure, which may then wait.
        j: the task.

    Returns:
        Code, x, y, time of leaving the task, hold, deadline, gain, amount taken, start of service, distance, departure.
    """
    share, service = p.pair[v, j, 1], p.pair[v, j, 0]
    if share <= 0.0:
        return 7, x, y, t, hold, deadline, 0.0, 0.0, t, 0.0, t
    depart, a, d = reach(p, v, i, x, y, t, j)
    if a == INF:
        return 5, x, y, t, hold, deadline, 0.0, 0.0, t, 0.0, t
    start = opening(p, v, j, a)
    if start == INF:
        return 3, x, y, t, hold, deadline, 0.0, 0.0, a, d, depart
    jx, jy = spot(p.track, p.scalar[0], j, start)
    if in_port > 0.0:
        if start > a:  # leave later rather than wait at sea
            d_late = sea_distance(p, x, y, jx, jy)
            late = start - d_late / p.vessel[v, 4]
            if late > depart and (p.vessel[v, 13] == 0.0 or not rough(p, v, x, y, late, jx, jy, start)):
                depart, d = late, d_late
        deadline = depart + p.vessel[v, 7]
    amount = level(p.track, p.scalar[0], j, 3, start) * share
    part = 1.0
    if amount > hold:
        if hold < p.vessel[v, 12] * min(amount, p.vessel[v, 5]) or amount <= 0.0:
            return 4, x, y, t, hold, deadline, 0.0, 0.0, start, d, depart
        part = hold / amount
    leave = start + service * part
    if p.track.shape[1] > 1:
        jx, jy = spot(p.track, p.scalar[0], j, leave)
    back, _, _, _ = home(p, v, j, jx, jy, leave)
    if back > p.vessel[v, 10]:
        return 2, x, y, t, hold, deadline, 0.0, 0.0, start, d, depart
    if back > deadline - p.vessel[v, 9]:
        return 1, x, y, t, hold, deadline, 0.0, 0.0, start, d, depart
    gain = level(p.track, p.scalar[0], j, 2, start) * share * part
    return 0, jx, jy, leave, hold - amount * part, deadline, gain, amount * part, start, d, depart


@njit(cache=True, nogil=True)
def best_call(
    p: Problem, v: int, i: int, x: float, y: float, t: float, deadline: float, j: int
) -> tuple[int, float, float]:
    """Port at which to unload on the way to task ``j``: port, arrival, distance; −1 if none is within reach."""
    port, when, distance, least = -1, INF, INF, INF
    for k in range(p.harbour.shape[1]):
        if p.harbour[v, k, 3] == 0.0:
            continue
        _, a, d = reach_port(p, v, i, x, y, t, k)
        if a > deadline - p.vessel[v, 9] or a > p.vessel[v, 10]:
            continue
        px, py = p.harbour[v, k, 0], p.harbour[v, k, 1]
        ready = a + p.harbour[v, k, 2]
        on = to_task(p, px, py, j, ready)
        if ready + on / p.vessel[v, 4] < least:
            least, port, when, distance = ready + on / p.vessel[v, 4], k, a, d
    return port, when, distance


@njit(cache=True, nogil=True)
def go_on(p: Problem, v: int, i: int, state: NDArray, j: int, out: NDArray) -> int:
    """Serve task ``j`` next, by way of a port where hold or endurance ask for it.

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
    calls, value, sailed, in_port = state[CALLS], state[VALUE], state[SAILED], state[IN_PORT]
    code, nx, ny, leave, room, end, gain, taken, start, d, depart = visit(p, v, i, x, y, t, hold, deadline, in_port, j)
    port = -1
    if (code == 1 or code == 4) and calls > 0.0 and in_port == 0.0:
        port, when, extra = best_call(p, v, i, x, y, t, deadline, j)
        if port < 0:
            return code
        px, py, ready = p.harbour[v, port, 0], p.harbour[v, port, 1], when + p.harbour[v, port, 2]
        code, nx, ny, leave, room, end, gain, taken, start, d, depart = visit(
            p, v, p.track.shape[0], px, py, ready, p.vessel[v, 5], ready + p.vessel[v, 7], 1.0, j
        )
        d += extra
        calls -= 1.0
    if code != 0:
        return code
    out[X], out[Y], out[LEAVE], out[HOLD_LEFT], out[DEADLINE], out[CALLS] = nx, ny, leave, room, end, calls
    out[VALUE], out[SAILED], out[START], out[TAKEN] = value + gain, sailed + d, start, taken
    out[PORT], out[DEPART], out[IN_PORT], out[GAIN] = port, depart, 0.0, gain
    return 0


@njit(cache=True, nogil=True)
def begin(p: Problem, v: int, state: NDArray) -> None:
    """Fill ``state`` with the vessel's condition at the start."""
    state[:] = 0.0
    state[X], state[Y], state[LEAVE] = p.vessel[v, 0], p.vessel[v, 1], p.vessel[v, 2]
    state[HOLD_LEFT], state[IN_PORT], state[CALLS] = p.vessel[v, 6], p.vessel[v, 3], p.vessel[v, 11]
    state[DEADLINE] = p.vessel[v, 2] + p.vessel[v, 8]
    state[PORT] = -1.0


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
    back, d, _, _ = home(p, v, route[n - 1], last[X], last[Y], last[LEAVE])
    return last[VALUE] - p.scalar[4] * (last[SAILED] + d), back
