"""What holds at sea beyond time and room: watches, fuel, hours of ports, currents and waves on the way, pairs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from oceanclean.allocation import motion, passage
from oceanclean.allocation.bound import upper_bound
from oceanclean.allocation.crews import vessel_rows
from oceanclean.allocation.master import Column
from oceanclean.allocation.options import SearchSettings
from oceanclean.allocation.ports import opening_hours
from oceanclean.allocation.problem import Code, Flow, P, S, V
from oceanclean.allocation.risk import cvar, pack_members
from oceanclean.allocation.schedule import tell
from oceanclean.allocation.search import route_value, solve, states_of
from oceanclean.settings import PortSettings
from tests.allocation.simulator import Ship, Target, run
from tests.allocation.test_law_of_motion import HOUR, problem_of

QUICK = SearchSettings(iterations=300, rounds=2, workers=2)
ISSUE = np.datetime64("2026-06-12T06:00:00")  # a Friday


def _eddy(hours: int = 36) -> Flow:
    """A current that turns about the middle of the waters and grows, and waves that rise to the east."""
    cells, cell = 8, 10e3
    x, y = np.meshgrid(np.arange(cells) * cell, np.arange(cells) * cell)
    grow = (1 + np.arange(hours + 1) / hours)[:, None, None]
    east, north = -(y - 35e3) / 35e3 * 0.5 * grow, (x - 35e3) / 35e3 * 0.5 * grow
    waves = np.broadcast_to(x / 70e3 * 2.0, east.shape)
    return Flow(np.stack([east, north, waves], axis=-1).astype(np.float32), 0.0, 0.0, cell, HOUR)


def _with_flow(problem, flow: Flow):
    scalar = problem.scalar.copy()
    scalar[[S.FLOWS, S.FLOW_X0, S.FLOW_Y0, S.FLOW_CELL, S.FLOW_STEP]] = 1, flow.x0, flow.y0, flow.cell, flow.step
    return problem._replace(scalar=scalar, flow=np.ascontiguousarray(flow.values))


def _equipped(seed: int):
    """A random day with everything at once: watches, fuel, hours of the port, currents and waves."""
    rng = np.random.default_rng(seed)
    problem = problem_of(rng, 2, 8, drift=0.3, endurance_h=float(rng.uniform(14, 30)))
    vessel = problem.vessel.copy()
    vessel[:, V.MAX_WORK], vessel[:, V.REST] = rng.uniform(7, 12) * HOUR, 3 * HOUR
    vessel[:, [V.USE_TRANSIT, V.USE_COLLECT, V.USE_IDLE]] = np.array([100.0, 60.0, 10.0]) / HOUR
    vessel[:, [V.FUEL, V.TANK]], vessel[:, V.WAVE_LOSS] = rng.uniform(800, 2500), 0.1
    scalar = problem.scalar.copy()
    scalar[S.GATES] = 1
    gate = np.array([[2.0, 10.0, 20.0, 34.0]]) * HOUR
    return _with_flow(problem._replace(vessel=vessel, scalar=scalar, gate=gate), _eddy())


def _sea(problem):
    """The same currents and waves, looked up by scipy."""
    from scipy.interpolate import RegularGridInterpolator

    field = problem.flow.astype(float)
    axes = [np.arange(n) * w for n, w in zip(field.shape[:3], (HOUR, 10e3, 10e3), strict=True)]
    at = RegularGridInterpolator(axes, field)
    top = [a[-1] for a in axes]
    return lambda x, y, t: tuple(at(np.clip([t, y, x], 0.0, top))[0])


@pytest.mark.parametrize("seed", range(5))
def test_watches_fuel_hours_and_currents_hold_when_another_simulator_sails_the_plan(seed):
    """No crew is on duty too long, no tank runs dry, no port is entered while it is closed, to a few minutes."""
    problem = _equipped(seed)
    solution = solve(problem, QUICK, seed=seed)
    assert solution.value > 0
    for v, tasks in enumerate(solution.routes):
        if not tasks:
            continue
        row, trip = problem.vessel[v], tell(problem, v, tasks)
        ship = Ship(*row[[V.X, V.Y, V.SPEED, V.HOLD_LEFT, V.ENDURANCE_LEFT, V.RESERVE, V.LIMIT, V.MAX_WORK, V.REST]],
                    row[V.FUEL], *row[[V.USE_TRANSIT, V.USE_COLLECT, V.USE_IDLE, V.WAVE_LOSS]])  # fmt: skip
        targets = [
            Target(list(problem.track[j, :, 0]), list(problem.track[j, :, 1]), HOUR, list(problem.track[j, :, 3]),
                   problem.pair[v, j, 1], problem.pair[v, j, 0],
                   [tuple(w) for w in problem.pair[v, j, 2:].reshape(-1, 2)])
            for j in tasks
        ]  # fmt: skip
        rests = [*(s.rested for s in trip.stops), trip.end_rested]
        done = run(ship, targets, (0.0, 0.0), 30.0, sea=_sea(problem), rests=rests,
                   hours=[tuple(w) for w in problem.gate[0].reshape(-1, 2)])  # fmt: skip
        assert min(done["window"], done["home"], done["watch"]) >= -300, done
        assert done["fuel"] >= -10
        assert done["end"] == pytest.approx(trip.end_arrive, abs=300)
        assert trip.end_fuel - row[V.RESERVE] * row[V.USE_TRANSIT] == pytest.approx(done["fuel"], abs=15)
    bound, _ = upper_bound(problem, solution.columns, solution.value, 6)
    assert solution.value <= bound * (1 + 1e-9)


def test_brute_force_finds_nothing_better_with_watches_fuel_and_hours():
    """The search's plan for one vessel is the best of all sequences under all limits at once."""
    problem = _equipped(11)
    problem = problem._replace(vessel=problem.vessel[:1], pair=problem.pair[:1, :5], harbour=problem.harbour[:1],
                               track=problem.track[:5])  # fmt: skip
    top = max(route_value(problem, 0, r) or 0.0 for k in range(1, 6) for r in itertools.permutations(range(5), k))
    assert solve(problem, SearchSettings(iterations=800), seed=1).value == pytest.approx(top, rel=1e-9)


def test_a_crew_rests_and_what_no_watch_can_reach_is_refused():
    """A visit that the watch has no time for begins after a rest; one that lies a whole watch away is told as such."""
    problem = problem_of(np.random.default_rng(2), 1, 2, drift=0.0, windows=1)
    problem.pair[:, :, 0], problem.pair[:, :, 2], problem.pair[:, :, 3] = 4 * HOUR, 0.0, 30 * HOUR
    problem.track[:, :, :2], problem.vessel[0, [V.X, V.Y]], problem.vessel[0, V.SPEED] = 1e3, 0.0, 5.0
    problem.vessel[0, [V.MAX_WORK, V.REST]] = 6 * HOUR, 5 * HOUR
    states = states_of(problem, 0, [0, 1])
    assert states[2, motion.RESTED] == 1.0
    assert states[2, motion.START] == pytest.approx(states[1, motion.LEAVE] + 5 * HOUR, abs=60)
    problem.track[1, :, :2] = 150e3
    states = np.zeros((2, motion.STATE))
    assert motion.follow(problem, 0, np.array([1]), 1, 0, states)[0] == Code.CREW


def test_fuel_is_taken_at_a_port_that_has_it_and_a_dry_tank_ends_the_trip():
    """With bunkers on the way a vessel goes on; where the port has none it cannot."""
    problem = problem_of(np.random.default_rng(8), 1, 2, windows=1, drift=0.0)
    problem.pair[:, :, 0], problem.pair[:, :, 2], problem.pair[:, :, 3] = HOUR, 0.0, 34 * HOUR
    problem.track[:, :, :2], problem.vessel[0, [V.X, V.Y]], problem.vessel[0, V.SPEED] = 40e3, 0.0, 5.0
    problem.vessel[0, [V.USE_TRANSIT, V.USE_COLLECT]] = np.array([100.0, 400.0]) / HOUR
    problem.vessel[0, [V.FUEL, V.TANK]], problem.vessel[0, V.CALLS] = 1200.0, 2
    assert route_value(problem, 0, [0]) is not None
    assert route_value(problem, 0, [0, 1]) is None, "the port has no bunkers"
    problem.harbour[:, :, P.BUNKER] = 1
    states = states_of(problem, 0, [0, 1])
    assert states[2, motion.PORT] == 0
    assert states[2, motion.FUEL_LEFT] < 1200.0
    problem.vessel[0, V.FUEL] = 500.0
    problem.vessel[0, V.CALLS] = 0
    states = np.zeros((2, motion.STATE))
    assert motion.follow(problem, 0, np.array([0]), 1, 0, states)[0] == Code.FUEL


def test_the_current_helps_one_way_and_hinders_the_other_and_waves_slow():
    """Along a uniform current the time is length / (speed ± current); still water gives length / speed."""
    problem = problem_of(np.random.default_rng(1), 1, 1)
    values = np.zeros((2, 2, 2, 3), np.float32)
    values[..., 0] = 1.0
    problem = _with_flow(problem, Flow(values, 0.0, 0.0, 50e3, 36 * HOUR))
    problem.vessel[0, V.SPEED] = 5.0
    with_it, against = (
        passage.sailed(problem, 0, 0, 0, *a, *b, 36e3, 0.0)
        for a, b in (((0.0, 0.0), (36e3, 0.0)), ((36e3, 0.0), (0.0, 0.0)))
    )
    across = passage.sailed(problem, 0, 0, 0, 0.0, 0.0, 0.0, 36e3, 36e3, 0.0)
    assert (with_it, against) == pytest.approx((36e3 / 6, 36e3 / 4))
    assert across == pytest.approx(36e3 / math.sqrt(24))
    problem.flow[..., 0], problem.flow[..., 2] = 0.0, 2.0
    problem.vessel[0, V.WAVE_LOSS] = 0.1
    assert passage.sailed(problem, 0, 0, 0, 0.0, 0.0, 36e3, 0.0, 36e3, 0.0) == pytest.approx(36e3 / 4)


def test_hours_of_ports_are_local_time_with_closed_days_and_the_change_of_the_clocks():
    """Open 06 to 18 local time, Sundays closed; a port that always is open has one long span."""
    ports = [PortSettings(name="A", lat=0, lon=0, opens="06:00", closes="18:00", closed_days=["sunday"]),
             PortSettings(name="B", lat=0, lon=0)]  # fmt: skip
    gate = opening_hours(ports, "America/Tegucigalpa", ISSUE, 96 * HOUR)
    # Friday 06:00 UTC is midnight there
    spans = gate[0].reshape(-1, 2) / HOUR
    assert spans[np.isfinite(spans[:, 0])].tolist() == [[6, 18], [30, 42], [78, 90]]
    assert gate[1].reshape(-1, 2)[0, 0] <= 0
    assert gate[1].reshape(-1, 2)[0, 1] >= 96 * HOUR
    assert opening_hours(ports[1:], "UTC", ISSUE, HOUR) is None
    spring = opening_hours(ports[:1], "Europe/Rome", np.datetime64("2026-03-27T23:00"), 72 * HOUR)[0].reshape(-1, 2)
    monday = spring[np.isfinite(spring[:, 0])][-1] / HOUR
    assert monday.tolist() == [53, 65], "the clocks went forward on Sunday: an hour less to Monday"
    with pytest.raises(ValueError, match="opens"):
        PortSettings(name="A", lat=0, lon=0, opens="18:00", closes="06:00")


def test_cvar_is_the_mean_of_the_worst_and_the_chosen_routes_are_the_best_of_all():
    """Against all choices of one route for each of two vessels; two that fail in different members hedge each other."""
    assert cvar(np.array([1.0, 2.0, 3.0, 10.0]), 0.5) == pytest.approx(1.5)
    assert cvar(np.array([1.0, 2.0, 3.0]), 0.5) == pytest.approx(2.0 / 1.5)
    rng = np.random.default_rng(4)
    columns = [Column(k // 5, (int(rng.integers(0, 4)),), 1.0) for k in range(10)]
    catch = rng.gamma(1.0, 100.0, (10, 12))
    for aversion in (0.0, 0.5, 1.0):
        chosen = pack_members(columns, catch, [1, 1], 0, aversion, 0.25, effort=2.0, seed=1)

        def aim(rows, weight=aversion):
            total = catch[list(rows)].sum(axis=0) if rows else np.zeros(12)
            return (1 - weight) * total.mean() + weight * cvar(total, 0.25)

        pairs = [(a, b) for a in range(5) for b in range(5, 10) if columns[a].tasks != columns[b].tasks]
        assert aim(chosen) == pytest.approx(max(map(aim, pairs)), rel=1e-4)


def test_rows_of_vessels_without_equipment_count_nothing():
    """A fleet table of the older form gives vessels without watches, tanks and wave loss."""
    from oceanclean.allocation.crews import crews_of
    from oceanclean.allocation.options import SeaSettings
    from oceanclean.allocation.ports import harbours_of
    from oceanclean.allocation.sea_routing import SeaRouter
    from tests.allocation.days import OpenSea, fleet, region

    area, sea = region(OpenSea), SeaSettings()
    router = SeaRouter.of_region(area)
    harbours, _ = harbours_of(area.ports, router, sea)
    boats = fleet({}, {"hold_m3": 20.0, "alternative_ports": "East", "max_work": 14.0, "rest": 8.0})
    crews = crews_of(boats.fillna({"alternative_ports": ""}), harbours, router, sea)
    vessel, harbour = vessel_rows(crews, harbours, 48 * HOUR, sea, np.zeros(2, bool))
    assert (vessel[0, [V.MAX_WORK, V.TANK, V.WAVE_LOSS]] == 0).all()
    assert vessel[1, V.HOLD] == 20.0 * sea.bulk_kg_m3, "room counts before mass"
    assert vessel[1, V.MAX_WORK] == 14 * HOUR
    assert harbour[:, :, P.END].tolist() == [[1, 0], [1, 1]]
