"""The detect stage of a day's scenes, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from oceanclean.chain.cluster import Workers, workers
from oceanclean.chain.run import DailyRun
from oceanclean.chain.stages import detect
from oceanclean.store import StageRecord


@dataclass(frozen=True)
class _Piece:
    """One scene of a day."""

    run: DailyRun
    ingested: StageRecord
    scene_id: str


def detect_all(run: DailyRun, ingested: StageRecord, scenes: Sequence[str], crew: Workers,
               starting: Callable[[str, int], None] | None = None) -> list[StageRecord]:  # fmt: skip
    """Detect in each scene of a day.

    Args:
        run: the day; every worker must see its folders at their paths.
        ingested: the ingest stage.
        scenes: ids.
        crew: who does it.
        starting: told of the next scene, and how many are done.

    Returns:
        A record a scene, in order.
    """
    there = replace(run, work=run.work.absolute(), config=run.config.absolute() if run.config else None)
    pieces = [_Piece(there, ingested, scene) for scene in scenes]
    tell = starting or (lambda *_: None)
    if scenes:
        tell(scenes[0], 0)
    return crew.map(_detected, pieces, lambda n, total: tell(scenes[n], n) if n < total else None)


def detect_side_by_side(run: DailyRun, ingested: StageRecord, scenes: Sequence[str], dask: str) -> list[StageRecord]:
    """Detect in all scenes of a day on a Dask cluster: one task for an orchestrator, and no record is lost.

    Args:
        run: the day.
        ingested: the ingest stage.
        scenes: ids.
        dask: ``local:N`` or a scheduler's address.
    """
    with workers(dask) as crew:
        return detect_all(run, ingested, scenes, crew)


def _detected(piece: _Piece) -> StageRecord:
    return detect(piece.run, piece.ingested, piece.scene_id)
