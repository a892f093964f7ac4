"""The daily flow under Prefect's ephemeral server: killed in the middle, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oceanclean.store import ASIDE
from tests.chain.conftest import DAY, Place

ROOT = Path(__file__).resolve().parents[2]


def _flow(place: Place, errors: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flows.daily", "--region", "cove", "--date", DAY]
    return subprocess.Popen(
        command, cwd=ROOT, env=place.environment, stdout=subprocess.PIPE, stderr=errors.open("a"), text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.timeout(600)
def test_a_killed_flow_is_started_again_and_ends(continued: Place, tmp_path: Path) -> None:
    """SIGKILL leaves a slot of the region taken in Prefect's books; the next start frees it and finishes the day."""
    errors = tmp_path / "stderr"
    for stage in ("forecast", "allocate", "publish"):
        (continued.day / stage).rename(tmp_path / stage)  # so that there is something to be killed in
    first = _flow(continued, errors)
    deadline = time.monotonic() + 200
    while not list(continued.day.glob(f"{ASIDE}*")) and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert first.poll() is None, errors.read_text()[-2000:]
    os.killpg(first.pid, signal.SIGKILL)  # the flow and the server that it started
    first.wait()
    second = _flow(continued, errors)
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 0, errors.read_text()[-2000:]
    assert "from the store" in output
    assert (continued.day / "publish" / "plan.html").is_file()
