"""A process with everything loaded that gives birth to runs of the command, each in a process of its own.

What a run costs is then what it computes and writes; the seconds in which Python loads libraries are spared.
Started as ``python -m tests.reliability.nursery``. For each line of JSON it forks a child that runs the command, says
the child's number, and, when the child has ended, how: an exit status, or minus the signal that ended it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

#: What a day loads, but for OR-Tools (another process's). TensorFlow is loaded and nothing is computed with it: a
#: process in which its threads run must not fork.
_LOADED = (
    "geopandas", "h5netcdf", "netCDF4", "numba", "pyarrow.parquet", "pystac", "rasterio", "rasterio.features",
    "scipy.ndimage", "scipy.sparse", "sklearn.ensemble", "xarray", "PIL.Image", "matplotlib.figure", "jinja2",
    "oceanclean.cli.app", "oceanclean.chain", "oceanclean.density", "oceanclean.drift", "oceanclean.sources",
    "oceanclean.planning.publish", "oceanclean.allocation.plan", "keras",
)  # fmt: skip
#: Audit events of changes to the disk; the path is their first argument.
_CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree")


def main() -> None:
    """Give birth on demand."""
    for name in _LOADED:
        importlib.import_module(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _live(order)
            return
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _live(order: dict[str, Any]) -> None:
    """Run the command; the order says where the blow falls that does not come from outside."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDWR)
    for target, source in ((0, nothing), (1, nothing), (2, log)):
        os.dup2(source, target)
    os.environ.update(order["environment"])
    if order.get("memory_mib"):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + (order["memory_mib"] << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    _count_changes(order["environment"]["OCEANCLEAN_WORK"], order.get("change"), order.get("signal", "SIGKILL"),
                   order.get("count"))  # fmt: skip
    sys.argv = ["oceanclean", *order["command"]]
    from oceanclean.cli import main as command

    command()


def _count_changes(work: str, fatal: int | None, blow: str, count_file: str | None) -> None:
    """Send the process a signal just before its so-manieth change of the disk under ``work``; or write their number."""
    seen = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        path = _changed(event, arguments)
        if path is None or work not in path:
            return
        seen[0] += 1
        if counter >= 0:
            os.write(counter, b".")
        if seen[0] == fatal:
            os.kill(os.getpid(), getattr(signal, blow))

    counter = os.open(count_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if count_file else -1
    sys.addaudithook(hook)


def _changed(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The path that an audit event is about to change; None where it changes none."""
    if event == "open":
        path, mode, flags = arguments
        if not set(mode or "") & set("wax+") and not (flags or 0) & (os.O_WRONLY | os.O_RDWR):
            return None
    elif event in _CHANGES:
        path = arguments[0]
    else:
        return None
    return os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else None


if __name__ == "__main__":
    main()
