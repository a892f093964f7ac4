"""Compression: pruning while training, full-integer models, distillation, and what each costs in score.

Doors: :func:`to_int8` and :class:`LiteModel` (edge devices), :class:`Pruning` (a hook of the training loop),
:func:`distilled` (batches that carry a teacher's opinion).
"""

from __future__ import annotations

from oceanclean.vision.compression.distillation import distilled
from oceanclean.vision.compression.int8 import Int8Report, LiteModel, convert_many, to_int8
from oceanclean.vision.compression.pruning import Pruning, sparsity

__all__ = ["Int8Report", "LiteModel", "Pruning", "convert_many", "distilled", "sparsity", "to_int8"]
