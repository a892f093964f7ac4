"""Commands for much at once: many scenes, many regions, on this machine's cores or on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, Dask, Day, Seed, Work

if TYPE_CHECKING:
    from oceanclean.chain import DayDone, SceneDone


def segment_all(
    scenes: Annotated[list[str], typer.Argument(help="GeoTIFFs: paths, addresses (s3://, gs://, az://), patterns.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder or address; each scene gets a folder below it.")],
    radiometry: Annotated[str, typer.Option(help="rhorc, rhos or l2a, if the files do not say.")] = "",
    reduced_bands: Annotated[bool, typer.Option(help="Accept scenes that lack some of the 11 bands.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Do scenes anew that are done.")] = False,
    dask: Dask = "", config: Config = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Find debris in many scenes side by side; finished ones are kept, one that fails does not stop the others."""
    from oceanclean import chain

    named = chain.scenes_named(scenes)
    given = {"radiometry": radiometry} if radiometry else {}
    place = Path(config).absolute() if config else None
    with chain.workers(dask) as crew, options.progress_bar(hidden=json) as bar:
        found = chain.segment_many(named, out, crew, config=place, options=given, allow_missing=reduced_bands,
                                   again=again, progress=bar)  # fmt: skip
    if json:
        options.show_json([_scene_record(s) for s in found])
    else:
        typer.echo("\n".join(line for s in found for line in _scene_lines(s)))
    _end_with(found)


def _scene_record(scene: SceneDone) -> dict[str, Any]:
    return {
        "source": scene.source, "target": scene.target, "outcome": scene.outcome, "seconds": round(scene.seconds, 2),
        "statistics": dict(scene.statistics), "degraded": scene.degraded,
        "error": str(scene.error) if scene.error else "",
    }  # fmt: skip


def _scene_lines(scene: SceneDone) -> list[str]:
    debris = scene.statistics.get("marine_debris_km2")
    figure = "" if debris is None else f"{debris * 1e6:,.0f} m² marine debris"
    lines = [f"{scene.outcome:7s} {scene.seconds:7.1f} s  {scene.target}  {figure}".rstrip()]
    lines += [f"  degraded: {sentence}" for sentence in scene.degraded]
    return lines if scene.error is None else [*lines, f"  {scene.error}"]


def plan_all(
    region: Annotated[
        list[str] | None, typer.Option("--region", "-r", help="Only this region; may be repeated. Default: all.")
    ] = None,
    date: Day = "", work: Work = options.DEFAULT_WORK, config: Config = None, seed: Seed = options.DEFAULT_SEED,
    dask: Dask = "", json: AsJson = False,
) -> None:  # fmt: skip
    """Plan a day of many regions side by side; one that fails does not stop the others."""
    from oceanclean import chain
    from oceanclean.settings import config_root

    names = region or sorted(p.stem for p in (config_root(config) / "regions").glob("*.yaml"))
    runs = [options.daily_run(name, date, "", work, config, seed) for name in names]
    with chain.workers(dask) as crew, options.progress_bar(hidden=json) as bar:
        found = chain.plan_many(runs, crew, progress=bar)
    if json:
        options.show_json([{
            "region": d.region, "issue_time": d.issue_time, "outcome": d.outcome, "expected_kg": d.expected_kg,
            "seconds": round(d.seconds, 2), "reasons": d.reasons,
        } for d in found])  # fmt: skip
    else:
        for d in found:
            kg = "" if d.expected_kg is None else f"{d.expected_kg:,.0f} kg expected"
            typer.echo(f"{d.region:16s} {d.outcome:9s} {d.seconds:7.1f} s  {kg}".rstrip())
            for reason in d.reasons:
                typer.echo(f"    {reason}")
    _end_with(found)


def _end_with(found: Sequence[SceneDone | DayDone]) -> None:
    """End with the status of the first failure."""
    errors = [f.error for f in found if f.error is not None]
    if errors:
        raise typer.Exit(errors[0].exit_code)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("segment-all")(segment_all)
    app.command("plan-all")(plan_all)
