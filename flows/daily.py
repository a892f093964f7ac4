"""The daily plan as a Prefect flow: ingest → detect → map → forecast → allocate → publish.

Tasks are few (one a stage, one a scene) and hand on records with file references. Each is safe to retry: a finished
stage is recognised by its digest and answered from the store. The audit trail is the run's own ``run.json``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer
from prefect import flow, runtime, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows import WORK
from flows.events import PLAN_ISSUED, tell
from flows.limits import one_at_a_time
from oceanclean import chain
from oceanclean.chain.report import image_markdown, summary_lines, vessel_rows
from oceanclean.errors import OceancleanError
from oceanclean.store import StageRecord, lock

_WORK = Path(WORK)


def _worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    """An error that says what is wrong with the input stays the same on a second try."""
    return not isinstance(state.result(raise_on_failure=False), OceancleanError)


def _as_task(
    stage: Callable[..., StageRecord | list[StageRecord] | None], name: str, minutes: float, run_name: str | None = None
) -> Any:
    """A stage as a task: retried twice, timed out; caching is the store's business, not Prefect's."""
    decorate = task(
        name=name, task_run_name=run_name or name, timeout_seconds=60 * minutes, cache_policy=NO_CACHE,
        retries=2, retry_delay_seconds=[10, 60], retry_condition_fn=_worth_retrying,
    )  # fmt: skip
    return decorate(stage)


ingest = _as_task(chain.ingest, "ingest", 30)
detect = _as_task(chain.detect, "detect", 60, "detect {scene_id}")
detect_all = _as_task(chain.detect_side_by_side, "detect all", 120)
map_density = _as_task(chain.map_density, "map", 20)
forecast = _as_task(chain.forecast, "forecast", 30)
allocate = _as_task(chain.allocate, "allocate", 30)
what_if = _as_task(chain.what_if, "what-if", 20)
publish = _as_task(chain.publish, "publish", 10)
shadow = _as_task(chain.shadow, "shadow", 60)


@flow(name="daily-plan", validate_parameters=False)
def daily(
    region: str = "demo",
    issue_time: str | None = None,
    work: str = WORK,
    config: str | None = None,
    seed: int = 20240608,
    dask: str = "",
) -> chain.DayResult:
    """Plan one day of one region.

    Args:
        region: a file of ``config/regions``.
        issue_time: ISO 8601 with zone; by default the moment for which the run was scheduled.
        work: folder of runs.
        config: configuration folder.
        seed: seed of every random draw.
        dask: ``local:N`` or a scheduler's address where scenes are segmented side by side; by default OCEANCLEAN_DASK,
            else this process.
    """
    dask = dask or os.environ.get("OCEANCLEAN_DASK", "")
    run = chain.DailyRun(region, chain.parse_issue_time(issue_time or _scheduled()), Path(work),
                         Path(config) if config else None, seed)  # fmt: skip
    _ = run.region
    on_this_machine = lock(run.folder.root.parent / ".flow-lock", f"Region {region}", wait_s=3600)
    with on_this_machine, one_at_a_time(region), run.folder.hold():
        with chain.recorded(run):
            ingested = ingest(run)
            scenes = chain.new_scenes(run, ingested)
            # one after the other: TensorFlow uses every core for one scene, and a task in a worker thread cannot be
            # stopped at its time limit
            detected = (
                detect_all(run, ingested, scenes, dask) if dask and scenes
                else [detect(run, ingested, scene) for scene in scenes]
            )  # fmt: skip
            mapped = map_density(run, ingested, detected)
            forecasted = forecast(run, ingested, mapped)
            allocated = allocate(run, ingested, forecasted)
            weighed = what_if(run, ingested, forecasted, allocated)
            published = publish(run, ingested, detected, mapped, forecasted, allocated, weighed)
            result = chain.finish(run, [ingested, *detected, mapped, forecasted, allocated, weighed, published])
        shadow(run)
    _leave_artifacts(result)
    tell(PLAN_ISSUED, region, issue_time=run.issue_time, degraded=list(result.degraded))
    return result


def _scheduled() -> str:
    """The moment for which Prefect scheduled this run."""
    return runtime.flow_run.get_scheduled_start_time().astimezone(UTC).isoformat()


def _leave_artifacts(result: chain.DayResult) -> None:
    """The plan's table, picture and link, where Prefect's pages show them."""
    key = f"plan-{result.run.region_name}".replace("_", "-")
    create_table_artifact(table=vessel_rows(result), key=key, description="\n".join(summary_lines(result)))
    create_markdown_artifact(image_markdown(result), key=f"{key}-picture")
    create_link_artifact(result.files["page"].resolve().as_uri(), "deployment plan", key=f"{key}-page")


def main(
    region: str = "demo",
    date: str = "",
    issue_time: str = "",
    work: Annotated[Path, typer.Option(envvar="OCEANCLEAN_WORK")] = _WORK,
    config: Annotated[str, typer.Option(envvar="OCEANCLEAN_CONFIG")] = "",
    seed: int = 20240608,
) -> None:
    """Run the daily flow once and name the plan's files."""
    if date:
        issue_time = chain.issue_time_of(
            date, chain.DailyRun(region, "", work, Path(config) if config else None).region.settings
        )
    try:
        result = daily(region, issue_time or None, str(work), config or None, seed)
    except OceancleanError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    typer.echo("\n".join(summary_lines(result)))


if __name__ == "__main__":
    typer.run(main)
