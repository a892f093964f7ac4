"""GeoPackage 1.2 (OGC 12-128r15): the features of plan.geojson, one layer a kind, for desktop GIS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oceanclean.planning.exchange.geojson import geojson
from oceanclean.planning.model import PlanView

#: Layer of each kind of feature.
LAYERS = {
    "order": "orders", "leg": "legs", "sweep": "sweeps", "task": "patches", "drift": "drift",
    "closed_area": "closed_areas", "port": "ports",
}  # fmt: skip


def geopackage(view: PlanView, path: Path) -> Path:
    """Write the layers that have a feature; the issue time stands as the date of change, so that bytes repeat."""
    import geopandas as gpd
    import pyogrio

    features = json.loads(geojson(view))["features"]
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": view.header.issue_time.replace("Z", ".000Z")})
    try:
        for kind, layer in LAYERS.items():
            mine = [_flat(f) for f in features if f["properties"]["kind"] == kind]
            if mine:
                frame = gpd.GeoDataFrame.from_features(mine, crs="EPSG:4326")
                frame.to_file(path, layer=layer, driver="GPKG", engine="pyogrio", mode="a" if path.exists() else "w",
                              geometry_type=_type(frame))  # fmt: skip
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    return path


def _flat(feature: dict[str, Any]) -> dict[str, Any]:
    """Properties of plain values: what is itself a record is written as JSON text."""
    facts = {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in feature["properties"].items()}
    return {**feature, "properties": {**facts, "feature_id": feature["id"]}}


def _type(frame: Any) -> str:
    """One geometry type for the layer: lines cut at the date line are several."""
    kinds = set(frame.geom_type)
    return kinds.pop() if len(kinds) == 1 else "MultiLineString"
