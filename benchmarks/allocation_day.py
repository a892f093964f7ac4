"""How good a plan of a made-up day is, and how the effort grows with fleet and tasks.

Run as ``python -m benchmarks.allocation_day`` for the day of 12 unlike vessels, 200 tasks in drifting patches and 72 h
(proven gap, first feasible plan, peak memory), or with ``--growth`` for a table of time to within 1 % of the 60 s
result. The day is on open water: daylight windows of half the vessels, holds, endurance, port calls and patches that
drift in a gyre with eddies and decay. Amounts follow a log-normal law, as in the twin.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from importlib.metadata import version

import numpy as np

from oceanclean.allocation.bound import price_bound, upper_bound
from oceanclean.allocation.options import AllocationSettings, SearchSettings
from oceanclean.allocation.problem import P, Problem, V, make_problem
from oceanclean.allocation.search import solve

HOUR = 3600.0


def made_up_day(vessels: int, tasks: int, *, hours: int = 72, seed: int = 1) -> Problem:
    """Unlike vessels in three ports or at sea, and shares of drifting patches.

    Args:
        vessels: number of vessels.
        tasks: number of shares; about a third as many patches.
        hours: horizon.
        seed: of the day.
    """
    rng = np.random.default_rng(seed)
    size = 250e3 * np.sqrt(max(vessels, 1) / 12)
    ports = np.array([[0.1, 0.1], [0.9, 0.2], [0.5, 0.95]]) * size
    vessel, harbour = _fleet(rng, vessels, ports, size, hours)
    track, patch = _shares(rng, tasks, size, hours)
    pair = np.zeros((vessels, tasks, 2 + 2 * 3))
    width = rng.uniform(0.5, 1.0, vessels)
    pair[:, :, 0] = (2.0 / width * HOUR)[:, None]
    pair[:, :, 1] = rng.uniform(0.7, 0.9, vessels)[:, None]
    for v in range(vessels):
        for d in range(3):
            low, high = ((24 * d, 24 * d + 13) if v % 2 else (24 * d, 24 * d + 24)) if d * 24 < hours else (1e9, -1e9)
            pair[v, :, 2 + 2 * d], pair[v, :, 3 + 2 * d] = low * HOUR, high * HOUR - pair[v, 0, 0]
    assert len(patch) == tasks
    return make_problem(vessel, pair, track, harbour, step=HOUR, cost=1e-5)


def _fleet(rng, count, ports, size, hours):
    """Rows of vessels and harbours."""
    vessel = np.zeros((count, len(V)))
    at_sea = rng.random(count) < 0.5
    home = rng.integers(0, len(ports), count)
    where = np.where(at_sea[:, None], rng.uniform(0, size, (count, 2)), ports[home])
    vessel[:, [V.X, V.Y]] = where
    vessel[:, V.IN_PORT] = ~at_sea
    vessel[:, V.SPEED] = rng.uniform(4.0, 7.0, count)
    vessel[:, V.HOLD] = rng.uniform(800, 5000, count)
    vessel[:, V.HOLD_LEFT] = vessel[:, V.HOLD] * np.where(at_sea, rng.uniform(0.4, 1.0, count), 1.0)
    vessel[:, V.ENDURANCE] = rng.uniform(36, 96, count) * HOUR
    vessel[:, V.ENDURANCE_LEFT] = vessel[:, V.ENDURANCE] * np.where(at_sea, rng.uniform(0.6, 1.0, count), 1.0)
    vessel[:, V.RESERVE] = 2 * HOUR
    vessel[:, V.LIMIT], vessel[:, V.CALLS], vessel[:, V.MIN_TAKE] = hours * HOUR, 3, 0.25
    harbour = np.zeros((count, len(ports), len(P)))
    harbour[:, :, [P.X, P.Y]] = ports
    harbour[:, :, P.TURN], harbour[:, :, P.UNLOAD] = 2 * HOUR, 1
    harbour[np.arange(count), home, P.END] = 1
    return vessel, harbour


def _shares(rng, tasks, size, hours):
    """Tracks of the shares: patches of up to eight slices, densest first, that drift and decay."""
    patches = max(1, round(tasks * 0.3))
    extra = rng.multinomial(tasks - patches, np.full(patches, 1 / patches))
    patch = np.repeat(np.arange(patches), 1 + extra)
    rank = np.concatenate([np.arange(n) for n in 1 + extra])
    start, t = rng.uniform(0, size, (patches, 2)), np.arange(hours + 1) * HOUR
    middle = start - size / 2
    velocity = np.column_stack([-middle[:, 1], middle[:, 0]]) / size * 0.6 + rng.normal(0, 0.15, (patches, 2))
    mass = rng.lognormal(5.0, 0.8, patches)
    spread = rng.uniform(2.0, 6.0, patches)
    track = np.zeros((tasks, hours + 1, 4))
    track[:, :, :2] = (start[:, None] + velocity[:, None] * t[None, :, None])[patch]
    growth = spread[:, None] * (1 + t / (48 * HOUR))
    part = np.exp(-rank[:, None] / growth[patch]) - np.exp(-(rank[:, None] + 1) / growth[patch])
    afloat = np.exp(-t / (rng.uniform(72, 400, patches)[:, None] * HOUR))
    track[:, :, 2] = track[:, :, 3] = part * (mass[:, None] * afloat)[patch] * 3
    return track, patch


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prove(seed: int, seconds: float, total: float, rounds: int) -> None:
    """Plan the day, then bound it; print both, and the bound after each round."""
    settings = AllocationSettings().search
    small = made_up_day(2, 6, seed=seed)  # compilation is not part of the day
    price_bound(small, solve(small, SearchSettings(iterations=20), seed=1).columns, 2)
    problem = made_up_day(12, 200, seed=seed)
    clock = time.perf_counter()
    first = solve(problem, SearchSettings(iterations=40, rounds=1), seed=seed)
    print(f"first feasible plan after {time.perf_counter() - clock:.2f} s: {first.value:.0f} kg")
    clock = time.perf_counter()
    solution = solve(problem, settings, seed=seed, seconds=seconds)
    planned = time.perf_counter() - clock

    def told(_share: float, bound: float) -> None:
        if np.isfinite(bound):
            print(f"  {time.perf_counter() - clock:5.1f} s: at most {100 * (bound / solution.value - 1):.2f} % more")

    bound, found = upper_bound(problem, solution.columns, solution.value, rounds, seconds=total - planned,
                               progress=told)  # fmt: skip
    print(f"seed {seed}: plan {solution.value:.1f} kg in {planned:.1f} s, bound {bound:.1f} kg after "
          f"{time.perf_counter() - clock:.1f} s, gap {100 * (bound / solution.value - 1):.2f} % of the plan, "
          f"{len(found)} routes priced, peak {_peak_mib():.0f} MiB")  # fmt: skip


def grow(seconds: float) -> None:
    """Print time to within 1 % of the result after ``seconds``, for growing fleets and tasks."""
    print(f"vessels  tasks  value at {seconds:.0f} s [kg]  time to within 1 % [s]  steps")
    for vessels, tasks in ((2, 10), (4, 50), (12, 200), (25, 500), (50, 1000)):
        problem = made_up_day(vessels, tasks)
        solve(problem, SearchSettings(iterations=20), seed=1)
        history: list[tuple[float, float]] = []
        clock = time.perf_counter()
        solution = solve(
            problem,
            SearchSettings(rounds=12, columns=3000),
            seed=1,
            seconds=seconds,
            progress=lambda _s, value, h=history, c=clock: h.append((time.perf_counter() - c, value)),
        )
        near = next(t for t, value in history if value >= 0.99 * solution.value)
        print(f"{vessels:7d}  {tasks:5d}  {solution.value:18.0f}  {near:22.1f}  {solution.iterations}", flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--seconds", type=float, default=25.0, help="of search (60 for the table of growth)")
    parser.add_argument("--total", type=float, default=60.0, help="seconds for search and bound together")
    parser.add_argument("--rounds", type=int, default=40, help="of pricing, at most")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    versions = f"ortools {version('ortools')}, numba {version('numba')}"
    print(f"{versions}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if given.growth:
        grow(given.seconds)
    else:
        prove(given.seed, given.seconds, given.total, given.rounds)


if __name__ == "__main__":
    main()
