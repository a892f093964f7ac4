"""Features of candidate boxes: means over parts of a box and strips along its sides, in four turned copies.

Each copy of a window is a quarter turn further, so that every side of a box is the left side of one copy: one ensemble
that says how far a left side is off serves all four, and learns from four times as many sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.vision.detector.boosting import ABSENT
from oceanclean.vision.detector.candidates import GRID

if TYPE_CHECKING:
    from numpy.typing import NDArray

TURNS = 4
#: Parts a side of the grid laid over a box, for each of the maps.
_PARTS = (6, 4, 6, 4, 6, 4, 4, 4)
#: How many of the maps, at the end, are masks, of which distances are features too.
_MASKS = 4
#: How far the grid reaches: this many times the box's edges.
_REACH = 1.5
#: Strips along each side: how far inwards they begin (outwards below 0) and how broad they are, grid points.
_STRIPS = ((-12, 6), (-6, 6), (-3, 3), (0, 3), (3, 3), (6, 6), (12, 6))
#: Grid points beyond a side within which the next bright thing is looked for, and what stands for none.
_FAR, _NONE = 40, 60.0


@dataclass(frozen=True)
class TurnedMaps:
    """One turned copy of a window's maps as running sums.

    Attributes:
        sums: float64 (map, row + 1, column + 1), sum over the rows above and the columns to the left.
        window: float32 (feature,), what holds for the whole window.
    """

    sums: NDArray[np.float64]
    window: NDArray[np.float32]

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.sums.shape[1] - 1, self.sums.shape[2] - 1


def turned_maps(
    bright: NDArray[np.float32], red: NDArray[np.float32], heat: NDArray[np.float32], window: NDArray[np.float32]
) -> list[TurnedMaps]:
    """The four turned copies of a window.

    Args:
        bright: (row, column) anomaly of the brightness on the grid of :data:`~.candidates.GRID` pixels.
        red: (row, column) anomaly of red against blue.
        heat: (row, column) probability of being inside of a box.
        window: (feature,) of the window.
    """
    from scipy.ndimage import binary_opening

    dense = [np.clip(bright, 0, 20), np.clip(red, 0, 20), heat, heat > 0.3]
    masks = [binary_opening(bright > 4), bright > 9, bright > 20, heat > 0.5]
    maps = np.stack([np.asarray(m, float) for m in dense + masks])
    out = []
    for turn in range(TURNS):
        turned = np.rot90(maps, turn, axes=(1, 2))
        sums = np.pad(turned.cumsum(axis=1).cumsum(axis=2), [(0, 0), (1, 0), (1, 0)])
        out.append(TurnedMaps(sums, window))
    return out


def turned_boxes(boxes: NDArray[Any], turn: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Boxes (box, 4) in a copy that is ``turn`` quarter turns further; ``shape``: (y, x) of the window, pixels."""
    turned, (high, wide) = np.asarray(boxes, float).reshape(-1, 4), shape
    for _ in range(turn):
        turned = np.stack([turned[:, 1], wide - turned[:, 2], turned[:, 3], wide - turned[:, 0]], axis=1)
        high, wide = wide, high
    return turned


def box_features(maps: TurnedMaps, boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Features (box, feature) of boxes (box, 4) in pixels of the turned copy."""
    x0, y0, x1, y1 = (boxes / GRID).T
    high, wide = maps.shape
    w, h = np.maximum(x1 - x0, 0.5), np.maximum(y1 - y0, 0.5)
    columns: list[NDArray[Any]] = [w, h, np.log(w / h), np.sqrt(w * h), x0, y0, wide - x1, high - y1]
    strips = _strips(x0, y0, x1, y1)
    grids = {parts: _grid(x0, y0, w, h, parts) for parts in set(_PARTS)}
    blocks = [np.stack(columns, axis=1)]
    for sums, parts in zip(maps.sums, _PARTS, strict=True):
        blocks += [_means(sums, *grids[parts]), _means(sums, *strips)]
    low, top = (_whole(v, limit - 1) for v, limit in ((x0, wide), (y0, high)))
    right = np.clip(np.round(x1).astype(int), low + 1, wide)
    bottom = np.clip(np.round(y1).astype(int), top + 1, high)
    for sums in maps.sums[-_MASKS:]:
        blocks.append(_distances(np.diff(sums[bottom] - sums[top], axis=1) > 0.5, low, right))
        blocks.append(_distances(np.diff((sums[:, right] - sums[:, low]).T, axis=1) > 0.5, top, bottom))
    blocks.append(np.broadcast_to(maps.window, (len(boxes), len(maps.window))))
    return np.concatenate(blocks, axis=1).astype(np.float32)


def _whole(values: NDArray[Any], highest: int) -> NDArray[np.intp]:
    return np.clip(np.round(values).astype(int), 0, highest)


def _grid(x0: Any, y0: Any, w: Any, h: Any, parts: int) -> tuple[NDArray[Any], ...]:
    """Corners of parts × parts rectangles over the box and half its size around, and of the box itself."""
    low, step = (np.arange(parts) / parts - 0.5) * _REACH, _REACH / parts
    row, column = (a.ravel() for a in np.meshgrid(low, low, indexing="ij"))
    left, top = (x0 + w / 2)[:, None] + column * w[:, None], (y0 + h / 2)[:, None] + row * h[:, None]
    corners = (left, top, left + step * w[:, None], top + step * h[:, None])
    return tuple(
        np.concatenate([c, own[:, None]], axis=1) for c, own in zip(corners, (x0, y0, x0 + w, y0 + h), strict=True)
    )


def _strips(x0: Any, y0: Any, x1: Any, y1: Any) -> tuple[NDArray[Any], ...]:
    """Corners of the strips along the left, top, right and bottom side."""
    rows = []
    for start, broad in _STRIPS:
        rows += [(x0 + start, y0, x0 + start + broad, y1), (x0, y0 + start, x1, y0 + start + broad),
                 (x1 - start - broad, y0, x1 - start, y1), (x0, y1 - start - broad, x1, y1 - start)]  # fmt: skip
    return tuple(np.stack([r[k] for r in rows], axis=1) for k in range(4))


def _means(sums: NDArray[np.float64], x0: Any, y0: Any, x1: Any, y1: Any) -> NDArray[np.float64]:
    """Means (box, rectangle) of a map over rectangles; absent outside of the window."""
    high, wide = sums.shape[0] - 1, sums.shape[1] - 1
    left, top = np.round(x0).astype(int), np.round(y0).astype(int)
    right, bottom = np.maximum(np.round(x1).astype(int), left + 1), np.maximum(np.round(y1).astype(int), top + 1)
    left, right = np.clip(left, 0, wide), np.clip(right, 0, wide)
    top, bottom = np.clip(top, 0, high), np.clip(bottom, 0, high)
    count = (right - left) * (bottom - top)
    total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.where(count > 0, total / np.maximum(count, 1), ABSENT)


def _distances(hit: NDArray[np.bool_], start: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.float64]:
    """Grid points (box, 4) from both ends of a box, along one axis, to what a mask shows within and beyond it.

    Args:
        hit: (box, place), whether the mask shows anything across the box at that place.
        start: (box,) first place of the box.
        end: (box,) first place after it.
    """
    place, length = np.arange(hit.shape[1]), hit.shape[1]
    inside = hit & (place >= start[:, None]) & (place < end[:, None])
    some = inside.any(axis=1)
    first, last = inside.argmax(axis=1), length - 1 - inside[:, ::-1].argmax(axis=1)
    before = np.where(hit & (place < start[:, None]), place, -length).max(axis=1)
    after = np.where(hit & (place >= end[:, None]), place, 2 * length).min(axis=1)
    within = [np.where(some, first - start, ABSENT), np.where(some, end - 1 - last, ABSENT)]
    beyond = [_beyond(start - 1 - before, start), _beyond(after - end, length - end)]
    return np.stack(within + beyond, axis=1)


def _beyond(distance: NDArray[Any], room: NDArray[Any]) -> NDArray[Any]:
    """The distance to the next thing; where none is near: none if the window goes on for that far, else absent."""
    return np.where(distance < np.minimum(_FAR, room), distance, np.where(room >= _FAR, _NONE, ABSENT))
