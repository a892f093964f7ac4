"""Photos from litter sets with masks and boxes (AquaTrash layout): single things, and places graded by litter's share.

Things are cut out of ``boxes.csv`` and of the masks' connected parts. Biodegradable matter is rare in such sets (two
photos of food waste), so crops of vegetation beside the litter stand in for it. Places are crops of the photos with
masks, graded by the share of their area that litter covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.vision.detector.boxsets import box_table
from oceanclean.vision.photos.sets import Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Numbers of the masks to labels; the materials of boxes.csv carry their names.
_MATERIAL = {5: "biodegradable", 6: "other"}
#: Context around a thing, as a share of its longer edge; smaller things (pixels) are left out.
_CONTEXT, _SMALLEST = 0.15, 24
#: Excess green (Woebbecke et al. 1995) of a crop from which it shows plants, and crops tried a photo.
_GREEN, _TRIES = 0.08, 12
#: Share of a crop's area up to which it counts as medium; more is litter. No pixel of litter is clean.
MEDIUM_SHARE = 0.06


def is_litter_set(folder: Path) -> bool:
    """Whether a folder is laid out like AquaTrash."""
    return (folder / "boxes.csv").is_file() and (folder / "images").is_dir()


def things(folder: Path, seed: int = 0) -> list[Photo]:
    """Single things of a litter set, by material.

    Raises:
        InputError: boxes.csv lacks a column.
    """
    return [*_boxed(folder), *_masked(folder), *_plants(folder, np.random.default_rng(seed))]


def places(folder: Path, seed: int = 0, each: int = 6) -> list[Photo]:
    """Crops of the photos with masks, graded clean, medium or litter by the share of litter in them.

    Args:
        folder: the set.
        seed: of the crops.
        each: crops a photo, the whole photo first.
    """
    rng, out = np.random.default_rng(seed), []
    for file, mask in _masks(folder):
        for k in range(each):
            box = (0.0, 0.0, float(mask.shape[1]), float(mask.shape[0])) if k == 0 else _window(mask, 0.35, 0.8, rng)
            out.append(Photo(folder, file, grade_of(_inside(mask, box)), box=box))
    return out


def grade_of(mask: NDArray[np.uint8]) -> str:
    """Grade of a place from its litter mask (y, x)."""
    share = float((mask > 0).mean())
    return "clean" if share == 0 else ("medium" if share <= MEDIUM_SHARE else "litter")


def _boxed(folder: Path) -> Iterator[Photo]:
    for row in box_table(folder / "boxes.csv").to_dict("records"):
        if (folder / "images" / str(row["image"])).is_file():
            box = tuple(float(row[c]) for c in ("x_min", "y_min", "x_max", "y_max"))
            shape = (int(row["height"]), int(row["width"]))
            yield from _thing(
                folder, f"images/{row['image']}", str(row["label"]), (box[0], box[1], box[2], box[3]), shape
            )


def _masked(folder: Path) -> Iterator[Photo]:
    from scipy.ndimage import find_objects, label

    for file, mask in _masks(folder):
        for number, name in _MATERIAL.items():
            for part in find_objects(label(mask == number)[0]):
                rows, columns = part
                box = (columns.start, rows.start, columns.stop, rows.stop)
                yield from _thing(folder, file, name, box, mask.shape)


def _thing(
    folder: Path, file: str, label: str, box: tuple[float, float, float, float], shape: tuple[int, ...]
) -> Iterator[Photo]:
    """A thing with some context, square where the photo allows; none where it is too small."""
    x0, y0, x1, y1 = (float(v) for v in box)
    if max(x1 - x0, y1 - y0) < _SMALLEST:
        return
    half = max(x1 - x0, y1 - y0) * (0.5 + _CONTEXT)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = float(shape[0]), float(shape[1])
    whole = (max(cx - half, 0), max(cy - half, 0), min(cx + half, width), min(cy + half, height))
    yield Photo(folder, file, label, box=whole)


def _plants(folder: Path, rng: np.random.Generator) -> Iterator[Photo]:
    """Crops without litter that show plants."""
    from oceanclean.vision.photos.pictures import open_photo

    for file, mask in _masks(folder):
        pixels = np.asarray(open_photo(folder / file), np.float32)
        for _ in range(_TRIES):
            box = _window(mask, 0.2, 0.45, rng)
            crop = _inside(pixels, box)
            green = (2 * crop[..., 1] - crop[..., 0] - crop[..., 2]).mean() / max(float(crop.sum(axis=-1).mean()), 1)
            if not _inside(mask, box).any() and green > _GREEN:
                yield Photo(folder, file, "biodegradable", box=box)
                break


def _masks(folder: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Photo and mask (y, x) of every photo that has one of its own size."""
    from PIL import Image

    images = {p.stem: p for p in sorted((folder / "images").iterdir())}
    for path in sorted((folder / "masks").glob("*.png")):
        photo = images.get(path.stem)
        if photo is None:
            continue
        with Image.open(path) as mask, Image.open(photo) as picture:
            if mask.size == picture.size:
                yield f"images/{photo.name}", np.asarray(mask, np.uint8)


def _window(
    mask: NDArray[np.uint8], smallest: float, largest: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """A square window of a share of the shorter edge, anywhere."""
    edge = float(rng.uniform(smallest, largest)) * min(mask.shape)
    top, left = rng.random(2) * (np.asarray(mask.shape) - edge)
    return (float(left), float(top), float(left + edge), float(top + edge))


def _inside(plane: NDArray[Any], box: tuple[float, float, float, float]) -> NDArray[Any]:
    left, top, right, bottom = (round(v) for v in box)
    return plane[top:bottom, left:right]
