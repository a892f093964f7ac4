"""Extra trees as plain arrays: what a fitted forest says of a pixel, without the library that fitted it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.products.names import CLASS_ID, CLASSES
from oceanclean.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.pixels import PixelSet
    from oceanclean.vision.training import TrainingSettings

#: Classes of small bright targets: what the trees are asked about.
CANDIDATES: tuple[int, ...] = tuple(
    CLASS_ID[n] for n in ("marine_debris", "dense_sargassum", "sparse_sargassum", "natural_organic", "ship", "foam")
)
_DEBRIS = np.uint8(CLASS_ID["marine_debris"])
#: Added to a class share, so that its logarithm is finite: half a training pixel in the leaves of sixty trees.
LEAST = 0.005


class DecidingTrees(Settings):
    """How the trees are grown that decide about candidate pixels.

    Attributes:
        trees: how many (0: the network decides alone).
        floor: the network's probability of all small bright targets above which a pixel is a candidate.
        leaf: fewest training pixels of a leaf.
        features: share of the features tried at a node.
        pixels: most pixels of one class in one scene to learn from.
        litter_spectra: folder of measured spectra of litter (see :mod:`~oceanclean.vision.mixing`); empty: none.
        litter_pixels: how many pixels of open water with litter of known cover are learned from as debris.
        litter_cover: least and largest cover of these.
        litter_weight: their weight together against one class.
    """

    trees: int = Field(default=60, ge=0)
    floor: float = Field(default=0.2, gt=0, lt=1)
    leaf: int = Field(default=2, ge=1)
    features: float = Field(default=0.15, gt=0, le=1)
    pixels: int = Field(default=2000, ge=1)
    litter_spectra: str = ""
    litter_pixels: int = Field(default=600, ge=1)
    litter_cover: tuple[float, float] = (0.1, 0.6)
    litter_weight: float = Field(default=0.3, gt=0)


@dataclass(frozen=True)
class ForestTables:
    """Nodes of all trees, one after the other, each tree depth first: a node's left child follows it.

    Attributes:
        feature: (node,) int16, the feature that a node asks for; -1 at a leaf.
        threshold: (node,) float32; left where the feature is not above it.
        right: (node,) int32, the right child; at a leaf, minus its row in ``share``, minus 1.
        root: (tree,) int32.
        share: (leaf, class) float16, class shares of a leaf's training pixels.
        depth: steps from a root to the deepest leaf.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    right: NDArray[np.int32]
    root: NDArray[np.int32]
    share: NDArray[np.float16]
    depth: int

    @classmethod
    def of(cls, trees: Sequence[Any], classes: NDArray[np.integer[Any]]) -> ForestTables:
        """Tables of scikit-learn's fitted trees, whose columns of values are the given class ids."""
        parts: dict[str, list[NDArray[Any]]] = {"feature": [], "threshold": [], "right": [], "share": []}
        roots, nodes, leaves = [], 0, 0
        for tree in (t.tree_ for t in trees):
            leaf = tree.children_left < 0
            inner = np.flatnonzero(~leaf)
            if not np.array_equal(tree.children_left[inner], inner + 1):
                msg = "a tree that was not grown depth first"
                raise ValueError(msg)
            right = tree.children_right.astype(np.int64) + nodes
            right[leaf] = -1 - (leaves + np.arange(leaf.sum()))
            value = tree.value[leaf, 0]
            share = np.zeros((len(value), len(CLASSES)), np.float16)
            share[:, np.asarray(classes) - 1] = value / value.sum(axis=1, keepdims=True)
            columns = (np.where(leaf, -1, tree.feature), np.where(leaf, 0.0, tree.threshold), right, share)
            for name, column in zip(parts, columns, strict=True):
                parts[name].append(column)
            roots.append(nodes)
            nodes, leaves = nodes + len(leaf), leaves + len(value)
        joined = {name: np.concatenate(column) for name, column in parts.items()}
        return cls(
            joined["feature"].astype(np.int16), joined["threshold"].astype(np.float32),
            joined["right"].astype(np.int32), np.asarray(roots, np.int32), joined["share"],
            max(int(t.tree_.max_depth) for t in trees),
        )  # fmt: skip

    @classmethod
    def from_arrays(cls, values: Mapping[str, Any]) -> ForestTables:
        """Inverse of ``dataclasses.asdict``, with whatever reads as an array."""
        arrays: dict[str, Any] = {name: np.asarray(values[name]) for name in cls.__dataclass_fields__}
        return cls(**{**arrays, "depth": int(arrays["depth"])})

    def save(self, path: Path) -> None:
        """Write the tables as ``.npz``."""
        with path.open("wb") as file:
            np.savez(file, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> ForestTables:
        """Inverse of :meth:`save`."""
        with np.load(path, allow_pickle=False) as archive:
            return cls.from_arrays(archive)

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log class shares (pixel, class), mean over the trees, of raw features (pixel, feature)."""
        from oceanclean.vision import compiled as loops

        out = np.empty((len(CLASSES), len(features)), np.float32)
        columns = np.arange(len(features))
        loops.forest_logits(np.ascontiguousarray(features.T), columns, *self.walked(), np.float32(LEAST), out)
        return out.T

    def decide(self, logits: NDArray[np.float32], features: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
        """The network's logits (pixel, class), with the trees' in place of them where it sees a small bright target.

        Args:
            logits: (pixel, class).
            features: (pixel, feature), raw.
            floor: see :class:`DecidingTrees`.
        """
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        asked = share[:, np.asarray(CANDIDATES) - 1].sum(axis=1) > floor * share.sum(axis=1)
        decided = logits.copy()
        decided[asked] = self.logits(features[asked])
        return decided

    def walked(self) -> tuple[NDArray[Any], ...]:
        """The tables as :func:`~oceanclean.vision.compiled.forest_logits` takes them."""
        return self.feature, self.threshold, self.right, self.root, self.share.astype(np.float32)


def fit_forest(pixels: PixelSet, train_scenes: NDArray[np.intp], settings: TrainingSettings) -> ForestTables:
    """Grow the trees that decide, on the given scenes; no other scene is looked at.

    Every tree sees every pixel (no bootstrap: with two hundred pixels of debris a third is too many to leave out).

    Args:
        pixels: the table.
        train_scenes: indices of the scenes to learn from.
        settings: how.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    from oceanclean.vision.teacher import balanced_rows, raw_features

    how, rng = settings.deciding, np.random.default_rng(settings.seed)
    labelled = np.flatnonzero(np.isin(pixels.scene, train_scenes) & (pixels.label > 0))
    rows, weight = balanced_rows(pixels, labelled, how.pixels, rng)
    grown = ExtraTreesClassifier(
        how.trees, min_samples_leaf=how.leaf, max_features=how.features, n_jobs=-1, random_state=settings.seed
    )
    features = raw_features(pixels.statistics[rows], pixels.water[pixels.scene[rows]])
    label = pixels.label[rows]
    if how.litter_spectra:
        mixed = _with_litter(pixels, train_scenes, how, rng)
        features, label = np.concatenate([features, mixed]), np.append(label, np.repeat(_DEBRIS, len(mixed)))
        weight = np.append(weight, np.full(len(mixed), how.litter_weight / len(mixed)))
    grown.fit(features, label, sample_weight=weight)
    return ForestTables.of(grown.estimators_, grown.classes_)


def _with_litter(
    pixels: PixelSet, train_scenes: NDArray[np.intp], how: DecidingTrees, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Raw features of open water of the training scenes with litter of known cover."""
    from oceanclean.vision.mixing import mix_litter, read_litter_spectra
    from oceanclean.vision.teacher import raw_features

    spectra = read_litter_spectra(Path(how.litter_spectra))
    sea = np.flatnonzero(np.isin(pixels.scene, train_scenes) & pixels.background)
    return raw_features(*mix_litter(pixels, sea, spectra, how.litter_pixels, how.litter_cover, rng))
