"""Rates of the Sentinel-2 observation model, measured on finished runs of a simulated sea.

``python -m benchmarks.density_rates --run RUN_FOLDER --truth TRUTH_FOLDER`` prints how much of the mass lies in pixels
that can be seen, how much of that is found, and how many false clumps stand in a square kilometre, beside the rates in
use; ``--run`` may be given more than once. ``--out config/models/rates/sentinel2.json`` writes them for the map,
with rates by cloud share where both its halves have at least three scenes. A changed segmenter changes them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from scipy.ndimage import binary_dilation

from oceanclean.density import load_settings
from oceanclean.density.looks import conditions_of
from oceanclean.products.names import NOT_OBSERVED, PROBABILITY_SCALE
from oceanclean.products.scene import Segmentation
from oceanclean.store import write_json

#: Side of a block in pixels: about a cell of the demo's grid.
BLOCK = 216


@dataclass
class Scene:
    """What one scene adds."""

    area_km2: float
    cover_all: float
    cover_visible: float
    cover_found: float
    false_clumps: np.ndarray
    cloud_share: float
    model_sha256: str
    threshold: float


def measure(folder: Path, truth: Path) -> Scene:
    """Compare a scene's raster with what truly stands in its pixels."""
    settings = load_settings()
    sensor, around = settings.sensors["sentinel2"], np.ones((3, 3), dtype=bool)
    record = json.loads((folder / "segmentation.json").read_text())
    with rasterio.open(folder / record["raster"]) as raster:
        probability = raster.read(1)
    with rasterio.open(truth / "scenes" / f"{record['scene']['scene_id']}.tif") as hidden:
        cover = hidden.read(2) / 250.0
    observed = probability != NOT_OBSERVED
    found = observed & (probability >= record["threshold"] * PROBABILITY_SCALE)
    visible = observed & (cover >= sensor.limit_cover)
    false = found & ~binary_dilation(cover > 0.03, around)
    rows, columns = (n // BLOCK for n in false.shape)
    blocks = false[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3)).ravel()
    kg = 100 * sensor.cover * settings.mass["marine_debris"].kg_m2
    return Scene(
        observed.sum() * 1e-4, cover[observed].sum(), cover[visible].sum(),
        cover[visible & binary_dilation(found, around)].sum(), blocks * kg / settings.windrows.clump_kg,
        conditions_of(Segmentation.from_json(record)).get("cloud_share", 0.0), record["model_sha256"],
        record["threshold"],
    )  # fmt: skip


def rates(scenes: list[Scene]) -> dict[str, float]:
    """Rates of scenes together."""
    total = {k: sum(getattr(s, k) for s in scenes) for k in ("area_km2", "cover_all", "cover_visible", "cover_found")}
    clumps = np.concatenate([s.false_clumps for s in scenes])
    mean, variance = clumps.mean(), clumps.var()
    return {
        "found": float(total["cover_found"] / total["cover_visible"]),
        "visible_share": float(total["cover_visible"] / total["cover_all"]),
        "false_per_km2": float(mean / (BLOCK * BLOCK * 1e-4)),
        "false_shape": float(mean**2 / max(variance - mean, 1e-9)), "area_km2": float(total["area_km2"]),
    }  # fmt: skip


def by_cloud(scenes: list[Scene]) -> list[dict[str, object]]:
    """Rates of the clearer and the cloudier half; none where a half is small."""
    middle = float(np.median([s.cloud_share for s in scenes]))
    halves = {
        middle: [s for s in scenes if s.cloud_share < middle],
        1.0: [s for s in scenes if s.cloud_share >= middle],
    }
    if min(len(h) for h in halves.values()) < 3:
        return []
    return [
        {"measure": "cloud_share", "below": limit, "scenes": len(half),
         **{k: rates(half)[k] for k in ("found", "false_per_km2")}}
        for limit, half in halves.items()
    ]  # fmt: skip


def main() -> None:
    """Measure all scenes of the runs together; print the rates beside those in use, and write them if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, action="append")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    scenes = [measure(f, given.truth) for run in given.run for f in sorted(run.glob("detect-*"))]
    measured, sensor = rates(scenes), load_settings().sensors["sentinel2"]
    conditions = by_cloud(scenes)
    print(f"{len(scenes)} scenes, {measured['area_km2']:,.0f} km² looked at")
    print(f"{'':24s}{'measured':>10s}{'in use':>10s}")
    for key in ("found", "visible_share", "false_per_km2", "false_shape"):
        print(f"{key:24s}{measured[key]:10.3f}{getattr(sensor, key):10.3f}")
    for row in conditions:
        print(
            "cloud below {below:.2f}: found {found:.3f}, false {false_per_km2:.3f} a km² ({scenes} scenes)".format(
                **row
            )
        )
    if given.out:
        write_json(given.out, {
            **measured, "conditions": conditions, "model_sha256": scenes[0].model_sha256, "scenes": len(scenes),
            "threshold": scenes[0].threshold,
            "protocol": f"{len(scenes)} simulated scenes of the demo sea, the shipped segmenter at its threshold",
        })  # fmt: skip


if __name__ == "__main__":
    main()
