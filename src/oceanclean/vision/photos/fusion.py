"""The photo model: a network and a branch of Fisher vectors whose logits are blended, one file for the phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers

from oceanclean.vision.photos.fisher import Shrink
from oceanclean.vision.photos.kernel_head import KernelHead

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Names of the layers by which the parts are found again.
NETWORK, TEXTURE, BLEND, PROBABILITY = "network", "texture", "blend", "probability"


@keras.saving.register_keras_serializable(package="oceanclean")
class Blend(layers.Layer):
    """Logits of several branches to one set: a share each, one offset a class; set from held-out photos."""

    def build(self, shapes: list[tuple[int | None, ...]]) -> None:
        """Create the constants."""
        self.share = self.add_weight(shape=(len(shapes),), initializer="ones", trainable=False, name="share")
        self.offset = self.add_weight(shape=(shapes[0][-1],), initializer="zeros", trainable=False, name="offset")

    def call(self, logits: list[Any]) -> Any:
        """Weighted sum and offset."""
        total = self.offset + logits[0] * self.share[0]
        for i, more in enumerate(logits[1:], start=1):
            total = total + more * self.share[i]
        return total

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """That of one branch."""
        return tuple(shapes[0])


def fuse(
    network: keras.Model | None, texture: keras.Model | None, head: KernelHead | None,
    shares: NDArray[np.float64], offset: NDArray[np.float64], edge: int,
) -> keras.Model:  # fmt: skip
    """Join the branches.

    Args:
        network: photo at its own edge to logits; None leaves it out.
        texture: photo at its own edge to Fisher vectors; None leaves it out.
        head: on the Fisher vectors.
        shares: of the branches that are there, network first.
        offset: of each class.
        edge: edge of the square photo that the whole takes, pixels.

    Returns:
        Photo (batch, edge, edge, 3), 0–255, to probabilities (batch, class).
    """
    image = layers.Input((edge, edge, 3), name="image")
    branches = []
    if network is not None:
        network.name = NETWORK
        branches.append(network(branch_input(image, network)))
    if texture is not None and head is not None:
        branches.append(head.apply(texture(branch_input(image, texture))))
    blend = Blend(name=BLEND)
    probability = layers.Softmax(name=PROBABILITY)(blend(branches))
    blend.set_weights([np.asarray(shares, np.float32), np.asarray(offset, np.float32)])
    return keras.Model(image, probability, name="photo")


def branch_input(image: Any, branch: keras.Model) -> Any:
    """The photo at the edge that a branch takes."""
    edge = int(branch.input.shape[1])
    return image if edge == image.shape[1] else Shrink(edge)(image)


def fit_blend(
    logits: list[NDArray[np.floating]], targets: NDArray[np.int64], penalty: float = 0.2
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares and offsets that make held-out photos most likely under the blend, all classes weighing alike.

    A rare class counts as much as a common one, as in macro-F1: else the offsets would trade it for the common ones.

    Args:
        logits: one (photo, class) a branch, of photos that no branch learned from.
        targets: (photo,) class indices.
        penalty: of the offsets' squares, so that a rare class is not judged from a handful of photos.

    Returns:
        Shares (branch,), at least 0, and offsets (class,).
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    stack = np.stack([np.asarray(part, float) for part in logits])
    rows, branches, classes = np.arange(len(targets)), len(stack), stack.shape[2]
    weight = 1.0 / np.bincount(targets, minlength=classes)[targets]
    weight /= weight.sum()
    spread = np.maximum(stack.std(axis=(1, 2)), 1e-9)

    def cost(v: NDArray[np.float64]) -> float:
        total = np.tensordot(v[:branches] / spread, stack, 1) + v[branches:]
        likelihood = total[rows, targets] - logsumexp(total, axis=1)
        return float(-(weight * likelihood).sum() + penalty * (v[branches:] ** 2).mean())

    bounds = [(0.0, 50.0)] * branches + [(-3.0, 3.0)] * classes
    found = minimize(cost, np.r_[np.ones(branches), np.zeros(classes)], method="L-BFGS-B", bounds=bounds).x
    return found[:branches] / spread, found[branches:]


def blended(
    logits: list[NDArray[np.floating]], shares: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Blend of logits (photo, class) in NumPy; see :class:`Blend`."""
    return np.asarray(np.tensordot(shares, np.stack(logits), 1) + offset)


def compiled(model: keras.Model) -> Callable[[NDArray[np.float32]], Any]:
    """The model as a graph; tracing costs seconds, so that who asks often keeps it."""
    import tensorflow as tf

    call: Callable[[NDArray[np.float32]], Any] = tf.function(lambda x: model(x, training=False))
    return call


def probabilities(
    model: keras.Model | Callable[[NDArray[np.float32]], Any],
    photos: NDArray[np.uint8] | NDArray[np.float32],
    batch: int = 16,
) -> NDArray[np.float32]:
    """Outputs (photo, class) of a model, or of what :func:`compiled` gave, for photos (photo, edge, edge, 3)."""
    call = compiled(model) if isinstance(model, keras.Model) else model
    parts = []
    for i in range(0, len(photos), batch):
        part = photos[i : i + batch].astype(np.float32)
        padded = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), np.float32)])
        parts.append(np.asarray(call(padded))[: len(part)])
    return np.concatenate(parts)
