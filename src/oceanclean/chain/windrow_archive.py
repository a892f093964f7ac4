"""The windrow archive from its file to the density room's verification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oceanclean.errors import MissingDataError


def evaluate_archive(folder: Path, progress: Callable[[str, float], None] | None = None) -> dict[str, Any]:
    """Score seasonal maps on the windrow archive, see :func:`oceanclean.density.windrows.evaluate_windrows`.

    Args:
        folder: holds the archive's Excel book.
        progress: called with (what, share done).

    Raises:
        MissingDataError: no Excel book there.
        InputError: another book.
    """
    from oceanclean.density.windrows import GRID, evaluate_windrows
    from oceanclean.sources.windrows import read_catalogue

    books = sorted(folder.glob("*.xlsx"))
    if not books:
        raise MissingDataError(folder, "windrow archive", "no .xlsx", "the source data of Cózar et al. 2024",
                               "Name the folder that holds it.")  # fmt: skip
    catalogue = pd.concat([read_catalogue(book) for book in books], ignore_index=True)
    return evaluate_windrows(catalogue, sea=_sea(GRID), progress=progress)


def _sea(grid: Any) -> NDArray[np.bool_]:
    """Sea (lat, lon): cells whose centre is no land."""
    from rasterio.features import rasterize
    from rasterio.transform import from_origin

    from oceanclean import coast

    west, south, east, north = grid.bounds
    land = coast.land(west, south, east, north)
    marked = rasterize([(land, 1)], out_shape=grid.shape, dtype="uint8",
                       transform=from_origin(west, north, grid.step, grid.step))  # fmt: skip
    return ~marked[::-1].astype(bool)


def archive_table(figures: Mapping[str, Any]) -> str:
    """The figures in lines for a terminal."""
    lines = [f"{len(figures['seasons'])} seasons, {figures['seasons'][0]} to {figures['seasons'][-1]}",
             f"{'':40s}{'area':>8s}{'best tenth':>12s}   gain of the seasonal map (95 %)"]  # fmt: skip
    for name, row in figures["scores"].items():
        gain = figures["gain_over"].get(name)
        text = "" if gain is None else "   {:+.3f} ({:+.3f} to {:+.3f})".format(*gain["area_under"])
        lines.append(f"{name:40s}{row['area_under']:8.3f}{row['in_best_tenth']:12.3f}{text}")
    return "\n".join(lines)
