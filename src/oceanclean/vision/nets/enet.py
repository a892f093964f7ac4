"""ENet: early down-sampling, bottlenecks with dilated and asymmetric convolutions, a light decoder."""

from __future__ import annotations

from typing import Any

from keras import layers

from oceanclean.vision.nets.blocks import channels, classify, conv_bn, resize_like
from oceanclean.vision.nets.registry import register

#: Stage 2's bottlenecks after its first, which stage 3 repeats: (dilation, asymmetric).
_STAGE = ((1, False), (2, False), (1, True), (4, False), (1, False), (8, False), (1, True), (16, False))


def _act(x: Any) -> Any:
    return layers.PReLU(shared_axes=[1, 2], alpha_initializer="zeros")(x)


def _conv(x: Any, filters: int, kernel: int | tuple[int, int], stride: int = 1, dilation: int = 1) -> Any:
    return _act(conv_bn(x, filters, kernel, stride, dilation, activation=None))


@register("enet", "segmenter")
def enet(x: Any, classes: int, width: float) -> list[Any]:
    """ENet (Paszke et al. 2016, arXiv:1606.02147, table 1).

    Two things differ: max-unpooling needs the indices of the pooling, which LiteRT does not carry, so the decoder's
    main branch is a 1 × 1 convolution and a bilinear resize (as others do); and so is its full convolution.
    """
    sixteen, wide, full = channels(16, width), channels(64, width), channels(128, width)
    conv = layers.Conv2D(max(sixteen - x.shape[-1], 4), 3, strides=2, padding="same")(x)
    half = layers.Concatenate()([conv, layers.MaxPooling2D(2, padding="same")(x)])
    half = _act(layers.BatchNormalization(momentum=0.9)(half))
    quarter = _bottleneck(half, wide, stride=2, dropout=0.01)
    for _ in range(4):
        quarter = _bottleneck(quarter, wide, dropout=0.01)
    y = _bottleneck(quarter, full, stride=2)
    for dilation, asymmetric in _STAGE * 2:
        y = _bottleneck(y, full, dilation=dilation, asymmetric=asymmetric)
    y = _bottleneck(_up(y, wide, quarter), wide)
    y = _bottleneck(y, wide)
    y = _bottleneck(_up(y, sixteen, half), sixteen)
    return [classify(y, classes)]


def _bottleneck(
    x: Any, filters: int, stride: int = 1, dilation: int = 1, asymmetric: bool = False, dropout: float = 0.1
) -> Any:
    """Project to a quarter, convolve, expand, drop whole channels; add to the (pooled, padded) main branch."""
    inner = max(4, filters // 4)
    y = _conv(x, inner, 2 if stride > 1 else 1, stride)
    if asymmetric:
        y = _conv(conv_bn(y, inner, (5, 1), activation=None), inner, (1, 5))
    else:
        y = _conv(y, inner, 3, 1, dilation)
    y = layers.SpatialDropout2D(dropout)(conv_bn(y, filters, 1, activation=None))
    if stride > 1:
        x = layers.MaxPooling2D(2, padding="same")(x)
    if x.shape[-1] < filters:
        # The main branch is padded with empty channels: a 1 × 1 convolution of nothing would cost as much.
        x = layers.Concatenate()([x, _zeros(x, filters - x.shape[-1])])
    return _act(layers.Add()([x, y]))


def _zeros(x: Any, count: int) -> Any:
    parts = [layers.Rescaling(0.0)(x)] * -(-count // x.shape[-1])
    joined = parts[0] if len(parts) == 1 else layers.Concatenate()(parts)
    return joined if joined.shape[-1] == count else joined[..., :count]


def _up(x: Any, filters: int, plane: Any) -> Any:
    """Up-sampling bottleneck to the plane of an encoder map."""
    inner = max(4, filters // 4)
    y = conv_bn(resize_like(_conv(x, inner, 1), plane), inner, 3)
    y = conv_bn(y, filters, 1, activation=None)
    main = resize_like(conv_bn(x, filters, 1, activation=None), plane)
    return layers.Activation("relu")(layers.Add()([main, y]))
