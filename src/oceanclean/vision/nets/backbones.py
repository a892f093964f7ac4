"""Backbones: an image to feature maps at strides 2, 4, 8, 16 and 32."""

from __future__ import annotations

from typing import Any

from keras import layers

from oceanclean.errors import InputError
from oceanclean.vision.nets.blocks import channels, conv_bn, depthwise_bn


def backbone(name: str, x: Any, width: float = 1.0, output_stride: int = 32) -> list[Any]:
    """Feature maps of an image.

    Args:
        name: ``mobilenet`` (MobileNetV2) or ``resnet18``.
        x: normalised image (batch, y, x, band).
        width: factor of all channels.
        output_stride: 32, or 16 to dilate the last stage instead of striding.

    Returns:
        Maps at strides 2, 4, 8, 16 and 32 (the last at 16 where ``output_stride`` is 16).

    Raises:
        InputError: unknown name or output stride.
    """
    if name not in _BACKBONES or output_stride not in (16, 32):
        raise InputError("backbone", "name, output_stride", (name, output_stride),
                         f"one of {', '.join(sorted(_BACKBONES))}; 16 or 32", "Choose one of them.")  # fmt: skip
    return _BACKBONES[name](x, width, output_stride)


#: MobileNetV2's table 2: expansion, channels, blocks, stride.
_MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _mobilenet(x: Any, width: float, output_stride: int) -> list[Any]:
    """MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381): inverted residuals with linear bottlenecks."""
    x = conv_bn(x, channels(32, width), 3, 2, activation="relu6")
    maps, stride = [x], 2
    for expansion, filters, blocks, step in _MOBILENET:
        dilation = 1
        if step == 2 and stride >= output_stride:
            step, dilation = 1, 2
        stride *= step
        for k in range(blocks):
            x = inverted_residual(x, channels(filters, width), expansion, step if k == 0 else 1, dilation)
        # Stages at one stride follow one another: the last of them is its map; a dilated one is a map of its own.
        if step == 2 or dilation > 1:
            maps.append(x)
        else:
            maps[-1] = x
    return maps


def inverted_residual(x: Any, filters: int, expansion: int, stride: int = 1, dilation: int = 1) -> Any:
    """Expand by 1 × 1, depthwise 3 × 3, project by 1 × 1 without activation; a skip where shapes allow."""
    inner = x if expansion == 1 else conv_bn(x, x.shape[-1] * expansion, 1, activation="relu6")
    inner = depthwise_bn(inner, 3, stride, dilation, activation="relu6")
    inner = conv_bn(inner, filters, 1, activation=None)
    return layers.Add()([x, inner]) if stride == 1 and x.shape[-1] == filters else inner


def _resnet18(x: Any, width: float, output_stride: int) -> list[Any]:
    """ResNet-18 (He et al. 2016, arXiv:1512.03385, table 1): basic blocks, two a stage."""
    x = conv_bn(x, channels(64, width), 7, 2)
    maps = [x]
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for k, filters in enumerate((64, 128, 256, 512)):
        stride, dilation = (1 if k == 0 else 2), 1
        if k == 3 and output_stride == 16:
            stride, dilation = 1, 2
        x = basic_block(x, channels(filters, width), stride, dilation)
        x = basic_block(x, channels(filters, width), 1, dilation)
        maps.append(x)
    return maps


def basic_block(x: Any, filters: int, stride: int = 1, dilation: int = 1) -> Any:
    """Two 3 × 3 convolutions and a skip, projected where shapes differ."""
    skip = x
    if stride > 1 or x.shape[-1] != filters:
        skip = conv_bn(x, filters, 1, stride, activation=None)
    x = conv_bn(x, filters, 3, stride, dilation)
    x = conv_bn(x, filters, 3, 1, dilation, activation=None)
    return layers.Activation("relu")(layers.Add()([x, skip]))


_BACKBONES = {"mobilenet": _mobilenet, "resnet18": _resnet18}
