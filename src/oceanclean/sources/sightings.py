"""Sightings by people and ships, and what other catalogues saw: the Detections table."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError, OceancleanError
from oceanclean.products import CLASSES, validate_table
from oceanclean.settings import SourceSettings
from oceanclean.sources import tables
from oceanclean.sources.places import files_of, resolved
from oceanclean.sources.registry import reader, reader_of
from oceanclean.sources.times import Moment, utc

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.region import Region

_COLUMNS = {
    "time": ("time", "observed_at", "timestamp", "datetime", "date"),
    "lat": ("latitude", "lat"),
    "lon": ("longitude", "lon", "lng"),
    "observer": ("observer", "reporter", "vessel", "source"),
    "description": ("description", "remarks", "comment", "text"),
    "area_m2": ("area_m2", "area"),
    "mass_kg": ("mass_kg", "mass"),
    "class_name": ("class_name", "class"),
    "probability": ("probability", "trust"),
    "available_at": ("available_at", "reported_at"),
}
_OPTIONAL = ("observer", "description", "area_m2", "mass_kg", "class_name", "probability", "available_at")
#: Largest figures of a report.
_MOST = {"area_m2": 1e10, "mass_kg": 1e9, "probability": 1.0}
#: Two reports nearer than this in place and time are one: crews place a patch by eye, to about a kilometre each, and
#: it drifts between their reports.
SAME_PLACE_M, SAME_TIME_MIN = 3000.0, 60.0
#: Trust in a report whose observer is not rated, and area of a patch whose size is not given (a 30 × 30 m patch).
DEFAULT_TRUST, DEFAULT_AREA_M2 = 0.6, 900.0


def read_sightings(
    region: Region, sources: Sequence[SourceSettings], *, issue_time: Moment, history_h: float,
    work: Path | None = None,
) -> tuple[gpd.GeoDataFrame, list[str]]:  # fmt: skip
    """Debris seen by anything but the scenes of today, as it was known at the issue time.

    Args:
        region: sightings outside its density grid are left out and said.
        sources: settings of its sighting sources.
        issue_time: later sightings are not seen.
        history_h: older ones are left out.
        work: work folder of the run.

    Returns:
        The ``Detections`` table and sentences.

    Raises:
        InputError: a file of a required source cannot be used.
    """
    import geopandas as gpd

    now, degraded, parts = utc(issue_time), [], []
    for source in sources:
        read = reader_of("sightings", source.kind)
        try:
            part, sentences = read(region, resolved(source, work), now, history_h, work)
        except OceancleanError as error:
            if source.required:
                raise
            degraded.append(f"Sightings were not used: {error}")
            continue
        parts.append(part)
        degraded += sentences
    full = [p for p in parts if len(p)]
    if not full:
        return tables.empty("Detections"), degraded
    table = gpd.GeoDataFrame(pd.concat(full, ignore_index=True), crs="EPSG:4326")
    return validate_table("Detections", table.drop_duplicates("detection_id", ignore_index=True), "sightings"), degraded


@reader("sightings_csv", "sightings")
def read_sightings_csv(
    region: Region, source: SourceSettings, issue_time: pd.Timestamp, history_h: float, work: Path | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Reports in CSV files: time, latitude, longitude, and where known observer, description, area_m2, mass_kg.

    ``options``: ``trust`` (0 to 1, of a report without ``probability``), ``area_m2`` (where a report gives none),
    ``timezone`` of times without zone.
    """
    notes: list[str] = []
    frames = [reports_of_file(path, source, notes) for path in files_of(source.path, work, (".csv", ".gz"))]
    if not frames:
        return tables.empty("Detections"), [f"No sightings file {Path(source.path).name}."]
    table = pd.concat(frames, ignore_index=True)
    late = (table["available_at"] > issue_time) | (table["observed_at"] > issue_time)
    old = table["observed_at"] < issue_time - pd.Timedelta(hours=history_h)
    table = table[~late & ~old].sort_values(["observed_at", "detection_id"], kind="stable").reset_index(drop=True)
    table = within(region, without_repeats(table, notes), Path(source.path).name, notes)
    return table, notes


def reports_of_file(path: Path, source: SourceSettings, notes: list[str]) -> pd.DataFrame:
    """Reports of one file in the contract's columns, with ``lat`` and ``lon``."""
    raw = tables.read_csv(path, _COLUMNS, _OPTIONAL, notes)
    out = pd.DataFrame(index=raw.index)
    out["observed_at"] = tables.times(raw, "time", path, notes, source.options.get("timezone"))
    out["lat"], out["lon"] = tables.places(raw, path)
    out["observer"] = raw.get("observer", "")
    out["description"] = raw.get("description", "")
    defaults = {"area_m2": float(source.options.get("area_m2", DEFAULT_AREA_M2)), "mass_kg": np.nan,
                "probability": float(source.options.get("trust", DEFAULT_TRUST))}  # fmt: skip
    for column, default in defaults.items():
        values = (
            tables.numbers(raw, column, path, empty_allowed=True) if column in raw else pd.Series(np.nan, raw.index)
        )
        out[column] = values.fillna(default)
        most = _MOST[column]
        wrong = (out[column] < 0) | (out[column] > most)
        if wrong.any():
            raise InputError(path, f"{column}, line {raw['line'][wrong].iloc[0]}", out[column][wrong].iloc[0],
                             f"0 to {most:g}", "Correct the line.")  # fmt: skip
    out["class_name"] = _classes(raw, path)
    latency = pd.Timedelta(hours=source.latency_h)
    known = tables.times(raw, "available_at", path, notes) if "available_at" in raw else out["observed_at"] + latency
    out["available_at"] = known
    keys = zip(out["observed_at"].astype(str), out["lat"].round(5), out["lon"].round(5), out["observer"], strict=True)
    out["detection_id"] = ["sighting-" + hashlib.sha256(repr(k).encode()).hexdigest()[:12] for k in keys]
    return out.assign(source_id=path.name, sensor="sighting", cover=np.nan, model="report")


def _classes(raw: pd.DataFrame, path: Path) -> pd.Series:
    if "class_name" not in raw:
        return pd.Series("marine_debris", index=raw.index)
    names = raw["class_name"].replace({"": "marine_debris"})
    unknown = ~names.isin(CLASSES)
    if unknown.any():
        raise InputError(path, f"class, line {raw['line'][unknown].iloc[0]}", names[unknown].iloc[0],
                         f"one of {CLASSES}", "Correct the line.")  # fmt: skip
    return names


def without_repeats(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Keep one of several reports of the same patch: within 3 km and an hour of one kept before.

    The kept report is the first; it takes the largest area and the highest trust of those it stands for.

    Args:
        table: reports in the order of their times.
        notes: takes a sentence.
    """
    kept = _Kept()
    largest = {c: table[c].to_numpy(dtype=float, copy=True) for c in ("area_m2", "probability", "mass_kg")}
    hours = (table["observed_at"] - table["observed_at"].min()) / pd.Timedelta(hours=1)
    columns = (hours.to_numpy(float), table["lon"].to_numpy(float), table["lat"].to_numpy(float), table["class_name"])
    for row, report in enumerate(zip(*columns, strict=True)):
        same = kept.same(*report)
        if same is None:
            kept.add(row, *report)
            continue
        for values in largest.values():
            values[same] = np.fmax(values[same], values[row])
    rows = [report[0] for report in kept.reports]
    if len(rows) < len(table):
        notes.append(f"Note: sightings that repeat another were counted once: {len(table) - len(rows)}.")
    return table.assign(**largest).iloc[rows].reset_index(drop=True)


class _Kept:
    """Reports that were kept, by class and by cell of a little more than the distance at which two are the same.

    A file of a million reports is looked through in a minute: each is compared with those of the cells around it.
    """

    def __init__(self) -> None:
        from pyproj import Geod

        self._geod = Geod(ellps="WGS84")
        self.reports: list[tuple[int, float, float, float]] = []
        self._cells: dict[tuple[str, int, int], list[int]] = {}

    def add(self, row: int, hour: float, lon: float, lat: float, kind: str) -> None:
        """Keep a report; rows come in the order of their times."""
        band = math.floor(lat / _CELL_DEG)
        column = math.floor((lon % 360.0) / _column_deg(band))
        self._cells.setdefault((kind, band, column), []).append(len(self.reports))
        self.reports.append((row, hour, lon, lat))

    def same(self, hour: float, lon: float, lat: float, kind: str) -> int | None:
        """Row of the youngest kept report of the same patch; None where there is none."""
        for number in sorted(self._near(hour, lon, lat, kind), reverse=True):
            row, _hour, there_lon, there_lat = self.reports[number]
            if self._geod.inv(lon, lat, there_lon, there_lat)[2] <= SAME_PLACE_M:
                return row
        return None

    def _near(self, hour: float, lon: float, lat: float, kind: str) -> list[int]:
        """Numbers of kept reports of the cells around a place, not too old."""
        oldest, found = hour - SAME_TIME_MIN / 60.0 - 1e-9, []
        middle = math.floor(lat / _CELL_DEG)
        for band in (middle - 1, middle, middle + 1):
            width = _column_deg(band)
            around = math.floor(360.0 / width) + 1
            low, high = (math.floor((lon % 360.0 + side * width) / width) for side in (-1, 1))
            # the last column is narrower than the others, so that one more is looked at across 0°
            columns = {c % around for c in range(low - (low < 0), high + 1 + (high >= around - 1))}
            for column in columns:
                for number in reversed(self._cells.get((kind, band, column), ())):
                    if self.reports[number][1] < oldest:
                        break
                    found.append(number)
        return found


#: Height of a cell: a little more than 3 km.
_CELL_DEG = 0.03


def _column_deg(band: int) -> float:
    """Width of a cell in degrees of longitude: as wide as high at the band's edge nearer to the pole."""
    edge = max(abs(band), abs(band + 1)) * _CELL_DEG
    return min(_CELL_DEG / max(math.cos(math.radians(min(edge, 90.0))), 1e-6), 360.0)


def within(region: Region, table: pd.DataFrame, place: str, notes: list[str]) -> gpd.GeoDataFrame:
    """Detections in the region's density grid, with points in its longitudes; those outside are said."""
    import geopandas as gpd

    lon = region.grid.wrap(table["lon"].to_numpy())
    keep = region.grid.index(lon, table["lat"].to_numpy())[2]
    outside = int((~keep).sum())
    if outside:
        notes.append(f"{place}: {outside} sightings outside the region were left out.")
    points = gpd.points_from_xy(lon[keep], table["lat"].to_numpy()[keep])
    return gpd.GeoDataFrame(
        table[keep].drop(columns=["lat", "lon"]).reset_index(drop=True), geometry=points, crs="EPSG:4326"
    )
