"""What floats where and when, and how the work meets the region's closed areas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.planning.runs import Run
from oceanclean.planning.season.tally import Season
from oceanclean.products.files import load_grid
from oceanclean.products.names import DENSITY, FLOATING
from oceanclean.region import metres_per_degree

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from oceanclean.settings import ZoneSettings

_SEASONS = ("Dec–Feb", "Mar–May", "Jun–Aug", "Sep–Nov")


def season_of(day: date) -> str:
    """Meteorological season."""
    return _SEASONS[day.month % 12 // 3]


def caught_classes(season: Season) -> pd.DataFrame:
    """Mass and hauls by what the crews called the debris, square and season; hauls that found nothing are left out."""
    found = season.hauls[season.hauls["caught_kg"] > 0]
    hauls = found.assign(
        debris=found["debris_class"].replace("", "not told"), season=[season_of(d) for d in found["day"]]
    )
    grouped = hauls.groupby(["season", "area", "debris"], sort=True).agg(
        hauls=("caught_kg", "size"), caught_kg=("caught_kg", "sum")
    )
    return grouped.sort_values("caught_kg", ascending=False).reset_index()


def seen_classes(runs: Sequence[Run]) -> pd.DataFrame:
    """Area that the satellites saw of each floating class by month, and what it is a share of."""
    import pandas as pd

    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        month = rows.setdefault(f"{run.day:%Y-%m}", {"month": f"{run.day:%Y-%m}", "scenes": 0, "observed_km2": 0.0,
                                                     **dict.fromkeys(FLOATING, 0.0)})  # fmt: skip
        for name, stage in run.stages.items():
            figures = stage["facts"].get("statistics") if name.startswith("detect-") else None
            if figures:
                month["scenes"] += 1
                month["observed_km2"] += figures.get("observed_km2", 0.0)
                for kind in FLOATING:
                    month[kind] += figures.get(f"{kind}_km2", 0.0)
    table = pd.DataFrame(rows.values(), columns=["month", "scenes", "observed_km2", *FLOATING])
    return table[table["scenes"] > 0].reset_index(drop=True)


def zones(season: Season) -> tuple[pd.DataFrame, list[str]]:
    """Closed areas: hauls inside while closed, and the share of the mapped debris that lies inside.

    Returns:
        One row a zone: ``zone``, ``reason``, ``hauls``, ``caught_kg`` inside, ``mapped_kg`` (mean over the season's
        maps), ``mapped_share`` of all mapped debris, ``maps``; and sentences on maps that could not be read.
    """
    import pandas as pd
    from shapely import contains_xy
    from shapely.geometry import Polygon

    maps, notes = _maps(season.runs)
    rows = []
    for zone in season.region.exclusion_zones:
        shape = Polygon(zone.polygon)
        hauls = season.hauls
        inside = np.array(
            [closed(zone, w) and contains_xy(shape, x, y)
             for w, x, y in zip(hauls["started_at"], hauls["lon"], hauls["lat"], strict=True)], dtype=bool,
        )  # fmt: skip
        masses = [_mass(grid, shape) for grid in maps]
        rows.append({
            "zone": zone.name, "reason": zone.reason, "hauls": int(inside.sum()),
            "caught_kg": float(hauls["caught_kg"].to_numpy()[inside].sum()),
            "mapped_kg": float(np.mean([m for m, _ in masses])) if masses else np.nan,
            "mapped_share": float(np.mean([m / t if t else 0.0 for m, t in masses])) if masses else np.nan,
            "maps": len(masses),
        })  # fmt: skip
    columns = ["zone", "reason", "hauls", "caught_kg", "mapped_kg", "mapped_share", "maps"]
    return pd.DataFrame(rows, columns=columns), notes


def closed(zone: ZoneSettings, when: Any) -> bool:
    """Whether the zone is closed at that time."""
    return (zone.starts is None or when >= zone.starts) and (zone.ends is None or when <= zone.ends)


def _maps(runs: Sequence[Run]) -> tuple[list[xr.Dataset], list[str]]:
    from oceanclean.errors import OceancleanError

    maps, notes = [], []
    for run in runs:
        path = run.folder / "map" / "density.nc"
        if not path.is_file():
            continue
        try:
            maps.append(load_grid("DensityMap", path)[[DENSITY]].load())
        except (OceancleanError, OSError, ValueError) as error:
            notes.append(f"The map of {run.issue_time} could not be read ({error}).")
    return maps, notes


def _mass(grid: xr.Dataset, shape: Any) -> tuple[float, float]:
    """Mapped mass in kg inside a shape (cells whose centre lies in it), and in all."""
    from shapely import contains_xy

    lat, lon = grid["lat"].to_numpy(), grid["lon"].to_numpy()
    east, north = metres_per_degree(lat)
    step_lon, step_lat = float(np.diff(lon).mean()), float(np.diff(lat).mean())
    area = np.abs(east * step_lon * north * step_lat)[:, None] / 1e6
    mass = np.nan_to_num(grid[DENSITY].to_numpy()) * area
    x, y = np.meshgrid(lon, lat)
    return float(mass[contains_xy(shape, x, y)].sum()), float(mass.sum())
