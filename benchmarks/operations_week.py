"""A week in fast-forward: ``python -m benchmarks.operations_week``.

Seven days of a small stretch of the demo sea, one after the other as schedules run them: a fetch, then the plan. One
day has no scene, one no forcing of its own, one a source whose service is dead, one is killed (SIGKILL) half way and
started again. Every day must have a plan, and each degraded one must say why; else the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import yaml

from benchmarks.orchestration import small_sea

FIRST = date(2026, 6, 15)
#: What happens on which day of the week, and a word that the plan's reasons must hold (empty: nothing is asked).
HAPPENS = {2: ("no scene", "scene"), 3: ("no forcing of the day", "forecast"), 4: ("dead source", "127.0.0.1:9"),
           5: ("killed half way", "")}  # fmt: skip


def _oceanclean(env: dict[str, str], *arguments: str, check: bool = True) -> str:
    done = subprocess.run([sys.executable, "-m", "oceanclean", *arguments], env=env, capture_output=True, text=True,
                          check=False)  # fmt: skip
    if check and done.returncode:
        sys.exit(f"FAILED: {arguments}: {done.stderr[-1500:]}")
    return done.stdout


def _spoil(what: str, seen: Path, before: set[Path], config: Path) -> None:
    """Take away or break what the day lacks."""
    new = {p for p in seen.rglob("*") if p.is_file()} - before
    if what == "no scene":
        for path in new:
            if "scenes" in path.parts:
                path.unlink()
    elif what == "no forcing of the day":
        for path in new:
            if {"currents", "wind", "waves"} & set(path.parts):
                path.unlink()
    sources = config / "sources" / "cove.yaml"
    content = yaml.safe_load(sources.read_text())
    content["waves"][0].pop("fetch", None)
    if what == "dead source":
        for path in new:
            if "waves" in path.parts:
                path.unlink()
        content["waves"][0]["fetch"] = {"service": "zarr", "options": {
            "url": "http://127.0.0.1:9/waves", "web": {"tries": 2, "backoff_s": 0.1}}}  # fmt: skip
    sources.write_text(yaml.safe_dump(content, sort_keys=False))


def _killed_plan(env: dict[str, str], day: str, runs: Path) -> None:
    """Start the plan and kill it as soon as its forecast begins."""
    command = [sys.executable, "-m", "oceanclean", "plan", "--region", "cove", "--date", day]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(runs.glob(f"{day}*/map/stage.json")):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)


def _accumulate(seen: Path, kept: Path) -> None:
    """Keep what earlier days brought beside what this day brings, as services do; the twin writes one day alone."""
    for role in ("scenes", "currents", "wind", "waves"):
        (kept / role).mkdir(parents=True, exist_ok=True)
        (seen / role).mkdir(parents=True, exist_ok=True)
        for path in sorted((seen / role).iterdir()):
            if not (kept / role / path.name).exists():
                shutil.copy2(path, kept / role / path.name)
        for path in sorted((kept / role).iterdir()):
            if not (seen / role / path.name).exists():
                shutil.copy2(path, seen / role / path.name)


def _day(number: int, folder: Path, config: Path, env: dict[str, str]) -> None:
    """One day: what is seen of the sea, what happens to it, a fetch, the plan."""
    day, (what, _) = (FIRST + timedelta(days=number)).isoformat(), HAPPENS.get(number, ("", ""))
    work = folder / "work"
    seen, kept = work / "twin" / "cove" / "seen", folder / "kept"
    _oceanclean(env, "twin", "observe", "--region", "cove", "--date", day)
    _spoil(what, seen, {seen / p.relative_to(kept) for p in kept.rglob("*") if p.is_file()}, config)
    _accumulate(seen, kept)
    start = time.perf_counter()
    _oceanclean(env, "fetch", "--region", "cove", "--date", day, check=False)
    if what == "killed half way":
        _killed_plan(env, day, work / "runs" / "cove")
    _oceanclean(env, "plan", "--region", "cove", "--date", day, check=False)
    seconds = time.perf_counter() - start
    (folder / f"done-{number}.json").write_text(json.dumps({"day": day, "seconds": seconds, "what": what}))
    print(f"{day}  {seconds:6.1f} s  {what}", flush=True)


def _judged(days: int, env: dict[str, str]) -> list[str]:
    """What is wrong with the week: a day without a plan, a degraded one that does not say why."""
    last = (FIRST + timedelta(days=days - 1)).isoformat()
    span = ("status", "--region", "cove", "--from", FIRST.isoformat(), "--to", last)
    print(_oceanclean(env, *span))
    wrong = []
    for number, state in enumerate(json.loads(_oceanclean(env, *span, "--json"))):
        _what, word = HAPPENS.get(number, ("", ""))
        said = " ".join(state["reasons"]).lower()
        if state["outcome"] not in {"complete", "degraded"} or word not in said:
            wrong.append(f"{state['day']}: {state['outcome']}, {word!r} not among the reasons: {said[:300]}")
    return wrong


def main() -> None:
    """Run the week and print the matrix of days and products, with seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=None, help="kept, so that a stopped week goes on in it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = (given.folder or Path(place)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "config" if (folder / "config").is_dir() else small_sea(folder)
        env = {**os.environ, "OCEANCLEAN_CONFIG": str(config), "OCEANCLEAN_WORK": str(folder / "work")}
        for number in range(given.days):
            if not (folder / f"done-{number}.json").is_file():
                _day(number, folder, config, env)
        wrong = _judged(given.days, env)
    print("\n".join(wrong) or f"{given.days} days, {given.days} plans, each degraded one says why")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
