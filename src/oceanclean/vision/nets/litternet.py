"""Our own segmenter: for few images, small tiles and one core."""

from __future__ import annotations

from typing import Any

from keras import layers

from oceanclean.vision.nets.backbones import inverted_residual
from oceanclean.vision.nets.blocks import channels, classify, conv_bn, gate, global_context, resize_like, separable
from oceanclean.vision.nets.registry import register


@register("litternet", "segmenter")
def litternet(x: Any, classes: int, width: float) -> list[Any]:
    """Inverted residuals down to stride 16, separable convolutions up to stride 2, gated context between.

    What it takes from whom: MobileNetV2's blocks; U-Net's concatenated skips, made separable; BiSeNet's context path,
    as a mean over the plane that gates the deepest map. It never computes at full resolution, where a U-Net spends
    half its time; the edge comes back from the stride-2 skip. The heads at strides 8 and 4 are auxiliary outputs.
    """
    skips = [conv_bn(conv_bn(x, channels(32, width), 3, 2), channels(32, width))]
    for filters, blocks in ((64, 2), (128, 2), (192, 3)):
        y = inverted_residual(skips[-1], channels(filters, width), 4, 2)
        for k in range(blocks - 1):
            y = inverted_residual(y, channels(filters, width), 4, 1, 2 if filters == 192 and k else 1)
        skips.append(y)
    y = skips[3]
    context = global_context(y, channels(192, width))
    y = layers.Multiply()([separable(y, channels(192, width)), gate(context, channels(192, width))])
    heads = []
    for level, filters in ((2, 128), (1, 64), (0, 48)):
        y = layers.Concatenate()([resize_like(y, skips[level]), skips[level]])
        y = separable(separable(y, channels(filters, width)), channels(filters, width))
        heads.append(classify(layers.SpatialDropout2D(0.1)(y) if level == 0 else y, classes))
    return [heads[2], heads[0], heads[1]]
