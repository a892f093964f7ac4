"""Small regions, segmentation rasters, detections and forecasts for the density room's tests."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
import xarray as xr
from rasterio.transform import from_origin

from oceanclean.products import describe, names
from oceanclean.products.names import NOT_OBSERVED, PROBABILITY_SCALE, Gate
from oceanclean.products.scene import SceneRef, Segmentation
from oceanclean.region import Region
from oceanclean.settings import RegionSettings

NOW = "2026-06-15T06:00Z"
BACKGROUND = 2.0


def make_region(**changes) -> Region:
    """Open sea in UTM zone 6, 0.4° × 0.2°, cells of 0.02°."""
    settings = {
        "name": "open-sea", "title": "Open sea", "bbox": {"west": -149, "east": -148.6, "south": 30, "north": 30.2},
        "grid_step_deg": 0.02, "fleet": "none", "sources": "none",
        "ports": [{"name": "Buoy", "lat": 30.1, "lon": -148.8}],
        "background": {"mean_kg_km2": BACKGROUND, "std_kg_km2": 6, "source": "test"}, **changes,
    }  # fmt: skip
    return Region(RegionSettings.model_validate(settings))


def segmentation(
    folder, name="a", *, west=310_000, north=3_335_000, shape=(1200, 1500), debris=(), gates=(),
    acquired="2026-06-14T20:00:00Z", threshold=0.5, crs="EPSG:32606", pixel=10.0,
) -> Segmentation:  # fmt: skip
    """A segmentation raster; ``debris`` and ``gates`` are (rows, columns, value) of rectangles."""
    probability = np.zeros(shape, dtype=np.uint8)
    gate = np.full(shape, Gate.OBSERVED, dtype=np.uint8)
    for rows, columns, value in debris:
        probability[rows, columns] = round(value * PROBABILITY_SCALE)
    for rows, columns, value in gates:
        gate[rows, columns] = value
        probability[rows, columns] = NOT_OBSERVED
    path = folder / f"{name}.tif"
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": shape[0], "width": shape[1], "crs": crs,
               "transform": from_origin(west, north, pixel, pixel)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        for k, band in enumerate((probability, np.ones(shape, np.uint8), gate), start=1):
            target.write(band, k)
    scene = SceneRef(name, str(path), {"B2": 1}, 1e-4, 0.0, 0.0, "rhorc", acquired, acquired, "Sentinel-2A")
    return Segmentation(scene, str(path), "", "", "test", "0" * 64, threshold, {})


def detections(points=((-148.8, 30.1),), **columns) -> gpd.GeoDataFrame:
    """Sightings; columns are overridden by keyword."""
    n = len(points)
    geometry = [p if hasattr(p, "geom_type") else shapely.Point(p) for p in points]
    seen = pd.Series([pd.Timestamp("2026-06-15T00:00Z")] * n).astype("datetime64[ns, UTC]")
    table = {
        "detection_id": [f"d{k}" for k in range(n)], "source_id": "report", "sensor": "sighting",
        "class_name": "marine_debris", "probability": 1.0, "area_m2": 900.0, "cover": np.nan, "observed_at": seen,
        "available_at": seen, "model": "report", **columns,
    }  # fmt: skip
    return gpd.GeoDataFrame(pd.DataFrame(table), geometry=geometry, crs="EPSG:4326")


def forecast(region: Region, mean, std=None) -> xr.Dataset:
    """A DensityForecast of three times around the map's."""
    times = pd.date_range("2026-06-14T06:00", periods=3, freq="24h").to_numpy().astype("datetime64[ns]")
    mean = np.broadcast_to(np.asarray(mean, dtype=np.float32), (3, *region.grid.shape)).copy()
    std = 0.5 * mean if std is None else np.broadcast_to(np.asarray(std, dtype=np.float32), mean.shape).copy()
    dims = ("time", "lat", "lon")
    return describe("DensityForecast", xr.Dataset(
        {names.DENSITY: (dims, mean), names.DENSITY_STD: (dims, std)},
        {"time": times, "lat": region.grid.lat, "lon": region.grid.lon},
    ))  # fmt: skip
