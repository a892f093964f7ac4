"""Readers: files from the outside world become products, as they stood at the issue time.

Every ``read_*`` function takes the region, the settings of its sources and ``issue_time``, and answers
``(product, degraded)``: the second part is a list of sentences for the plan page. Nothing that became available
after the issue time is seen. A reader of a new kind registers itself with :func:`oceanclean.sources.registry.reader`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oceanclean.sources.drifters import read_drifters
    from oceanclean.sources.fleet import read_fleet
    from oceanclean.sources.forcing import read_forcing
    from oceanclean.sources.places import digests, fingerprint, inputs_used
    from oceanclean.sources.registry import kinds, reader
    from oceanclean.sources.scenes import open_scene, read_scenes, scene_bounds
    from oceanclean.sources.services.fetching import (
        Outcome,
        fetch_region,
        fetch_source,
        fetch_trouble,
        fetched_sources,
        last_outcomes,
    )
    from oceanclean.sources.sightings import read_sightings

__all__ = [
    "Outcome",
    "digests",
    "fetch_region",
    "fetch_source",
    "fetch_trouble",
    "fetched_sources",
    "fingerprint",
    "inputs_used",
    "kinds",
    "last_outcomes",
    "open_scene",
    "read_drifters",
    "read_fleet",
    "read_forcing",
    "read_scenes",
    "read_sightings",
    "reader",
    "scene_bounds",
]

# xarray, pandas and rasterio take a second to import: each module loads when one of its names is first used
_HOME = {
    "digests": "places", "fingerprint": "places", "inputs_used": "places", "kinds": "registry", "reader": "registry",
    "open_scene": "scenes", "read_scenes": "scenes", "scene_bounds": "scenes", "read_drifters": "drifters",
    "read_fleet": "fleet", "read_forcing": "forcing", "read_sightings": "sightings",
    **dict.fromkeys(("Outcome", "fetch_region", "fetch_source", "fetch_trouble", "fetched_sources", "last_outcomes"),
                    "services.fetching"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
