"""Views of a photo that a network learns from: crops, mirror images, light, and mixtures of two photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import ViewSettings


def view(photo: NDArray[np.uint8], edge: int, settings: ViewSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random view (edge, edge, 3), 0–255, of a square photo (y, x, 3).

    A crop of random area and aspect (Szegedy et al. 2015), mirrored, lit and coloured differently, now and then with
    a blank rectangle (Zhong et al. 2020).
    """
    from PIL import Image

    size = len(photo)
    area = rng.uniform(settings.area, 1.0)
    stretch = settings.aspect ** rng.uniform(-1, 1)
    height, width = (float(min(size, size * np.sqrt(area * s))) for s in (stretch, 1 / stretch))
    top, left = rng.random() * (size - height), rng.random() * (size - width)
    crop = Image.fromarray(photo).resize((edge, edge), Image.Resampling.BILINEAR,
                                         box=(left, top, left + width, top + height))  # fmt: skip
    out = np.asarray(crop, np.float32)
    if rng.random() < 0.5:
        out = out[:, ::-1]
    if settings.turn:
        out = np.rot90(out, int(rng.integers(4)))
    out = _relit(out, settings, rng)
    if rng.random() < settings.erase:
        _erase(out, rng)
    return out


def _relit(image: NDArray[np.float32], settings: ViewSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    mean = image.mean()
    light = settings.brightness ** rng.uniform(-1, 1)
    contrast = settings.brightness ** rng.uniform(-1, 1)
    gain = (light * contrast * settings.colour ** rng.uniform(-1, 1, 3)).astype(np.float32)
    return np.clip(image * gain + np.float32(mean * light * (1 - contrast)), 0, 255)


def _erase(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    edge = len(image)
    h, w = (int(v) for v in rng.uniform(0.15, 0.45, 2) * edge)
    y, x = int(rng.integers(edge - h)), int(rng.integers(edge - w))
    image[y : y + h, x : x + w] = rng.uniform(0, 255, 3)


def mixed(
    images: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each photo (batch, y, x, 3) mixed with another of the batch, its target (batch, class) likewise.

    Half of the batches by mixup (Zhang et al. 2018, arXiv:1710.09412), half by CutMix (Yun et al. 2019,
    arXiv:1905.04899).
    """
    other = rng.permutation(len(images))
    if rng.random() < 0.5:
        share = float(rng.beta(0.4, 0.4))
        out = share * images + (1 - share) * images[other]
    else:
        edge = images.shape[1]
        cut = np.sqrt(1 - float(rng.beta(1.0, 1.0))) * edge / 2
        y, x = rng.uniform(0, edge, 2)
        top, bottom = (int(np.clip(v, 0, edge)) for v in (y - cut, y + cut))
        left, right = (int(np.clip(v, 0, edge)) for v in (x - cut, x + cut))
        out = images.copy()
        out[:, top:bottom, left:right] = images[other, top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / edge**2
    return out.astype(np.float32), (share * targets + (1 - share) * targets[other]).astype(np.float32)


def smoothed(targets: NDArray[np.int64], classes: int, smoothing: float) -> NDArray[np.float32]:
    """Class indices as shares (photo, class): 1 − smoothing on the class, the rest spread evenly."""
    return (np.eye(classes, dtype=np.float32)[targets] * (1 - smoothing) + smoothing / classes).astype(np.float32)
