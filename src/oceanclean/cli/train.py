"""``oceanclean train …``: fit a model on a user's own data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import Config

app = typer.Typer(no_args_is_help=True, help="Train a model on your own data.")


@app.command()
def segmenter(
    data: Annotated[
        list[Path], typer.Option("--data", help="Folder laid out like MARIDA; may be given more than once.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, its figures and its checkpoints.")],
    config: Config = None,
) -> None:
    """Train the debris segmenter; a run that was stopped goes on where it stood."""
    from oceanclean import vision

    with options.progress_bar(hidden=False) as bar:
        path = vision.train_segmenter(data, out, vision.load_training_settings(config), progress=bar)
    typer.echo(path)


@app.command("litter-segmenter")
def litter_segmenter(
    data: Annotated[
        list[Path], typer.Option("--data", help="Folder of images/ and masks/, or like MARIDA; may be given again.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, its card and its state.")],
    model: Annotated[str, typer.Option(help="Network of the zoo; default: that of the settings.")] = "",
    weights: Annotated[Path | None, typer.Option(help="A .keras file to start from.")] = None,
    edge: Annotated[
        bool, typer.Option("--edge", help="Also write an INT8 model, if it scores as the float one.")
    ] = False,
    config: Config = None,
) -> None:
    """Train a segmenter of litter masks; a run that was stopped goes on where it stood."""
    from oceanclean.vision import litter

    with options.progress_bar(hidden=False) as bar:
        path = litter.train_litter_segmenter(
            data, out, model, litter.load_litter_settings(config), weights=weights, progress=bar
        )
    typer.echo(path)
    if edge:
        report = litter.export_edge(path, data)
        kept = report.path or "INT8 model not kept, it loses too much"
        typer.echo(f"{kept}: foreground mIoU {report.int8_miou:.3f}, float {report.float_miou:.3f}")


@app.command()
def forecaster(
    data: Annotated[Path, typer.Option(help="Folder with drifter tracks and forcing at the fixes.")],
    out: Annotated[Path, typer.Option(help="File for the fitted forecaster (.skops).")],
    config: Config = None,
) -> None:
    """Fit the correction of the drift forecast on drifters."""
    from oceanclean import drift

    figures = drift.train_forecaster(data, out, drift.load_settings(config=config))
    typer.echo(f"{out}: {json.dumps(figures, default=str)[:400]}")


@app.command()
def detector(
    data: Annotated[
        list[Path],
        typer.Option("--data", help="Folder of boxes: YOLO, COCO or boxes.csv; may be given more than once."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, its card and its checkpoints.")],
    model: Annotated[str, typer.Option(help="Name for the model's card.")] = "detector",
    material: Annotated[bool, typer.Option(help="Learn the set's classes; else all is litter.")] = False,
    config: Config = None,
) -> None:
    """Train the detector of litter as boxes; a run that was stopped goes on where it stood."""
    from oceanclean.vision.detector import load_detector_settings, train_detector

    settings = load_detector_settings(config)
    with options.progress_bar(hidden=False) as bar:
        path = train_detector(
            data, out, settings.training, settings.decoding, name=model, material=material, progress=bar
        )
    typer.echo(path)
