"""Small regions, files and settings for the readers' tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from rasterio.transform import from_origin

from oceanclean.products.names import BANDS
from oceanclean.region import Region
from oceanclean.settings import RegionSettings, SourceSettings, SourcesSettings

ISSUE = "2026-06-15T06:00Z"


def make_region(**changes) -> Region:
    """A box of open sea in the North Pacific, 2° × 1°, unless changed."""
    settings = {
        "name": "open-sea", "title": "Open sea", "bbox": {"west": -150, "east": -148, "south": 30, "north": 31},
        "grid_step_deg": 0.1, "routing_step_deg": 0.1, "horizon_h": 48, "minimum_horizon_h": 24, "fleet": "none",
        "sources": "none", "ports": [{"name": "Buoy", "lat": 30.5, "lon": -149}],
        "background": {"mean_kg_km2": 1, "std_kg_km2": 2, "source": "test"}, **changes,
    }  # fmt: skip
    return Region(RegionSettings.model_validate(settings))


def source(kind: str, path, **options) -> SourceSettings:
    """A source's settings; ``latency_h`` and ``required`` are taken out of the options."""
    top = {k: options.pop(k) for k in ("latency_h", "required") if k in options}
    return SourceSettings(kind=kind, path=str(path), options=options, **top)


def sources(**roles) -> SourcesSettings:
    return SourcesSettings(name="test", **{k: v if isinstance(v, list) else [v] for k, v in roles.items()})


def field(
    names=("uo", "vo"), units="m s-1", lon=None, lat=None, hours=range(-36, 49, 3), value=None, attrs=None
) -> xr.Dataset:
    """A gridded field around the open-sea region; ``value(time_h, lat, lon)`` gives the first variable."""
    lon = np.arange(-151, -146.9, 0.25) if lon is None else np.asarray(lon, dtype=float)
    lat = np.arange(29, 32.1, 0.25) if lat is None else np.asarray(lat, dtype=float)
    times = pd.Timestamp("2026-06-15T06:00") + pd.to_timedelta(list(hours), unit="h")
    h, y, x = np.meshgrid(np.asarray(list(hours), dtype=float), lat, lon, indexing="ij")
    first = (0.1 + 0.01 * (y - 30) + 0.002 * h) if value is None else value(h, y, x)
    data = {names[0]: (("time", "lat", "lon"), first, {"units": units})}
    for number, name in enumerate(names[1:]):
        data[name] = (("time", "lat", "lon"), first * 0 - 0.2 - number, {"units": units})
    attrs = {"available_at": "2026-06-15T05:00Z"} if attrs is None else attrs
    coords = {
        "time": times,
        "lat": ("lat", lat, {"units": "degrees_north"}),
        "lon": ("lon", lon, {"units": "degrees_east"}),
    }
    return xr.Dataset(data, coords, attrs)


def write_scene(
    path,
    bands=BANDS,
    *,
    value=500,
    crs="EPSG:32606",
    tags=None,
    described=True,
    size=128,
    dtype="uint16",
    west=307000,
    north=3_400_000,
    nodata=0,
    scale=1e-4,
):
    """A GeoTIFF with one constant band a name, a little noise in it; band k holds value + 10 k."""
    rng = np.random.default_rng(1)
    profile = {
        "driver": "GTiff", "dtype": dtype, "count": len(bands), "width": size, "height": size, "nodata": nodata,
        "transform": from_origin(west, north, 10, 10), "tiled": True, "blockxsize": 64, "blockysize": 64,
    }  # fmt: skip
    with rasterio.open(path, "w", crs=crs, **profile) as target:
        for k, name in enumerate(bands, start=1):
            noise = rng.integers(0, 5, (size, size)) if dtype == "uint16" else np.zeros((size, size))
            target.write((value + 10 * k + noise).astype(dtype), k)
            if described:
                target.set_band_description(k, name)
        if scale is not None:
            target.scales = (scale,) * len(bands)
        known = {"acquired": "2026-06-14T20:00Z", "radiometry": "rhorc"}
        target.update_tags(**(known if tags is None else tags))
    return path
