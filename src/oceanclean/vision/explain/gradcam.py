"""Grad-CAM: which places of an image a network's answer rests on (Selvaraju et al. 2017, arXiv:1610.02391, eq. 1–2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray


def grad_cam(
    model: keras.Model, image: NDArray[np.floating] | NDArray[np.uint8], target: int, layer: str = ""
) -> NDArray[np.float32]:
    """Map (y, x) of 0–1 of the places that speak for a class.

    The score whose gradient is taken is the class's output before the softmax; of a segmenter, its mean over the pixels
    that are given to the class (Vinogradova et al. 2020, arXiv:2002.11434), or over all where none is.

    Args:
        model: network of one image; its logits come out of ``logits``, or it is a photo model with a network inside.
        image: (y, x, band), as the model takes it.
        target: class index.
        layer: name of the layer whose channels are weighed; default: the last with a plane of at least 3 × 3.

    Returns:
        The map at the image's size; all 0 where nothing speaks for the class.

    Raises:
        InputError: the model has no such layer, or the class is out of range.
    """
    import tensorflow as tf

    network = network_of(model)
    inner = network.get_layer(layer) if layer in {x.name for x in network.layers} else last_plane(network, layer)
    size = int(network.input.shape[1]), int(network.input.shape[2])
    plane = np.asarray(tf.image.resize(np.asarray(image, np.float32), size), np.float32)[None]
    import keras

    graph = keras.Model(network.input, [inner.output, network.output])
    classes = int(network.output.shape[-1])
    if not 0 <= target < classes:
        raise InputError("Grad-CAM", "class", target, f"0 to {classes - 1}", "Give the index of a class.")
    with tf.GradientTape() as tape:
        activations, logits = graph(plane, training=False)
        score = _score(logits, target)
    gradient = tape.gradient(score, activations)
    weight = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weight * activations, axis=-1))[0]
    heat = heat / (tf.reduce_max(heat) + 1e-12)
    return np.asarray(tf.image.resize(heat[..., None], image.shape[:2])[..., 0], np.float32)


def _score(logits: Any, target: int) -> Any:
    import tensorflow as tf

    chosen = logits[..., target]
    if len(logits.shape) == 2:
        return chosen[0]
    mine = tf.cast(tf.argmax(logits, axis=-1) == target, tf.float32)
    mine = tf.where(tf.reduce_any(mine > 0), mine, tf.ones_like(mine))
    return tf.reduce_sum(chosen * mine) / tf.reduce_sum(mine)


def network_of(model: keras.Model) -> keras.Model:
    """The network of logits: the branch of a photo model, or the model itself.

    Raises:
        InputError: a photo model without a network branch.
    """
    from oceanclean.vision.photos.fusion import NETWORK, TEXTURE

    names = {layer.name for layer in model.layers}
    if NETWORK in names:
        inner: keras.Model = model.get_layer(NETWORK)
        return inner
    if TEXTURE in names:
        raise InputError("Grad-CAM", "model", "texture branch alone", "a model with a network",
                         "Train one with --model resnet18.")  # fmt: skip
    return model


def last_plane(network: keras.Model, layer: str = "") -> keras.layers.Layer:
    """The last layer before the head whose output is a plane of at least 3 × 3.

    Raises:
        InputError: a layer was named that is not there, or no layer has a plane.
    """
    names = [x.name for x in network.layers]
    if layer:
        raise InputError("Grad-CAM", "layer", layer, f"one of {', '.join(names[-12:])}", "Name a layer of the model.")
    wide = int(network.output.shape[1]) if len(network.output.shape) == 4 else 0
    for candidate in reversed(network.layers):
        shape: tuple[int, ...] = tuple(getattr(candidate.output, "shape", ()))
        # A segmenter's last layers are logits at full size: one before them, of more channels, tells more.
        if len(shape) == 4 and min(shape[1:3]) >= 3 and (not wide or shape[1] < wide):
            return candidate
    raise InputError("Grad-CAM", "model", network.name, "a network with planes", "Give a convolutional network.")


def overlay(image: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The photo (y, x, 3) greyed, with the map in colour over it."""
    from matplotlib import colormaps

    colour = colormaps["inferno"](np.clip(heat, 0, 1))[..., :3] * 255
    grey = image.mean(axis=-1, keepdims=True)
    share = 0.25 + 0.5 * heat[..., None]
    return np.asarray(np.clip((1 - share) * grey + share * colour, 0, 255), np.uint8)
