"""The desk's page: what was decided and what it costs, forms for more, approval, and the plan itself below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oceanclean.chain import DailyRun, audit, audit_file, decided
from oceanclean.chain.facts import approval_of
from oceanclean.chain.replan import stored
from oceanclean.decisions import LIMITS, Decisions, load_decisions
from oceanclean.store import read_json

_FOLDER = Path(__file__).parent
PAGE_STYLE = (_FOLDER / "desk.css").read_text(encoding="utf-8")


def render(run: DailyRun, decisions: Decisions, token: str, message: str) -> str:
    """The page as HTML; everything from outside is escaped.

    Args:
        run: a planned day.
        decisions: those being made.
        token: what a form must carry.
        message: answer to the last form.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    page: str = environment.get_template("desk.html.j2").render(
        style=PAGE_STYLE, token=token, message=message, decisions=decisions, limits=LIMITS, **_facts(run, decisions)
    )
    return page


def _facts(run: DailyRun, decisions: Decisions) -> dict[str, Any]:
    """The plan that stands, and how the decisions on the desk differ from those it was made with."""
    allocated, published = stored(run, "allocate"), stored(run, "publish")
    plan = read_json(published.path(published.facts["files"]["plan"]))
    file = decided.standing_file(run)
    standing = load_decisions(file) if file.is_file() else Decisions()
    planned = Decisions.model_validate((allocated.facts.get("decided") or {}).get("record", {}))
    wanted = standing.joined(decisions)
    same = {**wanted.model_dump(), "by": ""} == {**planned.model_dump(), "by": ""}
    return {
        "plan": plan, "digest": allocated.digest, "approval": approval_of(run, allocated), "pending": not same,
        "standing": standing.entries(), "entries": decisions.entries(), "by": decisions.by or planned.by,
        "events": audit.read(audit_file(run))[-10:][::-1], "hand": plan.get("hand"),
    }  # fmt: skip
