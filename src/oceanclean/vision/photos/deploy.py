"""A trained photo model on disk: float model with its card, and the 8-bit model that runs on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import ProductError
from oceanclean.store import digest_file, read_json, write_json
from oceanclean.vision.models import StoredModel, load_model, model_file, save_model

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray
    from PIL.Image import Image

    from oceanclean.vision.compression import Int8Report
    from oceanclean.vision.photos.settings import PhotoSettings
    from oceanclean.vision.photos.training import Material, TrainedPhotoModel

#: Photos that fix the ranges of the 8-bit numbers.
_CALIBRATION = 32
#: Share of those on which a model with 8-bit activations must give the float model's answer.
_AGREEMENT = 0.97


def store_photo_model(
    kind: str, trained: TrainedPhotoModel, material: Material, settings: PhotoSettings, out: Path,
    data: Sequence[str], licence: str,
) -> Path:  # fmt: skip
    """Write ``KIND.keras``, its card, ``KIND.tflite`` and the network alone (``network.keras``, for transfer).

    Returns:
        The ``.keras`` file.
    """
    from oceanclean.vision.photos.training import card_of

    path = out / f"{kind}.keras"
    card = card_of(kind, trained, material, settings, data, licence)
    save_model(trained.model, card, path)
    some = np.random.default_rng(0).permutation(len(material.photos))[:_CALIBRATION]
    report, activations = _eight_bit(trained.model, material.pixels[some], path.with_suffix(".tflite"))
    card = read_json(path.with_suffix(".json")) | {
        "int8_activations": activations,
        "int8_sha256": digest_file(report.path), "int8_bytes": report.bytes,
        "int8_agreement": round(report.agreement, 4),
    }  # fmt: skip
    write_json(path.with_suffix(".json"), card)
    return path


def _eight_bit(model: keras.Model, photos: NDArray[np.uint8], path: Path) -> tuple[Int8Report, bool]:
    """Convert to 8 bits, activations too where the answers stay the same, else the weights alone."""
    from oceanclean.vision.compression import convert_many

    job = (model, photos.astype(np.float32), path)
    for activations in (True, False):
        report = convert_many([job], activations=activations)[0]
        if report.agreement >= _AGREEMENT:
            break
    return report, activations


class PhotoModel:
    """A photo model ready to judge: the 8-bit one where it is there, as a phone would, else the float one.

    Args:
        model: None for the one that ships, a folder, a ``.keras`` or a ``.tflite`` file.
        kind: ``classifier`` or ``cleanliness``.
        exact: use the float model even where an 8-bit one is there.

    Raises:
        MissingDataError: file or card is absent.
        ProductError: a file is not the one that its card names.
    """

    def __init__(self, model: str | Path | None, kind: str, *, exact: bool = False) -> None:
        named = Path(model) if model else None
        self.path = model_file(named.with_suffix(".keras") if named and named.suffix == ".tflite" else named, kind)
        self.kind, self.card = kind, read_json(self.path.with_suffix(".json"))
        lite = self.path.with_suffix(".tflite")
        self.exact = exact or not lite.is_file()
        self._stored: StoredModel | None = None
        if self.exact:
            self._stored = _loaded(self.path, kind)
            self.file, self.edge = self.path, int(self._stored.model.input.shape[1])
            return
        from oceanclean.vision.compression import LiteModel

        if self.card.get("int8_sha256") != digest_file(lite):
            raise ProductError(lite, "int8_sha256", self.card.get("int8_sha256"), "the digest of the file",
                               "Fetch or train the model and its card together.")  # fmt: skip
        self._lite = LiteModel(lite)
        self.file, self.edge = lite, self._lite.input_shape[0]

    @property
    def classes(self) -> list[str]:
        """Names of the outputs, in order."""
        return [str(c) for c in self.card["classes"]]

    @property
    def bytes(self) -> int:
        """Size of the file that judges."""
        return self.file.stat().st_size

    def stored(self) -> StoredModel:
        """The float model, for gradients."""
        if self._stored is None:
            self._stored = _loaded(self.path, self.kind)
        return self._stored

    def __call__(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (photo, class) of square photos (photo, edge, edge, 3), 0–255."""
        if self._stored is not None and self.exact:
            from oceanclean.vision.photos.fusion import probabilities

            return probabilities(self._stored.model, photos)
        found = self._lite(photos.astype(np.float32))
        return found / np.maximum(found.sum(axis=1, keepdims=True), 1e-6)

    def judge(self, picture: Image) -> Mapping[str, float]:
        """Probabilities by class of one picture."""
        from oceanclean.vision.photos.pictures import as_square

        found = self(as_square(picture, self.edge)[None])[0]
        return {name: float(p) for name, p in zip(self.classes, found, strict=True)}


def _loaded(path: Path, kind: str) -> StoredModel:
    import oceanclean.vision.photos.fusion  # noqa: F401  (registers the layers)

    return load_model(path, kind)
