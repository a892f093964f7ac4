"""Which product of which day stands, and why not: read from the run folders alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from oceanclean.chain.run import DailyRun, issue_time_of

#: Products of a day, in order: columns of the matrix.
PRODUCTS = ("ingest", "detect", "map", "forecast", "allocate", "publish")
#: What a cell says.
STANDS, SINGLE_GAP, ABSENT, NONE = "ok", "degraded", "missing", "none"


@dataclass(frozen=True)
class DayState:
    """One day of one region.

    Attributes:
        day: local day, ``YYYY-MM-DD``.
        issue_time: when its plan is issued, ISO 8601 UTC.
        outcome: ``complete``, ``degraded``, ``failed``, ``running`` (or killed) or ``missing``.
        products: each of :data:`PRODUCTS` with ``ok``, ``degraded``, ``missing``, or ``none`` (no scene).
        scenes: scenes that were looked at.
        expected_kg: expected catch of the plan, or None without one.
        ended: when the plan stood, ISO 8601 UTC, or empty.
        reasons: what is missing or old, or the error, in sentences.
    """

    day: str
    issue_time: str
    outcome: str
    products: dict[str, str]
    scenes: int
    expected_kg: float | None
    ended: str
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def days_between(first: date, last: date) -> list[str]:
    """Days from ``first`` to ``last``, both included, as ``YYYY-MM-DD``."""
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def overview(region_name: str, days: Sequence[str], work: Path, config: Path | None = None) -> list[DayState]:
    """The state of each day.

    Args:
        region_name: a file of ``config/regions``.
        days: local days, ``YYYY-MM-DD``.
        work: folder of runs.
        config: configuration folder, or None for the default.

    Raises:
        InputError: not a day.
        SettingsError: unknown region.
    """
    settings = DailyRun(region_name, "", work, config).region.settings
    return [_state(DailyRun(region_name, issue_time_of(day, settings), work, config), day) for day in days]


def _state(run: DailyRun, day: str) -> DayState:
    ledger = _read(run.folder.root / "run.json")
    outcome = str(ledger.get("outcome", "missing"))
    stages = {path.parent.name: _read(path) for path in run.folder.root.glob("*/stage.json")}
    products = {name: _cell(name, stages) for name in PRODUCTS}
    scenes = sum(1 for name in stages if name.startswith("detect-"))
    facts = stages.get("allocate", {}).get("facts", {})
    planned = outcome in {"complete", "degraded"}
    reasons = [str(r) for r in ledger.get("degraded", [])] if planned else []
    if outcome == "failed":
        reasons.append(str(ledger.get("error", "no reason written")))
    elif outcome == "running":
        reasons.append("It is running, or was killed: start it again.")
    return DayState(
        day, run.issue_time, outcome, products, scenes, facts.get("expected_kg") if planned else None,
        str(ledger.get("ended", "")) if planned else "", tuple(reasons),
    )  # fmt: skip


def _cell(product: str, stages: dict[str, dict[str, Any]]) -> str:
    """What stands of a product."""
    found = [s for name, s in stages.items() if name == product or name.startswith(f"{product}-")]
    if not found:
        return NONE if product == "detect" and "map" in stages else ABSENT
    return SINGLE_GAP if any(s.get("facts", {}).get("degraded") for s in found) else STANDS


def _read(path: Path) -> dict[str, Any]:
    """A JSON file; an empty record where it is absent or damaged: an overview is shown of whatever stands."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
