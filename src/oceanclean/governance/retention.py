"""What is kept too long, and what a person wants back: found, removed, and the removal kept as a line of a log."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from oceanclean import chained_log
from oceanclean.errors import InputError
from oceanclean.governance.settings import load_governance_settings
from oceanclean.store import lock, write_aside


@dataclass(frozen=True)
class Overdue:
    """Something that may no longer be kept.

    Attributes:
        kind: ``run`` or ``photo``.
        name: region and run, or the photo's file name.
        path: folder or file.
        since: day of it.
    """

    kind: str
    name: str
    path: Path
    since: datetime


def removals(work: Path) -> Path:
    """The log of what was removed."""
    return work / "governance" / "removed.jsonl"


def overdue(work: Path, config: Path | None, now: datetime) -> list[Overdue]:
    """What is older than ``config/governance.yaml`` allows; the last run of each region stays: it is the next prior.

    Args:
        work: folder of runs and intake.
        config: configuration folder.
        now: the moment that ages are counted to.
    """
    from oceanclean.planning.runs import read_runs

    rules = load_governance_settings(config).retention
    runs = read_runs(work)[0]
    last = {run.region: run.folder for run in runs}
    limit = now - timedelta(days=rules.runs_days)
    found = [
        Overdue("run", f"{r.region} {r.folder.name}", r.folder, datetime.fromisoformat(r.issue_time))
        for r in runs if datetime.fromisoformat(r.issue_time) < limit and r.folder != last[r.region]
    ]  # fmt: skip
    oldest = now - timedelta(days=rules.photos_days)
    for photo in sorted((work / "intake" / "photos").glob("*.jpg")):
        taken = datetime.fromtimestamp(photo.stat().st_mtime, now.tzinfo)
        if taken < oldest:
            found.append(Overdue("photo", photo.name, photo, taken))
    return found


def remove(work: Path, items: Sequence[Overdue], *, by: str, why: str, time: str) -> None:
    """Remove what is overdue or was asked back, and write down that it was; photos with their rows and consents' use.

    Args:
        work: folder of runs and intake.
        items: what goes.
        by: who removes it.
        why: reason.
        time: ISO 8601 UTC.

    Raises:
        InputError: nobody named.
        CorruptStoreError: the log of removals was changed.
    """
    if not by.strip() or not why.strip():
        raise InputError("command line", "--by, --why", (by, why), "who removes it and why", "Say both.")
    for item in items:
        # first the line, then the deed: a removal that was cut short is seen in the log and can be repeated
        record = {"time": time, "kind": item.kind, "name": item.name, "since": item.since.isoformat(), "by": by.strip(),
                  "why": why.strip()}  # fmt: skip
        with lock(removals(work).with_suffix(".lock"), "The log of removals", wait_s=10):
            chained_log.append(removals(work), record, "nothing is removed until then")
        if item.kind == "run":
            shutil.rmtree(item.path)
            continue
        _forget(work, item.name)
        item.path.unlink(missing_ok=True)


def photo_of(work: Path, name: str) -> Overdue:
    """A photo that a person wants back.

    Raises:
        InputError: no such photo is kept.
    """
    for path in (work / "intake" / "photos").glob("*.jpg"):
        if path.name == name:
            return Overdue("photo", name, path, datetime.fromtimestamp(path.stat().st_mtime).astimezone())
    raise InputError(work / "intake" / "photos", "photo", repr(name), "a photo that is kept", "See sightings.csv.")


def _forget(work: Path, photo: str) -> None:
    """Take a photo's sightings out of the intake's table."""
    path = work / "intake" / "sightings.csv"
    if not path.is_file():
        return
    with lock(work / "intake" / ".lock", "The intake", wait_s=60):
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), list(reader.fieldnames or [])
        kept = [row for row in rows if row.get("photo") != photo]
        with write_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(kept)
