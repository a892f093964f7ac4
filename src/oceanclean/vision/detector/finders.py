"""One door to both kinds of detector: trees, and the centre-heat-map network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from oceanclean.vision.detector.decoding import DecodingSettings, Detector, Found

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from oceanclean.vision.models import StoredModel


class Finder(Protocol):
    """Whatever finds objects in images."""

    def detect(self, pixels: NDArray[np.uint8]) -> Found:
        """Objects in an RGB image (y, x, 3) of any size."""

    def find_images(self, images: Sequence[NDArray[np.uint8]]) -> Iterator[Found]:
        """Objects of images, one after the other."""


def load_detector(model: str | Path | None) -> StoredModel:
    """A stored detector of either kind; the layer that holds trees is known from here on.

    Args:
        model: ``.keras`` file or its folder; None or "" the one that ships.

    Raises:
        MissingDataError: the file or its card is absent.
        ProductError: the digest or the kind is not that of the card, or the file is no Keras model.
    """
    import oceanclean.vision.detector.tree_model  # noqa: F401  (registers the layer)
    from oceanclean.vision.models import load_model

    return load_model(model, "detector")


def finder_of(model: keras.Model, settings: DecodingSettings | None = None) -> Finder:
    """What finds objects with a stored model, whichever kind it is."""
    from oceanclean.vision.detector.tree_finder import TreeFinder
    from oceanclean.vision.detector.tree_model import is_tree_network, trees_of

    return TreeFinder(trees_of(model), settings) if is_tree_network(model) else Detector(model, settings)
