"""Serve the table of deployments from one machine and one process.

Needs a running server (``prefect server start``) and PREFECT_API_URL: the ephemeral server never fires a schedule.
"""

from __future__ import annotations

import os
from typing import cast

import typer
from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from flows.deployments import Scheduled, scheduled


def deployment_of(row: Scheduled) -> RunnerDeployment:
    """A row of the table as something that can be served."""
    deployment = row.row.flow.to_deployment(
        name=row.name,
        parameters=row.parameters,
        schedule=Cron(row.cron, timezone=row.timezone),
        concurrency_limit=1,
        description=row.text,
        tags=["oceanclean", row.row.name],
    )
    return cast(RunnerDeployment, deployment)  # a coroutine only inside an event loop


def main() -> None:
    """Serve every row for every region of the configuration folder until stopped."""
    if not os.environ.get("PREFECT_API_URL"):
        typer.echo("error: PREFECT_API_URL is not set. Start `prefect server start` and set it to "
                   "http://127.0.0.1:4200/api; without a server no schedule ever fires.", err=True)  # fmt: skip
        raise typer.Exit(2)
    serve(*[deployment_of(row) for row in scheduled()])


if __name__ == "__main__":
    typer.run(main)
