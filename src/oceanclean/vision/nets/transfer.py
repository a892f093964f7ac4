"""Weights of one network into another: all that fits, in order, and a word of what did not."""

from __future__ import annotations

from pathlib import Path

import keras

from oceanclean.errors import InputError, MissingDataError


def transfer(target: keras.Model, source: keras.Model) -> list[str]:
    """Copy the weights of ``source`` into ``target``, layer by layer.

    Layers that hold weights are matched in order: the k-th of one kind with the k-th of the same kind. Those whose
    shapes differ (a head of other classes, a stem of other bands) keep what they have.

    Returns:
        Names of the target's layers that were left as they are.
    """
    given: dict[str, list[keras.layers.Layer]] = {}
    for layer in _weighted(source):
        given.setdefault(type(layer).__name__, []).append(layer)
    left, seen = [], dict.fromkeys(given, 0)
    for layer in _weighted(target):
        kind = type(layer).__name__
        k = seen.get(kind, 0)
        seen[kind] = k + 1
        donor = given.get(kind, [])[k : k + 1]
        if donor and [w.shape for w in donor[0].weights] == [w.shape for w in layer.weights]:
            layer.set_weights(donor[0].get_weights())
        else:
            left.append(layer.name)
    return left


def _weighted(model: keras.Model) -> list[keras.layers.Layer]:
    """Layers with weights, in the order of the graph; models inside are opened."""
    out: list[keras.layers.Layer] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            out += _weighted(layer)
        elif layer.weights:
            out.append(layer)
    return out


def load_weights(model: keras.Model, path: Path) -> None:
    """Load a user's weights: a ``.keras`` file (all that fits) or a ``.weights.h5`` file (must fit whole).

    Raises:
        MissingDataError: no such file.
        InputError: the file is of neither kind, cannot be read, or nothing in it fits.
    """
    if not path.is_file():
        raise MissingDataError(path, "weights", "no such file", "a .keras or .weights.h5 file",
                               "Train one (oceanclean train …) or leave weights out.")  # fmt: skip
    if path.suffix not in (".keras", ".h5"):
        raise InputError(path, "weights", path.suffix, ".keras or .weights.h5", "Give a file that Keras wrote.")
    try:
        if path.suffix == ".h5":
            model.load_weights(path)
            return
        source = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise InputError(path, "weights", type(error).__name__, f"weights of {model.name}",
                         f"Build the network that wrote them. ({error})") from error  # fmt: skip
    if len(transfer(model, source)) == len(_weighted(model)):
        raise InputError(path, "weights", "nothing that fits", f"a network like {model.name} of the same width",
                         "Give the same name and width as in its training.")  # fmt: skip
