"""A daily run: one region, one issue time, one folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from oceanclean.chain.ledger import code_digest, measure, versions
from oceanclean.errors import InputError
from oceanclean.region import Region, load_region
from oceanclean.settings import RegionSettings
from oceanclean.store import RunFolder, StageRecord, digest_record

#: Stages in the order in which they depend on each other; detection is one stage a scene (``detect-<scene>``).
STAGES = ("ingest", "detect", "map", "forecast", "allocate", "what-if", "publish")


def parse_issue_time(text: str) -> str:
    """Bring a time into the one form the project uses, ``YYYY-MM-DDTHH:MM:00Z``.

    Raises:
        InputError: not a time, or a time without zone.
    """
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise InputError("issue time", "value", repr(text), "ISO 8601 such as 2026-06-15T11:00Z",
                         "Write the time with its zone.") from error  # fmt: skip
    if moment.tzinfo is None:
        raise InputError("issue time", "zone", repr(text), "a zone such as Z or +02:00", "Append Z for UTC.")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def issue_time_of(day: str, region: RegionSettings) -> str:
    """Issue time of a region's plan for a local day (``YYYY-MM-DD``), at the region's ``plan_hour``.

    Raises:
        InputError: not a date.
    """
    try:
        parsed = date.fromisoformat(day)
    except ValueError as error:
        raise InputError("date", "value", repr(day), "YYYY-MM-DD", "Correct the date.") from error
    local = datetime(parsed.year, parsed.month, parsed.day, region.plan_hour, tzinfo=ZoneInfo(region.timezone))
    return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def safe_name(text: str) -> str:
    """A file name made of a scene id: letters, digits, ``.``, ``_``, ``-``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:100] or "scene"


@dataclass(frozen=True)
class DailyRun:
    """What identifies a run; small and picklable, so that it can travel between tasks.

    Attributes:
        region_name: a file of ``config/regions``.
        issue_time: see :func:`parse_issue_time`; nothing that became available later is seen.
        work: folder of runs, twin and caches.
        config: configuration folder, or None for the default.
        seed: seed of every random draw of the run.
    """

    region_name: str
    issue_time: str
    work: Path
    config: Path | None = None
    seed: int = 20240608

    @cached_property
    def region(self) -> Region:
        """The region, loaded once a process."""
        return load_region(self.region_name, self.config)

    @cached_property
    def folder(self) -> RunFolder:
        """Where the run's stages stand."""
        return RunFolder.of(self.work, self.region_name, self.issue_time)

    @property
    def moment(self) -> datetime:
        """The issue time."""
        return datetime.fromisoformat(self.issue_time.replace("Z", "+00:00"))

    def before(self, hours: float) -> datetime:
        """A moment ``hours`` before the issue time (after it where negative)."""
        return self.moment - timedelta(hours=hours)

    def key(self, name: str, inputs: Mapping[str, Any]) -> str:
        """Digest of a stage's inputs, of the code and of the seed: what the store knows its result by."""
        return digest_record({"stage": name, "code": code_digest(), "with": versions(), "seed": self.seed, **inputs})

    def stage(self, name: str, inputs: Mapping[str, Any], body: Callable[[Path], Mapping[str, Any]]) -> StageRecord:
        """Run a stage, or answer from the store when the same inputs went through the same code before.

        Args:
            name: name of the stage and of its folder.
            inputs: all that the result depends on, JSON-ready (digests of files rather than the files).
            body: fills the folder it is given and returns facts for the ledger.
        """
        key = self.key(name, inputs)
        done = self.folder.finished(name, key)
        if done is not None:
            return done
        with self.folder.fill(name) as aside:
            with measure() as cost:
                facts = body(aside)
            return self.folder.publish(name, key, aside, facts, cost.seconds, cost.peak_mib)
