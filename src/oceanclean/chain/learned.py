"""What catch reports teach about the fleet: the share of what passes the mouth that each vessel keeps.

Reports stand where :mod:`oceanclean.chain.outcome` says. Every haul is held against the youngest forecast that was
made before it, so that the plan of a past day learns only from what was known then.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.chain.outcome import catch_files
from oceanclean.chain.run import DailyRun
from oceanclean.errors import InputError
from oceanclean.products.files import load_grid, load_table, save_table
from oceanclean.products.names import DENSITY
from oceanclean.settings import load_model_settings
from oceanclean.store import StageRecord, read_json

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr
    from numpy.typing import NDArray

#: Hauls older than this, in days, say little about gear and crew of today.
MEMORY_DAYS = 60.0
FILE = "fleet_learned.parquet"


def learned_fleet(run: DailyRun, ingested: StageRecord) -> tuple[gpd.GeoDataFrame | None, list[str]]:
    """The fleet with efficiencies from reports, and a sentence for each vessel that has any.

    Args:
        run: the run; later reports are not seen.
        ingested: the stage that holds the fleet.

    Returns:
        The ``FleetState`` table, None where no report says anything; sentences for the plan.
    """
    from oceanclean.allocation.catches import learned_efficiency, met_density, with_learned
    from oceanclean.allocation.options import AllocationSettings
    from oceanclean.sources.catches import read_catches

    files = catch_files(run)
    if not files:
        return None, []
    try:
        hauls, _ = read_catches(files, issue_time=run.issue_time, timezone=run.region.settings.timezone)
    except InputError as error:
        return None, [f"Nothing was learned from catch reports: {error}"]
    since = run.before(24.0 * MEMORY_DAYS)
    hauls = hauls[(hauls["started_at"] >= since) & (hauls["started_at"] < run.moment)].reset_index(drop=True)
    fleet = load_table("FleetState", ingested.path("fleet.parquet"))
    if not len(hauls) or not len(fleet):
        return None, []
    settings = load_model_settings("allocation", AllocationSettings, run.config)
    met = met_density(hauls, fleet, forecast_density(run, hauls), settings.sea)
    # the promise counts the hours of a visit, in which the gear is out only along the windrows that a lookout finds
    table, notes = learned_efficiency(hauls.assign(swept_m=np.nan), fleet, met)
    whole = table[table["all_seas"] & (table["hauls"] > 0)].set_index("vessel_id")
    if whole.empty:
        return None, [f"Nothing was learned from {len(hauls)} catch reports: {' '.join(notes)}"]
    believed = fleet.set_index("vessel_id")
    said = [
        f"Efficiency of {believed['name'][v]}: {row.efficiency:.2f} learned from {row.hauls} hauls "
        f"(80 % range {row.p10:.2f} to {row.p90:.2f}), {believed['efficiency'][v]:.2f} in the fleet file."
        for v, row in zip(whole.index, whole.itertuples(), strict=True)
    ]
    return with_learned(fleet, table[table["vessel_id"].isin(whole.index)]), said


def forecast_density(run: DailyRun, hauls: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """(haul) kg km⁻² that the youngest forecast made before each haul gave for its place and time; NaN without one."""
    issued = _forecasts(run)
    density = np.full(len(hauls), np.nan)
    latest = {k: [t for t, _ in issued if t <= start] for k, start in enumerate(hauls["started_at"])}
    for moment, file in issued:
        mine = [k for k, before in latest.items() if before and before[-1] == moment]
        if mine:
            density[mine] = _at(load_grid("DensityForecast", file), hauls.iloc[mine])
    return density


def _forecasts(run: DailyRun) -> list[tuple[datetime, Path]]:
    """Issue time and file of every forecast of the region up to this run's, the oldest first."""
    found = []
    for ledger in run.folder.root.parent.glob("*/forecast/stage.json"):
        issued = str(read_json(ledger)["facts"].get("issue_time", ""))
        if issued and issued < run.issue_time and (ledger.parent / "forecast.nc").is_file():
            found.append((datetime.fromisoformat(issued), ledger.parent / "forecast.nc"))
    return sorted(found)


def _at(forecast: xr.Dataset, hauls: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Density of the nearest cell and hour at the middle of each haul; NaN outside the forecast."""
    import xarray as xr

    middle = hauls["started_at"] + (hauls["ended_at"] - hauls["started_at"]) / 2
    time = xr.DataArray(middle.dt.tz_convert(None).to_numpy().astype("datetime64[ns]"), dims="haul")
    lon, lat = (xr.DataArray(a.to_numpy(), dims="haul") for a in (hauls.geometry.x, hauls.geometry.y))
    nearest = forecast[DENSITY].sel(time=time, lon=lon, lat=lat, method="nearest")
    step = float(np.median(np.diff(forecast["lat"].to_numpy())))
    inside = (np.abs(nearest["lon"].to_numpy() - lon.to_numpy()) <= step) & (
        np.abs(nearest["lat"].to_numpy() - lat.to_numpy()) <= step
    )
    during = np.abs(nearest["time"].to_numpy() - time.to_numpy()) <= np.timedelta64(2, "h")
    return np.where(inside & during, nearest.to_numpy(), np.nan)


def fleet_file(run: DailyRun, ingested: StageRecord, folder: Path) -> Path:
    """File of the fleet that is planned with: written into the folder where reports taught something."""
    fleet, _ = learned_fleet(run, ingested)
    return ingested.path("fleet.parquet") if fleet is None else save_table("FleetState", fleet, folder / FILE)
