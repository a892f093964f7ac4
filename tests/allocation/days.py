"""Small made-up days for the tests of the allocation room: a sea with a cape, drifting patches, a fleet."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from oceanclean.products import describe, names
from oceanclean.region import Region
from oceanclean.settings import RegionSettings

ISSUE = np.datetime64("2026-06-10T06:00:00")


class SeaWithCape(Region):
    """A region whose land is a peninsula that hangs from the northern edge down to 0.4° N."""

    @property
    def land(self) -> shapely.MultiPolygon:  # type: ignore[override]
        return shapely.MultiPolygon([shapely.box(0.95, 0.4, 1.05, 1.2)])


class OpenSea(Region):
    """A region without land."""

    @property
    def land(self) -> shapely.MultiPolygon:  # type: ignore[override]
        return shapely.MultiPolygon()


def region(kind: type[Region] = SeaWithCape, **changes: object) -> Region:
    values = {
        "name": "cape", "title": "A cape", "bbox": {"west": 0, "east": 2, "south": 0, "north": 1},
        "grid_step_deg": 0.02,
        "fleet": "none", "sources": "none",
        "ports": [{"name": "West", "lat": 0.7, "lon": 0.1, "unload_h": 1}, {"name": "East", "lat": 0.7, "lon": 1.9}],
        "background": {"mean_kg_km2": 0, "std_kg_km2": 0, "source": "none"}, **changes,
    }  # fmt: skip
    return kind(RegionSettings.model_validate(values))


def fleet(*rows: dict) -> gpd.GeoDataFrame:
    base = {
        "name": "", "home_port": "West", "transit_speed": 5.0, "collect_speed": 1.2, "endurance": 60.0, "hold": 5000.0,
        "hold_used": 0.0, "swath": 40.0, "efficiency": 0.8, "max_wave_height": 2.0, "max_wind": 15.0,
        "daylight_only": False, "available": True, "reason": "", "observed_at": pd.Timestamp(ISSUE, tz="UTC"),
    }  # fmt: skip
    table = pd.DataFrame([{**base, "vessel_id": f"v{k}", "lon": 0.1, "lat": 0.7, **row} for k, row in enumerate(rows)])
    points = gpd.points_from_xy(table["lon"], table["lat"])
    return gpd.GeoDataFrame(table.drop(columns=["lon", "lat"]), geometry=points, crs="EPSG:4326")


def tracks(
    patches: list[tuple[float, float, float]], *, drift: tuple[float, float] = (0.0, 0.0), members: int = 3,
    per: int = 12,
    hours: int = 48, spread: float = 300.0, disagreement: float = 0.0, seed: int = 0, stranded_at: int | None = None,
) -> xr.Dataset:  # fmt: skip
    """Debris tracks: ``patches`` are (lon, lat, kg); ``drift`` in m/s; ``spread`` in m; ``disagreement`` in m/s."""
    rng = np.random.default_rng(seed)
    time = np.arange(-2, hours + 1)
    lon = np.zeros((members, len(patches) * per, len(time)))
    lat, mass = np.zeros_like(lon), np.zeros(lon.shape[:2])
    for m in range(members):
        for k, (x, y, kg) in enumerate(patches):
            own = np.asarray(drift) + rng.normal(0, disagreement, 2) if disagreement else np.asarray(drift)
            at = slice(k * per, (k + 1) * per)
            off = rng.normal(0, spread, (per, 2)) / 111e3
            lon[m, at] = x + off[:, :1] + own[0] * time * 3600 / 111e3
            lat[m, at] = y + off[:, 1:] + own[1] * time * 3600 / 111e3
            mass[m, at] = kg / per
    status = np.zeros(lon.shape, np.int8)
    if stranded_at is not None:
        status[..., time >= stranded_at] = 1
    dims = ("member", "particle", "time")
    data = xr.Dataset(
        {"lon": (dims, lon), "lat": (dims, lat), "status": (dims, status), "mass": (dims[:2], mass)},
        coords={"time": (ISSUE + time.astype("timedelta64[h]")).astype("datetime64[ns]")},
        attrs={"issue_time": str(ISSUE), "map_time": str(ISSUE), "region": "cape", "seed": seed},
    )
    return describe("DebrisTracks", data)


def forcing(wave: object = 0.5, wind: float = 3.0, hours: int = 48) -> xr.Dataset:
    """Weather alike everywhere; ``wave`` may be a function of the hour."""
    hour = np.arange(0, hours + 1, 3)
    height = np.array([wave(h) if callable(wave) else wave for h in hour], float)
    shape = (len(hour), 3, 4)
    values = {
        names.EASTWARD_CURRENT: 0.0,
        names.NORTHWARD_CURRENT: 0.0,
        names.EASTWARD_WIND: wind,
        names.NORTHWARD_WIND: 0.0,
    }
    data = xr.Dataset(
        {k: (("time", "lat", "lon"), np.full(shape, v)) for k, v in values.items()},
        coords={"time": (ISSUE + hour.astype("timedelta64[h]")).astype("datetime64[ns]"),
                "lat": np.linspace(-0.2, 1.2, 3), "lon": np.linspace(-0.2, 2.2, 4)},
        attrs={"available_at": str(ISSUE), "source": "made up"},
    )  # fmt: skip
    data[names.WAVE_HEIGHT] = (("time", "lat", "lon"), np.broadcast_to(height[:, None, None], shape).copy())
    return describe("Forcing", data)
