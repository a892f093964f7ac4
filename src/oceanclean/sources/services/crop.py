"""Bands of a Sentinel-2 tile become one scene file: the region's part, every band on the tile's 10 m grid."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from oceanclean.errors import InputError
from oceanclean.products.names import BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Edge of a pixel of the scene, and of the coarsest band's, m.
_FINE, _COARSE = 10.0, 60.0
_ROWS = 1020  # a multiple of 6: a strip holds whole pixels of every band

Corrector = Callable[[str, "NDArray[np.uint16]"], "NDArray[np.uint16]"]
Opener = Callable[[str], AbstractContextManager[rasterio.io.DatasetReader]]


def cut_box(
    source: rasterio.io.DatasetReader, bounds: tuple[float, float, float, float]
) -> tuple[float, float, float, float] | None:
    """(left, bottom, right, top) of the region's part of a tile in the tile's own metres, on whole 60 m pixels.

    Args:
        source: any band of the tile.
        bounds: (west, south, east, north) in degrees.

    Returns:
        None where tile and region do not meet.

    Raises:
        InputError: the tile has no CRS in metres.
    """
    if source.crs is None or not source.crs.is_projected:
        raise InputError(source.name, "CRS", source.crs, "a projected system in metres", "It is no Sentinel-2 tile.")
    west, south, east, north = bounds
    turn = 360.0 if west > 180 else 0.0  # east may pass 180: the transformation takes whole turns off itself
    shifted = (west - turn, south, east - turn, north)
    left, bottom, right, top = transform_bounds("EPSG:4326", source.crs, *shifted, densify_pts=21)
    tile = source.bounds
    left, right = max(left, tile.left), min(right, tile.right)
    bottom, top = max(bottom, tile.bottom), min(top, tile.top)
    left = tile.left + np.floor((left - tile.left) / _COARSE) * _COARSE
    right = tile.left + np.ceil((right - tile.left) / _COARSE) * _COARSE
    top = tile.top - np.floor((tile.top - top) / _COARSE) * _COARSE
    bottom = tile.top - np.ceil((tile.top - bottom) / _COARSE) * _COARSE
    right, bottom = min(right, tile.right), max(bottom, tile.bottom)
    if right - left < _FINE or top - bottom < _FINE:
        return None
    return float(left), float(bottom), float(right), float(top)


def copy_band(
    source: rasterio.io.DatasetReader, box: tuple[float, float, float, float], target: Path, check: Callable[[], None]
) -> None:
    """Write a band's part of the tile as a GeoTIFF of 10 m pixels, strip by strip; coarser pixels are repeated.

    Args:
        source: the band.
        box: see :func:`cut_box`.
        target: file to write.
        check: called between strips; may raise.
    """
    left, bottom, right, top = box
    width, height = round((right - left) / _FINE), round((top - bottom) / _FINE)
    profile = {
        "driver": "GTiff", "dtype": source.dtypes[0], "count": 1, "width": width, "height": height, "crs": source.crs,
        "transform": Affine(_FINE, 0, left, 0, -_FINE, top), "tiled": True, "compress": "deflate",
        "blockxsize": 512, "blockysize": 512, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with rasterio.open(target, "w", **profile) as out:
        for row in range(0, height, _ROWS):
            rows = min(_ROWS, height - row)
            here = from_bounds(left, top - (row + rows) * _FINE, right, top - row * _FINE, source.transform)
            strip = source.read(1, window=here, out_shape=(rows, width), resampling=Resampling.nearest, boundless=False)
            out.write(strip, 1, window=Window(0, row, width, rows))
            check()


def collect(
    opener: Opener, bands: Mapping[str, str], bounds: tuple[float, float, float, float], scratch: Path,
    check: Callable[[], None] = lambda: None,
) -> bool:  # fmt: skip
    """Bring every band's part into a folder; bands that stand there already are not fetched again.

    Args:
        opener: opens a band by its address.
        bands: name of :data:`~oceanclean.products.names.BANDS` or ``SCL`` to the band's address.
        bounds: (west, south, east, north) of the region in degrees.
        scratch: folder of ``<band>.tif``.
        check: called between strips; may raise.

    Returns:
        False where tile and region do not meet.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    for name, address in bands.items():
        target = scratch / f"{name}.tif"
        if target.is_file():
            continue
        with opener(address) as source:
            box = cut_box(source, bounds)
            if box is None:
                return False
            part = scratch / f"{name}.part.tif"
            copy_band(source, box, part, check)
        part.replace(target)
    return True


def join(scratch: Path, target: Path, facts: Mapping[str, Any], correct: Corrector | None = None) -> None:
    """Write the bands of a folder as one scene file with its facts as tags.

    Args:
        scratch: folder of ``<band>.tif``, see :func:`collect`.
        target: scene file (GeoTIFF, bands described, tags as ``oceanclean.sources.scenes`` reads them).
        facts: ``scene_id``, ``acquired``, ``available_at``, ``platform``, ``radiometry``, ``scale``, ``offset``,
            ``nodata``, and whatever else is to be recorded.
        correct: makes the numbers that are written of a band's name and the numbers that came; None: as they came.

    Raises:
        InputError: no band.
    """
    names = [n for n in (*BANDS, "SCL") if (scratch / f"{n}.tif").is_file()]
    if not [n for n in names if n != "SCL"]:
        raise InputError(target, "bands", "none", f"some of {BANDS}", "Correct option assets of the service.")
    with contextlib.ExitStack() as stack:
        sources = {n: stack.enter_context(rasterio.open(scratch / f"{n}.tif")) for n in names}
        first = sources[names[0]]
        profile = {**first.profile, "count": len(names), "dtype": "uint16", "predictor": 2,
                   "nodata": facts.get("nodata"), "driver": "GTiff", "interleave": "band"}  # fmt: skip
        with rasterio.open(target, "w", **profile) as out:
            for number, name in enumerate(names, start=1):
                for _, window in first.block_windows(1):
                    numbers = sources[name].read(1, window=window).astype("uint16")
                    if correct is not None and name != "SCL":
                        numbers = correct(name, numbers)
                    out.write(numbers, number, window=window)
                out.set_band_description(number, name)
            out.scales = tuple(facts["scale"] if n != "SCL" else 1.0 for n in names)
            out.offsets = tuple(facts["offset"] if n != "SCL" else 0.0 for n in names)
            out.update_tags(**{k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()})


@contextlib.contextmanager
def local(path: str) -> Iterator[rasterio.io.DatasetReader]:
    """Open a band on disk as JPEG 2000 or GeoTIFF; no other driver is tried, so that no file can name another."""
    with Path(path).open("rb") as file:
        driver = "JP2OpenJPEG" if file.read(12)[4:8] == b"jP  " else "GTiff"
    with rasterio.open(path, driver=driver) as source:
        yield source
