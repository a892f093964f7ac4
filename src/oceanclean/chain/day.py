"""The whole day in one call, without an orchestrator, and the run's ledger and catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oceanclean.chain import page, stages
from oceanclean.chain.catalogue import write_catalogue
from oceanclean.chain.cluster import Workers
from oceanclean.chain.detecting import detect_all
from oceanclean.chain.facts import degraded
from oceanclean.chain.ledger import code_digest, versions
from oceanclean.chain.run import DailyRun
from oceanclean.chain.shadow import shadow
from oceanclean.settings import config_root, load_yaml
from oceanclean.store import StageRecord, as_storage_error, read_json, write_json

#: Called at the start of each step with its name, the number of steps done, and the number of steps known so far.
StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DayResult:
    """What a finished day leaves.

    Attributes:
        run: the run.
        records: one record a stage, in order.
        files: the plan's files by kind.
        expected_kg: expected catch, with ``p10_kg`` and ``p90_kg``.
        degraded: what is missing or old, in sentences.
    """

    run: DailyRun
    records: tuple[StageRecord, ...]
    files: dict[str, Path]
    expected_kg: float
    p10_kg: float
    p90_kg: float
    gap: float | None
    degraded: tuple[str, ...]


def begin(run: DailyRun) -> None:
    """Open the run's ledger; an earlier outcome of the same run is kept as its history."""
    path = run.folder.root / "run.json"
    history = []
    if path.is_file():
        old = read_json(path)
        history = [*old.get("history", []), {k: old.get(k) for k in ("started", "ended", "outcome", "error")}][-20:]
    write_json(path, {**_identity(run), "started": _now(), "outcome": "running", "history": history})


@contextmanager
def recorded(run: DailyRun) -> Iterator[None]:
    """Open the run's ledger for a block that ends with :func:`finish`; an error closes it as failed.

    Raises:
        StorageError: what the block raised came of a disk that takes nothing more.
    """
    begin(run)
    try:
        yield
    except BaseException as error:
        full = as_storage_error(error, run.folder.root)
        with suppress(OSError):  # a disk that took no plan may take no ledger either; the cause is what counts
            fail(run, full or error)
        if full is not None:
            raise full from error
        raise


def finish(run: DailyRun, records: Sequence[StageRecord]) -> DayResult:
    """Close the ledger of a finished run and write its catalogue."""
    by_stage = {r.stage: r for r in records}
    publish, allocate = by_stage["publish"], by_stage["allocate"]
    sentences = degraded(records)
    write_catalogue(run, records)
    path = run.folder.root / "run.json"
    ledger = read_json(path) if path.is_file() else _identity(run)
    ledger.update(
        ended=_now(),
        outcome="degraded" if sentences else "complete",
        degraded=sentences,
        stages=[_stage_entry(r) for r in records],
        expected_kg=allocate.facts["expected_kg"],
        models={r.facts["model"]: r.facts["model_sha256"] for r in records if "model" in r.facts},
    )
    _close(run, ledger)
    facts = allocate.facts
    return DayResult(
        run, tuple(records), {k: publish.path(v) for k, v in publish.facts["files"].items()},
        facts["expected_kg"], facts["p10_kg"], facts["p90_kg"], facts["gap"], tuple(sentences),
    )  # fmt: skip


def fail(run: DailyRun, error: BaseException) -> None:
    """Close the ledger of a run that ended with an error; finished stages stay for the next start."""
    path = run.folder.root / "run.json"
    ledger = read_json(path) if path.is_file() else _identity(run)
    ledger.update(ended=_now(), outcome="failed", error=f"{type(error).__name__}: {error}"[:2000])
    _close(run, ledger)


def _close(run: DailyRun, ledger: dict[str, Any]) -> None:
    """Write the run's ledger, and a copy under ``ledger/`` that no later start of the run touches."""
    write_json(run.folder.root / "run.json", ledger)
    kept = run.folder.root / "ledger"
    number = len(list(kept.glob("*.json"))) + 1
    write_json(kept / f"{number:04d}-{ledger['outcome']}.json", ledger)


def _identity(run: DailyRun) -> dict[str, Any]:
    return {
        "region": run.region_name, "issue_time": run.issue_time, "seed": run.seed, "versions": versions(),
        "code": code_digest(), "settings": run.region.settings.model_dump(mode="json"),
        "model_settings": _model_settings(run),
    }  # fmt: skip


def _model_settings(run: DailyRun) -> dict[str, Any]:
    """What ``config/models`` said, by file."""
    folder = config_root(run.config) / "models"
    return {path.stem: dict(load_yaml(path)) for path in sorted(folder.glob("*.yaml"))}


def _now() -> str:
    # the ledger is the one place that reads the clock: it says when people ran what, and nothing is computed from it
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stage_entry(record: StageRecord) -> dict[str, Any]:
    size = sum(p.stat().st_size for p in record.folder.rglob("*") if p.is_file())
    return {
        "stage": record.stage, "key": record.key, "outputs": record.outputs, "seconds": round(record.seconds, 3),
        "peak_mib": round(record.peak_mib, 1), "output_bytes": size, "reused": record.reused, "facts": record.facts,
    }  # fmt: skip


def plan_day(
    run: DailyRun, *, until: str = "publish", seconds: float | None = None, wait_s: float = 0.0,
    progress: StageProgress | None = None, workers: Workers | None = None,
) -> DayResult | tuple[StageRecord, ...]:  # fmt: skip
    """Run the day's stages in order, in this process; scenes side by side where there are workers.

    Args:
        run: the run.
        until: last stage wanted, one of :data:`~oceanclean.chain.run.STAGES`.
        seconds: wall time for the solver; None stops it by iterations, so that the plan can be repeated.
        wait_s: how long to wait for another process that runs the same day.
        progress: told of each step.
        workers: who segments the scenes; by default this process.

    Returns:
        A :class:`DayResult`, or the records so far where ``until`` comes before ``publish``.

    Raises:
        OceancleanError: see the stages; the ledger says "failed" and finished stages stay.
    """
    _ = run.region  # an unknown region is refused before any folder is made
    with run.folder.hold(wait_s):
        if until != "publish":  # a part of a day is no plan: the ledger stays that of the last plan
            return _run_stages(run, until, seconds, progress or (lambda *_: None), workers or Workers())
        with recorded(run):
            tell = progress or (lambda *_: None)
            result = finish(run, _run_stages(run, until, seconds, tell, workers or Workers()))
        shadow(run)  # the plan stands; what the challenger would have said is written beside it
        return result


def _run_stages(
    run: DailyRun, until: str, seconds: float | None, progress: StageProgress, workers: Workers
) -> tuple[StageRecord, ...]:
    """The stages up to ``until``."""
    progress("ingest", 0, 7)
    ingested = stages.ingest(run)
    records = [ingested]
    names = stages.new_scenes(run, ingested)
    total = 6 + len(names)
    if until == "ingest":
        return tuple(records)
    detected = detect_all(
        run, ingested, names, workers, lambda scene, done: progress(f"detect {scene}", 1 + done, total)
    )
    records += detected
    steps: dict[str, Callable[[], StageRecord]] = {
        "map": lambda: stages.map_density(run, ingested, detected),
        "forecast": lambda: stages.forecast(run, ingested, records[-1]),
        "allocate": lambda: stages.allocate(run, ingested, records[-1], seconds),
        "what-if": lambda: stages.what_if(run, ingested, records[-2], records[-1]),
        "publish": lambda: page.publish(run, ingested, detected, *records[-4:]),
    }
    for name, step in steps.items():
        if until == "detect":
            break
        progress(name, len(records), total)
        records.append(step())
        if name == until:
            break
    progress("done", len(records), total)
    return tuple(records)
