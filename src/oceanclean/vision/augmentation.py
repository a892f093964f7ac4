"""Variation of images with their masks and boxes, in NumPy: turns, crops, colour, blur, noise, glint, copy-paste.

Images are float32 (y, x, band) of any range; ``peak`` tells the value of full brightness (255 for photos, about 1 for
reflectance). Masks are integers (y, x); boxes are (box, 4) of x_min, y_min, x_max, y_max in pixels. A mask never
gains a value that it did not have, save ``ignore`` where a crop reaches beyond the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field

from oceanclean.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Mask value of pixels that neither train nor count.
IGNORE = 255


class AugmentationSettings(Settings):
    """How far an image is varied.

    Attributes:
        size: edges (y, x) of what comes out, in pixels; None keeps the image's (turned by 180° only, not by 90°).
        flip: mirror with a chance of one half.
        rotate: turn by a multiple of 90° (with a fixed ``size``, else 180°).
        scale: range of the zoom; 2 shows half the extent at twice the size.
        aspect: largest factor by which one edge is stretched against the other.
        focus: chance that a crop is centred on a pixel whose mask is above 0 (or on a box).
        brightness: largest offset, as a share of ``peak``.
        contrast: largest change of contrast about the mean.
        colour: largest change of a band's gain.
        blur: largest standard deviation of the blur, pixels.
        noise: largest standard deviation of the noise, as a share of ``peak``.
        glint: chance of specks of glint.
        keep_box: share of a box's area that must remain for it to be kept.
        peak: value of full brightness.
        ignore: mask value beyond the image's edge.
    """

    size: tuple[int, int] | None = None
    flip: bool = True
    rotate: bool = True
    scale: tuple[float, float] = (1.0, 1.0)
    aspect: float = Field(default=1.0, ge=1, le=2)
    focus: float = Field(default=0.0, ge=0, le=1)
    brightness: float = Field(default=0.1, ge=0, le=1)
    contrast: float = Field(default=0.2, ge=0, lt=1)
    colour: float = Field(default=0.1, ge=0, lt=1)
    blur: float = Field(default=0.0, ge=0, le=5)
    noise: float = Field(default=0.02, ge=0, le=1)
    glint: float = Field(default=0.0, ge=0, le=1)
    keep_box: float = Field(default=0.3, ge=0, le=1)
    peak: float = Field(default=255.0, gt=0)
    ignore: int = IGNORE


class Augmented(NamedTuple):
    """An image and what goes with it; ``kept`` numbers the boxes that remain, in the order given."""

    image: NDArray[Any]
    mask: NDArray[np.integer] | None
    boxes: NDArray[np.float32] | None
    kept: NDArray[np.intp] | None


def augment(
    image: NDArray[np.floating] | NDArray[np.uint8],
    mask: NDArray[np.integer] | None,
    boxes: NDArray[np.floating] | None,
    settings: AugmentationSettings,
    rng: np.random.Generator,
) -> Augmented:
    """Vary one image together with its mask (y, x) and its boxes (box, 4)."""
    out = Augmented(image, mask, None if boxes is None else np.asarray(boxes, np.float32),
                    None if boxes is None else np.arange(len(boxes)))  # fmt: skip
    if settings.flip and rng.random() < 0.5:
        out = flip(out)
    if settings.rotate:
        square = settings.size is not None
        out = quarter_turns(out, int(rng.integers(4)) if square else 2 * int(rng.integers(2)))
    if settings.size is not None:
        out = zoom_crop(out, _draw_window(out, settings, rng), settings.size, settings)
    return out._replace(image=recolour(np.asarray(out.image, np.float32), settings, rng))


def flip(item: Augmented) -> Augmented:
    """Mirror left to right."""
    boxes = item.boxes
    if boxes is not None:
        width = item.image.shape[1]
        boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    return item._replace(image=item.image[:, ::-1], mask=None if item.mask is None else item.mask[:, ::-1], boxes=boxes)


def quarter_turns(item: Augmented, turns: int) -> Augmented:
    """Turn counter-clockwise by ``turns`` · 90°."""
    image, mask, boxes = item.image, item.mask, item.boxes
    for _ in range(turns % 4):
        if boxes is not None:
            width = image.shape[1]
            boxes = np.stack([boxes[:, 1], width - boxes[:, 2], boxes[:, 3], width - boxes[:, 0]], axis=1)
        image = np.rot90(image)
    if mask is not None:
        mask = np.rot90(mask, turns % 4)
    return item._replace(image=image, mask=mask, boxes=boxes)


def _draw_window(
    item: Augmented, settings: AugmentationSettings, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Window (top, left, height, width) in pixels of the image, which may reach beyond it where it is larger."""
    assert settings.size is not None  # noqa: S101  (the caller asks only then)
    zoom = np.exp(rng.uniform(*np.log(settings.scale)))
    stretch = np.exp(rng.uniform(-1, 1) * np.log(settings.aspect) / 2)
    extent = np.asarray(settings.size) / zoom * (stretch, 1 / stretch)
    room = np.asarray(item.image.shape[:2]) - extent
    place = rng.random(2) * room
    centre = _centre_of_interest(item, rng) if rng.random() < settings.focus else None
    if centre is not None:
        place = centre + rng.uniform(-0.35, 0.35, 2) * extent - extent / 2
        place = np.where(room > 0, np.clip(place, 0, np.maximum(room, 0)), room / 2)
    return float(place[0]), float(place[1]), float(extent[0]), float(extent[1])


def _centre_of_interest(item: Augmented, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """(y, x) of a pixel with something on it: classes alike, then their pixels; else of a box; else None."""
    if item.mask is not None:
        present = np.flatnonzero(np.bincount(item.mask.ravel(), minlength=IGNORE + 1)[1:IGNORE]) + 1
        if len(present):
            flat = np.flatnonzero(item.mask == rng.choice(present))
            return np.asarray(np.unravel_index(rng.choice(flat), item.mask.shape), float)
    if item.boxes is not None and len(item.boxes):
        x0, y0, x1, y1 = item.boxes[rng.integers(len(item.boxes))]
        return np.asarray([(y0 + y1) / 2, (x0 + x1) / 2], float)
    return None


def zoom_crop(
    item: Augmented,
    window: tuple[float, float, float, float],
    size: tuple[int, int],
    settings: AugmentationSettings | None = None,
) -> Augmented:
    """Cut a window (top, left, height, width) and bring it to ``size`` (y, x).

    The image is averaged down and interpolated, the mask takes the nearest pixel. Beyond the image's edge the
    image repeats its border and the mask is ``ignore``.
    """
    settings = settings or AugmentationSettings()
    top, left, height, width = window
    image = _sample(item.image, window, size)
    mask = item.mask
    if mask is not None:
        y = np.floor(top + (np.arange(size[0]) + 0.5) * height / size[0]).astype(int)
        x = np.floor(left + (np.arange(size[1]) + 0.5) * width / size[1]).astype(int)
        outside = ((y < 0) | (y >= mask.shape[0]))[:, None] | ((x < 0) | (x >= mask.shape[1]))[None]
        mask = mask[np.clip(y, 0, mask.shape[0] - 1)[:, None], np.clip(x, 0, mask.shape[1] - 1)[None]].copy()
        mask[outside] = settings.ignore
    if item.boxes is None or item.kept is None:
        return item._replace(image=image, mask=mask)
    factor = np.asarray([size[1] / width, size[0] / height] * 2, np.float32)
    moved = (item.boxes - np.asarray([left, top, left, top], np.float32)) * factor
    cut = np.clip(moved, 0, np.asarray([size[1], size[0]] * 2, np.float32))
    keep = _area(cut) >= np.maximum(settings.keep_box * _area(moved), 1.0)
    return Augmented(image, mask, cut[keep].astype(np.float32), item.kept[keep])


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)


def _sample(
    image: NDArray[Any], window: tuple[float, float, float, float], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Bilinear samples of a window, after averaging blocks where it is shrunk twofold or more."""
    top, left, height, width = window
    factor = max(int(min(height / size[0], width / size[1])), 1)
    # Only what the window touches is read: a crop of a large frame must not cost the frame.
    first = [max(int(np.floor(v)) - factor, 0) for v in (top, left)]
    last = [int(np.ceil(v + n)) + factor + 1 for v, n in ((top, height), (left, width))]
    first = [min(f, n - factor) for f, n in zip(first, image.shape[:2], strict=True)]
    image = np.asarray(image[first[0] : last[0], first[1] : last[1]], np.float32)
    top, left = top - first[0], left - first[1]
    if factor > 1:
        rows, columns = (n // factor * factor for n in image.shape[:2])
        image = image[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor, -1).mean((1, 3))
        top, left, height, width = (v / factor for v in (top, left, height, width))
    out = _lines(image, top + (np.arange(size[0]) + 0.5) * height / size[0] - 0.5, axis=0)
    return _lines(out, left + (np.arange(size[1]) + 0.5) * width / size[1] - 0.5, axis=1)


def _lines(image: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation of rows (axis 0) or columns (axis 1) at fractional indices; the border repeats."""
    last = image.shape[axis] - 1
    low = np.floor(at).astype(int)
    share = (at - low).astype(np.float32)[:, None, None]
    share = share if axis == 0 else share.transpose(1, 0, 2)
    first = np.take(image, np.clip(low, 0, last), axis)
    second = np.take(image, np.clip(low + 1, 0, last), axis)
    return (first + (second - first) * share).astype(np.float32)


def resize(image: NDArray[np.floating] | NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Bring an image (y, x, band) to ``size`` (y, x): averaged down, interpolated up."""
    image = np.asarray(image, np.float32)
    return _sample(image, (0.0, 0.0, float(image.shape[0]), float(image.shape[1])), size)


def recolour(
    image: NDArray[np.float32], settings: AugmentationSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Vary brightness, contrast, the bands' gains, sharpness, noise and glint of an image (y, x, band)."""
    s, bands = settings, image.shape[-1]
    mean = np.nanmean(image)
    gain = (1 + rng.uniform(-s.contrast, s.contrast)) * (1 + rng.uniform(-s.colour, s.colour, bands))
    offset = mean + rng.uniform(-s.brightness, s.brightness) * s.peak
    out = ((image - mean) * gain + offset).astype(np.float32)
    if s.blur and rng.random() < 0.5:
        out = blur(out, rng.uniform(0, s.blur))
    if s.glint and rng.random() < s.glint:
        out = add_glint(out, s.peak, rng)
    if s.noise and rng.random() < 0.5:
        out = out + rng.standard_normal(out.shape, np.float32) * np.float32(rng.uniform(0, s.noise) * s.peak)
    return np.clip(out, 0, s.peak).astype(np.float32)


def blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of the plane (y, x), standard deviation in pixels."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, (sigma, sigma, 0), mode="nearest"), np.float32)


def add_glint(image: NDArray[np.float32], peak: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Specks of sun on the water: bright, white, clustered spots over up to two per cent of the plane (y, x)."""
    rows, columns = image.shape[:2]
    centre = rng.random(2) * (rows, columns)
    count = int(rng.uniform(0.002, 0.02) * rows * columns)
    y, x = (rng.normal(c, n / 5, count).astype(int) for c, n in zip(centre, (rows, columns), strict=True))
    inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    light = np.zeros((rows, columns, 1), np.float32)
    light[y[inside], x[inside], 0] = rng.uniform(0.3, 1.0, int(inside.sum())) * peak
    return np.minimum(image + blur(light, 0.5), peak).astype(np.float32)


def copy_paste(
    image: NDArray[np.float32],
    mask: NDArray[np.integer],
    other: NDArray[np.float32],
    other_mask: NDArray[np.integer],
    classes: tuple[int, ...],
) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    """Lay the pixels of some classes of another image of the same size over this one.

    "Very simple copy-paste" (Kikaki et al. 2024, doi 10.1016/j.isprsjprs.2024.02.017): no blending, no fitting.
    """
    take = np.isin(other_mask, classes)
    return np.where(take[..., None], other, image).astype(np.float32), np.where(take, other_mask, mask)
