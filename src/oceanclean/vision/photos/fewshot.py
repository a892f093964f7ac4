"""A new class from 5 to 20 photos: prototypes in the space of descriptions that a trained model already has.

A photo's description is what the network and the texture branch say before their heads. A class is the mean of its
examples' descriptions (Snell et al. 2017, arXiv:1703.05175), after the mean over all examples is taken off and each is
scaled to length 1 (Wang et al. 2019, arXiv:1911.04623), and a photo gets the class whose prototype it points to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.store import write_aside

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.photos.deploy import PhotoModel

#: Fewest examples of a class.
FEWEST = 5
#: Sharpness of the softmax over cosines: a cosine .1 above the next is 2.7 times as likely.
_SHARPNESS = 10.0


@dataclass(frozen=True)
class PrototypeHead:
    """Classes as directions.

    Attributes:
        classes: names, in order.
        centre: (value,) mean of the descriptions that is taken off.
        prototypes: (class, value) of length 1.
        model_sha256: digest of the model whose descriptions these are.
    """

    classes: tuple[str, ...]
    centre: NDArray[np.float32]
    prototypes: NDArray[np.float32]
    model_sha256: str

    def __call__(self, descriptions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (photo, class) of descriptions (photo, value)."""
        score = _SHARPNESS * (_directed(descriptions, self.centre) @ self.prototypes.T)
        share = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True), np.float32)

    def save(self, path: Path) -> Path:
        """Write as ``.npz``."""
        with write_aside(path) as aside, aside.open("wb") as file:
            np.savez(file, classes=np.array(self.classes), centre=self.centre, prototypes=self.prototypes,
                     model_sha256=np.array(self.model_sha256))  # fmt: skip
        return path

    @classmethod
    def load(cls, path: Path) -> PrototypeHead:
        """Read what :meth:`save` wrote.

        Raises:
            MissingDataError: no such file.
            InputError: another file.
        """
        if not path.is_file():
            raise MissingDataError(
                path, "head", "no such file", "a .npz of prototypes", "Run oceanclean train few-shot."
            )
        try:
            with np.load(path, allow_pickle=False) as held:
                return cls(tuple(str(c) for c in held["classes"]), held["centre"], held["prototypes"],
                           str(held["model_sha256"]))  # fmt: skip
        except (ValueError, KeyError, OSError) as error:
            raise InputError(path, "head", str(error)[:100], "a .npz of prototypes", "Train it anew.") from error


def learn_prototypes(descriptions: NDArray[np.float32], labels: list[str], model_sha256: str = "") -> PrototypeHead:
    """Prototypes of labelled descriptions (photo, value).

    Raises:
        InputError: fewer than two classes, or fewer than :data:`FEWEST` examples of one.
    """
    classes = tuple(sorted(set(labels)))
    counts = {c: labels.count(c) for c in classes}
    if len(classes) < 2 or min(counts.values()) < FEWEST:
        raise InputError("few-shot", "examples", counts, f"two classes or more of {FEWEST} photos or more each",
                         "Add photos.")  # fmt: skip
    names = np.array(labels)
    # Mean of class means: a class with many examples does not draw the centre to itself.
    centre = np.mean([descriptions[names == c].mean(axis=0) for c in classes], axis=0)
    directed = _directed(descriptions, centre)
    means = np.stack([directed[names == c].mean(axis=0) for c in classes])
    prototypes = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return PrototypeHead(classes, centre.astype(np.float32), prototypes.astype(np.float32), model_sha256)


def _directed(descriptions: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    moved = descriptions - centre
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9), np.float32)


def describe(model: PhotoModel, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Descriptions (photo, value) of square photos (photo, edge, edge, 3): each branch's scaled to length 1."""
    from oceanclean.vision.photos.fusion import probabilities

    found = probabilities(_describer(model.stored().model), photos)
    return np.asarray(found, np.float32)


def _describer(model: keras.Model) -> keras.Model:
    import keras

    from oceanclean.vision.nets.classifiers import EMBEDDING
    from oceanclean.vision.photos.fusion import NETWORK, TEXTURE, branch_input

    image: Any = model.input
    parts = []
    names = {layer.name for layer in model.layers}
    if NETWORK in names:
        network = model.get_layer(NETWORK)
        inner = keras.Model(network.input, network.get_layer(EMBEDDING).output)
        parts.append(inner(branch_input(image, network)))
    if TEXTURE in names:
        parts.append(model.get_layer(TEXTURE)(branch_input(image, model.get_layer(TEXTURE))))
    scaled = [keras.layers.UnitNormalization()(p) for p in parts]
    return keras.Model(image, scaled[0] if len(scaled) == 1 else keras.layers.Concatenate()(scaled))
