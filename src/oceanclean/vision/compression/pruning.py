"""Gradual magnitude pruning as a hook of the training loop.

Keras 3 has no pruning of its own, and ``tensorflow-model-optimization`` does not read its models. Unstructured zeros
make a file smaller when it is compressed for download; they change neither its size on disk nor its speed, which only
a smaller ``width`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.settings import Settings

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray


class PruningSettings(Settings):
    """When and how far weights are removed.

    Attributes:
        sparsity: share of the kernels' weights that are zero at the end.
        begin: step after which pruning begins.
        end: step at which ``sparsity`` is reached; training goes on after it so that the rest can adapt.
        every: steps between two cuts.
    """

    sparsity: float = Field(default=0.5, gt=0, lt=1)
    begin: int = Field(default=0, ge=0)
    end: int = Field(default=200, ge=1)
    every: int = Field(default=10, ge=1)


class Pruning:
    """Zeroes the smallest weights of all kernels, more and more of them: the ``after_step`` hook of ``fit``.

    The share follows s·(1 − (1 − t)³) between ``begin`` and ``end`` (Zhu, Gupta 2017, arXiv:1710.01878, eq. 1). One
    threshold for all kernels, each scaled by its own spread, so that no layer is emptied. Kernels alone are pruned:
    biases and normalisations are few and matter much; depthwise kernels have nine weights a channel and stay too.

    Args:
        settings: when and how far.
    """

    def __init__(self, settings: PruningSettings) -> None:
        self.settings = settings
        self._masks: list[tuple[Any, Any]] = []

    def target(self, step: int) -> float:
        """Share of zeros after a step."""
        s = self.settings
        if step <= s.begin:
            return 0.0
        done = min((step - s.begin) / max(s.end - s.begin, 1), 1.0)
        return s.sparsity * (1 - (1 - done) ** 3)

    def __call__(self, model: keras.Model, step: int) -> None:
        """Cut where a cut is due, and keep the zeros of earlier cuts."""
        s = self.settings
        if s.begin < step <= s.end and ((step - s.begin) % s.every == 0 or step == s.end):
            self._cut(model, self.target(step))
        elif not self._masks and step > s.end:
            self._cut(model, s.sparsity)
        self.apply()

    def apply(self) -> None:
        """Zero the weights that were cut."""
        for variable, mask in self._masks:
            variable.assign(variable.value * mask)

    def _cut(self, model: keras.Model, share: float) -> None:
        kernels = prunable(model)
        sizes = [np.abs(np.asarray(k)) / max(float(np.asarray(k).std()), 1e-12) for k in kernels]
        threshold = np.quantile(np.concatenate([s.ravel() for s in sizes]), share)
        self._masks = [(k, (s > threshold).astype(np.float32)) for k, s in zip(kernels, sizes, strict=True)]


def prunable(model: keras.Model) -> list[Any]:
    """Kernels of ordinary convolutions and dense layers."""
    from keras import layers

    return [
        layer.kernel
        for layer in model._flatten_layers()
        if isinstance(layer, layers.Conv2D | layers.Dense) and not isinstance(layer, layers.DepthwiseConv2D)
    ]


def sparsity(model: keras.Model) -> float:
    """Share of zeros among the prunable weights."""
    kernels: list[NDArray[Any]] = [np.asarray(k) for k in prunable(model)]
    return float(sum((k == 0).sum() for k in kernels) / max(sum(k.size for k in kernels), 1))
