"""The segmenter: a pixel model with local context, in Keras 3 and ``keras.ops`` alone.

What a pixel looks like against the water around it says more about debris than any learned texture (on MARIDA,
trees on local anomalies beat every published net on debris). So the spatial part of the model is fixed: means of
11 bands in boxes of 3 to 61 pixels, and the spread and the dark background of six. A small network reads these
and gives eleven calibrated probabilities. Everything, normalisation included, lives inside one ``.keras`` file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from oceanclean.products.names import BANDS, CLASSES
from oceanclean.vision.features import CORE_BANDS, INDEX_NAMES, RATIOS, TARGET_RATIOS, indices, target_spectrum

#: Edges of the boxes over which local means are taken, in pixels of 10 m.
BOXES: tuple[int, ...] = (3, 31)
#: Boxes for the local spread (standard deviation) of the core bands.
SPREAD_BOXES: tuple[int, ...] = (7, 31)
#: Box of the background: the local mean of the pixels that are not brighter than their surroundings.
BACKGROUND_BOX = 31
#: Bands whose sum tells background from what floats on it; all core, so that a filled band never moves the line.
BACKGROUND_BANDS: tuple[str, ...] = ("B4", "B8", "B11")
#: Pixels from which a window's edge no longer shows: half the largest box, or the background's two in a row.
RADIUS = max(max(BOXES) // 2, 2 * (BACKGROUND_BOX // 2))
_CORE = [BANDS.index(b) for b in CORE_BANDS]
_BRIGHT = [BANDS.index(b) for b in BACKGROUND_BANDS]
#: Local statistics a pixel: itself, box means, spreads, background.
STATISTICS = len(BANDS) * (2 + len(BOXES)) + len(_CORE) * len(SPREAD_BOXES)


@dataclass(frozen=True)
class SegmenterConfig:
    """Shape of the network.

    Attributes:
        hidden: units of each hidden layer.
        dropout: share of hidden units dropped in training.
        members: networks side by side whose logits are averaged.
        activation: of the hidden units; ``relu`` costs nothing, the exponential of ``silu`` as much as a layer.
    """

    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.1
    members: int = 1
    activation: str = "relu"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@keras.saving.register_keras_serializable(package="oceanclean")
class LocalStatistics(keras.layers.Layer):
    """Reflectance (batch, y, x, band) to local statistics (batch, y, x, statistic); no weights.

    A pixel with a NaN in any band counts as absent: it gives nothing to its neighbours' means, and its own values
    are those of its surroundings.
    """

    #: Reflectance near that of dark water.
    LEVEL = 0.02

    def call(self, reflectance: Any) -> Any:
        """Compute the statistics; see the class."""
        finite = ops.all(ops.isfinite(reflectance), axis=-1, keepdims=True)
        weight = ops.cast(finite, reflectance.dtype)
        x = ops.where(finite, reflectance, ops.zeros_like(reflectance))
        share = {k: ops.maximum(self._box(weight, k), 1e-6) for k in {*BOXES, *SPREAD_BOXES}}
        means = {k: self._box(x, k) / share[k] for k in BOXES}
        x = ops.where(finite, x, means[max(BOXES)])
        core = ops.take(x, np.asarray(_CORE), axis=-1)
        # Against a fixed level near that of water, so that float32 does not lose a small spread in a bright mean.
        deviation = (core - self.LEVEL) * weight
        spreads = []
        for k in SPREAD_BOXES:
            first = self._box(deviation, k) / share[k]
            spreads.append(ops.sqrt(ops.maximum(self._box(deviation**2, k) / share[k] - first**2, 0.0) + 1e-10))
        background = self._background(x, means[BACKGROUND_BOX], weight)
        return ops.concatenate([x, *(means[k] for k in BOXES), *spreads, background], axis=-1)

    @classmethod
    def _background(cls, x: Any, surroundings: Any, weight: Any) -> Any:
        """Mean spectrum of the neighbours that are not brighter than their own surroundings: water, not debris.

        One set of pixels for all bands, so that what is left above it is the spectrum of the target itself.
        """
        above = ops.sum(ops.take(x - surroundings, np.asarray(_BRIGHT), axis=-1), axis=-1, keepdims=True)
        calm = weight * ops.cast(above <= 0, x.dtype)
        share = cls._box(calm, BACKGROUND_BOX)
        # Where nothing is calm (a window of no-data), the surroundings stand in.
        return ops.where(share > 1e-4, cls._box(x * calm, BACKGROUND_BOX) / ops.maximum(share, 1e-4), surroundings)

    @staticmethod
    def _box(x: Any, size: int) -> Any:
        """Mean over a box of ``size``² pixels; outside the window counts as zero."""
        channels = x.shape[-1]
        kernel = np.full((size, 1, channels, 1), 1.0 / size, dtype=np.float32)
        x = ops.depthwise_conv(x, kernel, padding="same")
        return ops.depthwise_conv(x, kernel.transpose(1, 0, 2, 3), padding="same")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, y, x, statistic)."""
        return (*input_shape[:-1], STATISTICS)


@dataclass(frozen=True)
class Statistics:
    """Views into an array of local statistics (..., statistic)."""

    pixel: Any
    means: dict[int, Any]
    spreads: dict[int, Any]
    background: Any

    @classmethod
    def split(cls, values: Any) -> Statistics:
        """Split (..., statistic) as :class:`LocalStatistics` laid it out."""
        n, m = len(BANDS), len(_CORE)
        means = {k: values[..., n * (i + 1) : n * (i + 2)] for i, k in enumerate(BOXES)}
        at = n * (1 + len(BOXES))
        spreads = {k: values[..., at + m * i : at + m * (i + 1)] for i, k in enumerate(SPREAD_BOXES)}
        return cls(values[..., :n], means, spreads, values[..., at + m * len(SPREAD_BOXES) :])

    def join(self) -> Any:
        """Inverse of :meth:`split`, for NumPy."""
        return np.concatenate([self.pixel, *self.means.values(), *self.spreads.values(), self.background], axis=-1)


@keras.saving.register_keras_serializable(package="oceanclean")
class SpectralFeatures(keras.layers.Layer):
    """Local statistics, dark water and band presence to standardised features; no trained weights.

    Args:
        mean: mean of each feature over the training pixels, or None before :meth:`adapt`.
        scale: its standard deviation.
    """

    #: Reflectance at which the compression of an anomaly begins: linear below, square root above.
    KNEE = 0.005
    #: Dark water to which every scene is shifted: mean level of the training scenes is of no matter, only that it
    #: is one level for all (ratios need it).
    LEVEL = (0.039, 0.033, 0.025, 0.018, 0.015, 0.014, 0.015, 0.012, 0.014, 0.008, 0.005)

    def __init__(
        self, mean: list[float] | None = None, scale: list[float] | None = None, compression: str = "asinh",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.mean, self.scale, self.compression = mean, scale, compression

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "compression": self.compression}

    def call(self, inputs: tuple[Any, Any, Any]) -> Any:
        """Compute features from (statistics, water, presence)."""
        values, water, presence = inputs
        features = self.raw(values, water, ops, self.compression)
        if self.mean is not None:
            features = (features - np.asarray(self.mean, np.float32)) * (1.0 / np.asarray(self.scale, np.float32))
        flags = ops.broadcast_to(presence, (*ops.shape(features)[:-1], len(BANDS)))
        return ops.concatenate([features, flags - 1.0], axis=-1)

    @classmethod
    def raw(cls, values: Any, water: Any, xp: Any = np, compression: str = "sqrt") -> Any:
        """Unstandardised features (..., feature) of statistics (..., statistic) and water (..., band)."""
        s = Statistics.split(values)
        shift = np.asarray(cls.LEVEL, dtype=np.float32) - water
        pixel, background, above = s.pixel + shift, s.background + shift, s.pixel - s.background

        root = xp.rsqrt if hasattr(xp, "rsqrt") else lambda x: 1.0 / xp.sqrt(x)

        def compress(x: Any) -> Any:
            if compression == "asinh":
                return xp.arcsinh(x / cls.KNEE)
            return x * root(xp.abs(x) + cls.KNEE)

        parts = [compress(pixel), compress(background), compress(above)]
        parts += [compress(s.pixel - m) for m in s.means.values()]
        parts += [xp.log(spread + 1e-4) for spread in s.spreads.values()]
        # The 10 m bands of a target smaller than 20 m stand higher than the others: three pixels' mean levels them.
        parts += [*target_spectrum(above, xp), *target_spectrum(s.means[3] - s.background, xp)]
        for index in (indices(pixel, xp), indices(background, xp)):
            parts += [index[..., : len(RATIOS)], compress(index[..., len(RATIOS) :])]
        return xp.concatenate(parts, axis=-1)

    def adapt(self, values: np.ndarray, water: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Set mean and scale from training pixels (pixel, statistic) and their scenes' water (pixel, band)."""
        features = self.raw(values.astype(np.float32), water.astype(np.float32), np, self.compression)
        mean = np.average(features, axis=0, weights=weights)
        spread = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
        self.mean = [float(v) for v in mean]
        self.scale = [float(max(v, 1e-3)) for v in spread]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """(..., feature)."""
        return (*input_shape[0][:-1], FEATURES)


#: Features a pixel, presence flags included.
FEATURES = (
    len(BANDS) * (4 + len(BOXES)) + len(_CORE) * len(SPREAD_BOXES) + 2 * len(INDEX_NAMES)
    + 2 * (len(BANDS) + 1 + len(TARGET_RATIOS))
)  # fmt: skip


@keras.saving.register_keras_serializable(package="oceanclean")
class Calibration(keras.layers.Layer):
    """Logits to calibrated logits: one temperature, one offset a class, set after training from held-out scenes."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the two constants."""
        self.temperature = self.add_weight(shape=(), initializer="ones", trainable=False, name="temperature")
        self.offset = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="offset")

    def call(self, logits: Any) -> Any:
        """Logits / temperature + offset."""
        return logits / self.temperature + self.offset


def build_pixel_model(config: SegmenterConfig, features: SpectralFeatures) -> keras.Model:
    """Network from local statistics (y, x, statistic), water (band) and presence (band) to logits (y, x, class)."""
    statistics = keras.Input((None, None, STATISTICS), name="statistics")
    water = keras.Input((len(BANDS),), name="water")
    presence = keras.Input((len(BANDS),), name="presence")
    spread = keras.layers.Reshape((1, 1, len(BANDS)))
    x = features((statistics, spread(water), spread(presence)))
    members = []
    for member in range(config.members):
        h = x
        for i, units in enumerate(config.hidden):
            h = keras.layers.Dense(units, activation=config.activation, name=f"member{member}_hidden{i}")(h)
            if config.dropout:
                h = keras.layers.Dropout(config.dropout, name=f"member{member}_dropout{i}")(h)
        members.append(keras.layers.Dense(len(CLASSES), name=f"member{member}_logits")(h))
    logits = members[0] if len(members) == 1 else keras.layers.Average(name="logits")(members)
    return keras.Model([statistics, water, presence], logits, name="pixel")


def build_segmenter(pixel_model: keras.Model, forest: keras.layers.Layer | None = None) -> keras.Model:
    """Whole model: reflectance (y, x, band), water (band), presence (band) to probabilities (y, x, class).

    Args:
        pixel_model: the network.
        forest: :class:`~oceanclean.vision.deciding.Forest` that decides about candidate pixels, or None.
    """
    reflectance = keras.Input((None, None, len(BANDS)), name="reflectance")
    water = keras.Input((len(BANDS),), name="water")
    presence = keras.Input((len(BANDS),), name="presence")
    statistics = LocalStatistics(name="local_statistics")(reflectance)
    logits = pixel_model([statistics, water, presence])
    if forest is not None:
        spread = keras.layers.Reshape((1, 1, len(BANDS)))
        logits = forest((logits, statistics, spread(water), spread(presence)))
    probabilities = keras.layers.Softmax(name="probability")(Calibration(name="calibration")(logits))
    return keras.Model([reflectance, water, presence], probabilities, name="segmenter")
