"""The run ledger: what went in, with which code, versions, seeds and models, how long it took, how it ended."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from oceanclean import __version__
from oceanclean.store import digest_file, digest_record

#: Packages whose version can change a result.
RECORDED_PACKAGES = (
    "numpy", "scipy", "xarray", "rasterio", "geopandas", "shapely", "scikit-learn", "numba", "keras",
    "tensorflow-cpu", "tensorflow", "ortools", "prefect",
)  # fmt: skip


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of Python, of oceanclean and of the packages that can change a result."""
    found = {"python": platform.python_version(), "oceanclean": __version__}
    for name in RECORDED_PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of the library's own source and shipped weights: two runs agree on it only if they ran the same code."""
    package = Path(__file__).resolve().parents[1]
    kinds = {".py", ".keras", ".json", ".j2", ".css", ".js"}
    files = sorted(p for p in package.rglob("*") if p.suffix in kinds and "__pycache__" not in p.parts)
    return digest_record({p.relative_to(package).as_posix(): digest_file(p) for p in files})


@dataclass
class Measurement:
    """Seconds and peak memory of a stage."""

    seconds: float = 0.0
    peak_mib: float = 0.0


def _resident_mib() -> float:
    """Resident memory of this process now, or its high-water mark where /proc is absent."""
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextlib.contextmanager
def measure(interval_s: float = 0.05) -> Iterator[Measurement]:
    """Measure a block: wall seconds and peak resident memory, sampled, of this process.

    A child that the block starts and waits for counts with its own high-water mark.
    """
    result = Measurement()
    stop = threading.Event()
    peak = [_resident_mib()]
    children_before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

    def sample() -> None:
        while not stop.wait(interval_s):
            peak[0] = max(peak[0], _resident_mib())

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    start = time.perf_counter()
    try:
        yield result
    finally:
        result.seconds = time.perf_counter() - start
        stop.set()
        sampler.join()
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        grown = children / 1024 if children > children_before else 0.0
        result.peak_mib = max(peak[0], _resident_mib(), grown)
