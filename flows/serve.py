"""Serve the daily flow on a schedule from one machine: one deployment a region, at the region's plan hour.

Needs a running server (``prefect server start``) and PREFECT_API_URL: the ephemeral server never fires a schedule.
"""

from __future__ import annotations

import os
from typing import cast

import typer
from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from flows.daily import daily
from oceanclean.settings import RegionSettings, config_root, load_region_settings


def deployment_of(region: RegionSettings) -> RunnerDeployment:
    """The region's daily plan at its own local hour."""
    deployment = daily.to_deployment(
        name=f"daily-plan-{region.name}",
        parameters={"region": region.name},
        schedule=Cron(f"0 {region.plan_hour} * * *", timezone=region.timezone),
        concurrency_limit=1,
        description=f"Deployment plan for {region.title}",
    )
    return cast(RunnerDeployment, deployment)  # a coroutine only inside an event loop


def main() -> None:
    """Serve every region of the configuration folder until stopped."""
    if not os.environ.get("PREFECT_API_URL"):
        typer.echo("error: PREFECT_API_URL is not set. Start `prefect server start` and set it to "
                   "http://127.0.0.1:4200/api; without a server no schedule ever fires.", err=True)  # fmt: skip
        raise typer.Exit(2)
    names = sorted(p.stem for p in (config_root() / "regions").glob("*.yaml"))
    serve(*[deployment_of(load_region_settings(name)) for name in names])


if __name__ == "__main__":
    typer.run(main)
