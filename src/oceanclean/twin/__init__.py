"""The twin: a simulated sea with known truth, seen only through files in the real formats.

``ocean`` and ``weather`` are the hidden truth of water and air, ``debris`` drifts through them, ``scene`` renders what
a satellite would see, ``forecast`` what a forecast centre would have said, ``reports`` what buoys, crews and people
send. :func:`oceanclean.twin.observe.observe` writes all of it; ``score`` holds plans, maps and whole runs against the
truth, ``catches`` writes what the crews would have reported. Nothing in the chain imports this room.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DOORS = {
    "TwinSettings": "settings",
    "load_twin_settings": "settings",
    "write_catches": "catches",
    "score_map": "score",
    "score_plan": "score",
    "score_run": "score",
    "score_segmentation": "score",
}

__all__ = sorted(_DOORS)


def __getattr__(name: str) -> Any:
    """Load a door's module when it is first used."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOORS[name]}"), name)
