"""Readers of masks: litter in photos (AquaTrash layout), drone frames (Semantic Drone layout), MARIDA's patches.

A set knows its classes, which of them are *foreground* (what its mean IoU is about), and the group of every image:
photos taken one after another show one place, and no split may cross them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import CLASSES
from oceanclean.vision.augmentation import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("litter", "drone", "marida")
#: Classes of the litter masks; the five materials are the foreground, ``other`` counts as litter alone.
LITTER_CLASSES = ("background", "plastic", "metal", "paper", "glass", "biodegradable", "other")
MATERIALS = LITTER_CLASSES[1:6]
#: MARIDA's classes that are water, clear or not: no foreground.
_WATER = ("marine_water", "sediment_laden_water", "turbid_water", "shallow_water")


@dataclass(frozen=True)
class MaskImage:
    """One image and its mask on disk.

    Attributes:
        name: file name.
        image: photo or GeoTIFF.
        mask: PNG of class numbers or GeoTIFF.
        group: images of one group never stand on both sides of a split.
    """

    name: str
    image: Path
    mask: Path
    group: str


@dataclass(frozen=True)
class MaskSet:
    """Images with masks of the same classes.

    Attributes:
        kind: one of :data:`KINDS`.
        classes: names, in the order of the numbers.
        foreground: numbers of the classes that ``miou_foreground`` is the mean of.
        images: what there is.
    """

    kind: str
    classes: tuple[str, ...]
    foreground: tuple[int, ...]
    images: list[MaskImage] = field(default_factory=list)

    def part(self, chosen: Iterable[int]) -> MaskSet:
        """The same set with some of its images."""
        return MaskSet(self.kind, self.classes, self.foreground, [self.images[i] for i in chosen])

    def pixels(self, item: MaskImage) -> NDArray[np.uint8] | NDArray[np.float16]:
        """Image (y, x, band) as stored: photos 0–255, reflectance with NaN kept."""
        return _read_patch(item) if self.kind == "marida" else _read_photo(item.image)

    def mask(self, item: MaskImage) -> NDArray[np.uint8]:
        """Classes (y, x), ``IGNORE`` where nobody annotated.

        Raises:
            InputError: the mask is unreadable, of another size, or holds a number beyond the classes.
        """
        if self.kind == "marida":
            from oceanclean.vision.data import Patch, read_labels

            labels = read_labels(Patch(item.name, item.group, item.image, item.mask))
            return np.where(labels == 0, IGNORE, labels - 1).astype(np.uint8)
        mask = _read_plane(item.mask)
        if int(mask.max(initial=0)) >= len(self.classes):
            raise InputError(item.mask, "class", int(mask.max()), f"0 to {len(self.classes) - 1}",
                             "Number the classes as the set does; 0 is background.")  # fmt: skip
        return mask


def read_mask_sets(data_dirs: str | Path | Iterable[str | Path]) -> MaskSet:
    """List the images with masks of one or more folders of the same kind.

    Raises:
        MissingDataError: a folder holds no image with a mask.
        InputError: the folders are of different kinds, or two hold an image of one name.
    """
    folders = [Path(data_dirs)] if isinstance(data_dirs, str | Path) else [Path(d) for d in data_dirs]
    sets = [_read_folder(folder) for folder in folders]
    for folder, found in zip(folders, sets, strict=True):
        if (found.kind, found.classes) != (sets[0].kind, sets[0].classes):
            raise InputError(folder, "layout", found.kind, f"the layout of {folders[0]} ({sets[0].kind})",
                             "Train one model for each kind of mask.")  # fmt: skip
    images = [item for found in sets for item in found.images]
    seen: set[str] = set()
    for item in images:
        if item.name in seen:
            raise InputError(item.image, "image", f"{item.name} twice", "each image in one folder only",
                             "Drop one of the folders: the same image would be counted twice.")  # fmt: skip
        seen.add(item.name)
    return MaskSet(sets[0].kind, sets[0].classes, sets[0].foreground, images)


def _read_folder(folder: Path) -> MaskSet:
    if (folder / "patches").is_dir():
        found = _marida(folder)
    elif (folder / "classes.txt").is_file():
        found = _drone(folder)
    else:
        found = MaskSet("litter", LITTER_CLASSES, tuple(range(1, 6)), _pairs(folder, _litter_groups(folder)))
    if not found.images:
        raise MissingDataError(folder, "images/ and masks/", "no image with a mask", "a PNG in masks/ for each image",
                               "Point to a folder laid out like AquaTrash, Semantic Drone or MARIDA.")  # fmt: skip
    return found


def _marida(folder: Path) -> MaskSet:
    from oceanclean.vision.data import find_patches

    images = [MaskImage(p.name, p.image, p.labels, p.scene) for p in find_patches(folder)]
    foreground = tuple(i for i, name in enumerate(CLASSES) if name not in _WATER)
    return MaskSet("marida", tuple(CLASSES), foreground, images)


def _drone(folder: Path) -> MaskSet:
    rows = [line.split() for line in (folder / "classes.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
    names = {int(row[0]): row[1] for row in rows if len(row) > 1 and row[0].isdigit()}
    if sorted(names) != list(range(len(names))) or len(names) < 2:
        raise InputError(folder / "classes.txt", "class numbers", sorted(names), "0, 1, 2, … one a line",
                         "Write number and name of every class, for example `0 unlabeled`.")  # fmt: skip
    classes = tuple(names[k] for k in range(len(names)))
    foreground = tuple(k for k, name in enumerate(classes) if name not in ("unlabeled", "conflicting"))
    stems = sorted(p.stem for p in (folder / "masks").glob("*.png"))
    return MaskSet("drone", classes, foreground, _pairs(folder, _runs({s: _number(s) for s in stems})))


def _number(stem: str) -> int:
    digits = re.findall(r"\d+", stem)
    return int(digits[-1]) if digits else -1


def _runs(numbers: dict[str, int]) -> dict[str, str]:
    """Group of each name: names whose numbers follow one another without a gap are one group."""
    groups: dict[str, str] = {}
    last, group = None, ""
    for name, number in sorted(numbers.items(), key=lambda pair: (pair[1], pair[0])):
        if last is None or number < 0 or number > last + 1:
            group = name
        groups[name] = group
        last = number
    return groups


def _litter_groups(folder: Path) -> dict[str, str]:
    """Groups from the order in which TACO's photos were taken, where the folder tells it; else each is its own."""
    path = folder / "masks_index.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = {Path(r["mask"]).stem: int(r["taco_image_id"]) for r in rows if r.get("taco_image_id", "").isdigit()}
    return _runs(numbers)


def _pairs(folder: Path, groups: dict[str, str]) -> list[MaskImage]:
    pictures = {
        p.stem: p for p in sorted((folder / "images").glob("*")) if p.suffix.lower() in (".jpg", ".jpeg", ".png")
    }
    return [
        MaskImage(pictures[mask.stem].name, pictures[mask.stem], mask, groups.get(mask.stem, mask.stem))
        for mask in sorted((folder / "masks").glob("*.png"))
        if mask.stem in pictures
    ]


def _read_photo(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(path, "image", str(error)[:120], "a JPEG or PNG", "Fetch the image again.") from error


def _read_plane(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            mask = np.asarray(picture)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(path, "mask", str(error)[:120], "a PNG of class numbers", "Write it again.") from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise InputError(path, "mask", f"{mask.dtype} {mask.shape}", "one plane of uint8", "Write class numbers.")
    return mask


def _read_patch(item: MaskImage) -> NDArray[np.float16]:
    from oceanclean.vision.data import Patch, read_image

    return read_image(Patch(item.name, item.group, item.image, item.mask)).astype(np.float16)


def split_groups(groups: Sequence[str], folds: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Indices of ``folds`` parts of about equal size that no group crosses.

    Raises:
        InputError: fewer groups than folds.
    """
    names, sizes = np.unique(np.asarray(groups), return_counts=True)
    if len(names) < folds:
        raise InputError("split", "groups", len(names), f"at least {folds}", "Give more data, or fewer folds.")
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    loads, place = np.zeros(folds), {}
    for k in order:
        target = int(loads.argmin())
        place[names[k]] = target
        loads[target] += sizes[k]
    which = np.asarray([place[g] for g in groups])
    return [np.flatnonzero(which == f) for f in range(folds)]
