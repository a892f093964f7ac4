"""Commands of a person's hand: re-plan under decisions, approve, see who approved, serve the planner's desk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.governance import checklist
from oceanclean.cli.options import AsJson, Config, Day, IssueTime, RegionName, Seed, Work

if TYPE_CHECKING:
    from oceanclean.chain import DayResult

By = Annotated[str, typer.Option("--by", help="Name of who decides; it goes into the audit log.")]
Note = Annotated[str, typer.Option(help="Free text for the audit log.")]


def replan(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "",
    decisions: Annotated[
        Path | None, typer.Option("--decisions", help="YAML with pins, bans, holds, closures and limits: the day's own "
                                  "from now on. Default: those that stand in the run's folder.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Drop the day's own decisions.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Wall time for the solver.")] = None,
    work: Work = options.DEFAULT_WORK, config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
) -> None:  # fmt: skip
    """Plan a finished day anew under people's decisions and say what each costs."""
    from oceanclean.chain import replan as plan_anew
    from oceanclean.decisions import Decisions, load_decisions

    run = options.daily_run(region, date, issue_time, work, config, seed)
    given = load_decisions(decisions) if decisions else Decisions() if clear else None
    with options.progress_bar(hidden=json) as bar:
        result = plan_anew(run, given, seconds=seconds, progress=lambda what, done, total: bar(what, done / total))
    if json:
        options.show_json({**_record(result), "decided": _decided(result)})
        return
    typer.echo("\n".join(_lines(result)))


def approve(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "", by: By = "", note: Note = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the approval back.")] = False,
    work: Work = options.DEFAULT_WORK, config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
) -> None:  # fmt: skip
    """Approve the plan that stands: its page and files say so, the audit log keeps who and when."""
    from oceanclean.chain import approve as give

    run = options.daily_run(region, date, issue_time, work, config, seed)
    result = give(run, by, note=note, withdraw=withdraw)
    if json:
        options.show_json(_record(result))
        return
    typer.echo(f"{'Approval withdrawn' if withdraw else 'Approved'} by {by.strip()}: {result.files['page']}")


def audit(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "",
    work: Work = options.DEFAULT_WORK, config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
) -> None:  # fmt: skip
    """Check the audit log of a day and show it; without a day, go through the compliance checklist."""
    from dataclasses import asdict

    from oceanclean.chain import audit as log
    from oceanclean.chain import audit_file

    if not date and not issue_time:
        checklist(work, config, json)
        return
    run = options.daily_run(region, date, issue_time, work, config, seed)
    events = log.read(audit_file(run))
    if json:
        options.show_json([asdict(e) for e in events])
        return
    for event in events:
        note = f": {event.note}" if event.note else ""
        typer.echo(f"{event.number:3d}  {event.time}  {event.action:10s}  plan {event.plan[:12]}  {event.by}{note}")
    typer.echo(f"{len(events)} events, chain of digests whole.")


def serve_plan(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "",
    host: Annotated[str, typer.Option(help="Address to listen on; the desk knows no passwords.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
    work: Work = options.DEFAULT_WORK, config: Config = None, seed: Seed = options.DEFAULT_SEED,
) -> None:  # fmt: skip
    """Serve the planner's desk: set pins, holds, closures and limits in a browser, re-plan, approve."""
    from oceanclean.desk import serve

    serve(options.daily_run(region, date, issue_time, work, config, seed), host, port)


def _decided(result: DayResult) -> object:
    return next(r for r in result.records if r.stage == "allocate").facts.get("decided")


def _record(result: DayResult) -> dict[str, object]:
    return {
        "region": result.run.region_name, "issue_time": result.run.issue_time, "expected_kg": result.expected_kg,
        "p10_kg": result.p10_kg, "p90_kg": result.p90_kg, "gap": result.gap, "degraded": result.degraded,
        "files": {k: str(v) for k, v in result.files.items()},
        "seconds": {r.stage: round(r.seconds, 2) for r in result.records if not r.reused},
    }  # fmt: skip


def _lines(result: DayResult) -> list[str]:
    from oceanclean.chain.report import decision_lines, summary_lines

    return [*summary_lines(result), *decision_lines(result)]
