"""Training windows: cut anywhere from the scenes, turned, stretched, recoloured; some of open water alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from oceanclean.settings import Settings
from oceanclean.vision.augmentation import Augmented, flip, quarter_turns
from oceanclean.vision.detector.boxes import inside, intersections
from oceanclean.vision.detector.targets import target_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.detector.canvases import Canvas

    Sample = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]


class WindowSettings(Settings):
    """How training windows are cut.

    Attributes:
        size: edge of a window, pixels.
        whole_tile: share of windows that are one tile as it is.
        focus: share of the other windows that are laid about a box, the rest about any place.
        zoom: largest factor by which a window is enlarged or shrunk.
        stretch: largest factor of one edge against the other.
        quartered: share of windows made of four smaller ones.
        water: share of windows of open water: parts without boxes, mirrored to full size.
        shortest: fewest pixels of a box's shorter edge in a window for it to be taught.
        keep: share of a box's area that must be in a window for it to be taught, unless 24 pixels of both edges are.
        contrast: largest change of contrast about the mean.
        colour: largest change of a band's gain.
        brightness: largest offset, share of full brightness.
    """

    size: int = Field(default=256, ge=64, le=1024, multiple_of=32)
    whole_tile: float = Field(default=0.3, ge=0, le=1)
    focus: float = Field(default=0.65, ge=0, le=1)
    zoom: float = Field(default=1.35, ge=1, le=4)
    stretch: float = Field(default=1.15, ge=1, le=2)
    quartered: float = Field(default=0.15, ge=0, le=1)
    water: float = Field(default=0.08, ge=0, le=1)
    shortest: float = Field(default=2.0, ge=0)
    keep: float = Field(default=0.05, ge=0, le=1)
    contrast: float = Field(default=0.35, ge=0, lt=1)
    colour: float = Field(default=0.25, ge=0, lt=1)
    brightness: float = Field(default=0.08, ge=0, le=1)


class WindowSampler:
    """Draws windows with their boxes from canvases.

    Args:
        canvases: of the training scenes.
        classes: kinds of objects.
        settings: how.
    """

    def __init__(self, canvases: Sequence[Canvas], classes: int, settings: WindowSettings) -> None:
        self.canvases, self.classes, self.settings = list(canvases), classes, settings
        weight = np.array([len(c.tiles) for c in self.canvases], float)
        self.share = weight / weight.sum()

    def batches(
        self, steps: int, batch: int, rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Batches of windows (batch, y, x, 3) of 0–255 and target maps (batch, row, column, classes + 5)."""
        for _ in range(steps):
            drawn = [self.draw(rng) for _ in range(batch)]
            targets = [target_maps(b, k, self.settings.size, self.classes) for _, b, k in drawn]
            yield np.stack([x for x, _, _ in drawn]), np.stack(targets)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """One window (y, x, 3) of 0–255, its boxes (box, 4) and labels (box,)."""
        size, kind = self.settings.size, rng.random()
        if kind < self.settings.water:
            pixels, boxes, labels = self._water(rng)
        elif kind < self.settings.water + self.settings.quartered:
            pixels, boxes, labels = self._quarters(rng)
        else:
            pixels, boxes, labels = self._window(size, rng)
        image = self._recoloured(pixels, rng).astype(np.float32)
        item = Augmented(image, None, boxes, np.arange(len(boxes)))
        item = quarter_turns(flip(item) if rng.random() < 0.5 else item, int(rng.integers(4)))
        turned = np.zeros((0, 4), np.float32) if item.boxes is None else item.boxes
        return item.image, turned, labels

    def _recoloured(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Another sun and another water: gain and offset of each band by a table of 256 values; black stays black.

        ``augmentation.recolour`` does more (blur, noise) and takes ten times as long, a fifth of a training step.
        """
        s = self.settings
        mean = pixels[::8, ::8].mean()
        gain = (1 + rng.uniform(-s.contrast, s.contrast)) * (1 + rng.uniform(-s.colour, s.colour, 3))
        offset = mean + rng.uniform(-s.brightness, s.brightness) * 255
        table = np.clip((np.arange(256)[:, None] - mean) * gain + offset, 5, 255)
        table[:5] = np.arange(5)[:, None]
        return np.stack([table[:, k].astype(np.uint8)[pixels[..., k]] for k in range(3)], axis=-1)

    def _canvas(self, rng: np.random.Generator) -> Canvas:
        return self.canvases[rng.choice(len(self.canvases), p=self.share)]

    def _window(self, size: int, rng: np.random.Generator) -> Sample:
        canvas = self._canvas(rng)
        number = int(rng.integers(len(canvas.tiles)))
        left, top = canvas.corners[number]
        tile = canvas.tiles[number]
        if canvas.scale == 1 and size == tile.width == tile.height and rng.random() < self.settings.whole_tile:
            return self._cut(canvas, (left, top, left + size, top + size), size)
        zoom = np.exp(rng.uniform(-1, 1) * np.log(self.settings.zoom))
        stretch = np.exp(rng.uniform(-0.5, 0.5) * np.log(self.settings.stretch))
        wide, high = size / zoom * stretch, size / zoom / stretch
        if len(canvas.boxes) and rng.random() < self.settings.focus:
            box = canvas.boxes[rng.integers(len(canvas.boxes))]
            centre = (box[:2] + box[2:]) / 2
        else:
            centre = np.array([left, top]) + rng.random(2) * [tile.width * canvas.scale, tile.height * canvas.scale]
        corner = centre - rng.uniform(0.1, 0.9, 2) * [wide, high]
        limit = np.array([canvas.pixels.shape[1] - wide, canvas.pixels.shape[0] - high])
        x, y = np.where(limit > 0, np.clip(corner, 0, np.maximum(limit, 0)), limit / 2)
        return self._cut(canvas, (x, y, x + wide, y + high), size)

    def _cut(self, canvas: Canvas, window: tuple[float, float, float, float], size: int) -> Sample:
        """A window (x_min, y_min, x_max, y_max) of a canvas at size × size pixels."""
        from PIL import Image

        x0, y0, x1, y1 = window
        image = Image.fromarray(_padded(canvas.pixels, window))
        shift = np.floor([x0, y0])
        part = (x0 - shift[0], y0 - shift[1], x1 - shift[0], y1 - shift[1])
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=part))
        cut, kept = inside(canvas.boxes, window, 0.0)
        scale = np.array([size / (x1 - x0), size / (y1 - y0)] * 2, np.float32)
        edges = (cut[:, 2:] - cut[:, :2]) * scale[:2]
        whole = canvas.boxes[kept, 2:] - canvas.boxes[kept, :2]
        share = edges.prod(axis=1) / np.maximum((whole * scale[:2]).prod(axis=1), 1e-6)
        taught = (edges.min(axis=1) >= self.settings.shortest) & (
            (share >= self.settings.keep) | (edges.min(axis=1) >= 24)
        )
        return pixels, (cut * scale)[taught], canvas.labels[kept][taught]

    def _quarters(self, rng: np.random.Generator) -> Sample:
        half = self.settings.size // 2
        parts = [self._window(half, rng) for _ in range(4)]
        pixels = np.zeros((2 * half, 2 * half, 3), np.uint8)
        boxes = []
        for k, (image, part, _) in enumerate(parts):
            x, y = half * (k % 2), half * (k // 2)
            pixels[y : y + half, x : x + half] = image
            boxes.append(part + np.array([x, y, x, y], np.float32))
        return pixels, np.concatenate(boxes), np.concatenate([k for _, _, k in parts])

    def _water(self, rng: np.random.Generator) -> Sample:
        """Open water: a part of a tile without boxes, mirrored until it fills the window."""
        size = self.settings.size
        for _ in range(20):
            canvas = self._canvas(rng)
            tile = int(rng.integers(len(canvas.tiles)))
            left, top = canvas.corners[tile]
            edge = int(rng.integers(size // 3, size + 1))
            reach = canvas.tiles[tile].width * canvas.scale, canvas.tiles[tile].height * canvas.scale
            span = np.maximum(np.array(reach) - edge, 0)
            x, y = (rng.random(2) * (span + 1)).astype(int) + np.array([left, top])
            part = canvas.pixels[y : y + edge, x : x + edge]
            window = np.array([[x - 4, y - 4, x + edge + 4, y + edge + 4]], np.float32)
            if not intersections(window, canvas.boxes).any() and (part.max(axis=-1) > 4).mean() > 0.5:
                fill = ((0, size - part.shape[0]), (0, size - part.shape[1]), (0, 0))
                full = np.pad(part, fill, mode="symmetric")
                return full, np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        return self._window(size, rng)


def _padded(pixels: NDArray[np.uint8], window: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """The whole pixels that a window touches; black beyond the canvas."""
    x0, y0 = int(np.floor(window[0])), int(np.floor(window[1]))
    x1, y1 = int(np.ceil(window[2])), int(np.ceil(window[3]))
    out = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    height, width = pixels.shape[:2]
    left, top, right, low = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if right > left and low > top:
        out[top - y0 : low - y0, left - x0 : right - x0] = pixels[top:low, left:right]
    return out
