"""Extra trees as teacher of the network, and the rows that trees learn from."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.products.names import CLASSES
from oceanclean.vision.pixels import PixelSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.training import TrainingSettings


class Teacher:
    """Extra trees whose opinion the network also learns.

    Trees extrapolate flatly, which a network does not: on scenes unlike the training ones their opinion, asked of
    unlabelled pixels and of mixtures of known ones, keeps the network sober.

    Args:
        pixels: the table.
        labelled: rows to learn from.
        settings: how many trees.
        rng: picks the pixels.
    """

    def __init__(
        self, pixels: PixelSet, labelled: NDArray[np.intp], settings: TrainingSettings, rng: np.random.Generator
    ) -> None:
        from sklearn.ensemble import ExtraTreesClassifier

        self._rows, weight = balanced_rows(pixels, labelled, settings.teacher_pixels, rng)
        self._trees = ExtraTreesClassifier(
            settings.teacher_trees, min_samples_leaf=2, max_features=0.15, bootstrap=True, oob_score=True,
            n_jobs=-1, random_state=settings.seed,
        )  # fmt: skip
        with warnings.catch_warnings():
            # A pixel that was in every bag has no out-of-bag opinion; its label alone then counts.
            warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
            self._trees.fit(
                raw_features(pixels.statistics[self._rows], pixels.water[pixels.scene[self._rows]]),
                pixels.label[self._rows], sample_weight=weight,
            )  # fmt: skip

    def of(self, statistics: NDArray[np.float16], water: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (pixel, class) of local statistics (pixel, statistic) over dark water (pixel, band)."""
        parts = np.array_split(np.arange(len(statistics)), max(1, len(statistics) // 65536))
        return np.concatenate(
            [self._widen(self._trees.predict_proba(raw_features(statistics[p], water[p]))) for p in parts]
        )

    def of_rows(self, pixels: PixelSet, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Probabilities (row of the table, class), NaN for rows not asked; out-of-bag where it learned from them."""
        opinion = np.full((len(pixels.label), len(CLASSES)), np.nan, np.float32)
        others = np.setdiff1d(rows, self._rows)
        opinion[others] = self.of(pixels.statistics[others], pixels.water[pixels.scene[others]])
        opinion[self._rows] = self._widen(np.nan_to_num(self._trees.oob_decision_function_))
        return opinion

    def _widen(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        full = np.zeros((len(values), len(CLASSES)), np.float32)
        full[:, self._trees.classes_ - 1] = values
        return full


def balanced_rows(
    pixels: PixelSet, labelled: NDArray[np.intp], most: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """At most so many rows of each class in each scene, and weights by which classes count alike and scenes nearly."""
    rows, weights = [], []
    for k in range(1, len(CLASSES) + 1):
        of_class = labelled[pixels.label[labelled] == k]
        parts = [rng.permutation(of_class[pixels.scene[of_class] == s])[:most] for s in range(len(pixels.scenes))]
        weight = np.concatenate([np.full(len(p), max(len(p), 1) ** -0.5) for p in parts])
        rows.append(np.concatenate(parts))
        weights.append(weight / max(weight.sum(), 1e-12))
    return np.concatenate(rows), np.concatenate(weights)


def raw_features(statistics: NDArray[np.floating], water: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features (pixel, feature), not standardised, of local statistics (pixel, statistic) over dark water."""
    from oceanclean.vision.model import SpectralFeatures

    return SpectralFeatures.raw(statistics.astype(np.float32), water).astype(np.float32)
