"""``oceanclean explain …``: why a model answers what it answers, as figures and one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import Config

app = typer.Typer(no_args_is_help=True, help="Show why a model answers what it answers: figures and one page.")

Data = Annotated[list[Path], typer.Option("--data", help="Folder with labelled data; may be given more than once.")]
Out = Annotated[Path, typer.Option(help="Folder for figures and page.")]
Model = Annotated[str, typer.Option(help="Shipped model by default, or a path.")]


@app.command()
def classifier(data: Data, out: Out, model: Model = "", config: Config = None) -> None:
    """Grad-CAM, galleries, confusion and reliability of the trash classifier."""
    _photos("classifier", data, out, model, config)


@app.command()
def cleanliness(data: Data, out: Out, model: Model = "", config: Config = None) -> None:
    """Grad-CAM, galleries, confusion and reliability of the cleanliness grade."""
    _photos("cleanliness", data, out, model, config)


@app.command()
def segmenter(data: Data, out: Out, model: Model = "") -> None:
    """Hits, misses, false alarms, reliability and bands of the satellite segmenter, on scenes laid out like MARIDA."""
    from oceanclean.vision.explain.page import explain_segmenter

    with options.progress_bar(hidden=False) as bar:
        typer.echo(explain_segmenter(data, out, model=model or None, progress=bar))


def _photos(kind: str, data: list[Path], out: Path, model: str, config: Path | None) -> None:
    from oceanclean.vision.explain.page import explain_photos
    from oceanclean.vision.photos.settings import load_photo_settings

    settings = load_photo_settings(kind, config)
    with options.progress_bar(hidden=False) as bar:
        typer.echo(explain_photos(kind, data, settings, out, model=model or None, progress=bar))
