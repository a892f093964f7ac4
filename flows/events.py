"""Events that the flows tell and automations listen for."""

from __future__ import annotations

from typing import Any

from prefect.events import emit_event
from prefect.states import Completed, State

PLAN_ISSUED = "oceanclean.plan.issued"
SOURCE_FAILED = "oceanclean.source.failed"
BREACH = "oceanclean.monitor.breach"

#: Names, beside Prefect's own, under which runs end well. The server names an event after each, and an automation that
#: waits for a run's end must know them all: it would take a run that ended so for dead.
SKIPPED, DEGRADED, LATE = "Skipped", "Degraded", "Late"
ENDS = (SKIPPED, DEGRADED, LATE)


def ended(name: str, message: str) -> State:
    """A good end under a name of ours.

    Raises:
        ValueError: a name that is not among :data:`ENDS`.
    """
    if name not in ENDS:
        raise ValueError(f"{name!r} is not among {ENDS}: the automations would take such a run for dead")
    return Completed(name=name, message=message)


def region_resource(region: str) -> str:
    """Id under which a region stands in events."""
    return f"oceanclean.region.{region}"


def tell(event: str, region: str, **facts: Any) -> None:
    """Emit an event about a region."""
    emit_event(event=event, resource={"prefect.resource.id": region_resource(region)}, payload=facts)
