"""Fetch a region's sources from their services, hourly; a dead service is told and does not stop the others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from flows import WORK
from flows.events import DEGRADED, SOURCE_FAILED, ended, tell
from flows.limits import one_at_a_time
from oceanclean import chain


@task(name="fetch", task_run_name="fetch {role}", cache_policy=NO_CACHE, timeout_seconds=3600)
def fetch(region: str, role: str, until: str, work: str, config: str | None) -> list[dict[str, Any]]:
    """One role's sources; tries and time limits are the services' own (``config/models/services.yaml``)."""
    outcomes = chain.fetch(region, until=until, now=datetime.now(UTC), work=Path(work), roles=(role,),
                           config=Path(config) if config else None)  # fmt: skip
    return [{"source": o.title, "role": o.role, "outcome": o.outcome, "new": o.new, "kept": o.kept, "bytes": o.bytes,
             "seconds": o.seconds, "why": " ".join(o.sentences)[:500]} for o in outcomes]  # fmt: skip


@flow(name="ingest", validate_parameters=False)
def ingest(region: str = "demo", until: str | None = None, work: str = WORK, config: str | None = None) -> State:
    """Fetch what a region's services have.

    Args:
        region: a file of ``config/regions``.
        until: the moment to fetch for, ISO 8601 with zone; by default now.
        work: work folder.
        config: configuration folder.
    """
    moment = until or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    roles = chain.fetched_roles(region, Path(config) if config else None)
    with one_at_a_time(region, "ingest"):
        rows = [row for role in roles for row in fetch(region, role, moment, work, config)]
    down = [row for row in rows if row["outcome"] in {"failed", "partial"}]
    for row in down:
        tell(SOURCE_FAILED, region, source=row["source"], role=row["role"], why=row["why"])
    key = f"ingest-{region}".replace("_", "-")
    create_table_artifact(table=rows, key=key, description=f"Sources of {region} at {moment}")
    said = f"{len(rows) - len(down)} of {len(rows)} sources as they should be"
    return ended(DEGRADED, said) if down else Completed(message=said)
