"""``oceanclean feedback …``: what people report back becomes labels; labels become training data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, RegionName, Work
from oceanclean.errors import InputError

app = typer.Typer(no_args_is_help=True, help="The label store: catches, judged sightings, analysts' labels.")

Version = Annotated[int | None, typer.Option("--version", help="Version of the store; default: the newest.", min=0)]


@app.command()
def add(
    files: Annotated[list[Path], typer.Argument(help="Files of one kind.")],
    kind: Annotated[str, typer.Option(help="catches (CSV), sightings (CSV with verdict), labels (GeoJSON).")],
    region: RegionName = "demo",
    by: Annotated[str, typer.Option("--by", help="Who reports, where a row does not say.")] = "",
    why: Annotated[str, typer.Option("--why", help="Reason, where labels replace earlier ones.")] = "",
    licence: Annotated[str, typer.Option(help="Under which the labels may be used.")] = "",
    work: Work = options.DEFAULT_WORK, config: Config = None,
) -> None:  # fmt: skip
    """Take files into the store; what stands there word for word is not added again."""
    from oceanclean.chain.feedback import read_feedback
    from oceanclean.learning.labels import LabelStore

    store, now = LabelStore.of(work), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = []
    for path in files:
        labels, notes = read_feedback(path, kind, region=region, by=by, added_at=now, licence=licence, why=why,
                                      config=config)  # fmt: skip
        found += labels
        for note in notes:
            typer.echo(f"{path.name}: {note}", err=True)
    added = store.add(found)
    typer.echo(f"version {added.version}: {len(added.new)} new, {len(added.replaced)} replaced, {added.known} known")


@app.command("list")
def list_labels(
    region: Annotated[str, typer.Option("--region", "-r", help="One region only.")] = "",
    kind: Annotated[str, typer.Option(help="catch, sighting or annotation only.")] = "",
    version: Version = None, work: Work = options.DEFAULT_WORK, json: AsJson = False,
) -> None:  # fmt: skip
    """Count the labels that hold at a version, or print them as JSON."""
    from oceanclean.learning.labels import LabelStore

    store = LabelStore.of(work)
    labels = store.labels(version, region=region, kind=kind)
    if json:
        options.show_json([asdict(x) for x in labels])
        return
    counted = Counter((x.region, x.kind, x.class_name or "–", x.verdict or "–") for x in labels)
    for (place, what, name, verdict), n in sorted(counted.items()):
        typer.echo(f"{place:16s} {what:11s} {name:22s} {verdict:10s} {n:6d}")
    typer.echo(f"version {store.version() if version is None else version}: {len(labels)} labels")


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the training data; replaced whole.")],
    kind: Annotated[str, typer.Option(help="Model that is to be trained: segmenter or forecaster.")] = "segmenter",
    region: Annotated[str, typer.Option("--region", "-r", help="One region only; the forecaster needs one.")] = "",
    version: Version = None, work: Work = options.DEFAULT_WORK,
) -> None:  # fmt: skip
    """Write training data in the layout that `oceanclean train` reads, with the provenance of every label."""
    from oceanclean.chain.feedback import export_forecaster, export_segmenter
    from oceanclean.learning.labels import LabelStore

    if kind not in ("segmenter", "forecaster") or (kind == "forecaster" and not region):
        raise InputError("command line", "--kind / --region", (kind, region), "segmenter, or forecaster with a region",
                         "Correct it.")  # fmt: skip
    if out.exists() and not (out / "provenance.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "output folder", "files that are not an earlier export", "a new or empty folder",
                         "Name another folder with --out.")  # fmt: skip
    if kind == "segmenter":
        made = export_segmenter(LabelStore.of(work), work, out, version, region)
    else:
        made = export_forecaster(work, region, out)
    for sentence in made.said:
        typer.echo(f"left out: {sentence}", err=True)
    typer.echo(f"{out}: {made.used} {'labels' if kind == 'segmenter' else 'fixes'}")


@app.command()
def report(
    since: Annotated[int, typer.Option(help="Version that is known.", min=0)] = 0, work: Work = options.DEFAULT_WORK,
) -> None:  # fmt: skip
    """Say what changed in the store after a version, and why, as Markdown."""
    from oceanclean.learning.labels import LabelStore, changes

    typer.echo(changes(LabelStore.of(work), since), nl=False)
