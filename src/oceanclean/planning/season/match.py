"""Which plan, and which order of it, a haul belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from oceanclean.planning.notation import moment
from oceanclean.planning.runs import Run

if TYPE_CHECKING:
    import pandas as pd

ORDER_COLUMNS = (
    "issue_time", "day", "vessel_id", "vessel", "task_id", "arrive", "leave", "lat", "lon", "expected_kg", "p10_kg",
    "p90_kg",
)  # fmt: skip


def working_day(when: Any, clock: Clock) -> Any:
    """Days that begin at the hour at which plans are made: work after midnight belongs to the day before.

    Args:
        when: a series of UTC times.
        clock: the region's zone and hour.
    """
    import pandas as pd

    return (when.dt.tz_convert(clock.zone) - pd.Timedelta(hours=clock.plan_hour)).dt.date


class Clock(NamedTuple):
    """The region's time zone, and the local hour at which its plans are made."""

    zone: str
    plan_hour: float


def orders_of(runs: Sequence[Run], clock: Clock) -> pd.DataFrame:
    """One row a collect order that no later plan has overtaken, in the order of time, with the day of its work."""
    import pandas as pd

    rows = [
        {
            "issue_time": run.issue_time, "vessel_id": vessel["vessel_id"], "vessel": vessel["name"],
            **{k: order[k] for k in ("task_id", "lat", "lon", "expected_kg", "p10_kg", "p90_kg")},
            "arrive": pd.Timestamp(moment(order["arrive"])), "leave": pd.Timestamp(moment(order["leave"])),
        }
        for run in runs
        for vessel, order in run.collects()
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=[c for c in ORDER_COLUMNS if c != "day"])
    table["day"] = working_day(table["arrive"], clock) if rows else None
    return table.sort_values(["arrive", "vessel_id"], kind="stable").reset_index(drop=True)


def match(
    catches: pd.DataFrame, orders: pd.DataFrame, runs: Sequence[Run], match_h: float, clock: Clock
) -> pd.DataFrame:
    """Hauls with the plan in force when they began and the order they carry out.

    A plan is in force from its issue time until the next plan's, at most until its own end. The order is the vessel's
    order of that plan for the reported task; for a haul that names no task, the vessel's order nearest in time, within
    ``match_h``. Several hauls may carry out one order.

    Args:
        catches: ``Catches``.
        orders: see :func:`orders_of`.
        runs: the runs, in the order of time.
        match_h: hours.
        clock: of the region.

    Returns:
        ``catches`` without geometry, with ``lat``, ``lon``, the working ``day`` it began on, ``issue_time`` ("" for a
        haul that no plan covers) and ``order`` (row of ``orders``, −1 for none).
    """
    import pandas as pd

    table = pd.DataFrame(catches.drop(columns="geometry"))
    table["lat"], table["lon"] = catches.geometry.y, catches.geometry.x
    force = [_plan_in_force(when, runs) for when in table["started_at"]]
    table["issue_time"] = [run.issue_time if run else "" for run in force]
    table["day"] = working_day(table["started_at"], clock)
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
