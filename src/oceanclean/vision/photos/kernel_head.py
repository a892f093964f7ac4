"""Head of the texture branch: Fisher vectors reduced to their principal axes, then support vectors with a Gaussian.

A linear head on Fisher vectors is the custom; on a few thousand photos a Gaussian kernel on their principal axes is
both more accurate and small enough for a phone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import TextureSettings


@keras.saving.register_keras_serializable(package="oceanclean")
class RadialBasis(layers.Layer):
    """Points (batch, axis) to exp(−γ · squared distance) to centres, (batch, centre).

    Args:
        centres: how many.
        gamma: γ.
    """

    def __init__(self, centres: int, gamma: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.centres, self.gamma = centres, gamma

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "centres": self.centres, "gamma": self.gamma}

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Centres as columns, so that the product with a point is one matrix product, and half their squares."""
        size = (shape[-1], self.centres)
        self.columns = self.add_weight(shape=size, name="columns", initializer="zeros", trainable=False)
        self.half = self.add_weight(shape=size[1:], name="half", initializer="zeros", trainable=False)

    def call(self, point: Any) -> Any:
        """Gaussian of the distance, from products alone."""
        product = ops.matmul(point, self.columns) - self.half
        return ops.exp(2 * self.gamma * (product - 0.5 * ops.sum(point * point, axis=-1, keepdims=True)))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """See the class."""
        return (shape[0], self.centres)


@dataclass(frozen=True)
class KernelHead:
    """Support vectors on principal axes.

    Attributes:
        axes: (value, axis) principal axes.
        shift: (axis,) taken off after projection.
        centres: (centre, axis) support vectors.
        gamma: γ of the Gaussian.
        weight: (centre, class).
        offset: (class,).
    """

    axes: NDArray[np.float32]
    shift: NDArray[np.float32]
    centres: NDArray[np.float32]
    gamma: float
    weight: NDArray[np.float32]
    offset: NDArray[np.float32]

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (photo, class) of vectors (photo, value)."""
        point = vectors @ self.axes - self.shift
        basis = np.exp(-self.gamma * _squared(point, self.centres))
        return np.asarray(basis @ self.weight + self.offset, np.float32)

    def apply(self, vectors: Any) -> Any:
        """The same as layers on a Keras tensor (batch, value)."""
        project = layers.Dense(self.axes.shape[1], name="axes", trainable=False)
        basis = RadialBasis(len(self.centres), self.gamma, name="basis")
        judge = layers.Dense(self.weight.shape[1], name="texture_logits", trainable=False)
        out = judge(basis(project(vectors)))
        project.set_weights([self.axes, -self.shift])
        basis.set_weights([self.centres.T, 0.5 * (self.centres**2).sum(axis=1)])
        judge.set_weights([self.weight, self.offset])
        return out


def fit_kernel_head(
    vectors: NDArray[np.float32], targets: NDArray[np.int64], classes: int, settings: TextureSettings
) -> KernelHead:
    """Learn the head: one class against the rest, classes balanced.

    Args:
        vectors: (photo, value) Fisher vectors.
        targets: (photo,) class indices.
        classes: how many.
        settings: ``axes``, ``gamma`` (in units of the points' mean squared length) and ``regularisation``.
    """
    from sklearn.svm import SVC

    axes, shift = _principal_axes(vectors, min(settings.axes, len(vectors) - 1))
    points = (vectors @ axes - shift).astype(np.float32)
    gamma = settings.gamma / float((points**2).sum(axis=1).mean())
    products = np.exp(-gamma * _squared(points, points))
    weight, offset = np.zeros((len(points), classes), np.float32), np.full(classes, -1.0, np.float32)
    for k in np.unique(targets):
        machine = SVC(C=settings.regularisation, kernel="precomputed", class_weight="balanced")
        machine.fit(products, targets == k)
        weight[machine.support_, k], offset[k] = machine.dual_coef_[0], machine.intercept_[0]
    used = np.flatnonzero(np.abs(weight).sum(axis=1) > 0)
    return KernelHead(axes, shift, points[used], gamma, weight[used], offset)


def _principal_axes(vectors: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Axes (value, axis) and shift (axis,), from the photos' products: there are fewer photos than values."""
    from scipy.linalg import eigh
    from scipy.sparse.linalg import eigsh

    mean = vectors.mean(axis=0)
    centred = vectors - mean
    products = (centred @ centred.T).astype(float)
    size = len(vectors)
    if count > size // 8:
        values, found = eigh(products, subset_by_index=(size - count, size - 1))
    else:  # a few axes of many photos: Lanczos, always from the same vector
        values, found = eigsh(products, k=count, v0=np.linspace(1, 2, size))
    axes = (centred.T @ (found / np.sqrt(np.maximum(values, 1e-9))).astype(np.float32)).astype(np.float32)
    return axes, (mean @ axes).astype(np.float32)


def _squared(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances (first, second)."""
    both = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(both, 0)
