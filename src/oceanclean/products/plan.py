"""The Plan: what the allocation room hands to the planning room."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from oceanclean.errors import ProductError
from oceanclean.products.files import write_parquet

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass
class VesselSummary:
    """A vessel's day in figures.

    Attributes:
        vessel_id: the vessel.
        status: ``sent`` or ``stays``.
        reason: why it stays, in words with numbers; empty when sent.
        expected_kg: expected catch of the whole trip, with ``p10_kg`` and ``p90_kg``.
        distance_m: distance sailed.
        hours: time away from port.
        binding: limits that bind the route (``endurance``, ``hold``, ``daylight``, ``waves``, ``horizon``).
    """

    vessel_id: str
    status: str
    reason: str
    expected_kg: float
    p10_kg: float
    p90_kg: float
    distance_m: float
    hours: float
    binding: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """A deployment plan.

    Attributes:
        orders: ``Orders`` table, points in EPSG:4326.
        tasks: ``Tasks`` table, points at the issue time.
        routes: GeoDataFrame with ``vessel_id``, ``sequence`` and a LineString for each leg, sailed around land.
        task_tracks: GeoDataFrame with ``task_id``, ``time`` (UTC) and a Point: the mean drift of each task.
        vessels: one summary a vessel, every vessel of the fleet.
        issue_time: ISO 8601 UTC.
        horizon_h: hours planned.
        expected_kg: expected catch of the fleet, with ``p10_kg`` and ``p90_kg``.
        bound_kg: proven upper bound of the expected catch under the model, or None.
        gap: (bound − expected) / bound, or None.
        solver: versions, iterations, seconds, seed, columns: plain values.
        task_mass_share: share of the forecast mass that the tasks hold.
        degraded: sentences for the page.
        nearest_kg: expected catch under the same model if every vessel, when free, went to the nearest patch, or None.
    """

    orders: gpd.GeoDataFrame
    tasks: gpd.GeoDataFrame
    routes: gpd.GeoDataFrame
    task_tracks: gpd.GeoDataFrame
    vessels: list[VesselSummary]
    issue_time: str
    horizon_h: float
    expected_kg: float
    p10_kg: float
    p90_kg: float
    bound_kg: float | None
    gap: float | None
    solver: dict[str, Any]
    task_mass_share: float
    degraded: list[str] = field(default_factory=list)
    nearest_kg: float | None = None

    _TABLES = ("orders", "tasks", "routes", "task_tracks")
    #: Names of the files that :meth:`save` writes.
    FILES: ClassVar[tuple[str, ...]] = ("plan.json", *(f"{table}.parquet" for table in _TABLES))

    def save(self, folder: Path) -> list[Path]:
        """Write ``plan.json`` and one GeoParquet a table into ``folder`` (which the caller publishes whole)."""
        paths = []
        for name in self._TABLES:
            path = folder / f"{name}.parquet"
            write_parquet(getattr(self, name), path)
            paths.append(path)
        record = {k: v for k, v in self.__dict__.items() if k not in self._TABLES}
        record["vessels"] = [v.__dict__ for v in self.vessels]
        path = folder / "plan.json"
        path.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
        return [path, *paths]

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Inverse of :meth:`save`.

        Raises:
            ProductError: a file is absent or unreadable.
        """
        import geopandas as gpd

        try:
            record = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
            tables = {name: gpd.read_parquet(folder / f"{name}.parquet") for name in cls._TABLES}
        except (OSError, ValueError) as error:
            raise ProductError(
                folder, "plan", error, "plan.json and its tables", "Run the allocation again."
            ) from error
        record["vessels"] = [VesselSummary(**v) for v in record["vessels"]]
        return cls(**tables, **record)
