# ruff: noqa: NPY002, D417 - compiled code knows numpy's legacy generator only; grouped arguments share a line
"""Compiled simulated annealing over whole plans: tear out, put back, and keep or throw away.

After Christiaens & Vanden Berghe 2020 (SISR). Every accepted route is remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from oceanclean.allocation.motion import STATE
from oceanclean.allocation.recreate import CANDIDATES, PLACES, REMOVED, STRING, VESSELS, WIDE, insert, settle, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem


class Work(NamedTuple):
    """A plan in the making.

    Attributes:
        routes: (vessel, stop) tasks.
        counts: (vessel) stops.
        states, tails, slack: see :func:`~oceanclean.allocation.recreate.settle`.
        where: (task) its vessel, −1 if none.
    """

    routes: NDArray[np.int64]
    counts: NDArray[np.int64]
    states: NDArray[np.float64]
    tails: NDArray[np.float64]
    slack: NDArray[np.float64]
    where: NDArray[np.int64]


class Memory(NamedTuple):
    """Routes that were met.

    Attributes:
        mark: random 62-bit number of each task, then of each kind.
        pool, ends, owner, worths: the routes' tasks end to end, where each ends, its kind, its value.
        table: open hash table (slot, 2): key, index of the route.
        size: (1) number of routes kept.
    """

    mark: NDArray[np.int64]
    pool: NDArray[np.int32]
    ends: NDArray[np.int64]
    owner: NDArray[np.int16]
    worths: NDArray[np.float64]
    table: NDArray[np.int64]
    size: NDArray[np.int64]


class Scratch(NamedTuple):
    """Arrays that every step writes anew.

    Attributes:
        changed, firsts: (vessel) whether its route changed, and from which stop.
        use: (vessel) whether it takes part in the step.
        prices: (vessel) value of a unit of its time.
        torn: (task) step in which it was torn out last, or its turn came, −1 if never.
        keys, order: (task) keys and order in which tasks are tried.
        state, spare, places: of one trial.
    """

    changed: NDArray[np.bool_]
    firsts: NDArray[np.int64]
    use: NDArray[np.bool_]
    prices: NDArray[np.float64]
    torn: NDArray[np.int64]
    keys: NDArray[np.float64]
    order: NDArray[np.int64]
    state: NDArray[np.float64]
    spare: NDArray[np.int64]
    places: NDArray[np.float64]


@njit(cache=True, nogil=True)
def ruin(
    seed_task: int,
    near: NDArray,
    routes: NDArray,
    counts: NDArray,
    where: NDArray,
    changed: NDArray,
    firsts: NDArray,
    torn: NDArray,
    step: int,
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
            where[routes[v, k]], torn[routes[v, k]] = -1, step
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
def remember(kind: int, route: NDArray, n: int, value: float, m: Memory) -> None:
    """Keep a route, once for each vessel kind and set of tasks unless its value has improved.

    Args:
        kind: vessel kind.
        route, n, value: the route.
        m: what is remembered.
    """
    if n == 0 or m.size[0] >= len(m.owner):
        return
    start = m.ends[m.size[0] - 1] if m.size[0] > 0 else 0
    if start + n > len(m.pool):
        return
    key = m.mark[len(m.mark) - 1 - kind]
    for k in range(n):
        key ^= m.mark[route[k]]
    slot = key % len(m.table)
    while m.table[slot, 0] != 0:
        if m.table[slot, 0] == key:
            if value <= m.worths[m.table[slot, 1]] + 1e-9 * abs(value):
                return
            break
        slot = (slot + 1) % len(m.table)
    m.table[slot, 0], m.table[slot, 1] = key, m.size[0]
    for k in range(n):
        m.pool[start + k] = route[k]
    m.ends[m.size[0]], m.owner[m.size[0]], m.worths[m.size[0]] = start + n, kind, value
    m.size[0] += 1


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
def take_over(to: Work, plan: Work, changed: NDArray) -> None:
    """Copy the changed vessels of a plan, and where its tasks are."""
    for v in range(len(changed)):
        if changed[v]:
            q = plan.counts[v]
            to.counts[v] = q
            to.routes[v, :q], to.tails[v] = plan.routes[v, :q], plan.tails[v]
            to.states[v, : q + 1], to.slack[v, : q + 1] = plan.states[v, : q + 1], plan.slack[v, : q + 1]
    to.where[:] = plan.where


@njit(cache=True, nogil=True)
def tear_out(p: Problem, seed_task: int, near: NDArray, now: Work, s: Scratch, step: int, knob: NDArray) -> None:
    """Take strings of stops round a task out of the plan, and what does not fit without them."""
    s.changed[:] = False
    ruin(seed_task, near, now.routes, now.counts, now.where, s.changed, s.firsts, s.torn, step, knob)
    m = len(now.counts)
    for v in range(m):
        if s.changed[v]:
            gone = settle(p, v, now.routes, now.counts, now.states, now.tails, now.slack, s.firsts[v])
            for k in range(gone):
                gone_task = now.routes[v, now.counts[v] + k]
                now.where[gone_task], s.torn[gone_task] = -1, step
    if m > knob[VESSELS]:
        for v in range(m):
            s.use[v] = s.changed[v] or np.random.random() < 0.5 * knob[VESSELS] / m


@njit(cache=True, nogil=True)
def put_back(
    p: Problem, seed_task: int, near: NDArray, chain: NDArray, now: Work, s: Scratch, step: int, knob: NDArray
) -> None:
    """Try tasks one after the other; when a share is served, the next poorer of its patch is tried too.

    A task that found no place in an unchanged route before finds none now: but for one step in ``1 / WIDE`` only the
    routes of this step's changes are tried, unless the task was torn out in it or its turn has come in it.
    """
    n, wide = len(now.where), np.random.random() < knob[WIDE]
    count = line_up(p, seed_task, near, now.where, chain, int(knob[CANDIDATES]), s.keys, s.order)
    s.order[:count] = s.order[np.argsort(s.keys[:count])]
    r = 0
    while r < count:
        c = s.order[r]
        among = s.use if wide or s.torn[c] == step else s.changed
        v = insert(p, c, among, s.prices, now.routes, now.counts, now.states, now.tails, now.slack, knob, s.places,
                   s.state)  # fmt: skip
        if v >= 0:
            now.where[c], s.changed[v] = v, True
            if chain[c, 1] >= 0 and now.where[chain[c, 1]] < 0 and count < n:
                s.order[count], s.torn[chain[c, 1]] = chain[c, 1], step
                count += 1
        r += 1


@njit(cache=True, nogil=True)
def begun(p: Problem, routes: NDArray, counts: NDArray) -> Work:
    """A plan from its routes."""
    m, width = len(counts), routes.shape[1]
    now = Work(
        routes, counts, np.zeros((m, width + 1, STATE)), np.zeros((m, 4)), np.zeros((m, width + 1)),
        np.full(p.track.shape[0], -1, np.int64),
    )  # fmt: skip
    for v in range(m):
        settle(p, v, routes, counts, now.states, now.tails, now.slack, 0)
        for k in range(counts[v]):
            now.where[routes[v, k]] = v
    return now


@njit(cache=True, nogil=True)
def anneal(
    p: Problem, kinds: NDArray, near: NDArray, chain: NDArray, knob: NDArray, routes: NDArray, counts: NDArray,
    seed: int, iterations: int, hot: float, cold: float, memory: Memory,
) -> tuple[float, NDArray, NDArray]:  # fmt: skip
    """Search from a given plan.

    Args:
        p: the problem.
        kinds: (vessel) kind: vessels of one kind are alike in everything.
        near: (task, neighbour) tasks by distance, each its own first.
        chain: (task, 2) the next better and the next poorer share of the same patch, −1 if none.
        knob: (:data:`~oceanclean.allocation.recreate.KNOBS`).
        routes: (vessel, stop) tasks, changed in place to the last accepted plan.
        counts: (vessel) stops, changed in place.
        seed: of the random numbers.
        iterations: number of ruin-and-recreate steps.
        hot, cold: temperature at the first and the last step, in the value's units.
        memory: accepted routes are remembered there.

    Returns:
        Best value and its routes and counts.
    """
    np.random.seed(seed)
    n, m, width = p.track.shape[0], len(counts), routes.shape[1]
    now = begun(p, routes, counts)
    kept = Work(routes.copy(), counts.copy(), now.states.copy(), now.tails.copy(), now.slack.copy(), now.where.copy())
    current = now.tails[:, 0].sum()
    best_value, best, best_counts = current, routes.copy(), counts.copy()
    s = Scratch(
        np.zeros(m, np.bool_), np.zeros(m, np.int64), np.ones(m, np.bool_), np.zeros(m), np.full(n, -1, np.int64),
        np.empty(n), np.empty(n + 1, np.int64), np.zeros(STATE), np.zeros(width, np.int64),
        np.zeros((int(knob[PLACES]), 3)),
    )  # fmt: skip
    rates = worth_of_time(p, kinds, now.tails)
    for step in range(iterations):
        seed_task = np.random.randint(0, n)
        tear_out(p, seed_task, near, now, s, step, knob)
        s.prices[:] = (0.5 + np.random.random()) * rates
        put_back(p, seed_task, near, chain, now, s, step, knob)
        value = now.tails[:, 0].sum()
        if value >= current and np.random.random() < 0.1:
            for v in range(m):
                if s.changed[v]:
                    shorten(p, v, now.routes, now.counts, now.states, now.tails, now.slack, s.spare)
            value = now.tails[:, 0].sum()
        heat = hot * (cold / hot) ** (step / max(1, iterations))
        if value - current <= heat * np.log(max(np.random.random(), 1e-300)):
            take_over(now, kept, s.changed)
            continue
        current = value
        rates = worth_of_time(p, kinds, now.tails)
        for v in range(m):
            if s.changed[v]:
                remember(kinds[v], now.routes[v], now.counts[v], now.tails[v, 0], memory)
        take_over(kept, now, s.changed)
        if value > best_value:
            best_value = value
            best[:], best_counts[:] = now.routes, now.counts
    return best_value, best, best_counts
