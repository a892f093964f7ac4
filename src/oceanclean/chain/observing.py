"""The body of the map stage, and what it takes besides scenes: drift to one time, hauls, a climatology."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.chain.outcome import catch_files
from oceanclean.chain.previous import issued_before, used_before
from oceanclean.chain.run import DailyRun
from oceanclean.errors import InputError
from oceanclean.products import names
from oceanclean.products.files import load_grid, load_table, save_grid, write_parquet
from oceanclean.products.scene import Segmentation
from oceanclean.store import StageRecord

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr

    from oceanclean.density.climatology import Climatology
    from oceanclean.drift.settings import DriftSettings

Floats = NDArray[np.float64]


def carried_by(
    forcing: xr.Dataset, settings: DriftSettings, notes: list[str]
) -> Callable[[Floats, Floats, pd.Timestamp, pd.Timestamp], tuple[Floats, Floats]]:
    """Drift of points between two times, forward or back, by the currents and the mean windage of the day.

    Args:
        forcing: a Forcing.
        settings: windage classes and their shares.
        notes: a sentence is appended where the forcing does not hold the times.

    Returns:
        ``carry(lon, lat, from, to)`` with NaN where a point cannot be followed.
    """
    from oceanclean import drift

    push = settings.windage
    mean = sum(share * push.classes[name].mean for name, share in push.mixture.items())
    windage = max(mean - push.stokes_equivalent, 0.0) if names.EASTWARD_STOKES in forcing else mean

    def carry(lon: Floats, lat: Floats, start: pd.Timestamp, end: pd.Timestamp) -> tuple[Floats, Floats]:
        hours = (end - start).total_seconds() / 3600.0
        begin = start.tz_convert("UTC").tz_localize(None).to_datetime64()
        try:
            there = drift.advect(forcing, lon, lat, begin, hours, windage=windage, output_every_h=abs(hours))
        except InputError as error:
            notes.append(f"Observations of {start:%d %b %H:%M} UTC stay where they were seen: {error}")
            return np.full(lon.shape, np.nan), np.full(lat.shape, np.nan)
        return there["lon"].isel(time=-1).to_numpy(), there["lat"].isel(time=-1).to_numpy()

    return carry


def new_catches(run: DailyRun, used: frozenset[str], notes: list[str]) -> gpd.GeoDataFrame | None:
    """Hauls reported by the issue time that no earlier map has used; None where there are none.

    Reports that cannot be read are no reason to have no map: a sentence names file, column and line.
    """
    from oceanclean.sources.catches import read_catches

    files = catch_files(run)
    if not files:
        return None
    try:
        table, _said = read_catches(files, issue_time=run.issue_time, timezone=run.region.settings.timezone)
    except InputError as error:
        notes.append(f"Catch reports were not used for the map: {error}")
        return None
    table = table[~table["catch_id"].isin(used) & (table["ended_at"] >= run.before(run.region.settings.history_h))]
    return table.reset_index(drop=True) if len(table) else None


def climatology_file(run: DailyRun) -> Path | None:
    """The region's climatology, ``<work>/climatology/<region>.nc`` where it was built."""
    path = run.work / "climatology" / f"{run.region_name}.nc"
    return path if path.is_file() else None


def write_climatology(work: Path, region: str, maps: Iterable[Path]) -> Path:
    """Build a region's climatology from the looks of an archive of maps; the chain uses it from the next map on.

    Args:
        work: the work folder.
        region: its name.
        maps: files of ``DensityMap``, read one at a time.

    Raises:
        MissingDataError: no map.
        InputError: maps of different grids.
    """
    from oceanclean.density import build_climatology

    path = work / "climatology" / f"{region}.nc"
    build_climatology(load_grid("DensityMap", one) for one in maps).save(path)
    return path


def climatology_of(run: DailyRun, notes: list[str]) -> Climatology | None:
    """The region's climatology, or None; one that cannot be used is said."""
    from oceanclean.density.climatology import Climatology

    path = climatology_file(run)
    if path is None:
        return None
    try:
        loaded = Climatology.load(path)
    except InputError as error:
        notes.append(f"The climatology was not used: {error}")
        return None
    if loaded.data["debris_density"].shape[1:] != run.region.grid.shape:
        notes.append(f"The climatology {path.name} stands on another grid and was not used; build it again.")
        return None
    return loaded


def map_time(run: DailyRun, before: Path | None, segmentations: Sequence[Segmentation], sightings: Any) -> str:
    """Valid time of the density map: the youngest new look, not before the prior begins; without one the issue time."""
    looks = [s.scene.acquired for s in segmentations]
    if not looks and len(sightings):
        looks = [sightings["observed_at"].max().strftime("%Y-%m-%dT%H:%M:%SZ")]
    return max([*looks, issued_before(before)]) if looks else run.issue_time


def write_map(
    run: DailyRun, ingested: StageRecord, segmentations: Sequence[Segmentation], before: Path | None,
    files: tuple[Path | None, Path | None], folder: Path,
) -> Mapping[str, Any]:  # fmt: skip
    """Write the map, its pictures for GIS and its hot spots."""
    from oceanclean import density
    from oceanclean.drift.settings import load_settings as drift_settings

    notes: list[str] = []
    sightings = load_table("Detections", ingested.path("sightings.parquet"))
    used = used_before(before)
    catches = new_catches(run, used, notes)
    caught = set(catches["catch_id"]) if catches is not None else set()
    # only what today's sources still offer can be met again
    offered = {*ingested.facts["scenes"], *sightings["detection_id"]}
    sightings = sightings[~sightings["detection_id"].isin(used)]
    looks = ({s.scene.scene_id for s in segmentations} | {*sightings["detection_id"]} | used) & offered
    when = map_time(run, before, segmentations, sightings)
    prior, tracks = (
        load_grid(product, path) if path else None
        for product, path in zip(("DensityForecast", "DebrisTracks"), files, strict=True)
    )
    forcing = load_grid("Forcing", ingested.path("forcing.nc"))
    settings = density.load_settings(run.config)
    result = density.density_map(
        run.region, segmentations, sightings, prior, valid_time=when, issue_time=run.issue_time, settings=settings,
        tracks=tracks, catches=catches, carry=carried_by(forcing, drift_settings(run.config), notes),
        climatology=climatology_of(run, notes), seed=run.seed,
    )  # fmt: skip
    save_grid("DensityMap", result, folder / "density.nc")
    density.write_geotiff(result, folder / "density.tif")
    write_parquet(density.hot_spots(result, run.region, settings), folder / "hotspots.parquet")
    facts = density.summary(result, run.region)
    return {
        **facts,
        "degraded": list(dict.fromkeys([*facts["degraded"], *notes])),
        "map_time": when,
        "prior": before.name if before else "",
        "looks": sorted(looks | caught | {c for c in used if c.startswith("catch-")}),
    }
