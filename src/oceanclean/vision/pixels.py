"""Training pixels: local statistics of labelled and unlabelled pixels, and their augmentation.

The spatial part of the segmenter has no weights, so a training set is a table of pixels, not of pictures: one pass
over the patches computes the statistics, after which an epoch takes seconds and leaving out each scene in turn is
affordable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.products.names import BANDS, CLASS_ID
from oceanclean.settings import Settings
from oceanclean.vision.data import UNLABELLED, Patch, read_image, read_labels
from oceanclean.vision.features import CORE_BANDS, by_band, stand_in_matrix, water_reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Classes of small bright targets, which may be pasted onto other water.
PASTED: tuple[int, ...] = tuple(
    CLASS_ID[n] for n in ("marine_debris", "dense_sargassum", "sparse_sargassum", "natural_organic", "ship", "foam")
)
_GRADED = (CLASS_ID["dense_sargassum"], CLASS_ID["sparse_sargassum"])


@dataclass
class PixelSet:
    """A table of training pixels.

    Attributes:
        statistics: (pixel, statistic) float16.
        label: (pixel,) class 1–11, 0 unlabelled.
        scene: (pixel,) index into ``scenes``.
        stands_for: (pixel,) how many pixels of its patch each row stands for (1 for labelled and striking ones).
        background: (pixel,) True for unlabelled pixels that look like open water: ground for pasting.
        scenes: scene names.
        water: (scene, band) dark water of each scene.
    """

    statistics: NDArray[np.float16]
    label: NDArray[np.uint8]
    scene: NDArray[np.int32]
    stands_for: NDArray[np.float32]
    background: NDArray[np.bool_]
    scenes: list[str]
    water: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write the table as ``.npz``."""
        with path.open("wb") as file:
            np.savez(file, **{**self.__dict__, "scenes": np.asarray(self.scenes)})

    @classmethod
    def load(cls, path: Path) -> PixelSet:
        """Inverse of :meth:`save`."""
        with np.load(path, allow_pickle=False) as archive:
            values = {name: archive[name] for name in archive.files}
        return cls(**{**values, "scenes": [str(s) for s in values["scenes"]]})


def collect_pixels(
    patches: Sequence[Patch], rng: np.random.Generator, unlabelled: int = 700, striking: int = 500
) -> PixelSet:
    """Compute the statistics of every labelled pixel and of some unlabelled ones.

    Args:
        patches: labelled patches.
        rng: picks the unlabelled pixels.
        unlabelled: unlabelled pixels a patch, at random.
        striking: unlabelled pixels a patch that stand out most from their surroundings in B8: hard negatives.
    """
    from oceanclean.vision.model import Statistics
    from oceanclean.vision.runner import pixel_statistics

    scenes = sorted({p.scene for p in patches})
    parts: list[tuple[NDArray[np.generic], ...]] = []
    samples: dict[str, list[NDArray[np.float32]]] = {s: [] for s in scenes}
    for patch in patches:
        image = read_image(patch)
        samples[patch.scene].append(thin_sample(image))
        values = pixel_statistics(image)
        labels = read_labels(patch)
        s = Statistics.split(values)
        contrast = (s.pixel - s.means[31])[..., BANDS.index("B8")]
        chosen, stands_for = _choose(labels, contrast, rng, unlabelled, striking)
        label = labels.ravel()[chosen]
        table = values.reshape(-1, values.shape[-1])[chosen].astype(np.float16)
        scene_id = np.full(len(chosen), scenes.index(patch.scene), np.int32)
        parts.append((table, label, scene_id, stands_for, _open_water(table, label)))
    statistics, label, scene, standing, background = (np.concatenate(column) for column in zip(*parts, strict=True))
    water = np.stack([water_reference(np.concatenate(samples[s])).array() for s in scenes])
    return PixelSet(statistics, label, scene, standing, background, scenes, water)


def _choose(
    labels: NDArray[np.uint8], contrast: NDArray[np.float32], rng: np.random.Generator, unlabelled: int, striking: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Flat indices of all labelled pixels and of unlabelled ones for background, and what each stands for."""
    from scipy.ndimage import binary_dilation

    # What lies within 30 m of annotated debris is debris as often as not.
    near_debris = binary_dilation(labels == CLASS_ID["marine_debris"], iterations=3)
    free = np.flatnonzero((labels == UNLABELLED) & ~near_debris)
    order = np.argsort(contrast.ravel()[free])
    bright, rest = free[order[len(free) - striking :]], free[order[: len(free) - striking]]
    drawn = rng.choice(rest, min(unlabelled, len(rest)), replace=False)
    known = np.flatnonzero(labels)
    stands_for = np.ones(len(known) + len(bright) + len(drawn), np.float32)
    stands_for[len(known) + len(bright) :] = len(rest) / max(len(drawn), 1)
    return np.concatenate([known, bright, drawn]), stands_for


def _open_water(statistics: NDArray[np.float16], label: NDArray[np.uint8]) -> NDArray[np.bool_]:
    r = by_band(statistics[:, : len(BANDS)].astype(np.float32))
    near = statistics[:, len(BANDS) : 2 * len(BANDS)].astype(np.float32)[:, BANDS.index("B8")]
    return (label == UNLABELLED) & (r["B8"] < r["B3"] + 0.005) & (r["B11"] < 0.06) & (abs(r["B8"] - near) < 0.01)


def thin_sample(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every fifth pixel each way of an image (y, x, band), as (pixel, band): enough for a scene's dark water."""
    return image[::5, ::5].reshape(-1, image.shape[-1])


class Augmentation(Settings):
    """How training pixels are varied.

    Attributes:
        paste: share of pasted-class pixels moved onto the water of another place.
        contrast: range of the factor by which a pasted target's contrast is multiplied (sub-pixel cover).
        offset: standard deviation of the error of the dark water, reflectance, common to all bands and for each.
        gain: standard deviation of the logarithm of a factor on all reflectances.
        mixed_contrast: standard deviation of the logarithm of a mixture's contrast factor.
        reduced: share of pixels seen through the six core bands only.
        thinned: share of pixels that lose some of the other bands.
    """

    paste: float = 0.1
    contrast: tuple[float, float] = (0.6, 1.4)
    offset: float = 0.002
    gain: float = 0.08
    mixed_contrast: float = 0.4
    reduced: float = 0.2
    thinned: float = 0.1


def augment(
    pixels: PixelSet, chosen: NDArray[np.intp], ground: NDArray[np.intp], how: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Statistics, water and presence of the chosen pixels, varied.

    Args:
        pixels: the table.
        chosen: rows to use.
        ground: rows of open water to paste onto.
        how: what to vary.
        rng: source of chance.

    Returns:
        (pixel, statistic), (pixel, band), (pixel, band) float32.
    """
    values = pixels.statistics[chosen].astype(np.float32)
    water = pixels.water[pixels.scene[chosen]]
    if len(ground) and how.paste:
        paste = np.isin(pixels.label[chosen], PASTED) & (rng.random(len(chosen)) < how.paste)
        under = rng.choice(ground, int(paste.sum()))
        values[paste] = _paste(
            values[paste], pixels.statistics[under].astype(np.float32), pixels.label[chosen][paste], how, rng
        )
        water[paste] = pixels.water[pixels.scene[under]]
    return vary(values, water, how, rng)


def vary(
    values: NDArray[np.float32], water: NDArray[np.float32], how: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Vary brightness, the error of the dark water, and the bands present; see :func:`augment`."""
    gain = np.exp(rng.normal(0, how.gain, (len(values), 1))).astype(np.float32)
    values, water = values * gain, water * gain
    error = rng.normal(0, how.offset, (len(values), 1)) + rng.normal(0, how.offset / 2, water.shape)
    values, presence = _drop_bands(values, how, rng)
    return values, water + error.astype(np.float32), presence


def mix(
    pixels: PixelSet, first: NDArray[np.intp], second: NDArray[np.intp], how: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Pixels between known ones: linear mixtures of two, with their contrast to the background varied.

    A pixel half covered by one thing and half by another is, to first order, their mean: mixtures are pixels that may
    well exist, but nobody has labelled.

    Returns:
        (pixel, statistic) float16 on the water of the first, and that water (pixel, band).
    """
    from oceanclean.vision.model import Statistics

    water = pixels.water[pixels.scene[first]]
    a = pixels.statistics[first].astype(np.float32)
    b = _on_water(pixels.statistics[second].astype(np.float32), water - pixels.water[pixels.scene[second]])
    share = rng.random((len(first), 1)).astype(np.float32)
    mixed = Statistics.split(share * a + (1 - share) * b)
    factor = np.exp(rng.normal(0, how.mixed_contrast, (len(first), 1))).astype(np.float32)
    means = {k: water + factor * (m - water) for k, m in mixed.means.items()}
    spreads = {k: factor * s for k, s in mixed.spreads.items()}
    background = water + factor * (mixed.background - water)
    joined = Statistics(water + factor * (mixed.pixel - water), means, spreads, background).join()
    return joined.astype(np.float16), water


def _on_water(values: NDArray[np.float32], shift: NDArray[np.float32]) -> NDArray[np.float32]:
    """Statistics with all levels shifted by (pixel, band)."""
    from oceanclean.vision.model import Statistics

    s = Statistics.split(values)
    means = {k: m + shift for k, m in s.means.items()}
    return Statistics(s.pixel + shift, means, s.spreads, s.background + shift).join()


def _paste(
    target: NDArray[np.float32],
    ground: NDArray[np.float32],
    label: NDArray[np.uint8],
    how: Augmentation,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Put the contrast of a target against its own surroundings onto other water."""
    from oceanclean.vision.model import BOXES, Statistics

    t, g = Statistics.split(target), Statistics.split(ground)
    factor = rng.uniform(*how.contrast, (len(target), 1)).astype(np.float32)
    # Dense and sparse sargassum differ by contrast alone: theirs stays.
    factor[np.isin(label, _GRADED)] = 1.0
    means = {k: g.means[k] + factor * (t.means[k] - t.background) for k in BOXES}
    spreads = {k: np.sqrt(g.spreads[k] ** 2 + (factor * t.spreads[k]) ** 2) for k in t.spreads}
    # The target's pixels do not count as background: that stays the new water's.
    return Statistics(g.pixel + factor * (t.pixel - t.background), means, spreads, g.background).join()


def _drop_bands(
    values: NDArray[np.float32], how: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Show some pixels without their non-core bands, filled as at inference (linear, so it commutes with means)."""
    presence = np.ones((len(values), len(BANDS)), np.float32)
    kind = rng.random(len(values))
    spare = [b for b in BANDS if b not in CORE_BANDS]
    patterns = [(kind < how.reduced, list(CORE_BANDS))]
    kept = [b for b in spare if rng.random() < 0.5]
    patterns.append(((kind >= how.reduced) & (kind < how.reduced + how.thinned), [*CORE_BANDS, *kept]))
    for rows, present in patterns:
        presence[rows] = [b in present for b in BANDS]
        values[rows] = through_bands(values[rows], present)
    return values, presence


def through_bands(values: NDArray[np.float32], present: Sequence[str]) -> NDArray[np.float32]:
    """Statistics (pixel, statistic) as they are when only some bands are present and the rest are filled."""
    from oceanclean.vision.model import Statistics

    matrix = stand_in_matrix(present)
    s = Statistics.split(values)
    means = {k: m @ matrix for k, m in s.means.items()}
    return Statistics(s.pixel @ matrix, means, s.spreads, s.background @ matrix).join()
