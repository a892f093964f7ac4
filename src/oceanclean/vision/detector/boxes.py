"""Geometry of boxes in pixels: overlap, suppression of duplicates, cutting to a window.

A box is ``x_min, y_min, x_max, y_max`` in pixels of its image, edges at whole numbers where it follows the grid.
Arrays of boxes are float32 (box, 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Areas in px² (box); 0 for an inverted box."""
    return np.maximum(boxes[..., 2] - boxes[..., 0], 0) * np.maximum(boxes[..., 3] - boxes[..., 1], 0)


def intersections(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Areas in px² (first, second) that boxes of two arrays share."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    edges = np.maximum(high - low, 0)
    return edges[..., 0] * edges[..., 1]


def overlaps(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union (first, second); 0 where both boxes are empty."""
    shared = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.where(union > 0, shared / np.maximum(union, 1e-9), 0).astype(np.float32)


def suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], iou: float, contained: float = 1.01
) -> NDArray[np.intp]:
    """Non-maximum suppression: indices kept, best score first.

    Args:
        boxes: (box, 4).
        scores: (box,).
        iou: a box with more than this overlap with a better one is dropped.
        contained: a box with more than this share of the smaller of the two areas in common is dropped as well.
    """
    order = np.argsort(-scores, kind="stable")
    shared = intersections(boxes, boxes)
    size = areas(boxes)
    union = size[:, None] + size[None, :] - shared
    smaller = np.minimum(size[:, None], size[None, :])
    rival = (shared > iou * union) | (shared > contained * smaller)
    kept: list[int] = []
    for i in order:
        if not rival[i, kept].any():
            kept.append(int(i))
    return np.array(kept, np.intp)


def clip(boxes: NDArray[np.float32], window: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Cut boxes to a window ``x_min, y_min, x_max, y_max``; a box outside becomes empty."""
    low = np.array([window[0], window[1], window[0], window[1]], np.float32)
    high = np.array([window[2], window[3], window[2], window[3]], np.float32)
    return np.clip(boxes, low, high).astype(np.float32)


def inside(
    boxes: NDArray[np.float32], window: tuple[float, float, float, float], shortest: float
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Boxes as a window shows them, relative to its corner, and their numbers; slivers are left out.

    Args:
        boxes: (box, 4).
        window: ``x_min, y_min, x_max, y_max``.
        shortest: fewest pixels that the shorter edge must keep.
    """
    cut = clip(boxes, window)
    kept = np.flatnonzero(np.minimum(cut[:, 2] - cut[:, 0], cut[:, 3] - cut[:, 1]) >= shortest)
    return cut[kept] - np.array([window[0], window[1], window[0], window[1]], np.float32), kept
