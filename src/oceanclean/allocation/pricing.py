# ruff: noqa: D417 - arguments that belong together are described on one line
"""Compiled relaxation of one vessel's route, for the bound: what could a vessel gain at given prices at most?

Places are the distinct tracks of the tasks (a patch and all its shares are one place), times are slots. Every time is
rounded down, legs are straight lines at the shortest they can be within a slot, endurance, holds and port calls are
left out, and a place may be visited again: whatever a vessel can do in truth, it can do here, in no more time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from oceanclean.allocation.motion import meeting, spot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem

#: Visits in a row to one place that are told apart.
RUN = 12


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
def ranked(
    gain: NDArray, price: NDArray, member: NDArray, start: NDArray, a: int, k: int, sums: NDArray, picks: NDArray
) -> int:
    """Sums and tasks of the best visits in a row at place ``a`` in slot ``k``; how many are worth it."""
    lo, hi = start[a], start[a + 1]
    worth = np.empty(hi - lo)
    for q in range(lo, hi):
        worth[q - lo] = gain[member[q], k] - price[member[q]]
    order = np.argsort(-worth)
    total, count = 0.0, 0
    for q in range(min(len(order), RUN)):
        if worth[order[q]] <= 0.0:
            break
        total += worth[order[q]]
        sums[q], picks[q] = total, member[lo + order[q]]
        count += 1
    return count


@njit(cache=True, nogil=True)
def dearest_route(  # noqa: C901 - one sweep over the slots
    gain: NDArray, price: NDArray, member: NDArray, start: NDArray, legs: NDArray, ratio: int, out: NDArray,
    starts: NDArray, service: NDArray, last: NDArray, slot: float, used: NDArray,
) -> float:  # fmt: skip
    """Most that a vessel can gain over the prices, and how often each task is on the way.

    Args:
        gain: (task, slot) most that a visit beginning in the slot, or soon after, can bring.
        price: (task).
        member, start: tasks of place a are ``member[start[a]:start[a + 1]]``.
        legs: (place, place, coarse slot) least times.
        ratio: slots in a coarse slot.
        out: (place) earliest arrival from the vessel's own place.
        starts: (place, slot) from :func:`next_starts`.
        service: (place) least time of a visit.
        last: (place) latest time of leaving a place so as to be back in time.
        slot: length of a slot.
        used: (task) filled with the number of visits on the best route.

    Returns:
        The gain, 0 for staying.
    """
    places, slots = starts.shape[0], starts.shape[1] - 1
    free = np.full((places, slots + 1), -np.inf)
    busy = np.full((places, slots + 1), -np.inf)
    came = np.full((places, slots + 1, 2), -1, np.int32)  # start: place before, slot of leaving it
    done = np.full((places, slots + 1, 2), -1, np.int32)  # leaving: slot of start, visits
    sums, picks = np.zeros(RUN), np.zeros(RUN, np.int64)
    for a in range(places):
        if out[a] < slots * slot:
            k = starts[a, int(out[a] / slot)]
            if k < slots:
                busy[a, k] = 0.0
    best, best_a, best_k = 0.0, -1, -1
    for k in range(slots):
        for a in range(places):
            if k > 0 and free[a, k - 1] > free[a, k]:
                free[a, k] = free[a, k - 1]
                done[a, k, 0], done[a, k, 1] = k - 1, 0
            here = free[a, k]
            if here == -np.inf:
                continue
            for b in range(places):
                reach = k * slot + legs[a, b, k // ratio]
                if reach >= slots * slot:
                    continue
                s = starts[b, int(reach / slot)]
                if s < slots and here > busy[b, s]:
                    busy[b, s] = here
                    came[b, s, 0], came[b, s, 1] = a, k
        for a in range(places):
            if busy[a, k] == -np.inf:
                continue
            count = ranked(gain, price, member, start, a, k, sums, picks)
            for q in range(count):
                begin = k * slot + q * service[a]
                if begin >= slots * slot or starts[a, int(begin / slot)] != int(begin / slot):
                    break
                leave = k * slot + (q + 1) * service[a]
                if leave > last[a]:
                    break
                e = min(slots, int(leave / slot))
                value = busy[a, k] + sums[q]
                if value > free[a, e]:
                    free[a, e] = value
                    done[a, e, 0], done[a, e, 1] = k, q + 1
                if value > best:
                    best, best_a, best_k = value, a, e
    used[:] = 0.0
    a, k = best_a, best_k
    while a >= 0:
        while done[a, k, 1] == 0:
            k = done[a, k, 0]
        s, visits = done[a, k, 0], done[a, k, 1]
        ranked(gain, price, member, start, a, s, sums, picks)
        for q in range(visits):
            used[picks[q]] += 1.0
        a, k = came[a, s, 0], came[a, s, 1]
    return best
