"""Proven optima of small team orienteering instances, to tell listed values that no plan can reach.

Run as ``python -m benchmarks.allocation_optima FOLDER --only p1.3.h,p1.3.o,p2.3.h,p6.4.k``. Every set of tasks that one
vehicle can serve within the limit is enumerated by its shortest routes (dynamic programming over set and last task);
the best disjoint sets are found by branch and bound. Shares no code with the search.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from oceanclean.allocation.orienteering import Instance, read_folder

#: Sets of tasks beyond which an instance is given up.
MOST_SETS = 500_000
#: Lengths that exceed the limit by less count as within it: lists round.
TOLERANCE = 1e-6


def servable(instance: Instance) -> dict[int, float] | None:
    """Sets of tasks (as bits) that one vehicle can serve, and their prizes; None where there are too many."""
    points, prizes, end = instance.points, instance.prizes, len(instance.points) - 1
    gap = [[math.dist(a, b) for b in points] for a in points]
    tasks = [j for j in range(len(prizes)) if prizes[j] > 0]
    limit = instance.limit + TOLERANCE
    now = {(1 << j, j): gap[0][1 + j] for j in tasks if gap[0][1 + j] + gap[1 + j][end] <= limit}
    found: dict[int, float] = {}
    while now:
        longer: dict[tuple[int, int], float] = {}
        for (held, last), length in now.items():
            found[held] = sum(float(prizes[j]) for j in tasks if held >> j & 1)
            for j in tasks:
                to = length + gap[1 + last][1 + j]
                if not held >> j & 1 and to + gap[1 + j][end] <= limit:
                    key = (held | 1 << j, j)
                    longer[key] = min(to, longer.get(key, math.inf))
        now = longer
        if len(found) > MOST_SETS:
            return None
    return found


def best_disjoint(worth: dict[int, float], vehicles: int) -> float:
    """Largest sum of prizes of as many disjoint sets as there are vehicles."""
    sets = sorted(worth, key=lambda s: -worth[s])
    best = 0.0

    def choose(first: int, taken: int, left: int, value: float) -> None:
        nonlocal best
        best = max(best, value)
        for k in range(first, len(sets) if left else 0):
            if value + left * worth[sets[k]] <= best:
                return
            if not sets[k] & taken:
                choose(k + 1, taken | sets[k], left - 1, value + worth[sets[k]])

    choose(0, 0, vehicles, 0.0)
    return best


def main() -> None:
    """Read the arguments and print the optimum of each instance beside its listed value."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names, separated by commas")
    given = parser.parse_args()
    names = set(filter(None, given.only.split(",")))
    for instance in read_folder(given.folder):
        if names and instance.name not in names:
            continue
        clock = time.perf_counter()
        worth = servable(instance)
        told = "too many sets" if worth is None else f"optimum {best_disjoint(worth, instance.vehicles):.0f}"
        print(f"{instance.name:8s} {told}, listed {instance.best_known}, {time.perf_counter() - clock:.1f} s")


if __name__ == "__main__":
    main()
