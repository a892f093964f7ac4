"""Figures as a log or a page takes them."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def plain(record: DataclassInstance) -> dict[str, Any]:
    """A record as JSON takes it: figures that are not finite become null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(record).items()}
