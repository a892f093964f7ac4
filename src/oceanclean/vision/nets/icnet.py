"""ICNet: three resolutions of one image, the coarsest through the deepest network."""

from __future__ import annotations

import math
from typing import Any

from keras import layers

from oceanclean.vision.nets.backbones import basic_block
from oceanclean.vision.nets.blocks import channels, classify, conv_bn, resize_like
from oceanclean.vision.nets.registry import register


@register("icnet", "segmenter")
def icnet(x: Any, classes: int, width: float) -> list[Any]:
    """ICNet (Zhao et al. 2018, arXiv:1704.08545): image cascade with cascade feature fusion.

    The half-size image goes through the first stages; half of their map goes on through dilated stages and a pyramid
    pooling; the full image meets three light convolutions. The heads before each fusion are the auxiliary outputs.
    ResNet-18's basic blocks stand where the paper has PSPNet-50's bottlenecks.
    """
    half = layers.AveragePooling2D(2, padding="same")(x)
    y = layers.MaxPooling2D(3, 2, padding="same")(conv_bn(half, channels(64, width), 7, 2))
    y = basic_block(basic_block(y, channels(64, width)), channels(64, width))
    medium = basic_block(y, channels(128, width), 2)
    low = basic_block(layers.AveragePooling2D(2, padding="same")(medium), channels(128, width))
    for filters, dilation in ((256, 2), (512, 4)):
        low = basic_block(low, channels(filters, width), 1, dilation)
        low = basic_block(low, channels(filters, width), 1, dilation)
    low = conv_bn(pyramid_pooling(low), channels(256, width), 1)
    high = x
    for filters in (32, 32, 64):
        high = conv_bn(high, channels(filters, width), 3, 2)
    fused = _cascade_fusion(low, medium, channels(128, width))
    full = _cascade_fusion(fused, high, channels(128, width))
    quarter = layers.UpSampling2D(2, interpolation="bilinear")(full)
    return [classify(quarter, classes), classify(low, classes), classify(fused, classes)]


def pyramid_pooling(x: Any, bins: tuple[int, ...] = (1, 2, 3, 6)) -> Any:
    """Means over 1, 2², 3² and 6² parts of the plane, added to it (ICNet adds where PSPNet concatenates)."""
    rows, columns = x.shape[1:3]
    parts = [x]
    for count in bins:
        window = (math.ceil(rows / count), math.ceil(columns / count))
        parts.append(resize_like(layers.AveragePooling2D(window, padding="same")(x), x))
    return layers.Add()(parts)


def _cascade_fusion(coarse: Any, fine: Any, filters: int) -> Any:
    """CFF: the coarse map doubled and seen through a dilated convolution, the fine one through a 1 × 1; summed."""
    up = conv_bn(resize_like(coarse, fine), filters, 3, dilation=2, activation=None)
    return layers.Activation("relu")(layers.Add()([up, conv_bn(fine, filters, 1, activation=None)]))
