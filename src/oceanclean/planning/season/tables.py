"""The season's tables as CSV: units in the headers, ISO 8601, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from oceanclean.planning.exchange.table import cell_text
from oceanclean.planning.season import nature
from oceanclean.planning.season.tally import Season

if TYPE_CHECKING:
    import pandas as pd

_HAULS = ("catch_id", "day", "vessel_id", "task_id", "started_at", "ended_at", "lat", "lon", "area", "caught_kg",
          "gear_h", "swept_m", "fuel_l", "debris_class", "issue_time", "expected_kg", "p10_kg", "p90_kg",
          "note")  # fmt: skip


def tables(season: Season) -> dict[str, bytes]:
    """File name to CSV of days, vessels, areas, hauls, days lost and classes."""
    told = season.orders.reindex(season.hauls["order"])[["expected_kg", "p10_kg", "p90_kg"]].reset_index(drop=True)
    hauls = season.hauls.join(told)[list(_HAULS)]
    return {
        "days.csv": _csv(season.days), "vessels.csv": _csv(season.vessels), "areas.csv": _csv(season.areas),
        "hauls.csv": _csv(hauls), "lost-days.csv": _csv(season.lost),
        "classes.csv": _csv(nature.caught_classes(season)),
    }  # fmt: skip


def _csv(data: pd.DataFrame) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(data.columns)
    for row in data.itertuples(index=False):
        writer.writerow([_value(v) for v in row])
    return out.getvalue().encode()


def _value(value: object) -> str:
    """Numbers to five decimals, times in UTC, text that no spreadsheet takes for a formula."""
    if value is None or value != value:
        return ""
    if hasattr(value, "tzinfo") and hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%dT%H:%M:%SZ"))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, float):
        return f"{value:.5f}".rstrip("0").rstrip(".")
    return cell_text(value)
