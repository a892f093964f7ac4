"""Boosted trees as plain arrays: what scikit-learn fitted, without the library that fitted it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.store import write_aside

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What stands for a feature that has no value: below every value that one takes, so that trees can tell it.
ABSENT = np.float32(-99.0)
_ROWS = 4096


@dataclass(frozen=True)
class BoostedTables:
    """Nodes of all trees of a boosted ensemble, one tree after the other.

    Attributes:
        feature: (node,) int32, the feature that a node asks for; 0 at a leaf.
        threshold: (node,) float32; left where the feature is not above it.
        left: (node,) int32, the left child; a leaf's is the leaf itself.
        right: (node,) int32.
        value: (node,) float32, what a leaf adds; 0 elsewhere.
        root: (tree,) int32.
        start: float32 (1,), the sum before the first tree.
        depth: steps from a root to the deepest leaf.
        features: features of a row.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    root: NDArray[np.int32]
    start: NDArray[np.float32]
    depth: int
    features: int

    @classmethod
    def of(cls, fitted: Any) -> BoostedTables:
        """Tables of a fitted ``HistGradientBoosting…`` of scikit-learn with one output.

        The nodes stand in an attribute that is not public (scikit-learn has no public way to them); a test holds the
        tables to what the library predicts.
        """
        columns: dict[str, list[NDArray[Any]]] = {n: [] for n in ("feature", "threshold", "left", "right", "value")}
        roots, nodes, depth = [], 0, 0
        for (tree,) in fitted._predictors:
            rows = tree.nodes
            leaf, own = rows["is_leaf"].astype(bool), np.arange(len(rows))
            columns["feature"].append(np.where(leaf, 0, rows["feature_idx"]))
            columns["threshold"].append(_not_above(np.where(leaf, 0.0, rows["num_threshold"])))
            columns["left"].append(nodes + np.where(leaf, own, rows["left"]))
            columns["right"].append(nodes + np.where(leaf, own, rows["right"]))
            columns["value"].append(np.where(leaf, rows["value"], 0.0))
            roots.append(nodes)
            nodes, depth = nodes + len(rows), max(depth, int(rows["depth"].max()))
        kinds = {"feature": np.int32, "threshold": np.float32, "left": np.int32, "right": np.int32, "value": np.float32}
        joined: dict[str, Any] = {name: np.concatenate(part).astype(kinds[name]) for name, part in columns.items()}
        start = np.ravel(fitted._baseline_prediction)[:1].astype(np.float32)
        return cls(**joined, root=np.array(roots, np.int32), start=start,
                   depth=depth, features=int(fitted.n_features_in_))  # fmt: skip

    def save(self, path: Path) -> None:
        """Write the tables as ``.npz``."""
        with write_aside(path) as aside, aside.open("wb") as file:
            np.savez(file, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> BoostedTables:
        """Inverse of :meth:`save`."""
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in cls.__dataclass_fields__}
        return cls(**{**arrays, "depth": int(arrays["depth"]), "features": int(arrays["features"])})

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of all trees (row,) of features (row, feature); absent features are :data:`ABSENT`."""
        parts = [self._sums(rows[k : k + _ROWS]) for k in range(0, len(rows), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def probability(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum as a probability (row,), for an ensemble fitted to yes and no."""
        return (1 / (1 + np.exp(-self.predict(rows)))).astype(np.float32)

    def _sums(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = np.ascontiguousarray(rows, np.float32).ravel()
        start = (np.arange(len(rows)) * rows.shape[1])[:, None]
        node = np.broadcast_to(self.root, (len(rows), len(self.root)))
        for _ in range(self.depth):
            above = flat[start + self.feature[node]] > self.threshold[node]
            node = np.where(above, self.right[node], self.left[node])
        return (self.value[node].sum(axis=1) + self.start).astype(np.float32)


def _not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The nearest float32 that is not above: a float32 feature falls on the same side of it."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
