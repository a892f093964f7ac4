"""Drift: where the debris will be, and how wide the doubt is.

Doors: :func:`~oceanclean.drift.ensemble.forecast` (density map to forecast), :func:`~oceanclean.drift.engine.advect`
(plain trajectories), :func:`~oceanclean.drift.forcing_files.open_forcing`,
:func:`~oceanclean.drift.fitting.train_forecaster`, :func:`~oceanclean.drift.residual.load_forecaster`,
:func:`~oceanclean.drift.skill.evaluate_drift`, :func:`~oceanclean.drift.skill_report.skill_table`.
They are loaded when first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oceanclean.drift.engine import advect
    from oceanclean.drift.ensemble import forecast
    from oceanclean.drift.fields import coverage_hours
    from oceanclean.drift.fitting import train_forecaster
    from oceanclean.drift.forcing_files import open_forcing
    from oceanclean.drift.residual import load_forecaster
    from oceanclean.drift.settings import DriftSettings, load_settings
    from oceanclean.drift.skill import evaluate_drift
    from oceanclean.drift.skill_report import skill_table

_DOORS = {
    "DriftSettings": "settings",
    "advect": "engine",
    "coverage_hours": "fields",
    "evaluate_drift": "skill",
    "forecast": "ensemble",
    "load_forecaster": "residual",
    "load_settings": "settings",
    "open_forcing": "forcing_files",
    "skill_table": "skill_report",
    "train_forecaster": "fitting",
}


def __getattr__(name: str) -> Any:
    """Load a door's module when the door is first used; numba and scikit-learn stay out of an import."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_DOORS[name]}"), name)
    globals()[name] = found
    return found


__all__ = [
    "DriftSettings",
    "advect",
    "coverage_hours",
    "evaluate_drift",
    "forecast",
    "load_forecaster",
    "load_settings",
    "open_forcing",
    "skill_table",
    "train_forecaster",
]
