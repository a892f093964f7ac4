"""Scenes put together again: tiles of one scene on one canvas, and boxes that a tile's edge cut joined.

Labels were drawn on whole scenes and cut with the tiles, so more than half of the boxes end at a tile's edge. On the
canvas a window may lie anywhere, and an object that a tile's edge cut is seen whole where its neighbour is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.detector.boxsets import TILE_NAME, LabelledImage, read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Canvas:
    """One scene, or one connected part of it.

    Attributes:
        pixels: uint8 (y, x, 3); black where no tile lies.
        boxes: float32 (box, 4), pixels of the canvas, joined across tiles.
        labels: int (box,).
        corners: left and top pixel of each tile.
        tiles: the tiles, in the same order.
        scale: pixels of the canvas for each pixel of a tile.
    """

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    corners: list[tuple[int, int]] = field(default_factory=list)
    tiles: list[LabelledImage] = field(default_factory=list)
    scale: float = 1.0

    def scaled(self, scale: float) -> Canvas:
        """The same scene enlarged or reduced."""
        if scale == 1:
            return self
        pixels = resized(self.pixels, scale)
        corners = [(round(x * scale), round(y * scale)) for x, y in self.corners]
        return Canvas(pixels, (self.boxes * scale).astype(np.float32), self.labels, corners, self.tiles, scale)


def resized(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """An image (y, x, 3) enlarged (bilinear) or reduced (averaged) by a factor."""
    from PIL import Image

    if scale == 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def canvases(images: Sequence[LabelledImage], *, alone: bool = False, scale: float = 1.0) -> list[Canvas]:
    """Put tiles of the same scene that touch each other on one canvas; any other image is a canvas of its own.

    Args:
        images: labelled images of any set.
        alone: leave every tile alone.
        scale: enlarge or reduce them.
    """
    scenes: dict[tuple[str, str], dict[tuple[int, int], LabelledImage]] = {}
    out: list[Canvas] = []
    for image in images:
        name = TILE_NAME.match(image.path.stem)
        if alone or not name or image.width != image.height:
            out.append(Canvas(read_image(image.path), image.boxes, image.labels, [(0, 0)], [image]))
        else:
            key = (name["scene"], f"{name['zoom']} {image.width}")
            scenes.setdefault(key, {})[int(name["x"]), int(name["y"])] = image
    for tiles in scenes.values():
        out += [_canvas({k: tiles[k] for k in part}) for part in _touching(set(tiles))]
    return [c.scaled(scale) for c in out]


def _touching(cells: set[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Cells in groups that hang together by an edge or a corner."""
    left, parts = set(cells), []
    while left:
        stack, part = [min(left)], []
        left.remove(stack[0])
        while stack:
            x, y = stack.pop()
            part.append((x, y))
            near = [(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (x + i, y + j) in left]
            left.difference_update(near)
            stack += near
        parts.append(sorted(part))
    return parts


def _canvas(tiles: dict[tuple[int, int], LabelledImage]) -> Canvas:
    edge = next(iter(tiles.values())).width
    west, north = min(x for x, _ in tiles), min(y for _, y in tiles)
    wide, high = max(x for x, _ in tiles) - west + 1, max(y for _, y in tiles) - north + 1
    pixels = np.zeros((high * edge, wide * edge, 3), np.uint8)
    corners, boxes, labels = [], [], []
    for (x, y), tile in tiles.items():
        left, top = (x - west) * edge, (y - north) * edge
        pixels[top : top + edge, left : left + edge] = read_image(tile.path)
        corners.append((left, top))
        boxes.append(tile.boxes + np.array([left, top, left, top], np.float32))
        labels.append(tile.labels)
    joined, kinds = join_cut_boxes(np.concatenate(boxes), np.concatenate(labels), edge)
    return Canvas(pixels, joined, kinds, corners, list(tiles.values()))


def join_cut_boxes(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], edge: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Join boxes of one class that end at the same tile edge, from both sides, with the same extent along it.

    Args:
        boxes: (box, 4) pixels of the canvas.
        labels: (box,).
        edge: pixels of a tile's edge.
    """
    out = [b.copy() for b in boxes]
    kinds = [int(k) for k in labels]
    axis_pairs = ((0, 1), (1, 0))
    again = True
    while again:
        again = False
        for axis, along in axis_pairs:
            pair = _cut_pair(out, kinds, edge, axis, along)
            if pair is not None:
                i, j = pair
                both = np.stack([out[i], out[j]])
                out[i] = np.concatenate([both[:, :2].min(axis=0), both[:, 2:].max(axis=0)])
                del out[j], kinds[j]
                again = True
    return np.array(out, np.float32).reshape(-1, 4), np.array(kinds, np.int64)


def _cut_pair(
    boxes: list[NDArray[np.float32]], kinds: list[int], edge: int, axis: int, along: int
) -> tuple[int, int] | None:
    """Two boxes that meet at a tile edge across an axis and have the same extent along it, to two pixels."""
    table = np.array(boxes, np.float32).reshape(-1, 4)
    ends = np.flatnonzero(_at_edge(table[:, axis + 2], edge))
    starts = np.flatnonzero(_at_edge(table[:, axis], edge))
    for i in ends:
        for j in starts:
            meet = abs(table[i, axis + 2] - table[j, axis]) < 1.5
            same = np.abs(table[i, [along, along + 2]] - table[j, [along, along + 2]]).max() < 2.0
            if i != j and meet and same and kinds[i] == kinds[j]:
                return int(i), int(j)
    return None


def _at_edge(values: NDArray[np.float32], edge: int) -> NDArray[np.bool_]:
    # The set counts pixels inclusively: a box cut at the right edge of a tile of 256 ends at 255.
    return np.abs(values - np.round(values / edge) * edge) < 1.25
