"""Tiles: a scene of any size through the network in bounded memory, without a seam.

The network looks ``radius`` pixels far. Each tile is read with an overlap of more than that and only the part whose
surroundings were complete is kept, so that the tiled result *is* the result on the whole scene: there is nothing to
feather. A network with a wider view carries a larger radius on its card and the overlap must follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import SettingsError
from oceanclean.products.names import BANDS
from oceanclean.vision.features import fill_absent_bands

if TYPE_CHECKING:
    import rasterio
    from numpy.typing import NDArray

    from oceanclean.products.scene import SceneRef
    from oceanclean.vision.zoo import LoadedSegmenter


@dataclass(frozen=True)
class Tile:
    """Kept part of a tile, in pixels of the scene."""

    row: int
    column: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns in the scene."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)


@dataclass
class TileView:
    """A tile with its surroundings, padded with NaN to one shape.

    Attributes:
        tile: the part to keep.
        reflectance: (y, x, band) float32, absent bands filled, NaN where there is no measurement.
        valid: (y, x).
        scl: (y, x) scene classification, or None.
        probability: (y, x, class), once predicted.
    """

    tile: Tile
    reflectance: NDArray[np.float32]
    valid: NDArray[np.bool_]
    scl: NDArray[np.uint8] | None
    probability: NDArray[np.float32] | None = None


def tiles(height: int, width: int, size: int) -> list[Tile]:
    """Cut a raster into tiles, row by row."""
    return [
        Tile(row, column, min(size, height - row), min(size, width - column))
        for row in range(0, height, size)
        for column in range(0, width, size)
    ]


def read_tile(scene: SceneRef, source: rasterio.io.DatasetReader, tile: Tile, size: int, overlap: int) -> TileView:
    """Read a tile and its surroundings; what lies outside the raster is NaN."""
    from rasterio.windows import Window

    edge = size + 2 * overlap
    top, left = tile.row - overlap, tile.column - overlap
    first_row, first_column = max(top, 0), max(left, 0)
    window = Window(
        first_column,
        first_row,
        min(left + edge, source.width) - first_column,
        min(top + edge, source.height) - first_row,
    )
    values, good = scene.read(source, window)
    inside = (slice(first_row - top, first_row - top + window.height),
              slice(first_column - left, first_column - left + window.width))  # fmt: skip
    reflectance = np.full((edge, edge, len(BANDS)), np.nan, np.float32)
    valid = np.zeros((edge, edge), bool)
    filled = fill_absent_bands(values.transpose(1, 2, 0), tuple(scene.bands))
    reflectance[inside] = np.where(good[..., None], filled, np.nan)
    valid[inside] = good
    scl = None
    if scene.scl_band is not None:
        scl = np.zeros((edge, edge), np.uint8)
        scl[inside] = source.read(scene.scl_band, window=window)
    return TileView(tile, reflectance, valid, scl)


#: Pixels around a tile that are classified too: clouds at its edge cast their margin inward.
HALO = 8


class Predictor:
    """The network as one compiled function of a batch of tiles.

    Args:
        segmenter: the model.
        water: (band,) dark water of the scene.
        present: bands that the scene has.
        trim: pixels at each edge whose surroundings are incomplete: read, but not classified.
    """

    def __init__(
        self, segmenter: LoadedSegmenter, water: NDArray[np.float32], present: Sequence[str], trim: int = 0
    ) -> None:
        self._water = water.astype(np.float32)
        self._presence = np.asarray([b in present for b in BANDS], np.float32)
        self._trim = trim
        self._call = compiled(segmenter.model, trim)

    def __call__(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (tile, y, x, class) of reflectance (tile, y, x, band), 0 in the trimmed edge."""
        n, t = len(reflectance), self._trim
        water, presence = np.tile(self._water, (n, 1)), np.tile(self._presence, (n, 1))
        inner = np.asarray(self._call(reflectance, water, presence))
        return np.pad(inner, ((0, 0), (t, t), (t, t), (0, 0))) if t else inner


def compiled(model: Any, trim: int = 0) -> Callable[..., Any]:
    """The model as a function of (reflectance, water, presence), compiled once where the backend is TensorFlow.

    Only local statistics need the surroundings; the network itself looks at single pixels and is spared the edge.
    """
    import keras

    known = model.__dict__.setdefault("_oceanclean_calls", {})
    if trim not in known:
        call = _trimmed(model, trim)
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            call = tf.function(call, reduce_retracing=True)
        known[trim] = call
    return known[trim]


def _trimmed(model: Any, trim: int) -> Callable[..., Any]:
    if not trim:
        return lambda r, w, p: model([r, w, p], training=False)
    layers = {layer.name: layer for layer in model.layers}

    def call(reflectance: Any, water: Any, presence: Any) -> Any:
        statistics = layers["local_statistics"](reflectance)[:, trim:-trim, trim:-trim]
        logits = layers["pixel"]([statistics, water, presence], training=False)
        return layers["probability"](layers["calibration"](logits))

    return call


def predict_tiles(
    scene: SceneRef,
    source: rasterio.io.DatasetReader,
    predictor: Predictor,
    wanted: Sequence[Tile],
    *,
    size: int,
    overlap: int,
    batch: int,
) -> Iterator[TileView]:
    """Read, predict and yield tiles; those without a single measurement are not predicted."""
    for start in range(0, len(wanted), batch):
        views = [read_tile(scene, source, tile, size, overlap) for tile in wanted[start : start + batch]]
        seen = [v for v in views if v.valid.any()]
        if seen:
            for view, probability in zip(seen, predictor(np.stack([v.reflectance for v in seen])), strict=True):
                view.probability = probability
        yield from views


def check_overlap(overlap: int, radius: int) -> None:
    """Refuse an overlap that would leave seams.

    Raises:
        SettingsError: it is smaller than the model's radius and the halo for the gates.
    """
    if overlap < radius + HALO:
        raise SettingsError("config/models/segmenter.yaml", "overlap", overlap, f"at least {radius + HALO} pixels",
                            "The model looks that far; a smaller overlap leaves seams.")  # fmt: skip
