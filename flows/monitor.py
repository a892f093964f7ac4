"""Watch a region as a Prefect flow: a page and metrics are written, and each alarm becomes an event.

An automation on the event ``oceanclean.alarm`` notifies whoever is on duty.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.events import emit_event

from oceanclean.chain.watch import watch, write_report


@flow(name="monitor", validate_parameters=False)
def monitor(region: str = "demo", work: str = "var", config: str | None = None) -> str:
    """Judge a region by its past runs.

    Args:
        region: a file of ``config/regions``.
        work: folder of runs.
        config: configuration folder.

    Returns:
        The worst state of any figure.
    """
    report = watch(Path(work), region, Path(config) if config else None)
    write_report(report, Path(work) / "monitor" / region)
    rows = [{"figure": f.name, "of": f.of, "value": f.value, "unit": f.unit, "state": f.state} for f in report.figures]
    create_table_artifact(table=rows, key=f"monitor-{region}".replace("_", "-"), description=f"worst: {report.worst}")
    for f in report.in_state("alarm"):
        emit_event(
            event="oceanclean.alarm",
            resource={"prefect.resource.id": f"oceanclean.region.{region}", "figure": f.name, "of": f.of},
            payload={"value": f.value, "unit": f.unit, "meaning": f.meaning, "issue_time": report.issue_time},
        )
    return report.worst
