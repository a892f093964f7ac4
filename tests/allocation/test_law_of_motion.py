"""Laws of meetings and limits: one vessel, one law, checked against a simulator that shares no code with it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oceanclean.allocation import motion
from oceanclean.allocation.options import SearchSettings
from oceanclean.allocation.problem import Code, P, Problem, V, make_problem
from oceanclean.allocation.search import route_value, solve, states_of
from tests.allocation.simulator import Ship, Target, run

HOUR = 3600.0


def problem_of(
    rng: np.random.Generator, vessels: int, tasks: int, *, drift: float = 0.3, hours: int = 36, windows: int = 2,
    hold: float = 1e9, endurance_h: float = 1e4, calls: int = 0, speed: float = 5.0, cost: float = 0.0,
) -> Problem:  # fmt: skip
    """A random day on open water; times in seconds, lengths in metres."""
    vessel = np.zeros((vessels, len(V)))
    vessel[:, [V.X, V.Y]] = rng.uniform(0, 20e3, (vessels, 2))
    vessel[:, V.SPEED] = speed * rng.uniform(0.8, 1.2, vessels)
    vessel[:, V.HOLD] = vessel[:, V.HOLD_LEFT] = hold
    vessel[:, V.ENDURANCE] = vessel[:, V.ENDURANCE_LEFT] = endurance_h * HOUR
    vessel[:, V.RESERVE], vessel[:, V.LIMIT] = 600.0, hours * HOUR
    vessel[:, V.CALLS], vessel[:, V.MIN_TAKE] = calls, 0.2
    pair = np.zeros((vessels, tasks, 2 + 2 * windows))
    pair[:, :, 0] = rng.uniform(0.5, 2.0, (vessels, tasks)) * HOUR
    pair[:, :, 1] = rng.uniform(0.4, 1.0, (vessels, tasks))
    edges = np.sort(rng.uniform(0, hours * HOUR, (tasks, 2 * windows)), axis=1)
    pair[:, :, 2:] = edges[None]
    track = np.zeros((tasks, hours + 1, 4))
    start, velocity = rng.uniform(0, 60e3, (tasks, 2)), rng.normal(0, drift, (tasks, 2))
    wiggle = np.cumsum(rng.normal(0, drift / 3, (tasks, hours + 1, 2)), axis=1) * HOUR
    track[:, :, :2] = start[:, None] + velocity[:, None] * (np.arange(hours + 1) * HOUR)[None, :, None] + wiggle
    track[:, :, 2] = track[:, :, 3] = rng.uniform(10, 100, tasks)[:, None] * np.exp(-np.arange(hours + 1) / 60.0)
    harbour = np.zeros((vessels, 1, len(P)))
    harbour[:, :, P.TURN], harbour[:, :, P.UNLOAD], harbour[:, :, P.END] = HOUR, 1, 1
    return make_problem(vessel, pair, track, harbour, step=HOUR, cost=cost)


def ship_and_targets(problem: Problem, v: int, tasks: list[int]) -> tuple[Ship, list[Target]]:
    """A vessel and its tasks as the independent simulator takes them."""
    row = problem.vessel[v]
    ship = Ship(row[V.X], row[V.Y], row[V.SPEED], row[V.HOLD_LEFT], row[V.ENDURANCE_LEFT], row[V.RESERVE], row[V.LIMIT])
    return ship, [
        Target(list(problem.track[j, :, 0]), list(problem.track[j, :, 1]), HOUR, list(problem.track[j, :, 3]),
               problem.pair[v, j, 1], problem.pair[v, j, 0],
               [(a, b) for a, b in problem.pair[v, j, 2:].reshape(-1, 2) if np.isfinite(b)])
        for j in tasks
    ]  # fmt: skip


def simulate(problem: Problem, v: int, tasks: list[int]) -> dict[str, float]:
    ship, targets = ship_and_targets(problem, v, tasks)
    return run(ship, targets, (problem.harbour[v, 0, P.X], problem.harbour[v, 0, P.Y]))


QUICK = SearchSettings(iterations=400, rounds=2, workers=2)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), drift=st.sampled_from([0.0, 0.3, 1.0]), hold=st.sampled_from([80.0, 1e9]))
def test_a_plan_breaks_no_limit_when_another_simulator_sails_it(seed, drift, hold):
    """Holds, windows, endurance and the horizon hold when the plan is stepped through second by second."""
    rng = np.random.default_rng(seed)
    problem = problem_of(rng, 2, 8, drift=drift, hold=hold, endurance_h=float(rng.uniform(8, 30)))
    solution = solve(problem, QUICK, seed=seed)
    served = [t for r in solution.routes for t in r]
    assert len(served) == len(set(served)), "a share is taken twice"
    for v, tasks in enumerate(solution.routes):
        if not tasks:
            continue
        result = simulate(problem, v, tasks)
        states = states_of(problem, v, tasks)
        assert result["window"] >= -60
        assert result["home"] >= -60
        assert result["hold"] >= -1e-6
        assert result["taken"] == pytest.approx(states[-1, motion.VALUE], rel=0.01)


def test_brute_force_finds_nothing_better():
    """On small days the search finds the best of all sequences of all splits between two vessels."""
    for seed in range(4):
        problem = problem_of(np.random.default_rng(seed), 2, 5, endurance_h=20)
        best = [{frozenset(): 0.0}, {frozenset(): 0.0}]
        for v in range(2):
            for k in range(1, 6):
                for tasks in itertools.permutations(range(5), k):
                    value = route_value(problem, v, tasks)
                    key = frozenset(tasks)
                    if value is not None and value > best[v].get(key, -1):
                        best[v][key] = value
        top = max(a + b for s, a in best[0].items() for t, b in best[1].items() if not s & t)
        assert solve(problem, SearchSettings(iterations=2000, rounds=2), seed=1).value == pytest.approx(top, rel=1e-9)


def test_without_drift_the_drifting_problem_is_the_static_one():
    """Tracks that stand still and tracks of one position give the same values and the same plan's value."""
    problem = problem_of(np.random.default_rng(3), 2, 10, drift=0.0, windows=1)
    problem.track[:, :, :] = problem.track[:, :1, :]
    still = problem._replace(track=problem.track[:, :1].copy())
    rng = np.random.default_rng(0)
    for _ in range(50):
        tasks = rng.permutation(10)[: rng.integers(1, 5)].tolist()
        a, b = route_value(problem, 0, tasks), route_value(still, 0, tasks)
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, rel=1e-9)
    one, two = (solve(p, SearchSettings(iterations=3000), seed=2).value for p in (problem, still))
    assert one == pytest.approx(two, rel=1e-6)


def test_a_target_that_outruns_the_vessel_is_not_promised():
    """Debris that moves away faster than the vessel sails is never in a plan; slow debris beside it is."""
    problem = problem_of(np.random.default_rng(1), 1, 2, drift=0.0, windows=1)
    problem.pair[:, :, 2], problem.pair[:, :, 3] = 0.0, 30 * HOUR
    problem.vessel[0, [V.X, V.Y]] = 0.0
    hours = np.arange(problem.track.shape[1])
    problem.track[0, :, 0], problem.track[0, :, 1] = 30e3 + 8.0 * HOUR * hours, 0.0
    problem.track[1, :, 0], problem.track[1, :, 1] = 10e3 + 0.5 * HOUR * hours, 0.0
    solution = solve(problem, QUICK, seed=1)
    assert solution.routes == [[1]]
    states = np.zeros((2, motion.STATE))
    assert motion.follow(problem, 0, np.array([0]), 1, 0, states)[0] == Code.OUTRUN


def test_a_fast_target_coming_the_vessels_way_is_met():
    """A target faster than the vessel can still be met head-on, and the meeting is where both are."""
    problem = problem_of(np.random.default_rng(1), 1, 1, drift=0.0, windows=1)
    hours = np.arange(problem.track.shape[1])
    problem.vessel[0, [V.X, V.Y]] = 0.0
    problem.track[0, :, 0], problem.track[0, :, 1] = 200e3 - 8.0 * HOUR * hours, 0.0
    t, metres = motion.meeting(problem, 0, 1, 0.0, 0.0, 0.0, 0)
    assert t == pytest.approx(200e3 / (8.0 + problem.vessel[0, V.SPEED]), rel=1e-6)
    assert metres == pytest.approx(t * problem.vessel[0, V.SPEED], rel=1e-6)


def test_scaling_the_units_changes_nothing():
    """Metres to kilometres, seconds to hours, kilograms to tonnes: the same routes, the value in tonnes."""
    metric = problem_of(np.random.default_rng(5), 2, 9, endurance_h=25)
    vessel, pair, track, harbour, scalar = (
        a.copy() for a in (metric.vessel, metric.pair, metric.track, metric.harbour, metric.scalar)
    )
    vessel[:, [V.X, V.Y]] /= 1000
    vessel[:, V.SPEED] *= 3.6
    vessel[:, [V.ENDURANCE, V.ENDURANCE_LEFT, V.RESERVE, V.LIMIT]] /= HOUR
    vessel[:, [V.HOLD, V.HOLD_LEFT]] /= 1000
    pair[:, :, 0] /= HOUR
    pair[:, :, 2:] /= HOUR
    track[:, :, :2] /= 1000
    track[:, :, 2:] /= 1000
    harbour[:, :, P.TURN] /= HOUR
    scalar[0] /= HOUR
    scaled = metric._replace(vessel=vessel, pair=pair, track=track, harbour=harbour, scalar=scalar)
    a, b = (solve(p, SearchSettings(iterations=1500), seed=4) for p in (metric, scaled))
    assert b.value * 1000 == pytest.approx(a.value, rel=1e-6)


def test_the_same_seed_gives_the_same_plan():
    """Seed and iterations fix the plan, threads or not."""
    problem = problem_of(np.random.default_rng(6), 3, 14)
    one, two = (solve(problem, SearchSettings(iterations=1200), seed=9) for _ in range(2))
    assert one.routes == two.routes
    assert one.value == two.value


def test_another_vessel_never_lowers_the_catch():
    """With one more vessel the plan is at least as good."""
    problem = problem_of(np.random.default_rng(7), 3, 12)
    fewer = problem._replace(vessel=problem.vessel[:2], pair=problem.pair[:2], harbour=problem.harbour[:2])
    a, b = (solve(p, SearchSettings(iterations=3000), seed=3).value for p in (fewer, problem))
    assert b >= a * (1 - 1e-9)


def test_a_full_hold_is_unloaded_on_the_way():
    """With a port call allowed a vessel unloads and goes on; without one it comes home with a full hold."""
    problem = problem_of(np.random.default_rng(8), 1, 6, hold=60.0, windows=1, drift=0.1)
    problem.pair[:, :, 2], problem.pair[:, :, 3] = 0.0, 34 * HOUR
    without = solve(problem, QUICK, seed=1).value
    problem.vessel[:, V.CALLS] = 2
    calls = solve(problem, QUICK, seed=1)
    assert without <= 60.0 + 1e-9
    assert calls.value > without
    assert (states_of(problem, 0, calls.routes[0])[:, motion.HOLD_LEFT] >= -1e-9).all()


def test_the_endurance_of_a_vessel_in_port_begins_when_it_leaves():
    """A vessel in port waits there for the weather, not at sea on its endurance."""
    problem = problem_of(np.random.default_rng(9), 1, 1, windows=1, drift=0.0, endurance_h=12)
    problem.pair[:, :, 2], problem.pair[:, :, 3] = 20 * HOUR, 25 * HOUR
    problem.track[0, :, :2] = 20e3
    problem.vessel[0, [V.X, V.Y]] = 0.0
    assert route_value(problem, 0, [0]) is None
    problem.vessel[0, V.IN_PORT] = 1.0
    states = states_of(problem, 0, [0])
    assert states[1, motion.START] == pytest.approx(20 * HOUR)
    assert states[1, motion.DEPART] > 15 * HOUR
