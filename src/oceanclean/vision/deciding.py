"""The layer in which trees decide above the network's gate; Keras 3 and ``keras.ops`` only."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import keras
import numpy as np
from keras import ops

from oceanclean.products.names import BANDS, CLASSES
from oceanclean.vision.forest import CANDIDATES, LEAST, ForestTables
from oceanclean.vision.model import STATISTICS, SpectralFeatures


@keras.saving.register_keras_serializable(package="oceanclean")
class Forest(keras.layers.Layer):
    """Extra trees that decide about the pixels where the network sees a small bright target; no trained weights.

    A network distilled from trees finds the candidates and knows water from land and cloud; on scenes that neither
    has seen the trees tell debris from its look-alikes better. Where a band was filled the network stays alone, since
    the trees never met such pixels.

    Args:
        floor: probability of all :data:`~oceanclean.vision.forest.CANDIDATES` together, by the network before its
            calibration, above which the trees are asked.
    """

    def __init__(self, floor: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.floor = floor
        self.tables: ForestTables | None = None

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving; the tables are saved beside it."""
        return {**super().get_config(), "floor": self.floor}

    def save_own_variables(self, store: Any) -> None:
        """Write the tables into the model's file as plain arrays."""
        tables = self._trees()
        for field in fields(tables):
            store[field.name] = np.asarray(getattr(tables, field.name))

    def load_own_variables(self, store: Any) -> None:
        """Read what :meth:`save_own_variables` wrote."""
        self.tables = ForestTables.from_arrays({field.name: store[field.name] for field in fields(ForestTables)})

    def call(self, inputs: tuple[Any, Any, Any, Any]) -> Any:
        """Logits (y, x, class) of (logits, statistics, water, presence): log class shares where the trees decide."""
        logits, values, water, presence = inputs
        shape = ops.shape(logits)
        seen = ops.sum(ops.take(ops.softmax(logits, axis=-1), np.asarray(CANDIDATES) - 1, axis=-1), axis=-1)
        asked = ops.logical_and(seen > self.floor, ops.all(presence > 0, axis=-1))
        (rows,) = ops.nonzero(ops.reshape(asked, (-1,)))
        rows = ops.cast(rows, "int32")
        flat = ops.reshape(ops.broadcast_to(water, (*shape[:-1], len(BANDS))), (-1, len(BANDS)))
        some = ops.take(ops.reshape(values, (-1, STATISTICS)), rows, axis=0)
        features = SpectralFeatures.raw(some, ops.take(flat, rows, axis=0), ops)
        found = ops.log(self._shares(features) + LEAST)
        decided = ops.scatter_update(ops.reshape(logits, (-1, len(CLASSES))), rows[:, None], found)
        return ops.reshape(decided, shape)

    def _shares(self, features: Any) -> Any:
        """Class shares (pixel, class), mean of all trees, of raw features (pixel, feature)."""
        t = self._trees()
        width, count = features.shape[-1], ops.shape(features)[0]
        flat, start = ops.reshape(features, (-1,)), ops.arange(count, dtype="int32") * width
        feature, threshold, right, root, share = (
            ops.convert_to_tensor(a) for a in (np.maximum(t.feature, 0).astype(np.int32), t.threshold, t.right,
                                               t.root, t.share.astype(np.float32))
        )  # fmt: skip

        def step(_: Any, node: Any) -> Any:
            other = ops.take(right, node)
            value = ops.take(flat, start + ops.take(feature, node))
            child = ops.where(value <= ops.take(threshold, node), node + 1, other)
            return ops.where(other < 0, node, child)

        def add(tree: Any, total: Any) -> Any:
            node = ops.fori_loop(0, t.depth, step, ops.zeros_like(start) + ops.take(root, tree))
            return total + ops.take(share, -1 - ops.take(right, node), axis=0)

        total = ops.zeros((count, len(CLASSES)), dtype="float32")
        return ops.fori_loop(0, len(t.root), add, total) / len(t.root)

    def _trees(self) -> ForestTables:
        if self.tables is None:
            msg = "a forest without its tables"
            raise ValueError(msg)
        return self.tables

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """That of the logits."""
        return input_shape[0]
