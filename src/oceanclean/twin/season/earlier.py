"""Maps of earlier seasons: what an operator who has worked in a sea for years, or a published climatology, can tell.

Each earlier season is the same coast, rivers and settings with a seed of its own, so that it knows where debris comes
from and where it gathers, and nothing of the season that is planned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.store import write_aside
from oceanclean.twin.season.sea import make_sea

if TYPE_CHECKING:
    import xarray as xr

    from oceanclean.twin.season.scenario import Scenario
    from oceanclean.twin.season.sea import Sea

FOLDER = "earlier"
#: Seeds of earlier seasons are far from those that anybody asks for.
_FIRST_SEED = 900_000


def write_earlier(scenario: Scenario, folder: Path, config: Path | None = None) -> Path | None:
    """Write the archive of maps; one that stands is kept.

    Args:
        scenario: whose ``earlier`` says how many.
        folder: of the run; the archive is a folder in it.
        config: the project's configuration.

    Returns:
        The archive, or None where the scenario has no earlier seasons.
    """
    from oceanclean.products.files import save_grid

    own, archive = scenario.earlier, folder / FOLDER
    if own.years == 0:
        return None
    if archive.is_dir():
        return archive
    with write_aside(archive) as made:
        made.mkdir()
        for year in range(1, own.years + 1):
            sea = make_sea(scenario, _FIRST_SEED + year, own.days, None, config)
            for day in range(0, own.days, own.every_days):
                one = surveyed(sea, day, year)
                save_grid("DensityMap", one, made / f"{one.attrs['valid_time'][:10]}.nc")
    return archive


def surveyed(sea: Sea, day: int, years_ago: int) -> xr.Dataset:
    """``DensityMap`` of a complete survey on one day of a season, dated back by whole years (of 364 days)."""
    import xarray as xr

    from oceanclean.products import describe
    from oceanclean.products.names import DENSITY, DENSITY_STD

    grid, hour = sea.region.grid, sea.issues[day]
    water = ~sea.region.land_mask
    density = np.where(water, sea.kilograms(hour, sea.debris.mass_kg) / grid.area_km2, np.nan)
    when = f"{np.datetime_as_string(sea.ocean.time(hour) - np.timedelta64(364 * years_ago, 'D'), unit='s')}Z"
    cells = ("lat", "lon")
    data = xr.Dataset(
        {DENSITY: (cells, density), DENSITY_STD: (cells, np.where(water, 0.0, np.nan)),
         "observed_fraction": (cells, water.astype(float)), "observation_age": (cells, np.where(water, 0.0, np.nan)),
         "origin": (cells, np.where(water, 3, 0).astype("i1"))},
        coords={"lat": grid.lat, "lon": grid.lon},
        attrs={"valid_time": when, "issue_time": when, "region": sea.region.name},
    )  # fmt: skip
    return describe("DensityMap", data)
