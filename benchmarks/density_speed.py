"""Time and memory of one day's map: ``python -m benchmarks.density_speed``.

300 × 300 cells, 50 members from a forecast's particles, 200 observations (sightings, boxes, hauls) and, with
``--scene``, a look at half of the region besides. Prints seconds of the map alone and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from oceanclean.density import density_map, load_settings
from oceanclean.density.looks import Look
from oceanclean.density.mapping import estimate
from oceanclean.density.prior import believed
from oceanclean.products import describe, names
from oceanclean.region import Region
from oceanclean.settings import RegionSettings

NOW, MEMBERS, PARTICLES, SIDE = pd.Timestamp("2026-06-15T06:00Z"), 50, 5000, 300


def region() -> Region:
    """Open sea of 300 × 300 cells."""
    return Region(RegionSettings.model_validate({
        "name": "open-sea", "title": "Open sea", "bbox": {"west": -150, "east": -144, "south": 27, "north": 33},
        "grid_step_deg": 0.02, "fleet": "none", "sources": "none", "ports": [{"name": "Buoy", "lat": 30, "lon": -148}],
        "background": {"mean_kg_km2": 2, "std_kg_km2": 6, "source": "assumed"},
    }))  # fmt: skip


def prior_of(sea: Region, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """A forecast and its particles."""
    times = pd.DatetimeIndex([NOW]).tz_localize(None).to_numpy().astype("datetime64[ns]")
    mean = rng.gamma(0.3, 20, (1, *sea.grid.shape)).astype(np.float32)
    dims = ("time", "lat", "lon")
    fields = describe("DensityForecast", xr.Dataset(
        {names.DENSITY: (dims, mean), names.DENSITY_STD: (dims, mean * 1.5)},
        {"time": times, "lat": sea.grid.lat, "lon": sea.grid.lon}))  # fmt: skip
    shape, own = (MEMBERS, PARTICLES, 1), ("member", "particle", "time")
    tracks = xr.Dataset({
        "lon": (own, rng.uniform(-150, -144, shape).astype(np.float32)),
        "lat": (own, rng.uniform(27, 33, shape).astype(np.float32)),
        "status": (own, np.zeros(shape, np.int8)), "mass": (own[:2], np.full(shape[:2], 50.0)),
    }, {"time": times})  # fmt: skip
    return fields, tracks


def reports_of(count: int, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Sightings and boxes."""
    table = pd.DataFrame({
        "detection_id": [f"d{k}" for k in range(count)], "source_id": "report",
        "sensor": rng.choice(["sighting", "planetscope", "aerial"], count), "class_name": "marine_debris",
        "probability": rng.random(count), "area_m2": rng.uniform(50, 5000, count), "cover": np.nan,
        "observed_at": NOW, "available_at": NOW, "model": "benchmark",
    })  # fmt: skip
    places = gpd.points_from_xy(rng.uniform(-150, -144, count), rng.uniform(27, 33, count))
    return gpd.GeoDataFrame(table, geometry=places, crs="EPSG:4326")


def hauls_of(count: int, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Catches."""
    start = [NOW - pd.Timedelta(hours=4)] * count
    table = pd.DataFrame({
        "catch_id": [f"catch-{k}" for k in range(count)], "vessel_id": [f"v{k % 7}" for k in range(count)],
        "task_id": "",
        "started_at": [s + pd.Timedelta(minutes=k) for k, s in enumerate(start)], "ended_at": NOW, "available_at": NOW,
        "caught_kg": rng.gamma(0.5, 200, count), "swept_m": 8000.0, "swath_m": 20.0,
    })  # fmt: skip
    places = gpd.points_from_xy(rng.uniform(-150, -144, count), rng.uniform(27, 33, count))
    return gpd.GeoDataFrame(table, geometry=places, crs="EPSG:4326")


def main() -> None:
    """Run once and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=int, default=200)
    parser.add_argument("--scene", action="store_true")
    given = parser.parse_args()
    rng, sea, settings = np.random.default_rng(0), region(), load_settings()
    fields, tracks = prior_of(sea, rng)
    hauls = given.observations // 5
    reports, catches = reports_of(given.observations - hauls, rng), hauls_of(hauls, rng)
    _ = sea.land_mask, sea.grid.area_km2
    started = time.perf_counter()
    if given.scene:
        before = believed(sea, fields, NOW, settings, [])
        seen = np.where(np.arange(SIDE) < SIDE // 2, sea.grid.area_km2, 0.0)
        look = Look(
            settings.sensors["sentinel2"], NOW, seen, rng.poisson(0.2, seen.shape) * 60.0 * (seen > 0), ("s",), 0.6
        )
        estimate(sea, before, before.members(sea, tracks, NOW, settings, 0), [look], None, NOW, settings)
    else:
        density_map(sea, [], reports, fields, valid_time=NOW, issue_time=NOW, settings=settings, tracks=tracks,
                    catches=catches)  # fmt: skip
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = "a look at half of it" if given.scene else f"{given.observations} observations"
    print(f"{SIDE} x {SIDE} cells, {MEMBERS} members, {what}: {seconds:.2f} s, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
