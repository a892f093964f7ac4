"""Plastic and its look-alikes from single spectra: how much of it is recognised at a place never seen before.

Reads tables of labelled Sentinel-2 pixels such as Duarte and Azevedo's (doi 10.1109/TGRS.2023.3283607): a random split
of one place's pixels flatters, because its water, air and day are known; leaving a whole place out does not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BANDS
from oceanclean.vision.features import indices, target_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Labels of the table.
LABELS: dict[int, str] = {
    1: "water", 2: "plastic", 3: "driftwood", 4: "seaweed", 5: "pumice", 6: "sea_snot", 7: "foam",
}  # fmt: skip
_PLASTIC = 2
#: Mean water of that set, ACOLITE surface reflectance, above its B12: what is subtracted to see the target.
_WATER = np.asarray([56, 89, 99, -16, -32, -6, 17, -7, 20, 17, 0], np.float32) * 1e-4
#: Kernel width and penalty of the support vectors on standardised features; not tuned to any place.
_GAMMA, _PENALTY = 0.02, 1.0


@dataclass(frozen=True)
class Spectra:
    """A table of labelled pixels.

    Attributes:
        reflectance: (pixel, band).
        label: (pixel,) key of :data:`LABELS`.
        location: (pixel,) name of the place.
    """

    reflectance: NDArray[np.float32]
    label: NDArray[np.int64]
    location: NDArray[np.str_]


def read_spectra(folders: Iterable[Path]) -> Spectra:
    """Read every CSV of the folders with columns Location, B1 … B12 and label.

    Raises:
        MissingDataError: a folder without a CSV.
        InputError: a column is missing, or a value is no number or no known label.
    """
    rows: list[tuple[list[float], int, str]] = []
    for folder in folders:
        files = sorted(Path(folder).glob("*.csv"))
        if not files:
            raise MissingDataError(folder, "spectra", "no CSV", "a table with Location, B1 … B12, label",
                                   "Point to a folder like duarte_spectra.")  # fmt: skip
        for file in files:
            rows += _rows(file)
    return Spectra(
        np.asarray([r[0] for r in rows], np.float32), np.asarray([r[1] for r in rows]),
        np.asarray([r[2] for r in rows], np.str_),
    )  # fmt: skip


def _rows(file: Path) -> list[tuple[list[float], int, str]]:
    with file.open(newline="", encoding="utf-8") as source:
        table = csv.DictReader(source)
        absent = {"Location", "label", *BANDS} - set(table.fieldnames or ())
        if absent:
            raise InputError(file, "columns", f"without {', '.join(sorted(absent))}", "Location, B1 … B12, label",
                             "Name the columns so.")  # fmt: skip
        found = []
        for number, row in enumerate(table, 2):
            try:
                values, label = [float(row[b]) for b in BANDS], int(float(row["label"]))
            except ValueError as error:
                raise InputError(file, f"line {number}", str(error), "numbers", "Correct the line.") from error
            if label not in LABELS:
                raise InputError(file, f"line {number}, label", label, f"one of {LABELS}", "Correct the label.")
            found.append((values, label, row["Location"]))
    return found


def spectral_features(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features (pixel, feature): colour of what stands above water, free of glint, and indices.

    Glint and haze add nearly the same to every band; the darker SWIR band says how much (Hedley et al. 2005,
    doi 10.1080/01431160500034086, with SWIR for near infrared, in which debris itself shines).
    """
    swir = reflectance[:, [BANDS.index("B11"), BANDS.index("B12")]].min(axis=1, keepdims=True)
    plain = reflectance - swir
    return np.concatenate([*target_spectrum(plain - _WATER), indices(plain)], axis=-1)


def _weights(label: NDArray[np.int64], location: NDArray[np.str_]) -> NDArray[np.float64]:
    """Plastic weighs as much as all the rest, the rest's classes alike, and places nearly alike within a class."""
    weight = np.zeros(len(label))
    classes = np.unique(label)
    for k in classes:
        for place in np.unique(location[label == k]):
            rows = (label == k) & (location == place)
            weight[rows] = rows.sum() ** -0.5
        weight[label == k] /= weight[label == k].sum()
        if k != _PLASTIC:
            weight[label == k] /= max(len(classes) - 1, 1)
    return weight * len(label) / weight.sum()


def evaluate_spectra(folders: Iterable[Path]) -> dict[str, Any]:
    """Leave each place out in turn: what share of its plastic is recognised by what the other places taught.

    Returns:
        Flat figures: ``plastic_recall_PLACE`` and ``plastic_pixels_PLACE`` for every place with plastic,
        ``plastic_recall`` and ``plastic_precision`` over all, ``false_share_CLASS`` of every other class that is
        called plastic, ``pixels``, ``locations``, ``protocol``.

    Raises:
        InputError: fewer than two places hold plastic.
    """
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    data = read_spectra(folders)
    places = np.unique(data.location)
    plastic = data.label == _PLASTIC
    if len(np.unique(data.location[plastic])) < 2:
        raise InputError("spectra", "Location", list(places), "plastic at two places at least", "Add a place.")
    features, called = spectral_features(data.reflectance), np.zeros(len(plastic), bool)
    for place in places:
        out = data.location == place
        scale = StandardScaler().fit(features[~out])
        model = SVC(C=_PENALTY, gamma=_GAMMA).fit(
            scale.transform(features[~out]), plastic[~out],
            sample_weight=_weights(data.label[~out], data.location[~out]),
        )  # fmt: skip
        called[out] = model.predict(scale.transform(features[out]))
    figures: dict[str, Any] = {"protocol": "leave-one-location-out", "pixels": len(called), "locations": len(places)}
    for place in places:
        mine = plastic & (data.location == place)
        if mine.any():
            name = place.lower().replace(" ", "_")
            figures |= {f"plastic_recall_{name}": float(called[mine].mean()), f"plastic_pixels_{name}": int(mine.sum())}
    figures["plastic_recall"] = float(called[plastic].mean())
    figures["plastic_precision"] = float(plastic[called].mean()) if called.any() else 0.0
    for k, name in LABELS.items():
        if k != _PLASTIC and (data.label == k).any():
            figures[f"false_share_{name}"] = float(called[data.label == k].mean())
    return figures
