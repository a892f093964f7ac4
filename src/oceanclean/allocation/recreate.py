# ruff: noqa: NPY002, D417 - compiled code knows numpy's legacy generator only; grouped arguments share a line
"""Compiled ruin-and-recreate over routes with exact meetings (after Christiaens & Vanden Berghe 2020, SISR).

Strings of neighbouring stops are torn out, tasks are put back where they cost least time, and the result is kept or
thrown away by simulated annealing. An estimate of the detour ranks the places for a task; only the law of motion
(:mod:`~oceanclean.allocation.motion`) decides whether it fits. Every accepted route is remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from oceanclean.allocation.motion import (
    DEADLINE,
    DUTY,
    LEAVE,
    SAILED,
    START,
    VALUE,
    X,
    Y,
    follow,
    go_on,
    home,
    level,
    opening,
    spot,
)
from oceanclean.allocation.passage import sea_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem


#: Entries of ``knob``.
REMOVED, STRING, BLINK, CANDIDATES, STRICT, PLACES, VESSELS, WIDE = range(8)
KNOBS = 8
#: Value of ``STRICT`` where the estimate of what fits needs no trial: nothing but windows and the end limits a route.
SURE = 2.0


@njit(cache=True, nogil=True)
def finish(p: Problem, v: int, route: NDArray, n: int, states: NDArray, tail: NDArray) -> None:
    """Fill ``tail``: net value, arrival at the end, distance of the last leg, slack of the end."""
    tail[:] = 0.0
    tail[1] = p.vessel[v, 2]
    limit = p.vessel[v, 10]
    if n == 0:
        tail[3] = limit - p.vessel[v, 2]
        return
    last = states[n]
    back, d, _, _, _ = home(p, v, route[n - 1], last[X], last[Y], last[LEAVE], last[DUTY])
    if last[5] == 0.0:  # no port call left: the endurance binds as well
        limit = min(limit, last[DEADLINE] - p.vessel[v, 9])
    tail[0] = last[VALUE] - (p.scalar[4] + p.vessel[v, 23]) * (last[SAILED] + d)
    tail[1], tail[2], tail[3] = back, d, limit - back


@njit(cache=True, nogil=True)
def slacks(p: Problem, v: int, route: NDArray, n: int, states: NDArray, tail: NDArray, slack: NDArray) -> None:
    """Delay that stop k and all after it can take, estimated backwards; entry n belongs to the end."""
    slack[n] = tail[3]
    speed = p.vessel[v, 4]
    for k in range(n - 1, -1, -1):
        sail = (states[k + 1, SAILED] - states[k, SAILED]) / speed
        wait = max(0.0, states[k + 1, START] - states[k, LEAVE] - sail)
        room = wait + slack[k + 1]
        for w in range(2, p.pair.shape[2], 2):  # a delay past the present window counts as too much
            if states[k + 1, START] <= p.pair[v, route[k], w + 1]:
                room = min(room, p.pair[v, route[k], w + 1] - states[k + 1, START] + wait)
                break
        slack[k] = room


@njit(cache=True, nogil=True)
def settle(
    p: Problem,
    v: int,
    routes: NDArray,
    counts: NDArray,
    states: NDArray,
    tails: NDArray,
    slack: NDArray,
    first: int,
) -> int:
    """Bring a changed route's states, end and slacks up to date; stops that no longer fit are taken out.

    Returns:
        Number of stops taken out (their tasks stand behind the route's end in ``routes``).
    """
    dropped = 0
    n = counts[v]
    code, done = follow(p, v, routes[v], n, first, states[v])
    while code != 0:
        gone = routes[v, done]
        for k in range(done, n - 1):
            routes[v, k] = routes[v, k + 1]
        n -= 1
        routes[v, n] = gone
        dropped += 1
        code, done = follow(p, v, routes[v], n, done, states[v])
    counts[v] = n
    finish(p, v, routes[v], n, states[v], tails[v])
    slacks(p, v, routes[v], n, states[v], tails[v], slack[v])
    return dropped


@njit(cache=True, nogil=True)
def overlooked(chance: float) -> int:
    """Number of places until the next that is overlooked."""
    if chance <= 0.0:
        return 1 << 30
    return int(min(np.log(max(np.random.random(), 1e-300)) / np.log(1.0 - chance), 1e9))


@njit(cache=True, nogil=True)
def put_in(best: NDArray, score: float, v: int, k: int) -> None:
    """Enter a place into the list of the best, of which the last drops out."""
    q = best.shape[0] - 1
    while q > 0 and score > best[q - 1, 0]:
        best[q] = best[q - 1]
        q -= 1
    best[q, 0], best[q, 1], best[q, 2] = score, v, k


@njit(cache=True, nogil=True)
def rank_places(  # noqa: C901 - the hottest loop stays in one piece
    p: Problem,
    v: int,
    c: int,
    n: int,
    states: NDArray,
    tail: NDArray,
    slack: NDArray,
    price: float,
    knob: NDArray,
    best: NDArray,
) -> None:
    """Rank the places for task ``c`` in vessel ``v``'s route by estimated gain less the price of the time it costs.

    The estimate takes stops where they are met now and the task where it is when the vessel leaves the stop before;
    places that the slack rules out are passed over.

    Args:
        p: the problem.
        v: vessel.
        c: task.
        n: stops of the route.
        states, tail, slack: the route's, see :func:`settle`.
        price: value of a unit of time.
        knob: (:data:`KNOBS`).
        best: (place, 3) score, vessel and stop, best first; better ones are put in.
    """
    track, land, still = p.track, p.scalar[5] != 0.0, p.track.shape[1] == 1
    speed, service, share, step = p.vessel[v, 4], p.pair[v, c, 0], p.pair[v, c, 1], p.scalar[0]
    strict = knob[STRICT] > 0.0
    gain, cx, cy = track[c, 0, 2], track[c, 0, 0], track[c, 0, 1]
    end_x, end_y = p.harbour[v, 0, 0], p.harbour[v, 0, 1]
    latest = -np.inf
    for w in range(3, p.pair.shape[2], 2):
        latest = max(latest, p.pair[v, c, w])
    blink = overlooked(knob[BLINK])
    for k in range(n + 1):
        if k == blink:
            blink = k + 1 + overlooked(knob[BLINK])
            continue
        sx, sy, t = states[k, X], states[k, Y], states[k, LEAVE]
        if t > latest:
            break
        if strict and service > slack[k]:
            continue
        if not still:
            cx, cy = spot(track, step, c, t)
        go = sea_distance(p, sx, sy, cx, cy) if land else np.sqrt((sx - cx) ** 2 + (sy - cy) ** 2)
        arrive = t + go / speed
        wait = opening(p, v, c, arrive) - arrive
        if wait == np.inf or (strict and service + wait > slack[k] + 1e-9):
            continue
        if k < n:
            nx, ny, old = states[k + 1, X], states[k + 1, Y], states[k + 1, SAILED] - states[k, SAILED]
        else:
            nx, ny, old = end_x, end_y, tail[2]
        on = sea_distance(p, cx, cy, nx, ny) if land else np.sqrt((nx - cx) ** 2 + (ny - cy) ** 2)
        shift = (go + on - old) / speed + service + wait
        if shift > slack[k] + (1e-9 if strict else 0.1 * (go + on) / speed):
            continue
        if not still:
            gain = level(track, step, c, 2, arrive + wait)
        score = gain * share - price * shift
        if gain * share - p.vessel[v, 24] * service <= (p.scalar[4] + p.vessel[v, 23]) * (go + on - old):
            continue
        if score > best[-1, 0]:
            put_in(best, score, v, k)


@njit(cache=True, nogil=True)
def try_at(
    p: Problem, v: int, k: int, c: int, routes: NDArray, counts: NDArray, states: NDArray, scratch: NDArray
) -> float:
    """Exact value of the route with task ``c`` before stop ``k``; −inf if it breaks a limit."""
    n = counts[v]
    before = routes[v, k - 1] if k > 0 else p.track.shape[0]
    if go_on(p, v, before, states[v, k], c, scratch) != 0:
        return -np.inf
    last = c
    for q in range(k, n):
        if go_on(p, v, last, scratch, routes[v, q], scratch) != 0:
            return -np.inf
        last = routes[v, q]
    _, d, _, _, _ = home(p, v, last, scratch[X], scratch[Y], scratch[LEAVE], scratch[DUTY])
    return scratch[VALUE] - (p.scalar[4] + p.vessel[v, 23]) * (scratch[SAILED] + d)


@njit(cache=True, nogil=True)
def insert(
    p: Problem,
    c: int,
    use: NDArray,
    prices: NDArray,
    routes: NDArray,
    counts: NDArray,
    states: NDArray,
    tails: NDArray,
    slack: NDArray,
    knob: NDArray,
    best: NDArray,
    scratch: NDArray,
) -> int:
    """Put task ``c`` where the estimate likes it best and the law of motion allows it.

    Returns:
        The vessel, or −1 if it fits nowhere.
    """
    places = best.shape[0]
    best[:, 0] = -np.inf
    for v in range(counts.shape[0]):
        if use[v] and p.pair[v, c, 1] > 0.0 and counts[v] + 2 <= routes.shape[1]:
            rank_places(p, v, c, counts[v], states[v], tails[v], slack[v], prices[v], knob, best)
    for q in range(places):
        if best[q, 0] == -np.inf:
            return -1
        v, k = int(best[q, 1]), int(best[q, 2])
        if knob[STRICT] < SURE and try_at(p, v, k, c, routes, counts, states, scratch) <= tails[v, 0]:
            continue
        for a in range(counts[v], k, -1):
            routes[v, a] = routes[v, a - 1]
        routes[v, k] = c
        counts[v] += 1
        settle(p, v, routes, counts, states, tails, slack, k)
        return v
    return -1


@njit(cache=True, nogil=True)
def shorten(
    p: Problem,
    v: int,
    routes: NDArray,
    counts: NDArray,
    states: NDArray,
    tails: NDArray,
    slack: NDArray,
    spare: NDArray,
) -> None:
    """Reverse parts of a route as long as that brings it home earlier or raises its value."""
    n = counts[v]
    improved = True
    while improved:
        improved = False
        for a in range(n - 1):
            for b in range(a + 1, n):
                x0, y0 = states[v, a, X], states[v, a, Y]
                x1, y1, x2, y2 = states[v, a + 1, X], states[v, a + 1, Y], states[v, b + 1, X], states[v, b + 1, Y]
                new = sea_distance(p, x0, y0, x2, y2)
                old = sea_distance(p, x0, y0, x1, y1)
                if b + 1 < n:
                    x3, y3 = states[v, b + 2, X], states[v, b + 2, Y]
                    new += sea_distance(p, x1, y1, x3, y3)
                    old += sea_distance(p, x2, y2, x3, y3)
                else:
                    old += tails[v, 2]
                    new += home(p, v, routes[v, a], x1, y1, states[v, a + 1, LEAVE], states[v, n, DUTY])[1]
                if new >= old * (1.0 - 1e-9) - 1e-12:
                    continue
                spare[:n] = routes[v, :n]
                value, back = tails[v, 0], tails[v, 1]
                for q in range(a, b + 1):
                    routes[v, q] = spare[a + b - q]
                code, _ = follow(p, v, routes[v], n, a, states[v])
                if code == 0:
                    finish(p, v, routes[v], n, states[v], tails[v])
                    better = tails[v, 0] > value + 1e-12 or (tails[v, 0] >= value - 1e-12 and tails[v, 1] < back)
                if code == 0 and better:
                    improved = True
                    continue
                routes[v, :n] = spare[:n]
                follow(p, v, routes[v], n, a, states[v])
                finish(p, v, routes[v], n, states[v], tails[v])
    slacks(p, v, routes[v], n, states[v], tails[v], slack[v])
