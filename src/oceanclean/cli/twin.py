"""``oceanclean twin …``: the simulated ocean with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, Day, IssueTime, RegionName, Seed, Work

app = typer.Typer(
    no_args_is_help=True, help="A simulated ocean with known truth: what is seen goes to files, the truth stays apart."
)


@app.command()
def observe(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "", work: Work = options.DEFAULT_WORK,
    config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
    days: Annotated[int, typer.Option(help="Consecutive days of one simulated ocean.", min=1, max=60)] = 1,
) -> None:  # fmt: skip
    """Simulate a stretch of sea and write what satellites, buoys, models and people would have seen of it."""
    from oceanclean.settings import load_fleet_settings
    from oceanclean.twin.observe import observe as write_what_is_seen
    from oceanclean.twin.settings import load_twin_settings

    run = options.daily_run(region, date, issue_time, work, config, seed)
    fleet = load_fleet_settings(run.region.settings.fleet, config)
    with options.progress_bar(hidden=json) as bar:
        out = work / "twin" / region
        facts = write_what_is_seen(
            run.region, run.issue_time, out, load_twin_settings(config), seed, bar, days=days, fleet=fleet
        )
    if json:
        options.show_json(facts)
    else:
        typer.echo(out / "seen")


@app.command()
def score(
    region: RegionName = "demo", date: Day = "", issue_time: IssueTime = "", work: Work = options.DEFAULT_WORK,
    config: Config = None, seed: Seed = options.DEFAULT_SEED, json: AsJson = False,
) -> None:  # fmt: skip
    """Carry a finished plan out in the simulated truth: kilograms caught against kilograms promised."""
    from oceanclean import twin

    run = options.daily_run(region, date, issue_time, work, config, seed)
    figures = twin.score_run(run.folder.root, work / "twin" / region / "truth", run.region, config)
    if json:
        options.show_json(figures)
        return
    for name, value in figures.items():
        typer.echo(f"{name:36s} {value}")


@app.command()
def catches(
    region: RegionName = "demo", work: Work = options.DEFAULT_WORK, config: Config = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="CSV file; by default beside what is seen.")] = None,
) -> None:  # fmt: skip
    """Carry all finished plans of a region out in the simulated truth and write what the crews would report."""
    from oceanclean import twin
    from oceanclean.settings import load_fleet_settings, load_region_settings
    from oceanclean.twin.settings import load_twin_settings

    fleet = load_fleet_settings(load_region_settings(region, config).fleet, config)
    plans = sorted(p.parent for p in (work / "runs" / region).glob("*/allocate/plan.json"))
    file = out or work / "twin" / region / "catches.csv"
    hauls = twin.write_catches(plans, work / "twin" / region / "truth", fleet, load_twin_settings(config), file)
    typer.echo(f"{len(hauls)} hauls of {len(plans)} plans, {sum(h.kg for h in hauls):,.0f} kg")
    typer.echo(file)


Scenarios = Annotated[str, typer.Option(help="Scenario: a file of config/twin (bay, shelf, strait, gyre).")]
Days = Annotated[int, typer.Option(help="Days of the season.", min=1, max=120)]
Seeds = Annotated[int, typer.Option(help="Seas: seeds first-seed, first-seed + 1, ...", min=1, max=1000)]
FirstSeed = Annotated[int, typer.Option(help="The first seed.", min=0)]
Workers = Annotated[int, typer.Option(help="Processes side by side.", min=1, max=256)]
DaskAddress = Annotated[
    str, typer.Option("--dask", help="Address of a Dask scheduler (tcp://host:8786) whose workers share the folder.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; a run that was cut goes on in it.")]


@app.command()
def run(
    out: Out, scenario: Scenarios = "bay", days: Days = 14, seeds: Seeds = 10, first_seed: FirstSeed = 1,
    planners: Annotated[str, typer.Option(help="Ways of planning, with commas; default: all.")] = "",
    workers: Workers = 1, dask: DaskAddress = "", config: Config = None,
) -> None:  # fmt: skip
    """Let every planner clean a simulated sea day after day: the chain, its stages made perfect, simple ways."""
    from oceanclean.twin.season.loop import WAYS

    chosen = [p.strip() for p in planners.split(",") if p.strip()] or list(WAYS)
    _season(out, scenario, days, range(first_seed, first_seed + seeds), chosen, [], workers, dask, config)


@app.command("what-if")
def what_if(
    out: Out, scenario: Scenarios = "bay", days: Days = 14, seeds: Seeds = 10, first_seed: FirstSeed = 1,
    change: Annotated[str, typer.Option(help="What-ifs of the scenario, with commas; default: all.")] = "",
    workers: Workers = 1, dask: DaskAddress = "", config: Config = None,
) -> None:  # fmt: skip
    """Ask what another fleet, port, drone or revisit would bring: the chain, over the same seas."""
    from oceanclean.twin.season.scenario import load_scenario

    asked = [c.strip() for c in change.split(",") if c.strip()] or list(load_scenario(scenario, config).what_if)
    _season(out, scenario, days, range(first_seed, first_seed + seeds), ["chain"], asked, workers, dask, config)


@app.command()
def separation(
    scenario: Scenarios = "bay", seeds: Seeds = 3, first_seed: FirstSeed = 101, config: Config = None
) -> None:
    """Tell how far floats in a scenario's forecasts part from floats in its sea, in km after 24, 48 and 72 h."""
    from oceanclean.twin.season.scenario import load_scenario
    from oceanclean.twin.season.separation import separation as measured

    found = measured(load_scenario(scenario, config), range(first_seed, first_seed + seeds), config=config)
    for name, kilometres in found.items():
        typer.echo(f"{name:10s} {kilometres:6.1f} km")


def _season(
    out: Path, scenario: str, days: int, seeds: range, planners: list[str], variants: list[str], workers: int,
    dask: str, config: Path | None,
) -> None:  # fmt: skip
    """Run, then show the table."""
    from oceanclean.twin.season.figures import season_figures, season_table
    from oceanclean.twin.season.run import run_seasons
    from oceanclean.twin.season.scenario import load_scenario

    with options.progress_bar(hidden=False) as bar:
        run_seasons(
            load_scenario(scenario, config), out, days=days, seeds=list(seeds), planners=planners, variants=variants,
            workers=workers, address=dask, config=config, progress=bar,
        )  # fmt: skip
    typer.echo(season_table(scenario, season_figures(out)))
    typer.echo(out)
