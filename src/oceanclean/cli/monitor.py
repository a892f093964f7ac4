"""``oceanclean monitor``: is what the plans rest on still as it was?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, RegionName, Work
from oceanclean.errors import RefusedError


def monitor(
    region: RegionName = "demo",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for page and metrics; default: WORK/monitor/REGION.")
    ] = None,
    renew_reference: Annotated[
        bool, typer.Option("--renew-reference", help="Compare inputs with the last days from now on.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="End with status 6 where a figure is in alarm.")] = False,
    work: Work = options.DEFAULT_WORK, config: Config = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Watch input, skill, calibration, time, memory and freshness of a region; write a page and Prometheus text."""
    from oceanclean.chain.watch import watch, write_report

    report = watch(work, region, config, renew_reference=renew_reference)
    files = write_report(report, out or work / "monitor" / region)
    if json:
        options.show_json(report.to_json())
    else:
        for f in report.figures:
            value = "–" if f.value is None else f"{f.value:.4g} {f.unit}".removesuffix(" 1")
            typer.echo(f"{f.state:8s} {f.name:20s} {f.of:40s} {value}")
        for sentence in report.said:
            typer.echo(f"  {sentence}")
        typer.echo(files["index.html"])
    alarms = report.in_state("alarm")
    if check and alarms:
        raise RefusedError(f"{region}: in alarm: " + ", ".join(f"{f.name} {f.of}".strip() for f in alarms) + ".")
