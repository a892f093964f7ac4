"""Who approved which plan: an append-only log in which each line carries the digest of the line before.

A line that was changed, moved or taken out breaks the chain at that place. The log proves order and content, not
identity: it holds the names that people gave.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from oceanclean.errors import CorruptStoreError, InputError
from oceanclean.store import digest_record

FILE = "audit.jsonl"
APPROVED, WITHDRAWN, REPLANNED = "approved", "withdrawn", "re-planned"
_START = "0" * 64
#: Longest name and note that the log takes, in characters.
NAME_LIMIT, NOTE_LIMIT = 120, 500


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes:
        number: 1 for the first line.
        time: ISO 8601 UTC.
        action: ``approved``, ``withdrawn`` or ``re-planned``.
        by: name that was given.
        plan: digest of the plan meant.
        note: free text.
        before: digest of the line before.
        digest: of all of this.
    """

    number: int
    time: str
    action: str
    by: str
    plan: str
    note: str
    before: str
    digest: str


def read(path: Path) -> list[Event]:
    """All events, oldest first; none where no log stands.

    Raises:
        CorruptStoreError: a line is no event, or does not follow from the one before; names the line.
    """
    if not path.is_file():
        return []
    events: list[Event] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            event = Event(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise _broken(path, number, f"it is no event ({error})") from error
        before = events[-1].digest if events else _START
        if event.number != number or event.before != before or event.digest != _digest(event):
            raise _broken(path, number, "it was changed, or lines before it are missing")
        events.append(event)
    return events


def append(path: Path, *, time: str, action: str, by: str, plan: str, note: str = "") -> Event:
    """Add an event and force it to the disk; the caller holds the run's lock.

    Raises:
        InputError: no name was given, or name or note are too long.
        CorruptStoreError: the log so far does not hold.
    """
    for field, text, limit in (("name", by, NAME_LIMIT), ("note", note, NOTE_LIMIT)):
        if len(text) > limit:
            raise InputError(path.name, field, f"{len(text)} characters", f"at most {limit}", "Shorten it.")
    if not by.strip():
        raise InputError(
            path.name, "name", "nothing", "the name of who decides", "Give it, for example --by 'A. Planner'."
        )
    events = read(path)
    event = Event(
        len(events) + 1, time, action, by.strip(), plan, note.strip(), events[-1].digest if events else _START, ""
    )
    event = Event(**{**asdict(event), "digest": _digest(event)})
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(event), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return event


def approval(events: list[Event], plan: str) -> Event | None:
    """The approval that holds for a plan: its last one, unless it was withdrawn after it."""
    meant = [e for e in events if e.plan == plan and e.action in {APPROVED, WITHDRAWN}]
    return meant[-1] if meant and meant[-1].action == APPROVED else None


def _digest(event: Event) -> str:
    return digest_record({k: v for k, v in asdict(event).items() if k != "digest"})


def _broken(path: Path, number: int, why: str) -> CorruptStoreError:
    return CorruptStoreError(
        f"{path}: line {number} cannot be trusted: {why}. Restore the log from a backup; the plan counts as a draft."
    )
