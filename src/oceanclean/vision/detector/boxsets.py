"""Box-set readers: YOLO folders, COCO JSON and CSV of corners, all as one kind of record.

Which layout a folder has is told from what stands in it: ``labels/`` beside ``images/`` (YOLO), ``annotations.json``
or ``annotations.json.gz`` (COCO), ``boxes.csv`` (corners in pixels).
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Name of the one class that any litter belongs to.
LITTER = "litter"
_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
#: PlanetScope tile of the NASA-IMPACT set: <date>_<time>_<satellite>_<x>-<y>-<zoom>.
TILE_NAME = re.compile(r"(?P<scene>(?P<date>\d{8})_\d{6}_\w+?)_(?P<x>\d+)-(?P<y>\d+)-(?P<zoom>\d+)$")


@dataclass(frozen=True)
class LabelledImage:
    """One image with its boxes.

    Attributes:
        path: the image; it need not exist where a set gives annotations alone.
        scene: what it was cut from: images of one scene are near duplicates.
        group: what must stay together when images are split: scenes of one day for satellite tiles, else the scene.
        boxes: float32 (box, 4), pixels.
        labels: int (box,), number in the set's classes.
        width: pixels.
        height: pixels.
    """

    path: Path
    scene: str
    group: str
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    width: int
    height: int


@dataclass(frozen=True)
class BoxSet:
    """Images with boxes, and the names of the classes that the labels number."""

    images: tuple[LabelledImage, ...]
    classes: tuple[str, ...]

    def one_class(self) -> BoxSet:
        """The same boxes, all called litter."""
        images = tuple(replace(i, labels=np.zeros_like(i.labels)) for i in self.images)
        return BoxSet(images, (LITTER,))

    def with_images(self) -> BoxSet:
        """Those images whose file is there."""
        return BoxSet(tuple(i for i in self.images if i.path.is_file()), self.classes)


def read_box_sets(folders: Sequence[Path]) -> BoxSet:
    """Read folders of any of the three layouts as one set.

    Args:
        folders: each a YOLO, COCO or CSV folder.

    Returns:
        Images sorted by path; classes in the order in which the folders name them.

    Raises:
        MissingDataError: a folder of no such layout, or without images.
        InputError: a label file that cannot be read.
    """
    images: list[LabelledImage] = []
    classes: list[str] = []
    for folder in map(Path, folders):
        part = _reader(folder)(folder)
        if not part.images:
            raise MissingDataError(folder, "images", "none", "labelled images", "Give the folder that holds them.")
        classes += [c for c in part.classes if c not in classes]
        number = np.array([classes.index(c) for c in part.classes], np.int64)
        images += [replace(i, labels=number[i.labels]) for i in part.images]
    return BoxSet(tuple(sorted(images, key=lambda i: str(i.path))), tuple(classes))


def _reader(folder: Path) -> Callable[[Path], BoxSet]:
    if (folder / "labels").is_dir():
        return read_yolo
    if (folder / "boxes.csv").is_file():
        return read_csv
    if _coco_file(folder) is not None:
        return read_coco
    raise MissingDataError(folder, "layout", "no labels/, boxes.csv or annotations.json", "a YOLO, CSV or COCO folder",
                           "Point --data at the folder that holds one of them.")  # fmt: skip


def scene_of(stem: str) -> tuple[str, str]:
    """Scene and group of an image by the stem of its name.

    A PlanetScope tile belongs to its scene and groups with all scenes of that day, whose frames overlap; a variant
    that an export tool made (``name.rf.hash``) belongs with the other variants of its original.
    """
    tile = TILE_NAME.match(stem)
    if tile:
        return tile["scene"], tile["date"]
    original = stem.split(".rf.")[0]
    return original, original


def read_yolo(folder: Path) -> BoxSet:
    """Folder of ``images/`` and ``labels/`` with one ``class xc yc w h`` a line, as shares of the image's edges.

    An image without a label file has no boxes. Class names come from ``classes.txt`` where there is one.
    """
    images = []
    for path in sorted(p for p in (folder / "images").glob("*") if p.suffix.lower() in _SUFFIXES):
        width, height = _size(path)
        rows = _yolo_rows(folder / "labels" / f"{path.stem}.txt")
        centre, edges = rows[:, 1:3], rows[:, 3:5]
        boxes = np.concatenate([centre - edges / 2, centre + edges / 2], axis=1) * [width, height, width, height]
        images.append(_record(path, boxes, rows[:, 0], width, height))
    names = folder / "classes.txt"
    highest = max((int(i.labels.max()) for i in images if len(i.labels)), default=0)
    classes = names.read_text("utf-8").split("\n") if names.is_file() else []
    given = [c.strip() for c in classes if c.strip()]
    if not given:
        given = [LITTER] if highest == 0 else [f"class_{k}" for k in range(highest + 1)]
    if highest >= len(given):
        raise InputError(names, "classes", f"{len(given)} names", f"at least {highest + 1}", "Name every class used.")
    return BoxSet(tuple(images), tuple(given))


def _yolo_rows(path: Path) -> NDArray[np.float64]:
    if not path.is_file():
        return np.zeros((0, 5))
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(v) for v in line.split()]
        except ValueError:
            row = []
        if len(row) != 5 or row[0] < 0 or row[0] % 1 or not np.isfinite(row).all() or min(row[3:]) < 0:
            raise InputError(path, f"line {number}", repr(line[:60]), "class xc yc w h", "Correct or drop the line.")
        rows.append(row)
    return np.array(rows).reshape(-1, 5)


def box_table(path: Path) -> pd.DataFrame:
    """A table of boxes: image and label as text, width, height and corners as numbers.

    Raises:
        InputError: unreadable, a column is absent, or a cell is no number; names the line.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(path, "file", str(error).strip()[:200], "a CSV table in UTF-8", "Correct it.") from error
    needed = ["image", "width", "height", "x_min", "y_min", "x_max", "y_max", "label"]
    absent = [c for c in needed if c not in table]
    if absent:
        raise InputError(path, absent[0], f"columns {list(table.columns)}", f"columns {needed}", "Name them so.")
    outside = table["image"].map(lambda name: Path(name).is_absolute() or ".." in Path(name).parts)
    if outside.any():
        raise InputError(path, "image", repr(table["image"][outside].iloc[0][:60]), "names of files in images/",
                         "Correct the line.")  # fmt: skip
    for column in needed[1:-1]:
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = ~np.isfinite(numbers) | (numbers.abs() > 1e6)
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            raise InputError(path, f"{column}, line {line + 2}", repr(table[column].iloc[line][:60]),
                             "a number of pixels", "Correct the line.")  # fmt: skip
        table[column] = numbers
    return table


def read_csv(folder: Path) -> BoxSet:
    """Folder with ``boxes.csv`` (image, width, height, x_min, y_min, x_max, y_max, label) and ``images/``."""
    table = box_table(folder / "boxes.csv")
    classes = sorted(table["label"].astype(str).unique())
    images = []
    for name, rows in table.groupby("image", sort=True):
        labels = [classes.index(str(v)) for v in rows["label"]]
        boxes = rows[["x_min", "y_min", "x_max", "y_max"]].to_numpy(float)
        width, height = int(rows["width"].iloc[0]), int(rows["height"].iloc[0])
        images.append(_record(folder / "images" / str(name), boxes, labels, width, height))
    return BoxSet(tuple(images), tuple(classes))


def read_coco(folder: Path) -> BoxSet:
    """Folder with COCO's ``annotations.json`` (or ``.json.gz``) and, where the images are kept too, ``images/``."""
    path = _coco_file(folder)
    if path is None:
        raise MissingDataError(folder, "annotations.json", "no such file", "a COCO file", "Give its folder.")
    try:
        record = json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        names = {c["id"]: str(c["name"]) for c in record["categories"]}
        rows: dict[Any, list[dict[str, Any]]] = {i["id"]: [] for i in record["images"]}
        for annotation in record["annotations"]:
            rows[annotation["image_id"]].append(annotation)
        number = {key: k for k, key in enumerate(names)}
        images = [_coco_image(folder, image, rows[image["id"]], number) for image in record["images"]]
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise InputError(path, "COCO", f"{type(error).__name__}: {error}", "images, categories, annotations with bbox",
                         "Export the annotations as COCO detection JSON.") from error  # fmt: skip
    return BoxSet(tuple(images), tuple(names.values()))


def _coco_image(
    folder: Path, image: dict[str, Any], rows: list[dict[str, Any]], number: dict[Any, int]
) -> LabelledImage:
    corners = np.array([r["bbox"] for r in rows], float).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    name = str(image["file_name"])
    path = folder / "images" / name
    labels = [number[r["category_id"]] for r in rows]
    return _record(path, corners, labels, int(image["width"]), int(image["height"]))


def _coco_file(folder: Path) -> Path | None:
    for name in ("annotations.json", "annotations.json.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def _record(path: Path, boxes: Any, labels: Iterable[Any], width: int, height: int) -> LabelledImage:
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    corners = np.clip(corners, 0, np.array([width, height, width, height], np.float32))
    scene, group = scene_of(path.stem)
    return LabelledImage(path, scene, group, corners, np.asarray(list(labels), np.int64).reshape(-1), width, height)


def _size(path: Path) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise InputError(
            path, "image", type(error).__name__, "a readable image", "Drop it, or copy it anew."
        ) from error


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image as RGB (y, x, 3).

    Raises:
        InputError: it cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            path, "image", type(error).__name__, "a readable image", "Drop it, or copy it anew."
        ) from error


def deal(images: Sequence[LabelledImage], parts: int) -> list[list[LabelledImage]]:
    """Deal images into parts of about the same size; a group never crosses parts.

    Raises:
        MissingDataError: fewer groups than parts.
    """
    groups: dict[str, list[LabelledImage]] = {}
    for image in images:
        groups.setdefault(image.group, []).append(image)
    if len(groups) < parts:
        raise MissingDataError("detector", "folds", f"{len(groups)} groups of scenes", f"at least {parts}",
                               "Give more scenes, or set training.folds lower.")  # fmt: skip
    dealt: list[list[LabelledImage]] = [[] for _ in range(parts)]
    for key in sorted(groups, key=lambda g: (-len(groups[g]), g)):
        min(dealt, key=len).extend(groups[key])
    return dealt
