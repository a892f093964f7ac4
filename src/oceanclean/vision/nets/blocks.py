"""Parts that several networks are made of."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


def channels(base: float, width: float) -> int:
    """``base`` channels scaled by ``width``, a multiple of 4, at least 4."""
    return max(4, round(base * width / 4) * 4)


@keras.saving.register_keras_serializable(package="oceanclean")
class ResizeLike(layers.Layer):
    """Bilinear resize of the first input (batch, y, x, channel) to the plane of the second.

    A decoder that resizes to its skip connection, instead of doubling, fits inputs of any size, odd ones too.
    """

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Resize; see the class."""
        x, reference = inputs
        if x.shape[1:3] == reference.shape[1:3] and None not in x.shape[1:3]:
            return x
        size = ops.shape(reference)[1:3]
        return ops.image.resize(x, size, interpolation="bilinear")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(batch, y, x) of the second, channels of the first."""
        x, reference = input_shape
        return (x[0], reference[1], reference[2], x[3])


def resize_like(x: Any, reference: Any) -> Any:
    """Bring ``x`` to the plane of ``reference``."""
    return ResizeLike()((x, reference))


def conv_bn(
    x: Any, filters: int, kernel: int | tuple[int, int] = 3, stride: int = 1, dilation: int = 1,
    activation: str | None = "relu",
) -> Any:  # fmt: skip
    """Convolution, batch normalisation, activation."""
    x = layers.Conv2D(
        filters, kernel, strides=stride, padding="same", dilation_rate=dilation, use_bias=False,
        kernel_initializer="he_normal",
    )(x)  # fmt: skip
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation(activation)(x) if activation else x


def depthwise_bn(
    x: Any, kernel: int = 3, stride: int = 1, dilation: int = 1, multiplier: int = 1, activation: str | None = "relu"
) -> Any:
    """Depthwise convolution, batch normalisation, activation."""
    x = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", dilation_rate=dilation, depth_multiplier=multiplier, use_bias=False,
        depthwise_initializer="he_normal",
    )(x)  # fmt: skip
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation(activation)(x) if activation else x


def separable(x: Any, filters: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> Any:
    """Depthwise then pointwise convolution, each normalised; activation after the second alone."""
    return conv_bn(depthwise_bn(x, kernel, stride, dilation, activation=None), filters, 1)


def global_context(x: Any, filters: int) -> Any:
    """Mean over the plane, mixed by a 1 × 1 convolution: (batch, 1, 1, filters).

    Without batch normalisation: over one value an image of a small batch it is no statistic.
    """
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Conv2D(filters, 1, activation="relu", kernel_initializer="he_normal")(x)


def gate(x: Any, filters: int) -> Any:
    """Channel gate (batch, 1, 1, filters) in 0–1 from the mean over the plane."""
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Conv2D(filters, 1, activation="sigmoid")(x)


def classify(x: Any, classes: int) -> Any:
    """Logits (batch, y, x, class) at the resolution of ``x``."""
    return layers.Conv2D(classes, 1)(x)
