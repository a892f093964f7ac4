"""Running it for years: days overviewed, filled, planned in spite of dead sources; what is missing is said."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from oceanclean.chain import backfill, days_between, fetch, fetched_roles, month_before, overview
from oceanclean.cli.operations import matrix
from oceanclean.errors import InputError, MissingDataError


def _stage(folder: Path, name: str, **facts) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "stage.json").write_text(json.dumps({"facts": facts}))


@pytest.fixture
def work(tmp_path) -> Path:
    """Four days of the demo region: whole, degraded without a scene, failed, killed; a fifth has nothing."""
    runs = tmp_path / "runs" / "demo"
    for day in ("15", "16", "17", "18"):
        folder = runs / f"2026-06-{day}T1100Z"
        _stage(folder, "ingest", degraded=["No waves."] if day == "16" else [])
        if day in {"15", "16"}:
            if day == "15":
                _stage(folder, "detect-S2A")
            for name in ("map", "forecast", "publish"):
                _stage(folder, name)
            _stage(folder, "allocate", expected_kg=1234.5)
    ledgers = {"15": {"outcome": "complete", "ended": "2026-06-15T11:02:00Z"},
               "16": {"outcome": "degraded", "degraded": ["No waves."]},
               "17": {"outcome": "failed", "error": "MissingDataError: no currents"},
               "18": {"outcome": "running"}}  # fmt: skip
    for day, ledger in ledgers.items():
        (runs / f"2026-06-{day}T1100Z" / "run.json").write_text(json.dumps(ledger))
    return tmp_path


def test_the_matrix_says_what_stands_of_each_day_and_why_not(work, config_dir) -> None:
    """Each product by day; reasons of the degraded, the failed and the killed day stand under it."""
    days = days_between(date(2026, 6, 15), date(2026, 6, 19))
    states = overview("demo", days, work, config_dir)
    assert [s.outcome for s in states] == ["complete", "degraded", "failed", "running", "missing"]
    assert states[0].products == dict.fromkeys(("ingest", "detect", "map", "forecast", "allocate", "publish"), "ok")
    assert states[1].products["detect"] == "none"
    assert states[1].products["ingest"] == "degraded"
    assert states[2].products["map"] == "missing"
    assert states[1].reasons == ("No waves.",)
    assert "no currents" in states[2].reasons[0]
    assert "killed" in states[3].reasons[0]
    assert [s.expected_kg for s in states] == [1234.5, 1234.5, None, None, None]
    lines = matrix(states)
    assert lines[1].startswith("2026-06-15")
    assert "1,234" in lines[1]
    assert lines[3].strip() == "No waves."


def test_a_damaged_ledger_spoils_no_overview(work, config_dir) -> None:
    """A file that is no JSON reads as a day that is missing."""
    (work / "runs" / "demo" / "2026-06-15T1100Z" / "run.json").write_text("{")
    assert overview("demo", ["2026-06-15"], work, config_dir)[0].outcome == "missing"


def test_a_backfill_keeps_plans_and_goes_on_after_a_failure(work, config_dir, monkeypatch) -> None:
    """Backfill plans what is missing, in order; the error of a day is told with it."""
    import oceanclean.chain.filling as module

    asked = []

    def planned(run):
        asked.append(run.issue_time[:10])
        if len(asked) == 1:
            raise MissingDataError("currents", "file", "none", "one", "Fetch it.")
        return ()

    monkeypatch.setattr(module, "plan_day", planned)
    from datetime import UTC, datetime

    days = days_between(date(2026, 6, 15), date(2026, 6, 19))
    done = backfill("demo", days, work=work, config=config_dir, now=datetime(2026, 7, 1, tzinfo=UTC))
    assert asked == ["2026-06-17", "2026-06-18", "2026-06-19"]
    assert [r.outcome for r in done] == ["kept", "kept", "failed", "complete", "complete"]
    assert done[2].error is not None
    assert done[2].error.exit_code == 3


def test_the_month_before() -> None:
    """Across a year's end and a leap day."""
    assert month_before(date(2028, 3, 31)) == (date(2028, 2, 1), date(2028, 2, 29))
    assert month_before(date(2027, 1, 1)) == (date(2026, 12, 1), date(2026, 12, 31))


def test_a_region_without_services_has_nothing_to_fetch(config_dir, tmp_path) -> None:
    """The demo's files come from the twin."""
    from datetime import UTC, datetime

    now = datetime(2026, 6, 15, tzinfo=UTC)
    assert fetched_roles("demo", config_dir) == []
    assert fetch("demo", now=now, work=tmp_path, config=config_dir) == []
    with pytest.raises(InputError, match="one of them"):
        fetch("demo", now=now, date="2026-06-15", until="2026-06-15T00:00Z", work=tmp_path, config=config_dir)


def test_a_dead_service_degrades_the_plans_ingest_and_says_why(fresh) -> None:
    """Wind from a service that nobody serves: the day stands on the files there are and names what went wrong."""
    from datetime import UTC, datetime

    from oceanclean.chain import DailyRun, plan_day
    from tests.chain.conftest import change_yaml

    def with_service(content):
        service = {"service": "zarr", "options": {"url": "http://127.0.0.1:9/wind", "web": {"tries": 1}}}
        content["wind"][0]["fetch"] = service

    change_yaml(fresh.config / "sources" / "cove.yaml", with_service)
    run = DailyRun("cove", "2026-06-15T11:00:00Z", fresh.work, fresh.config)
    (never,) = plan_day(run, until="ingest")
    assert any("were not fetched in the 26 h" in s for s in never.facts["degraded"])
    now = datetime(2026, 6, 15, 10, 35, tzinfo=UTC)
    (outcome,) = fetch("cove", now=now, until=run.issue_time, work=fresh.work, config=fresh.config)
    assert outcome.outcome == "failed"
    (after,) = plan_day(run, until="ingest")
    (said,) = [s for s in after.facts["degraded"] if "simulated wind" in s]
    assert "could not be fetched at 15 Jun 2026 10:35 UTC" in said
    assert "127.0.0.1:9/wind" in said
    assert (after.folder / "forcing.nc").is_file()
