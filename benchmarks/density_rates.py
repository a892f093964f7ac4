"""Rates of the Sentinel-2 observation model, measured on a finished run of a simulated sea.

``python -m benchmarks.density_rates --run RUN_FOLDER --truth TRUTH_FOLDER`` prints what ``config/models/density.yaml``
holds under ``sensors.sentinel2``: how much of the mass lies in pixels that can be seen, how much of that is found, and
how many false clumps stand in a square kilometre. A changed segmenter changes them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import rasterio
from scipy.ndimage import binary_dilation

from oceanclean.density import load_settings
from oceanclean.products.names import NOT_OBSERVED, PROBABILITY_SCALE


def main() -> None:
    """Measure all scenes of the run together and print the rates beside those in use."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    given = parser.parse_args()
    settings = load_settings()
    sensor = settings.sensors["sentinel2"]
    around = np.ones((3, 3), dtype=bool)
    area = cover_all = cover_visible = cover_found = 0.0
    false_cells: list[np.ndarray] = []
    for folder in sorted(given.run.glob("detect-*")):
        record = json.loads((folder / "segmentation.json").read_text())
        with rasterio.open(folder / record["raster"]) as raster:
            probability = raster.read(1)
        with rasterio.open(given.truth / "scenes" / f"{record['scene']['scene_id']}.tif") as truth:
            cover = truth.read(2) / 250.0
        observed = probability != NOT_OBSERVED
        found = observed & (probability >= record["threshold"] * PROBABILITY_SCALE)
        visible = observed & (cover >= sensor.limit_cover)
        false = found & ~binary_dilation(cover > 0.03, around)
        area += observed.sum() * 1e-4
        cover_all += cover[observed].sum()
        cover_visible += cover[visible].sum()
        cover_found += cover[visible & binary_dilation(found, around)].sum()
        # 216 pixels are about a cell of the demo's grid
        side = 216 * (np.array(false.shape) // 216)
        blocks = false[: side[0], : side[1]].reshape(side[0] // 216, 216, side[1] // 216, 216).sum(axis=(1, 3))
        false_cells.append(
            blocks.ravel() * 100 * sensor.cover * settings.mass["marine_debris"].kg_m2 / settings.windrows.clump_kg
        )
    clumps = np.concatenate(false_cells)
    mean, variance = clumps.mean(), clumps.var()
    shape = mean**2 / max(variance - mean, 1e-9)
    print(f"{area:,.0f} km² looked at")
    print(f"{'':24s}{'measured':>10s}{'in use':>10s}")
    print(f"{'found':24s}{cover_found / cover_visible:10.2f}{sensor.found:10.2f}")
    print(f"{'visible_share':24s}{cover_visible / cover_all:10.2f}{sensor.visible_share:10.2f}")
    print(f"{'false_per_km2':24s}{mean / (216 * 216 * 1e-4):10.3f}{sensor.false_per_km2:10.3f}")
    print(f"{'false_shape':24s}{shape:10.2f}{sensor.false_shape:10.2f}")


if __name__ == "__main__":
    main()
