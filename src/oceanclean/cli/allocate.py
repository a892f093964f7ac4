"""``oceanclean allocate``: the orders of a day, or of any forecast and fleet that stand in files."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oceanclean.cli import options
from oceanclean.errors import InputError

if TYPE_CHECKING:
    from oceanclean.products import Plan
    from oceanclean.settings import RegionSettings

ForecastArgument = Annotated[
    Path | None,
    typer.Argument(help="Folder with tracks.nc (forecast.nc and forcing.nc beside it, if there), or the tracks' file."),
]
FleetArgument = Annotated[Path | None, typer.Argument(help="The fleet: GeoParquet, or a fleet file in YAML.")]
ForcingFile = Annotated[Path | None, typer.Option("--forcing", help="Waves and wind, if not beside the tracks.")]
DecisionsFile = Annotated[Path | None, typer.Option("--decisions", help="Pins, bans, holds, closures, limits: YAML.")]
PreviousPlan = Annotated[Path | None, typer.Option("--previous", help="Folder of the last plan, to start from.")]
OutFolder = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the plan's files.")]


def allocate_files(
    forecast: Path, fleet: Path | None, *, forcing: Path | None, region: str, out: Path | None, seconds: float | None,
    seed: int, config: Path | None, decisions: Path | None, previous: Path | None,
) -> Plan:  # fmt: skip
    """Plan from product files.

    Args:
        forecast: tracks of the drift forecast, or the folder that holds them.
        fleet: GeoParquet or YAML; by default ``fleet.parquet`` in the folder.
        forcing: by default ``forcing.nc`` in the folder.
        region: name; by default the one that the tracks were made for.
        out: folder that the plan is written into, or None.
        seconds: wall time of the search, or None.
        seed: of the search.
        config: configuration folder, or None.
        decisions: YAML file, or None.
        previous: folder of the last plan, or None.

    Raises:
        InputError: a file is absent or cannot be read.
        OceancleanError: the allocation failed.
    """
    from oceanclean.allocation.process import Job, allocate_in_process, open_grid
    from oceanclean.decisions import load_decisions
    from oceanclean.settings import load_region_settings, load_yaml, named

    folder = forecast if forecast.is_dir() and forecast.suffix != ".zarr" else forecast.parent
    tracks = folder / "tracks.nc" if folder == forecast else forecast
    beside = folder / "forecast.nc"
    weather = _there(forcing or folder / "forcing.nc", "--forcing", "waves and wind as NetCDF or Zarr")
    head = open_grid(str(_there(tracks, "FORECAST", "the drift forecast's tracks"))).attrs
    settings = load_region_settings(region or str(head.get("region", "demo")), config)
    issue = str(head.get("issue_time") or "")
    if not issue:
        raise InputError(tracks, "issue_time", "none", "tracks that carry it", "Give the tracks of a drift forecast.")
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "plan"
        result.mkdir()
        boats = _fleet_table(_there(fleet or folder / "fleet.parquet", "FLEET", "GeoParquet or YAML"), issue, settings,
                             Path(scratch))  # fmt: skip
        plan = allocate_in_process(Job(
            tracks=str(tracks), forecast=str(beside) if beside.is_file() else "", forcing=str(weather),
            fleet=str(boats), region=settings, issue_time=issue, horizon_h=float(settings.horizon_h), out=str(result),
            settings=dict(load_yaml(named("models", "allocation", config))), seed=seed, seconds=seconds,
            previous=str(previous) if previous else "",
            decisions=load_decisions(decisions).model_dump() if decisions else None,
        ))  # fmt: skip
        if out is not None:
            shutil.copytree(result, out, dirs_exist_ok=True)
    return plan


def _there(path: Path, field: str, expected: str) -> Path:
    if not path.exists():
        raise InputError(path, field, "no such file", expected, "Check the path.")
    return path


def _fleet_table(path: Path, issue: str, region: RegionSettings, scratch: Path) -> Path:
    """The fleet as GeoParquet; a YAML fleet file is read as the ingest stage would."""
    if path.suffix not in {".yaml", ".yml"}:
        return path
    from oceanclean.products.files import save_table
    from oceanclean.region import Region
    from oceanclean.settings import FleetSettings, load
    from oceanclean.sources.fleet import read_fleet

    table, _ = read_fleet(Region(region), load(path, FleetSettings), [], issue_time=issue)
    return save_table("FleetState", table, scratch / "fleet.parquet")


def show_plan(plan: Plan, as_json: bool) -> None:
    """Print a plan: vessels, catch, bound."""
    if as_json:
        options.show_json({
            "issue_time": plan.issue_time, "expected_kg": plan.expected_kg, "p10_kg": plan.p10_kg,
            "p90_kg": plan.p90_kg, "bound_kg": plan.bound_kg, "gap": plan.gap, "solver": plan.solver,
            "task_mass_share": plan.task_mass_share, "degraded": plan.degraded,
            "vessels": [dataclasses.asdict(v) for v in plan.vessels],
        })  # fmt: skip
        return
    for vessel in plan.vessels:
        what = f"{vessel.expected_kg:8.0f} kg in {vessel.hours:.0f} h" if vessel.status == "sent" else vessel.reason
        typer.echo(f"{vessel.vessel_id:16s} {vessel.status:6s} {what}")
    typer.echo(f"expected {plan.expected_kg:.0f} kg (80 % range {plan.p10_kg:.0f} to {plan.p90_kg:.0f} kg)")
    if plan.bound_kg is not None and plan.expected_kg > 0:
        typer.echo(f"at most {100 * (plan.bound_kg / plan.expected_kg - 1):.1f} % more is possible")
    elif plan.gap is not None and plan.gap < 1:
        typer.echo(f"at most {100 / (1 - plan.gap) - 100:.1f} % more is possible, places weighted by harm")
    typer.echo(f"the tasks hold {100 * plan.task_mass_share:.0f} % of the forecast mass")
    for sentence in plan.degraded:
        typer.echo(f"  degraded: {sentence}")
