"""One process that plans day after day: its memory, handles, threads and temporary files stay what they were.

Minutes long: `make reliability` runs it; OCEANCLEAN_RELIABILITY_DAYS says how many days (30).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.chain.conftest import ROOT, Place
from tests.reliability.promises import keep
from tests.reliability.small import make_small

pytestmark = [
    pytest.mark.skipif(os.environ.get("OCEANCLEAN_RELIABILITY") != "all", reason="minutes long: make reliability"),
    pytest.mark.timeout(6000),
]
DAYS = int(os.environ.get("OCEANCLEAN_RELIABILITY_DAYS", "30"))


def test_day_after_day_in_one_process_holds_no_more(fresh: Place, tmp_path: Path) -> None:
    """The middle of the last fifth against that of the second; the first days load and compile what is then kept."""
    make_small(fresh)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run([sys.executable, "-m", "tests.reliability.soak", str(DAYS)], cwd=ROOT, capture_output=True,
                          env={**fresh.environment, "TMPDIR": str(temporary)}, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    days = [json.loads(line) for line in done.stdout.splitlines()]
    held = np.array([sum(day["mib"]) for day in days])
    fifth = max(DAYS // 5, 2)
    early, late = np.median(held[fifth : 2 * fifth]), np.median(held[-fifth:])
    handles, threads, left = ([day[k] for day in days] for k in ("handles", "threads", "left"))
    keep("soak", f"{DAYS} days in one process", {
        "mib_early": round(float(early)), "mib_late": round(float(late)),
        "grown_percent": round(100 * float(late / early - 1), 1), "handles": f"{handles[fifth]} to {handles[-1]}",
        "threads": f"{threads[fifth]} to {threads[-1]}", "temporary_files": left[-1],
        "seconds_a_day": round(float(np.median([day["seconds"] for day in days])), 1),
    })  # fmt: skip
    assert late < 1.05 * early, held.tolist()
    assert handles[-1] <= handles[fifth], handles
    assert threads[-1] <= threads[fifth], threads
    assert left[-1] <= left[fifth], left
