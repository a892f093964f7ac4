"""``oceanclean data …``: photos and data sets before a model sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from oceanclean import moments
from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config
from oceanclean.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Audit, fetch, crawl and take in photos.")


@app.command()
def audit(
    folders: Annotated[list[Path], typer.Argument(help="Folders with index.csv, or with a sub-folder a label.")],
    out: Annotated[Path | None, typer.Option(help="Write the manifest (one row a photo, with its group) here.")] = None,
    json: AsJson = False,
) -> None:
    """Find exact and near duplicates, contradicting labels and leaking splits in folders of photos."""
    from oceanclean.vision.audit import audit_folders, write_manifest

    with options.progress_bar(hidden=json) as bar:
        found = audit_folders(folders, progress=bar)
    if out is not None:
        write_manifest(found, out)
    if json:
        options.show_json(found.summary())
        return
    for name, count in found.summary().items():
        typer.echo(f"{name.replace('_', ' '):36s} {count:7d}")
    for what, table in (("contradicting labels", found.conflicts()), ("across the given split", found.leaks())):
        for group, rows in list(table.groupby("group"))[:20]:
            typer.echo(f"  {what}, group {group}: " + ", ".join(f"{f} ({s or x})" for f, x, s in zip(
                rows["file"], rows["label"], rows["split"], strict=True)))  # fmt: skip


@app.command()
def check(
    kind: Annotated[str, typer.Argument(help="Model that is to be trained: segmenter or forecaster.")],
    data: Annotated[list[Path], typer.Option("--data", help="Training data; may be given more than once.")],
    against: Annotated[
        Path | None, typer.Option(help="Sketches of the set that was learned from before (see --write).")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write this set's sketches here, for later checks.")] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Check training data: layout, possible values, likeness to the set before; ends with status 6 where it fails."""
    from oceanclean.chain.check_data import check_data
    from oceanclean.errors import RefusedError
    from oceanclean.learning import load_learning_settings
    from oceanclean.store import read_json, write_json

    before = read_json(against) if against is not None else None
    found = check_data(kind, data, load_learning_settings(config).monitoring, before)
    if write is not None:
        write_json(write, found.sketches)
    if json:
        options.show_json(found.to_json())
    else:
        for name, count in found.counts.items():
            typer.echo(f"{name.replace('_', ' '):24s} {count:9d}")
        for sentence in (*found.said, *found.wrong):
            typer.echo(f"  {sentence}")
        for name, figures in found.changed.items():
            typer.echo(f"  not as before: {name}: PSI {figures['psi']:.3f}, KS {figures['ks']:.3f}")
    if found.wrong or found.changed:
        raise RefusedError(
            f"Not ready for training: {len(found.wrong)} faults, {len(found.changed)} variables changed."
        )


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Data set of config/datasets.yaml; 'list' shows them.")],
    out: Annotated[Path, typer.Option(help="Folder of data sets.")] = Path("data"),
    config: Config = None,
) -> None:
    """Fetch a public data set from its own host; a fetch that was cut goes on."""
    from oceanclean.vision import fetch as room

    datasets = room.load_datasets(config)
    if name == "list":
        for key, entry in sorted(datasets.items()):
            typer.echo(f"{key:12s} {entry.title}  [{entry.licence}]")
        return
    with options.progress_bar(hidden=False) as bar:
        made = room.fetch(name, datasets, out, bar)
    typer.echo(f"{made.folder}: {len(made.files)} files, {len(made.missing)} not to be had")
    typer.echo(f"licence: {datasets[name].licence}; cite: {datasets[name].cite}")


@app.command()
def crawl(
    site: Annotated[str, typer.Argument(help="Permitted site of config/crawl.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for photos and index.csv with licence and source of each.")],
    limit: Annotated[int, typer.Option(help="Most photos.", min=1)] = 500,
    config: Config = None,
) -> None:
    """Collect photos from a permitted site: robots.txt obeyed, licence and source recorded, duplicates dropped."""
    from oceanclean.vision.crawl import crawl_site, load_crawl_settings

    made = crawl_site(site, load_crawl_settings(config), out, limit)
    typer.echo(f"{out}: {made.kept} photos kept, {made.duplicates} duplicates dropped, {made.refused} refused")


@app.command()
def intake(
    photos: Annotated[list[Path], typer.Argument(help="Photos as people sent them.")],
    out: Annotated[Path, typer.Option(help="Folder of the intake: photos/, sightings.csv, consent.jsonl.")],
    observer: Annotated[str, typer.Option(help="Name or pseudonym of the person.")],
    consent: Annotated[bool, typer.Option("--consent", help="The person agreed that the photos are used.")] = False,
    purpose: Annotated[list[str] | None, typer.Option(help="Also agreed to: training, publication.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the photos, needed for publication.")] = "",
    lat: Annotated[float | None, typer.Option(help="Latitude, where the photo has none.")] = None,
    lon: Annotated[float | None, typer.Option(help="Longitude, where the photo has none.")] = None,
    time: Annotated[str, typer.Option(help="Time (ISO 8601 with zone), where the photo has none.")] = "",
    zone: Annotated[str, typer.Option(help="Time zone of the camera's clock, e.g. Europe/Rome.")] = "",
    area_m2: Annotated[float | None, typer.Option(help="Extent of the litter in m², if the person gave it.")] = None,
    classifier: Annotated[str, typer.Option(help="Classifier; default: the one that ships.")] = "",
    cleanliness: Annotated[str, typer.Option(help="Grade; default: the one that ships.")] = "",
    config: Config = None,
) -> None:  # fmt: skip
    """Take photos of people in and hand them on as sightings; EXIF is used, then stripped."""
    from oceanclean.vision.photos.deploy import PhotoModel
    from oceanclean.vision.photos.intake import Consent, Place, load_intake_settings, take_in

    if not consent:
        raise InputError("command line", "--consent", "not given", "the person's consent", "Ask, then pass --consent.")
    now = datetime.now(UTC)
    place = Place(
        lat, lon, moments.moment(time, "command line", "--time"), moments.zone(zone, "command line", "--zone"), area_m2
    )
    result = take_in(
        photos, Consent(observer, now, tuple(purpose or ()), licence), out, now=now, place=place,
        grade=PhotoModel(cleanliness or None, "cleanliness").judge,
        material=PhotoModel(classifier or None, "classifier").judge, settings=load_intake_settings(config),
    )  # fmt: skip
    for row in result.rows:
        typer.echo(f"{row['time']} {row['latitude']:.5f} {row['longitude']:.5f} {row['description']}: "
                   f"litter with probability {row['probability']:.2f}")  # fmt: skip
    for name, why in result.refused.items():
        typer.echo(f"refused: {name}: {why}", err=True)
    typer.echo(result.sightings)
    if not result.rows:
        raise typer.Exit(2)
