"""The catalogue of litter windrows that Sentinel-2 saw in the Mediterranean, 2015–2021.

Cózar, Arias et al. 2024, Nature Communications, doi 10.1038/s41467-024-48674-7, source data (CC BY 4.0).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError, SettingsError
from oceanclean.settings import SourceSettings
from oceanclean.sources import tables
from oceanclean.sources.places import files_of
from oceanclean.sources.registry import reader
from oceanclean.sources.sightings import within
from oceanclean.sources.times import said

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.region import Region

#: Area of a Sentinel-2 pixel in m².
PIXEL_M2 = 100.0
_NEEDED = ("Latitude", "Longitude", "Str_time", "Pixels per LW")
_OPTIONS = {"title", "months", "years", "as_if", "probability"}


def read_catalogue(path: Path) -> pd.DataFrame:
    """Read the whole catalogue: seen_at (UTC), lat, lon, pixels, row.

    Raises:
        InputError: unreadable, or not this catalogue.
    """
    try:
        book = pd.read_excel(path, sheet_name=0, engine="openpyxl")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(path, "file", str(error)[:200], "an Excel book", "Fetch the file again.") from error
    missing = [c for c in _NEEDED if c not in book]
    if missing:
        raise InputError(path, "columns", f"{list(book.columns)}", f"columns {missing}", "Give the windrow catalogue.")
    seen = pd.to_datetime(book["Str_time"], format="%Y%m%dT%H%M%S", utc=True).astype("datetime64[ns, UTC]")
    return pd.DataFrame({
        "seen_at": seen, "lat": book["Latitude"].astype(float), "lon": book["Longitude"].astype(float),
        "pixels": book["Pixels per LW"].astype(int), "row": np.arange(len(book)) + 2,
    })  # fmt: skip


@reader("windrow_xlsx", "sightings")
def read_windrows(
    region: Region, source: SourceSettings, issue_time: pd.Timestamp, history_h: float, work: Path | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Windrows of the catalogue as detections.

    ``options``: ``months`` and ``years`` to take; ``probability`` that a windrow is litter (default 0.8, assumed);
    ``as_if: issue_time`` lets windrows of other dates stand in for detections of today, which is said.
    """
    options = source.options
    if set(options) - _OPTIONS or options.get("as_if", "issue_time") != "issue_time":
        raise SettingsError("config/sources", f"options of {source.path}", options, f"among {sorted(_OPTIONS)}; as_if: "
                            "issue_time", "Correct the option.")  # fmt: skip
    paths = files_of(source.path, work, (".xlsx",))
    if not paths:
        return tables.empty("Detections"), [
            f"No windrow catalogue {Path(source.path).name}: no detection stands in for today's."
        ]
    table = pd.concat([read_catalogue(p).assign(source_id=p.name) for p in paths], ignore_index=True)
    for option, part in (("months", table["seen_at"].dt.month), ("years", table["seen_at"].dt.year)):
        if option in options:
            table = table[part.loc[table.index].isin(list(options[option]))]
    notes: list[str] = []
    stand_in = "as_if" in options
    if not stand_in:
        available = table["seen_at"] + pd.Timedelta(hours=source.latency_h)
        recent = table["seen_at"] >= issue_time - pd.Timedelta(hours=history_h)
        table = table[(available <= issue_time) & recent]
    here = within(region, _as_detections(table, source, issue_time, stand_in=stand_in), source.path, [])
    if stand_in and len(here):
        notes.append(_stand_in_sentence(here, options, issue_time))
    return here, notes


def _as_detections(
    table: pd.DataFrame, source: SourceSettings, issue_time: pd.Timestamp, *, stand_in: bool
) -> pd.DataFrame:
    """Columns of the contract, with ``lat``, ``lon`` and ``seen_at``, the windrow's own date."""
    latency = pd.Timedelta(hours=source.latency_h)
    return pd.DataFrame({
        "detection_id": "windrow-" + table["row"].astype(str),
        "source_id": table["source_id"],
        "sensor": "windrow_catalogue",
        "class_name": "marine_debris",
        "probability": float(source.options.get("probability", 0.8)),
        "area_m2": table["pixels"] * PIXEL_M2,
        "cover": np.nan,
        "observed_at": issue_time if stand_in else table["seen_at"],
        "available_at": issue_time if stand_in else table["seen_at"] + latency,
        "model": "Cozar et al. 2024",
        "seen_at": table["seen_at"], "lat": table["lat"], "lon": table["lon"],
    })  # fmt: skip


def _stand_in_sentence(table: pd.DataFrame, options: dict[str, object], issue_time: pd.Timestamp) -> str:
    dates = table["seen_at"].sort_values().dt.date.drop_duplicates()
    named = [f"{d.day} {d.strftime('%b %Y')}" for d in dates]
    listed = ", ".join(named[:12]) + (f" and {len(named) - 12} more days" if len(named) > 12 else "")
    months = options.get("months")
    which = f" of the months {months} in other years" if months else ""
    return (
        f"{len(table)} litter windrows{which} (Cózar et al. 2024; seen on {listed}) stand in for detections of "
        f"{said(issue_time)}: the catalogue has none in this region on that day, so they show where windrows form in "
        "this season, not where litter was."
    )
