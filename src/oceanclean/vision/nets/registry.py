"""Names to networks: one door for segmenters, classifiers and detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
from keras import layers

from oceanclean.errors import InputError
from oceanclean.vision.nets.blocks import resize_like
from oceanclean.vision.nets.transfer import load_weights

#: Builder of a network: (normalised image, classes, width) to the main output, then auxiliary ones.
Builder = Callable[[Any, int, float], Sequence[Any]]
#: Builder of a network that normalises in its own way: (input shape, classes, width) to a model.
ModelBuilder = Callable[[tuple[int, int, int], int, float], "keras.Model"]
TASKS = ("segmenter", "classifier", "detector")
#: Name of the layer whose output is the prediction.
OUTPUT = "logits"
#: Modules that register networks when they are imported.
_PROVIDERS = (
    "oceanclean.vision.nets.unets",
    "oceanclean.vision.nets.deeplab",
    "oceanclean.vision.nets.enet",
    "oceanclean.vision.nets.icnet",
    "oceanclean.vision.nets.bisenet",
    "oceanclean.vision.nets.litternet",
    "oceanclean.vision.nets.classifiers",
    "oceanclean.vision.nets.detectors",
)


@dataclass(frozen=True)
class _Entry:
    name: str
    task: str
    builder: Builder | None = None
    whole: ModelBuilder | None = None


_ENTRIES: dict[str, _Entry] = {}


def register(name: str, task: str) -> Callable[[Builder], Builder]:
    """Decorator that puts a builder under a name.

    Args:
        name: unique over all tasks.
        task: one of :data:`TASKS`.
    """
    _check_task(task)

    def put(builder: Builder) -> Builder:
        _ENTRIES[name] = _Entry(name, task, builder)
        return builder

    return put


def register_model(name: str, task: str) -> Callable[[ModelBuilder], ModelBuilder]:
    """Decorator that puts the builder of a whole model, its own normalisation included, under a name."""
    _check_task(task)

    def put(builder: ModelBuilder) -> ModelBuilder:
        _ENTRIES[name] = _Entry(name, task, whole=builder)
        return builder

    return put


def _check_task(task: str) -> None:
    if task not in TASKS:
        raise InputError("model zoo", "task", task, f"one of {TASKS}", "Register the network under one of them.")


def names(task: str | None = None) -> list[str]:
    """Names of all networks, or of those of one task, sorted."""
    _load()
    return sorted(n for n, e in _ENTRIES.items() if task in (None, e.task))


def _load() -> None:
    for module in _PROVIDERS:
        import_module(module)


def _entry(name: str) -> _Entry:
    _load()
    if name not in _ENTRIES:
        raise InputError("model zoo", "name", repr(name), f"one of {', '.join(sorted(_ENTRIES))}", "Choose one.")
    return _ENTRIES[name]


def build(
    name: str,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    weights: str | Path | None = None,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    auxiliary: bool = False,
) -> keras.Model:
    """Build a network.

    Args:
        name: one of :func:`names`.
        input_shape: (y, x, band); edges of 32 pixels and more, of any parity.
        classes: number of outputs, background included.
        width: factor of all channels; 1 is the published size.
        weights: a ``.keras`` or ``.weights.h5`` file to start from; layers that fit are taken, a head of other
            classes is left as it is.
        mean: of each band, taken off inside the network; default 127.5 for three bands, else 0.
        std: of each band, divided by inside the network; default 64 for three bands, else 1.
        auxiliary: segmenters only: the outputs of auxiliary heads follow the main ones on the last axis, for
            training (see :func:`oceanclean.vision.losses.with_auxiliary`); :func:`deployed` drops them.

    Returns:
        An uncompiled model: (batch, y, x, band) to logits (batch, y, x, class) or (batch, class).

    Raises:
        InputError: unknown name, an impossible shape, class count or width, or weights of which nothing fits.
        MissingDataError: there is no such weights file.
    """
    entry = _entry(name)
    _check(name, input_shape, classes, width)
    if entry.whole is not None:
        model = entry.whole(input_shape, classes, width)
    else:
        model = _assemble(entry, input_shape, classes, width, _scaling(input_shape[2], mean, std), auxiliary)
    if weights is not None:
        load_weights(model, Path(weights))
    return model


def _scaling(bands: int, mean: Sequence[float] | None, std: Sequence[float] | None) -> tuple[list[float], list[float]]:
    """Factor and offset of each band."""
    centre = [127.5 if bands == 3 else 0.0] * bands if mean is None else [float(v) for v in mean]
    scale = [1 / 64.0 if bands == 3 else 1.0] * bands if std is None else [1.0 / float(v) for v in std]
    return scale, [-m * s for m, s in zip(centre, scale, strict=True)]


def _assemble(
    entry: _Entry, input_shape: tuple[int, int, int], classes: int, width: float,
    scaling: tuple[list[float], list[float]], auxiliary: bool,
) -> keras.Model:  # fmt: skip
    """Normalisation, the network, and its outputs brought to the input's plane."""
    assert entry.builder is not None  # noqa: S101  (whole models are built by their own)
    image = layers.Input(input_shape, name="image")
    heads = list(entry.builder(layers.Rescaling(*scaling, name="normalise")(image), classes, width))
    if entry.task == "segmenter":
        heads = [resize_like(h, image) for h in heads]
    outputs = layers.Activation("linear", name=OUTPUT)(heads[0])
    if auxiliary and len(heads) > 1:
        outputs = layers.Concatenate(name="with_auxiliary")([outputs, *heads[1:]])
    return keras.Model(image, outputs, name=entry.name)


def _check(name: str, input_shape: tuple[int, int, int], classes: int, width: float) -> None:
    if len(input_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in input_shape) or min(input_shape[:2]) < 32:
        raise InputError(f"model {name}", "input_shape", input_shape, "(y, x, band), edges of 32 pixels and more",
                         "Give the shape of one tile; build the network again for another.")  # fmt: skip
    if classes < 1 or width <= 0:
        raise InputError(f"model {name}", "classes, width", (classes, width), "at least 1, above 0", "Correct them.")


def deployed(model: keras.Model) -> keras.Model:
    """The network without its auxiliary heads, sharing the weights."""
    return keras.Model(model.input, model.get_layer(OUTPUT).output, name=model.name)


def resized(model: keras.Model, size: tuple[int, int]) -> keras.Model:
    """A copy of a network, with the same weights, for another input size (y, x)."""
    image = layers.Input((*size, model.input.shape[-1]), name="image")
    copy = keras.models.clone_model(model, input_tensors=image)
    copy.set_weights(model.get_weights())
    return copy
