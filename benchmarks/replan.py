"""Seconds until a finished day is planned anew with one pin: ``python -m benchmarks.replan --work var``.

The day (by default the demo's) is copied, so that nothing of it changes. The plan without decisions is brought into the
store by this code, then the heaviest patch that no vessel is sent to is pinned to the vessel with the largest catch:
once by the command line in a fresh process, once by the planner's desk in a process that has done it before, once taken
back. Compiled code is in numba's cache by then, as it is for a planner from the second day on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oceanclean.chain import DailyRun, issue_time_of, replan
from oceanclean.decisions import Decisions, Pin, as_yaml
from oceanclean.products import Plan
from oceanclean.settings import load_region_settings


def _command(work: Path, day: argparse.Namespace, *arguments: str) -> tuple[float, dict]:
    """Run ``oceanclean replan``; seconds of wall time and what it answered."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "oceanclean", "replan", "--json", "--region", day.region, "--date", day.date]
    done = subprocess.run([*command, "--work", str(work), *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, "OCEANCLEAN_WORK": str(work)})  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - begin, json.loads(done.stdout)


def main() -> None:
    """Copy the day, pin, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("var"))
    parser.add_argument("--region", default="demo")
    parser.add_argument("--date", default="2026-06-15")
    day = parser.parse_args()
    issue = issue_time_of(day.date, load_region_settings(day.region))
    if not DailyRun(day.region, issue, day.work).folder.finished("forecast"):
        sys.exit(f"Plan the day first: oceanclean plan --region {day.region} --date {day.date} --work {day.work}")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "work"
        shutil.copytree(day.work / "runs" / day.region, work / "runs" / day.region)
        os.environ["OCEANCLEAN_WORK"] = str(work)
        run = DailyRun(day.region, issue, work)
        seconds, _ = _command(work, day, "--clear")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the plan without decisions: {seconds:.1f} s")
        plan = Plan.load(run.folder.root / "allocate")
        vessel = max((v for v in plan.vessels if v.status == "sent"), key=lambda v: v.expected_kg).vessel_id
        left = plan.tasks[plan.tasks["served_by"] == ""].sort_values("mass_kg", ascending=False)
        pinned = Decisions(by="Benchmark", pins=[Pin(vessel=vessel, task=left["task_id"].iloc[0], reason="timed")])
        file = Path(scratch) / "pin.yaml"
        file.write_text(as_yaml(pinned), encoding="utf-8")
        seconds, answer = _command(work, day, "--decisions", str(file))
        (entry,) = answer["decided"]["entries"]
        print(f"one pin, command line: {seconds:.1f} s {answer['seconds']}; {entry['text']}: "
              f"costs {entry['cost_kg']:.0f} of {answer['decided']['free_kg']:.0f} kg")  # fmt: skip
        seconds, _ = _command(work, day, "--clear")
        print(f"the pin taken back, command line: {seconds:.1f} s")
        for what in (pinned, Decisions(), pinned):
            begin = time.perf_counter()
            done = replan(run, what)
            reused = all(r.reused for r in done.records)
            print(f"in one process, {len(what.entries())} pins: {time.perf_counter() - begin:.1f} s"
                  f"{' (from the store)' if reused else ''}")  # fmt: skip


if __name__ == "__main__":
    main()
