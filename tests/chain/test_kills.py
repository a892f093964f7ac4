"""A day that is killed, starved, jammed and sent through time at random moments loses nothing and ends the same.

Minutes long: `make reliability` runs these; OCEANCLEAN_RELIABILITY_KILLS says how many blows fall in all (60).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from oceanclean.store import ASIDE
from tests.chain.conftest import Place
from tests.reliability.promises import keep
from tests.reliability.small import make_small
from tests.reliability.strikes import Disk, Nursery, StruckDay, kill

pytestmark = [
    pytest.mark.skipif(os.environ.get("OCEANCLEAN_RELIABILITY") != "all", reason="minutes long: make reliability"),
    pytest.mark.timeout(3000),
]
SEED = int(os.environ.get("OCEANCLEAN_RELIABILITY_SEED", "1"))
BLOWS = int(os.environ.get("OCEANCLEAN_RELIABILITY_KILLS", "60"))
#: Of a hundred blows.
SHARES = {"KILL at a write": 30, "TERM at a write": 15, "KILL at a moment": 20, "TERM at a moment": 10, "no memory": 8,
          "disk full": 7, "disk read-only": 5, "clock jumps": 5}  # fmt: skip
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def _times(kind: str) -> int:
    return max(2, round(BLOWS * SHARES[kind] / 100))


@pytest.fixture
def inlet(fresh: Place) -> Place:
    """A place whose day takes seconds."""
    make_small(fresh)
    return fresh


@pytest.fixture
def nursery(inlet: Place, tmp_path: Path) -> Iterator[Nursery]:
    opened = Nursery(inlet, tmp_path / "stderr")
    yield opened
    opened.close()


def test_kills_terms_and_lack_of_memory_lose_nothing(inlet: Place, nursery: Nursery) -> None:
    """At moments drawn over the whole day and just before changes to the disk; a run by the shell ends it the same."""
    day = StruckDay(inlet, nursery, seed=SEED)
    kinds = [kind for kind in list(SHARES)[:5] for _ in range(_times(kind))]
    for kind in day.rng.permutation(kinds):
        name = f"SIG{kind[:4]}"
        if kind == "no memory":
            day.struck(kind, memory_mib=int(day.rng.integers(50, 3000)))
        elif kind.endswith("write"):
            day.struck(kind, change=day.change(), signal=name)
        else:
            day.struck(kind, kill(getattr(signal, name)))
    inlet.plan()  # by a process that loads everything itself, in an order of its own
    day.finish()
    for kind in dict.fromkeys(kinds):
        keep("struck days", kind, day.figures(kind))
    keep("struck days", "of these", {
        "resumed": day.resumed, "days_finished": day.days, "killed_while_filling": dict(sorted(day.where.items())),
    })  # fmt: skip
    assert day.resumed


def test_full_and_read_only_disks_end_runs_with_words_and_lose_nothing(inlet: Place, nursery: Nursery) -> None:
    """The runs lie on a disk of their own, which is filled, or read-only when the day is started."""
    try:
        disk = Disk(inlet.runs.parent, 400)
    except subprocess.CalledProcessError:
        pytest.skip("no file system may be mounted here")
    try:
        day = StruckDay(inlet, nursery, seed=SEED + 1000)
        kinds = [kind for kind in ("disk full", "disk read-only") for _ in range(_times(kind))]
        for kind in day.rng.permutation(kinds):
            code = _full(day, disk) if kind == "disk full" else _read_only(day, disk)
            said = nursery.log.read_text()
            assert code in (0, 7), said[-2000:]
            assert "Traceback" not in said, said[-2000:]
            assert code == 0 or "error:" in said
        day.to_the_end()
        for kind in dict.fromkeys(kinds):
            keep("struck days", kind, day.figures(kind))
    finally:
        disk.close()


def _full(day: StruckDay, disk: Disk) -> int:
    """Anything from nothing to what a day needs is left free."""
    disk.leave_free(int(day.rng.uniform(0, 12e6)))
    try:
        return day.struck("disk full")
    finally:
        disk.make_room()


def _read_only(day: StruckDay, disk: Disk) -> int:
    """Read-only when the run starts; while one holds its lock file open the kernel lets nobody turn the disk."""
    assert disk.read_only(now=True)
    try:
        code = day.struck("disk read-only", before_look=lambda: disk.read_only(now=False))
    finally:
        disk.read_only(now=False)
    assert code == 7
    return code


@pytest.mark.skipif(FAKETIME is None, reason="no libfaketime here (Debian: libfaketime)")
def test_a_clock_that_jumps_changes_no_product(inlet: Place, tmp_path: Path) -> None:
    """Years forth and back, several times a run, for whatever the run and its libraries ask the clock."""
    clock = tmp_path / "clock"
    clock.write_text("+0d")
    nursery = Nursery(inlet, tmp_path / "stderr", LD_PRELOAD=str(FAKETIME), FAKETIME_TIMESTAMP_FILE=str(clock),
                      FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_DONT_RESET="1")  # fmt: skip
    try:
        day = StruckDay(inlet, nursery, seed=SEED + 2000)
        stop, years = threading.Event(), set()

        def jump() -> None:
            while not stop.wait(0.3):
                aside = clock.with_name(f"{ASIDE}clock")
                aside.write_text(f"{day.rng.integers(-3000, 3000):+d}d")
                aside.replace(clock)

        jumping = threading.Thread(target=jump)
        jumping.start()
        try:
            for k in range(_times("clock jumps")):
                code = day.struck("clock jumps", kill(signal.SIGKILL) if k % 2 else None)
                assert code in (0, -signal.SIGKILL), nursery.log.read_text()[-2000:]
                years |= day.years
        finally:
            stop.set()
            jumping.join()
        inlet.plan()  # on the true clock
        day.finish()
        assert len(years) > 1, "the clock did not jump"
        keep("struck days", "clock jumps", day.figures("clock jumps"))
    finally:
        nursery.close()
