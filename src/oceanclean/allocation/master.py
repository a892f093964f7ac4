"""Choosing among remembered routes: set packing by CP-SAT, its linear relaxation by GLOP.

Presolve is off: on such models it costs more than the whole solve, and with a small deterministic limit it can use up
all of it. One worker and a fixed seed make the choice repeatable.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """A route that one vessel of a kind could sail.

    Attributes:
        kind: vessel kind.
        tasks: tasks in order.
        value: net value.
        over: what it takes beyond the room of its trips; 0 for every route that can be sailed.
    """

    kind: int
    tasks: tuple[int, ...]
    value: float
    over: float = 0.0


def best_columns(columns: Sequence[Column], limit: int) -> list[Column]:
    """The most valuable columns of each kind, an equal number of each, each set of tasks once."""
    by_kind: dict[int, dict[frozenset[int], Column]] = {}
    for column in columns:
        mine = by_kind.setdefault(column.kind, {})
        key = frozenset(column.tasks)
        if key not in mine or mine[key].value < column.value:
            mine[key] = column
    share = max(1, limit // max(1, len(by_kind)))
    kept: list[Column] = []
    for kind in sorted(by_kind):
        ranked = sorted(by_kind[kind].values(), key=lambda c: (-c.value, c.tasks))
        kept += ranked[:share]
    return kept


def pack(
    columns: Sequence[Column], available: Sequence[int], incumbent: Sequence[Column], *, effort: float, seed: int
) -> tuple[list[Column], str]:
    """Choose routes so that every task is served at most once and no kind sails more vessels than it has.

    Args:
        columns: routes to choose from.
        available: vessels of each kind.
        incumbent: a plan to start from; its columns join the others.
        effort: limit in CP-SAT's deterministic time, about seconds.
        seed: of the solver.

    Returns:
        The chosen columns and the solver's status; the incumbent where the solver found nothing better.
    """
    from ortools.sat.python import cp_model

    every = promising(list(dict.fromkeys([*incumbent, *columns])), available, incumbent)
    if not every:
        return list(incumbent), "OPTIMAL" if incumbent else "EMPTY"
    top = max(sum(c.value for c in incumbent), max(c.value for c in every), 1e-12)
    scale = 1e7 / top
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in every]
    by_kind: dict[int, list] = {}
    for column, literal in zip(every, chosen, strict=True):
        by_kind.setdefault(column.kind, []).append(literal)
    for literals in task_rows(every, chosen):
        model.add_at_most_one(literals)
    for kind, literals in by_kind.items():
        if available[kind] == 1:
            model.add_at_most_one(literals)
        else:
            model.add(sum(literals) <= int(available[kind]))
    model.maximize(sum(round(c.value * scale) * x for c, x in zip(every, chosen, strict=True)))
    start = set(incumbent)
    for column, literal in zip(every, chosen, strict=True):
        model.add_hint(literal, column in start)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.cp_model_presolve = False
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return list(incumbent), solver.status_name(status)
    packed = [c for c, x in zip(every, chosen, strict=True) if solver.boolean_value(x)]
    if sum(c.value for c in packed) < sum(c.value for c in incumbent):
        packed = list(incumbent)
    return packed, solver.status_name(status)


def task_rows(columns: Sequence[Column], literals: Sequence[Any]) -> list[list[Any]]:
    """The literals of the columns that serve each task, for tasks that several serve."""
    by_task: dict[int, list[Any]] = {}
    for column, literal in zip(columns, literals, strict=True):
        for task in column.tasks:
            by_task.setdefault(task, []).append(literal)
    return [rows for rows in by_task.values() if len(rows) > 1]


def promising(columns: Sequence[Column], available: Sequence[int], incumbent: Sequence[Column]) -> list[Column]:
    """Columns that could be part of a better choice than the incumbent, and the incumbent's.

    By the linear relaxation: a column whose reduced cost exceeds what the relaxation has over the incumbent is in no
    better choice (reduced-cost fixing).

    Returns:
        None of them where the incumbent is the best choice.
    """
    if not columns:
        return []
    tasks = sorted({t for c in columns for t in c.tasks})
    number = {t: k for k, t in enumerate(tasks)}
    master = Master(available, len(tasks))
    renamed = [Column(c.kind, tuple(number[t] for t in c.tasks), c.value) for c in columns]
    master.add(renamed)
    most, prices, wages = master.solve()
    room = most - sum(c.value for c in incumbent)
    if room <= 1e-9 * max(abs(most), 1e-9):
        return []
    kept = set(incumbent)
    slack = room * (1 + 1e-6) + 1e-9 * abs(most)
    return [
        c for c, r in zip(columns, renamed, strict=True)
        if c in kept or c.value - prices[list(r.tasks)].sum() - wages[c.kind] >= -slack
    ]  # fmt: skip


class Master:
    """The packing's linear relaxation, which grows column by column (GLOP, started from its last basis).

    Args:
        available: vessels of each kind.
        tasks: number of tasks.
    """

    def __init__(self, available: Sequence[int], tasks: int) -> None:
        from ortools.linear_solver import pywraplp

        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.by_task = [self.solver.Constraint(-self.solver.infinity(), 1.0) for _ in range(tasks)]
        self.by_kind = [self.solver.Constraint(-self.solver.infinity(), float(n)) for n in available]
        self.by_room = [self.solver.Constraint(-self.solver.infinity(), 0.0) for _ in available]
        self.objective = self.solver.Objective()
        self.objective.SetMaximization()
        self.chosen: list[tuple[Column, Any]] = []

    def add(self, columns: Sequence[Column]) -> None:
        """Let it choose from more routes; one that takes a task twice counts twice against the task."""
        for column in columns:
            x = self.solver.NumVar(0.0, self.solver.infinity(), "")
            self.chosen.append((column, x))
            self.objective.SetCoefficient(x, column.value)
            self.by_kind[column.kind].SetCoefficient(x, 1.0)
            self.by_room[column.kind].SetCoefficient(x, column.over)
            for task, times in Counter(column.tasks).items():
                self.by_task[task].SetCoefficient(x, float(times))

    def room_prices(self) -> NDArray[np.float64]:
        """(kind) what a unit of room in the hold would bring, at the last solution."""
        return np.array([max(0.0, c.dual_value()) for c in self.by_room])

    def in_use(self) -> list[Column]:
        """Columns that the last solution uses in part."""
        return [column for column, x in self.chosen if x.solution_value() > 1e-6]

    def forbid(self, columns: Collection[Column]) -> None:
        """Columns that may not be used any more."""
        for column, x in self.chosen:
            if column in columns:
                x.SetUb(0.0)

    def solve(self) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Value, and the prices of each task and each kind of vessel: what one more of it would bring.

        Raises:
            RuntimeError: the solver gave up.
        """
        if self.solver.Solve() != self.solver.OPTIMAL:
            raise RuntimeError("GLOP did not solve the packing's linear relaxation")
        prices, wages = (np.array([max(0.0, c.dual_value()) for c in rows]) for rows in (self.by_task, self.by_kind))
        return float(self.objective.Value()), prices, wages
