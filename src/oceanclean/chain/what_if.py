"""The plan if something were otherwise: a vessel more or less, faster, in rougher water, yesterday's orders kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.decisions import Decisions, Hold, Limit
from oceanclean.products.files import write_parquet
from oceanclean.products.plan import Plan
from oceanclean.settings import KNOT_M_S
from oceanclean.store import read_json

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.allocation.process import Job

#: Steps of the table: knots of transit speed, metres of significant wave height.
SPEED_STEP_KN, WAVE_STEP_M = 1.0, 0.5
#: Wave height below which no limit is lowered, metres.
LOWEST_WAVE_M = 0.1


@dataclass(frozen=True)
class Case:
    """One row of the table: what is otherwise, in words, and the job that plans it."""

    kind: str
    text: str
    job: Job


def cheaper(settings: Mapping[str, Any], iterations: int, keep_bonus: float = 0.0) -> dict[str, Any]:
    """Allocation settings for a plan of which only the catch is wanted: a shorter search, no bound."""
    search = {**(settings.get("search") or {}), "iterations": iterations, "rounds": 1, "bound_rounds": 0}
    return {**settings, "search": search, "keep_bonus": keep_bonus}


def solved(jobs: list[Job]) -> list[tuple[float, int]]:
    """Expected catch and number of vessels sent of each job, one after the other in one process beside this one.

    Raises:
        OceancleanError: what an allocation raised.
    """
    from oceanclean.allocation.process import ready_solver, solve_in_process

    found = []
    with ready_solver(bool(jobs)):
        for job in jobs:
            solve_in_process(job, timeout_s=None)
            record = read_json(Path(job.out) / Plan.FILES[0])
            found.append((float(record["expected_kg"]), sum(v["status"] == "sent" for v in record["vessels"])))
    return found


def table(job: Job, decisions: Decisions, stands: Path, yesterday: str, iterations: int) -> list[dict[str, Any]]:
    """Rows of the table.

    Args:
        job: the allocation of the plan that stands, without decisions.
        decisions: what people decided over it; holds in every row.
        stands: folder of the plan that stands; every row's search starts from it.
        yesterday: folder of yesterday's plan, or "".
        iterations: of each row's search.

    Returns:
        ``kind``, ``text``, ``expected_kg``, ``change_kg`` against the plan that stands, ``vessels_sent``.
    """
    plan = Plan.load(stands)
    with tempfile.TemporaryDirectory() as place:
        base = replace(job, out="", previous=str(stands), settings=cheaper(job.settings or {}, iterations),
                       decisions=decisions.model_dump(mode="json"))  # fmt: skip
        cases = _cases(base, decisions, plan, yesterday, Path(place))
        jobs = [replace(case.job, out=_folder(Path(place), number)) for number, case in enumerate(cases)]
        found = solved(jobs)
    return [
        {"kind": case.kind, "text": case.text, "expected_kg": expected, "change_kg": expected - plan.expected_kg,
         "vessels_sent": sent}
        for case, (expected, sent) in zip(cases, found, strict=True)
    ]  # fmt: skip


def _folder(place: Path, number: int) -> str:
    folder = place / str(number)
    folder.mkdir()
    return str(folder)


def _cases(base: Job, decisions: Decisions, plan: Plan, yesterday: str, place: Path) -> list[Case]:
    import geopandas as gpd

    fleet = gpd.read_parquet(base.fleet)
    names = dict(zip(fleet["vessel_id"], fleet["name"], strict=True))
    cases = []
    if yesterday:
        keep = replace(base, previous=yesterday, settings={**(base.settings or {}), "keep_bonus": 1.0})
        cases.append(Case("yesterday", "Every vessel keeps to the patches of the plan before", keep))
    sent = [v for v in plan.vessels if v.status == "sent"]
    if sent:
        best = max(sent, key=lambda v: (v.expected_kg, v.vessel_id)).vessel_id
        held = decisions.joined(Decisions(holds=[Hold(vessel=best, reason="what if")]))
        cases.append(Case("fewer", f"{names[best]} cannot sail", _decided(base, held)))
        cases.append(
            Case("more", f"One more vessel like {names[best]}", replace(base, fleet=_doubled(fleet, best, place)))
        )
    for kind, text, step in (
        ("faster", f"Every vessel {SPEED_STEP_KN:g} kn faster in transit", SPEED_STEP_KN),
        ("slower", f"Every vessel {SPEED_STEP_KN:g} kn slower in transit", -SPEED_STEP_KN),
    ):
        cases.append(Case(kind, text, _limited(base, decisions, fleet, _speed(step))))
    for kind, text, step in (
        ("rougher", f"Every vessel works in waves {WAVE_STEP_M:g} m higher", WAVE_STEP_M),
        ("calmer", f"Every vessel works only in waves {WAVE_STEP_M:g} m lower", -WAVE_STEP_M),
    ):
        cases.append(Case(kind, text, _limited(base, decisions, fleet, _waves(step))))
    return cases


def _decided(base: Job, decisions: Decisions) -> Job:
    return replace(base, decisions=decisions.model_dump(mode="json"))


def _doubled(fleet: gpd.GeoDataFrame, vessel: str, place: Path) -> str:
    """The fleet with a second vessel like one of its own, as a file."""
    import pandas as pd

    twin = fleet[fleet["vessel_id"] == vessel].assign(vessel_id="what-if-one-more")
    path = place / "fleet.parquet"
    write_parquet(pd.concat([fleet, twin], ignore_index=True), path)
    return str(path)


def _limited(base: Job, decisions: Decisions, fleet: gpd.GeoDataFrame, of: Callable[[Any], dict[str, float]]) -> Job:
    limits = [Limit.model_validate({"vessel": row["vessel_id"], **of(row)}) for row in fleet.to_dict("records")]
    return _decided(base, decisions.joined(Decisions(limits=limits)))


def _speed(step: float) -> Callable[[Any], dict[str, float]]:
    return lambda row: {"transit_speed_kn": max(1.0, min(50.0, row["transit_speed"] / KNOT_M_S + step))}


def _waves(step: float) -> Callable[[Any], dict[str, float]]:
    return lambda row: {"max_wave_height_m": max(LOWEST_WAVE_M, min(20.0, row["max_wave_height"] + step))}
