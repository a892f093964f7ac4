"""Which plan, and which order of it, a haul belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oceanclean.planning.notation import moment
from oceanclean.planning.runs import Run

if TYPE_CHECKING:
    import pandas as pd

ORDER_COLUMNS = (
    "issue_time", "day", "vessel_id", "vessel", "task_id", "arrive", "leave", "lat", "lon", "expected_kg", "p10_kg",
    "p90_kg",
)  # fmt: skip


def orders_of(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a collect order that no later plan has overtaken, in the order of time."""
    import pandas as pd

    rows = [
        {
            "issue_time": run.issue_time, "day": run.day, "vessel_id": vessel["vessel_id"], "vessel": vessel["name"],
            **{k: order[k] for k in ("task_id", "lat", "lon", "expected_kg", "p10_kg", "p90_kg")},
            "arrive": pd.Timestamp(moment(order["arrive"])), "leave": pd.Timestamp(moment(order["leave"])),
        }
        for run in runs
        for vessel, order in run.collects()
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=list(ORDER_COLUMNS))
    return table.sort_values(["arrive", "vessel_id"], kind="stable").reset_index(drop=True)


def match(catches: pd.DataFrame, orders: pd.DataFrame, runs: Sequence[Run], match_h: float, zone: str) -> pd.DataFrame:
    """Hauls with the plan in force when they began and the order they carry out.

    A plan is in force from its issue time until the next plan's, at most until its own end. The order is the vessel's
    order of that plan for the reported task; for a haul that names no task, the vessel's order nearest in time, within
    ``match_h``. Several hauls may carry out one order.

    Args:
        catches: ``Catches``.
        orders: see :func:`orders_of`.
        runs: the runs, in the order of time.
        match_h: hours.
        zone: the region's clock, for the day of a haul that no plan covers.

    Returns:
        ``catches`` without geometry, with ``lat``, ``lon``, the ``local_day`` it began on, the ``day`` of its plan,
        ``issue_time`` ("" for a haul that no plan covers) and ``order`` (row of ``orders``, −1 for none).
    """
    import pandas as pd

    table = pd.DataFrame(catches.drop(columns="geometry"))
    table["lat"], table["lon"] = catches.geometry.y, catches.geometry.x
    force = [_plan_in_force(when, runs) for when in table["started_at"]]
    table["issue_time"] = [run.issue_time if run else "" for run in force]
    table["local_day"] = table["started_at"].dt.tz_convert(zone).dt.date
    table["day"] = [run.day if run else day for run, day in zip(force, table["local_day"], strict=True)]
    table["order"] = [_order_of(haul, orders, match_h) for haul in table.itertuples()]
    return table


def _plan_in_force(when: Any, runs: Sequence[Run]) -> Run | None:
    """The youngest plan issued by then, if it still holds."""
    issued = [r for r in runs if r.plan and moment(r.issue_time) <= when]
    if not issued:
        return None
    youngest = max(issued, key=lambda r: r.issue_time)
    return youngest if youngest.plan and when <= moment(youngest.plan["header"]["valid_to"]) else None


def _order_of(haul: Any, orders: pd.DataFrame, match_h: float) -> int:
    own = orders[(orders["issue_time"] == haul.issue_time) & (orders["vessel_id"] == haul.vessel_id)]
    if haul.task_id:
        own = own[own["task_id"] == haul.task_id]
    if own.empty:
        return -1
    early = (own["arrive"] - haul.ended_at).dt.total_seconds()
    late = (haul.started_at - own["leave"]).dt.total_seconds()
    away = early.combine(late, max).clip(lower=0) / 3600
    best = away.idxmin()
    return int(str(best)) if haul.task_id or away[best] <= match_h else -1
