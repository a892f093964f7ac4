"""What a patch rests on: how its cell was seen, which detection lies near, which model made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import ProductError
from oceanclean.planning import notation
from oceanclean.planning.model import Seen

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr
    from numpy.typing import NDArray

    from oceanclean.products import Segmentation

DEBRIS = "marine_debris"
LAND, CLIMATOLOGY, FORECAST, OBSERVATION = 0, 1, 2, 3


@dataclass(frozen=True)
class Evidence:
    """What a place rests on, in words, whether it was seen, and the age of the youngest look at it.

    ``debris_probability`` is that of the surest detection of debris near it; None: not seen today, or no detection.
    """

    text: str
    observed: bool
    age_h: float | None
    debris_probability: float | None


def read_detections(segmentations: Sequence[Segmentation]) -> gpd.GeoDataFrame | None:
    """All detections of a run in one table, largest expected debris area first, or None without a scene.

    Raises:
        ProductError: a scene's table cannot be read.
    """
    import geopandas as gpd
    import pandas as pd

    tables = []
    for segmentation in segmentations:
        try:
            table = gpd.read_parquet(segmentation.detections)
        except (OSError, ValueError) as error:
            raise ProductError(segmentation.detections, "detections", error, "the scene's table of detections",
                               "Run the detection of this scene again.") from error  # fmt: skip
        if len(table):
            tables.append(table.assign(_scene=segmentation.scene.scene_id))
    if not tables:
        return None
    whole = pd.concat(tables, ignore_index=True)
    weight = (whole["area_m2"] * whole["probability"] * whole["cover"].fillna(1.0)).rename("_weight")
    order = pd.DataFrame({"w": -weight, "id": whole["detection_id"]}).sort_values(["w", "id"]).index
    found: gpd.GeoDataFrame = whole.loc[order].reset_index(drop=True)
    return found


def seen_of(density_map: xr.Dataset) -> Seen:
    """Shares of the sea's cells by where their figure comes from."""
    origin = density_map["origin"].to_numpy()
    sea = origin != LAND
    total = max(1, int(sea.sum()))
    ages = age_at_issue(density_map)[sea & (origin == OBSERVATION)]
    ages = ages[np.isfinite(ages)]
    return Seen(
        observed_share=round(float((origin == OBSERVATION).sum()) / total, 4),
        carried_share=round(float((origin == FORECAST).sum()) / total, 4),
        climatology_share=round(float((origin == CLIMATOLOGY).sum()) / total, 4),
        youngest_h=round(float(ages.min()), 2) if ages.size else None,
    )


def age_at_issue(density_map: xr.Dataset) -> NDArray[np.float64]:
    """(lat, lon) hours from the youngest look at a cell to the issue time; the map counts to its own valid time."""
    valid, issue = (notation.moment(str(density_map.attrs[k])) for k in ("valid_time", "issue_time"))
    since: float = (issue - valid).total_seconds() / 3600.0
    return np.asarray(density_map["observation_age"].to_numpy() + since, dtype=np.float64)


class Witness:
    """Answers what a place rests on.

    Args:
        density_map: ``DensityMap`` (lat, lon).
        detections: all detections of the run, or None; only those of debris count.
        issue_time: ISO 8601 UTC.
        reach_km: a detection this near counts.
        scenes: number of scenes that were searched.
    """

    def __init__(
        self,
        density_map: xr.Dataset,
        detections: gpd.GeoDataFrame | None,
        issue_time: str,
        reach_km: float,
        scenes: int,
    ) -> None:
        self._scenes = scenes
        self._lat = density_map["lat"].to_numpy()
        self._lon = density_map["lon"].to_numpy()
        self._origin = density_map["origin"].to_numpy()
        self._age = age_at_issue(density_map)
        self._detections = None
        self._issue = notation.moment(issue_time)
        self._reach_km = reach_km
        if detections is not None and len(debris := detections[detections["class_name"] == DEBRIS]):
            self._detections = debris
            centres = debris.geometry.representative_point()
            self._x, self._y = centres.x.to_numpy(), centres.y.to_numpy()

    def at(self, lat: float, lon: float) -> Evidence:
        """What the place at the issue time rests on."""
        row = int(np.abs(self._lat - lat).argmin())
        column = int(np.abs((self._lon - lon + 180.0) % 360.0 - 180.0).argmin())
        age = float(self._age[row, column])
        origin = int(self._origin[row, column])
        seen = {
            OBSERVATION: f"Seen {age:.0f} h before the issue" if age >= 0.5 else "Seen at the issue time",
            FORECAST: "Not seen today: carried forward by the drift forecast",
            CLIMATOLOGY: "Never seen: assumed background only",
        }.get(origin, "Cell counted as land")
        distance = self._distances(lat, lon)
        near = self._nearest(distance)
        sure = self._surest(distance) if origin == OBSERVATION else None
        text = f"{seen}. {near}" if near else f"{seen}."
        return Evidence(text, origin == OBSERVATION, age if np.isfinite(age) else None, sure)

    def _distances(self, lat: float, lon: float) -> NDArray[np.float64]:
        """(detection) kilometres from a place; empty where nothing was detected."""
        if self._detections is None:
            return np.zeros(0)
        east = ((self._x - lon + 180.0) % 360.0 - 180.0) * 111.32 * np.cos(np.radians(lat))
        return np.asarray(np.hypot(east, (self._y - lat) * 111.13), dtype=np.float64)

    def _surest(self, distance: NDArray[np.float64]) -> float | None:
        """Highest probability of the detections of debris within reach."""
        within = distance <= self._reach_km
        if self._detections is None or not within.any():
            return None
        return float(self._detections["probability"].to_numpy()[within].max())

    def _nearest(self, distance: NDArray[np.float64]) -> str:
        """The detections of debris around a place, in words."""
        if self._detections is None:
            return "No detection in today's scenes." if self._scenes else ""
        within = int((distance <= self._reach_km).sum())
        if not within:
            return f"No detection of debris within {self._reach_km:g} km."
        row = self._detections.iloc[int(distance.argmin())]
        age = (self._issue - row["observed_at"]).total_seconds() / 3600.0
        others = f", {within - 1} more within {self._reach_km:g} km" if within > 1 else ""
        return (
            f"Nearest detection of debris {distance.min():.1f} km off, probability {row['probability']:.2f}, "
            f"{row['area_m2']:.0f} m², {age:.0f} h old, by {notation.plain(row['model'], 60)}{others}."
        )
