"""A model as a SavedModel that TensorFlow Serving loads: one signature, ``serving_default``, with named inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.errors import InputError
from oceanclean.store import write_aside

if TYPE_CHECKING:
    import keras

KINDS = ("segmenter", "classifier", "cleanliness")


def export_saved_model(kind: str, model: Path | None, folder: Path) -> dict[str, Any]:
    """Write a model as ``<folder>/1``, the layout of TensorFlow Serving.

    The segmenter takes ``reflectance`` (batch, y, x, band) of any size, ``water`` (batch, band) and ``presence``
    (batch, band); photo models take pixels 0–255 (batch, edge, edge, 3). Both give probabilities.

    Args:
        kind: one of :data:`KINDS`.
        model: a ``.keras`` file with its card; None is the one that ships.
        folder: served as a model's base path.

    Returns:
        ``folder``, ``inputs`` and ``outputs`` (name to shape, None where free).

    Raises:
        InputError: unknown kind, or the folder holds something else.
        MissingDataError: the model or its card is absent.
    """
    if kind not in KINDS:
        raise InputError("command line", "kind", repr(kind), f"one of {KINDS}", "Choose one of them.")
    if folder.exists() and any(p.name != "1" for p in folder.iterdir()):
        raise InputError(folder, "output folder", "other files", "a new folder", "Name another folder with --out.")
    network = _network(kind, model)
    with write_aside(folder / "1") as aside:
        network.export(str(aside), format="tf_saved_model", verbose=False)
    shapes = {side: {t.name: list(t.shape) for t in getattr(network, side)} for side in ("inputs", "outputs")}
    return {"folder": str(folder / "1"), **shapes}


def _network(kind: str, model: Path | None) -> keras.Model:
    if kind == "segmenter":
        from oceanclean.vision.zoo import load_segmenter

        return load_segmenter(model).model
    import oceanclean.vision.photos.fusion  # noqa: F401  (registers the layers)
    from oceanclean.vision.models import load_model

    return load_model(model, kind).model
