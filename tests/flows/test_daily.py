"""Flows: schedules fit their flow, an input error is not retried, the orchestrator's files stay in the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


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
