"""What the server gives out: finished days, read from their folders; names are looked up, never joined."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import HTTPException

from oceanclean.settings import RegionSettings, config_root, load_region_settings
from oceanclean.store import RECORD, read_json

Bounds = tuple[float, float, float, float]
#: Stages whose files are given out; what was ingested stays inside (positions of vessels and drifters of others).
GIVEN = ("detect-", "map", "forecast", "allocate", "publish")


@dataclass(frozen=True)
class ServedDay:
    """A planned day.

    Attributes:
        region: name.
        folder: of the run.
        issued: issue time.
    """

    region: str
    folder: Path
    issued: datetime

    @property
    def key(self) -> str:
        """Name of the run's folder."""
        return self.folder.name

    def stages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Stages whose files are given out, with their records."""
        for record in sorted(self.folder.glob(f"*/{RECORD}")):
            if record.parent.name.startswith(GIVEN):
                yield record.parent.name, read_json(record)

    def file(self, stage: str, name: str) -> tuple[Path, str]:
        """A file of a stage and its digest.

        Raises:
            HTTPException: 404, the stage has no such file.
        """
        outputs = dict(self.stages()).get(stage, {}).get("outputs", {})
        if name not in outputs or not (self.folder / stage / name).is_file():
            raise HTTPException(404, "There is no such file.")
        return self.folder / stage / name, outputs[name]


class Shelf:
    """The days of a work folder.

    Args:
        work: folder of runs.
        config: configuration folder.
    """

    def __init__(self, work: Path, config: Path | None) -> None:
        self.work, self.config = work, config

    def regions(self) -> dict[str, RegionSettings]:
        """Regions that can be planned for, by name."""
        names = sorted(p.stem for p in (config_root(self.config) / "regions").glob("*.yaml"))
        return {name: self.region(name) for name in names}

    def region(self, name: str) -> RegionSettings:
        """A region.

        Raises:
            HTTPException: 404, unknown.
        """
        folder = config_root(self.config) / "regions"
        if name not in {p.stem for p in folder.glob("*.yaml")}:  # compared, never joined: a name is no path
            raise HTTPException(404, "There is no such region.")
        return _region(name, self.config, (folder / f"{name}.yaml").stat().st_mtime_ns)

    def days(self, region: str) -> list[ServedDay]:
        """Planned days of a known region, oldest first."""
        found = []
        for record in sorted((self.work / "runs" / region).glob(f"*/publish/{RECORD}")):
            folder = record.parents[1]
            try:
                issued = datetime.strptime(folder.name, "%Y-%m-%dT%H%MZ").replace(tzinfo=UTC)
            except ValueError:
                continue
            found.append(ServedDay(region, folder, issued))
        return found

    def day(self, region: str, key: str = "") -> ServedDay:
        """A day by its key, the last one for "".

        Raises:
            HTTPException: 404, unknown region or day.
        """
        self.region(region)
        days = self.days(region)
        found = [d for d in days if key in ("", d.key)]
        if not found:
            raise HTTPException(404, "No such day was planned." if days else "No day was planned yet.")
        return found[-1]


@lru_cache(maxsize=256)
def _region(name: str, config: Path | None, _changed: int) -> RegionSettings:
    """Settings of a region, read anew when its file has changed."""
    return load_region_settings(name, config)


def bounds_of(region: RegionSettings) -> Bounds:
    """(west, south, east, north) of a region."""
    box = region.bbox
    return box.west, box.south, box.west + box.width, box.north


def parse_bbox(text: str) -> Bounds | None:
    """Four numbers, or six of which the heights are left out; None for "".

    Raises:
        HTTPException: 400, anything else.
    """
    if not text:
        return None
    try:
        numbers = [float(v) for v in text.split(",")]
    except ValueError:
        numbers = []
    numbers = [numbers[i] for i in (0, 1, 3, 4)] if len(numbers) == 6 else numbers
    if len(numbers) != 4 or not all(-360 <= v <= 360 for v in numbers) or numbers[1] > numbers[3]:
        raise HTTPException(400, "bbox: expected west,south,east,north in degrees.")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def parse_interval(text: str) -> tuple[datetime, datetime] | None:
    """A moment or an interval ``from/to`` with ``..`` for an open end (RFC 3339); None for "".

    Raises:
        HTTPException: 400, anything else.
    """
    if not text:
        return None
    ends = text.split("/")
    limits = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    try:
        found = [limit if e in ("", "..") else _moment(e) for e, limit in zip(ends, limits, strict=False)]
    except (ValueError, OverflowError):
        found = []
    if len(ends) > 2 or len(found) != len(ends) or (len(found) == 2 and found[0] > found[1]) or text in ("..", "/"):
        raise HTTPException(400, "datetime: expected an RFC 3339 moment or from/to, .. for an open end.")
    return found[0], found[-1]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def touches(box: Bounds | None, other: Bounds) -> bool:
    """Whether boxes overlap; a box whose west exceeds its east crosses the date line."""
    if box is None:
        return True
    if box[1] > other[3] or box[3] < other[1]:
        return False
    east = box[2] + 360 if box[0] > box[2] else box[2]
    return any(box[0] + turn <= other[2] and east + turn >= other[0] for turn in (-360, 0, 360))


def geometry_bounds(geometry: dict[str, Any] | None) -> Bounds | None:
    """Bounds of a GeoJSON geometry; None where there is none."""
    if not geometry:
        return None
    from shapely.geometry import shape

    west, south, east, north = shape(geometry).bounds
    return west, south, east, north


def read_geojson(path: Path) -> list[dict[str, Any]]:
    """Features of a GeoJSON file, or of a GeoParquet table; times as ISO 8601, absent values as null."""
    return list(json.loads(_features(path, path.stat().st_mtime_ns))["features"])


@lru_cache(maxsize=32)
def _features(path: Path, _changed: int) -> str:
    """A file as GeoJSON text: what a day has published does not change."""
    if path.suffix == ".parquet":
        import geopandas as gpd

        return str(gpd.read_parquet(path).to_json(default=lambda time: time.isoformat()))
    return path.read_text(encoding="utf-8")
