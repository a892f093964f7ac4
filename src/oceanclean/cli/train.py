"""``oceanclean train …``: fit a model on a user's own data."""

from __future__ import annotations

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
    search: Annotated[
        int, typer.Option(help="First try so many settings (Optuna), and train with the best.", min=0)
    ] = 0,
    edge: Annotated[
        bool, typer.Option("--edge", help="Also write its network in 8 bits, if it scores as the float one.")
    ] = False,
    config: Config = None,
) -> None:
    """Train the debris segmenter; a run that was stopped goes on where it stood."""
    from oceanclean import vision
    from oceanclean.settings import load

    settings = vision.load_training_settings(config)
    with options.progress_bar(hidden=False) as bar:
        if search:
            found = vision.search_settings(data, out / "search", search, settings, progress=bar)
            typer.echo(found)
            settings = load(found, vision.TrainingSettings)
        path = vision.train_segmenter(data, out, settings, progress=bar)
    typer.echo(path)
    if edge:
        report = vision.export_edge(data, path.with_suffix(".tflite"), path)
        typer.echo(
            f"{report.path or 'the 8-bit network is not kept, it loses too much'}: debris IoU "
            f"{report.int8_debris_iou:.3f}, float {report.float_debris_iou:.3f}; mean IoU {report.int8_miou:.3f}, "
            f"float {report.float_miou:.3f}; {report.bytes:,} bytes"
        )


@app.command("site")
def site(
    data: Annotated[
        list[Path],
        typer.Option("--data", help="Folder of the site, laid out like MARIDA; may be given more than once."),
    ],
    out: Annotated[Path, typer.Option(help="File for the segmenter of the site (.keras); its card lies beside it.")],
    shots: Annotated[int, typer.Option(help="Most labelled pixels of a class to learn from.", min=1, max=1000)] = 20,
    model: Annotated[Path | None, typer.Option(help="A .keras segmenter; by default the one that ships.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw of pixels.")] = 0,
) -> None:
    """Teach the debris segmenter a new site from a few labelled pixels, in seconds."""
    from oceanclean import vision

    used = vision.few_shot_segmenter(data, out, shots=shots, model=model, seed=seed)
    typer.echo(f"{out}: " + ", ".join(f"{n} {c.replace('_', ' ')}" for c, n in used.items() if n))


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
    box = ", ".join(f"{edge:.1f}" for edge in figures["domain"]["box"])
    typer.echo(f"{out}: {figures['drifters']} drifters, {figures['drifter_hours']} hours")
    typer.echo(f"weight of the learned correction {figures['weight']:.3f} ({figures['weight_on_later_days']:g} on days "
               f"held back), share of the fitted windage {figures['windage_share']:g}")  # fmt: skip
    typer.echo("windage: " + ", ".join(f"{kind} {share:.2%}" for kind, share in figures["windage"].items()))
    typer.echo(f"may be used within {box} (west, east, south, north); plain physics elsewhere")
    for note in figures["notes"]:
        typer.echo(f"note: {note}")


Photos = Annotated[
    list[Path],
    typer.Option(
        "--data", help="Folder of photos with index.csv or a sub-folder a label; may be given more than once."
    ),
]
Name = Annotated[str, typer.Option("--model", help="Network of the zoo; empty: the recipe's own; none: texture alone.")]
PhotoOut = Annotated[Path, typer.Option(help="Folder for the model, its 8-bit form and the state of the run.")]
Weights = Annotated[
    Path | None,
    typer.Option(help="A .keras file to start from (two-phase); default: what ships where the recipe asks for it."),
]
Start = Annotated[str, typer.Option(help="scratch, two-phase or both (the better is kept); empty: the recipe's own.")]
Manifest = Annotated[
    Path | None, typer.Option(help="Manifest of `oceanclean data audit` with a column split: train or validation.")
]
Epochs = Annotated[int | None, typer.Option(help="Epochs of the network; default: the recipe's.", min=1)]
Pretraining = Annotated[
    list[Path] | None,
    typer.Option("--pretrain", help="Folder of photos, no labels needed, to pretrain the backbone on; repeatable."),
]


@app.command()
def classifier(
    data: Photos, out: PhotoOut, model: Name = "", weights: Weights = None, start: Start = "",
    manifest: Manifest = None, epochs: Epochs = None, pretrain: Pretraining = None, config: Config = None,
) -> None:  # fmt: skip
    """Train the trash classifier (five materials); a run that was stopped goes on where it stood."""
    _train_photos("classifier", data, out, model, weights, start, manifest, epochs, pretrain, config)


@app.command()
def cleanliness(
    data: Photos, out: PhotoOut, model: Name = "", weights: Weights = None, start: Start = "",
    manifest: Manifest = None, epochs: Epochs = None, pretrain: Pretraining = None, config: Config = None,
) -> None:  # fmt: skip
    """Train the cleanliness grade (clean, medium, litter); a run that was stopped goes on where it stood."""
    _train_photos("cleanliness", data, out, model, weights, start, manifest, epochs, pretrain, config)


def _train_photos(
    kind: str, data: list[Path], out: Path, model: str, weights: Path | None, start: str, manifest: Path | None,
    epochs: int | None, pretrain: list[Path] | None, config: Path | None,
) -> None:  # fmt: skip
    from oceanclean.store import read_json
    from oceanclean.vision.photos.settings import load_photo_settings
    from oceanclean.vision.photos.training import STARTS, train_photo_model

    settings = load_photo_settings(kind, config).varied(model, epochs)
    starts = STARTS if start == "both" else ((start,) if start else None)
    with options.progress_bar(hidden=False) as bar:
        path = train_photo_model(kind, data, out, settings, weights=weights, starts=starts, manifest=manifest,
                                 pretrain=pretrain or (), progress=bar)  # fmt: skip
    card = read_json(path.with_suffix(".json"))
    for name, value in card["scores"].items():
        typer.echo(f"{name:36s} {value:.3f}")
    typer.echo(f"8-bit model: {path.with_suffix('.tflite')} ({card['int8_bytes']:,} bytes)")
    typer.echo(path)


@app.command("few-shot")
def few_shot(
    data: Annotated[list[Path], typer.Option("--data", help="Folder with 5 to 20 photos a class; repeatable.")],
    out: Annotated[Path, typer.Option(help="File for the prototypes (.npz).")],
    model: Annotated[str, typer.Option(help="Classifier whose descriptions are used; default: what ships.")] = "",
) -> None:
    """Learn new classes from 5 to 20 photos each: prototypes over a trained classifier's descriptions."""
    from oceanclean.vision.photos.deploy import PhotoModel
    from oceanclean.vision.photos.fewshot import describe, learn_prototypes
    from oceanclean.vision.photos.sets import pixels_of, read_photos

    base, photos = PhotoModel(model or None, "classifier", exact=True), read_photos(data)
    found = describe(base, pixels_of(photos, base.edge))
    head = learn_prototypes(found, [p.label for p in photos], base.card["sha256"])
    typer.echo(f"{head.save(out)}: {', '.join(head.classes)}")


@app.command()
def detector(
    data: Annotated[
        list[Path],
        typer.Option("--data", help="Folder of boxes: YOLO, COCO or boxes.csv; may be given more than once."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, its card and its checkpoints.")],
    model: Annotated[str, typer.Option(help="trees, or centre_detector (the network); empty: the settings' own.")] = "",
    name: Annotated[str, typer.Option(help="Name for the model's card.")] = "detector",
    material: Annotated[bool, typer.Option(help="Learn the set's classes; else all is litter.")] = False,
    config: Config = None,
) -> None:
    """Train the detector of litter as boxes; a run that was stopped goes on where it stood."""
    from oceanclean.vision.detector import load_detector_settings, train_detector

    settings = load_detector_settings(config)
    with options.progress_bar(hidden=False) as bar:
        path = train_detector(
            data, out, settings.training.by(model), settings.decoding, name=name, material=material, progress=bar
        )
    typer.echo(path)
