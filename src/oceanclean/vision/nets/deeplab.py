"""DeepLabV3+: atrous pyramid over a backbone, and a small decoder."""

from __future__ import annotations

from typing import Any

from keras import layers

from oceanclean.vision.nets.backbones import backbone
from oceanclean.vision.nets.blocks import channels, classify, conv_bn, global_context, resize_like, separable
from oceanclean.vision.nets.registry import register

#: Half the published rates: tiles here are 96 to 256 pixels, not 513, and a rate beyond the map sees padding alone.
RATES = (3, 6, 9)


@register("deeplabv3plus", "segmenter")
def deeplabv3plus(x: Any, classes: int, width: float) -> list[Any]:
    """DeepLabV3+ (Chen et al. 2018, arXiv:1802.02611) on MobileNetV2 at output stride 16.

    Atrous separable convolutions at three rates, a 1 × 1 convolution and the image's mean, 256 channels each; the
    decoder joins them with 48 channels of the map at stride 4 and refines twice.
    """
    maps = backbone("mobilenet", x, width, output_stride=16)
    y = atrous_pyramid(maps[4], channels(256, width))
    low = conv_bn(maps[1], channels(48, width), 1)
    y = layers.Concatenate()([resize_like(y, low), low])
    y = separable(separable(y, channels(256, width)), channels(256, width))
    return [classify(y, classes)]


def atrous_pyramid(x: Any, filters: int, rates: tuple[int, ...] = RATES) -> Any:
    """ASPP: parallel views of growing reach, joined by a 1 × 1 convolution."""
    views = [conv_bn(x, filters, 1)]
    views += [separable(x, filters, 3, dilation=r) for r in rates]
    views.append(resize_like(global_context(x, filters), x))
    return layers.Dropout(0.1)(conv_bn(layers.Concatenate()(views), filters, 1))
