"""U-Net, U-Net++ and LinkNet: encoders with skip connections to their decoders."""

from __future__ import annotations

from typing import Any

from keras import layers

from oceanclean.vision.nets.backbones import backbone
from oceanclean.vision.nets.blocks import channels, classify, conv_bn, resize_like
from oceanclean.vision.nets.registry import register


def _twice(x: Any, filters: int) -> Any:
    return conv_bn(conv_bn(x, filters), filters)


@register("unet", "segmenter")
def unet(x: Any, classes: int, width: float) -> list[Any]:
    """U-Net (Ronneberger et al. 2015, arXiv:1505.04597): five levels of 64 to 1024 channels, concatenated skips.

    With batch normalisation and zero padding; the up-convolution is a bilinear resize and a 1 × 1 convolution.
    """
    skips = []
    for level in range(4):
        x = _twice(x, channels(64 * 2**level, width))
        skips.append(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = _twice(x, channels(1024, width))
    for level in reversed(range(4)):
        filters = channels(64 * 2**level, width)
        x = resize_like(conv_bn(x, filters, 1), skips[level])
        x = _twice(layers.Concatenate()([skips[level], x]), filters)
    return [classify(x, classes)]


@register("unetpp", "segmenter")
def unetpp(x: Any, classes: int, width: float) -> list[Any]:
    """U-Net++ (Zhou et al. 2018, arXiv:1807.10165): nested dense skips, 32 to 512 channels, deep supervision.

    Node (i, j) reads all nodes (i, <j) of its level and node (i + 1, j − 1) below. The heads of nodes (0, 1) to
    (0, 3) are the auxiliary outputs.
    """
    grid: dict[tuple[int, int], Any] = {}
    for i in range(5):
        if i:
            x = layers.MaxPooling2D(2, padding="same")(grid[i - 1, 0])
        grid[i, 0] = _twice(x, channels(32 * 2**i, width))
    for j in range(1, 5):
        for i in range(5 - j):
            below = resize_like(grid[i + 1, j - 1], grid[i, 0])
            row = [grid[i, k] for k in range(j)]
            grid[i, j] = _twice(layers.Concatenate()([*row, below]), channels(32 * 2**i, width))
    return [classify(grid[0, j], classes) for j in (4, 1, 2, 3)]


@register("linknet", "segmenter")
def linknet(x: Any, classes: int, width: float) -> list[Any]:
    """LinkNet (Chaurasia, Culurciello 2017, arXiv:1707.03718): ResNet-18 encoder, additive skips.

    A decoder block squeezes to a quarter of its channels, doubles the plane and widens again; the full convolution
    is a bilinear resize and a 3 × 3 convolution, which fits planes of odd size.
    """
    maps = backbone("resnet18", x, width)
    y = maps[4]
    for skip in (maps[3], maps[2], maps[1]):
        y = layers.Add()([_link_decoder(y, skip, skip.shape[-1]), skip])
    y = _link_decoder(y, maps[0], maps[0].shape[-1])
    y = conv_bn(resize_like(conv_bn(y, channels(32, width)), x), channels(32, width))
    return [classify(y, classes)]


def _link_decoder(x: Any, plane: Any, filters: int) -> Any:
    inner = max(4, x.shape[-1] // 4)
    y = resize_like(conv_bn(x, inner, 1), plane)
    return conv_bn(conv_bn(y, inner), filters, 1)
