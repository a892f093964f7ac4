"""BiSeNet, both versions: one branch for detail, one for meaning."""

from __future__ import annotations

from typing import Any

from keras import layers

from oceanclean.vision.nets.backbones import backbone
from oceanclean.vision.nets.blocks import channels, classify, conv_bn, depthwise_bn, gate, global_context, resize_like
from oceanclean.vision.nets.registry import register


@register("bisenet", "segmenter")
def bisenet(x: Any, classes: int, width: float) -> list[Any]:
    """BiSeNet (Yu et al. 2018, arXiv:1808.00897): spatial path, ResNet-18 context path, ARM and FFM.

    The heads of the refined maps at strides 16 and 32 are the auxiliary outputs.
    """
    spatial = conv_bn(x, channels(64, width), 7, 2)
    spatial = conv_bn(conv_bn(spatial, channels(64, width), 3, 2), channels(64, width), 3, 2)
    spatial = conv_bn(spatial, channels(128, width), 1)
    maps = backbone("resnet18", x, width)
    filters = channels(128, width)
    tail = resize_like(global_context(maps[4], filters), maps[4])
    deep = layers.Add()([attention_refinement(maps[4], filters), tail])
    deep_up = conv_bn(resize_like(deep, maps[3]), filters)
    mid = layers.Add()([attention_refinement(maps[3], filters), deep_up])
    context = conv_bn(resize_like(mid, spatial), filters)
    fused = _feature_fusion(spatial, context, channels(256, width))
    return [_head(fused, channels(256, width), classes), _head(context, channels(64, width), classes),
            _head(deep_up, channels(64, width), classes)]  # fmt: skip


def attention_refinement(x: Any, filters: int) -> Any:
    """ARM: a 3 × 3 convolution whose channels are weighted by a gate from their means."""
    x = conv_bn(x, filters)
    return layers.Multiply()([x, gate(x, filters)])


def _feature_fusion(spatial: Any, context: Any, filters: int) -> Any:
    """FFM: concatenate, convolve, and add the map weighted by a gate of two layers."""
    x = conv_bn(layers.Concatenate()([spatial, context]), filters, 1)
    weight = gate(global_context(x, max(4, filters // 4)), filters)
    return layers.Add()([x, layers.Multiply()([x, weight])])


def _head(x: Any, filters: int, classes: int) -> Any:
    return classify(conv_bn(x, filters), classes)


@register("bisenetv2", "segmenter")
def bisenetv2(x: Any, classes: int, width: float) -> list[Any]:
    """BiSeNetV2 (Yu et al. 2021, arXiv:2004.02147): detail and semantic branch, guided aggregation.

    The booster heads on the semantic branch's stages are the auxiliary outputs. The head has 512 channels at width
    1 where the paper has 1024, which was made for 1024 × 2048 streets.
    """
    detail = _detail_branch(x, width)
    stem, s3, s4, s5 = _semantic_branch(x, width)
    fused = _guided_aggregation(detail, s5, channels(128, width))
    main = classify(layers.Dropout(0.1)(conv_bn(fused, channels(512, width))), classes)
    return [main, *(_head(y, channels(128, width), classes) for y in (stem, s3, s4))]


def _detail_branch(x: Any, width: float) -> Any:
    for filters, repeats in ((64, 1), (64, 2), (128, 2)):
        x = conv_bn(x, channels(filters, width), 3, 2)
        for _ in range(repeats):
            x = conv_bn(x, channels(filters, width))
    return x


def _semantic_branch(x: Any, width: float) -> tuple[Any, Any, Any, Any]:
    """Stem block, then gather-and-expansion stages at strides 8, 16 and 32, then the context embedding."""
    filters = channels(16, width)
    y = conv_bn(x, filters, 3, 2)
    narrow = conv_bn(conv_bn(y, max(4, filters // 2), 1), filters, 3, 2)
    stem = conv_bn(layers.Concatenate()([narrow, layers.MaxPooling2D(3, 2, padding="same")(y)]), filters)
    s3 = _gather_expand(_gather_expand(stem, channels(32, width), 2), channels(32, width))
    s4 = _gather_expand(_gather_expand(s3, channels(64, width), 2), channels(64, width))
    s5 = _gather_expand(s4, channels(128, width), 2)
    for _ in range(3):
        s5 = _gather_expand(s5, channels(128, width))
    context = global_context(s5, channels(128, width))
    s5 = conv_bn(layers.Add()([s5, resize_like(context, s5)]), channels(128, width))
    return stem, s3, s4, s5


def _gather_expand(x: Any, filters: int, stride: int = 1) -> Any:
    """GE layer: 3 × 3, depthwise expansion of six (two where it strides), 1 × 1 back, a skip."""
    y = depthwise_bn(conv_bn(x, x.shape[-1]), 3, stride, multiplier=6, activation=None if stride > 1 else "relu")
    skip = x
    if stride > 1:
        y = depthwise_bn(y, 3)
        skip = conv_bn(depthwise_bn(x, 3, stride, activation=None), filters, 1, activation=None)
    return layers.Activation("relu")(layers.Add()([conv_bn(y, filters, 1, activation=None), skip]))


def _guided_aggregation(detail: Any, semantic: Any, filters: int) -> Any:
    """BGA: each branch gates the other at its own resolution."""
    fine = conv_bn(depthwise_bn(detail, activation=None), filters, 1, activation=None)
    coarse = conv_bn(detail, filters, 3, 2, activation=None)
    coarse = layers.AveragePooling2D(3, 2, padding="same")(coarse)
    guide = resize_like(conv_bn(semantic, filters, activation=None), detail)
    inner = conv_bn(depthwise_bn(semantic, activation=None), filters, 1, activation=None)
    left = layers.Multiply()([fine, layers.Activation("sigmoid")(guide)])
    right = layers.Multiply()([coarse, layers.Activation("sigmoid")(inner)])
    return conv_bn(layers.Add()([left, resize_like(right, left)]), filters)
