"""Maps of a tile against its own water, and features of its cells: what trees see of the place around a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.vision.detector.network import NO_DATA

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Pixels from one cell to the next.
CELL = 4
#: Pixels of the windows that an image is cut into: an edge of the tiles that trees learn from.
WINDOW = 256
_BRIGHT = 150.0
_BOXES = (5, 11, 21, 41, 81, 161)
_REACHES = (9, 21, 41, 81)
_FARTHEST = 128.0
#: Features that are the same for all cells of a window, the last of a cell's.
WINDOW_FEATURES = 12


@dataclass(frozen=True)
class WindowMaps:
    """One window, smoothed and seen against its water.

    Attributes:
        smooth: float32 (y, x, 3), brightness 0–255 smoothed over a pixel.
        light: float32 (y, x), mean over the bands.
        bright: float32 (y, x), brightness above the water around, in its noise.
        red: float32 (y, x), red less blue above that of the water around, in its noise.
        valid: bool (y, x), false where there are no data.
        median: float32 (3,), of the bands.
        spread: float32 (3,), median absolute deviation as a standard deviation.
        noise: of the brightness about the water.
    """

    smooth: NDArray[np.float32]
    light: NDArray[np.float32]
    bright: NDArray[np.float32]
    red: NDArray[np.float32]
    valid: NDArray[np.bool_]
    median: NDArray[np.float32]
    spread: NDArray[np.float32]
    noise: float


def padded(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image (y, x, 3) with black added until both edges are whole numbers of cells."""
    fill = [(0, -n % CELL) for n in pixels.shape[:2]]
    return np.pad(pixels, [*fill, (0, 0)])


def window_maps(pixels: NDArray[np.uint8]) -> WindowMaps:
    """Maps of a window (y, x, 3) of whole cells."""
    from scipy.ndimage import gaussian_filter

    valid = pixels.max(axis=2) > NO_DATA
    if valid.mean() < 0.02:
        valid = np.ones_like(valid)
    image = pixels.astype(np.float32)
    median = np.median(image[valid], axis=0).astype(np.float32)
    spread = np.maximum(np.median(np.abs(image[valid] - median), axis=0) * 1.4826, 1.0).astype(np.float32)
    filled = np.where(valid[..., None], image, median)
    smooth = np.stack([gaussian_filter(filled[..., k], 1.0) for k in range(3)], axis=-1)
    light = smooth.mean(axis=2)
    above = light - _water(light)
    noise = float(np.median(np.abs(above)[valid]) * 1.4826 + 0.3)
    warm = smooth[..., 0] - smooth[..., 2]
    warmer = warm - _water(warm)
    warm_noise = np.median(np.abs(warmer)) * 1.4826 + 0.3
    return WindowMaps(smooth, light, np.clip(above / noise, -20, 60), np.clip(warmer / warm_noise, -15, 40),
                      valid, median, spread, noise)  # fmt: skip


def _water(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median (y, x) of the surroundings, 68 pixels wide, taken on a grid of cells."""
    from scipy.ndimage import median_filter, zoom

    coarse = zoom(values, 1 / CELL, order=1)
    return zoom(median_filter(coarse, size=17, mode="reflect"), CELL, order=1)[: values.shape[0], : values.shape[1]]


def cell_features(maps: WindowMaps) -> NDArray[np.float32]:
    """Features (row, column, feature) of a window's cells.

    Brightness and colour at the cell, means and extremes of both anomalies around it, distances to what is bright,
    direction and roughness of the ground, and facts of the window.
    """
    from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

    bright, red = np.clip(maps.bright, -10, 40), maps.red
    hot, warm = np.clip(bright, 0, 20), np.clip(red, 0, 20)
    planes: list[Any] = [*np.moveaxis(maps.smooth, 2, 0), maps.smooth[..., 0] - maps.smooth[..., 2],
                         maps.smooth[..., 0] - maps.smooth[..., 1]]  # fmt: skip
    planes += list(np.moveaxis(np.clip((maps.smooth - maps.median) / maps.spread, -10, 60), 2, 0))
    planes += [bright, red]
    for size in _BOXES:
        planes += [uniform_filter(hot, size), uniform_filter(warm, size)]
    for size in _REACHES:
        planes += [maximum_filter(bright, size), maximum_filter(red, size)]
    planes += [minimum_filter(bright, 15), *_distances(maps), *_texture(maps), ~maps.valid, _from_the_edge(bright)]
    at = np.stack(planes, axis=-1)[CELL // 2 :: CELL, CELL // 2 :: CELL].astype(np.float32)
    whole = np.broadcast_to(window_features(maps), (*at.shape[:2], WINDOW_FEATURES))
    return np.concatenate([at, whole], axis=-1)


def window_features(maps: WindowMaps) -> NDArray[np.float32]:
    """What holds for a whole window (:data:`WINDOW_FEATURES`,): its light, its noise, how much of it is bright."""
    high = [(maps.bright > 3).mean(), (maps.bright > 6).mean(), np.percentile(maps.bright, 99.5)]
    rest = [(maps.light > _BRIGHT).mean(), maps.valid.mean()]
    return np.array([*maps.median, *maps.spread, maps.noise, *high, *rest], np.float32)


def _distances(maps: WindowMaps) -> list[NDArray[Any]]:
    """Pixels to what is above the water's noise by 3, 6 and 12 times, and to what is as bright as a cloud."""
    from scipy.ndimage import binary_opening, distance_transform_edt

    masks = [binary_opening(maps.bright > 3), maps.bright > 6, maps.bright > 12, maps.light > _BRIGHT]
    return [
        np.minimum(distance_transform_edt(~m), _FARTHEST) if m.any() else np.full(m.shape, _FARTHEST) for m in masks
    ]


def _texture(maps: WindowMaps) -> list[NDArray[Any]]:
    """Strength and direction of the ground at two scales (structure tensor), and its roughness."""
    from scipy.ndimage import gaussian_filter, sobel, uniform_filter

    across, down = sobel(maps.light, 1), sobel(maps.light, 0)
    planes = []
    for sigma in (3.0, 8.0):
        xx, xy, yy = (gaussian_filter(p, sigma) for p in (across * across, across * down, down * down))
        planes += [np.log1p(xx + yy), np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / (xx + yy + 1e-3)]
    square = uniform_filter(maps.light**2, 7) - uniform_filter(maps.light, 7) ** 2
    return [*planes, np.sqrt(np.maximum(square, 0)) / maps.noise]


def _from_the_edge(plane: NDArray[Any]) -> NDArray[Any]:
    """Pixels to the window's nearest edge."""
    rows, columns = (np.minimum(np.arange(n), n - 1 - np.arange(n)) for n in plane.shape)
    return np.minimum.outer(rows, columns)
