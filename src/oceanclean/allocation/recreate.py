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
    LEAVE,
    SAILED,
    START,
    STATE,
    VALUE,
    X,
    Y,
    follow,
    go_on,
    home,
    level,
    sea_distance,
    spot,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem


#: Entries of ``knob``.
REMOVED, STRING, BLINK, CANDIDATES, STRICT, PLACES, VESSELS = range(7)
KNOBS = 7


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
    back, d, _, _ = home(p, v, route[n - 1], last[X], last[Y], last[LEAVE])
    if last[5] == 0.0:  # no port call left: the endurance binds as well
        limit = min(limit, last[DEADLINE] - p.vessel[v, 9])
    tail[0] = last[VALUE] - p.scalar[4] * (last[SAILED] + d)
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
    strict, places, windows = knob[STRICT] > 0.0, best.shape[0], p.pair.shape[2]
    gain, cx, cy = track[c, 0, 2], track[c, 0, 0], track[c, 0, 1]
    end_x, end_y = p.harbour[v, 0, 0], p.harbour[v, 0, 1]
    latest = -np.inf
    for w in range(3, windows, 2):
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
        wait = 0.0
        for w in range(2, windows, 2):
            if arrive <= p.pair[v, c, w + 1]:
                wait = p.pair[v, c, w] - arrive
                break
            wait = np.inf
        if wait == np.inf:
            continue
        wait = max(wait, 0.0)
        if strict and service + wait > slack[k] + 1e-9:
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
        if gain * share <= p.scalar[4] * (go + on - old):
            continue
        if score > best[places - 1, 0]:
            q = places - 1
            while q > 0 and score > best[q - 1, 0]:
                best[q] = best[q - 1]
                q -= 1
            best[q, 0], best[q, 1], best[q, 2] = score, v, k


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
    _, d, _, _ = home(p, v, last, scratch[X], scratch[Y], scratch[LEAVE])
    return scratch[VALUE] - p.scalar[4] * (scratch[SAILED] + d)


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
        if try_at(p, v, k, c, routes, counts, states, scratch) <= tails[v, 0]:
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
                    new += home(p, v, routes[v, a], x1, y1, states[v, a + 1, LEAVE])[1]
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


@njit(cache=True, nogil=True)
def ruin(
    seed_task: int,
    near: NDArray,
    routes: NDArray,
    counts: NDArray,
    where: NDArray,
    changed: NDArray,
    firsts: NDArray,
    knob: NDArray,
) -> None:
    """Tear out strings of stops around a task; ``changed`` and ``firsts`` say which routes and from which stop."""
    wanted = 1 + np.random.randint(0, 2 * int(knob[REMOVED]))
    removed = 0
    for q in range(near.shape[1]):
        c = near[seed_task, q]
        v = where[c]
        if v < 0 or changed[v]:
            continue
        n = counts[v]
        length = min(n, 1 + np.random.randint(0, int(knob[STRING])))
        at = 0
        while routes[v, at] != c:
            at += 1
        low = min(max(0, at - np.random.randint(0, length)), n - length)
        for k in range(low, low + length):
            where[routes[v, k]] = -1
        for k in range(low + length, n):
            routes[v, k - length] = routes[v, k]
        counts[v] = n - length
        changed[v], firsts[v] = True, low
        removed += length
        if removed >= wanted:
            break


@njit(cache=True, nogil=True)
def line_up(
    p: Problem, seed_task: int, near: NDArray, where: NDArray, chain: NDArray, limit: int, keys: NDArray, order: NDArray
) -> int:
    """Unserved tasks in the order in which they are tried: one of five random-weighted orders.

    A task waits until the better one of its chain is served: of two shares of a patch nobody takes the poorer first.

    Returns:
        Number of tasks in ``order``.
    """
    mode, count = np.random.randint(0, 5), 0
    sx, sy = p.track[seed_task, 0, 0], p.track[seed_task, 0, 1]
    for q in range(near.shape[1]):
        c = near[seed_task, q]
        if where[c] >= 0 or (chain[c, 0] >= 0 and where[chain[c, 0]] < 0):
            continue
        gain = p.track[c, 0, 2]
        if mode == 0:
            key = np.random.random()
        elif mode == 1:
            key = -gain * (0.7 + 0.6 * np.random.random())
        elif mode == 2:
            key = -gain
        elif mode == 3:
            d = np.sqrt((p.track[c, 0, 0] - sx) ** 2 + (p.track[c, 0, 1] - sy) ** 2)
            key = d * (0.5 + np.random.random()) / (gain + 1e-9)
        else:
            key = p.pair[0, c, 3] * (0.5 + np.random.random())
        keys[count], order[count] = key, c
        count += 1
        if count == limit:
            break
    return count


@njit(cache=True, nogil=True)
def remember(
    kind: int,
    route: NDArray,
    n: int,
    value: float,
    mark: NDArray,
    pool: NDArray,
    ends: NDArray,
    owner: NDArray,
    worths: NDArray,
    table: NDArray,
    size: NDArray,
) -> None:
    """Keep a route, once for each vessel kind and set of tasks unless its value has improved.

    Args:
        kind: vessel kind.
        route, n, value: the route.
        mark: random 62-bit number of each task, then of each kind.
        pool, ends, owner, worths: the routes' tasks end to end, where each ends, its kind, its value.
        table: open hash table (slot, 2): key, index of the route.
        size: (1) number of routes kept.
    """
    if n == 0 or size[0] >= len(owner):
        return
    start = ends[size[0] - 1] if size[0] > 0 else 0
    if start + n > len(pool):
        return
    key = mark[len(mark) - 1 - kind]
    for k in range(n):
        key ^= mark[route[k]]
    slot = key % len(table)
    while table[slot, 0] != 0:
        if table[slot, 0] == key:
            if value <= worths[table[slot, 1]] + 1e-9 * abs(value):
                return
            break
        slot = (slot + 1) % len(table)
    table[slot, 0], table[slot, 1] = key, size[0]
    for k in range(n):
        pool[start + k] = route[k]
    ends[size[0]], owner[size[0]], worths[size[0]] = start + n, kind, value
    size[0] += 1


@njit(cache=True, nogil=True)
def worth_of_time(p: Problem, kinds: NDArray, tails: NDArray) -> NDArray:
    """(vessel) value that a unit of its time brings now, the mean over vessels of its kind."""
    m = len(kinds)
    total, span = np.zeros(m), np.zeros(m)
    for v in range(m):
        total[kinds[v]] += tails[v, 0]
        span[kinds[v]] += p.vessel[v, 10] - p.vessel[v, 2]
    rates = np.zeros(m)
    for v in range(m):
        rates[v] = max(total[kinds[v]], 0.0) / max(span[kinds[v]], 1e-12)
    return rates


@njit(cache=True, nogil=True)
def anneal(  # noqa: C901 - one loop over the state that it owns
    p: Problem,
    kinds: NDArray,
    near: NDArray,
    chain: NDArray,
    knob: NDArray,
    routes: NDArray,
    counts: NDArray,
    seed: int,
    iterations: int,
    hot: float,
    cold: float,
    top: float,
    mark: NDArray,
    pool: NDArray,
    ends: NDArray,
    owner: NDArray,
    worths: NDArray,
    table: NDArray,
    size: NDArray,
) -> tuple[float, NDArray, NDArray]:
    """Search from a given plan.

    Args:
        p: the problem.
        kinds: (vessel) kind: vessels of one kind are alike in everything.
        near: (task, neighbour) tasks by distance, each its own first.
        chain: (task, 2) the next better and the next poorer share of the same patch, −1 if none.
        knob: (:data:`KNOBS`).
        routes: (vessel, stop) tasks, changed in place to the last accepted plan.
        counts: (vessel) stops, changed in place.
        seed: of the random numbers.
        iterations: number of ruin-and-recreate steps.
        hot, cold: temperature at the first and the last step, in the value's units.
        top: value of the best plan so far; a better one is written to ``best``.
        mark, pool, ends, owner, worths, table, size: see :func:`remember`.

    Returns:
        Best value and its routes and counts (those given if none was better).
    """
    np.random.seed(seed)
    n, m, width = p.track.shape[0], len(counts), routes.shape[1]
    states, kept_states = np.zeros((m, width + 1, STATE)), np.zeros((m, width + 1, STATE))
    tails, slack = np.zeros((m, 4)), np.zeros((m, width + 1))
    kept_tails, kept_slack = tails.copy(), slack.copy()
    where = np.full(n, -1, np.int64)
    for v in range(m):
        settle(p, v, routes, counts, states, tails, slack, 0)
        for k in range(counts[v]):
            where[routes[v, k]] = v
    kept, kept_counts, kept_where = routes.copy(), counts.copy(), where.copy()
    kept_states[:], kept_tails[:], kept_slack[:] = states, tails, slack
    current = tails[:, 0].sum()
    best_value, best, best_counts = max(top, current), routes.copy(), counts.copy()
    changed, firsts, use = np.zeros(m, np.bool_), np.zeros(m, np.int64), np.ones(m, np.bool_)
    keys, order = np.empty(n), np.empty(n + 1, np.int64)
    scratch, spare, places = np.zeros(STATE), np.zeros(width, np.int64), np.zeros((int(knob[PLACES]), 3))
    rates, prices = worth_of_time(p, kinds, tails), np.zeros(m)
    for step in range(iterations):
        seed_task = np.random.randint(0, n)
        changed[:] = False
        ruin(seed_task, near, routes, counts, where, changed, firsts, knob)
        for v in range(m):
            if changed[v]:
                gone = settle(p, v, routes, counts, states, tails, slack, firsts[v])
                for k in range(gone):
                    where[routes[v, counts[v] + k]] = -1
        if m > knob[VESSELS]:
            for v in range(m):
                use[v] = changed[v] or np.random.random() < 0.5 * knob[VESSELS] / m
        prices[:] = (0.5 + np.random.random()) * rates
        count = line_up(p, seed_task, near, where, chain, int(knob[CANDIDATES]), keys, order)
        order[:count] = order[np.argsort(keys[:count])]
        r = 0
        while r < count:
            c = order[r]
            v = insert(p, c, use, prices, routes, counts, states, tails, slack, knob, places, scratch)
            if v >= 0:
                where[c], changed[v] = v, True
                if chain[c, 1] >= 0 and where[chain[c, 1]] < 0 and count < n:
                    order[count] = chain[c, 1]
                    count += 1
            r += 1
        value = tails[:, 0].sum()
        if value >= current and np.random.random() < 0.1:
            for v in range(m):
                if changed[v]:
                    shorten(p, v, routes, counts, states, tails, slack, spare)
            value = tails[:, 0].sum()
        heat = hot * (cold / hot) ** (step / max(1, iterations))
        if value - current > heat * np.log(max(np.random.random(), 1e-300)):
            current = value
            rates = worth_of_time(p, kinds, tails)
            for v in range(m):
                if not changed[v]:
                    continue
                remember(kinds[v], routes[v], counts[v], tails[v, 0], mark, pool, ends, owner, worths, table, size)
                q = counts[v]
                kept[v, :q], kept_counts[v], kept_tails[v] = routes[v, :q], q, tails[v]
                kept_states[v, : q + 1], kept_slack[v, : q + 1] = states[v, : q + 1], slack[v, : q + 1]
            kept_where[:] = where
            if value > best_value:
                best_value = value
                best[:], best_counts[:] = routes, counts
        else:
            for v in range(m):
                if not changed[v]:
                    continue
                q = kept_counts[v]
                routes[v, :q], counts[v], tails[v] = kept[v, :q], q, kept_tails[v]
                states[v, : q + 1], slack[v, : q + 1] = kept_states[v, : q + 1], kept_slack[v, : q + 1]
            where[:] = kept_where
    return best_value, best, best_counts
