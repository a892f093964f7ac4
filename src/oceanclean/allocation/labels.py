# ruff: noqa: D417 - arguments that belong together are described on one line
"""Compiled label setting: the most that one vessel can gain at given prices of the tasks, with exact meetings.

A label is a vessel's condition at the end of a visit. The relaxation makes dominance exact: a gain counts as the
largest that a visit brings from then on, legs are straight, the sea is calm. An earlier label can then do whatever a
later one can. Where it has already taken tasks that the later one has not, it skips them or serves others of the same
place instead, and loses at most the difference beyond the prices. Holds stand in the prices too: what is taken beyond
the room of all trips is paid for (Lagrangian relaxation), a port call is credited with the room that it makes. So one
label may stand for many sets of tasks (the compensated dominance is in the spirit of state-space relaxation with
bounds, Righini & Salani 2008, Networks 51(3), 155-170).

A label remembers only the tasks taken in the neighbourhood of where it is; a route may take a task twice if it has been
far away in between (ng-routes, Baldacci, Mingozzi & Roberti 2011, Operations Research 59(5), 1269-1283). That is a
relaxation too: the bound stays proven. Where the packing's linear relaxation uses such a route, the neighbourhoods on
its way grow (decremental state-space relaxation).

Labels that cannot beat a known value even by the coarser relaxation of :mod:`~oceanclean.allocation.pricing` are cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from oceanclean.allocation.motion import level, meeting, opening, spot
from oceanclean.allocation.pricing import Ahead, Frame, dearest_from, top_gain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.problem import Problem

#: A trip from port ends, for the bound, at a full multiple of this part of the horizon: fewer kinds of labels.
DEADLINE_STEPS = 96
#: Spans of time in which the labels of a place are kept apart, so that few are compared.
SPANS = 72
#: Labels of a bucket that a quick guess follows.
BEAM = 12
#: Entries of ``terms``: value of the room at the start, what a port call is credited with, port calls, end of the
#: endurance (inf where it cannot bind), 1 where the hold may fill.
ROOM_VALUE, CREDIT, CALLS, END, MAY_FILL = range(5)
TERMS = 5
#: Parts of a visit that is cut short when the hold fills: time at least, share at most.
CUTS = ((0.0, 0.5), (0.5, 0.75), (0.75, 1.0))


class Labels(NamedTuple):
    """Store of labels, filled by :func:`price_routes`.

    Attributes:
        place, task, parent: (label) integers.
        time, value, calls, deadline: (label) end of the visit, gain beyond the prices, port calls left, end of the
            endurance.
        over: (label) amount taken beyond the room of the trips so far.
        full: (label) 1 where the last visit was cut short: the hold is full, and a port must come next.
        memory: (label, word) bits of the tasks taken.
        in_place, in_bucket: (label) next label of the same place and span, of the same bucket; −1 at the end.
        dead: (label) 1 where another label is better in everything.
        head: (place, span of time) label of highest value.
        bucket: (bucket) first label.
        used: (2) labels in use, comparisons made.
        best: (place) label of highest value that ends there, −1 if none.
    """

    place: NDArray[np.int32]
    task: NDArray[np.int32]
    parent: NDArray[np.int32]
    time: NDArray[np.float64]
    value: NDArray[np.float64]
    calls: NDArray[np.float64]
    deadline: NDArray[np.float64]
    over: NDArray[np.float64]
    full: NDArray[np.uint8]
    memory: NDArray[np.uint64]
    in_place: NDArray[np.int32]
    in_bucket: NDArray[np.int32]
    dead: NDArray[np.uint8]
    head: NDArray[np.int32]
    bucket: NDArray[np.int32]
    used: NDArray[np.int64]
    best: NDArray[np.int32]


def empty_labels(limit: int, tasks: int, places: int, buckets: int) -> Labels:
    """A store for ``limit`` labels."""

    def whole(n: int) -> NDArray[np.int32]:
        return np.full(n, -1, np.int32)

    return Labels(
        whole(limit), whole(limit), whole(limit), np.zeros(limit), np.zeros(limit), np.zeros(limit), np.zeros(limit),
        np.zeros(limit), np.zeros(limit, np.uint8), np.zeros((limit, (tasks + 63) // 64), np.uint64),
        whole(limit), whole(limit), np.zeros(limit, np.uint8), np.full((places, SPANS), -1, np.int32), whole(buckets),
        np.zeros(2, np.int64), whole(places),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def took(memory: NDArray, j: int) -> bool:
    """True when bit ``j`` is set."""
    return (memory[j >> 6] >> np.uint64(j & 63)) & np.uint64(1) != np.uint64(0)


@njit(cache=True, nogil=True)
def skipped_gain(f: Frame, ahead: Ahead, one: NDArray, two: NDArray, k: int, limit: float) -> float:
    """Most that a label loses by the tasks in ``one`` but not in ``two`` from slot ``k`` on; inf if above ``limit``.

    Such a task is skipped, or another of its place that is in ``two`` only is served instead.
    """
    total, place, other = 0.0, -1, 0
    for w in range(len(one)):
        rest = one[w] & ~two[w]
        j = w * 64
        while rest != np.uint64(0):
            if rest & np.uint64(1):
                loss = ahead.best[j, k]
                if loss > 0.0:
                    if f.of[j] != place:
                        place = f.of[j]
                        other = f.start[place]
                    end = min(f.start[place + 1], f.start[place] + ahead.instead.shape[1])
                    while other < end and (took(one, other) or not took(two, other)):
                        other += 1
                    if other < end:
                        loss = ahead.instead[j, other - f.start[place], k]
                        other += 1
                    total += loss
                    if total > limit:
                        return np.inf
            rest = rest >> np.uint64(1)
            j += 1
    return total


@njit(cache=True, nogil=True)
def stands_for(f: Frame, ahead: Ahead, q: Labels, a: int, b: int, exact: bool) -> bool:
    """True when label ``a`` can gain at least what ``b`` can, whatever ``b`` does next; a guess if not ``exact``."""
    lead = q.value[a] - q.value[b]
    if lead < 0.0 or q.time[a] > q.time[b] or q.deadline[a] < q.deadline[b] or q.full[a] > q.full[b]:
        return False
    if q.calls[a] < q.calls[b]:
        return False
    if not exact:
        return True
    k = min(int(q.time[b] / f.slot), ahead.best.shape[1] - 1)
    return skipped_gain(f, ahead, q.memory[a], q.memory[b], k, lead) <= lead


@njit(cache=True, nogil=True)
def keep(p: Problem, v: int, f: Frame, ahead: Ahead, q: Labels, new: int, width: float, exact: bool) -> bool:
    """Enter a written label unless another stands for it; drop those that it stands for."""
    b, spans = q.place[new], q.head.shape[1]
    own = min(int(q.time[new] / p.vessel[v, 10] * spans), spans - 1)
    for h in range(own + 1):  # only an earlier one of more value can stand for it
        at = q.head[b, h]
        while at >= 0 and q.value[at] >= q.value[new]:
            q.used[1] += 1
            if stands_for(f, ahead, q, at, new, exact):
                return False
            at = q.in_place[at]
    for h in range(own, spans):  # and it only for a later one of less value
        last, at = -1, q.head[b, h]
        while at >= 0 and q.value[at] > q.value[new]:
            last, at = at, q.in_place[at]
        while at >= 0:
            after = q.in_place[at]
            q.used[1] += 1
            if stands_for(f, ahead, q, new, at, exact):
                q.dead[at] = 1
                if last < 0:
                    q.head[b, h] = after
                else:
                    q.in_place[last] = after
            else:
                last = at
            at = after
    last, at = -1, q.head[b, own]
    while at >= 0 and q.value[at] >= q.value[new]:
        last, at = at, q.in_place[at]
    q.in_place[new] = at
    if last < 0:
        q.head[b, own] = new
    else:
        q.in_place[last] = new
    k = min(int(q.time[new] / width), len(q.bucket) - 1)
    q.in_bucket[new], q.bucket[k] = q.bucket[k], new
    if q.best[b] < 0 or q.value[new] > q.value[q.best[b]]:
        q.best[b] = new
    return True


@njit(cache=True, nogil=True)
def way_home(p: Problem, v: int, x: float, y: float) -> float:
    """Least time to a port where the vessel may end."""
    least = np.inf
    for h in range(p.harbour.shape[1]):
        if p.harbour[v, h, 4] != 0.0:
            least = min(least, (p.harbour[v, h, 0] - x) ** 2 + (p.harbour[v, h, 1] - y) ** 2)
    return np.sqrt(least) / p.vessel[v, 4]


@njit(cache=True, nogil=True)
def first_port(p: Problem, v: int, x: float, y: float, t: float, latest: float) -> float:
    """Earliest time at which the vessel can be ready to leave a port, inf where none is in reach."""
    ready = np.inf
    for h in range(p.harbour.shape[1]):
        if p.harbour[v, h, 3] != 0.0:
            a = t + np.sqrt((p.harbour[v, h, 0] - x) ** 2 + (p.harbour[v, h, 1] - y) ** 2) / p.vessel[v, 4]
            if a <= latest and a <= p.vessel[v, 10]:
                ready = min(ready, a + p.harbour[v, h, 2])
    return ready


@njit(cache=True, nogil=True)
def by_port(p: Problem, v: int, x: float, y: float, t: float, latest: float, j: int) -> tuple[float, float]:
    """Earliest meeting with task ``j`` by way of a port, and the time of leaving the port at the latest."""
    best, depart = np.inf, -np.inf
    for h in range(p.harbour.shape[1]):
        if p.harbour[v, h, 3] == 0.0:
            continue
        px, py = p.harbour[v, h, 0], p.harbour[v, h, 1]
        a = t + np.sqrt((px - x) ** 2 + (py - y) ** 2) / p.vessel[v, 4]
        if a > latest or a > p.vessel[v, 10]:
            continue
        ready = a + p.harbour[v, h, 2]
        when, _ = meeting(p, v, p.track.shape[0], px, py, ready, j)
        best = min(best, when)
        start = opening(p, v, j, when)
        if start < np.inf:
            jx, jy = spot(p.track, p.scalar[0], j, start)
            depart = max(depart, start - np.sqrt((px - jx) ** 2 + (py - jy) ** 2) / p.vessel[v, 4])
    return best, depart


@njit(cache=True, nogil=True)
def serve(
    p: Problem, v: int, f: Frame, ahead: Ahead, prices: NDArray, terms: NDArray, q: Labels, at: int, b: int,
    when: float, called: bool, deadline: float, known: NDArray, width: float, exact: bool,
) -> None:  # fmt: skip
    """Labels for every task of place ``b``, reached at ``when``, that could still beat ``known[0]``.

    Args:
        terms: (:data:`TERMS`).
        called: by way of a port.
        known: best value found or known, and the slack more; most that labels could bring for which there was no room;
            the slack.
    """
    start = opening(p, v, f.first[b], when)
    if start == np.inf:
        return
    calls, value, over = q.calls[at], q.value[at], q.over[at]
    # a trip is credited with its room once it has a visit, be it one that brings less than its price
    bonus = terms[CREDIT] if called else (terms[ROOM_VALUE] if at == 0 else 0.0)
    if called:
        calls, value, over = calls - 1.0, value + terms[CREDIT], over - p.vessel[v, 5]
    for j in range(f.start[b], f.start[b + 1]):
        share, service = p.pair[v, j, 1], p.pair[v, j, 0]
        if share <= 0.0 or took(q.memory[at], j):
            continue
        gain = top_gain(p, f, j, start) * share
        if max(gain, 0.0) + bonus <= prices[j]:
            continue
        load = level(p.track, p.scalar[0], j, 3, start) * share
        least = p.vessel[v, 12] * min(1.0, p.vessel[v, 5] / max(f.load[j] * share, 1e-300))
        for c in range(-1, len(CUTS) if terms[MAY_FILL] > 0.0 else 0):
            part, time_part = 1.0, 1.0
            if c >= 0:  # cut short: the hold is full then
                part, time_part = CUTS[c][1], max(CUTS[c][0], least)
            worth = (part if gain > 0.0 else time_part) * gain - prices[j]
            if worth + bonus <= 0.0 or time_part > part:
                continue
            new = add(p, v, f, ahead, terms, q, at, b, j, start + service * time_part, value + worth, calls, deadline,
                      known)  # fmt: skip
            if new >= 0:
                q.over[new], q.full[new] = over + part * load, c >= 0
                if not keep(p, v, f, ahead, q, new, width, exact):
                    q.used[0] -= 1
                elif q.value[new] + known[2] > known[0]:
                    known[0] = q.value[new] + known[2]


@njit(cache=True, nogil=True)
def add(
    p: Problem, v: int, f: Frame, ahead: Ahead, terms: NDArray, q: Labels, at: int, b: int, j: int, leave: float,
    value: float, calls: float, deadline: float, known: NDArray,
) -> int:  # fmt: skip
    """Write a label if it can come home and could beat ``known[0]``; its number, or −1."""
    x, y = spot(p.track, p.scalar[0], j, leave)
    back = leave + way_home(p, v, x, y)
    if back > p.vessel[v, 10] or back > deadline - p.vessel[v, 9]:
        return -1
    k = min(int(leave / f.slot), ahead.leave.shape[1] - 1)
    credit = calls * terms[CREDIT]
    most = max(ahead.leave[b, k], ahead.run[b, f.starts[b, k]]) + credit
    if value + most <= known[0]:
        return -1
    new = q.used[0]
    if new >= len(q.place):
        known[1] = max(known[1], value + most)
        return -1
    for w in range(q.memory.shape[1]):  # what lies beyond this place's neighbourhood is forgotten
        q.memory[new, w] = q.memory[at, w] & f.near[b, w]
    q.memory[new, j >> 6] |= np.uint64(1) << np.uint64(j & 63)
    if value + dearest_from(f, ahead, b, k, q.memory[new]) + credit <= known[0]:
        return -1
    q.place[new], q.task[new], q.parent[new] = b, j, at
    q.time[new], q.value[new], q.calls[new], q.deadline[new] = leave, value, calls, deadline
    q.dead[new] = 0
    q.used[0] = new + 1
    return new


@njit(cache=True, nogil=True)
def extend(
    p: Problem, v: int, f: Frame, ahead: Ahead, prices: NDArray, terms: NDArray, q: Labels, at: int, known: NDArray,
    width: float, exact: bool,
) -> None:  # fmt: skip
    """All visits that may follow a label, directly or by way of a port."""
    a, t, deadline = q.place[at], q.time[at], q.deadline[at]
    x, y = p.vessel[v, 0], p.vessel[v, 1]
    slots = f.starts.shape[1] - 1
    if a >= 0:
        x, y = spot(p.track, p.scalar[0], f.first[a], t)
    k, relieved, top = int(t / f.slot), np.inf, q.value[at] + q.calls[at] * terms[CREDIT]
    needed = q.full[at] != 0 or deadline < np.inf or terms[CREDIT] > 0.0  # else a call only costs time
    if needed and q.calls[at] > 0.0 and (a >= 0 or p.vessel[v, 3] == 0.0):
        relieved = first_port(p, v, x, y, t, deadline - p.vessel[v, 9])
    for b in range(len(f.first)):
        if a >= 0 and a != b:
            soon = k * f.slot + f.legs[a, b, min(k // f.ratio, f.legs.shape[2] - 1)]
            if soon >= slots * f.slot or top + ahead.run[b, f.starts[b, int(soon / f.slot)]] <= known[0]:
                continue  # by way of a port it would be there no sooner
        i = f.first[a] if a >= 0 else p.track.shape[0]
        when = t
        if q.full[at]:
            when = np.inf
        elif a != b:
            when, _ = meeting(p, v, i, x, y, t, f.first[b])
        if when < np.inf:
            end = deadline
            if a < 0 and p.vessel[v, 3] != 0.0 and deadline < np.inf:
                end = from_port(p, v, x, y, when, f.first[b])
            serve(p, v, f, ahead, prices, terms, q, at, b, when, False, end, known, width, exact)
        if relieved < slots * f.slot and top + ahead.run[b, f.starts[b, int(relieved / f.slot)]] > known[0]:
            when, depart = by_port(p, v, x, y, t, deadline - p.vessel[v, 9], f.first[b])
            if when < np.inf:
                end = deadline if deadline == np.inf else rounded_up(p, v, depart)
                serve(p, v, f, ahead, prices, terms, q, at, b, when, True, end, known, width, exact)


@njit(cache=True, nogil=True)
def rounded_up(p: Problem, v: int, depart: float) -> float:
    """End of the endurance after leaving port at ``depart``, rounded up; inf where it comes after all else."""
    step = p.vessel[v, 10] / DEADLINE_STEPS
    end = np.ceil(depart / step) * step + p.vessel[v, 7]
    return np.inf if end - p.vessel[v, 9] >= p.vessel[v, 10] else end


@njit(cache=True, nogil=True)
def from_port(p: Problem, v: int, x: float, y: float, when: float, j: int) -> float:
    """End of the endurance of a vessel that leaves port as late as it can."""
    start = opening(p, v, j, when)
    if start == np.inf:
        return np.inf
    jx, jy = spot(p.track, p.scalar[0], j, start)
    return rounded_up(p, v, start - np.sqrt((jx - x) ** 2 + (jy - y) ** 2) / p.vessel[v, 4])


@njit(cache=True, nogil=True)
def waiting(f: Frame, ahead: Ahead, q: Labels, k: int, credit: float) -> tuple[NDArray, NDArray]:
    """Labels of a bucket, which is emptied, and the most that each can still reach."""
    count, at = 0, q.bucket[k]
    while at >= 0:
        count += 1
        at = q.in_bucket[at]
    ready, most = np.empty(count, np.int64), np.empty(count)
    at, q.bucket[k] = q.bucket[k], -1
    for r in range(count):
        ready[r] = at
        c = min(int(q.time[at] / f.slot), ahead.leave.shape[1] - 1)
        most[r] = q.value[at] + dearest_from(f, ahead, q.place[at], c, q.memory[at]) + q.calls[at] * credit
        at = q.in_bucket[at]
    return ready, most


@njit(cache=True, nogil=True)
def price_routes(
    p: Problem, v: int, f: Frame, ahead: Ahead, prices: NDArray, cut: float, terms: NDArray, exact: bool, slack: float,
    limit: int, q: Labels,
) -> float:  # fmt: skip
    """Most that a vessel can gain beyond the prices, in the relaxation.

    Args:
        p: the problem, without land; its gains are less what the amount taken is charged with.
        v: vessel.
        f, ahead: see :mod:`~oceanclean.allocation.pricing`.
        prices: (task).
        cut: a value that is known to be reached, or of no interest below; at least 0.
        terms: (:data:`TERMS`).
        exact: False drops labels that only seem worse: quick, but what is returned is no bound then.
        slack: labels that beat what is known by less are not followed; the bound is as much looser.
        limit: comparisons of labels, after which no label is followed any more.
        q: store; labels of the best routes stand in ``q.best`` afterwards.

    Returns:
        An upper bound on the gain, exact but for the slack where it exceeds ``cut`` and store and limit sufficed.
    """
    q.head[:, :], q.bucket[:], q.best[:] = -1, -1, -1
    width = p.vessel[v, 10] / len(q.bucket)
    known = np.array([max(cut, 0.0) + slack, 0.0, slack])
    q.place[0], q.task[0], q.parent[0], q.dead[0], q.full[0] = -1, -1, -1, 0, 0
    q.time[0], q.value[0], q.calls[0], q.deadline[0] = p.vessel[v, 2], terms[ROOM_VALUE], terms[CALLS], terms[END]
    q.over[0] = -p.vessel[v, 6]
    q.memory[0] = np.uint64(0)
    q.used[0], q.used[1] = 1, 0
    extend(p, v, f, ahead, prices, terms, q, 0, known, width, exact)
    for k in range(len(q.bucket)):
        while q.bucket[k] >= 0:
            ready, most = waiting(f, ahead, q, k, terms[CREDIT])
            for r in np.argsort(-most)[: len(ready) if exact else BEAM]:
                at = ready[r]
                if most[r] <= known[0] or q.dead[at]:
                    continue
                if q.used[1] > limit:  # too many to follow: what they bring at most is known
                    known[1] = max(known[1], most[r])
                    continue
                extend(p, v, f, ahead, prices, terms, q, at, known, width, exact)
    return max(known[0], known[1])
