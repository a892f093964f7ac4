"""Debris of known cover: measured spectra of wet and submerged litter, mixed linearly with pixels of open water.

Spectra are read as published by Knaeps et al. 2021 (doi 10.5194/essd-13-713-2021): a table of 1 nm rows from 350 to
2500 nm and a column a sample, whose name ends with its state. A pixel of which a share c is covered is, to first
order, (1 − c) · water + c · litter; a band of 20 m sees the share of four pixels, one of 60 m of thirty-six.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BANDS
from oceanclean.vision.features import CORE_BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.pixels import PixelSet

#: Centre and width of the bands of Sentinel-2A, nm (Sentinel-2 User Handbook, table 1).
_BAND_NM: dict[str, tuple[float, float]] = {
    "B1": (443, 20), "B2": (490, 65), "B3": (560, 35), "B4": (665, 30), "B5": (705, 15), "B6": (740, 15),
    "B7": (783, 20), "B8": (842, 115), "B8A": (865, 20), "B11": (1610, 90), "B12": (2190, 180),
}  # fmt: skip
#: Pixels of 10 m that a band's pixel holds.
_PIXELS = np.asarray([{"B1": 36}.get(b, 1 if b in ("B2", "B3", "B4", "B8") else 4) for b in BANDS])
#: What a column's name ends with, of samples that are wet or at most 5 cm under water (``_s_DEPTH_TURBIDITY``); a
#: reader that tells columns of one name apart appends a number.
_AFLOAT = re.compile(r"_(w|s_[0-5](\.5)?_\d+)(\.\d+)?$")
_WOOD = re.compile(r"wood|water|tank", re.IGNORECASE)


def read_litter_spectra(folder: Path) -> NDArray[np.float32]:
    """Reflectance (sample, band) of wet and submerged litter, averaged over the bands.

    Args:
        folder: with one tab-separated table, ``*.tsv`` or ``*.tsv.gz``.

    Raises:
        MissingDataError: there is no table in the folder.
        InputError: the table has no wavelengths over the bands, or no sample that is wet.
    """
    import pandas as pd

    files = sorted([*folder.glob("*.tsv"), *folder.glob("*.tsv.gz")])
    if not files:
        raise MissingDataError(folder, "litter spectra", "no *.tsv or *.tsv.gz", "a table of spectra",
                               "Fetch doi 10.4121/12896312 and convert it, or leave the setting empty.")  # fmt: skip
    table = pd.read_csv(files[0], sep="\t", index_col=0)
    nm = pd.to_numeric(pd.Series(table.index), errors="coerce").to_numpy(float)
    afloat = [c for c in table.columns if _AFLOAT.search(c) and not _WOOD.search(c)]
    if not afloat or not (np.nanmin(nm) <= 443 and np.nanmax(nm) >= 2200):
        raise InputError(files[0], "columns and rows", f"{len(afloat)} wet samples, {np.nanmin(nm):g} to "
                         f"{np.nanmax(nm):g} nm", "wet samples (name_w, name_s_2.5_0) from 443 to 2200 nm",
                         "Give the published table.")  # fmt: skip
    values = table[afloat].to_numpy(float)
    bands = [values[np.abs(nm - c) <= w / 2].mean(axis=0) for c, w in (_BAND_NM[b] for b in BANDS)]
    spectra = np.stack(bands, axis=1).astype(np.float32)
    good = np.isfinite(spectra).all(axis=1) & (spectra > 0).all(axis=1)
    return spectra[good]


def mix_litter(
    pixels: PixelSet, water_rows: NDArray[np.intp], spectra: NDArray[np.float32], count: int,
    cover: tuple[float, float], rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Statistics of open-water pixels of which a known share is covered by litter.

    Args:
        pixels: the table.
        water_rows: rows of it that are open water.
        spectra: (sample, band).
        count: pixels to make.
        cover: least and largest share of a 10 m pixel.
        rng: source of chance.

    Returns:
        (pixel, statistic), and their scenes' dark water (pixel, band).
    """
    from oceanclean.vision.model import BOXES, SPREAD_BOXES, Statistics

    rows = rng.choice(water_rows, count)
    s = Statistics.split(pixels.statistics[rows].astype(np.float32))
    share = np.exp(rng.uniform(np.log(cover[0]), np.log(cover[1]), (count, 1)))
    # How much of a coarser pixel and of each box the patch of litter fills: one pixel at least, all at most.
    fill = rng.uniform(0, 1, (count, 1))
    coarse = np.maximum(fill, 1.0 / _PIXELS)
    above = (share * coarse * (spectra[rng.integers(0, len(spectra), count)] - s.background)).astype(np.float32)
    core = [BANDS.index(b) for b in CORE_BANDS]
    means, spreads = {}, {}
    for size in BOXES:
        means[size] = s.means[size] + _filled(fill, size) * above
    for size in SPREAD_BOXES:
        part = _filled(fill, size)
        spreads[size] = np.sqrt(s.spreads[size] ** 2 + part * (1 - part) * above[:, core] ** 2)
    joined = Statistics(s.pixel + above, means, spreads, s.background).join()
    return joined.astype(np.float32), pixels.water[pixels.scene[rows]]


def _filled(fill: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """Share of a box that a patch of up to 5 × 5 pixels covers."""
    return np.clip((1 + 24 * fill**2) / size**2, 1.0 / size**2, 0.9).astype(np.float32)
