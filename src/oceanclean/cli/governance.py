"""``oceanclean lineage`` and ``oceanclean sbom``; the checklist stands behind ``oceanclean audit``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, Day, IssueTime, RegionName, Seed, Work


def lineage(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "",
    vessel: Annotated[str, typer.Option(help="Vessel of the order; default: the whole day.")] = "",
    sequence: Annotated[int | None, typer.Option(help="The order's number; default: the first collect order.")] = None,
    work: Work = options.DEFAULT_WORK, config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
) -> None:  # fmt: skip
    """Say which scenes and models led to a plan or to one order, and who put those models into use."""
    from oceanclean.governance.lineage import lineage as follow
    from oceanclean.governance.lineage import lineage_text

    found = follow(options.daily_run(region, date, issue_time, work, config, seed), vessel, sequence)
    if json:
        options.show_json(found)
    else:
        typer.echo(lineage_text(found))


def sbom(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File; default: standard output.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="An older bill: say what came, went or changed since; status 6 if any.")
    ] = None,
) -> None:
    """Write the software bill of materials as CycloneDX JSON: what is installed, with versions and licences."""
    from oceanclean.errors import RefusedError
    from oceanclean.governance.bill import bill_of_materials, changes
    from oceanclean.store import write_aside

    text = bill_of_materials()
    if against is not None:
        found = changes(against, text)
        typer.echo("\n".join(found) or "Nothing changed.")
        if found:
            raise RefusedError(f"{len(found)} packages are not those of {against.name}.")
        return
    if out is None:
        typer.echo(text)
        return
    with write_aside(out) as aside:
        aside.write_text(text + "\n", encoding="utf-8")
    typer.echo(out)


def retention(
    withdraw: Annotated[
        list[str] | None, typer.Option("--withdraw", help="A photo that its owner wants back; may be repeated.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Remove it; without this it is only shown.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who removes it; it goes into the log of removals.")] = "",
    why: Annotated[str, typer.Option("--why", help="Reason, for the log.")] = "",
    work: Work = options.DEFAULT_WORK, config: Config = None,
) -> None:  # fmt: skip
    """Show, and with --apply remove, what is kept longer than allowed, or photos that people want back."""
    from oceanclean.governance.retention import overdue, photo_of, remove

    now = datetime.now(UTC)
    items = [photo_of(work, name) for name in withdraw] if withdraw else overdue(work, config, now)
    if apply and items:
        remove(work, items, by=by, why=why, time=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for item in items:
        typer.echo(f"{'removed' if apply else 'overdue' if not withdraw else 'kept'}  {item.kind:5s} {item.name}  "
                   f"since {item.since:%Y-%m-%d}")  # fmt: skip
    typer.echo(f"{len(items)} {'removed' if apply else 'found'}")


def checklist(work: Path, config: Path | None, json: bool) -> None:
    """Go through the compliance checklist; ends with status 6 where something is broken."""
    from oceanclean.errors import RefusedError
    from oceanclean.governance.checklist import BROKEN, run_checklist

    found = run_checklist(work, config, datetime.now(UTC))
    if json:
        options.show_json([f.__dict__ for f in found])
    else:
        for f in found:
            typer.echo(f"{f.state:7s} {f.check}: {f.said}")
    broken = [f.check for f in found if f.state == BROKEN]
    if broken:
        raise RefusedError(f"Not kept: {'; '.join(broken)}.")
