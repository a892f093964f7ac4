"""The allocation in a process of its own: OR-Tools and TensorFlow share one badly.

Only file names and small records pass; the plan comes back as files.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.errors import InputError, OceancleanError
from oceanclean.offspring import end_with_parent
from oceanclean.store import as_storage_error

if TYPE_CHECKING:
    import xarray as xr

    from oceanclean.allocation.options import AllocationSettings
    from oceanclean.allocation.sea import Sea
    from oceanclean.products import Plan
    from oceanclean.settings import RegionSettings


@dataclass(frozen=True)
class Job:
    """What the process is asked to do.

    Attributes:
        tracks, forcing: Zarr or NetCDF.
        fleet: GeoParquet.
        region: settings of the region.
        issue_time: ISO 8601 UTC.
        horizon_h: hours planned.
        out: folder that the plan's files are written into; it exists.
        forecast: Zarr or NetCDF, or "".
        settings: values of :class:`~oceanclean.allocation.options.AllocationSettings`.
        seed: of the search.
        seconds: wall time of the search, or None.
        previous: folder of yesterday's plan, or "".
        decisions: values of :class:`~oceanclean.decisions.Decisions`.
        sea: file of patches, weather and ways that a plan on the same forecast, region, settings of the tasks and seed
            left (``sea.npz``), or "": the plan is then made from tracks and forcing, and leaves it.
    """

    tracks: str
    forcing: str
    fleet: str
    region: RegionSettings
    issue_time: str
    horizon_h: float
    out: str
    forecast: str = ""
    settings: dict[str, Any] | None = None
    seed: int = 1
    seconds: float | None = None
    previous: str = ""
    decisions: dict[str, Any] | None = None
    sea: str = ""


def open_grid(path: str) -> xr.Dataset:
    """A gridded product from Zarr or NetCDF.

    Raises:
        InputError: it cannot be read.
    """
    import xarray as xr

    try:
        return xr.open_zarr(path) if Path(path).is_dir() else xr.open_dataset(path)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            path, "file", error, "a Zarr or NetCDF product", "Run the stage that makes it again."
        ) from error


def run(job: Job) -> Plan:
    """Read the inputs, allocate, write the plan; in this process."""
    import geopandas as gpd

    from oceanclean.allocation.options import AllocationSettings
    from oceanclean.allocation.plan import allocate_on
    from oceanclean.decisions import Decisions
    from oceanclean.products import Plan
    from oceanclean.region import Region

    try:
        fleet = gpd.read_parquet(job.fleet)
    except (OSError, ValueError) as error:
        raise InputError(job.fleet, "file", error, "the fleet as GeoParquet", "Run the ingest stage again.") from error
    settings = AllocationSettings.model_validate(job.settings or {})
    plan = allocate_on(
        _sea(job, settings), fleet, Region(job.region), settings=settings, seed=job.seed, seconds=job.seconds,
        previous_plan=Plan.load(Path(job.previous)) if job.previous else None,
        decisions=Decisions.model_validate(job.decisions or {}),
    )  # fmt: skip
    plan.solver = _repeatable(plan.solver)
    plan.save(Path(job.out))
    return plan


def _sea(job: Job, settings: AllocationSettings) -> Sea:
    """The sea of the plan before, or one made now and left beside the plan."""
    from oceanclean.allocation import sea
    from oceanclean.region import Region

    if job.sea:
        return sea.Sea.load(Path(job.sea))
    made = sea.sea_of(
        open_grid(job.tracks), open_grid(job.forecast) if job.forecast else None, open_grid(job.forcing),
        Region(job.region), issue_time=job.issue_time, horizon_h=job.horizon_h, settings=settings, seed=job.seed,
    )  # fmt: skip
    made.save(Path(job.out) / sea.FILE)
    return made


def _repeatable(solver: dict[str, Any]) -> dict[str, Any]:
    """What the plan says of its solver without the clock: the same inputs give the same bytes on any machine.

    How long it took stands in the run's ledger.
    """
    kept = {k: v for k, v in solver.items() if k not in {"seconds", "total_seconds"}}
    if "history" in kept:
        kept["history"] = [value for _seconds, value in kept["history"]]
    return kept


def warm_up() -> None:
    """Load what every allocation needs: libraries, and the compiled code from numba's cache."""
    import geopandas  # noqa: F401
    import scipy.interpolate
    import scipy.ndimage  # noqa: F401
    from ortools.linear_solver import pywraplp  # noqa: F401

    from oceanclean.allocation import plan  # noqa: F401
    from oceanclean.allocation.rehearsal import rehearse

    rehearse()


def _serve(jobs: Connection, warm: bool) -> None:
    """Answer jobs until the other end is closed."""
    end_with_parent()
    if warm:
        warm_up()
    while True:
        try:
            job = jobs.recv()
        except EOFError:
            return
        try:
            run(job)
            jobs.send(None)
        except OceancleanError as error:
            jobs.send(error)
        except Exception as error:  # the parent must hear of anything, and in words
            full = as_storage_error(error, Path(job.out))
            jobs.send(full or OceancleanError(f"The allocation failed: {type(error).__name__}: {error}"))


class Solver:
    """A process that answers jobs one after the other.

    Args:
        warm: load libraries and compiled code before the first job comes.
    """

    def __init__(self, warm: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self._jobs, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, warm), name="oceanclean-allocation", daemon=True)
        self._process.start()
        theirs.close()

    def solve(self, job: Job, timeout_s: float | None) -> None:
        """Have a job done; the plan stands in its folder.

        Raises:
            OceancleanError: what the process raised, of the same type; or that it died or ran out of time, after which
                it answers no more.
        """
        try:
            self._jobs.send(job)
            if not self._jobs.poll(timeout_s):
                self.close()
                raise OceancleanError(f"The allocation took longer than {timeout_s:.0f} s and was ended. "
                                      "Lower search.iterations in config/models/allocation.yaml.")  # fmt: skip
            error = self._jobs.recv()
        except (EOFError, OSError):
            self._process.join(10)
            code = self._process.exitcode
            self.close()
            raise OceancleanError(f"The allocation's process died (exit code {code}). "
                                  "Look for a lack of memory and run the stage again.") from None  # fmt: skip
        if error is not None:
            raise error

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return not self._jobs.closed and self._process.is_alive()

    def close(self, wait_s: float = 0.5) -> None:
        """End the process, which is given ``wait_s`` seconds to end by itself."""
        self._jobs.close()
        self._process.join(wait_s)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(5)


#: The solver that stays between jobs, where a process plans many days (:func:`keep_solver`), or for a while
#: (:func:`ready_solver`).
_KEPT: list[Solver] = []
_KEEP: list[bool] = []


def keep_solver() -> None:
    """Let the solver's process live from job to job: it starts once for all days that this process plans."""
    _KEEP[:] = [True]


@contextmanager
def ready_solver(wanted: bool = True) -> Iterator[None]:
    """Start the solver's process now: it loads libraries while this one does other work, and serves all jobs within.

    Args:
        wanted: False starts none.
    """
    mine = Solver(warm=True) if wanted and not any(s.alive for s in _KEPT) else None
    if mine is not None:
        _KEPT[:] = [mine]
    try:
        yield
    finally:
        if mine is not None and not _KEEP:
            _KEPT.clear()
            mine.close(wait_s=0.0)


def solve_in_process(job: Job, *, timeout_s: float | None = 1800.0) -> None:
    """Run a job in a spawned process; the plan stands in the job's folder.

    Args:
        job: inputs by file name.
        timeout_s: the process is ended after this time.

    Raises:
        OceancleanError: what the process raised, of the same type; or that it died or ran out of time.
    """
    kept = _KEPT[0] if _KEPT and _KEPT[0].alive else None
    solver = kept or Solver()
    try:
        solver.solve(job, timeout_s)
    finally:
        if _KEEP and solver.alive:
            _KEPT[:] = [solver]
        elif kept is None:
            solver.close()


def allocate_in_process(job: Job, *, timeout_s: float | None = 1800.0) -> Plan:
    """As :func:`solve_in_process`, and load the plan that was written."""
    from oceanclean.products import Plan

    solve_in_process(job, timeout_s=timeout_s)
    return Plan.load(Path(job.out))
