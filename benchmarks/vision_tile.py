"""Segment a whole Sentinel-2 tile, made of real patches side by side: seconds and peak memory, read to written result.

``python -m benchmarks.vision_tile --edge 10980`` needs the MARIDA patches of ``OCEANCLEAN_DATA`` (1.2 Gpx of numbers,
2.6 GB on disk while it runs).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from oceanclean import vision
from oceanclean.products import BANDS, SceneRef
from oceanclean.vision.data import find_patches, read_image

DATA = Path(os.environ.get("OCEANCLEAN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def write_tile(path: Path, edge: int) -> None:
    """Lay real patches side by side until the tile is full, as uint16 of scale 1e-4."""
    patches = find_patches(DATA / "marida")[:120]
    images = [np.clip(np.round(read_image(p) * 1e4), 1, 65535).astype(np.uint16).transpose(2, 0, 1) for p in patches]
    profile = {"driver": "GTiff", "width": edge, "height": edge, "count": len(BANDS), "dtype": "uint16", "tiled": True,
               "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1, "predictor": 2,
               "crs": "EPSG:32616", "transform": from_origin(300_000, 1_800_000, 10, 10), "bigtiff": "yes"}  # fmt: skip
    across = -(-edge // 256)
    with rasterio.open(path, "w", **profile) as file:
        for row in range(0, edge, 256):
            strip = np.concatenate([images[(row // 256 * across + i) % len(images)] for i in range(across)], axis=2)
            height = min(256, edge - row)
            file.write(strip[:, :height, :edge], window=Window(0, row, edge, height))


def measure(path: Path, folder: Path) -> dict[str, float]:
    """Seconds and peak MiB of one segmentation, in this process."""
    scene = SceneRef("tile", str(path), {b: i + 1 for i, b in enumerate(BANDS)}, 1e-4, 0.0, 0, "rhorc",
                     "2020-01-01T16:00:00Z", "2020-01-01T20:00:00Z", "Sentinel-2A")  # fmt: skip
    start = time.perf_counter()
    result = vision.segment(scene, folder, land=None, settings=vision.load_settings())
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pixels = result.statistics["pixels"]
    return {"pixels": pixels, "seconds": seconds, "seconds_per_mpx": seconds / pixels * 1e6, "peak_mib": peak,
            "detections": result.statistics["detections"], "input_mb": path.stat().st_size / 1e6,
            "output_mb": Path(result.raster).stat().st_size / 1e6}  # fmt: skip


def main() -> None:
    """Print the figures of one tile; the segmentation runs in a process of its own, so that its peak is its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edge", type=int, default=3072, help="pixels of the tile's edge (a whole tile: 10980)")
    parser.add_argument("--inner", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inner is not None:
        print(json.dumps(measure(given.inner, given.inner.parent / "out")))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.tif"
        write_tile(path, given.edge)
        command = [sys.executable, "-m", "benchmarks.vision_tile", "--inner", str(path)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name, value in json.loads(out.splitlines()[-1]).items():
        print(f"{name:18} {value:12.2f}")


if __name__ == "__main__":
    main()
