"""The segmenter without its framework: the same weights, run by compiled loops and one product of matrices a layer.

A whole Sentinel-2 tile is 120 million pixels; the ``.keras`` file stays the one source of truth and this module reads
its weights. Several runners may work at once in threads: nothing here holds the interpreter's lock for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products.names import BANDS, CLASSES
from oceanclean.vision.forest import CANDIDATES, LEAST

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

#: Rows that go through the network together: features of a block stay in the cache.
_ROWS = 8
#: Edge of the blocks in which pixels like their surroundings are classified together; divides ``_ROWS``.
_BLOCK = 4
#: Reflectance within which a pixel is like its background: twice the sensor's noise over dark water, a third of the
#: contrast of the faintest annotated debris.
CALM = 0.002


@dataclass(frozen=True)
class _Member:
    """Weights of one network of the ensemble: (kernel (out, in), bias (out, 1)) of each layer."""

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    activation: str

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(class, pixel) of (feature, pixel)."""
        x = features
        for kernel, bias in self.layers[:-1]:
            x = kernel @ x
            x += bias
            if self.activation == "relu":
                np.maximum(x, 0, out=x)
            else:
                x /= 1.0 + np.exp(-x)
        kernel, bias = self.layers[-1]
        return kernel @ x + bias


@dataclass(frozen=True)
class _Deciders:
    """The trees of a model's forest, and when they are asked."""

    tables: tuple[NDArray[Any], ...]
    floor: float

    @classmethod
    def of(cls, layer: Any, presence: NDArray[np.float32]) -> _Deciders | None:
        """None where the model has no forest, or the scene lacks a band."""
        if layer is None or not (presence > 0).all():
            return None
        return cls(layer.tables.walked(), layer.floor)

    def decide(self, features: NDArray[np.float32], logits: NDArray[np.float32]) -> None:
        """Put the trees' opinion in place of the network's logits (class, pixel) of candidate pixels."""
        from oceanclean.vision import compiled as loops

        share = np.exp(logits - logits.max(axis=0))
        asked = np.flatnonzero(share[np.asarray(CANDIDATES) - 1].sum(axis=0) > self.floor * share.sum(axis=0))
        loops.forest_logits(features, asked, *self.tables, np.float32(LEAST), logits)


class Runner:
    """A segmenter for one scene: reflectance (y, x, band) to probabilities (y, x, class).

    Args:
        model: the whole Keras model.
        water: (band,) dark water of the scene.
        presence: (band,) 1 for bands that the scene has, 0 for those that were filled.
        trim: pixels at each edge that are read but not classified.
        tolerance: reflectance by which a pixel may differ from its background in the core bands and still be given
            what a neighbour in its block of 4 × 4 is given; 0 classifies every pixel for itself.
    """

    def __init__(
        self, model: keras.Model, water: NDArray[np.float32], presence: NDArray[np.float32], trim: int = 0,
        tolerance: float = CALM,
    ) -> None:  # fmt: skip
        from oceanclean.vision.model import SpectralFeatures

        layers = {layer.name: layer for layer in model.layers}
        network, calibration = layers["pixel"], layers["calibration"]
        features = network.get_layer("features")
        self._trim, self._tolerance = trim, tolerance
        self._shift = np.asarray(SpectralFeatures.LEVEL, np.float32) - water.astype(np.float32)
        self._members = _members(network, features, presence.astype(np.float32))
        self._forest = _Deciders.of(layers.get("forest"), presence)
        self._temperature, self._offset = (np.asarray(w, np.float32) for w in calibration.get_weights())

    def __call__(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (y − 2 trim, x − 2 trim, class); NaN counts as absent."""
        from oceanclean.vision import compiled as loops

        sums = BoxSums.of(reflectance)
        t, (height, width) = self._trim, reflectance.shape[:2]
        out = np.empty((height - 2 * t, width - 2 * t, len(CLASSES)), np.float32)
        index = np.empty((_ROWS, width - 2 * t), np.int32)
        chosen = np.empty((index.size, 2), np.int32)
        for row in range(t, height - t, _ROWS):
            rows = np.asarray([row, min(row + _ROWS, height - t)])
            count = loops.choose_pixels(
                sums.values, sums.calm, rows, t, _BLOCK, np.float32(self._tolerance), index, chosen
            )
            part = out[row - t : rows[1] - t]
            loops.spread_out(self._probabilities(sums.spectra(chosen[:count])), index[: len(part)], part)
        return out

    def _probabilities(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (class, pixel) of columns of spectra."""
        from oceanclean.vision import compiled as loops
        from oceanclean.vision.model import SpectralFeatures

        features = np.empty((loops.PLAIN_FEATURES, spectra.shape[1]), np.float32)
        work = np.empty((2, spectra.shape[1]), np.float32)
        loops.feature_columns(spectra, self._shift, np.float32(SpectralFeatures.KNEE), work, features)
        logits = self._members[0].logits(features)
        for member in self._members[1:]:
            logits += member.logits(features)
        logits /= len(self._members)
        if self._forest is not None:
            self._forest.decide(features, logits)
        logits /= self._temperature
        logits += self._offset[:, None]
        logits -= logits.max(axis=0)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=0)
        return logits


@dataclass(frozen=True)
class BoxSums:
    """Sums over boxes of one image, as :mod:`~oceanclean.vision.compiled` lays them out.

    Attributes:
        values: (y, x, 1 + band + core) of the pixel itself.
        near: (y, x, 1 + band) over the smallest box.
        mid: (y, x, 1 + 2 core) over the smaller box of spreads.
        far: (y, x, 1 + band + core) over the largest box.
        calm: (y, x, 1 + band) of calm pixels over the background's box.
    """

    values: NDArray[np.float32]
    near: NDArray[np.float32]
    mid: NDArray[np.float32]
    far: NDArray[np.float32]
    calm: NDArray[np.float32]

    @classmethod
    def of(cls, reflectance: NDArray[np.float32]) -> BoxSums:
        """Sums of reflectance (y, x, band); NaN in any band counts as absent."""
        from oceanclean.vision import compiled as loops
        from oceanclean.vision.model import BACKGROUND_BOX, BOXES, SPREAD_BOXES, LocalStatistics

        values = loops.moments(np.ascontiguousarray(reflectance, np.float32), np.float32(LocalStatistics.LEVEL))
        near = loops.box_sum(np.ascontiguousarray(values[..., : 1 + len(BANDS)]), min(BOXES))
        far = loops.box_sum(values, max(BOXES))
        mid = loops.box_sum(loops.near_moments(values), min(SPREAD_BOXES))
        return cls(values, near, mid, far, loops.box_sum(loops.calm_pixels(values, far), BACKGROUND_BOX))

    def spectra(self, chosen: NDArray[np.int32]) -> NDArray[np.float32]:
        """Spectra and variances (quantity, pixel) of pixels (pixel, 2) given by row and column."""
        from oceanclean.vision import compiled as loops
        from oceanclean.vision.model import BOXES, SPREAD_BOXES, LocalStatistics

        sizes = np.asarray([min(BOXES) ** 2, min(SPREAD_BOXES) ** 2, max(BOXES) ** 2], np.float32)
        out = np.empty((loops.QUANTITIES, len(chosen)), np.float32)
        level = np.float32(LocalStatistics.LEVEL)
        loops.spectra_at(chosen, self.values, self.near, self.mid, self.far, self.calm, sizes, level, out)
        return out


def pixel_statistics(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the layer ``LocalStatistics`` computes: (y, x, statistic) of reflectance (y, x, band)."""
    from oceanclean.vision.features import CORE_BANDS
    from oceanclean.vision.model import BOXES, SPREAD_BOXES, Statistics

    height, width = reflectance.shape[:2]
    chosen = np.stack(np.divmod(np.arange(height * width, dtype=np.int32), np.int32(width)), axis=1)
    columns = BoxSums.of(reflectance).spectra(np.ascontiguousarray(chosen))
    n, m = len(BANDS), len(CORE_BANDS)
    pixel, near, far, background = (columns[n * i : n * (i + 1)].T for i in range(4))
    spreads = np.sqrt(np.maximum(columns[4 * n :], 0.0) + 1e-10).T
    means = dict(zip((min(BOXES), max(BOXES)), (near, far), strict=True))
    whole = Statistics(pixel, means, dict(zip(SPREAD_BOXES, (spreads[:, :m], spreads[:, m:]), strict=True)), background)
    joined: NDArray[np.float32] = whole.join().reshape(height, width, -1)
    return joined


def _members(network: Any, features: Any, presence: NDArray[np.float32]) -> list[_Member]:
    """Weights of each member, with standardisation and the flags of present bands folded into the first layer."""
    by_name = {layer.name: layer for layer in network.layers}
    members = []
    for k in range(sum(name.endswith("_logits") and name.startswith("member") for name in by_name)):
        hidden = sorted((n for n in by_name if n.startswith(f"member{k}_hidden")), key=lambda n: int(n[-1]))
        layers = [by_name[n].get_weights() for n in (*hidden, f"member{k}_logits")]
        kernel, bias = layers[0]
        layers[0] = _folded(kernel, bias, features, presence)
        activation = by_name[hidden[0]].get_config()["activation"]
        turned = tuple((np.ascontiguousarray(a.T, np.float32), np.asarray(b, np.float32)[:, None]) for a, b in layers)
        members.append(_Member(turned, activation if isinstance(activation, str) else "silu"))
    return members


def _folded(
    kernel: NDArray[np.float32], bias: NDArray[np.float32], features: Any, presence: NDArray[np.float32]
) -> list[NDArray[np.float64]]:
    """Kernel and bias of a layer that reads raw features, equal to the first that reads standardised ones and flags."""
    mean, scale = np.asarray(features.mean, np.float64), np.asarray(features.scale, np.float64)
    plain = kernel[: len(mean)] / scale[:, None]
    return [plain, bias - mean @ plain + (presence - 1.0) @ kernel[len(mean) :].astype(np.float64)]
