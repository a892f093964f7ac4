"""Classifiers of whole photos: a backbone, the mean over its plane, a dense layer."""

from __future__ import annotations

from typing import Any

from keras import layers

from oceanclean.vision.nets.backbones import backbone
from oceanclean.vision.nets.blocks import channels, conv_bn
from oceanclean.vision.nets.registry import register

#: Name of the layer whose output is a photo's description (batch, feature), for few-shot heads.
EMBEDDING = "embedding"


@register("mobilenet", "classifier")
def mobilenet(x: Any, classes: int, width: float) -> list[Any]:
    """MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381): its last 1 × 1 convolution has 1280 channels at width 1."""
    return [_head(conv_bn(backbone("mobilenet", x, width)[4], channels(1280, width), 1, activation="relu6"), classes)]


@register("resnet18", "classifier")
def resnet18(x: Any, classes: int, width: float) -> list[Any]:
    """ResNet-18 (He et al. 2016, arXiv:1512.03385)."""
    return [_head(backbone("resnet18", x, width)[4], classes)]


def _head(x: Any, classes: int) -> Any:
    x = layers.GlobalAveragePooling2D(name=EMBEDDING)(x)
    return layers.Dense(classes)(layers.Dropout(0.2)(x))
