"""The plan before against what its vessels brought home, as far as they have reported by the issue time.

Catch reports stand as CSV files in ``<work>/catches/<region>/``; see :mod:`oceanclean.sources.catches` for their form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain.run import DailyRun
from oceanclean.errors import InputError
from oceanclean.store import digest_file

if TYPE_CHECKING:
    import geopandas as gpd


def catch_files(run: DailyRun) -> list[Path]:
    """Catch reports of the region, by name."""
    folder = run.work / "catches" / run.region_name
    return sorted(p for p in folder.glob("*") if p.name.endswith((".csv", ".csv.gz")))


def reports_key(run: DailyRun) -> dict[str, str]:
    """What the outcome depends on: each file's digest."""
    return {path.name: digest_file(path) for path in catch_files(run)}


def outcome_of(run: DailyRun, yesterday: Mapping[str, Any] | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows for the page, one a vessel that was sent, and sentences about the reports.

    Args:
        run: today's run.
        yesterday: the ``plan.json`` of the plan before, or None.

    Returns:
        ``vessel_id``, ``name``, ``expected_kg`` of the orders that were due by today's issue time, ``caught_kg``
        (None where nothing was reported), ``hauls``; no rows without a plan before or without any report. Reports
        that cannot be read are no reason to have no plan: a sentence names file, column and line.
    """
    from oceanclean.sources.catches import read_catches

    files = catch_files(run)
    if not yesterday or not files:
        return [], []
    try:
        table, _notes = read_catches(files, issue_time=run.issue_time, timezone=run.region.settings.timezone)
    except InputError as error:
        return [], [f"Catch reports were not used: {error}"]
    since = datetime.fromisoformat(yesterday["header"]["issue_time"])
    hauls = table[(table["started_at"] >= since) & (table["started_at"] < run.moment)]
    if not len(hauls):
        return [], []
    rows = [_row(vessel, hauls, run.moment) for vessel in yesterday["vessels"] if vessel["status"] == "sent"]
    return rows, []


def _row(vessel: Mapping[str, Any], hauls: gpd.GeoDataFrame, until: datetime) -> dict[str, Any]:
    mine = hauls[hauls["vessel_id"] == vessel["vessel_id"]]
    due = [
        order for order in vessel["orders"]
        if order["action"] == "collect" and datetime.fromisoformat(order["leave"]) <= until
    ]  # fmt: skip
    return {
        "vessel_id": vessel["vessel_id"], "name": vessel["name"], "hauls": len(mine),
        "expected_kg": sum(order["expected_kg"] for order in due),
        "caught_kg": float(mine["caught_kg"].sum()) if len(mine) else None,
    }  # fmt: skip
