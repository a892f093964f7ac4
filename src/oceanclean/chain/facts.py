"""Facts of a run for its page: what is degraded, where figures come from, who approved the plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oceanclean import __version__
from oceanclean.chain import audit
from oceanclean.chain.ledger import code_digest
from oceanclean.chain.run import DailyRun
from oceanclean.store import StageRecord, read_json

#: A sentence that starts so tells of something noticed and dealt with; it makes no plan worse.
NOTE = "Note: "


def degraded(records: Sequence[StageRecord]) -> list[str]:
    """All sentences about what is missing or old today, in the order of the stages, each once; notes left out."""
    said = (s.strip() for r in records for s in r.facts.get("degraded", []) if s.strip() and not s.startswith(NOTE))
    return list(dict.fromkeys(s[0].upper() + s[1:] + ("" if s.endswith(".") else ".") for s in said))


def page_facts(run: DailyRun, before: Sequence[StageRecord], yesterday: Path | None) -> dict[str, Any]:
    """What the page says about where its figures come from (see ``docs/plan-page.md``).

    Args:
        run: the run.
        before: the stages that the page is made from.
        yesterday: folder of the page of the day before, or None.
    """
    facts = {r.stage: r.facts for r in before}
    cutoff = facts["ingest"]["cutoff"]
    named = [{"name": name, "cut_off": time} for name, time in cutoff.items() if time not in {"none", "unknown"}]
    files = [{"name": f"{i['role']}: {i['title']}", "note": i["files"]} for i in facts["ingest"]["inputs"]]
    forecast_model = {
        "stage": "forecast", "name": "ensemble drift", "version": f"{facts['forecast']['members']} members",
        "note": f"from the map of {facts['map']['map_time']}; prior: {facts['map']['prior'] or 'none'}",
    }  # fmt: skip
    return {
        "run_id": f"{run.region_name} {run.folder.root.name}",
        "issue_time": run.issue_time,
        "software": f"oceanclean {__version__}, code {code_digest()[:12]}",
        "sources": named + files,
        "models": [forecast_model],
        "lineage": {
            "seed": str(run.seed),
            **{r.stage: f"made from {r.key[:12]}, gave {r.digest[:12]}" for r in before},
        },
        "degraded": degraded(before),
        "plan_digest": next(r.digest for r in before if r.stage == "allocate"),
        "decided": facts["allocate"].get("decided"),
        "prepared_by": (facts["allocate"].get("decided") or {}).get("by", ""),
        "yesterday": read_json(yesterday / "plan.json") if yesterday else None,
    }


def approval_of(run: DailyRun, allocated: StageRecord) -> dict[str, str]:
    """Status of the plan, and who approved it when, as the page's facts."""
    event = audit.approval(audit.read(run.folder.root / audit.FILE), allocated.digest)
    if event is None:
        return {"status": "DRAFT", "approved_by": "", "approved_at": "", "approval_note": ""}
    return {"status": "APPROVED", "approved_by": event.by, "approved_at": event.time, "approval_note": event.note}
