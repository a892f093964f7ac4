"""Independent pieces of work: one after the other in this process, or side by side on the processes of a Dask cluster.

A piece is a function of the library and a small record – paths, addresses, settings – and so is its answer. No array
travels: each process reads its scene or product from where it lies, and writes its result where it belongs. The order
of the answers is that of the pieces, whoever was first, and a piece computes the same bits wherever it runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from oceanclean.chain.ledger import code_digest, versions
from oceanclean.errors import MissingDataError, OceancleanError, SettingsError

T = TypeVar("T")
R = TypeVar("R")
#: Called with the number of pieces done and of all.
Done = Callable[[int, int], None]

_LOCAL = re.compile(r"^local(?::(\d{1,3}))?$")
_ADDRESS = re.compile(r"^(tcp|tls|ucx|ws|wss)://\S+$")
#: Seconds within which a scheduler must answer.
_PATIENCE_S = 20.0
_EXPECTED = "nothing, local, local:N, or a scheduler's address such as tcp://host:8786"


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes:
        client: of a Dask cluster, or None for this process.
        count: processes that work side by side.
    """

    client: Any = None
    count: int = 1

    def map(self, work: Callable[[T], R], pieces: Sequence[T], done: Done | None = None) -> list[R]:
        """Do every piece; the answers in the order of the pieces.

        Args:
            work: a function of a module, so that other processes find it.
            pieces: records that can be pickled.
            done: told after each piece.

        Raises:
            OceancleanError: what a piece raised; or the processes that tried a piece died.
        """
        told = done or (lambda *_: None)
        if self.client is None:
            answers = []
            for piece in pieces:
                answers.append(work(piece))
                told(len(answers), len(pieces))
            return answers
        from distributed import as_completed

        futures = self.client.map(work, pieces, pure=False)
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                _raise_for(future)
                told(number, len(pieces))
            return list(self.client.gather(futures))
        finally:
            self.client.cancel(futures)


def _raise_for(future: Any) -> None:
    """Raise what a piece raised, in words."""
    if future.status != "error":
        return
    error = future.exception()
    if isinstance(error, OceancleanError):
        raise error
    kind = type(error).__name__
    if kind == "KilledWorker":
        raise OceancleanError(f"Several worker processes died on the same piece of work ({error}). Look for a lack of "
                              "memory in their logs; give each worker more, or start fewer.") from error  # fmt: skip
    raise OceancleanError(f"A worker process failed: {kind}: {error}") from error


@contextmanager
def workers(where: str = "") -> Iterator[Workers]:
    """Those who work: this process, processes of this machine, or a cluster that stands.

    Args:
        where: empty for this process; ``local`` or ``local:N`` for one process a core or N of them; or the address of a
            Dask scheduler (``tcp://host:8786``).

    Raises:
        SettingsError: none of these, or the cluster's workers hold other code than this process.
        MissingDataError: Dask's ``distributed`` is not installed, or no scheduler or worker answers.
    """
    if not where:
        yield Workers()
        return
    local = _LOCAL.match(where)
    if not local and not _ADDRESS.match(where):
        raise SettingsError("command line", "--dask", repr(where), _EXPECTED, "Correct the option.")
    with ExitStack() as stack:
        client = _local(stack, int(local[1] or 0)) if local else _remote(stack, where)
        count = len(client.scheduler_info(n_workers=-1)["workers"])
        if not count:
            raise MissingDataError(where, "workers", "none", "one worker at least",
                                   f"Start some: dask worker {where} --nthreads 1.")  # fmt: skip
        _same_code(client, where)
        yield Workers(client, count)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingDataError("--dask", "package", "distributed is not installed", "Dask's distributed",
                               "pip install 'oceanclean[dask]', or leave the option out.") from error  # fmt: skip
    return distributed


def _local(stack: ExitStack, count: int) -> Any:
    """A cluster of processes on this machine, each with its share of the cores."""
    import dask

    distributed = _distributed()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    count = count or len(cores)
    # a daemon may have no children, and the allocation runs in a process of its own
    stack.enter_context(dask.config.set({"distributed.worker.daemon": False}))
    cluster = stack.enter_context(distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=40,
    ))  # fmt: skip
    client = stack.enter_context(distributed.Client(cluster))
    client.register_plugin(share_of_cores(cores, count))
    return client


def share_of_cores(cores: Sequence[int], count: int) -> Any:
    """A plugin that keeps each of ``count`` workers to its own cores, so that they do not take turns on one.

    Threads that a worker starts afterwards – those of TensorFlow, numba and the tiles of a scene – stay there too.
    """
    distributed = _distributed()

    class ShareOfCores(distributed.WorkerPlugin):  # type: ignore[misc, name-defined]
        """Pins a worker."""

        name = "oceanclean-cores"

        def setup(self, worker: Any) -> None:
            """Pin the process of a worker whose name is its number."""
            mine = set(cores[int(worker.name) % count :: count]) or {cores[int(worker.name) % len(cores)]}
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, mine)

    return ShareOfCores()


def _remote(stack: ExitStack, address: str) -> Any:
    """A client of a cluster that others started."""
    distributed = _distributed()
    try:
        return stack.enter_context(distributed.Client(address, timeout=_PATIENCE_S, set_as_default=False))
    except (OSError, TimeoutError) as error:
        raise MissingDataError(address, "scheduler", f"{type(error).__name__}", f"an answer within {_PATIENCE_S:g} s",
                               "Start one (dask scheduler) or correct the address.") from error  # fmt: skip


def _same_code(client: Any, where: str) -> None:
    """Refuse workers that would compute something else: another version of oceanclean or of what it computes with."""
    mine = code_in_use()
    others = {place: found for place, found in client.run(code_in_use).items() if found != mine}
    if others:
        place, found = next(iter(others.items()))
        unlike = sorted(k for k in {*mine, *found} if found.get(k) != mine.get(k))
        theirs, ours = ({k: facts.get(k, "absent") for k in unlike} for facts in (found, mine))
        raise SettingsError(where, f"worker {place}", theirs, f"{ours}, as here",
                            "Install the same oceanclean and constraints on every machine.")  # fmt: skip


def code_in_use() -> dict[str, str]:
    """Digest of oceanclean's own code, and versions of what moves its numbers."""
    return {**versions(), "code": code_digest()}
