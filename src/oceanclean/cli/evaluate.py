"""``oceanclean evaluate …``: score a room on real data, with its baselines beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from oceanclean.cli import options
from oceanclean.cli.options import Config

app = typer.Typer(no_args_is_help=True, help="Score a part of oceanclean on real data, its references beside it.")

Data = Annotated[list[Path], typer.Option("--data", help="Folder with the data; may be given more than once.")]
PhotoProtocol = Annotated[str, typer.Option(help="shipped: as it is; grouped-folds: retrained for each fold.")]
Exact = Annotated[bool, typer.Option(help="Score the float model, not the 8-bit one.")]
Folds = Annotated[int, typer.Option(help="Folds of grouped-folds.", min=2)]
FoldWork = Annotated[Path | None, typer.Option(help="Keeps the runs of grouped-folds, so that a cut run goes on.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")]


def _write(record: dict[str, Any], path: Path | None) -> None:
    from oceanclean.store import write_json

    if path is not None:
        write_json(path, record)
        typer.echo(f"written to {path}")


@app.command()
def segmenter(
    data: Data,
    model: Annotated[str, typer.Option(help="Shipped model by default, or the path of a .keras file.")] = "",
    protocol: Annotated[
        str, typer.Option(help="shipped: the model as it is; leave-scene-out: retrained without each scene.")
    ] = "shipped",
    folder: Annotated[Path | None, typer.Option(help="Keeps the folds, so that a stopped run goes on.")] = None,
    json: JsonFile = None,
    config: Config = None,
) -> None:
    """Score the debris segmenter on labelled scenes laid out like MARIDA."""
    from oceanclean import vision

    with options.progress_bar(hidden=False) as bar:
        figures = vision.evaluate_segmenter(
            data, model=model or None, protocol=protocol, folder=folder,
            settings=vision.load_training_settings(config), progress=bar,
        )  # fmt: skip
    typer.echo(vision.evaluation_table(figures))
    _write(figures, json)


@app.command()
def spectra(data: Data, json: JsonFile = None) -> None:
    """Recall of plastic in single spectra at places left out (tables like Duarte's)."""
    from oceanclean.vision.spectra import evaluate_spectra

    figures = evaluate_spectra(data)
    for name, value in figures.items():
        typer.echo(f"{name:40s} {value:.3f}" if isinstance(value, float) else f"{name:40s} {value}")
    _write(figures, json)


@app.command("litter-segmenter")
def litter_segmenter(
    data: Data,
    model: Annotated[
        str, typer.Option(help="A .keras file or training folder, default what ships; with folds: a network's name.")
    ] = "",
    protocol: Annotated[
        str, typer.Option(help="shipped: the model as it is; grouped-folds: retrained without each part.")
    ] = "shipped",
    folder: Annotated[Path | None, typer.Option(help="Keeps the folds, so that a stopped run goes on.")] = None,
    json: JsonFile = None,
    config: options.Config = None,
) -> None:
    """Score a segmenter of litter masks: by material, as one class, by size of the object."""
    from oceanclean.vision import litter

    with options.progress_bar(hidden=False) as bar:
        figures = litter.evaluate_litter_segmenter(
            data, model or None, protocol, settings=litter.load_litter_settings(config), folder=folder, progress=bar
        )
    typer.echo(litter.litter_table(figures))
    _write(figures, json)


@app.command()
def classifier(
    data: Data,
    model: Annotated[str, typer.Option(help="Shipped model by default, or a trained one's folder or file.")] = "",
    protocol: PhotoProtocol = "shipped",
    exact: Exact = False,
    folds: Folds = 3,
    work: FoldWork = None,
    config: Config = None,
    json: JsonFile = None,
) -> None:
    """Score the trash classifier on labelled photos, by groups of duplicates."""
    _evaluate_photos("classifier", data, model, protocol, exact, folds, work, config, json)


@app.command()
def cleanliness(
    data: Data,
    model: Annotated[str, typer.Option(help="Shipped model by default, or a trained one's folder or file.")] = "",
    protocol: PhotoProtocol = "shipped",
    exact: Exact = False,
    folds: Folds = 3,
    work: FoldWork = None,
    config: Config = None,
    json: JsonFile = None,
) -> None:
    """Score the cleanliness grade on labelled photos, by groups of duplicates."""
    _evaluate_photos("cleanliness", data, model, protocol, exact, folds, work, config, json)


def _evaluate_photos(
    kind: str, data: list[Path], model: str, protocol: str, exact: bool, folds: int, work: Path | None,
    config: Path | None, json: Path | None,
) -> None:  # fmt: skip
    from oceanclean.vision.photos.evaluation import evaluate_photos, photo_table
    from oceanclean.vision.photos.settings import load_photo_settings

    settings = load_photo_settings(kind, config)
    with options.progress_bar(hidden=False) as bar:
        figures = evaluate_photos(kind, data, settings, model=model or None, protocol=protocol, exact=exact,
                                  folds=folds, folder=work, progress=bar)  # fmt: skip
    typer.echo(photo_table(figures))
    _write(figures, json)


@app.command()
def detector(
    data: Data,
    model: Annotated[str, typer.Option(help="Shipped model by default, or the path of a .keras file.")] = "",
    protocol: Annotated[
        str, typer.Option(help="shipped: the model as it is; grouped-folds: trained without the scenes scored.")
    ] = "shipped",
    material: Annotated[bool, typer.Option(help="With grouped-folds: learn and score the set's classes too.")] = False,
    json: JsonFile = None,
    config: options.Config = None,
) -> None:
    """Score the detector of litter on labelled boxes (YOLO, COCO or boxes.csv folders)."""
    from oceanclean.vision import detector as room

    settings = room.load_detector_settings(config)
    with options.progress_bar(hidden=False) as bar:
        figures = room.evaluate_detector(
            data, model or None, protocol, settings=settings, material=material, progress=bar
        )
    typer.echo(room.detector_table(figures))
    _write(figures, json)


@app.command()
def drift(
    data: Annotated[
        Path,
        typer.Option(help="Folder with hourly tracks and forcing along them, or fixes with NetCDF forcing beside."),
    ],
    model: Annotated[Path | None, typer.Option(help="A fitted forecaster; default: what ships.")] = None,
    protocol: Annotated[
        str, typer.Option(help="shipped: the model as it is; blocked: refitted for each fold.")
    ] = "shipped",
    json: JsonFile = None,
    config: Config = None,
) -> None:
    """Score the drift forecast against real drifters, beside persistence and plain physics."""
    from oceanclean import drift as room

    figures = room.evaluate_drift(data, model=model, protocol=protocol, settings=room.load_settings(config=config))
    typer.echo(room.skill_table(figures))
    _write(figures, json)


@app.command()
def density(
    data: Annotated[
        Path | None, typer.Option(help="Folder with the windrow archive (.xlsx of Cózar et al. 2024); else twin only.")
    ] = None,
    days: Annotated[int, typer.Option(help="Days of the simulated sea; 0 leaves it out.", min=0, max=60)] = 10,
    seas: Annotated[int, typer.Option(help="Simulated seas.", min=1, max=50)] = 3,
    region: options.RegionName = "demo",
    config: Config = None,
    json: JsonFile = None,
) -> None:
    """Score the density map: in a simulated sea with clouds, and on the windrow archive, references beside it."""
    from oceanclean.chain.windrow_archive import archive_table, evaluate_archive
    from oceanclean.cli import density_twin

    figures: dict[str, Any] = {}
    with options.progress_bar(hidden=False) as bar:
        if days:
            figures["twin"] = density_twin.evaluate_twin(
                region, days=days, seeds=tuple(range(seas)), config=config, progress=bar
            )
        if data is not None:
            figures["windrows"] = evaluate_archive(data, bar)
    if "twin" in figures:
        typer.echo(density_twin.twin_table(figures["twin"]))
    if "windrows" in figures:
        typer.echo(archive_table(figures["windrows"]))
    _write(figures, json)


@app.command()
def allocation(
    data: Annotated[Path, typer.Option(help="Folder with benchmark instances and best_known.csv.")],
    seconds: Annotated[float, typer.Option(help="Wall time for each instance.", min=0.1)] = 10.0,
    drift: Annotated[
        float | None, typer.Option(help="Let the targets drift at this share of the vessels' speed.")
    ] = None,
    instances: Annotated[list[str] | None, typer.Option("--instance", help="Only these instances.")] = None,
    json: JsonFile = None,
) -> None:
    """Score the solver that plans the day on published orienteering instances."""
    from oceanclean.allocation.evaluation import evaluate_allocation

    figures = evaluate_allocation(data, seconds=seconds, drift=drift, names=instances, progress=_show_instance)
    if drift is None:
        typer.echo(f"mean gap {_percent(figures['mean_gap_percent'])}, worst {_percent(figures['worst_gap_percent'])}")
    for method, share in figures.get("catch_relative_to_ours", {}).items():
        typer.echo(f"{method:34s} catches {share:.3f} of ours")
    _write(figures, json)


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} %"


def _show_instance(row: dict[str, Any]) -> None:
    """One line an instance while the next is being solved."""
    if "ours" in row:
        typer.echo(f"{row['name']:14s} ours {row['ours']:10.1f}")
        return
    best = "unknown" if row["best_known"] is None else f"{row['best_known']:g}"
    typer.echo(f"{row['name']:14s} {row['prize']:10.1f}   best known {best:>8s}   gap {_percent(row['gap_percent'])}")


@app.command()
def chain(
    runs: Annotated[list[Path], typer.Argument(help="Folders of `oceanclean twin run`, one a scenario.")],
    json: JsonFile = None,
    page: Annotated[Path | None, typer.Option(help="Folder for a page with table, figures and animated maps.")] = None,
) -> None:
    """Score whole seasons in simulated seas: kilograms by planner, against better and worse planning."""
    from oceanclean.store import read_json
    from oceanclean.twin.season.figures import season_figures, season_table
    from oceanclean.twin.season.run import RECORD

    scenarios = {}
    for folder in runs:
        figures = season_figures(folder)
        name = read_json(folder / RECORD)["scenario"]["name"]
        scenarios[name] = figures
        typer.echo(season_table(name, figures))
    if page is not None:
        from oceanclean.twin.season.report import write_page

        typer.echo(write_page(dict(zip(scenarios, runs, strict=True)), scenarios, page))
    _write({"scenarios": scenarios}, json)
