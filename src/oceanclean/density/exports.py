"""The map in other forms: GeoTIFF (COG) and Zarr for GIS and archives, MAP-Mapper's index, time series by area."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from oceanclean.density.gridding import grid_targets, shares_of_cells
from oceanclean.errors import InputError
from oceanclean.products import names, validate_grid
from oceanclean.region import Grid, cell_area_km2

if TYPE_CHECKING:
    import geopandas as gpd

_BANDS = (names.DENSITY, names.DENSITY_STD, "observed_fraction", "observation_age", "origin")


def write_geotiff(data: xr.Dataset, path: Path) -> Path:
    """Write a map as Cloud Optimised GeoTIFF, north up, EPSG:4326, NaN for no data.

    Bands, each with its name and unit: density, its standard deviation, observed fraction, observation age, origin.

    Args:
        data: a ``DensityMap``.
        path: file, written whole or not at all.
    """
    import rasterio
    from rasterio.transform import from_origin

    from oceanclean.store import write_aside

    grid = grid_of(data)
    validate_grid("DensityMap", data, path.name)
    _west, _south, _east, north = grid.bounds
    stack = np.stack([data[name].to_numpy()[::-1].astype(np.float32) for name in _BANDS])
    with write_aside(path) as aside:
        profile = {
            "driver": "COG", "dtype": "float32", "count": len(_BANDS), "height": grid.ny, "width": grid.nx,
            "crs": "EPSG:4326", "transform": from_origin(grid.west, north, grid.step, grid.step), "nodata": np.nan,
            "compress": "DEFLATE", "predictor": 3,
        }  # fmt: skip
        with rasterio.open(aside, "w", **profile) as target:
            target.write(stack)
            target.update_tags(**{k: str(v) for k, v in data.attrs.items()})
            for band, name in enumerate(_BANDS, start=1):
                target.set_band_description(band, name)
                target.set_band_unit(band, str(data[name].attrs.get("units", "")))
    return path


def write_zarr(data: xr.Dataset, path: Path) -> Path:
    """Write a map as a Zarr store (format 3) with the same CF names and attributes as the NetCDF file."""
    from oceanclean.store import write_aside

    with write_aside(path) as aside:
        validate_grid("DensityMap", data, path.name).drop_encoding().to_zarr(
            aside, mode="w", zarr_format=3, consolidated=False
        )
    return path


def grid_of(data: xr.Dataset) -> Grid:
    """The regular grid that a map stands on.

    Raises:
        InputError: unequal steps, or one cell only.
    """
    lon, lat = (data[a].to_numpy().astype(float) for a in ("lon", "lat"))
    if lon.size < 2 or lat.size < 2:
        raise InputError("density map", "lat, lon", f"{lat.size} x {lon.size}", "at least 2 x 2 cells", "Map more sea.")
    step = float((lon[-1] - lon[0]) / (lon.size - 1))
    steps = np.concatenate([np.diff(lon), np.diff(lat)])
    if not np.allclose(steps, step, rtol=1e-3):
        raise InputError("density map", "lat, lon", f"steps {steps.min():g} to {steps.max():g}",
                         "one step in both directions", "Use a map of this package.")  # fmt: skip
    return Grid(float(lon[0]) - step / 2, float(lat[0]) - step / 2, step, lon.size, lat.size)


def map_mapper_index(
    detections: gpd.GeoDataFrame, grid: Grid, start: pd.Timestamp | str, end: pd.Timestamp | str
) -> xr.Dataset:
    """Marine Debris Map index of MAP-Mapper (Booth, Ma & Karakuş 2023, 10.1038/s41598-023-33612-2), for comparison.

    The index of a cell is the mean probability of its debris detections in a time frame times their number. It knows
    neither area looked at nor mass: a cell that nobody looked at has the index of an empty one.

    Args:
        detections: ``Detections``; other classes than marine debris do not count.
        grid: target.
        start: first moment of the frame, UTC.
        end: its end, exclusive.

    Returns:
        ``mdm_index``, ``detections`` and ``mean_probability`` (lat, lon); mean NaN without detections.
    """
    import shapely

    first, last = (pd.Timestamp(t) for t in (start, end))
    first, last = (t.tz_localize("UTC") if t.tzinfo is None else t for t in (first, last))
    kept = detections[
        (detections["class_name"] == "marine_debris") & (detections["observed_at"] >= first)
        & (detections["observed_at"] < last)
    ]  # fmt: skip
    count, total = np.zeros(grid.shape), np.zeros(grid.shape)
    if len(kept):
        points = kept.set_geometry(shapely.centroid(kept.geometry.to_numpy()), crs=kept.crs)
        amounts = np.column_stack([np.ones(len(kept)), kept["probability"].to_numpy(dtype=float)])
        (count, total), _ = grid_targets(points, amounts, grid)
    mean = np.divide(total, count, out=np.full(grid.shape, np.nan), where=count > 0)
    dims = ("lat", "lon")
    return xr.Dataset(
        {
            "mdm_index": (dims, total, {"units": "1", "long_name": "mean probability times number of detections"}),
            "detections": (dims, count.astype(np.int32), {"units": "1", "long_name": "debris detections"}),
            "mean_probability": (dims, mean, {"units": "1", "long_name": "mean probability of the detections"}),
        },
        coords={"lat": grid.lat, "lon": grid.lon},
        attrs={"start": first.isoformat(), "end": last.isoformat()},
    )


def time_series(maps: Iterable[xr.Dataset], areas: Mapping[str, object]) -> pd.DataFrame:
    """Mass in named areas, map by map; maps are read one at a time.

    Args:
        maps: ``DensityMap`` of any grids, in any order.
        areas: name to polygon (EPSG:4326).

    Returns:
        One row a map and area, by time: ``valid_time``, ``area``, ``mass_kg``, ``mass_std_kg`` (cells taken as fully
        dependent: an upper bound), ``mass_std_independent_kg`` (a lower one), ``area_km2`` of sea, ``observed_share``.
    """
    rows = []
    for one in maps:
        grid = grid_of(one)
        cell = np.repeat(cell_area_km2(grid.lat_edges, grid.step)[:, None], grid.nx, axis=1)
        fields = {n: np.nan_to_num(one[n].to_numpy().astype(float)) for n in (*_BANDS[:3],)}
        sea = one["origin"].to_numpy() > 0
        for name, polygon in areas.items():
            km2 = shares_of_cells(polygon, grid) * cell * sea
            mass_std = fields[names.DENSITY_STD] * km2
            rows.append((
                pd.Timestamp(one.attrs["valid_time"]), name, float((fields[names.DENSITY] * km2).sum()),
                float(mass_std.sum()), float(np.sqrt((mass_std**2).sum())), float(km2.sum()),
                float((fields["observed_fraction"] * km2).sum() / km2.sum()) if km2.sum() > 0 else np.nan,
            ))  # fmt: skip
    columns = ["valid_time", "area", "mass_kg", "mass_std_kg", "mass_std_independent_kg", "area_km2", "observed_share"]
    return pd.DataFrame(rows, columns=columns).sort_values(["valid_time", "area"], ignore_index=True)
