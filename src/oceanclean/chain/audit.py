"""Who approved which plan: an append-only log in which each line carries the digest of the line before.

A line that was changed, moved or taken out breaks the chain at that place. The log proves order and content, not
identity: it holds the names that people gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oceanclean import chained_log
from oceanclean.errors import InputError

FILE = "audit.jsonl"
APPROVED, WITHDRAWN, REPLANNED = "approved", "withdrawn", "re-planned"
_CONSEQUENCE = "the plan counts as a draft"
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
    events = []
    for record in chained_log.read(path, _CONSEQUENCE):
        try:
            events.append(Event(**record))
        except TypeError as error:
            raise chained_log.broken(path, record["number"], f"it is no event ({error})", _CONSEQUENCE) from error
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
    record = {"time": time, "action": action, "by": by.strip(), "plan": plan, "note": note.strip()}
    return Event(**chained_log.append(path, record, _CONSEQUENCE))


def approval(events: list[Event], plan: str) -> Event | None:
    """The approval that holds for a plan: its last one, unless it was withdrawn after it."""
    meant = [e for e in events if e.plan == plan and e.action in {APPROVED, WITHDRAWN}]
    return meant[-1] if meant and meant[-1].action == APPROVED else None
