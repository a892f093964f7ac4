"""A trained litter segmenter: an image of any size to a class a pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.vision.augmentation import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What :mod:`oceanclean.vision.models` keeps these models under.
KIND = "litter-segmenter"
#: Images (image, y, x, band) to logits (image, y, x, class); a Keras model's call or a LiteRT one's.
Predict = Callable[["NDArray[np.float32]"], Any]


@dataclass(frozen=True)
class Placement:
    """Where an image lies in its square: the top left ``size`` (y, x) pixels, from an image of ``shape`` (y, x)."""

    size: tuple[int, int]
    shape: tuple[int, int]


def prepare(
    image: NDArray[Any], side: int, fill: NDArray[np.floating] | float = 127.5
) -> tuple[NDArray[np.float32], Placement]:
    """Bring an image (y, x, band) into a square of ``side`` pixels, its shape kept, the rest filled.

    NaN, where a satellite measured nothing, takes the fill's value too.
    """
    image = np.asarray(image, np.float32)
    image = np.where(np.isfinite(image), image, np.asarray(fill, np.float32))
    factor = side / max(image.shape[:2])
    size = tuple(max(1, min(side, round(n * factor))) for n in image.shape[:2])
    if size != image.shape[:2]:
        image = resize(image, (size[0], size[1]))
    square = np.empty((side, side, image.shape[2]), np.float32)
    square[...] = fill
    square[: size[0], : size[1]] = image
    return square, Placement((size[0], size[1]), (0, 0))


def restore(logits: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """Logits (y, x, class) of a square back to the image's own pixels."""
    cut = logits[: placement.size[0], : placement.size[1]]
    return cut if placement.size == placement.shape else resize(cut, placement.shape)


def segment_images(
    images: Iterable[NDArray[Any]], predict: Predict, side: int, fill: NDArray[np.floating] | float, batch: int = 8
) -> Iterator[NDArray[np.float32]]:
    """Logits (y, x, class) of each image at its own size; the last batch is filled up, so that one shape is traced."""
    squares: list[NDArray[np.float32]] = []
    places: list[Placement] = []

    def flush() -> Iterator[NDArray[np.float32]]:
        full = np.zeros((batch, *squares[0].shape), np.float32)
        full[: len(squares)] = squares
        for logits, place in zip(np.asarray(predict(full)), places, strict=False):
            yield restore(logits, place)

    for image in images:
        square, place = prepare(image, side, fill)
        squares.append(square)
        places.append(Placement(place.size, (image.shape[0], image.shape[1])))
        if len(squares) == batch:
            yield from flush()
            squares, places = [], []
    if squares:
        yield from flush()


class LitterSegmenter:
    """A model on disk, checked against its card.

    Args:
        model: path of a ``.keras`` file or of a training's folder; None is the one that ships.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        import oceanclean.vision.nets  # noqa: F401  (registers the layers)
        from oceanclean.vision.models import load_model

        self.stored = load_model(model, KIND)
        self.card = self.stored.card
        self.side = int(self.card["side"])
        self.fill = np.asarray(self.card["fill"], np.float32)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their numbers."""
        return self.stored.classes

    def logits(self, images: Iterable[NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
        """Logits (y, x, class) of each image (y, x, band) of pixel values as stored."""
        yield from segment_images(images, self.stored.model.predict_on_batch, self.side, self.fill)

    def segment(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Classes (y, x) of one image."""
        return next(self.logits([image])).argmax(-1).astype(np.uint8)
