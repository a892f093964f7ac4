"""Finding boxes with trees: a heat map of cells, candidates of it and of the anomalies, sides moved, fit judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.detector.box_features import TURNS, TurnedMaps, box_features, turned_boxes, turned_maps
from oceanclean.vision.detector.box_maps import (
    CELL,
    WINDOW,
    cell_features,
    padded,
    window_features,
    window_maps,
)
from oceanclean.vision.detector.boxes import clip, suppress
from oceanclean.vision.detector.candidates import GRID, candidate_boxes, distinct
from oceanclean.vision.detector.decoding import DecodingSettings, Found
from oceanclean.vision.detector.network import NO_DATA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.detector.boosting import BoostedTables
    from oceanclean.vision.detector.tree_model import BoxTrees

#: Shares of its edge by which a side may be moved in one step: outwards and inwards.
_OUT, _IN = -0.8, 0.45
#: Overlap of two boxes above which one is enough: after the first step, and of those that are judged.
_AFTER_STEP, _JUDGED = 0.8, 0.85
#: Every so manyth candidate is judged as it was, too.
_UNMOVED = 4
_SHORTEST = 2.0


@dataclass(frozen=True)
class WindowView:
    """What trees look at in one window.

    Attributes:
        shape: (y, x) of the window, pixels.
        cells: float32 (row, column, feature) at every :data:`~.box_maps.CELL` pixels.
        bright: float32 (row, column), anomaly on the grid of candidates.
        red: the same, of red against blue.
        window: float32 (feature,), what holds for the whole window.
    """

    shape: tuple[int, int]
    cells: NDArray[np.float32]
    bright: NDArray[np.float32]
    red: NDArray[np.float32]
    window: NDArray[np.float32]

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> WindowView:
        """View of a window (y, x, 3)."""
        maps = window_maps(padded(pixels))
        shape = (maps.light.shape[0], maps.light.shape[1])
        return cls(shape, cell_features(maps), _pooled(maps.bright), _pooled(maps.red), window_features(maps))

    def candidates(self, heat: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[TurnedMaps]]:
        """Candidate boxes (box, 4), and the turned maps of which their features come.

        Args:
            heat: (row, column) of the cells, probability of lying in a box.
        """
        from scipy.ndimage import zoom

        fine = zoom(heat, CELL / GRID, order=1, grid_mode=True, mode="nearest")
        return candidate_boxes(self.bright, fine), turned_maps(self.bright, self.red, fine, self.window)

    def heat(self, table: BoostedTables) -> NDArray[np.float32]:
        """Probability (row, column) of every cell that it lies in a box."""
        rows, columns, features = self.cells.shape
        return table.probability(self.cells.reshape(-1, features)).reshape(rows, columns)


def _pooled(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    high, wide = plane.shape[0] // GRID, plane.shape[1] // GRID
    return np.asarray(plane.reshape(high, GRID, wide, GRID).mean(axis=(1, 3)), np.float32)


def moved(
    side: BoostedTables, maps: Sequence[TurnedMaps], boxes: NDArray[np.float32], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Boxes with each side moved to where the trees see it, once."""
    if not len(boxes):
        return boxes
    step = []
    for turn in range(TURNS):
        turned = turned_boxes(boxes, turn, shape)
        share = np.clip(side.predict(box_features(maps[turn], turned)), _OUT, _IN)
        step.append(share * (turned[:, 2] - turned[:, 0]))
    # The left side of turn 0, 1, 2 and 3 is the left, top, right and bottom side of the window.
    signed = np.stack([step[0], step[1], -step[2], -step[3]], axis=1)
    return clip((boxes + signed).astype(np.float32), (0, 0, shape[1], shape[0]))


def judged_boxes(
    side: BoostedTables, maps: Sequence[TurnedMaps], candidates: NDArray[np.float32], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Boxes to be judged (box, 4): candidates moved twice, and some as they were."""
    rng = np.random.default_rng(0)
    once = distinct(moved(side, maps, candidates, shape), _AFTER_STEP, _SHORTEST, rng)
    twice = moved(side, maps, once, shape)
    return distinct(np.concatenate([twice, candidates[::_UNMOVED]]), _JUDGED, _SHORTEST, rng)


def fits(
    table: BoostedTables, maps: Sequence[TurnedMaps], boxes: NDArray[np.float32], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """How well boxes fit (box,), 0 to 1: mean over the turned copies."""
    if not len(boxes):
        return np.zeros(0, np.float32)
    seen = [table.predict(box_features(maps[t], turned_boxes(boxes, t, shape))) for t in range(TURNS)]
    return np.clip(np.mean(seen, axis=0), 0, 1).astype(np.float32)


class TreeFinder:
    """Finds boxes in images of any size by trees, in windows of a tile's size.

    Args:
        trees: the ensembles.
        settings: of reading; ``overlap``, ``iou``, ``contained``, ``lowest`` and ``most`` hold here too.
    """

    def __init__(self, trees: BoxTrees, settings: DecodingSettings | None = None) -> None:
        self.trees, self.settings = trees, settings or DecodingSettings()

    def detect(self, pixels: NDArray[np.uint8]) -> Found:
        """Objects in an RGB image (y, x, 3), best first."""
        parts = [self._seen(pixels, x, y) for x, y in window_corners(pixels, self.settings.overlap)]
        boxes = np.concatenate([np.zeros((0, 4), np.float32), *(b for b, _ in parts)])
        scores = np.concatenate([np.zeros(0, np.float32), *(s for _, s in parts)])
        boxes = clip(boxes, (0, 0, pixels.shape[1], pixels.shape[0]))
        listed = (scores >= self.settings.lowest) & (np.minimum(*(boxes[:, 2:] - boxes[:, :2]).T) >= 1)
        boxes, scores = boxes[listed], scores[listed]
        kept = suppress(boxes, scores, self.settings.iou, self.settings.contained)
        kept = kept[: self.settings.most * max(1, len(parts))]
        return Found(boxes[kept], scores[kept], np.zeros(len(kept), np.int64))

    def find_images(self, images: Sequence[NDArray[np.uint8]]) -> Iterator[Found]:
        """Objects of images, one after the other."""
        yield from map(self.detect, images)

    def _seen(self, pixels: NDArray[np.uint8], x: int, y: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes of one window in pixels of the image, and how well they fit."""
        view = WindowView.of(pixels[y : y + WINDOW, x : x + WINDOW])
        candidates, maps = view.candidates(view.heat(self.trees.heat))
        boxes = judged_boxes(self.trees.side, maps, candidates, view.shape)
        return boxes + np.array([x, y, x, y], np.float32), fits(self.trees.fit, maps, boxes, view.shape)


def window_corners(pixels: NDArray[np.uint8], overlap: int) -> list[tuple[int, int]]:
    """Corners (x, y) of the windows of an image; windows without data are left out, unless there is no other."""
    rows, columns = (_starts(n, WINDOW - min(overlap, WINDOW - CELL)) for n in pixels.shape[:2])
    corners = [(x, y) for y in rows for x in columns]
    return [(x, y) for x, y in corners if pixels[y : y + WINDOW, x : x + WINDOW].max() > NO_DATA] or corners[:1]


def _starts(length: int, step: int) -> list[int]:
    return [0] if length <= WINDOW else [*range(0, length - WINDOW, step), length - WINDOW]
