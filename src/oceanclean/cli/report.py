"""``oceanclean report …`` and ``oceanclean archive``: what is read after the day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import Config, RegionName, Work
from oceanclean.errors import InputError
from oceanclean.moments import day

if TYPE_CHECKING:
    import geopandas as gpd

app = typer.Typer(no_args_is_help=True, help="Reports over many days.")

Catches = Annotated[list[Path] | None, typer.Option(help="Catch reports of the crews (CSV); may be repeated.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder; replaced whole.")]


@app.command()
def season(
    out: Out, first: Annotated[str, typer.Option("--from", help="First local day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last local day, YYYY-MM-DD.")], region: RegionName = "demo",
    catches: Catches = None, work: Work = options.DEFAULT_WORK, config: Config = None,
) -> None:  # fmt: skip
    """Kilograms by day, vessel and area, forecast against catch, and dashboards: HTML, PDF, CSV."""
    from oceanclean.planning.season import SeasonSettings, season_report
    from oceanclean.settings import load_model_settings, load_region_settings

    settings = load_region_settings(region, config)
    start, end = day(first, "command line", "--from"), day(last, "command line", "--to")
    if end < start:
        raise InputError("command line", "--to", last, f"{first} or later", "Correct the days.")
    table, notes = _read(catches, settings.timezone)
    with _folder(out, "season.html") as aside:
        made = season_report(
            settings, work=work, catches=table, start=start, end=end, folder=aside, notes=notes,
            settings=load_model_settings("season", SeasonSettings, config),
        )  # fmt: skip
        names = [path.name for path in made.values()]
    for name in names:
        typer.echo(out / name)


def archive(
    out: Out, work: Work = options.DEFAULT_WORK, catches: Catches = None,
    timezone: Annotated[str, typer.Option(help="Zone of times without one in the catch reports.")] = "UTC",
    base: Annotated[str, typer.Option(help="Address at which the archive will stand, for the feed's links.")] = "",
    copy: Annotated[bool, typer.Option(help="Copy the plans' pages, so that the folder can be served alone.")] = False,
) -> None:  # fmt: skip
    """An index of all regions and days with catch and skill, an Atom feed, and summaries that can be sent."""
    from oceanclean.planning.archive import write_archive

    table, notes = _read(catches, timezone)
    with _folder(out, "atom.xml") as aside:
        made = write_archive(work, aside, catches=table, base=base, copy=copy, notes=notes, stands_at=out)
        names = [path.name for path in made.values()]
    for name in names:
        typer.echo(out / name)


def _read(catches: list[Path] | None, timezone: str) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Catch reports of files that must exist."""
    from oceanclean.sources.catches import read_catches

    for path in catches or []:
        if not path.is_file():
            raise InputError(path, "file", "no such file", "a CSV file of catch reports", "Check the path.")
    return read_catches(catches or [], timezone=timezone)


@contextmanager
def _folder(out: Path, mark: str) -> Iterator[Path]:
    """A folder aside that takes the name ``out`` at the end; a folder of other files is not replaced."""
    from oceanclean.store import write_aside

    if out.exists() and not (out / mark).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "output folder", "files that are not an earlier report", "a new or empty folder",
                         "Name another folder with --out.")  # fmt: skip
    with write_aside(out) as aside:
        aside.mkdir(parents=True)
        yield aside
