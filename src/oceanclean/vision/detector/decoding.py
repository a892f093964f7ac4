"""From maps to boxes: windows over an image of any size, turned copies averaged, maps joined, peaks, voting.

Windows are joined as maps, before any box is made of them: an object on a seam is found once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.settings import Settings
from oceanclean.vision.detector.boxes import clip, overlaps, suppress
from oceanclean.vision.detector.network import BOX_CHANNELS, NO_DATA, STRIDE

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

_BATCH = 16


class DecodingSettings(Settings):
    """How boxes are read off the maps.

    Attributes:
        overlap: pixels that neighbouring windows share.
        copies: turned and mirrored copies that are averaged: 1, 4 (quarter turns) or 8 (mirrored as well).
        iou: overlap of two boxes above which the worse is a duplicate.
        contained: share of the smaller of two boxes in the other above which the worse is a duplicate.
        vote: overlap with the best box above which a neighbouring cell's box is averaged into it; 1 for none.
        quality: exponent of the expected overlap in the score, the centre's probability having 1 − that.
        lowest: score below which a box is not even listed.
        most: boxes listed for a window's area at most.
    """

    overlap: int = Field(default=96, ge=0)
    copies: int = Field(default=4, ge=1, le=8)
    iou: float = Field(default=0.45, gt=0, le=1)
    contained: float = Field(default=0.8, gt=0)
    vote: float = Field(default=0.6, gt=0, le=1)
    quality: float = Field(default=0.4, ge=0, le=1)
    lowest: float = Field(default=0.03, ge=0, lt=1)
    most: int = Field(default=60, ge=1)


@dataclass(frozen=True)
class Found:
    """Boxes in one image: float32 (box, 4) pixels, scores (box,) 0–1, labels (box,), best first."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


class Detector:
    """A network compiled for batches of one shape.

    Args:
        model: as :func:`~oceanclean.vision.detector.network.build_detector` makes it.
        settings: how maps are read.
    """

    def __init__(self, model: keras.Model, settings: DecodingSettings | None = None) -> None:
        self.settings = settings or DecodingSettings()
        self.size = int(model.input_shape[1])
        self.classes = int(model.output_shape[-1]) - BOX_CHANNELS
        self._call = _compiled(model)

    def detect(self, pixels: NDArray[np.uint8]) -> Found:
        """Objects in an RGB image (y, x, 3) of any size."""
        return decode(self.maps(pixels), pixels.shape[:2], self.settings)

    def maps(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Maps (row, column, classes + 5) of an image: probabilities, offsets, log sizes, expected overlap."""
        return next(self.map_images([pixels]))

    def find_images(self, images: Sequence[NDArray[np.uint8]]) -> Iterator[Found]:
        """Objects of images, one after the other."""
        for image, maps in zip(images, self.map_images(images), strict=True):
            yield decode(maps, image.shape[:2], self.settings)

    def map_images(self, images: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """Maps of images one after the other; the windows of all of them fill the batches together."""
        plans = [_Plan(i, self.size, self.settings.overlap, self.classes + BOX_CHANNELS) for i in images]
        windows = (
            turned
            for plan, image in zip(plans, images, strict=True)
            for x, y in plan.corners
            for turned in _turns(_window(image, x, y, self.size), self.settings.copies)
        )
        outputs = self._stream(windows)
        for plan in plans:
            for corner in plan.corners:
                copies = [next(outputs) for _ in range(self.settings.copies)]
                plan.add(corner, _average(copies, self.classes))
            yield plan.result()

    def _stream(self, windows: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        block: list[NDArray[np.uint8]] = []
        for window in windows:
            block.append(window)
            if len(block) == _BATCH:
                yield from self._run(block)
                block = []
        if block:
            yield from self._run(block)

    def _run(self, block: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """Maps of one batch, with probabilities in place of logits."""
        full = np.zeros((_BATCH, self.size, self.size, 3), np.float32)
        full[: len(block)] = np.stack(block)
        raw = self._call(full)[: len(block)]
        c = self.classes
        raw[..., :c] = 1 / (1 + np.exp(-raw[..., :c]))
        raw[..., -1] = 1 / (1 + np.exp(-raw[..., -1]))
        raw[..., c + 2 : c + 4] = np.clip(raw[..., c + 2 : c + 4], -4, 6)
        yield from raw


def _compiled(model: keras.Model) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network as a function of one batch shape, traced once."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return lambda batch: np.array(keras.ops.convert_to_numpy(model(batch, training=False)))
    import tensorflow as tf

    call = tf.function(lambda batch: model(batch, training=False))
    return lambda batch: np.array(call(tf.constant(batch)))


def _window(pixels: NDArray[np.uint8], x: int, y: int, size: int) -> NDArray[np.uint8]:
    part = pixels[y : y + size, x : x + size]
    if part.shape[:2] == (size, size):
        return part
    out = np.zeros((size, size, 3), np.uint8)
    out[: part.shape[0], : part.shape[1]] = part
    return out


class _Plan:
    """Where the windows of an image lie, and the weighted sum of their maps; windows without data are left out."""

    def __init__(self, pixels: NDArray[np.uint8], size: int, overlap: int, channels: int) -> None:
        shape = pixels.shape
        self.rows, self.columns = (-(-n // STRIDE) for n in shape[:2])
        step = max(STRIDE, (size - min(overlap, size - STRIDE)) // STRIDE * STRIDE)
        self.corners = [
            (x, y)
            for y in _starts(shape[0], size, step)
            for x in _starts(shape[1], size, step)
            if pixels[y : y + size, x : x + size].max() > NO_DATA
        ]
        ramp = np.minimum(np.arange(size // STRIDE) + 0.5, size // STRIDE - np.arange(size // STRIDE) - 0.5)
        self.weight = np.minimum.outer(ramp, ramp).astype(np.float32)[..., None] ** 2
        self.total = np.zeros((self.rows, self.columns, channels), np.float32)
        self.sum_of_weights = np.zeros((self.rows, self.columns, 1), np.float32)

    def add(self, corner: tuple[int, int], maps: NDArray[np.float32]) -> None:
        """Add the maps of the window at a corner (x, y)."""
        column, row = corner[0] // STRIDE, corner[1] // STRIDE
        high, wide = min(maps.shape[0], self.rows - row), min(maps.shape[1], self.columns - column)
        weight = self.weight[:high, :wide]
        self.total[row : row + high, column : column + wide] += maps[:high, :wide] * weight
        self.sum_of_weights[row : row + high, column : column + wide] += weight

    def result(self) -> NDArray[np.float32]:
        """Weighted mean of the maps; 0 where no window lay."""
        return np.asarray(self.total / np.maximum(self.sum_of_weights, 1e-9), np.float32)


def _starts(length: int, size: int, step: int) -> list[int]:
    if length <= size:
        return [0]
    last = -(-(length - size) // STRIDE) * STRIDE
    return [*range(0, last, step), last]


def _turns(window: NDArray[np.uint8], copies: int) -> list[NDArray[np.uint8]]:
    """Copies of a window: quarter turns, then those of its mirror image."""
    plain = [np.rot90(window, k) for k in range(4)]
    return [*plain, *(np.rot90(window[:, ::-1], k) for k in range(4))][:copies]


def _average(copies: list[NDArray[np.float32]], classes: int) -> NDArray[np.float32]:
    """Mean of the maps of turned copies, each turned back."""
    return np.mean([_turned_back(m, k, classes) for k, m in enumerate(copies)], axis=0, dtype=np.float32)


def _turned_back(maps: NDArray[np.float32], number: int, classes: int) -> NDArray[np.float32]:
    for _ in range(number % 4):
        # A turn by +90° took (x, y) to (y, −x); this is the way back, and width and height change places.
        maps = np.rot90(maps, -1).copy()
        x, y = maps[..., classes].copy(), maps[..., classes + 1].copy()
        maps[..., classes], maps[..., classes + 1] = -y, x
        maps[..., [classes + 2, classes + 3]] = maps[..., [classes + 3, classes + 2]]
    if number >= 4:
        maps = maps[:, ::-1].copy()
        maps[..., classes] *= -1
    return maps


def decode(maps: NDArray[np.float32], shape: tuple[int, ...], settings: DecodingSettings) -> Found:
    """Boxes of an image from its maps.

    Args:
        maps: (row, column, classes + 5), with probabilities where the network gives logits.
        shape: (y, x) of the image, pixels.
        settings: how.

    Returns:
        Boxes cut to the image, best first; each a mean over the cells that see the same object.
    """
    classes = maps.shape[-1] - BOX_CHANNELS
    heat = maps[..., :classes]
    score = heat ** (1 - settings.quality) * maps[..., -1:] ** settings.quality
    boxes = cell_boxes(maps[..., classes : classes + 4])
    peaks = np.argwhere((score >= _highest_around(score)) & (score >= settings.lowest))
    if not len(peaks):
        return Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    rows, columns, labels = peaks.T
    most = settings.most * -(-maps.shape[0] * maps.shape[1] // 1024)
    order = np.argsort(-score[rows, columns, labels], kind="stable")[:most]
    rows, columns, labels = rows[order], columns[order], labels[order]
    voted = np.stack([_vote(boxes, heat[..., k], r, c, settings.vote)
                      for r, c, k in zip(rows, columns, labels, strict=True)])  # fmt: skip
    voted = clip(voted, (0, 0, shape[1], shape[0]))
    scores = score[rows, columns, labels].astype(np.float32)
    kept = np.concatenate([
        np.flatnonzero(labels == k)[suppress(voted[labels == k], scores[labels == k], settings.iou, settings.contained)]
        for k in np.unique(labels)
    ])  # fmt: skip
    kept = kept[np.minimum(voted[kept, 2] - voted[kept, 0], voted[kept, 3] - voted[kept, 1]) >= 1]
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return Found(voted[kept], scores[kept], labels[kept].astype(np.int64))


def cell_boxes(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Box (row, column, 4) in pixels of every cell from its offset x, y and log width, height (row, column, 4)."""
    y, x = np.mgrid[: maps.shape[0], : maps.shape[1]] + 0.5
    centre = np.stack([x, y], axis=-1) + maps[..., :2]
    half = np.exp(maps[..., 2:]) / 2
    return (np.concatenate([centre - half, centre + half], axis=-1) * STRIDE).astype(np.float32)


def _highest_around(score: NDArray[np.float32]) -> Any:
    from scipy.ndimage import maximum_filter

    return maximum_filter(score, size=(3, 3, 1), mode="constant")


def _vote(
    boxes: NDArray[np.float32], heat: NDArray[np.float32], row: int, column: int, vote: float
) -> NDArray[np.float32]:
    """Mean of the boxes of a peak's 3 × 3 cells that agree with the peak's, weighted by heat (arXiv:1505.01749)."""
    part = np.s_[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    near, weight = boxes[part].reshape(-1, 4), heat[part].reshape(-1)
    agree = overlaps(near, boxes[row, column][None])[:, 0] >= vote
    agree |= (near == boxes[row, column]).all(axis=1)
    return np.average(near[agree], axis=0, weights=weight[agree] + 1e-9).astype(np.float32)
