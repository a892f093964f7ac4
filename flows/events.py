"""Events that the flows tell and automations listen for."""

from __future__ import annotations

from typing import Any

from prefect.events import emit_event

PLAN_ISSUED = "oceanclean.plan.issued"
SOURCE_FAILED = "oceanclean.source.failed"
BREACH = "oceanclean.monitor.breach"


def region_resource(region: str) -> str:
    """Id under which a region stands in events."""
    return f"oceanclean.region.{region}"


def tell(event: str, region: str, **facts: Any) -> None:
    """Emit an event about a region."""
    emit_event(event=event, resource={"prefect.resource.id": region_resource(region)}, payload=facts)
