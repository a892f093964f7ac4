"""A season made to order: runs as the store keeps them, and catch reports."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from oceanclean.settings import RegionSettings, load_region_settings

ISSUE = datetime(2026, 6, 15, 11)
#: Place of work of each vessel; the second lies in the closed area of the demo region.
PLACES = {"manati": (16.2, -87.2), "garza": (15.95, -86.5)}


def stamp(day: int, hour: float) -> str:
    """ISO time ``hour`` hours after the issue of the ``day``-th plan."""
    return (ISSUE + timedelta(days=day, hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")


def order(task: str, vessel: str, day: int, hour: float, kg: float) -> dict[str, Any]:
    """A collect order of two hours."""
    lat, lon = PLACES[vessel]
    return {
        "action": "collect", "task_id": task, "lat": lat, "lon": lon, "arrive": stamp(day, hour),
        "leave": stamp(day, hour + 2), "expected_kg": kg, "p10_kg": 0.5 * kg, "p90_kg": 1.5 * kg,
    }  # fmt: skip


def vessel(name: str, orders: list[dict[str, Any]], *, reason: str = "", title: str = "") -> dict[str, Any]:
    """A vessel of the published plan."""
    return {
        "vessel_id": name, "name": title or name.title(), "status": "sent" if orders else "stays", "reason": reason,
        "expected_kg": sum(o["expected_kg"] for o in orders), "orders": orders,
    }  # fmt: skip


def write_run(work: Path, day: int, vessels: list[dict[str, Any]] | None, **ledger: Any) -> Path:
    """A run of the demo region issued on 15 June plus ``day``; no vessels: a run that failed."""
    region = load_region_settings("demo").model_dump(mode="json")
    folder = work / "runs" / "demo" / f"{stamp(day, 0)[:10]}T1100Z"
    (folder / "publish").mkdir(parents=True)
    record = {
        "region": "demo", "issue_time": stamp(day, 0), "settings": region,
        "outcome": "complete" if vessels else "failed",
        "code": "c0de" * 16, "seed": 1, "versions": {"oceanclean": "0.1.0"}, "ended": stamp(day, 0.1), "stages": [],
        **({} if vessels else {"error": "MissingDataError: no currents"}), **ledger,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    if vessels:
        (folder / "publish" / "plan.json").write_text(json.dumps(_plan(day, vessels)))
        (folder / "publish" / "plan.html").write_text("<html>the plan</html>")
    return folder


def _plan(day: int, vessels: list[dict[str, Any]]) -> dict[str, Any]:
    total = sum(v["expected_kg"] for v in vessels)
    return {
        "schema": "oceanclean-plan/1",
        "header": {"valid_to": stamp(day, 72), "status": "DRAFT", "approved_by": ""},
        "bottom": {
            "expected_kg": total, "p10_kg": 0.6 * total, "p90_kg": 1.4 * total,
            "vessels_sent": sum(v["status"] == "sent" for v in vessels), "vessels_total": len(vessels),
        },
        "vessels": vessels,
    }  # fmt: skip


def haul(
    name: str,
    day: int,
    hour: float,
    kg: float,
    task: str = "",
    kind: str = "",
    place: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """A haul of two hours."""
    lat, lon = place or PLACES[name]
    begin = pd.Timestamp(stamp(day, hour))
    return {
        "catch_id": f"{name}-{day}-{hour}", "vessel_id": name, "task_id": task, "started_at": begin,
        "ended_at": begin + pd.Timedelta(hours=2), "available_at": begin + pd.Timedelta(hours=3), "caught_kg": kg,
        "swept_m": 5000.0, "swath_m": 20.0, "wave_height_m": 0.5, "fuel_l": 100.0, "debris_class": kind,
        "reported_by": "", "note": "", "lat": lat, "lon": lon,
    }  # fmt: skip


def catches(hauls: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """The ``Catches`` table of the hauls."""
    table = pd.DataFrame(hauls)
    points = gpd.points_from_xy(table.pop("lon"), table.pop("lat"))
    return gpd.GeoDataFrame(table, geometry=points, crs="EPSG:4326")


def region() -> RegionSettings:
    """The demo region."""
    return load_region_settings("demo")


FIRST, LAST = date(2026, 6, 15), date(2026, 6, 17)
