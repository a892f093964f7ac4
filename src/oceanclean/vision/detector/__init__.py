"""Litter as boxes: a centre-heat-map detector for satellite tiles and drone frames, and where its boxes lie at sea.

Doors: :func:`detect_objects` (image files to a Detections product), :func:`train_detector`,
:func:`evaluate_detector`. TensorFlow and Keras load when one of them is first called.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DOORS = {
    "DetectorSettings": "settings",
    "camera_facts": "findings",
    "detect_objects": "findings",
    "detector_table": "evaluation",
    "evaluate_detector": "evaluation",
    "load_detector_settings": "settings",
    "parse_moment": "findings",
    "read_box_sets": "boxsets",
    "train_detector": "training",
}

__all__ = sorted(_DOORS)


def __getattr__(name: str) -> Any:
    """Load a door's module when it is first used."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOORS[name]}"), name)
