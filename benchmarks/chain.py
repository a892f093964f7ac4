"""Seconds, peak memory, input and output sizes of each stage of the demo day: ``python -m benchmarks.chain``.

The day is planned in an empty folder, each stage in a fresh process, so that a stage's memory is its own; then the
finished day is asked for once more, which the store answers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oceanclean.chain import STAGES


def _oceanclean(work: Path, *arguments: str) -> tuple[float, str]:
    """Run the command line; seconds of wall time and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "oceanclean", *arguments, "--work", str(work)],
        capture_output=True, text=True, check=False, env={**os.environ, "OCEANCLEAN_WORK": str(work)},
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - start, done.stdout


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.exists() else 0


def main() -> None:
    """Plan the demo day stage by stage and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", default="2026-06-15")
    parser.add_argument("--region", default="demo")
    day = parser.parse_args()
    named = ("--region", day.region, "--date", day.date)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        seconds, _ = _oceanclean(work, "twin", "observe", *named)
        seen = _size(work / "twin" / day.region / "seen")
        machine = platform.processor() or platform.machine()
        print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        print(f"{'stage':34s} {'wall s':>8s} {'stage s':>8s} {'peak MiB':>9s} {'in MiB':>8s} {'out MiB':>8s}")
        print(f"{'twin observe (not a stage)':34s} {seconds:8.1f} {'':8s} {'':9s} {'':8s} {seen / 2**20:8.1f}")
        sizes: dict[str, int] = {}
        for until in STAGES:
            wall, printed = _oceanclean(work, until, *named, "--json")
            for record in json.loads(printed)[len(sizes) :]:
                size_in = _input(record["stage"], record["facts"], work / "twin" / day.region / "seen", sizes)
                sizes[record["stage"]] = _size(Path(record["folder"]))
                print(f"{record['stage']:34s} {wall:8.1f} {record['seconds']:8.1f} {record['peak_mib']:9.0f} "
                      f"{size_in / 2**20:8.1f} {sizes[record['stage']] / 2**20:8.1f}")  # fmt: skip
        wall, _ = _oceanclean(work, "plan", *named)
        print(f"{'the same day again':34s} {wall:8.1f}")


def _input(stage: str, facts: dict[str, object], seen: Path, sizes: dict[str, int]) -> int:
    """Bytes of what a stage reads: files of the outside world, or folders of the stages before it."""
    if stage == "ingest":
        return _size(seen)
    if stage.startswith("detect-"):
        return sum(p.stat().st_size for p in (seen / "scenes").glob(f"{facts['scene']}*"))
    read = {"map": ("detect-",), "forecast": ("map", "ingest"), "allocate": ("forecast", "ingest")}
    return sum(size for name, size in sizes.items() if name.startswith(read.get(stage, ("",))))


if __name__ == "__main__":
    main()
