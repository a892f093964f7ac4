"""The stages of a planned day as they stand in the store."""

from __future__ import annotations

from oceanclean.chain import stages
from oceanclean.chain.run import DailyRun, safe_name
from oceanclean.errors import MissingDataError
from oceanclean.store import StageRecord


def stored(run: DailyRun, stage: str) -> StageRecord:
    """A finished stage as it stands in the store, whatever it was made from.

    Raises:
        MissingDataError: it is not finished.
    """
    record = run.folder.finished(stage)
    if record is None:
        command = f"oceanclean plan --region {run.region_name} --issue-time {run.issue_time}"
        raise MissingDataError(
            run.folder.root, stage, "no finished stage", "a day that was planned before", f"Run: {command}"
        )
    return record


def before_allocation(run: DailyRun) -> tuple[StageRecord, list[StageRecord], StageRecord, StageRecord]:
    """Ingest, detections, map and forecast of a planned day.

    Raises:
        MissingDataError: the day was not planned.
    """
    ingested = stored(run, "ingest")
    detected = [stored(run, f"detect-{safe_name(s)}") for s in stages.new_scenes(run, ingested)]
    return ingested, detected, stored(run, "map"), stored(run, "forecast")
