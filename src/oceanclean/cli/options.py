"""Options that several commands share, and how they show progress and results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oceanclean.errors import InputError

if TYPE_CHECKING:
    from oceanclean.chain import DailyRun

RegionName = Annotated[str, typer.Option("--region", "-r", help="Region to plan for: a file of config/regions.")]
Day = Annotated[
    str, typer.Option("--date", "-d", help="Local day of the plan, YYYY-MM-DD; issued at the region's hour.")
]
IssueTime = Annotated[str, typer.Option(help="Exact issue time instead of a day, e.g. 2020-01-04T00:00Z. "
                                             "Nothing that became available later is used.")]  # fmt: skip
Work = Annotated[Path, typer.Option(envvar="OCEANCLEAN_WORK", help="Folder for runs and results.")]
Config = Annotated[
    Path | None, typer.Option(envvar="OCEANCLEAN_CONFIG", help="Configuration folder.", show_default="./config")
]
Seed = Annotated[int, typer.Option(help="Seed of every random draw; the same seed gives the same plan.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines instead of text.")]
Dask = Annotated[
    str,
    typer.Option(
        "--dask", envvar="OCEANCLEAN_DASK",
        help="Who works side by side: local, local:N, or tcp://HOST:PORT of a Dask scheduler. Default: this process.",
    ),
]  # fmt: skip
DEFAULT_SEED = 20240608
DEFAULT_WORK = Path("var")


def daily_run(region: str, day: str, issue_time: str, work: Path, config: Path | None, seed: int) -> DailyRun:
    """The run that the options name.

    Raises:
        InputError: neither or both of a day and an issue time were given.
        SettingsError: unknown region.
    """
    from oceanclean.chain import DailyRun, issue_time_of, parse_issue_time
    from oceanclean.settings import load_region_settings

    if bool(day) == bool(issue_time):
        raise InputError("command line", "--date / --issue-time", "both" if day else "neither", "exactly one of them",
                         "Give the day of the plan, for example --date 2026-06-15.")  # fmt: skip
    settings = load_region_settings(region, config)
    moment = parse_issue_time(issue_time) if issue_time else issue_time_of(day, settings)
    os.environ.setdefault("OCEANCLEAN_WORK", str(work))
    return DailyRun(region, moment, work, config, seed)


def show_json(record: Any) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(record, indent=1, default=str, allow_nan=False))


@contextmanager
def progress_bar(hidden: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error; yields a function that takes what is being done and the share done (0 to 1)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:32}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=hidden or not console.is_terminal) as bar:
        row = bar.add_task("starting", total=1.0)
        yield lambda what, share: bar.update(row, description=what[:32], completed=share)
