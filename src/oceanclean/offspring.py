"""Processes that a process starts for its own work: none outlives who started it."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait

#: Exit status of a process whose parent is gone.
ORPHANED = 75


def end_with_parent() -> None:
    """Let this process end as soon as the one that started it is gone, however that ended.

    A worker of a killed run would otherwise go on writing into folders that the next start of the run sweeps, or wait
    for work for ever. To be called first in a process of :mod:`multiprocessing`, as the initialiser of a pool, say.
    """
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="oceanclean-parent", daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(ORPHANED)  # nothing of this process is wanted any more
