"""Flows: schedules fit their flow, an input error is not retried, the orchestrator's files stay in the project."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from oceanclean.settings import load_region_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def serve():
    from flows import serve

    return serve


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "regions").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_regions_schedule_fits_the_flow(serve, path: Path) -> None:
    """Parameters are the flow's, and the schedule fires at the region's own hour."""
    from flows.daily import daily

    region = load_region_settings(path.stem, ROOT / "config")
    deployment = serve.deployment_of(region)
    inspect.signature(daily.fn).bind(**deployment.parameters)
    schedule = deployment.schedules[0].schedule
    assert schedule.cron == f"0 {region.plan_hour} * * *"
    assert ZoneInfo(schedule.timezone) == ZoneInfo(region.timezone)


def test_serving_without_a_server_says_so() -> None:
    """A schedule on the ephemeral server would never fire: refused with the command that helps."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.serve"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "prefect server start" in done.stderr


def test_an_input_error_is_not_retried() -> None:
    """What is wrong with the input stays wrong; what may be a passing fault is tried again."""
    from prefect.states import Failed

    from flows.daily import _worth_retrying
    from oceanclean.errors import MissingDataError

    known = MissingDataError("a.nc", "u", "nothing", "something", "Fetch it.")
    assert not _worth_retrying(None, None, Failed(data=known))
    assert _worth_retrying(None, None, Failed(data=OSError("stale handle")))


def test_the_flow_holds_no_algorithm() -> None:
    """The flow module stays a page long and imports no room but the chain."""
    text = (ROOT / "flows" / "daily.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    for room in ("vision", "density", "drift", "allocation", "planning", "sources", "twin"):
        assert f"oceanclean.{room}" not in text
        assert f"import {room}" not in text
