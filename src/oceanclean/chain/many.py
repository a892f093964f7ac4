"""Many scenes, and many regions, side by side: on this machine's cores or on a cluster.

Each piece names files and addresses; the process that takes it reads and writes them itself. A finished piece is known
by what went into it, so that a stopped run goes on where it was; one that fails does not stop the others.
"""

from __future__ import annotations

import glob
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from oceanclean import remote
from oceanclean.chain.cluster import Workers
from oceanclean.chain.day import DayResult, plan_day
from oceanclean.chain.ledger import code_digest, versions
from oceanclean.chain.run import DailyRun, safe_name
from oceanclean.chain.stages import segment_file
from oceanclean.errors import InputError, OceancleanError
from oceanclean.settings import config_root
from oceanclean.store import digest_file, digest_record, write_json

Progress = Callable[[str, float], None]
#: Names the piece that a folder of results came from; written last.
DONE = "piece.json"


@dataclass(frozen=True)
class ScenePiece:
    """One scene to be segmented.

    Attributes:
        source: path or address of the scene.
        target: folder or address of its results.
        config: configuration folder.
        options: what the file does not say, see :func:`oceanclean.sources.open_scene`.
        allow_missing: accept a scene that lacks bands.
        again: do it even where it is done.
    """

    source: str
    target: str
    config: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    allow_missing: bool = False
    again: bool = False


@dataclass(frozen=True)
class SceneDone:
    """How a scene ended.

    Attributes:
        source, target: of the piece.
        outcome: ``done``, ``kept`` (it stood there already) or ``failed``.
        seconds: wall time in the process that did it.
        statistics: figures of the segmentation.
        degraded: what was lacking.
        error: of a failed one.
    """

    source: str
    target: str
    outcome: str
    seconds: float = 0.0
    statistics: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    error: OceancleanError | None = None


def scenes_named(patterns: Sequence[str]) -> list[str]:
    """Paths and addresses that patterns name, each once, in order.

    Raises:
        InputError: a pattern that names nothing.
    """
    found: list[str] = []
    for pattern in patterns:
        if remote.is_remote(pattern):
            found += remote.listed(pattern)
            continue
        here = sorted(glob.glob(pattern)) if not Path(pattern).exists() else [pattern]  # noqa: PTH207  (absolute ones)
        if not here:
            raise InputError(pattern, "scene", "no such file", "a GeoTIFF, or a pattern of some", "Check the path.")
        found += here
    return list(dict.fromkeys(found))


def segment_many(
    scenes: Sequence[str], out: str, workers: Workers, *, config: Path | None = None,
    options: Mapping[str, Any] | None = None, allow_missing: bool = False, again: bool = False,
    progress: Progress | None = None,
) -> list[SceneDone]:  # fmt: skip
    """Segment scenes side by side, each into a folder of its own name below ``out``.

    Args:
        scenes: paths or addresses.
        out: folder or address.
        workers: who does it.
        config: configuration folder; every worker must see it at this path.
        options: what the files do not say.
        allow_missing: accept scenes that lack bands.
        again: do scenes anew that are done.
        progress: told after each scene.

    Returns:
        One entry a scene, in order; a scene that cannot be used has its error in it.

    Raises:
        InputError: two scenes of one name.
    """
    names = [safe_name(Path(s.partition("?")[0]).stem) for s in scenes]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(out, "scenes", twice, "a name for each, since each has a folder of its name",
                         "Segment them into different folders.")  # fmt: skip
    pieces = [
        ScenePiece(_absolute(s), _absolute(remote.join(out, n)), config, dict(options or {}), allow_missing, again)
        for s, n in zip(scenes, names, strict=True)
    ]
    tell = progress or (lambda *_: None)
    return workers.map(segment_piece, pieces, lambda n, total: tell(f"{n} of {total} scenes", n / max(total, 1)))


def _absolute(place: str) -> str:
    """A place as a process in another folder finds it."""
    return place if remote.is_remote(place) else str(Path(place).absolute())


def segment_piece(piece: ScenePiece) -> SceneDone:
    """Segment one scene where this process stands; what is wrong with the scene is the answer, not an end."""
    start = time.perf_counter()
    try:
        key = _key(piece)
        if not piece.again and _stands(piece.target, key):
            return SceneDone(piece.source, piece.target, "kept", time.perf_counter() - start)
        with tempfile.TemporaryDirectory(prefix="oceanclean-") as scratch:
            statistics, said = _segmented(piece, Path(scratch), key)
    except OceancleanError as error:
        return SceneDone(piece.source, piece.target, "failed", time.perf_counter() - start, error=error)
    return SceneDone(piece.source, piece.target, "done", time.perf_counter() - start, statistics, said)


def _segmented(piece: ScenePiece, scratch: Path, key: str) -> tuple[Mapping[str, float], tuple[str, ...]]:
    """Fetch, segment, put away; figures and what was lacking."""
    away = remote.is_remote(piece.target)
    scene = remote.fetch(piece.source, scratch) if remote.is_remote(piece.source) else Path(piece.source)
    folder = scratch / "found" if away else Path(piece.target)
    result = segment_file(scene, folder, config=piece.config, options=piece.options, allow_missing=piece.allow_missing,
                          progress=None)  # fmt: skip
    write_json(folder / DONE, {"source": remote.shown(piece.source), "key": key})
    if away:
        remote.put(folder, piece.target, last=("segmentation.json", DONE))
    return result.statistics, tuple(result.degraded)


def _key(piece: ScenePiece) -> str:
    """Digest of all that the result depends on."""
    from oceanclean import vision

    if remote.is_remote(piece.source):
        content = remote.stamp(piece.source)
    elif Path(piece.source).is_file():
        content = digest_file(Path(piece.source))
    else:
        raise InputError(piece.source, "file", "no such file", "a GeoTIFF", "Check the path.")
    settings = config_root(piece.config) / "models" / "segmenter.yaml"
    return digest_record({
        "content": content, "options": dict(piece.options), "allow_missing": piece.allow_missing,
        "settings": digest_file(settings) if settings.is_file() else "defaults",
        "model": vision.model_digest(vision.load_settings(piece.config)), "code": code_digest(), "with": versions(),
    })  # fmt: skip


def _stands(target: str, key: str) -> bool:
    """Whether a target holds the result of the same piece."""
    place = remote.join(target, DONE)
    if remote.is_remote(place):
        text = remote.read(place) if remote.exists(place) else b"{}"
    else:
        text = Path(place).read_bytes() if Path(place).is_file() else b"{}"
    try:
        return bool(json.loads(text).get("key") == key)
    except (ValueError, AttributeError):
        return False


@dataclass(frozen=True)
class DayDone:
    """How a region's day ended.

    Attributes:
        region, issue_time: of the run.
        outcome: ``complete``, ``degraded`` or ``failed``.
        expected_kg: expected catch of a plan.
        seconds: wall time in the process that planned it.
        reasons: what is missing, or the error.
        error: of a failed one.
    """

    region: str
    issue_time: str
    outcome: str
    expected_kg: float | None = None
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    error: OceancleanError | None = None


def plan_many(runs: Sequence[DailyRun], workers: Workers, progress: Progress | None = None) -> list[DayDone]:
    """Plan regions side by side; all workers must see the runs' folders. A region that fails does not stop another."""
    there = [replace(r, work=r.work.absolute(), config=r.config.absolute() if r.config else None) for r in runs]
    tell = progress or (lambda *_: None)
    return workers.map(_planned, there, lambda n, total: tell(f"{n} of {total} regions", n / max(total, 1)))


def _planned(run: DailyRun) -> DayDone:
    start = time.perf_counter()
    try:
        result = plan_day(run)
    except OceancleanError as error:
        return DayDone(run.region_name, run.issue_time, "failed", None, time.perf_counter() - start, (str(error),),
                       error)  # fmt: skip
    if not isinstance(result, DayResult):
        raise TypeError("a whole day gives a DayResult")
    outcome = "degraded" if result.degraded else "complete"
    return DayDone(run.region_name, run.issue_time, outcome, result.expected_kg, time.perf_counter() - start,
                   result.degraded)  # fmt: skip
