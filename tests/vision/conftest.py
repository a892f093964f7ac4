"""Scenes written the way Sentinel-2 files come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from oceanclean.products.names import BANDS
from oceanclean.products.scene import SceneRef


@pytest.fixture
def write_scene(tmp_path: Path):
    """Function that writes reflectance (band, y, x) as a scene of uint16 numbers and returns its reference."""

    def write(
        image: np.ndarray, *, bands=BANDS, offset=0.0, crs="EPSG:32616", name="scene", scl=None, **fields
    ) -> SceneRef:
        numbers = np.where(np.isfinite(image), np.round((image - offset) * 1e4), 0).astype(np.uint16)
        if scl is not None:
            numbers = np.concatenate([numbers, scl[None].astype(np.uint16)])
        path = tmp_path / f"{name}.tif"
        profile = {
            "driver": "GTiff",
            "dtype": "uint16",
            "crs": crs,
            "transform": from_origin(300_000, 1_700_000, 10, 10),
        }
        count, height, width = numbers.shape
        with rasterio.open(path, "w", width=width, height=height, count=count, **profile) as file:
            file.write(numbers)
        return SceneRef(
            scene_id=name, path=str(path), bands={b: i + 1 for i, b in enumerate(bands)}, scale=1e-4, offset=offset,
            nodata=0, radiometry="rhorc", acquired="2024-03-01T16:10:00Z", available_at="2024-03-01T20:00:00Z",
            platform="Sentinel-2A", scl_band=len(bands) + 1 if scl is not None else None, **fields,
        )  # fmt: skip

    return write
