"""Training of the network branch: from random weights, or from given ones with the backbone frozen at first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.store import digest_record
from oceanclean.vision.fitting import FitSettings, fit
from oceanclean.vision.photos.scores import macro_f1
from oceanclean.vision.photos.views import mixed, smoothed, view

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import PhotoTraining
    from oceanclean.vision.photos.training import Material

History = dict[str, list[dict[str, float]]]
_MONITOR = "macro_f1"


def best_start(
    material: Material, train: NDArray[np.intp], held: NDArray[np.intp], settings: PhotoTraining, folder: Path,
    starts: Sequence[str], weights: Path | None, figures: dict[str, float],
    progress: Callable[[str, float], None],
) -> tuple[keras.Model | None, History]:  # fmt: skip
    """Train a network from each start and keep the one with the best validation macro-F1.

    Args:
        material: photos with labels.
        train: rows to learn from.
        held: rows that select the epoch and the start.
        settings: how.
        folder: keeps the state of each start.
        starts: ``scratch``, ``two-phase``.
        weights: for a two-phase start.
        figures: gets the validation figure of every start.
        progress: told after every epoch.

    Returns:
        The network (photo to logits, at ``train_edge``), None where the recipe has none, and the histories.

    Raises:
        InputError: an unknown start, or a two-phase one without weights.
    """
    if settings.network == "none":
        return None, {}
    best, best_figure, history = None, -1.0, {}
    for start in starts:
        model = build(material, settings, weights if start == "two-phase" else None)
        if start == "scratch":
            history[start] = _fit(model, material, train, held, settings, settings.fit, folder / start, progress)
        elif start == "two-phase":
            if weights is None:
                raise InputError("training", "weights", "none", "a trained network to start from",
                                 "Give --weights PATH, or start from scratch.")  # fmt: skip
            history[start] = _two_phases(model, material, train, held, settings, folder / start, progress)
        else:
            raise InputError("training", "start", start, "scratch or two-phase", "Choose one of them, or both.")
        logits = logits_of(model, material.pixels[held], settings)
        figures[start] = macro_f1(material.targets[held], logits.argmax(1), len(material.task.classes))
        if figures[start] > best_figure:
            best, best_figure = model, figures[start]
    return best, history


def build(material: Material, settings: PhotoTraining, weights: Path | None) -> keras.Model:
    """The network at the edge of its training crops; whatever fits of ``weights`` is taken."""
    import keras

    from oceanclean.vision import nets

    keras.utils.set_random_seed(settings.fit.seed)
    edge = settings.train_edge
    model = nets.build(settings.network, (edge, edge, 3), len(material.task.classes), settings.width)
    if weights is not None:
        transfer_from(model, weights)
    return model


def transfer_from(model: keras.Model, weights: Path) -> None:
    """Take the backbone from a ``.keras`` file: of a network of the zoo, or of a photo model that holds one.

    Raises:
        MissingDataError: no such file.
        InputError: nothing in it fits.
    """
    import oceanclean.vision.photos.fusion  # noqa: F401  (registers the layers)
    from oceanclean.vision.nets.transfer import load_weights

    load_weights(model, weights)


def at_evaluation(model: keras.Model, settings: PhotoTraining) -> keras.Model:
    """The network, with the same weights, at the edge at which photos are judged."""
    from oceanclean.vision import nets

    return nets.resized(model, (settings.edge, settings.edge))


def logits_of(model: keras.Model, photos: NDArray[np.uint8], settings: PhotoTraining) -> NDArray[np.float32]:
    """Logits (photo, class) at the evaluation edge."""
    from oceanclean.vision.photos.fusion import probabilities
    from oceanclean.vision.photos.training import at_edge

    return probabilities(at_evaluation(model, settings), at_edge(photos, settings.edge))


def batches(
    material: Material, rows: NDArray[np.intp], settings: PhotoTraining, batch: int
) -> Callable[[int, np.random.Generator], Iterator[tuple[Any, ...]]]:
    """Batches of varied photos and their class shares; rare classes are drawn more often."""
    classes = len(material.task.classes)
    targets = material.targets[rows]
    counts = np.bincount(targets, minlength=classes)
    weight = np.maximum(counts, 1)[targets] ** (-settings.balance)
    chance = weight / weight.sum()

    def of(_: int, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        while True:
            drawn = rng.choice(len(rows), batch, p=chance)
            images = np.stack([view(material.pixels[rows[i]], settings.train_edge, settings.views, rng) for i in drawn])
            shares = smoothed(targets[drawn], classes, settings.smoothing)
            yield mixed(images, shares, rng) if rng.random() < settings.views.mix else (images, shares)

    return of


def _fit(
    model: keras.Model, material: Material, train: NDArray[np.intp], held: NDArray[np.intp], settings: PhotoTraining,
    fitting: FitSettings, folder: Path, progress: Callable[[str, float], None],
) -> list[dict[str, float]]:  # fmt: skip
    """One fit; the averaged weights of the epoch with the best validation macro-F1 are kept."""
    import keras

    from oceanclean.vision.photos.fusion import compiled, probabilities

    photos, truth = material.at(settings.edge)[held], material.targets[held]
    judge = at_evaluation(model, settings)
    call = compiled(judge)

    def validate(network: keras.Model) -> Mapping[str, float]:
        judge.set_weights(network.get_weights())
        found = probabilities(call, photos).argmax(1)
        return {_MONITOR: macro_f1(truth, found, len(material.task.classes))}

    identity = {"data": digest_record([[p.file, p.label] for p in material.photos]), "rows": train.tolist(),
                "recipe": settings.model_dump(mode="json", exclude={"fit"})}  # fmt: skip
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    result = fit(model, loss, batches(material, train, settings, fitting.batch), fitting, folder, validate=validate,
                 monitor=_MONITOR, identity=identity, progress=progress)  # fmt: skip
    return result.history


def _two_phases(
    model: keras.Model, material: Material, train: NDArray[np.intp], held: NDArray[np.intp], settings: PhotoTraining,
    folder: Path, progress: Callable[[str, float], None],
) -> list[dict[str, float]]:  # fmt: skip
    """Train the head on a frozen backbone, then the last block with it, at a tenth of the rate.

    Frozen layers keep their statistics too: batch normalisation stays in inference mode.
    """
    history: list[dict[str, float]] = []
    block = last_block(model)
    for name, open_layers, rate in (
        ("head", {model.layers[-2].name, model.layers[-1].name}, settings.head_rate),
        ("block", block, settings.block_rate),
    ):
        for layer in model.layers:
            layer.trainable = layer.name in open_layers
        fitting = settings.fit.model_copy(update={"epochs": settings.phase_epochs, "learning_rate": rate})
        history += _fit(model, material, train, held, settings, fitting, folder / name, progress)
    for layer in model.layers:
        layer.trainable = True
    return history


def last_block(model: keras.Model) -> set[str]:
    """Names of the layers from the last residual block on.

    Raises:
        InputError: the network has no residual block.
    """
    sums = [i for i, layer in enumerate(model.layers) if type(layer).__name__ == "Add"]
    if len(sums) < 2:
        raise InputError(f"model {model.name}", "blocks", len(sums), "two residual blocks or more",
                         "Choose resnet18 or mobilenet for a two-phase start.")  # fmt: skip
    return {layer.name for layer in model.layers[sums[-2] + 1 :]}
