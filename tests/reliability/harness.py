"""Reads mutants in a process of its own, with bounds on time and memory, and says what became of each."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from tests.reliability.doors import DOORS, Door
from tests.reliability.mutants import GOOD, Mutant

#: Seconds that a file of this size may cost, and MiB over what the process held before.
SECONDS, MEBIBYTES = 20.0, 1024
#: Seconds in which a door may load its libraries: an import that is cut off leaves half a library behind.
WARM_UP = 200.0
#: What may come of a mutant.
READ, REFUSED = "read", "refused"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        door: by which it came.
        mutant: its name.
        what: :data:`READ`, :data:`REFUSED` (a typed error), or what went wrong.
        said: the words of the refusal.
        seconds: it took.
        mebibytes: by which the process's peak grew.
    """

    door: str
    mutant: str
    what: str
    said: str
    seconds: float
    mebibytes: float

    @property
    def well(self) -> bool:
        """Read or refused, within the bounds; the good file must be read."""
        return (
            self.what in ((READ,) if self.mutant == GOOD else (READ, REFUSED))
            and self.seconds <= SECONDS
            and self.mebibytes <= MEBIBYTES
        )


class ReadingRoom:
    """A process that reads files through any door, started anew when one of them has killed it."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: empty; good files, mutants and the readers' work get folders of their own in it."""
        self.folder = folder
        self.places = {name: folder / name for name in ("made", "inbox", "work", "tmp")}
        for place in self.places.values():
            place.mkdir(parents=True)
        self.process: SpawnProcess | None = None
        self.count = 0

    def outcomes(self, door: Door, every: int = 1) -> Iterator[Outcome]:
        """Send every so-manieth mutant, and all good files, through a door."""
        for path in self.places["made"].iterdir():
            path.unlink() if path.is_file() else shutil.rmtree(path)
        for number, mutant in enumerate(door.make(self.places["made"])):
            if number % every == 0 or mutant[0] == GOOD:
                yield self.read(door, mutant)

    def read(self, door: Door, mutant: Mutant) -> Outcome:
        """Let the process read one."""
        pipe = self.pipe if self.process is not None and self.process.is_alive() else self._started()
        name, data = mutant
        self.count += 1
        path = self.places["inbox"] / f"mutant{self.count}{door.suffix}"  # another name each: readers may remember
        path.write_bytes(data)
        what, said, seconds, grown = "hung", "", SECONDS + 10, 0.0
        try:
            pipe.send((DOORS.index(door), str(path)))
            # the process's own alarm comes first; this bound is for code that holds the interpreter
            if pipe.poll(WARM_UP + SECONDS + 10):  # what a door imports at first is not the file's cost
                what, said, seconds, grown = pipe.recv()
            else:
                self._kill()
        except (EOFError, ConnectionError):
            self._kill()
            what = "killed the process"
        path.unlink()
        return Outcome(door.name, name, self._left_behind() or what, said, seconds, grown)

    def end(self) -> None:
        """Close."""
        self._kill()

    def _started(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_child, args=(theirs, self.places["work"]), daemon=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(self.places["tmp"]))
            self.process.start()
        theirs.close()
        return self.pipe

    def _kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join(10)
            self.process = None

    def _left_behind(self) -> str:
        """What stands where nothing may stand; it is removed."""
        strays = [p for p in self.folder.iterdir() if p.name not in self.places]
        strays += [p for place in ("inbox", "work", "tmp") for p in self.places[place].rglob("*") if p.is_file()]
        said = ", ".join(str(p.relative_to(self.folder)) for p in strays)
        for path in strays:
            path.unlink(missing_ok=True)
        return f"left {said}" if said else ""


def _child(pipe: Connection, work: Path) -> None:
    """Read what comes through the pipe."""
    from oceanclean.errors import OceancleanError

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    signal.signal(signal.SIGALRM, _too_long)
    known: set[int] = set()
    while True:
        index, path = pipe.recv()
        door = DOORS[index]
        if index not in known:
            known.add(index)
            good = work / f"warm{door.suffix}"
            good.write_bytes(b"no such format")
            _outcome(door, good, work, OceancleanError, WARM_UP)
            good.unlink()
            pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (pages + (4 << 30), resource.RLIM_INFINITY))
        before, clock = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        what, said = _outcome(door, Path(path), work, OceancleanError)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        pipe.send((what, said, time.perf_counter() - clock, grown))


def _outcome(
    door: Door, path: Path, work: Path, typed: type[Exception], seconds: float = SECONDS
) -> tuple[str, str]:  # fmt: skip
    """What came of a file, and the words of its refusal."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        door.read(path, work)
    except typed as error:
        named = any(name in str(error) for name in (path.name, path.stem, str(path.parent)))
        return (REFUSED if named else "refused without its name"), str(error)[:300]
    except _TooLongError:
        return "took too long", ""
    except MemoryError:
        return "out of memory", ""
    except BaseException as error:  # whatever comes of it is the result
        return type(error).__name__, str(error)[:300]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return READ, ""


class _TooLongError(BaseException):
    """The alarm rang."""


def _too_long(_signal: int, _frame: object) -> None:
    raise _TooLongError
