"""The one table of deployments: which flow runs when, for which region, with which parameters.

``python -m flows.deployments`` writes it as ``prefect.yaml`` for ``prefect deploy --all``; ``flows.serve`` serves the
same table from one process. Times are the region's own local ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from prefect import Flow

from flows import daily, ingest, upkeep
from oceanclean.settings import RegionSettings, config_root, load_region_settings

#: Minutes past the hour of the hourly fetch: the last before a plan's full hour ends in time for it.
FETCH_MINUTE = 35
#: Work pools, and what their jobs need beyond the flow. The image is the one that ``Dockerfile`` builds;
#: it says itself where its work folder is.
POOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "process": ("process", {}),
    "docker": ("docker", {
        "image": "oceanclean:local", "image_pull_policy": "Never", "auto_remove": True,
        "volumes": ["oceanclean_work:/var/lib/oceanclean"],
    }),
    "kubernetes": ("kubernetes", {
        "image": "oceanclean:local", "namespace": "oceanclean", "finished_job_ttl": 86400,
    }),
}  # fmt: skip


@dataclass(frozen=True)
class Deployment:
    """One row of the table.

    Attributes:
        name: what it is called, before the region's name.
        flow: the flow.
        module: module that holds it, for the entry point.
        cron: minute, hour, day, month, weekday for a region.
        parameters: of the flow, for a region.
        by_region: one a region, or one in all.
        text: what it does.
    """

    name: str
    flow: Flow[..., Any]
    module: str
    cron: Callable[[RegionSettings], str]
    parameters: Callable[[RegionSettings], dict[str, Any]]
    by_region: bool
    text: str

    def entrypoint(self) -> str:
        """``flows/<module>.py:<function>``."""
        return f"flows/{self.module}.py:{self.flow.fn.__name__}"


def _of(region: RegionSettings) -> dict[str, Any]:
    return {"region": region.name}


TABLE = (
    Deployment("ingest", ingest.ingest, "ingest", lambda _: f"{FETCH_MINUTE} * * * *", _of, True,
               "Fetch what the region's services have"),
    Deployment("daily-plan", daily.daily, "daily", lambda r: f"0 {r.plan_hour} * * *", _of, True,
               "Deployment plan of the day"),
    Deployment("plan-watch", upkeep.watch_plan, "upkeep", lambda r: f"45 {r.plan_hour} * * *", _of, True,
               "Make the day's plan if none stands three quarters of an hour after its hour"),
    Deployment("skill", upkeep.skill, "upkeep", lambda _: "30 1 * * *", _of, True,
               "What stands by day; input, skill and freshness watched; forecast against catch"),
    Deployment("monthly-report", upkeep.report, "upkeep", lambda _: "0 3 1 * *", _of, True,
               "Season report of the month before"),
    Deployment("retraining", upkeep.retraining, "upkeep", lambda _: "0 2 * * 0", lambda _: {}, False,
               "Fit the drift forecaster on all tracks there are; the candidate goes on trial"),
)  # fmt: skip


@dataclass(frozen=True)
class Scheduled:
    """A row for a region, as it is deployed."""

    row: Deployment
    name: str
    cron: str
    timezone: str
    parameters: dict[str, Any]
    text: str


def scheduled(config: Path | None = None) -> list[Scheduled]:
    """The table for every region of the configuration folder."""
    names = sorted(p.stem for p in (config_root(config) / "regions").glob("*.yaml"))
    regions = [load_region_settings(name, config) for name in names]
    out = []
    for row in TABLE:
        for region in regions if row.by_region else regions[:1]:
            name = f"{row.name}-{region.name}" if row.by_region else row.name
            zone = region.timezone if row.by_region else "UTC"
            text = f"{row.text}: {region.title}" if row.by_region else row.text
            out.append(Scheduled(row, name, row.cron(region), zone, row.parameters(region), text))
    return out


def as_yaml(pool: str = "process", config: Path | None = None) -> str:
    """The table as ``prefect.yaml``.

    Args:
        pool: key of :data:`POOLS`.
        config: configuration folder, or None for the default.
    """
    kind, variables = POOLS[pool]
    deployments: list[dict[str, Any]] = [
        {
            "name": s.name, "entrypoint": s.row.entrypoint(), "description": s.text, "parameters": s.parameters,
            "tags": ["oceanclean", s.row.name],
            "schedules": [{"cron": s.cron, "timezone": s.timezone, "active": True}],
            "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
            "work_pool": {"name": f"oceanclean-{kind}", **({"job_variables": variables} if variables else {})},
        }
        for s in scheduled(config)
    ]  # fmt: skip
    steps = [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $OCEANCLEAN_HOME }}"}}]
    content = {"name": "oceanclean", "pull": steps, "deployments": deployments}
    head = "# Made from flows/deployments.py by `python -m flows.deployments`; do not edit.\n"
    return head + yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)


def main(
    pool: Annotated[str, typer.Option(help=f"Work pool: {', '.join(POOLS)}.")] = "process",
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("prefect.yaml"),
) -> None:
    """Write the table as a file for ``prefect deploy --all``."""
    if pool not in POOLS:
        raise typer.BadParameter(f"one of {', '.join(POOLS)}", param_hint="--pool")
    out.write_text(as_yaml(pool), encoding="utf-8")
    typer.echo(out)


if __name__ == "__main__":
    typer.run(main)
