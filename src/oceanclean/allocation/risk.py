"""Planning for bad cases: conditional value at risk of the fleet's catch over the forecast's members.

CVaR at a share α is the mean catch of the worst α of the members (Rockafellar & Uryasev 2000, Journal of Risk 2(3),
21-41). It belongs to the whole fleet: two vessels that do badly in different members hedge each other. So routes are
chosen by the fleet's catch in every member, not route by route.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation.master import Column, best_columns, task_rows
from oceanclean.allocation.orders import catch_of
from oceanclean.allocation.schedule import tell
from oceanclean.allocation.search import Solution, as_columns, route_value, unpacked, vessel_kinds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.model import Day
    from oceanclean.allocation.options import AllocationSettings

#: Routes from which those of a plan for bad cases are chosen.
CHOICES = 200
#: Limit of the choice in CP-SAT's deterministic time; the models are small, and their optimum is not worth a proof.
EFFORT = 0.2
#: Whole units that the best fleet catch is told in.
UNITS = 10_000


def cvar(values: NDArray[np.float64], share: float) -> float:
    """Mean of the worst ``share`` of equally likely values; one that lies across the edge counts in part."""
    ordered, wanted = np.sort(np.asarray(values, float)), share * len(values)
    weight = np.clip(wanted - np.arange(len(ordered)), 0.0, 1.0)
    return float((ordered * weight).sum() / weight.sum())


def for_bad_cases(day: Day, solution: Solution, settings: AllocationSettings, seed: int) -> Solution:
    """Choose the routes anew by (1 − λ) mean + λ CVaR of the fleet's catch, from those that the search remembers.

    Args:
        day: the problem and its members.
        solution: what the search found; kept where no choice is better.
        settings: ``risk_aversion`` λ and ``cvar_share`` α.
        seed: of the solver.

    Returns:
        The solution with the chosen routes.
    """
    kinds = vessel_kinds(day.problem)
    vessel_of = {int(k): int(np.flatnonzero(kinds == k)[0]) for k in np.unique(kinds)}
    incumbent = as_columns(day.problem, kinds, solution.routes)
    every = list(dict.fromkeys([*incumbent, *best_columns(solution.columns, CHOICES)]))
    every = [c for c in every if route_value(day.problem, vessel_of[c.kind], c.tasks) is not None]
    if not every:
        return solution
    catch = np.array([_members(day, vessel_of[c.kind], c.tasks) for c in every])
    chosen = pack_members(every, catch, np.bincount(kinds).tolist(), len(incumbent), settings.risk_aversion,
                          settings.cvar_share, effort=EFFORT, seed=seed)  # fmt: skip
    _, routes = unpacked([every[k] for k in chosen], kinds)
    value = sum(route_value(day.problem, v, r) or 0.0 for v, r in enumerate(routes))
    return Solution(routes, value, solution.columns, solution.iterations, solution.seconds, solution.history,
                    solution.packing)  # fmt: skip


def _members(day: Day, v: int, tasks: Sequence[int]) -> NDArray[np.float64]:
    """(member) catch of a route, kg."""
    return catch_of(day, v, tell(day.problem, v, tasks)).total


def pack_members(
    columns: Sequence[Column], catch: NDArray[np.float64], available: Sequence[int], incumbent: int, aversion: float,
    share: float, *, effort: float, seed: int,
) -> list[int]:  # fmt: skip
    """Choose routes by mean and CVaR of the sum of their catches (CP-SAT).

    CVaR is the largest η − Σ_m max(0, η − T_m) / (α M) over all η, with the fleet's catch T_m in member m of M.

    Args:
        columns: routes to choose from; the first ``incumbent`` are a plan to start from.
        catch: (column, member) kg.
        available: vessels of each kind.
        incumbent: columns of the plan to start from.
        aversion: weight λ of CVaR.
        share: α.
        effort: limit in CP-SAT's deterministic time.
        seed: of the solver.

    Returns:
        Indices of the chosen columns; those of the incumbent where the solver finds nothing better.
    """
    from ortools.sat.python import cp_model

    members = catch.shape[1]
    top = max(float(np.sort(catch.max(axis=1))[::-1][: sum(available)].sum()), 1e-9)
    whole = np.floor(catch / top * UNITS).astype(np.int64)
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in columns]
    for literals in task_rows(columns, chosen):
        model.add_at_most_one(literals)
    for kind, count in enumerate(available):
        model.add(sum(x for c, x in zip(columns, chosen, strict=True) if c.kind == kind) <= int(count))
    level = model.new_int_var(0, UNITS, "")
    lack = [model.new_int_var(0, UNITS, "") for _ in range(members)]
    for m in range(members):
        model.add(lack[m] >= level - sum(int(w) * x for w, x in zip(whole[:, m], chosen, strict=True)))
    mean = [(1.0 - aversion) * float(w) for w in whole.mean(axis=1)]
    model.maximize(
        sum(w * x for w, x in zip(mean, chosen, strict=True))
        + aversion * level - sum(aversion / (share * members) * short for short in lack)
    )  # fmt: skip
    for k, x in enumerate(chosen):
        model.add_hint(x, k < incumbent)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers, solver.parameters.random_seed = 1, seed
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    before = list(range(incumbent))
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return before
    found = [k for k, x in enumerate(chosen) if solver.boolean_value(x)]

    def aim(rows: list[int]) -> float:
        total = catch[rows].sum(axis=0)
        return (1.0 - aversion) * float(total.mean()) + aversion * cvar(total, share)

    return max(before, found, key=aim)
