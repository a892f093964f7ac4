"""Tiles: a scene of any size through the network in bounded memory, without a seam.

The network looks ``radius`` pixels far. Each tile is read with an overlap of more than that and only the part whose
surroundings were complete is kept, so that the tiled result *is* the result on the whole scene: there is nothing to
feather. A network with a wider view carries a larger radius on its card and the overlap must follow.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from oceanclean.errors import SettingsError
from oceanclean.products.names import BANDS
from oceanclean.vision.features import fill_absent_bands

if TYPE_CHECKING:
    import rasterio
    from numpy.typing import NDArray

    from oceanclean.products.scene import SceneRef

Result = TypeVar("Result")


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
    """

    tile: Tile
    reflectance: NDArray[np.float32]
    valid: NDArray[np.bool_]
    scl: NDArray[np.uint8] | None


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


def predict_tiles(
    scene: SceneRef,
    work: Callable[[TileView], Result],
    wanted: Sequence[Tile],
    *,
    size: int,
    overlap: int,
    workers: int,
) -> Iterator[tuple[Tile, Result]]:
    """Read tiles and work on them in threads; results come in the order of the tiles.

    Args:
        scene: what they are cut from.
        work: what is done with a tile; must not touch what another tile's work touches.
        wanted: tiles.
        size: edge of a whole tile, pixels.
        overlap: pixels read beyond each edge.
        workers: tiles worked on at once.
    """
    from threadpoolctl import threadpool_limits

    def one(tile: Tile) -> Result:
        # A handle of GDAL belongs to the thread that opened it; opening anew takes a millisecond.
        with scene.open() as source:
            view = read_tile(scene, source, tile, size, overlap)
        return work(view)

    # One thread a tile: threads of the linear algebra inside would only stand in each other's way.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[Tile, Future[Result]]] = deque()
        for tile in wanted:
            waiting.append((tile, pool.submit(one, tile)))
            # A few ahead, never all: results wait in memory.
            if len(waiting) > 2 * workers:
                first, result = waiting.popleft()
                yield first, result.result()
        while waiting:
            first, result = waiting.popleft()
            yield first, result.result()


def worker_count(asked: int) -> int:
    """Tiles to work on at once: as asked, or one a core, four at most since each takes 0.2 GiB."""
    if asked:
        return asked
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 4)


def check_overlap(overlap: int, radius: int) -> None:
    """Refuse an overlap that would leave seams.

    Raises:
        SettingsError: it is smaller than the model's radius and the halo for the gates.
    """
    if overlap < radius + HALO:
        raise SettingsError("config/models/segmenter.yaml", "overlap", overlap, f"at least {radius + HALO} pixels",
                            "The model looks that far; a smaller overlap leaves seams.")  # fmt: skip
