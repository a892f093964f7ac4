"""What a detector finds in labelled tiles: each seen alone, or cut from what it found in the scene around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.detector.boxes import inside
from oceanclean.vision.detector.canvases import Canvas, canvases
from oceanclean.vision.detector.decoding import Found
from oceanclean.vision.detector.finders import Finder
from oceanclean.vision.detector.scoring import ScoredImage

if TYPE_CHECKING:
    from oceanclean.vision.detector.boxsets import LabelledImage

#: Pixels of the shorter edge below which what a tile's edge leaves of a box is not listed.
_SLIVER_PX = 2.0
_CANVASES_AT_ONCE = 32


def score_canvases(detector: Finder, scenes: Sequence[Canvas]) -> list[ScoredImage]:
    """Truth and findings of every tile of the scenes, in the pixels of the tile."""
    out: list[ScoredImage] = []
    for start in range(0, len(scenes), _CANVASES_AT_ONCE):
        part = scenes[start : start + _CANVASES_AT_ONCE]
        for scene, found in zip(part, detector.find_images([c.pixels for c in part]), strict=True):
            out += _tiles(scene, found)
    return out


def score_in_scene(
    detector: Finder, images: Sequence[LabelledImage], alone: Sequence[ScoredImage], scale: float
) -> list[ScoredImage]:
    """The same where tiles of a scene are put together first; a tile without neighbours keeps what it had alone.

    Args:
        detector: looks.
        images: the tiles.
        alone: what was found in each, in the same order.
        scale: pixels looked at for each pixel of a tile.
    """
    scenes = [c for c in canvases(images, scale=scale) if len(c.tiles) > 1]
    joined = {tile.path for scene in scenes for tile in scene.tiles}
    lone = [found for image, found in zip(images, alone, strict=True) if image.path not in joined]
    return score_canvases(detector, scenes) + lone


def _tiles(scene: Canvas, found: Found) -> Iterator[ScoredImage]:
    for tile, (left, top) in zip(scene.tiles, scene.corners, strict=True):
        yield _tile(tile, scene.scale, (left, top), found)


def _tile(tile: LabelledImage, scale: float, corner: tuple[int, int], found: Found) -> ScoredImage:
    left, top = corner
    window = (left, top, left + tile.width * scale, top + tile.height * scale)
    boxes, kept = inside(found.boxes, window, _SLIVER_PX)
    return ScoredImage(
        tile.scene, tile.boxes, tile.labels, (boxes / scale).astype(np.float32), found.scores[kept], found.labels[kept]
    )
