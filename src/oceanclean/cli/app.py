"""Commands of ``oceanclean``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from oceanclean.cli import (
    data,
    desk,
    evaluate,
    explain,
    feedback,
    governance,
    maps,
    models,
    monitor,
    operations,
    options,
    report,
    scale,
    serving,
    train,
    twin,
)
from oceanclean.cli.allocate import DecisionsFile, FleetArgument, ForcingFile, ForecastArgument, OutFolder, PreviousPlan
from oceanclean.cli.options import AsJson, Config, Dask, Day, IssueTime, RegionName, Seed, Work
from oceanclean.cli.order import ByUse, under_headings

app = typer.Typer(
    cls=ByUse,
    help="Decides, every morning, where a fleet of cleanup vessels should go: satellite scenes and sightings become a "
    "debris map, the map is carried forward by the drift forecast, and vessels are sent where the debris will be.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 unexpected failure, 2 input or settings at fault, 3 data missing, "
    "4 another run holds the day, 5 a stored product is damaged, 6 a gate, threshold or check was not passed.",
)
app.add_typer(data.app, name="data")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(explain.app, name="explain")
app.add_typer(feedback.app, name="feedback")
app.add_typer(maps.app, name="maps")
app.add_typer(models.app, name="models")
app.add_typer(report.app, name="report")
app.add_typer(serving.tokens, name="tokens")
app.add_typer(train.app, name="train")
app.add_typer(twin.app, name="twin")
app.command("archive")(report.archive)
app.command("lineage")(governance.lineage)
app.command("monitor")(monitor.monitor)
app.command("retention")(governance.retention)
app.command("sbom")(governance.sbom)
app.command("serve")(serving.serve)
operations.add_to(app)
scale.add_to(app)

Seconds = Annotated[
    float | None,
    typer.Option(
        help="Wall time for the solver. Default: a fixed number of iterations, so that a plan can be repeated."
    ),
]


@app.command()
def plan(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "", work: Work = options.DEFAULT_WORK,
    config: Config = None, seed: Seed = options.DEFAULT_SEED, seconds: Seconds = None, dask: Dask = "",
    json: AsJson = False,
) -> None:  # fmt: skip
    """Make the deployment plan of a day: all stages, in this process; finished stages are not computed twice."""
    from oceanclean.chain import DayResult
    from oceanclean.chain.report import decision_lines, summary_lines

    result = _stages("publish", region, date, issue_time, work, config, seed, seconds, json, dask)
    if not isinstance(result, DayResult):
        raise TypeError("a day that ends with 'publish' gives a DayResult")
    if json:
        options.show_json({
            "region": region, "issue_time": result.run.issue_time, "expected_kg": result.expected_kg,
            "p10_kg": result.p10_kg, "p90_kg": result.p90_kg, "gap": result.gap, "degraded": result.degraded,
            "files": {k: str(v) for k, v in result.files.items()},
            "stages": [_stage_record(r) for r in result.records],
        })  # fmt: skip
    else:
        typer.echo("\n".join([*summary_lines(result), *decision_lines(result)]))


def _stages(
    until: str, region: str, date: str, issue_time: str, work: Path, config: Path | None, seed: int,
    seconds: float | None, quiet: bool, dask: str = "",
) -> Any:  # fmt: skip
    """Run the day up to a stage with a progress bar."""
    from oceanclean.chain import plan_day, workers

    run = options.daily_run(region, date, issue_time, work, config, seed)
    with workers(dask) as crew, options.progress_bar(hidden=quiet) as bar:
        return plan_day(run, until=until, seconds=seconds, workers=crew,
                        progress=lambda what, done, total: bar(what, done / total))  # fmt: skip


def _stage_record(record: Any) -> dict[str, Any]:
    return {
        "stage": record.stage, "folder": str(record.folder), "seconds": record.seconds, "peak_mib": record.peak_mib,
        "reused": record.reused, "facts": record.facts,
    }  # fmt: skip


def _show_stage(result: Any, json: bool) -> None:
    """Name the files of the last stage that ran."""
    records = result if isinstance(result, tuple) else result.records
    if json:
        options.show_json([_stage_record(r) for r in records])
        return
    for name in records[-1].outputs:
        typer.echo(records[-1].path(name))


def _part(until: str, help_text: str) -> None:
    """Add a command that runs the day up to one stage and names that stage's files."""

    def command(
        region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "", work: Work = options.DEFAULT_WORK,
        config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
    ) -> None:  # fmt: skip
        _show_stage(_stages(until, region, date, issue_time, work, config, seed, None, json), json)

    app.command(until, help=help_text)(command)


_part("ingest", "Read all sources as they were at the issue time, and stop there.")
_part("detect", "Run the day as far as the debris found in each scene.")
_part("map", "Run the day as far as the density map (kg per km², with its doubt).")
_part("forecast", "Run the day as far as the drift forecast of the density map.")


@app.command("allocate")
def allocate(
    forecast: ForecastArgument = None, fleet: FleetArgument = None, region: str = typer.Option(
        "", "--region", "-r", help="Region; with files, by default that of the tracks, else 'demo'."
    ), date: Day = "", issue_time: IssueTime = "", work: Work = options.DEFAULT_WORK, config: Config = None,
    seed: Seed = options.DEFAULT_SEED, seconds: Seconds = None, forcing: ForcingFile = None,
    decisions: DecisionsFile = None, previous: PreviousPlan = None, out: OutFolder = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Decide which vessel goes where: from FORECAST and FLEET, or, with --date, run the day as far as the orders."""
    from oceanclean.cli.allocate import allocate_files, show_plan
    from oceanclean.errors import InputError

    if forecast is not None:
        show_plan(allocate_files(forecast, fleet, forcing=forcing, region=region, out=out, seconds=seconds, seed=seed,
                                 config=config, decisions=decisions, previous=previous), json)  # fmt: skip
        return
    for name, value in (("--forcing", forcing), ("--previous", previous), ("--decisions", decisions), ("--out", out)):
        if value is not None:
            raise InputError("command line", name, value, "FORECAST and FLEET with it",
                             "Name the forecast's folder and the fleet, or leave the option out.")  # fmt: skip
    result = _stages("allocate", region or "demo", date, issue_time, work, config, seed, seconds, json)
    _show_stage(result, json)


_part("what-if", "Run the day as far as the what-if table: the plan if something were otherwise.")
_part("publish", "Run the whole day and name the files of the plan.")


app.command("replan")(desk.replan)
app.command("approve")(desk.approve)
app.command("audit")(desk.audit)
app.command("serve-plan")(desk.serve_plan)


@app.command()
def segment(
    scene: Annotated[Path, typer.Argument(help="GeoTIFF with the Sentinel-2 bands, any size.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for raster, polygons and picture.")],
    radiometry: Annotated[
        str, typer.Option(help="Atmospheric correction: rhorc, rhos or l2a, if the file does not say.")
    ] = "",
    acquired: Annotated[
        str, typer.Option(help="Time of the pass (ISO 8601 with zone), if the file does not say.")
    ] = "",
    scale: Annotated[
        float | None, typer.Option(help="Reflectance = number × scale + offset, if the file does not say.")
    ] = None,
    offset: Annotated[float | None, typer.Option(help="See --scale; -0.1 from processing baseline 04.00 on.")] = None,
    reduced_bands: Annotated[
        bool, typer.Option(help="Accept a scene that lacks some of the 11 bands; less certain.")
    ] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Find debris and its look-alikes in one satellite scene."""
    from oceanclean import chain
    from oceanclean.products.names import FLOATING

    given = {"radiometry": radiometry, "acquired": acquired, "scale": scale, "offset": offset}
    with options.progress_bar(hidden=json) as bar:
        result = chain.segment_file(
            scene, out, config=config, options={k: v for k, v in given.items() if v not in ("", None)},
            allow_missing=reduced_bands, progress=bar,
        )  # fmt: skip
    if json:
        options.show_json(result.to_json())
        return
    figures = result.statistics
    found = {name: figures.get(f"{name}_km2", 0.0) for name in (*FLOATING, "ship")}
    typer.echo(f"{result.scene.scene_id}: {figures['observed_km2']:,.1f} km² observed")
    for name, area in found.items():
        typer.echo(f"  {name.replace('_', ' '):18s} {area * 1e6:12,.0f} m²")
    for sentence in result.degraded:
        typer.echo(f"  degraded: {sentence}")
    for path in (result.raster, result.detections, result.picture):
        typer.echo(f"  {path}")


@app.command("detect-objects")
def detect_objects(
    images: Annotated[list[Path], typer.Argument(help="Satellite tiles or drone frames, any size.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the detections: .parquet or .geojson.")],
    model: Annotated[str, typer.Option(help="Shipped model by default, or the path of a .keras file.")] = "",
    taken: Annotated[str, typer.Option(help="Time (ISO 8601 with zone), if the files do not say.")] = "",
    camera: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE where EXIF lacks it: lon, lat, height_m, yaw_deg, pitch_deg, roll_deg, focal_px, "
                          "sensor_width_mm; may be repeated."),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="A trained litter segmenter: fills in the share of each box that is litter.")
    ] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Find litter as boxes in tiles and drone frames, and where on the sea it lies."""
    from oceanclean.vision import detector
    from oceanclean.vision.litter.segmenter import LitterSegmenter

    known, moment = detector.camera_facts(camera or []), detector.parse_moment(taken)
    segmenter = LitterSegmenter(masks) if masks is not None else None
    with options.progress_bar(hidden=json) as bar:
        result = detector.detect_objects(
            images, out, detector.load_detector_settings(config), model=model or None, camera=known, taken=moment,
            segmenter=segmenter, progress=bar,
        )  # fmt: skip
    if json:
        options.show_json({"detections": len(result.table), "file": str(result.path), "degraded": result.degraded})
        return
    typer.echo(f"{len(result.table)} detections in {len(images)} image(s): {result.path}")
    for sentence in result.degraded:
        typer.echo(f"  degraded: {sentence}")


@app.command()
def regions(config: Config = None) -> None:
    """List the regions that can be planned for."""
    from oceanclean.settings import config_root, load_region_settings

    for path in sorted((config_root(config) / "regions").glob("*.yaml")):
        settings = load_region_settings(path.stem, config)
        typer.echo(f"{settings.name:16s} {settings.title}")


under_headings(app)
