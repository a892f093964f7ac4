"""From classified pixels to targets: joined pixels become polygons of the ``Detections`` contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products.names import CLASS_ID, CLASSES

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from oceanclean.products.scene import SceneRef

#: Classes reported as targets: debris, and what is mistaken for it, each under its own name.
TARGETS: tuple[str, ...] = (
    "marine_debris", "dense_sargassum", "sparse_sargassum", "natural_organic", "ship", "foam",
)  # fmt: skip
#: Targets for which B8 above water measures cover; a ship or foam has no such scale.
_COVERED = ("marine_debris", "dense_sargassum", "sparse_sargassum", "natural_organic")


@dataclass
class TargetPixels:
    """Pixels of target classes, gathered tile by tile; memory grows with what is found, not with the scene."""

    rows: list[NDArray[np.int64]] = field(default_factory=list)
    columns: list[NDArray[np.int64]] = field(default_factory=list)
    classes: list[NDArray[np.uint8]] = field(default_factory=list)
    probabilities: list[NDArray[np.float32]] = field(default_factory=list)
    contrasts: list[NDArray[np.float32]] = field(default_factory=list)

    def add(
        self,
        row: int,
        column: int,
        classes: NDArray[np.uint8],
        probability: NDArray[np.float32],
        contrast: NDArray[np.float32],
    ) -> None:
        """Add the target pixels of a tile.

        Args:
            row: first row of the tile in the scene.
            column: its first column.
            classes: (y, x), class 1–11, 0 not observed.
            probability: (y, x), probability of that class.
            contrast: (y, x), B8 above the local water, reflectance.
        """  # fmt: skip
        y, x = np.nonzero(np.isin(classes, [CLASS_ID[t] for t in TARGETS]))
        self.rows.append(y + row)
        self.columns.append(x + column)
        self.classes.append(classes[y, x])
        self.probabilities.append(probability[y, x])
        self.contrasts.append(contrast[y, x])

    def joined(self) -> tuple[NDArray[Any], ...]:
        """Rows, columns, classes, probabilities and contrasts as one array each."""
        if not self.rows:
            empty = np.zeros(0, np.int64)
            return empty, empty, empty.astype(np.uint8), empty.astype(np.float32), empty.astype(np.float32)
        fields = (self.rows, self.columns, self.classes, self.probabilities, self.contrasts)
        return tuple(np.concatenate(f) for f in fields)


def components(
    rows: NDArray[np.int64], columns: NDArray[np.int64], classes: NDArray[np.uint8], width: int
) -> NDArray[np.int64]:
    """Number of the 8-connected component of one class that each pixel belongs to.

    Works on the pixels alone, so that its cost does not depend on the size of the scene.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    stride = width + 2
    key = (rows + 1) * stride + columns + 1
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    links = []
    for step in (1, stride - 1, stride, stride + 1):
        at = np.searchsorted(sorted_key, sorted_key + step)
        at = np.minimum(at, len(sorted_key) - 1)
        hit = (sorted_key[at] == sorted_key + step) & (classes[order][at] == classes[order])
        links.append(np.stack([order[np.flatnonzero(hit)], order[at[hit]]]))
    pairs = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(pairs.shape[1], bool), (pairs[0], pairs[1])), shape=(len(key), len(key)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def detections(
    found: TargetPixels,
    scene: SceneRef,
    transform: Any,
    crs: Any,
    width: int,
    *,
    model: str,
    minimum_pixels: int,
    full_cover_contrast: float,
) -> gpd.GeoDataFrame:
    """Table of targets: a polygon of joined pixels each, with its mean probability, area and cover.

    Cover is the linear-mixing estimate: B8 above the local water over what a full pixel of wet litter would add.
    """
    import geopandas as gpd
    import pandas as pd

    rows, columns, classes, probabilities, contrasts = found.joined()
    records: list[dict[str, Any]] = []
    shapes = []
    if len(rows):
        component = components(rows, columns, classes, width)
        order = np.argsort(component, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
            if len(part) < minimum_pixels:
                continue
            name = CLASSES[classes[part[0]] - 1]
            cover = float(np.clip(contrasts[part].mean() / full_cover_contrast, 0.0, 1.0))
            shapes.append(_outline(rows[part], columns[part], transform))
            records.append({
                "class_name": name, "probability": float(np.clip(probabilities[part].mean(), 0.0, 1.0)),
                "cover": cover if name in _COVERED else float("nan"), "pixels": len(part),
            })  # fmt: skip
    table = gpd.GeoDataFrame(pd.DataFrame(records, columns=["class_name", "probability", "cover", "pixels"]),
                             geometry=gpd.GeoSeries(shapes, crs=crs))  # fmt: skip
    return _described(table, scene, transform, model)


def _outline(rows: NDArray[np.int64], columns: NDArray[np.int64], transform: Any) -> Any:
    """Polygon (or multi-polygon, for pixels that touch at corners) around pixels."""
    import shapely
    from rasterio.features import shapes

    top, left = int(rows.min()), int(columns.min())
    mask = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), np.uint8)
    mask[rows - top, columns - left] = 1
    parts = [
        shapely.geometry.shape(s)
        for s, _ in shapes(mask, mask=mask == 1, transform=transform @ transform.translation(left, top))
    ]
    return parts[0] if len(parts) == 1 else shapely.geometry.MultiPolygon(parts)


def _described(table: gpd.GeoDataFrame, scene: SceneRef, transform: Any, model: str) -> gpd.GeoDataFrame:
    import pandas as pd

    projected = table.crs is not None and table.crs.is_projected
    pixel = abs(transform.a * transform.e - transform.b * transform.d)
    area = table["pixels"] * pixel if projected else _geodesic_area(table)
    centre = table.geometry.centroid
    order = np.lexsort((centre.x, -centre.y, table["class_name"]))
    table, area = table.iloc[order].reset_index(drop=True), area.iloc[order].reset_index(drop=True)
    table["area_m2"] = area.astype(float)
    table["detection_id"] = [f"{scene.scene_id}-{i:06d}" for i in range(len(table))]
    table["source_id"], table["sensor"], table["model"] = scene.scene_id, "sentinel2", model
    table["observed_at"] = pd.Series(pd.Timestamp(scene.acquired), index=table.index, dtype="datetime64[us, UTC]")
    table["available_at"] = pd.Series(pd.Timestamp(scene.available_at), index=table.index, dtype="datetime64[us, UTC]")
    table["probability"], table["cover"] = table["probability"].astype(float), table["cover"].astype(float)
    return table.to_crs(4326)


def _geodesic_area(table: gpd.GeoDataFrame) -> Any:
    import pandas as pd
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    return pd.Series([abs(geod.geometry_area_perimeter(g)[0]) for g in table.geometry.to_crs(4326)], dtype=float)
