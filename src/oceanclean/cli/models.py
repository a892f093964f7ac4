"""``oceanclean models …``: which model is in use, which is on trial, and who moved them why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, RegionName, Work

if TYPE_CHECKING:
    from oceanclean.learning.gates import Evidence

app = typer.Typer(no_args_is_help=True, help="The registry of models: champion, challenger, previous.")

Kind = Annotated[str, typer.Argument(help="segmenter, forecaster, classifier, cleanliness, detector, ...")]
By = Annotated[str, typer.Option("--by", help="Name of who decides; it goes into the audit log.")]
Why = Annotated[str, typer.Option("--why", help="Reason; it goes into the audit log.")]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@app.command("list")
def list_models(
    work: Work = options.DEFAULT_WORK,
    log: Annotated[bool, typer.Option("--log", help="Show the audit log instead.")] = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Show versions and aliases, or who registered, promoted, refused and took back what and why."""
    from oceanclean.learning.registry import Registry

    registry = Registry.of(work)
    rows = registry.events() if log else registry.listing()
    if json:
        options.show_json(rows)
        return
    for row in rows:
        typer.echo(_event_line(row) if log else _version_line(row))
    if log:
        typer.echo(f"{len(rows)} events, chain of digests whole.")
    elif not rows:
        typer.echo("No model is registered: what ships with the package is used.")


def _event_line(row: dict[str, Any]) -> str:
    found = (row.get("evidence") or {}).get("sentence", "")
    what = f"{row['number']:3d}  {row['time']}  {row['action']:12s} {row['kind']} version {row['version']}"
    return f"{what}  {row['by']}: {row['why']}" + (f"  [{found}]" if found else "")


def _version_line(row: dict[str, Any]) -> str:
    names = ", ".join(row["aliases"]) or "–"
    what = f"{row['kind']:16s} {row['version']:4d}  {names:22s} {row['sha256'][:12]:12s}"
    return f"{what}  {row['registered']}  {row['by']}: {row['why']}"


@app.command()
def register(
    kind: Kind, model: Annotated[Path, typer.Argument(help="Model file, or the folder that training wrote it to.")],
    by: By = "", why: Why = "", work: Work = options.DEFAULT_WORK,
) -> None:  # fmt: skip
    """Take a model in as the kind's challenger: it shadows the champion from the next daily run on."""
    from oceanclean.learning.registry import Registry

    made = Registry.of(work).register(kind, model, by=by, why=why, time=_now())
    typer.echo(f"{kind} version {made.version} is the challenger: {made.path}")


@app.command()
def promote(
    kind: Kind,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Labelled data that neither model was trained on; repeatable.")
    ] = None,
    shadow: Annotated[
        str, typer.Option("--shadow", help="Instead of --data: the daily runs of this region, by sequential test.")
    ] = "",
    version: Annotated[int | None, typer.Option(help="Default: the challenger.", min=1)] = None,
    by: By = "", why: Why = "", work: Work = options.DEFAULT_WORK, config: Config = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Make the challenger champion if it wins; otherwise it is refused with the figures (exit status 6)."""
    from oceanclean.learning.registry import Registry

    registry = Registry.of(work)
    found = registry.wanted(kind, version)
    evidence = _evidence(registry, found, data or [], shadow, work, config, json)
    if not json:
        typer.echo(f"{evidence.metric}: champion {evidence.champion:.4f}, version {found.version} "
                   f"{evidence.challenger:.4f}; rests on {evidence.rests_on}.")  # fmt: skip
    registry.promote(kind, evidence, by=by, why=why, time=_now(), version=found.version)
    if json:
        options.show_json({"kind": kind, "version": found.version, "evidence": evidence.to_json()})
        return
    typer.echo(evidence.sentence)
    typer.echo(f"{kind} version {found.version} is champion.")


def _evidence(
    registry: Any, found: Any, data: list[Path], shadow: str, work: Path, config: Path | None, quiet: bool
) -> Evidence:
    from oceanclean.chain.held_out import held_out_evidence
    from oceanclean.chain.trial import score_trial
    from oceanclean.errors import InputError
    from oceanclean.learning import load_learning_settings

    if bool(data) == bool(shadow):
        raise InputError("command line", "--data / --shadow", "both" if data else "neither", "exactly one of them",
                         "Name labelled data, or the region whose daily runs were shadowed.")  # fmt: skip
    if shadow:
        challenger = registry.model(found.kind, "challenger")
        if challenger is None or challenger.version != found.version:
            raise InputError("command line", "--version", found.version, "the challenger, which shadowed the runs",
                             "Leave --version out.")  # fmt: skip
        return score_trial(work, shadow, found.kind, config).evidence()
    with options.progress_bar(hidden=quiet) as bar:
        champion = registry.model(found.kind, "champion")
        return held_out_evidence(found, champion, data, load_learning_settings(config), config, bar)


@app.command()
def refuse(kind: Kind, by: By = "", why: Why = "", work: Work = options.DEFAULT_WORK) -> None:
    """Take the challenger off trial."""
    from oceanclean.learning.registry import Registry

    version = Registry.of(work).refuse(kind, by=by, why=why, time=_now())
    typer.echo(f"{kind} version {version} is no longer on trial.")


@app.command()
def rollback(kind: Kind, by: By = "", why: Why = "", work: Work = options.DEFAULT_WORK) -> None:
    """Go back to the champion before; the next daily run uses it."""
    from oceanclean.learning.registry import Registry

    version = Registry.of(work).rollback(kind, by=by, why=why, time=_now())
    typer.echo(f"{kind}: " + (f"version {version} is champion again." if version else "what ships is used again."))


@app.command()
def export(
    kind: Kind, out: Annotated[Path, typer.Option("--out", "-o", help="Base path of the model in TensorFlow Serving.")],
    work: Work = options.DEFAULT_WORK, json: AsJson = False,
) -> None:  # fmt: skip
    """Write the champion (or what ships) as a SavedModel for TensorFlow Serving."""
    from oceanclean.learning.registry import Registry
    from oceanclean.vision.saved_model import export_saved_model

    champion = Registry.of(work).model(kind)
    made = export_saved_model(kind, champion.path if champion else None, out)
    if json:
        options.show_json(made)
        return
    typer.echo(made["folder"])


@app.command()
def trial(
    kind: Kind, region: RegionName = "demo", work: Work = options.DEFAULT_WORK, config: Config = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Score champion and challenger on the days that both looked at, and say whether enough is known."""
    from oceanclean.chain.trial import score_trial

    found = score_trial(work, region, kind, config)
    if json:
        options.show_json({"kind": kind, "region": region, "days": found.rows, "verdict": found.verdict.to_json()})
        return
    for row in found.rows:
        typer.echo(f"{row['issue_time']}  champion {row['champion']:.4f}  challenger {row['challenger']:.4f}  "
                   f"gain {row['gain']:+.4f}  {row['checks']} checks")  # fmt: skip
    typer.echo(found.verdict.sentence)
