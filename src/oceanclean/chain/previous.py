"""The run before this one: its forecast is today's prior, its map and plan are read again."""

from __future__ import annotations

from pathlib import Path

from oceanclean.chain.run import DailyRun
from oceanclean.store import read_json


def previous_run(run: DailyRun, max_age_h: float = 48.0) -> Path | None:
    """Folder of the youngest earlier run of the region whose forecast is still valid; None if there is none."""
    best: tuple[str, Path] | None = None
    for ledger in run.folder.root.parent.glob("*/forecast/stage.json"):
        if not (ledger.parent / "forecast.nc").is_file():
            continue
        issued = read_json(ledger)["facts"].get("issue_time", "")
        if run.before(max_age_h).strftime("%Y-%m-%dT%H:%M:00Z") <= issued < run.issue_time:
            best = max(best or ("", ledger), (issued, ledger.parent.parent))
    return best[1] if best else None


def issued_before(before: Path | None) -> str:
    """Issue time of the run whose forecast is the prior; "" without one."""
    return str(read_json(before / "forecast" / "stage.json")["facts"]["issue_time"]) if before else ""


def used_before(before: Path | None) -> frozenset[str]:
    """Ids of scenes and sightings that the prior's run, or one before it, has put into its map."""
    folder = stage_folder(before, "map", "stage.json")
    return frozenset(read_json(folder / "stage.json")["facts"].get("looks", [])) if folder else frozenset()


def stage_folder(before: Path | None, stage: str, file: str) -> Path | None:
    """A stage's folder of an earlier run, if there is one and the file stands in it."""
    folder = before / stage if before else None
    return folder if folder and (folder / file).is_file() else None
