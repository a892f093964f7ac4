"""Flows beside the daily plan: skill each night, a watch over missing plans, a monthly report, a weekly refit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.states import Completed, State

from flows import WORK
from flows.daily import daily
from flows.events import BREACH, LATE, SKIPPED, ended, tell
from oceanclean import chain
from oceanclean.chain.watch import watch, write_report
from oceanclean.errors import MissingDataError
from oceanclean.settings import load_region_settings


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _today(region: str, config: str | None) -> date:
    return datetime.now(ZoneInfo(load_region_settings(region, _path(config)).timezone)).date()


@flow(name="skill", validate_parameters=False)
def skill(region: str = "demo", days: int = 30, work: str = WORK, config: str | None = None) -> State:
    """Judge the region by its past runs: what stands by day, input, skill, freshness; forecast against catch as a page.

    Args:
        region: a file of ``config/regions``.
        days: how far back.
        work: folder of runs.
        config: configuration folder.
    """
    today, key = _today(region, config), region.replace("_", "-")
    first = today - timedelta(days=days)
    states = chain.overview(region, chain.days_between(first, today), Path(work), _path(config))
    rows = [{"day": s.day, "outcome": s.outcome, **s.products, "why": " ".join(s.reasons)[:300]} for s in states]
    create_table_artifact(table=rows, key=f"status-{key}", description=f"Products of {region} by day")
    try:
        watched = watch(Path(work), region, _path(config))
        made = chain.season_of(region, first, today, Path(work), Path(work) / "reports" / region / "latest",
                               _path(config))  # fmt: skip
    except MissingDataError as error:
        return ended(SKIPPED, str(error))
    pages = write_report(watched, Path(work) / "monitor" / region)
    figures = [{"figure": f.name, "of": f.of, "value": f.value, "unit": f.unit, "state": f.state}
               for f in watched.figures]  # fmt: skip
    create_table_artifact(table=figures, key=f"monitor-{key}", description=f"Watched figures of {region}")
    create_link_artifact(made["season"].resolve().as_uri(), f"forecast against catch, {region}", key=f"skill-{key}")
    for figure in watched.in_state("alarm"):
        tell(BREACH, region, figure=figure.name, of=figure.of, value=figure.value)
    return Completed(message=f"{watched.worst}; {pages['index.html']}")


@flow(name="monthly-report", validate_parameters=False)
def report(region: str = "demo", month: str | None = None, work: str = WORK, config: str | None = None) -> State:
    """The season report of a month.

    Args:
        region: a file of ``config/regions``.
        month: ``YYYY-MM``; by default the month before today's.
        work: folder of runs.
        config: configuration folder.
    """
    ahead = date.fromisoformat(f"{month}-01") + timedelta(days=32) if month else _today(region, config)
    first, last = chain.month_before(ahead)
    folder = Path(work) / "reports" / region / f"{first:%Y-%m}"
    try:
        made = chain.season_of(region, first, last, Path(work), folder, _path(config))
    except MissingDataError as error:
        return ended(SKIPPED, str(error))
    key = f"report-{region}".replace("_", "-")
    create_link_artifact(made["season"].resolve().as_uri(), f"{region}, {first:%B %Y}", key=key)
    return Completed(message=str(made["season"]))


@flow(name="retraining", validate_parameters=False)
def retraining(data: str | None = None, work: str = WORK, config: str | None = None) -> State:
    """Fit the drift forecaster on all tracks there are; the candidate is scored and put on trial, not promoted.

    Args:
        data: folder of drifter tracks with the forcing along them; by default ``training/forecaster`` of ``work``.
        work: work folder; the candidate goes to ``candidates/forecaster/<day>``.
        config: configuration folder.
    """
    now = datetime.now(UTC)
    folder = Path(work) / "candidates" / "forecaster" / f"{now:%Y-%m-%d}"
    try:
        made = chain.refit_forecaster(Path(data or f"{work}/training/forecaster"), folder, Path(work), _path(config),
                                      time=now.strftime("%Y-%m-%dT%H:%M:%SZ"))  # fmt: skip
    except MissingDataError as error:
        return ended(SKIPPED, str(error))
    lines = [f"- `{made['file']}`: {made['said']}", f"- figures: `{folder / 'figures.json'}`"]
    create_markdown_artifact("\n".join(lines), key="forecaster-candidate", description="Weekly refit")
    return Completed(message=str(made["file"]))


@flow(name="plan-watch", validate_parameters=False)
def watch_plan(region: str = "demo", work: str = WORK, config: str | None = None) -> State:
    """Make today's plan if none stands: a degraded plan now beats none.

    Args:
        region: a file of ``config/regions``.
        work: folder of runs.
        config: configuration folder.
    """
    today = _today(region, config).isoformat()
    state = chain.overview(region, [today], Path(work), _path(config))[0]
    if state.outcome in {"complete", "degraded"}:
        return Completed(message=f"the plan of {today} stands: {state.outcome}")
    daily(region, state.issue_time, work, config)
    return ended(LATE, f"no plan of {today} stood ({state.outcome}); it was made now")
