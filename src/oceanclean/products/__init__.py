"""Contracts between the rooms: names, products, and the functions that check them at the door."""

from oceanclean.products.contracts import (
    GRIDS,
    TABLES,
    describe,
    validate_grid,
    validate_table,
)
from oceanclean.products.names import BANDS, CLASS_ID, CLASSES, Gate
from oceanclean.products.plan import Plan, VesselSummary
from oceanclean.products.scene import SceneRef, Segmentation

__all__ = [
    "BANDS",
    "CLASSES",
    "CLASS_ID",
    "GRIDS",
    "TABLES",
    "Gate",
    "Plan",
    "SceneRef",
    "Segmentation",
    "VesselSummary",
    "describe",
    "validate_grid",
    "validate_table",
]
