"""Vision: debris and its look-alikes in satellite scenes, with calibrated probabilities and what was not observed.

Doors: :func:`segment` (one scene to raster, polygons, picture), :func:`evaluate_segmenter`, :func:`train_segmenter`.
TensorFlow and Keras load when one of them is first called.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DOORS = {
    "SegmenterSettings": "settings",
    "TrainingSettings": "training",
    "evaluate_segmenter": "evaluation",
    "evaluation_table": "evaluation",
    "export_edge": "edge",
    "few_shot_segmenter": "few_shot",
    "load_segmenter": "zoo",
    "load_settings": "settings",
    "load_training_settings": "training",
    "model_digest": "zoo",
    "search_settings": "search",
    "segment": "inference",
    "train_segmenter": "training",
}

__all__ = sorted(_DOORS)


def __getattr__(name: str) -> Any:
    """Load a door's module when it is first used."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOORS[name]}"), name)
