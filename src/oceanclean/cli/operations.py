"""Commands of who runs the service: fetch, overview of days, days planned after the fact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, Day, RegionName, Seed, Work
from oceanclean.errors import InputError, MissingDataError, OceancleanError
from oceanclean.moments import day

if TYPE_CHECKING:
    from oceanclean.chain.overview import DayState

Roles = Annotated[list[str] | None, typer.Option("--role", help="Only this role, e.g. scenes; may be repeated.")]
First = Annotated[str, typer.Option("--from", help="First local day, YYYY-MM-DD.")]
Last = Annotated[str, typer.Option("--to", help="Last local day, YYYY-MM-DD. Default: today.")]
_MARKS = {"ok": "●", "degraded": "◐", "missing": "·", "none": "–"}


def fetch(
    region: RegionName = "demo", date: Day = "",
    until: Annotated[str, typer.Option(help="Exact moment to fetch for, ISO 8601 with zone. Default: now.")] = "",
    role: Roles = None, work: Work = options.DEFAULT_WORK, config: Config = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Fetch what the region's services have; a source that is dead does not stop the others."""
    from dataclasses import asdict

    from oceanclean.chain import fetch as fetch_for

    now = datetime.now(UTC)
    with options.progress_bar(hidden=json) as bar:
        outcomes = fetch_for(region, date=date, until=until, now=now, work=work, config=config, roles=role or (),
                             progress=bar)  # fmt: skip
    if json:
        options.show_json([asdict(o) for o in outcomes])
    else:
        for o in outcomes:
            size = f"{o.new} new ({o.bytes / 2**20:.1f} MiB), {o.kept} kept"
            typer.echo(f"{o.role:13s} {o.title:32s} {o.outcome:9s} {size}, {o.seconds:.1f} s")
            for sentence in o.sentences:
                typer.echo(f"  {sentence}")
        if not outcomes:
            typer.echo(f"No source of {region} names a service (key fetch): nothing to fetch.")
    if outcomes and all(o.outcome == "failed" for o in outcomes):
        raise MissingDataError(f"services of {region}", "answer", "none", "one at least",
                               "See the sentences above; the plan is made from what stands.")  # fmt: skip


def status(
    region: RegionName = "demo", first: First = "", last: Last = "", work: Work = options.DEFAULT_WORK,
    config: Config = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Which product of which day stands, and why a day is degraded. Default: the last seven days."""
    from oceanclean.chain.overview import overview

    states = overview(region, _days(first, last, 7), work, config)
    if json:
        options.show_json([s.to_json() for s in states])
        return
    typer.echo("\n".join(matrix(states)))


def matrix(states: list[DayState]) -> list[str]:
    """Lines of the day × product matrix, the reasons under their day."""
    from oceanclean.chain.overview import PRODUCTS

    lines = [f"{'day':12s}" + "".join(f"{p:>9s}" for p in PRODUCTS) + f"{'kg':>9s}  outcome"]
    for s in states:
        kg = "" if s.expected_kg is None else f"{s.expected_kg:,.0f}"
        cells = "".join(f"{_MARKS[s.products[p]]:>9s}" for p in PRODUCTS)
        lines.append(f"{s.day:12s}{cells}{kg:>9s}  {s.outcome}")
        lines += [f"    {reason}" for reason in s.reasons]
    return [*lines, "● stands  ◐ degraded  – no scene  · missing"]


def backfill(
    first: First, last: Last = "", region: RegionName = "demo",
    fetching: Annotated[bool, typer.Option("--fetch", help="Ask the services for each day first.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Plan days anew that have a plan.")] = False,
    work: Work = options.DEFAULT_WORK, config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
) -> None:  # fmt: skip
    """Plan the days of a stretch that have no plan, in order, each as it would have been seen on its day."""
    from oceanclean.chain import backfill as fill

    days = _days(first, last, 1)
    with options.progress_bar(hidden=json) as bar:
        results = fill(region, days, work=work, config=config, seed=seed, now=datetime.now(UTC), fetching=fetching,
                       again=again, progress=bar)  # fmt: skip
    if json:
        options.show_json([{"day": r.day, "outcome": r.outcome, "reasons": r.reasons} for r in results])
    else:
        for r in results:
            typer.echo(f"{r.day}  {r.outcome}")
            for reason in r.reasons:
                typer.echo(f"    {reason}")
    failures: list[OceancleanError] = [r.error for r in results if r.error is not None]
    if failures:
        raise typer.Exit(failures[0].exit_code)


def _days(first: str, last: str, default: int) -> list[str]:
    """The stretch of days that options name; by default the last ``default`` days up to today."""
    from oceanclean.chain.overview import days_between

    end = day(last, "command line", "--to") if last else datetime.now(UTC).date()
    start = day(first, "command line", "--from") if first else end - timedelta(days=default - 1)
    if end < start:
        raise InputError("command line", "--to", end.isoformat(), f"{start} or later", "Correct the days.")
    if (end - start).days > 3660:
        raise InputError("command line", "--from", start.isoformat(), "at most ten years", "Name a later day.")
    return days_between(start, end)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (fetch, status, backfill):
        app.command(command.__name__)(command)
