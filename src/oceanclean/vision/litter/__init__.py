"""Litter masks: photos, drone frames and satellite patches to a class a pixel.

Doors: :func:`train_litter_segmenter`, :func:`evaluate_litter_segmenter`, :func:`export_edge`, :class:`LitterSegmenter`.
TensorFlow and Keras load when one of them is first called.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DOORS = {
    "LitterSegmenter": "segmenter",
    "LitterSettings": "settings",
    "export_edge": "edge",
    "evaluate_litter_segmenter": "evaluation",
    "litter_table": "evaluation",
    "load_litter_settings": "settings",
    "read_mask_sets": "data",
    "train_litter_segmenter": "training",
}

__all__ = sorted(_DOORS)


def __getattr__(name: str) -> Any:
    """Load a door's module when it is first used."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOORS[name]}"), name)
