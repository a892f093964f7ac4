"""Folders of labelled photos: with an index.csv, or one sub-folder a label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision.photos.pictures import SUFFIXES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import PhotoTask


#: Folders whose pictures are no photos.
_NO_PHOTOS = {"masks"}


@dataclass(frozen=True)
class Photo:
    """A photo and what is known of it.

    Attributes:
        folder: the data folder.
        file: path within it.
        label: label as the folder gives it, "" where none.
        split: side of the split that came with the data, "" where none.
        group: group of duplicates that came with the data, "" where none.
        box: (left, top, right, bottom) in pixels where only a part of the picture is meant.
    """

    folder: Path
    file: str
    label: str
    split: str = ""
    group: str = ""
    box: tuple[float, float, float, float] | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.file


@dataclass(frozen=True)
class PhotoSet:
    """Photos in a fixed order."""

    photos: tuple[Photo, ...]

    def __len__(self) -> int:
        return len(self.photos)

    def __iter__(self) -> Iterator[Photo]:
        return iter(self.photos)

    def __getitem__(self, index: int) -> Photo:
        return self.photos[index]

    def take(self, rows: Iterable[int]) -> PhotoSet:
        """Some of the photos."""
        return PhotoSet(tuple(self.photos[int(i)] for i in rows))

    def targets(self, task: PhotoTask) -> NDArray[np.int64]:
        """Class index of every photo in a task.

        Raises:
            InputError: a label that the task does not know.
        """
        index = {name: i for i, name in enumerate(task.classes)}
        labels = {label: index[name] for label, name in task.label_of.items()}
        for photo in self.photos:
            if photo.label not in labels:
                raise InputError(photo.path, "label", repr(photo.label), f"one of {', '.join(sorted(labels))}",
                                 f"Add the label to config/models/{task.kind}.yaml.")  # fmt: skip
        return np.array([labels[p.label] for p in self.photos], np.int64)


def read_photos(folders: Iterable[Path], kind: str = "") -> PhotoSet:
    """Photos of folders, each with an ``index.csv`` (columns file, label; split and dup_group if known) or sub-folders.

    A file that the index names but that is not there is left out: a part of a set is a set. Of a litter set (boxes.csv
    and images/) come its things or its places, see :mod:`oceanclean.vision.photos.crops`.

    Args:
        folders: the data.
        kind: ``classifier``: litter sets give things; ``cleanliness``: they give places; else whole photos.

    Raises:
        MissingDataError: a folder is absent or holds no photo.
        InputError: an index without the columns that are needed.
    """
    from oceanclean.vision.photos import crops

    photos: list[Photo] = []
    for folder in folders:
        if not folder.is_dir():
            raise MissingDataError(folder, "data", "no such folder", "a folder of photos", "Check --data.")
        index = folder / "index.csv"
        if kind and crops.is_litter_set(folder):
            found = crops.things(folder) if kind == "classifier" else crops.places(folder)
        else:
            found = _indexed(folder, index) if index.is_file() else _sorted_by_folder(folder)
        if not found:
            raise MissingDataError(folder, "data", "no photo", f"files {', '.join(SUFFIXES)} in sub-folders or named "
                                   "by index.csv", "Check --data.")  # fmt: skip
        photos += found
    return PhotoSet(tuple(photos))


def _indexed(folder: Path, index: Path) -> list[Photo]:
    try:
        table = pd.read_csv(index, dtype=str, keep_default_na=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(index, "file", str(error)[:200], "a CSV table in UTF-8", "Correct the index.") from error
    for column in ("file", "label"):
        if column not in table:
            raise InputError(index, column, f"columns {list(table.columns)}", "columns file and label",
                             "Name the columns so.")  # fmt: skip
    empty = pd.Series("", index=table.index)
    split, group = table.get("split", empty), table.get("dup_group", empty)
    return [
        Photo(folder, _inside(folder, f, index), label, s, g)
        for f, label, s, g in zip(table["file"], table["label"], split, group, strict=True)
        if (folder / f).is_file()
    ]


def _inside(folder: Path, file: str, index: Path) -> str:
    if not (folder / file).resolve().is_relative_to(folder.resolve()):
        raise InputError(index, "file", repr(file), "a path within the folder", "Correct the index.")
    return file


def _sorted_by_folder(folder: Path) -> list[Photo]:
    files = sorted(
        p for p in folder.rglob("*")
        if p.suffix.lower() in SUFFIXES and p.is_file() and not _NO_PHOTOS & {part.name for part in p.parents}
    )  # fmt: skip
    return [Photo(folder, p.relative_to(folder).as_posix(), p.parent.name if p.parent != folder else "") for p in files]


def pixels_of(photos: Sequence[Photo] | PhotoSet, edge: int) -> NDArray[np.uint8]:
    """Pixels (photo, edge, edge, 3) of all photos, squeezed to squares.

    Raises:
        InputError: a photo cannot be read.
    """
    from oceanclean.vision.photos.pictures import as_square, open_photo

    out = np.zeros((len(photos), edge, edge, 3), np.uint8)
    for i, photo in enumerate(photos):
        if photo.box is None:
            out[i] = as_square(open_photo(photo.path, longest=2 * edge), edge)
        else:
            left, top, right, bottom = (round(v) for v in photo.box)
            out[i] = as_square(open_photo(photo.path).crop((left, top, right, bottom)), edge)
    return out
