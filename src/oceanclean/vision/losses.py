"""Losses of segmentation in ``keras.ops``: masked cross-entropy, focal, Dice, Lovász, auxiliary heads, distillation.

Targets are classes (batch, y, x) as float32 or int32, with 255 (or any value beyond the classes) where a pixel neither
trains nor counts; logits are (batch, y, x, class). Every loss is a mean over known pixels, so that a batch of mostly
unlabelled pixels weighs what its labels weigh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Loss = Callable[[Any, Any], Any]


def _known(target: Any, classes: int) -> tuple[Any, Any]:
    """One-hot shares (batch, y, x, class), zero on ignored pixels, and the mask of known pixels (batch, y, x)."""
    from keras import ops

    target = ops.cast(target, "int32")
    known = ops.cast(ops.logical_and(target >= 0, target < classes), "float32")
    return ops.one_hot(ops.where(known > 0, target, 0), classes, dtype="float32") * known[..., None], known


def class_weights(pixels: Sequence[float] | NDArray[Any], power: float = 1.0) -> np.ndarray:
    """Weights (class) from pixel counts: 1 / ln(1.03 + share) to ``power``, mean 1 over the classes that occur.

    The form is ENet's (Paszke et al. 2016, arXiv:1606.02147, section 5.2, with c = 1.02 there), as MARIDA uses it.
    """
    share = np.asarray(pixels, float) / max(float(np.sum(pixels)), 1.0)
    weights = (1.0 / np.log(1.03 + share)) ** power
    present = share > 0
    weights[~present] = 0.0
    return (weights / weights[present].mean()).astype(np.float32)


def cross_entropy(weights: np.ndarray | None = None, gamma: float = 0.0, smoothing: float = 0.0) -> Loss:
    """Masked cross-entropy; ``gamma`` > 0 makes it focal (Lin et al. 2017, arXiv:1708.02002, eq. 4).

    Args:
        weights: (class) or None.
        gamma: focusing parameter.
        smoothing: share of a label spread over all classes.
    """

    def loss(target: Any, logits: Any) -> Any:
        from keras import ops

        classes = logits.shape[-1]
        truth, known = _known(target, classes)
        log_p = ops.log_softmax(logits, axis=-1)
        if smoothing:
            truth = truth * (1 - smoothing) + known[..., None] * (smoothing / classes)
        value = -truth * log_p
        if gamma:
            value = value * (1 - ops.exp(log_p)) ** gamma
        weight = known if weights is None else ops.sum(truth * np.asarray(weights, np.float32), axis=-1)
        each = ops.sum(value, axis=-1) if weights is None else ops.sum(value * np.asarray(weights, np.float32), axis=-1)
        return ops.sum(each) / ops.maximum(ops.sum(weight), 1e-6)

    return loss


def dice(first: int = 0, smooth: float = 1.0) -> Loss:
    """1 − Dice, averaged over the classes from ``first`` on that the batch holds (Milletari et al. 2016)."""

    def loss(target: Any, logits: Any) -> Any:
        from keras import ops

        truth, known = _known(target, logits.shape[-1])
        p = ops.softmax(logits, axis=-1) * known[..., None]
        both = ops.sum(truth * p, axis=(0, 1, 2))
        size = ops.sum(truth, axis=(0, 1, 2))
        value = 1 - (2 * both + smooth) / (size + ops.sum(p, axis=(0, 1, 2)) + smooth)
        present = ops.cast(size > 0, "float32")
        return ops.sum((value * present)[first:]) / ops.maximum(ops.sum(present[first:]), 1.0)

    return loss


def soft_iou(first: int = 0, smooth: float = 1.0) -> Loss:
    """1 − intersection over union of probabilities, over the classes from ``first`` on that the batch holds."""

    def loss(target: Any, logits: Any) -> Any:
        from keras import ops

        truth, known = _known(target, logits.shape[-1])
        p = ops.softmax(logits, axis=-1) * known[..., None]
        both = ops.sum(truth * p, axis=(0, 1, 2))
        size = ops.sum(truth, axis=(0, 1, 2))
        value = 1 - (both + smooth) / (size + ops.sum(p, axis=(0, 1, 2)) - both + smooth)
        present = ops.cast(size > 0, "float32")
        return ops.sum((value * present)[first:]) / ops.maximum(ops.sum(present[first:]), 1.0)

    return loss


def lovasz(first: int = 0) -> Loss:
    """Lovász-Softmax over the classes present (Berman et al. 2018, arXiv:1705.08790, eq. 11 and algorithm 1)."""

    def loss(target: Any, logits: Any) -> Any:
        from keras import ops

        classes = logits.shape[-1]
        truth, known = _known(target, classes)
        p = ops.softmax(logits, axis=-1)
        truth, p = ops.reshape(truth, (-1, classes)), ops.reshape(p, (-1, classes))
        errors = ops.abs(truth - p) * ops.reshape(known, (-1, 1))
        total, count = 0.0, 0.0
        for k in range(first, classes):
            order = ops.argsort(-errors[:, k])
            mine = ops.take(truth[:, k], order)
            present = ops.cast(ops.sum(mine) > 0, "float32")
            left = ops.sum(mine) - ops.cumsum(mine)
            jaccard = 1 - left / ops.maximum(ops.sum(mine) + ops.cumsum(1 - mine), 1e-6)
            steps = ops.concatenate([jaccard[:1], jaccard[1:] - jaccard[:-1]])
            total = total + present * ops.sum(ops.take(errors[:, k], order) * ops.stop_gradient(steps))
            count = count + present
        return total / ops.maximum(count, 1.0)

    return loss


def weighted_sum(parts: Sequence[tuple[float, Loss]]) -> Loss:
    """Sum of losses, each with its weight."""

    def loss(target: Any, logits: Any) -> Any:
        return sum(weight * part(target, logits) for weight, part in parts)

    return loss


def with_auxiliary(loss: Loss, classes: int, weight: float = 0.4) -> Loss:
    """The loss of a net built with ``auxiliary=True``: main logits first, then each head's, on the last axis."""

    def total(target: Any, logits: Any) -> Any:
        heads = logits.shape[-1] // classes
        value = loss(target, logits[..., :classes])
        for k in range(1, heads):
            value = value + weight * loss(target, logits[..., k * classes : (k + 1) * classes])
        return value

    return total


def distillation(loss: Loss, classes: int, share: float = 0.5, temperature: float = 2.0) -> Loss:
    """Labels and a teacher's opinion together (Hinton et al. 2015, arXiv:1503.02531, section 2).

    Targets are (batch, y, x, 1 + class): the class, then the teacher's logits. The teacher is heard on every pixel,
    labelled or not.

    Args:
        loss: of labels and logits.
        classes: how many.
        share: weight of the teacher, against 1 − share of the labels.
        temperature: softens both; the term is multiplied by its square, so that its gradients keep their size.
    """

    def total(target: Any, logits: Any) -> Any:
        from keras import ops

        opinion = ops.softmax(target[..., 1:] / temperature, axis=-1)
        own = ops.log_softmax(logits[..., :classes] / temperature, axis=-1)
        soft = -ops.mean(ops.sum(opinion * own, axis=-1)) * temperature**2
        return (1 - share) * loss(target[..., 0], logits) + share * soft

    return total
