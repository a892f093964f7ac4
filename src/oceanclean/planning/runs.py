"""Runs as the store keeps them: the ledger and the published plan of each issue time, and what people decided about it.

Nothing here reads the clock; a run that cannot be read becomes a sentence, so that one bad folder ends no report.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from oceanclean.planning.model import SCHEMA
from oceanclean.planning.notation import moment

#: Where approvals and other decisions are logged, one JSON object a line: under the work folder, the region or the run.
AUDIT = "audit.jsonl"


@dataclass(frozen=True)
class Run:
    """One run of one region.

    Attributes:
        region: name of the region.
        issue_time: ISO 8601 UTC.
        day: the issue time's date on the region's clock.
        folder: the run's folder.
        outcome: ``complete``, ``degraded``, ``failed`` or ``running``.
        ledger: content of ``run.json``.
        plan: content of the published ``plan.json``; None where the run has none.
        overtaken_at: issue time of the region's next plan, or "".
    """

    region: str
    issue_time: str
    day: date
    folder: Path
    outcome: str
    ledger: dict[str, Any]
    plan: dict[str, Any] | None
    overtaken_at: str = ""

    @property
    def title(self) -> str:
        """Name of the region as people write it."""
        return str(self.ledger.get("settings", {}).get("title", self.region))

    @property
    def timezone(self) -> str:
        """The region's clock."""
        return str(self.ledger.get("settings", {}).get("timezone", "UTC"))

    @property
    def degraded(self) -> list[str]:
        """What was missing or old."""
        return [str(s) for s in self.ledger.get("degraded", [])]

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Ledger entry of each stage by its name."""
        return {s["stage"]: s for s in self.ledger.get("stages", [])}

    def collects(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Vessel and order of each collect order that no later plan has overtaken."""
        for vessel in (self.plan or {}).get("vessels", []):
            for order in vessel["orders"]:
                if order["action"] == "collect" and not (self.overtaken_at and order["arrive"] >= self.overtaken_at):
                    yield vessel, order


def read_runs(
    work: Path, region: str | None = None, start: date | None = None, end: date | None = None
) -> tuple[list[Run], list[str]]:
    """All runs under ``<work>/runs``, in the order of region and time.

    Args:
        work: folder of runs.
        region: only this region; None takes all.
        start: first local day wanted.
        end: last local day wanted.

    Returns:
        The runs, and sentences about folders that could not be read.
    """
    notes: list[str] = []
    pattern = f"{region or '*'}/*/run.json"
    found = [_read(path, notes) for path in sorted((work / "runs").glob(pattern))]
    runs = sorted((r for r in found if r is not None), key=lambda r: (r.region, r.issue_time))
    chained = [_with_next(run, runs) for run in runs]
    return [r for r in chained if (not start or r.day >= start) and (not end or r.day <= end)], notes


def _read(path: Path, notes: list[str]) -> Run | None:
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
        issued = str(ledger["issue_time"])
        zone = ZoneInfo(str(ledger.get("settings", {}).get("timezone", "UTC")))
        day = moment(issued).astimezone(zone).date()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        notes.append(f"The run {path.parent.parent.name}/{path.parent.name} has no readable ledger ({error!r}).")
        return None
    outcome = str(ledger.get("outcome", "running"))
    return Run(path.parent.parent.name, issued, day, path.parent, outcome, ledger, _plan(path.parent, notes))


def _plan(folder: Path, notes: list[str]) -> dict[str, Any] | None:
    path = folder / "publish" / "plan.json"
    if not path.is_file():
        return None
    try:
        plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        notes.append(f"{path}: not JSON ({error}).")
        return None
    if not isinstance(plan, dict) or plan.get("schema", "").split("/")[0] != SCHEMA.split("/")[0]:
        notes.append(f"{path}: not an oceanclean plan.")
        return None
    return plan


def _with_next(run: Run, runs: list[Run]) -> Run:
    """The run with the issue time of the region's next plan."""
    later = [r.issue_time for r in runs if r.region == run.region and r.plan and r.issue_time > run.issue_time]
    return Run(**{**run.__dict__, "overtaken_at": min(later, default="")})


@dataclass(frozen=True)
class Decision:
    """A line of the audit log: who did what about which plan (its digest, where the line has one), and when."""

    time: str
    by: str
    action: str
    region: str
    issue_time: str
    plan: str
    note: str
    file: str


@dataclass
class AuditLog:
    """Decisions found, and sentences about lines that could not be read."""

    decisions: list[Decision] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_audit(work: Path) -> AuditLog:
    """Every line of every ``audit.jsonl`` under the work folder, the regions and the runs; none is no error.

    A line is a JSON object. Names that are understood: ``time`` or ``at``; ``by`` or ``name``; ``what``, ``action`` or
    ``event``; ``region``; ``issue_time``; ``plan`` (digest); ``note`` or ``reason``. Region and issue time are taken
    from the place of the file where the line has none.
    """
    log = AuditLog()
    runs = work / "runs"
    files = [work / AUDIT, runs / AUDIT, *sorted(runs.glob(f"*/{AUDIT}")), *sorted(runs.glob(f"*/*/{AUDIT}"))]
    for path in files:
        if not path.is_file():
            continue
        place = path.parent.relative_to(runs).parts if path.is_relative_to(runs) else ()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                _add(log, line, f"{path.relative_to(work)}:{number}", place)
    log.decisions.sort(key=lambda d: (d.time, d.file))
    return log


def _add(log: AuditLog, line: str, where: str, place: tuple[str, ...]) -> None:
    try:
        record = json.loads(line)
        told = {k: str(v) for k, v in record.items() if v is not None}
    except (ValueError, AttributeError):
        log.notes.append(f"{where}: not a JSON object.")
        return

    def first(*names: str, otherwise: str = "") -> str:
        return next((told[n] for n in names if told.get(n)), otherwise)

    log.decisions.append(
        Decision(
            first("time", "at"), first("by", "name"), first("what", "action", "event"),
            first("region", otherwise=place[0] if place else ""),
            first("issue_time", otherwise=place[1] if len(place) > 1 else ""), first("plan"),
            first("note", "reason"), where,
        )
    )  # fmt: skip
