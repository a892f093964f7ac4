"""The plan before against what was reported by the issue time."""

from __future__ import annotations

from pathlib import Path

import pytest

from oceanclean.chain import DailyRun
from oceanclean.chain.outcome import outcome_of, reports_key


def order(leave: str, kg: float) -> dict:
    return {"action": "collect", "leave": leave, "expected_kg": kg}


YESTERDAY = {
    "header": {"issue_time": "2026-06-15T11:00:00Z"},
    "vessels": [
        {"vessel_id": "a", "name": "A", "status": "sent",
         "orders": [order("2026-06-15T20:00:00Z", 100.0), order("2026-06-16T20:00:00Z", 50.0)]},
        {"vessel_id": "b", "name": "B", "status": "sent", "orders": [order("2026-06-16T09:00:00Z", 70.0)]},
        {"vessel_id": "c", "name": "C", "status": "stays", "orders": []},
    ],
}  # fmt: skip
REPORTS = """started_at,ended_at,available_at,latitude,longitude,vessel_id,caught_kg
2026-06-15T14:00Z,2026-06-15T16:00Z,2026-06-15T17:00Z,16.1,-87.1,a,60
2026-06-15T18:00Z,2026-06-15T19:00Z,2026-06-15T21:00Z,16.2,-87.1,a,15
2026-06-16T08:00Z,2026-06-16T09:00Z,2026-06-16T13:00Z,16.3,-87.1,b,90
2026-06-14T14:00Z,2026-06-14T16:00Z,2026-06-14T17:00Z,16.1,-87.1,a,500
"""


@pytest.fixture
def run(tmp_path: Path, small_config: Path) -> DailyRun:
    return DailyRun("cove", "2026-06-16T11:00:00Z", tmp_path, small_config)


def report(run: DailyRun, text: str) -> None:
    folder = run.work / "catches" / "cove"
    folder.mkdir(parents=True)
    (folder / "hauls.csv").write_text(text, encoding="utf-8")


def test_only_what_was_due_and_reported_by_the_issue_time_counts(run: DailyRun) -> None:
    """Later orders, older hauls and reports that came after the issue time are left out; who stayed has no row."""
    report(run, REPORTS)
    rows, _notes = outcome_of(run, YESTERDAY)
    assert [(r["vessel_id"], r["expected_kg"], r["caught_kg"], r["hauls"]) for r in rows] == [
        ("a", 100.0, 75.0, 2),
        ("b", 70.0, None, 0),
    ]
    assert list(reports_key(run)) == ["hauls.csv"]


def test_without_reports_or_a_plan_before_there_is_nothing_to_compare(run: DailyRun) -> None:
    assert outcome_of(run, YESTERDAY) == ([], [])
    report(run, REPORTS)
    assert outcome_of(run, None) == ([], [])


def test_a_wrong_report_is_named_and_ends_nothing(run: DailyRun) -> None:
    report(run, REPORTS.replace(",60\n", ",-60\n"))
    rows, (said,) = outcome_of(run, YESTERDAY)
    assert rows == []
    assert "hauls.csv" in said
    assert "line 2" in said
