"""Detections to kilograms per square kilometre, with doubt; what nobody has looked at stays unknown.

Doors: :func:`density_map` (looks, hauls, reports and yesterday's forecast become one map), :func:`hot_spots`,
:func:`summary`, :func:`load_settings`; :func:`write_geotiff`, :func:`write_zarr`, :func:`map_mapper_index`,
:func:`time_series`; :func:`build_climatology`; :func:`evaluate_windrows`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oceanclean.density.climatology import Climatology, build_climatology
    from oceanclean.density.exports import map_mapper_index, time_series, write_geotiff, write_zarr
    from oceanclean.density.hotspots import hot_spots
    from oceanclean.density.mapping import density_map, summary
    from oceanclean.density.observation import DensitySettings, load_settings
    from oceanclean.density.windrows import evaluate_windrows

# xarray, rasterio and scipy take a second to import: each module loads when one of its names is first used
_HOME = {
    "density_map": "mapping", "summary": "mapping", "hot_spots": "hotspots", "load_settings": "observation",
    "DensitySettings": "observation", "write_geotiff": "exports", "write_zarr": "exports",
    "map_mapper_index": "exports", "time_series": "exports", "build_climatology": "climatology",
    "Climatology": "climatology", "evaluate_windrows": "windrows",
}  # fmt: skip

__all__ = [
    "Climatology", "DensitySettings", "build_climatology", "density_map", "evaluate_windrows", "hot_spots",
    "load_settings", "map_mapper_index", "summary", "time_series", "write_geotiff", "write_zarr",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
