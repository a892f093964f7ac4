"""What page and maps show behind the orders: it rests on the forecast alone, so that it can be made before the plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.errors import ProductError
from oceanclean.planning.colour import Scale
from oceanclean.planning.layers import Frame, Layers, make_layers
from oceanclean.planning.settings import PlanningSettings
from oceanclean.planning.sightings import ScenePicture, Sighting, Sightings, sightings_of

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from oceanclean.products import Segmentation
    from oceanclean.region import Region


#: Name of the file of pictures, coast and sightings.
FILE = "drawn.json"


@dataclass(frozen=True)
class Backdrop:
    """Products of a day and the pictures made of them.

    Attributes:
        density_map: ``DensityMap`` at the issue time.
        forcing: ``Forcing``, whose cut-off stands on the page where the run names no sources, or None.
        segmentations: one a scene.
        detections: all of them in one table, or None without a scene.
        layers: pictures of the sea by time, the coast.
        sightings: detections and scenes fit to be shown.
        redraw: gives the layers under other settings, for a page that would be too large.
    """

    density_map: xr.Dataset
    forcing: xr.Dataset | None
    segmentations: Sequence[Segmentation]
    detections: gpd.GeoDataFrame | None
    layers: Layers
    sightings: Sightings
    redraw: Callable[[PlanningSettings], Layers]


def save_drawn(layers: Layers, sightings: Sightings, path: Path) -> Path:
    """Write what was drawn, so that a plan made again need not draw it again."""
    path.write_text(json.dumps({"layers": asdict(layers), "sightings": asdict(sightings)}), encoding="utf-8")
    return path


def load_drawn(path: Path) -> tuple[Layers, Sightings]:
    """Inverse of :func:`save_drawn`.

    Raises:
        ProductError: the file is absent or not of this form.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        drawn, seen = record["layers"], record["sightings"]
        scales = {
            name: Scale(**{**drawn[name], "span": tuple(drawn[name]["span"])})
            for name in ("density_scale", "doubt_scale", "wave_scale")
        }
        layers = Layers(**{**drawn, **scales, "frames": [Frame(**frame) for frame in drawn["frames"]]})
        sightings = Sightings([Sighting(**s) for s in seen["shown"]], seen["total"],
                              [ScenePicture(**s) for s in seen["scenes"]])  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProductError(path, "drawn", error, "pictures of the sea as they were drawn",
                           "Remove the stage's folder and plan the day again.") from error  # fmt: skip
    return layers, sightings


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

    def redraw(wanted: PlanningSettings) -> Layers:
        return make_layers(region, density_map, forecast, forcing, issue_time, wanted)

    detections = evidence.read_detections(segmentations)
    sightings = sightings_of(detections, segmentations, settings)
    return Backdrop(density_map, forcing, segmentations, detections, redraw(settings), sightings, redraw)
