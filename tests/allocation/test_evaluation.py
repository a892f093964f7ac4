"""Published instances: readers read them, and the solver that plans the day is near their best known values."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation import motion
from oceanclean.allocation.evaluation import SEARCH, check, evaluate_allocation, execute
from oceanclean.allocation.orienteering import Instance, drift_field, read_chao, read_folder
from oceanclean.allocation.routing_baseline import route_static
from oceanclean.allocation.search import route_value, solve, states_of
from oceanclean.errors import InputError


def _instance(seed: int = 0, tasks: int = 20) -> Instance:
    rng = np.random.default_rng(seed)
    return Instance("made up", rng.uniform(0, 20, (tasks + 2, 2)), rng.integers(1, 20, tasks).astype(float), 2, 35.0)


def _quick(instance: Instance, velocity=None):
    return solve(instance.problem(velocity), SEARCH.model_copy(update={"iterations": 1200, "rounds": 2}), seed=1)


def test_static_plans_pass_an_independent_check():
    """Lengths recomputed in plain floating point stay under the limit, and no task is taken twice."""
    for seed in range(4):
        assert check(_instance(seed), _quick(_instance(seed)).routes)


def test_the_check_can_fail():
    """A route too long and a task taken twice are both found out."""
    instance = _instance()
    assert not check(instance, [list(range(20)), []])
    assert not check(instance, [[0], [0]])


def test_ours_is_met_in_full_where_targets_drift():
    """Executed by closed-form meetings, a plan made with drift skips nothing and brings what it promised."""
    instance = _instance(2)
    velocity = drift_field(instance, 0.2, np.random.default_rng(3))
    assert np.hypot(*velocity.T).mean() == pytest.approx(0.2)
    solution = _quick(instance, velocity)
    done = execute(instance, velocity, solution.routes)
    assert done.skipped == 0
    assert done.prize == pytest.approx(solution.value, abs=0.01)


def test_drift_costs_those_who_do_not_see_it():
    """The plan that knows the drift catches at least as much as the static ones, and more on the whole."""
    ours, static = 0.0, 0.0
    for seed in range(4):
        instance = _instance(seed)
        velocity = drift_field(instance, 0.3, np.random.default_rng(seed))
        ours += execute(instance, velocity, _quick(instance, velocity).routes).prize
        static += execute(instance, velocity, _quick(instance).routes).prize
    assert ours > 1.03 * static


def test_the_second_method_keeps_the_limits_and_does_not_beat_ours():
    """OR-Tools routing gives feasible routes on the static problem, worth no more than ours."""
    for seed in range(2):
        instance = _instance(seed)
        problem = instance.problem()
        routes = route_static(problem, seconds=2.0, solutions=50)
        assert check(instance, routes)
        value = sum(route_value(problem, v, r) or 0.0 for v, r in enumerate(routes))
        assert 0 < value <= _quick(instance).value + 1e-6


def test_a_folder_without_instances_is_refused(tmp_path):
    """A wrong folder is an error that says what was expected."""
    with pytest.raises(InputError, match="instances"):
        evaluate_allocation(tmp_path, 1.0)
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "p0.txt").write_text("n 3\nm 1\ntmax x\n")
    with pytest.raises(InputError):
        evaluate_allocation(tmp_path, 1.0)


@pytest.mark.real
def test_chao_instances_are_near_their_best_known_values(real_data):
    """Two of the tight instances within 1 % at a fixed number of steps."""
    folder = real_data("orienteering_team_chao")
    for name, best in (("p5.3.t", 1260.0), ("p4.4.p", 1120.0)):
        instance = read_chao(folder / "instances" / f"{name}.txt", best)
        solution = solve(instance.problem(), SEARCH.model_copy(update={"iterations": 6000}), seed=1)
        assert check(instance, solution.routes)
        assert sum(instance.prizes[t] for r in solution.routes for t in r) >= 0.99 * best


@pytest.mark.real
def test_every_instance_of_the_library_can_be_read(real_data):
    """Readers of all layouts with best known values, and of the capacitated one."""
    assert sum(i.best_known is not None for i in read_folder(real_data("orienteering_team_chao"))) > 250
    windows = list(read_folder(real_data("orienteering_team_windows")))
    assert len(windows) > 200
    assert all(i.windows is not None and (i.windows[:, 1] >= i.windows[:, 0]).all() for i in windows)
    assert len(list(read_folder(real_data("orienteering_capacitated")))) >= 9
    timed = list(read_folder(real_data("orienteering_time_dependent")))
    assert len(timed) >= 50
    assert all(i.profile is not None and i.arc is not None for i in timed)


def _time_dependent(folder, tasks=6):
    """A folder laid out like the time-dependent library: slow mornings on every arc but the last task's."""
    rng = np.random.default_rng(2)
    place = folder / "instances" / "dataset9" / "OP_instances"
    place.mkdir(parents=True)
    xy = rng.uniform(0, 30, (tasks + 2, 2))
    rows = [f"{x} {y} {0 if k in (0, tasks + 1) else 10}" for k, (x, y) in enumerate(xy)]
    (place / "p9.1.a.txt").write_text("\n".join([f"n {tasks + 2}", "m 1", "tmax 9", *rows]))
    category = np.zeros((tasks + 2, tasks + 2), int)
    category[tasks] = 4
    (folder / "instances" / "dataset9" / "arc_cat_9.txt").write_text(
        "\n".join("\t".join(map(str, row)) for row in category)
    )
    speeds = [[0.5, 1.0, 0.5, 1.0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1.5, 1.5, 1.5, 1.5]]
    (folder / "instances" / "speedmatrix.txt").write_text("\n".join("\t".join(map(str, row)) for row in speeds))
    return place


def test_time_dependent_instances_are_read_and_their_speeds_obeyed(tmp_path):
    """Slow periods cost time in the plan and in the independent check alike."""
    place = _time_dependent(tmp_path)
    instance = next(iter(read_folder(tmp_path)))
    assert instance.profile is not None
    assert instance.arc.shape == (8, 8)
    assert instance.arc[5, 0] == 4, "rows of tasks come first: the last task is number 5"
    assert instance.arc[6, 7] == 0
    solution = _quick(instance)
    assert sum(map(len, solution.routes)) > 0
    assert check(instance, solution.routes)
    states = states_of(instance.problem(), 0, solution.routes[0])
    metres = np.hypot(*(instance.points[1 + solution.routes[0][0]] - instance.points[0]))
    assert states[1, motion.LEAVE] == pytest.approx(metres / 0.5 if metres < 1 else 2 + (metres - 1) / 1.0)
    (place.parent / "arc_cat_9.txt").write_text("1 2\n")
    with pytest.raises(InputError, match="8 rows of 8"):
        list(read_folder(tmp_path))
