"""A day that is struck again and again, and what must hold after each blow."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from oceanclean.store import ASIDE, RECORD, digest_file
from tests.chain.conftest import DAY, ROOT, Place

#: Seconds within which what a dead run had started must be gone.
_PATIENCE_S = 20.0


class Nursery:
    """Runs of the command, forked from a process that has loaded everything (see :mod:`tests.reliability.nursery`)."""

    def __init__(self, place: Place, log: Path, **environment: str) -> None:
        self.log, self.environment = log, place.environment
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.nursery"], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**place.environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **environment},
        )  # fmt: skip
        assert self._line(300) == "ready"

    def start(self, **order: Any) -> int:
        """A run of the day; its process's number."""
        kept = {k: self.environment[k] for k in ("OCEANCLEAN_CONFIG", "OCEANCLEAN_WORK")}
        command = ["plan", "--json", "--region", "cove", "--date", DAY]
        whole = {"command": command, "log": str(self.log), "environment": kept, **order}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(whole) + "\n")
        return int(self._line(30))

    def ended(self, within_s: float) -> int | None:
        """How the run ended; None while it lives."""
        line = self._line(within_s)
        return int(line) if line else None

    def _line(self, within_s: float) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], max(within_s, 0.0))
        return self.process.stdout.readline().strip() if ready else ""

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:  # a test that failed left a run
            self.process.kill()


class StruckDay:
    """One day of one place, started again after each blow, and begun anew when it was finished all the same.

    Attributes:
        counts: of blows by kind, of the stage that was being filled, resumed starts, finished days, losses.
    """

    def __init__(self, place: Place, nursery: Nursery, seed: int) -> None:
        self.place, self.nursery, self.rng = place, nursery, np.random.default_rng(seed)
        self.blows: Counter[str] = Counter()
        self.where: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.resumed = self.days = 0
        self.years: set[str] = set()  # that ledgers tell
        self.whole = self._undisturbed()

    def _undisturbed(self) -> dict[str, dict[str, str]]:
        """What the day leaves that nothing happens to; how long it takes and how often it changes the disk."""
        count = self.nursery.log.with_suffix(".changes")
        begun = time.monotonic()
        self.nursery.start(count=str(count))
        assert self.nursery.ended(600) == 0, self.nursery.log.read_text()[-3000:]
        self.seconds, self.changes = time.monotonic() - begun, count.stat().st_size
        outputs = self.outputs()
        self.anew()
        return outputs

    def anew(self) -> None:
        """Forget the day."""
        for run in self.place.runs.glob("*"):
            shutil.rmtree(run)

    def outputs(self) -> dict[str, dict[str, str]]:
        """Digests of what the stages left, by stage; of files that are what their record says."""
        found = {}
        for path in sorted(self.place.day.glob(f"[!.]*/{RECORD}")):
            said = json.loads(path.read_text())["outputs"]
            assert not [n for n, sha in said.items() if digest_file(path.parent / n) != sha], path.parent.name
            found[path.parent.name] = said
        return found

    def moment(self) -> float:
        """Seconds from a start to a blow, drawn evenly over what such a run may still have to do."""
        left = self.seconds * (1 - len(self._standing()) / len(self.whole))
        return float(self.rng.uniform(0.05, left + 0.5))

    def change(self) -> int:
        """Number of a change to the disk, counted from a start, drawn evenly over the next half of what is left."""
        done = len(self._standing()) / len(self.whole)
        return int(self.rng.integers(1, max(3, int(self.changes * (1 - done) / 2))))

    def struck(self, kind: str, blow: Any = None, before_look: Any = None, **order: Any) -> int:
        """Start the day, let a blow fall, and look at what is left.

        Args:
            kind: of the blow, for the table.
            blow: called with the process's number once the moment has come; None where the order says it all.
            before_look: called when the run has ended, before what it left is looked at.
            order: to the nursery.

        Returns:
            How the run ended.
        """
        stood = self._standing()
        pid = self.nursery.start(**order)
        code = self.nursery.ended(self.moment()) if blow else None
        if blow and code is None:
            self.where[self._being_filled()] += 1
            blow(pid)
        code = self.nursery.ended(600) if code is None else code
        assert code is not None, f"{kind}: still alive after ten minutes"
        self._none_left(pid)
        if before_look:
            before_look()
        self._whole(kind, stood)
        self.blows[kind] += 1
        self.resumed += bool(stood)
        self.ends[f"{kind} {code}"] += 1
        if code == 0:
            self.finish()
        return code

    def _standing(self) -> dict[str, int]:
        """Finished stages, each with the number of its record on the disk: one that was made again has another."""
        return {p.parent.name: p.stat().st_ino for p in self.place.day.glob(f"[!.]*/{RECORD}")}

    def _being_filled(self) -> str:
        with contextlib.suppress(OSError, IndexError, StopIteration):
            return next(self.place.day.glob(f"{ASIDE}*")).name.split("-", 2)[2].split("-")[0]
        return "between stages"

    def _none_left(self, pid: int) -> None:
        """No process of the dead run's session goes on."""
        import psutil

        deadline = time.monotonic() + _PATIENCE_S
        while True:
            left = [p for p in psutil.process_iter() if _session_of(p.pid) == pid]
            if not left or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        assert not left, left

    def _whole(self, kind: str, stood: dict[str, int]) -> None:
        """Every visible stage has its record and is what it says; what was finished before is untouched."""
        if not self.place.day.is_dir():
            assert not stood, kind
            return
        for folder in self.place.day.iterdir():
            if folder.is_dir() and not folder.name.startswith(".") and folder.name not in ("ledger", "catalog"):
                assert (folder / RECORD).is_file(), f"{kind}: {folder.name} is visible and not finished"
        outputs = self.outputs()
        for stage, said in outputs.items():
            assert said == self.whole[stage], f"{kind}: {stage} is not what an undisturbed run makes"
        again, ledgers = self._standing(), [self.place.day / "run.json", *self.place.day.glob("ledger/*.json")]
        changed = [stage for stage, number in stood.items() if again.get(stage) != number]
        assert not changed, f"{kind}: {changed} stood finished and was made again or lost"
        told = [json.loads(path.read_text()) for path in ledgers if path.exists()]
        self.years |= {record[k][:4] for record in told for k in ("started", "ended") if k in record}

    def finish(self) -> None:
        """The day is done: all of it is as it would have been without any blow."""
        assert self.outputs() == self.whole
        assert not list(self.place.day.glob(f"{ASIDE}*"))
        self.days += 1
        self.anew()

    def to_the_end(self) -> None:
        """One more start, with no blow."""
        self.nursery.start()
        assert self.nursery.ended(600) == 0, self.nursery.log.read_text()[-3000:]
        self.finish()

    def figures(self, kind: str) -> dict[str, Any]:
        """For the table of promises."""
        ends = ", ".join(f"{n[len(kind) + 1 :]}: {c}" for n, c in sorted(self.ends.items()) if n.startswith(f"{kind} "))
        return {"times": self.blows[kind], "ended_with": ends or "-", "losses": 0}


def kill(number: signal.Signals) -> Any:
    """A blow: a signal to the run's process alone; what it had started must notice by itself."""
    return lambda pid: os.kill(pid, number)


def _session_of(pid: int) -> int:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if state[0] == "Z" else int(state[3])


class Disk:
    """A small disk of its own that can be filled and made read-only; needs the right to mount."""

    def __init__(self, at: Path, mebibytes: int) -> None:
        self.at = at
        at.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", str(at)], check=True,
                       capture_output=True)  # fmt: skip
        self.filler = at / ".filler"

    def leave_free(self, size: int) -> None:
        """Fill it but for so many bytes."""
        self.filler.unlink(missing_ok=True)
        usage = shutil.disk_usage(self.at)
        with self.filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(usage.free - size, 1))

    def make_room(self) -> None:
        """Take the filler away."""
        self.filler.unlink(missing_ok=True)

    def read_only(self, now: bool) -> bool:
        """Let nothing be written any more, or let it again; False while a file is being written to."""
        how = "remount,ro" if now else "remount,rw"
        return subprocess.run(["mount", "-o", how, str(self.at)], check=False, capture_output=True).returncode == 0

    def close(self) -> None:
        """Unmount."""
        subprocess.run(["umount", "-l", str(self.at)], check=True)
