"""The store: atomic files, digests, one folder a run, a lock, and a STAC catalogue.

A stage's folder appears whole or not at all: it is filled aside and renamed. A run can be killed at any moment and
started again; finished stages are recognised by the digest of what went into them and are not computed twice.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oceanclean.aside import ASIDE, put, remove, write_aside
from oceanclean.errors import BusyError, CorruptStoreError, StorageError

__all__ = (
    "ASIDE", "RECORD", "RunFolder", "StageRecord", "as_storage_error", "digest_file", "digest_record", "lock",
    "read_json", "write_aside", "write_json",
)  # fmt: skip

#: Name of the file that marks a stage folder as finished and says what it was made from.
RECORD = "stage.json"


def digest_file(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files and their relative names (a Zarr store is a folder)."""
    if path.is_dir():
        lines = [f"{p.relative_to(path).as_posix()} {digest_file(p)}" for p in sorted(path.rglob("*")) if p.is_file()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
    return sha.hexdigest()


def digest_record(record: object) -> str:
    """SHA-256 of a JSON-ready value, independent of key order."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()


def write_json(path: Path, record: object) -> None:
    """Write a JSON file whole or not at all."""
    with write_aside(path) as aside:
        aside.write_text(json.dumps(record, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of the store.

    Raises:
        CorruptStoreError: it is not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptStoreError(
            f"{path}: not JSON ({error}). Remove the run's folder and run the day again."
        ) from error
    return content


@contextmanager
def lock(path: Path, holder: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold an exclusive lock that the operating system drops when the process ends, however it ends.

    Args:
        path: lock file; stays behind, empty of meaning.
        holder: what is locked, for the message.
        wait_s: how long to wait for another holder.

    Raises:
        BusyError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    file.seek(0)
                    raise BusyError(
                        f"{holder} is being run by process {file.read().strip() or 'unknown'}. "
                        "Wait for it to end, or stop it, and start again."
                    ) from error
                time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


#: Fewer bytes than this are no room: libraries that write files fail without saying why.
_NO_ROOM = 1 << 20


def as_storage_error(error: BaseException, folder: Path) -> StorageError | None:
    """What to say where an error comes of a disk that takes nothing more; None where it comes of something else.

    Args:
        error: what was raised.
        folder: on the disk that was written to.
    """
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return StorageError(f"{one.filename or folder}: {one.strerror}. Make room, or choose another disk with "
                                "--work, and start again: what is finished stays.")  # fmt: skip
        one = one.__cause__ or one.__context__
    if isinstance(error, Exception) and folder.exists() and shutil.disk_usage(folder).free < _NO_ROOM:
        return StorageError(f"{folder}: no space left on the disk ({type(error).__name__}). Make room, or choose "
                            "another disk with --work, and start again: what is finished stays.")  # fmt: skip
    return None


@dataclass(frozen=True)
class StageRecord:
    """What a finished stage left behind.

    Attributes:
        stage: name of the stage.
        folder: its folder.
        key: digest of everything that went in (inputs, settings, code version).
        outputs: file name in the folder to SHA-256.
        facts: plain values for the next stages and the ledger.
        seconds: wall time it took when it was computed.
        peak_mib: peak resident memory of the process while it ran.
        reused: it stood in the store already.
    """

    stage: str
    folder: Path
    key: str
    outputs: dict[str, str]
    facts: dict[str, Any]
    seconds: float
    peak_mib: float
    reused: bool

    @property
    def digest(self) -> str:
        """Digest of all outputs: the key of the next stage is built from it."""
        return digest_record(self.outputs)

    def path(self, name: str) -> Path:
        """A file of the stage."""
        return self.folder / name


@dataclass(frozen=True)
class RunFolder:
    """The folder of one region and issue time."""

    root: Path

    @classmethod
    def of(cls, work: Path, region: str, issue_time: str) -> RunFolder:
        """Folder ``<work>/runs/<region>/<YYYY-MM-DDTHHMMZ>``."""
        return cls(work / "runs" / region / f"{issue_time[:10]}T{issue_time[11:13]}{issue_time[14:16]}Z")

    def hold(self, wait_s: float = 0.0) -> Any:
        """Lock the run against a second process; sweep what a killed run left."""
        return self._hold(wait_s)

    @contextmanager
    def _hold(self, wait_s: float) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        holder = f"The run {self.root.parent.name} {self.root.name}"
        with lock(self.root / ".lock", holder, wait_s):
            for left in self.root.glob(f"{ASIDE}*"):
                remove(left)
            yield

    def finished(self, stage: str, key: str | None = None) -> StageRecord | None:
        """The stage's record if it is finished, was made from ``key``, and its files are whole; else None."""
        folder = self.root / stage
        if not (folder / RECORD).is_file():
            return None
        record = read_json(folder / RECORD)
        if key is not None and record["key"] != key:
            return None
        for name, sha in record["outputs"].items():
            if not (folder / name).exists() or digest_file(folder / name) != sha:
                return None
        return StageRecord(stage, folder, record["key"], record["outputs"], record["facts"], record["seconds"],
                           record["peak_mib"], reused=True)  # fmt: skip

    def publish(
        self, stage: str, key: str, aside: Path, facts: Mapping[str, Any], seconds: float, peak_mib: float
    ) -> StageRecord:
        """Seal a filled folder with its record and give it the stage's name in one rename."""
        outputs = {
            p.relative_to(aside).as_posix(): digest_file(p)
            for p in sorted(aside.iterdir())
            if not p.name.startswith(".")
        }
        record = {
            "stage": stage, "key": key, "outputs": outputs, "facts": dict(facts),
            "seconds": round(seconds, 3), "peak_mib": round(peak_mib, 1),
        }  # fmt: skip
        (aside / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True, default=str), encoding="utf-8")
        folder = self.root / stage
        put(aside, folder)
        # in the order in which they are read again: what a later stage makes of them must not tell how it came by them
        told = json.loads(json.dumps(dict(facts), sort_keys=True, default=str))
        return StageRecord(stage, folder, key, outputs, told, seconds, peak_mib, reused=False)

    @contextmanager
    def fill(self, stage: str) -> Iterator[Path]:
        """An empty folder aside for a stage; removed unless :meth:`publish` renamed it."""
        aside = self.root / f"{ASIDE}{os.getpid()}-{stage.replace('/', '-')}"
        remove(aside)
        aside.mkdir(parents=True)
        try:
            yield aside
        finally:
            remove(aside)
