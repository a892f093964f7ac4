"""A finished day taken up again by a person: planned anew under decisions, approved, withdrawn.

Only allocation and page are made anew; everything before stands in the store, so that a planner waits seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.chain import audit, decided, page, stages
from oceanclean.chain.day import DayResult, StageProgress, finish, recorded
from oceanclean.chain.run import DailyRun
from oceanclean.chain.standing import before_allocation, stored
from oceanclean.decisions import Decisions
from oceanclean.errors import MissingDataError
from oceanclean.offspring import end_with_parent
from oceanclean.store import StageRecord

if TYPE_CHECKING:
    from oceanclean.planning.backdrop import Backdrop

#: Libraries that maps, GIS files and the catalogue load when they are first made.
_LATER = ("matplotlib.figure", "matplotlib.backends.backend_agg", "pyogrio", "pystac")
#: Records of ingest, detections, map and forecast.
Earlier = tuple[StageRecord, list[StageRecord], StageRecord, StageRecord]


def audit_file(run: DailyRun) -> Path:
    """The run's log of approvals."""
    return run.folder.root / audit.FILE


def replan(
    run: DailyRun, decisions: Decisions | None = None, *, seconds: float | None = None, wait_s: float = 0.0,
    progress: StageProgress | None = None, now: datetime | None = None,
) -> DayResult:  # fmt: skip
    """Plan a finished day anew under people's decisions, from the forecast that it has.

    Args:
        run: the run.
        decisions: the day's own decisions from now on; None keeps those that stand.
        seconds: wall time for the solver; None stops it by iterations.
        wait_s: how long to wait for another process that runs the same day.
        progress: told of each step.
        now: time for the audit log; the clock's if missing.

    Returns:
        The day; ``facts["decided"]`` of its allocation says what each decision costs.

    Raises:
        MissingDataError: the day was not planned before.
        SettingsError: a file of decisions is wrong.
    """
    from oceanclean.allocation.process import ready_solver

    tell = progress or (lambda *_: None)
    with run.folder.hold(wait_s), ready_solver():  # which loads its libraries while this process looks what stands
        earlier = before_allocation(run)
        if decisions is not None:
            decided.keep(run, decisions)
        who = decided.decisions_of(run).by
        with recorded(run):
            tell("allocate", 0, 2)
            stands = stages.allocation_stands(run, earlier[0], earlier[3], seconds)
            with _ahead(run, earlier, not stands) as ahead:
                allocated = stages.allocate(run, earlier[0], earlier[3], seconds)
                tell("publish", 1, 2)
                result = _published(run, earlier, allocated, ahead)
            if who and not allocated.reused:
                audit.append(audit_file(run), time=_stamp(now), action=audit.REPLANNED, by=who, plan=allocated.digest)
            tell("done", 2, 2)
            return result


def approve(
    run: DailyRun, by: str, *, note: str = "", withdraw: bool = False, plan: str = "", now: datetime | None = None,
    wait_s: float = 0.0,
) -> DayResult:  # fmt: skip
    """Approve the plan that stands, or take the approval back, and write its page with the new status.

    Args:
        run: the run.
        by: who approves.
        note: free text for the log.
        withdraw: take back instead.
        plan: digest of the plan that was looked at; "" means the one that stands.
        now: time for the audit log; the clock's if missing.
        wait_s: how long to wait for another process that runs the same day.

    Raises:
        MissingDataError: the day was not planned, or the plan that stands is not the one that was looked at.
        InputError: no name.
        CorruptStoreError: the log was changed.
    """
    with run.folder.hold(wait_s):
        earlier = before_allocation(run)
        allocated = stored(run, "allocate")
        if plan and plan != allocated.digest:
            raise MissingDataError(run.folder.root, "plan", plan[:12], f"the plan that stands, {allocated.digest[:12]}",
                                   "It was made anew since: look at it and approve it then.")  # fmt: skip
        what = audit.WITHDRAWN if withdraw else audit.APPROVED
        audit.append(audit_file(run), time=_stamp(now), action=what, by=by, plan=allocated.digest, note=note)
        with recorded(run):
            return _published(run, earlier, allocated)


@dataclass(frozen=True)
class _Ahead:
    """What is under way while the plan is made in another process."""

    backdrop: Callable[[], Backdrop] | None = None
    papers: Executor | None = None


@contextmanager
def _ahead(run: DailyRun, earlier: Earlier, wanted: bool) -> Iterator[_Ahead]:
    """The page's backdrop, drawn by a thread, and a process that loads what papers need; nothing where not wanted."""
    from oceanclean.planning.publish import load_libraries

    if not wanted:
        yield _Ahead()
        return
    process = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent)
    with ThreadPoolExecutor(1) as thread:
        try:
            process.submit(load_libraries)
            backdrop = thread.submit(page.backdrop_of, run, *earlier)
            for name in _LATER:
                thread.submit(import_module, name)
            yield _Ahead(backdrop.result, process)
        finally:
            process.shutdown(wait=False, cancel_futures=True)  # its papers are here: nobody waits for its end


def _published(run: DailyRun, earlier: Earlier, allocated: StageRecord, ahead: _Ahead | None = None) -> DayResult:
    ahead, (ingested, detected, mapped, forecasted) = ahead or _Ahead(), earlier
    weighed = run.folder.finished("what-if")
    if weighed is not None and weighed.facts["plan"] != allocated.digest:
        weighed = None  # made for another plan; making it anew would keep the planner waiting
    published = page.publish(run, ingested, detected, mapped, forecasted, allocated, weighed, early=ahead.backdrop,
                             papers=ahead.papers)  # fmt: skip
    kept = [weighed] if weighed else []
    return finish(run, [ingested, *detected, mapped, forecasted, allocated, *kept, published])


def _stamp(now: datetime | None) -> str:
    # an approval is an event in the world: the clock is part of what is recorded
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
