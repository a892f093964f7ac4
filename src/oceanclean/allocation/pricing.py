"""Compiled relaxation of one vessel's route, for the bound: what could a vessel gain from a place and time on at most?

Places are the distinct tracks of the tasks (a patch and all its shares are one place), times are slots. Every time is
rounded down, legs are straight lines at the shortest they can be within a slot, endurance, holds and port calls are
left out, and a place may be visited again: whatever a vessel can do in truth, it can do here, in no more time. The
labels of :mod:`~oceanclean.allocation.labels` use it to see what is not worth following.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from oceanclean.allocation.motion import level, meeting, spot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem


#: Tasks of one place that may stand for each other.
OTHERS = 16


class Frame(NamedTuple):
    """What the relaxation knows of one vessel, whatever the prices.

    Attributes:
        first: (place) one task of each place.
        start: tasks of place a are those from ``start[a]`` to before ``start[a + 1]``.
        of: (task) its place.
        later: (task, time) most that the track's gain reaches from that time on.
        legs: (place, place, coarse slot) least times.
        ratio: slots in a coarse slot.
        starts: (place, slot) from :func:`next_starts`.
        service: (place) least time of a visit.
        slot: length of a slot.
        load: (task) most that it ever holds.
        near: (place, word) bits of the tasks that a label at the place remembers to have taken.
    """

    first: NDArray[np.int64]
    start: NDArray[np.int64]
    of: NDArray[np.int64]
    later: NDArray[np.float64]
    legs: NDArray[np.float64]
    ratio: int
    starts: NDArray[np.int32]
    service: NDArray[np.float64]
    slot: float
    load: NDArray[np.float64]
    near: NDArray[np.uint64]


class Ahead(NamedTuple):
    """What a vessel can still gain beyond the prices, at most.

    Attributes:
        best: (task, slot) by one task, visited in the slot or later.
        run: (place, slot) by visits at a place that begin in the slot, and all that follows.
        leave: (place, slot) by leaving a place for another in the slot, and all that follows.
        instead: (task, other, slot) most that is lost from then on when the other of the same place is served in its
            stead, for the first :data:`OTHERS` of the place.
    """

    best: NDArray[np.float64]
    run: NDArray[np.float64]
    leave: NDArray[np.float64]
    instead: NDArray[np.float32]


@njit(cache=True, nogil=True)
def leg_times(p: Problem, v: int, first: NDArray, coarse: float, count: int, rate: float) -> NDArray:
    """Least time from place to place for any departure within each coarse slot.

    Args:
        p: the problem, without land.
        v: vessel.
        first: (place) one task of each place.
        coarse: length of a slot.
        count: number of slots.
        rate: how fast the time of a leg can change with its departure at most.

    Returns:
        (place, place, slot); inf where the target is never met.
    """
    n = len(first)
    times = np.full((n, n, count), np.inf)
    for a in range(n):
        for b in range(n):
            if a == b:
                times[a, b] = 0.0
                continue
            before = np.inf
            for k in range(count + 1):
                t = k * coarse
                x, y = spot(p.track, p.scalar[0], first[a], t)
                when, _ = meeting(p, v, first[a], x, y, t, first[b])
                now = when - t
                if k > 0:
                    low = (
                        min(before, now) if before == np.inf or now == np.inf else 0.5 * (before + now - rate * coarse)
                    )
                    times[a, b, k - 1] = max(0.0, low)
                before = now
    return times


@njit(cache=True, nogil=True)
def next_starts(p: Problem, v: int, first: NDArray, slot: float, slots: int) -> NDArray:
    """(place, slot) first slot in which service may start from each slot on, rounded down; ``slots`` if none."""
    starts = np.full((len(first), slots + 1), slots, np.int32)
    for a in range(len(first)):
        for k in range(slots):
            for w in range(2, p.pair.shape[2], 2):
                low, high = p.pair[v, first[a], w], p.pair[v, first[a], w + 1]
                if high >= low and k * slot <= high:
                    starts[a, k] = min(slots, max(k, int(low / slot)))
                    break
    return starts


@njit(cache=True, nogil=True)
def top_gain(p: Problem, f: Frame, j: int, t: float) -> float:
    """Most that the track's gain of task ``j`` reaches from time ``t`` on."""
    last = p.track.shape[1] - 1
    if last == 0:
        return p.track[j, 0, 2]
    h = min(int(t / p.scalar[0]) + 1, last)
    return max(level(p.track, p.scalar[0], j, 2, t), f.later[j, h])


@njit(cache=True, nogil=True)
def task_values(p: Problem, v: int, f: Frame, prices: NDArray, slots: int) -> NDArray:
    """(task, slot) most that a task brings beyond its price when visited in the slot or later, at least 0."""
    best = np.zeros((p.track.shape[0], slots + 1))
    for j in range(best.shape[0]):
        if p.pair[v, j, 1] > 0.0:
            for k in range(slots + 1):
                best[j, k] = max(0.0, top_gain(p, f, j, k * f.slot) * p.pair[v, j, 1] - prices[j])
    return best


@njit(cache=True, nogil=True)
def losses(f: Frame, best: NDArray, prices: NDArray) -> NDArray:
    """Table ``instead`` of :class:`Ahead`; rounded up. Of the other no more is taken than there was room for."""
    slots, widest = best.shape[1] - 1, 1
    for a in range(len(f.first)):
        widest = max(widest, f.start[a + 1] - f.start[a])
    instead = np.zeros((best.shape[0], min(widest, OTHERS), slots + 1), np.float32)
    for j in range(best.shape[0]):
        lo = f.start[f.of[j]]
        for q in range(min(instead.shape[1], f.start[f.of[j] + 1] - lo)):
            worst = 0.0
            for k in range(slots, -1, -1):
                # within a slot, the one at its beginning against the other at its end
                end, other = min(k + 1, slots), 0.0
                if best[j, end] > 0.0:
                    other = max(0.0, min(best[lo + q, end], best[j, end] + prices[j] - prices[lo + q]))
                worst = max(worst, best[j, k] - other)
                instead[j, q, k] = worst * (1.0 + 1e-6)
    return instead


@njit(cache=True, nogil=True)
def ranked(best: NDArray, f: Frame, a: int, k: int, sums: NDArray) -> int:
    """Sums of the best visits in a row at place ``a`` from slot ``k``; how many are worth it."""
    count = 0
    for j in range(f.start[a], f.start[a + 1]):
        worth = best[j, k]
        if worth <= 0.0:
            continue
        q = count
        while q > 0 and sums[q - 1] < worth:
            sums[q] = sums[q - 1]
            q -= 1
        sums[q] = worth
        count += 1
    for q in range(1, count):
        sums[q] += sums[q - 1]
    return count


@njit(cache=True, nogil=True)
def followed(f: Frame, leave: NDArray, a: int, k: int, sums: NDArray, count: int) -> float:
    """Best number of visits in a row at place ``a`` from slot ``k``, waits included, and what may follow at most."""
    slots = f.starts.shape[1] - 1
    best, begin = 0.0, float(k)
    for q in range(count):
        s = f.starts[a, min(int(begin), slots)]
        if s >= slots:
            break
        begin = max(begin, float(s)) + f.service[a] / f.slot
        best = max(best, sums[q] + leave[a, min(int(begin), slots)])
    return best


@njit(cache=True, nogil=True)
def look_ahead(f: Frame, best: NDArray) -> tuple[NDArray, NDArray]:
    """Tables ``run`` and ``leave`` of :class:`Ahead`, from the last slot back to the first."""
    places, slots = f.starts.shape[0], f.starts.shape[1] - 1
    run, leave = np.zeros((places, slots + 1)), np.zeros((places, slots + 1))
    there = np.zeros((places, slots + 1))  # by being at a place from the slot on, waits included
    widest = 1
    for a in range(places):
        widest = max(widest, f.start[a + 1] - f.start[a])
    sums = np.zeros(widest)
    lag = np.full(f.legs.shape, slots + 1, np.int32)
    for a in range(places):
        for b in range(places):
            for c in range(f.legs.shape[2]):
                if b != a and f.legs[a, b, c] < slots * f.slot:
                    lag[a, b, c] = int(f.legs[a, b, c] / f.slot)
    for k in range(slots - 1, -1, -1):
        c = min(k // f.ratio, f.legs.shape[2] - 1)
        for a in range(places):
            if f.starts[a, k] == k:
                run[a, k] = followed(f, leave, a, k, sums, ranked(best, f, a, k, sums))
            there[a, k] = run[a, f.starts[a, k]]
        for a in range(places):
            top = leave[a, k + 1]
            for b in range(places):
                when = k + lag[a, b, c]
                if when < slots and there[b, when] > top:
                    top = there[b, when]
            leave[a, k] = top
    return run, leave


@njit(cache=True, nogil=True)
def dearest_from(f: Frame, ahead: Ahead, a: int, k: int, memory: NDArray) -> float:
    """Most that a vessel at place ``a`` in slot ``k`` can still gain when it has taken the tasks in ``memory``.

    Here it takes only what it has not taken; elsewhere the tables know nothing of what it took.
    """
    top = ahead.leave[a, k]
    if ahead.run[a, f.starts[a, k]] <= top:
        return top
    lo, hi = f.start[a], f.start[a + 1]
    worth, n = np.empty(hi - lo), 0
    for j in range(lo, hi):
        free = (memory[j >> 6] >> np.uint64(j & 63)) & np.uint64(1) == np.uint64(0)
        if free and ahead.best[j, k] > 0.0:
            worth[n] = -ahead.best[j, k]
            n += 1
    sums = -np.cumsum(np.sort(worth[:n]))
    return max(top, followed(f, ahead.leave, a, k, sums, n))


@njit(cache=True, nogil=True)
def first_slots(p: Problem, v: int, f: Frame) -> NDArray:
    """(place) slot in which a vessel can be at each place first; the number of slots where never."""
    slots = f.starts.shape[1] - 1
    soonest = np.full(len(f.first), slots, np.int64)
    for b in range(len(f.first)):
        when, _ = meeting(p, v, p.track.shape[0], p.vessel[v, 0], p.vessel[v, 1], p.vessel[v, 2], f.first[b])
        if when < slots * f.slot:
            soonest[b] = int(when / f.slot)
    return soonest


@njit(cache=True, nogil=True)
def way_through(f: Frame, ahead: Ahead, a: int, k: int, route: NDArray) -> int:
    """Write the tasks of the best way through the tables from place ``a`` in slot ``k`` on; their number."""
    slots, count, sums = f.starts.shape[1] - 1, 0, np.zeros(ahead.best.shape[0])
    k = f.starts[a, k]
    while a >= 0 and k < slots:
        number, stay, begin, then, top = ranked(ahead.best, f, a, k, sums), 0, float(k), k, 0.0
        for q in range(number):
            s = f.starts[a, min(int(begin), slots)]
            if s >= slots:
                break
            begin = max(begin, float(s)) + f.service[a] / f.slot
            left = min(int(begin), slots)
            if sums[q] + ahead.leave[a, left] > top:
                top, stay, then = sums[q] + ahead.leave[a, left], q + 1, left
        order = np.argsort(-ahead.best[f.start[a] : f.start[a + 1], k])
        for q in range(stay):
            if count < len(route):
                route[count] = f.start[a] + order[q]
                count += 1
        if stay == 0:
            break
        while then < slots and ahead.leave[a, then] > 0.0 and ahead.leave[a, then + 1] == ahead.leave[a, then]:
            then += 1
        a, k = onward(f, ahead, a, then)
    return count


@njit(cache=True, nogil=True)
def onward(f: Frame, ahead: Ahead, a: int, k: int) -> tuple[int, int]:
    """Place to which the tables lead from place ``a``, left in slot ``k``, and the slot of the first visit there."""
    slots, top, to, when = f.starts.shape[1] - 1, 0.0, -1, k
    for b in range(len(f.first)):
        reach = k * f.slot + f.legs[a, b, min(k // f.ratio, f.legs.shape[2] - 1)]
        if b != a and reach < slots * f.slot:
            s = f.starts[b, int(reach / f.slot)]
            if ahead.run[b, s] > top:
                top, to, when = ahead.run[b, s], b, s
    return to, when
