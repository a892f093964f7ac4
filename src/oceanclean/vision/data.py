"""Readers of labelled satellite patches: the MARIDA layout, and any folder laid out the same way.

A folder holds ``patches/S2_<date>_<tile>_<n>.tif`` (11 bands of reflectance), ``..._cl.tif`` (class 0–15, 0 = not
annotated) and, optionally, ``manifest.csv`` and ``unet_reference_predictions.npz``. The four water look-alikes of
MARIDA (waves 12, cloud shadow 13, wakes 14, mixed water 15) join marine water, as in the published eleven-class
protocol (Kikaki et al. 2022, doi 10.1371/journal.pone.0262247). Unlabelled is *ignore*, never "water".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BANDS, CLASS_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Label of a pixel that nobody annotated.
UNLABELLED = 0
#: MARIDA's classes 12 to 15 are water by another name in the eleven-class protocol.
_MERGED = {12: "marine_water", 13: "marine_water", 14: "marine_water", 15: "marine_water"}
_MARIDA_NAME = re.compile(r"^S2_(?P<scene>.+)_(?P<number>\d+)\.tif$")


@dataclass(frozen=True)
class Patch:
    """One labelled patch on disk.

    Attributes:
        name: name without ``S2_`` and suffix, unique in its folder.
        scene: date and tile; patches of one scene never stand on both sides of a split.
        image: GeoTIFF of 11 bands.
        labels: GeoTIFF of classes.
        radiometry: correction of the reflectance (MARIDA: ``rhorc``).
    """

    name: str
    scene: str
    image: Path
    labels: Path
    radiometry: str = "rhorc"


def find_patches(data_dirs: Path | Iterable[Path]) -> list[Patch]:
    """List every labelled patch of one or more folders, sorted by folder and name.

    Raises:
        MissingDataError: a folder has no labelled patch.
        InputError: two folders hold a patch of the same name, so that a split could be crossed.
    """
    folders = [Path(data_dirs)] if isinstance(data_dirs, str | Path) else [Path(d) for d in data_dirs]
    found: dict[str, Patch] = {}
    for folder in folders:
        patches = _patches_of(folder)
        if not patches:
            raise MissingDataError(folder, "patches/S2_*.tif", "no labelled patch", "images with a _cl.tif beside each",
                                   "Point to a folder laid out like MARIDA.")  # fmt: skip
        for patch in patches:
            if patch.name in found:
                raise InputError(folder, "patch", f"{patch.name} twice", "each patch in one folder only",
                                 "Drop one of the folders: the same patch would be counted twice.")  # fmt: skip
            found[patch.name] = patch
    return list(found.values())


def _patches_of(folder: Path) -> list[Patch]:
    scenes = _manifest_scenes(folder)
    patches = []
    for image in sorted((folder / "patches").glob("S2_*.tif")):
        match = _MARIDA_NAME.match(image.name)
        labels = image.with_name(image.stem + "_cl.tif")
        if match is None or not labels.exists():
            continue
        name = image.stem.removeprefix("S2_")
        patches.append(Patch(name, scenes.get(name, match["scene"]), image, labels))
    return patches


def _manifest_scenes(folder: Path) -> dict[str, str]:
    path = folder / "manifest.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["patch"]: row["scene"] for row in csv.DictReader(file) if row.get("scene")}


def band_order(descriptions: Sequence[str | None], source: str | Path) -> list[int]:
    """Raster band index (1-based) of each band of the contract, from the file's band descriptions.

    ``B01`` and ``B1`` mean the same band. A file without descriptions must hold exactly the 11 bands in order.

    Raises:
        InputError: a band is absent.
    """
    names = [re.sub(r"^B0", "B", d) if d else "" for d in descriptions]
    if not any(names) and len(names) == len(BANDS):
        return list(range(1, len(BANDS) + 1))
    absent = [b for b in BANDS if b not in names]
    if absent:
        raise InputError(source, "bands", names, f"{', '.join(absent)} as well",
                         "Export the scene with its 11 bands, each named in its description.")  # fmt: skip
    return [names.index(b) + 1 for b in BANDS]


def read_image(patch: Patch) -> NDArray[np.float32]:
    """Reflectance (y, x, band) of a patch, NaN where it carries no measurement."""
    import rasterio

    try:
        with rasterio.open(patch.image) as source:
            image = source.read(band_order(source.descriptions, patch.image)).astype(np.float32)
    except rasterio.errors.RasterioError as error:
        raise InputError(patch.image, "raster", f"unreadable ({error})", "a whole GeoTIFF",
                         "Fetch the patch again.") from error  # fmt: skip
    return np.ascontiguousarray(image.transpose(1, 2, 0))


def read_labels(patch: Patch) -> NDArray[np.uint8]:
    """Classes (y, x) 1–11 of a patch, 0 where nobody annotated.

    Raises:
        InputError: a value outside 0–15.
    """
    import rasterio

    try:
        with rasterio.open(patch.labels) as source:
            labels = source.read(1)
    except rasterio.errors.RasterioError as error:
        raise InputError(patch.labels, "raster", f"unreadable ({error})", "a whole GeoTIFF",
                         "Fetch the patch again.") from error  # fmt: skip
    return merge_classes(labels, patch.labels)


def merge_classes(labels: NDArray[np.generic], source: str | Path) -> NDArray[np.uint8]:
    """Map MARIDA's fifteen classes to the eleven of the protocol; 0 stays unlabelled.

    Raises:
        InputError: a value outside 0–15.
    """
    classes = np.asarray(labels).astype(np.int64)
    highest = max(_MERGED)
    if classes.size and (classes.min() < 0 or classes.max() > highest):
        raise InputError(source, "class", f"values {classes.min()} to {classes.max()}", f"0 to {highest}",
                         "Use MARIDA's class numbers.")  # fmt: skip
    table = np.arange(highest + 1, dtype=np.uint8)
    for marida_class, name in _MERGED.items():
        table[marida_class] = CLASS_ID[name]
    return table[classes]


def reference_predictions(folder: Path, patches: Sequence[Patch]) -> dict[str, NDArray[np.uint8]]:
    """Classes that MARIDA's published U-Net gave each patch, by patch name; empty where the folder has none."""
    path = Path(folder) / "unet_reference_predictions.npz"
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as archive:
        names, classes = archive["patch_names"], archive["pred"]
    wanted = {p.name for p in patches}
    return {str(n): classes[i] for i, n in enumerate(names) if str(n) in wanted}
