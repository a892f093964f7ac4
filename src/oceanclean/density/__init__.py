"""Detections to kilograms per square kilometre, with doubt; what nobody has looked at stays unknown.

Doors: :func:`density_map` (looks, reports and yesterday's forecast become one map), :func:`hot_spots`,
:func:`summary`, :func:`load_settings`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oceanclean.density.hotspots import hot_spots
    from oceanclean.density.mapping import density_map, summary
    from oceanclean.density.observation import DensitySettings, load_settings

__all__ = ["DensitySettings", "density_map", "hot_spots", "load_settings", "summary"]

# xarray, rasterio and scipy take a second to import: each module loads when one of its names is first used
_HOME = {
    "density_map": "mapping", "summary": "mapping", "hot_spots": "hotspots", "load_settings": "observation",
    "DensitySettings": "observation",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
