"""Hot spots: outlines of the densest water, with mass and doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oceanclean.density.observation import DensitySettings, load_settings
from oceanclean.products import names

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from oceanclean.region import Region

_COLUMNS = ("hotspot_id", "mass_kg", "mass_std_kg", "density_kg_km2", "densest_kg_km2", "area_km2",
            "observed_fraction", "observation_age_h")  # fmt: skip


def hot_spots(data: xr.Dataset, region: Region, settings: DensitySettings | None = None) -> gpd.GeoDataFrame:
    """Connected groups of the cells that hold most of the mass.

    Args:
        data: a ``DensityMap``.
        region: gives the grid and the background.
        settings: of the room; None: ``config/models/density.yaml``.

    Returns:
        One row a hot spot, the heaviest first: ``hotspot_id``, ``mass_kg``, ``mass_std_kg`` (cells of a hot spot
        taken as fully dependent, since they share their calibration), ``density_kg_km2``, ``densest_kg_km2``,
        ``area_km2``, ``observed_fraction``, ``observation_age_h`` (NaN without a look), outline in EPSG:4326.
    """
    import geopandas as gpd
    import pandas as pd
    from scipy.ndimage import label

    wanted = (settings or load_settings()).hot_spots
    mean, std, seen = (
        np.nan_to_num(data[n].to_numpy().astype(np.float64))
        for n in (names.DENSITY, names.DENSITY_STD, "observed_fraction")
    )
    age = data["observation_age"].to_numpy().astype(np.float64)
    area = region.grid.area_km2
    dense = mean >= max(_level(mean * area, mean, wanted.mass_share),
                        wanted.times_background * region.settings.background.mean_kg_km2)  # fmt: skip
    groups, count = label(dense & (mean > 0), structure=np.ones((3, 3)))
    rows, outlines = [], []
    for number in range(1, count + 1):
        cells = groups == number
        mass, km2 = float((mean * area)[cells].sum()), float(area[cells].sum())
        if mass < wanted.least_kg:
            continue
        ages = age[cells][np.isfinite(age[cells])]
        rows.append((mass, float((std * area)[cells].sum()), mass / km2, float(mean[cells].max()), km2,
                     float((seen * area)[cells].sum() / km2), float(ages.min()) if ages.size else np.nan))  # fmt: skip
        outlines.append(_outline(cells, region))
    order = np.argsort([-r[0] for r in rows], kind="stable")[: wanted.most]
    table = pd.DataFrame([(f"hs{k + 1:03d}", *rows[i]) for k, i in enumerate(order)], columns=list(_COLUMNS))
    table = table.astype(dict.fromkeys(_COLUMNS[1:], "float64"))
    return gpd.GeoDataFrame(table, geometry=[outlines[i] for i in order], crs="EPSG:4326")


def _level(mass: NDArray[np.float64], mean: NDArray[np.float64], share: float) -> float:
    """Density down to which the densest cells together hold a share of the mass."""
    order = np.argsort(-mean, axis=None)
    held = np.cumsum(mass.ravel()[order])
    if held[-1] <= 0:
        return np.inf
    return float(mean.ravel()[order[min(np.searchsorted(held, share * held[-1]), held.size - 1)]])


def _outline(cells: NDArray[np.bool_], region: Region) -> object:
    """Union of cells, on the grid's turn of longitude."""
    import shapely

    row, column = np.nonzero(cells)
    x, y = region.grid.lon_edges, region.grid.lat_edges
    return shapely.union_all(shapely.box(x[column], y[row], x[column + 1], y[row + 1]))
