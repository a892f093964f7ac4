"""An append-only log of JSON lines in which each line carries the digest of the line before.

A line that was changed, moved or taken out breaks the chain at that place. A log shows tampering; it does not prove who
wrote a line, and who can write the whole file can write a new chain: keep a copy where its writers cannot write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oceanclean.errors import CorruptStoreError
from oceanclean.store import digest_record

#: What the first line carries as the digest of the line before.
START = "0" * 64
#: Keys that the log itself fills in.
OWN_KEYS = ("number", "before", "digest")


def read(path: Path, consequence: str = "nothing after it counts") -> list[dict[str, Any]]:
    """All records, oldest first, each with ``number``, ``before`` and ``digest``; none where no log stands.

    Args:
        path: the log.
        consequence: what a broken log means, for the message.

    Raises:
        CorruptStoreError: a line is no record, or does not follow from the one before; names the line.
    """
    if not path.is_file():
        return []
    records: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            found, before, digest = (record[key] for key in OWN_KEYS)
        except (ValueError, TypeError, KeyError) as error:
            raise broken(path, number, f"it is no record ({error})", consequence) from error
        expected = records[-1]["digest"] if records else START
        if found != number or before != expected or digest != _digest(record):
            raise broken(path, number, "it was changed, or lines before it are missing", consequence)
        records.append(record)
    return records


def append(path: Path, record: Mapping[str, Any], consequence: str = "nothing after it counts") -> dict[str, Any]:
    """Add a record and force it to the disk; the caller holds the lock of what the log is about.

    Args:
        path: the log; made where it is absent.
        record: JSON-ready values, without the log's own keys.
        consequence: what a broken log means, for the message.

    Returns:
        The record as it stands in the log.

    Raises:
        CorruptStoreError: the log so far does not hold.
    """
    return extend(path, [record], consequence)[0]


def extend(
    path: Path, added: Sequence[Mapping[str, Any]], consequence: str = "nothing after it counts"
) -> list[dict[str, Any]]:
    """Add several records at once; see :func:`append`.

    Raises:
        CorruptStoreError: the log so far does not hold.
    """
    records = read(path, consequence)
    lines = []
    for record in added:
        own = {"number": len(records) + 1, "before": records[-1]["digest"] if records else START}
        # what is written is what a reader will digest: plain JSON values
        whole = json.loads(json.dumps({**record, **own}, default=str))
        whole["digest"] = _digest(whole)
        records.append(whole)
        lines.append(json.dumps(whole, ensure_ascii=False) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(lines))
        file.flush()
        os.fsync(file.fileno())
    return records[len(records) - len(lines) :]


def _digest(record: Mapping[str, Any]) -> str:
    return digest_record({k: v for k, v in record.items() if k != "digest"})


def broken(path: Path, number: int, why: str, consequence: str) -> CorruptStoreError:
    """The error of a log that does not hold."""
    return CorruptStoreError(
        f"{path}: line {number} cannot be trusted: {why}. Restore the log from a backup; {consequence}."
    )
