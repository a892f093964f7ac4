"""What page and maps show behind the orders: it rests on the forecast alone, so that it can be made before the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oceanclean.planning.layers import Layers, make_layers
from oceanclean.planning.settings import PlanningSettings
from oceanclean.planning.sightings import Sightings, sightings_of

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from oceanclean.products import Segmentation
    from oceanclean.region import Region


@dataclass(frozen=True)
class Backdrop:
    """Products of a day and the pictures made of them.

    Attributes:
        density_map: ``DensityMap`` at the issue time.
        forecast: ``DensityForecast``.
        forcing: ``Forcing``, or None: no waves are drawn.
        segmentations: one a scene.
        detections: all of them in one table, or None without a scene.
        layers: pictures of the sea by time, the coast.
        sightings: detections and scenes fit to be shown.
    """

    density_map: xr.Dataset
    forecast: xr.Dataset
    forcing: xr.Dataset | None
    segmentations: Sequence[Segmentation]
    detections: gpd.GeoDataFrame | None
    layers: Layers
    sightings: Sightings


def backdrop(
    region: Region, density_map: xr.Dataset, forecast: xr.Dataset, forcing: xr.Dataset | None,
    segmentations: Sequence[Segmentation], issue_time: str, settings: PlanningSettings,
) -> Backdrop:  # fmt: skip
    """Draw the sea and read what was detected.

    Args:
        region: the region planned for.
        density_map: ``DensityMap`` at the issue time.
        forecast: ``DensityForecast``.
        forcing: ``Forcing``, or None.
        segmentations: one a scene; may be empty.
        issue_time: ISO 8601 UTC.
        settings: of the room.

    Raises:
        ProductError: a table of detections is unreadable.
    """
    from oceanclean.planning import evidence

    detections = evidence.read_detections(segmentations)
    layers = make_layers(region, density_map, forecast, forcing, issue_time, settings)
    sightings = sightings_of(detections, segmentations, settings)
    return Backdrop(density_map, forecast, forcing, segmentations, detections, layers, sightings)
