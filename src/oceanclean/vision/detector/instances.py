"""Instance masks: the detector says which things there are, a litter segmenter which pixels they cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Segmenter(Protocol):
    """What tells litter's pixels: :class:`oceanclean.vision.litter.segmenter.LitterSegmenter` or anything alike."""

    def logits(self, images: Iterable[NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
        """Logits (y, x, class) of each image (y, x, band); class 0 is the background."""
        ...


def litter_probability(segmenter: Segmenter, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probability (y, x) that a pixel is litter of any kind."""
    logits = next(iter(segmenter.logits([pixels])))
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (1 - shifted[..., 0] / shifted.sum(axis=-1)).astype(np.float32)


def instance_masks(
    boxes: NDArray[np.float32],
    litter: NDArray[np.floating],
    *,
    scores: NDArray[np.float32] | None = None,
    labels: NDArray[np.int64] | None = None,
    threshold: float = 0.5,
) -> NDArray[np.int32]:
    """Give every litter pixel to the box it belongs to.

    A pixel inside one box belongs to it. Inside several it goes to the one whose centre is nearest, measured in that
    box's half edges. Where boxes name classes and the segmenter does too, only its class counts.

    Args:
        boxes: (box, 4) pixels.
        litter: probability of litter (y, x), or of each class (y, x, class).
        scores: (box,) for boxes that tie; default in the order given.
        labels: (box,) class; needed where ``litter`` has classes.
        threshold: probability from which a pixel is litter.

    Returns:
        Number of the box (y, x), −1 for pixels of none.
    """
    height, width = litter.shape[:2]
    owner = np.full((height, width), -1, np.int32)
    nearest = np.full((height, width), np.inf)
    order = np.arange(len(boxes)) if scores is None else np.argsort(-scores, kind="stable")
    for k in order:
        x0, y0 = np.floor(boxes[k, :2]).astype(int).clip(0)
        x1, y1 = np.ceil(boxes[k, 2:]).astype(int)
        part = np.s_[y0 : min(y1, height), x0 : min(x1, width)]
        here = litter[part] if litter.ndim == 2 else litter[part][..., 0 if labels is None else labels[k]]
        if not here.size:
            continue
        away = _distance(boxes[k], part)
        take = (here >= threshold) & (away < nearest[part])
        owner[part][take] = k
        nearest[part][take] = away[take]
    return owner


def _distance(box: NDArray[np.float32], part: tuple[slice, slice]) -> NDArray[np.float64]:
    """Distance of the pixels of a window from a box's centre; 1 at its edges."""
    rows, columns = np.mgrid[part] + 0.5
    centre, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 0.5)
    return np.maximum(np.abs(columns - centre[0]) / half[0], np.abs(rows - centre[1]) / half[1])


def covers(owner: NDArray[np.int32], boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of each box that its own pixels cover (box,): the ``cover`` of a detection."""
    count = np.bincount(owner[owner >= 0], minlength=len(boxes))[: len(boxes)]
    area = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1.0)
    return np.minimum(count / area, 1.0)


def mask_overlaps(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.float64]:
    """IoU (first, second) of the instances of two label images (y, x), −1 outside."""
    n, m = int(first.max(initial=-1)) + 1, int(second.max(initial=-1)) + 1
    both = (first >= 0) & (second >= 0)
    shared = np.zeros((n, m))
    np.add.at(shared, (first[both], second[both]), 1)
    a = np.bincount(first[first >= 0], minlength=n)
    b = np.bincount(second[second >= 0], minlength=m)
    return shared / np.maximum(a[:, None] + b[None, :] - shared, 1)
