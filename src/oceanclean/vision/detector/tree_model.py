"""The trees that find boxes as a Keras model: three ensembles, each a layer whose nodes are its weights.

So they travel as any other model here does: one ``.keras`` file with its card, registered layers alone. Finding
itself walks the tables directly (:class:`~oceanclean.vision.detector.boosting.BoostedTables`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from oceanclean.vision.detector.boosting import BoostedTables

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Ensembles of a tree detector: a cell lies in a box; how far a left side is off; how well a box fits.
ENSEMBLES = ("heat", "side", "fit")
_NODES: tuple[tuple[str, str], ...] = (
    ("feature", "int32"), ("threshold", "float32"), ("left", "int32"), ("right", "int32"), ("value", "float32"),
)  # fmt: skip


@keras.saving.register_keras_serializable(package="oceanclean")
class Boosted(keras.layers.Layer):
    """A boosted ensemble: features (row, feature) to the sum of its trees (row, 1).

    Args:
        trees: how many.
        nodes: of all of them.
        depth: steps from a root to the deepest leaf.
    """

    def __init__(self, trees: int, nodes: int, depth: int, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "trainable": False})
        self.trees, self.nodes, self.depth = trees, nodes, depth
        for name, kind in _NODES:
            setattr(self, name, self._fixed(name, nodes, kind))
        self.root = self._fixed("root", trees, "int32")
        self.start = self._fixed("start", 1, "float32")

    def _fixed(self, name: str, length: int, kind: str) -> Any:
        return self.add_weight(shape=(length,), dtype=kind, initializer="zeros", trainable=False, name=name)

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "trees": self.trees, "nodes": self.nodes, "depth": self.depth}

    def call(self, inputs: Any) -> Any:
        """Sum of all trees."""
        rows, width = ops.shape(inputs)[0], inputs.shape[1]
        flat = ops.reshape(inputs, (-1,))
        first = ops.expand_dims(ops.arange(rows, dtype="int32") * width, 1)
        node = ops.broadcast_to(ops.expand_dims(ops.convert_to_tensor(self.root), 0), (rows, self.trees))
        for _ in range(self.depth):
            above = ops.take(flat, first + ops.take(self.feature, node)) > ops.take(self.threshold, node)
            node = ops.where(above, ops.take(self.right, node), ops.take(self.left, node))
        return ops.sum(ops.take(self.value, node), axis=1, keepdims=True) + self.start

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """One number a row."""
        return (input_shape[0], 1)

    def tables(self, features: int) -> BoostedTables:
        """The nodes as plain arrays; ``features``: of a row."""
        names = [*(name for name, _ in _NODES), "root", "start"]
        arrays: dict[str, NDArray[Any]] = {n: np.asarray(ops.convert_to_numpy(getattr(self, n))) for n in names}
        return BoostedTables(**arrays, depth=self.depth, features=features)


@dataclass(frozen=True)
class BoxTrees:
    """The three ensembles.

    Attributes:
        heat: of a cell's features, log odds that it lies inside of a box.
        side: of a box's features, how far its left side must move to the right, as a share of its width.
        fit: of a box's features, how well it fits, 0 (overlap .2 or less) to 1 (.7 or more).
    """

    heat: BoostedTables
    side: BoostedTables
    fit: BoostedTables


def tree_network(trees: BoxTrees) -> keras.Model:
    """The ensembles as one model of three inputs (features of cells, boxes, boxes) and three outputs."""
    inputs, outputs = [], []
    for name in ENSEMBLES:
        tables: BoostedTables = getattr(trees, name)
        layer = Boosted(len(tables.root), len(tables.feature), tables.depth, name=name)
        inputs.append(keras.layers.Input((tables.features,), name=f"{name}_features"))
        outputs.append(layer(inputs[-1]))
        layer.set_weights([getattr(tables, w.name) for w in layer.weights])
    return keras.Model(inputs, outputs, name="box_trees")


def is_tree_network(model: keras.Model) -> bool:
    """Whether a model is one of :func:`tree_network`."""
    return {layer.name for layer in model.layers if isinstance(layer, Boosted)} == set(ENSEMBLES)


def trees_of(model: keras.Model) -> BoxTrees:
    """The ensembles of a model of :func:`tree_network`."""
    found = {name: model.get_layer(name) for name in ENSEMBLES}
    return BoxTrees(**{name: layer.tables(int(layer.input.shape[-1])) for name, layer in found.items()})
