"""What people decided over a day's plan: where it stands, the plan that obeys it, and what each decision costs.

Decisions for every day of a region stand in ``config/decisions/<region>.yaml``, those of one day in the run's own
``decisions.yaml``; both hold, those of the day after the standing ones.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain.run import DailyRun
from oceanclean.chain.what_if import cheaper, solved
from oceanclean.decisions import Decisions, Entry, as_yaml, load_decisions
from oceanclean.products.plan import Plan
from oceanclean.settings import config_root
from oceanclean.store import read_json, write_aside

if TYPE_CHECKING:
    from oceanclean.allocation.process import Job
    from oceanclean.planning import PlanningSettings

#: Folder of an allocation that holds the plan without any decision.
FREE = "undecided"
#: What the plans of one forecast share (:mod:`oceanclean.allocation.sea`).
SEA = "sea.npz"


def day_file(run: DailyRun) -> Path:
    """The day's own decisions."""
    return run.folder.root / "decisions.yaml"


def standing_file(run: DailyRun) -> Path:
    """Decisions that hold on every day of the region."""
    return config_root(run.config) / "decisions" / f"{run.region_name}.yaml"


def decisions_of(run: DailyRun) -> Decisions:
    """The standing decisions and the day's own.

    Raises:
        SettingsError: a file has a wrong key or value.
    """
    found = [load_decisions(path) for path in (standing_file(run), day_file(run)) if path.is_file()]
    made = Decisions()
    for one in found:
        made = made.joined(one)
    return made


def keep(run: DailyRun, decisions: Decisions) -> Path:
    """Write the day's own decisions; none at all removes the file."""
    path = day_file(run)
    if decisions.empty:
        path.unlink(missing_ok=True)
        return path
    with write_aside(path) as aside:
        aside.write_text(as_yaml(decisions), encoding="utf-8")
    return path


def allocate_decided(
    run: DailyRun, job: Job, decisions: Decisions, folder: Path, free_key: str, effort: PlanningSettings
) -> dict[str, Any] | None:
    """Make the plan into ``folder`` and say what the decisions cost.

    The price of a decision is what the plan without it is expected to bring more. The plan without any is taken from
    the store where it stands there.

    Args:
        run: the run.
        job: the allocation without decisions.
        decisions: what people decided.
        folder: folder of the stage.
        free_key: key of the allocation without decisions.
        effort: how many decisions are priced singly, and with how long a search.

    Returns:
        ``by``, ``free_kg``, ``entries`` (``kind``, ``text``, ``reason``, ``cost_kg`` or None) and the decisions as
        plain values; None where nothing was decided.
    """
    if decisions.empty:
        _free_plan(run, job, folder, free_key)
        return None
    free = _free_plan(run, job, folder / FREE, free_key)
    entries = decisions.entries()
    singly = 1 < len(entries) <= effort.priced_singly
    with tempfile.TemporaryDirectory() as place:
        # today's orders are upset only where that pays: the plan without decisions is where the search starts
        shorter = cheaper(job.settings or {}, effort.decided_iterations, (job.settings or {}).get("keep_bonus", 0.0))
        job = replace(job, sea=sea_file(folder))
        wanted = replace(
            job, decisions=decisions.model_dump(mode="json"), previous=str(folder / FREE), settings=shorter
        )
        priced = [_without(job, decisions, e, folder, place, effort) for e in entries] if singly else []
        (expected, _sent), *others = solved([wanted, *priced])
    if not decisions.limits:
        _bound_by(free, folder / "plan.json")
    prices: list[float | None] = [None] * len(entries)
    if len(entries) == 1:
        prices = [free.expected_kg - expected]
    elif singly:
        prices = [kg - expected for kg, _sent in others]
    return {
        "by": decisions.by, "free_kg": free.expected_kg, "record": decisions.model_dump(mode="json"),
        "entries": [
            {"kind": e.kind, "text": e.text, "reason": e.reason, "cost_kg": price}
            for e, price in zip(entries, prices, strict=True)
        ],
    }  # fmt: skip


def _bound_by(free: Plan, path: Path) -> None:
    """Put the free plan's bound on the decided one: whoever only forbids cannot make more possible."""
    record = read_json(path)
    if free.bound_kg is not None:
        bound = max(free.bound_kg, record["expected_kg"])
        record.update(bound_kg=bound, gap=(bound - record["expected_kg"]) / bound if bound > 0 else None)
        path.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")


def _free_plan(run: DailyRun, job: Job, folder: Path, free_key: str) -> Plan:
    """The plan without decisions: out of the store, or made now."""
    from oceanclean.allocation.process import allocate_in_process

    folder.mkdir(exist_ok=True)
    stored = run.folder.finished("allocate")
    if stored is not None and stored.facts.get("free_key") == free_key:
        stands = stored.folder / FREE if stored.facts["decided"] else stored.folder
        for name in (*Plan.FILES, SEA):
            shutil.copy(stands / name, folder / name)
        return Plan.load(folder)
    return allocate_in_process(replace(job, out=str(folder)))


def sea_file(folder: Path) -> str:
    """Patches, weather and ways that an allocation's plans were made on, as they stand in its folder; "" if none do."""
    return next((str(p) for p in (folder / FREE / SEA, folder / SEA) if p.is_file()), "")


def _without(job: Job, decisions: Decisions, entry: Entry, folder: Path, place: str, effort: PlanningSettings) -> Job:
    """The plan that obeys all decisions but one, started from the plan that obeys them all."""
    rest = decisions.without(entry)
    return replace(
        job, decisions=rest.model_dump(mode="json"), out=tempfile.mkdtemp(dir=place), previous=str(folder),
        settings=cheaper(job.settings or {}, effort.price_iterations),
    )  # fmt: skip
