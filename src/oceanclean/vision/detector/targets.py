"""What the detector is taught: Gaussian centres, boxes of the cells around them, and the loss on both.

Targets after TTFNet (Liu et al. 2020, arXiv:1909.00700): not the centre cell alone but the cells around it learn the
box, weighted by the Gaussian, which needs far fewer epochs. Focal loss after Zhou et al. (2019, arXiv:1904.07850, eq.
1); box loss is 1 − GIoU (Rezatofighi et al. 2019, arXiv:1902.09630).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.vision.detector.network import STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Share of a box's edge that its Gaussian spans (TTFNet, section 3.2).
_SPAN = 0.54
_BOX_WEIGHT = 4.0
_QUALITY_WEIGHT = 0.5


def target_maps(
    boxes: NDArray[np.float32], labels: NDArray[np.integer[Any]], size: int, classes: int
) -> NDArray[np.float32]:
    """Target (y, x, classes + 5) of one window.

    Args:
        boxes: (box, 4) pixels of the window.
        labels: (box,) class from 0.
        size: edge of the window, pixels.
        classes: how many.

    Returns:
        Centre heat of each class, then centre offset x, y, log width, log height of the box that a cell learns (in
        cells) and the cell's weight, 0 where it learns none. Where boxes meet, the smallest has the cell.
    """
    cells = size // STRIDE
    maps = np.zeros((cells, cells, classes + 5), np.float32)
    middle = np.arange(cells, dtype=np.float32) + 0.5
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i in np.argsort(-area):
        x0, y0, x1, y1 = boxes[i] / STRIDE
        wide, high = max(x1 - x0, 0.1), max(y1 - y0, 0.1)
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        column, row = min(int(cx), cells - 1), min(int(cy), cells - 1)
        gx = _gaussian(middle - middle[column], wide)
        gy = _gaussian(middle - middle[row], high)
        heat = gy[:, None] * gx[None, :]
        maps[..., labels[i]] = np.maximum(maps[..., labels[i]], heat)
        here = heat > 0
        offset = np.broadcast_arrays(cx - middle[None, :], cy - middle[:, None], np.log(wide), np.log(high))
        weight = heat / heat.sum() * np.log1p(wide * high * 4)
        maps[here, classes:] = np.stack([*offset, weight], axis=-1)[here]
    return maps


def _gaussian(distance: NDArray[np.float32], edge: float) -> NDArray[np.float32]:
    """1 at distance 0, cut off where the span of an edge (cells) ends; never narrower than one cell."""
    sigma = max(_SPAN * edge / 6, 1e-3)
    bell = np.exp(-(distance**2) / (2 * sigma**2))
    return np.where(np.abs(distance) <= max(_SPAN * edge / 2, 0.01), bell, 0).astype(np.float32)


def make_loss(classes: int) -> Any:
    """Loss of maps as :func:`~oceanclean.vision.detector.network.build_detector` gives them.

    Args:
        classes: how many.

    Returns:
        ``loss(target, maps) -> scalar`` for (batch, y, x, classes + 5).
    """
    from keras import ops

    def detector_loss(target: Any, maps: Any) -> Any:
        heat = _focal(target[..., :classes], maps[..., :classes])
        weight = target[..., -1]
        iou, giou = _giou(target[..., classes : classes + 4], maps[..., classes : classes + 4])
        total = ops.maximum(ops.sum(weight), 1.0)
        box = ops.sum(weight * (1.0 - giou)) / total
        quality = ops.sum(weight * _cross_entropy(ops.stop_gradient(iou), maps[..., -1])) / total
        return heat + _BOX_WEIGHT * box + _QUALITY_WEIGHT * quality

    return detector_loss


def _cross_entropy(target: Any, logit: Any) -> Any:
    from keras import ops

    return ops.softplus(logit) - target * logit


def _focal(target: Any, logit: Any) -> Any:
    from keras import ops

    p = ops.sigmoid(logit)
    centre = ops.cast(target > 0.999, "float32")
    hit = centre * ops.square(1.0 - p) * ops.softplus(-logit)
    miss = (1.0 - centre) * ops.power(1.0 - target, 4.0) * ops.square(p) * ops.softplus(logit)
    return ops.sum(hit + miss) / ops.maximum(ops.sum(centre), 1.0)


def _giou(target: Any, box: Any) -> tuple[Any, Any]:
    """IoU and generalised IoU of boxes given as offset x, y and log width, height from the same cell."""
    from keras import ops

    def corners(b: Any) -> tuple[Any, Any, Any]:
        size = ops.exp(ops.clip(b[..., 2:], -4.0, 6.0))
        return b[..., :2] - size / 2, b[..., :2] + size / 2, size[..., 0] * size[..., 1]

    low_t, high_t, area_t = corners(target)
    low, high, area = corners(box)
    shared = ops.prod(ops.maximum(ops.minimum(high, high_t) - ops.maximum(low, low_t), 0.0), axis=-1)
    hull = ops.prod(ops.maximum(high, high_t) - ops.minimum(low, low_t), axis=-1)
    union = area + area_t - shared
    iou = shared / (union + 1e-7)
    return iou, iou - (hull - union) / (hull + 1e-7)
