"""A plan of the demo region as the other rooms would hand it over: drifting patches, routes around land, orders.

Masses, speeds and times are consistent with each other; the sea itself is made up here and stands for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from oceanclean.decisions import Ban, Decisions, Hold, Pin
from oceanclean.products import Plan, VesselSummary, describe, names, validate_grid, validate_table
from oceanclean.region import Region, load_region, metres_per_degree
from oceanclean.settings import KNOT_M_S, load_fleet_settings

ISSUE = "2026-06-16T11:00:00Z"
HORIZON_H = 72
HOSTILE = (
    "<script>alert(1)</script> & \"quotes\" 'single' </script>\u2028",
    "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "W" * 250 + " very long " + "x" * 239,
    '🐢🌊 Tortuga \u0000\u0007 =HYPERLINK("x")',
    "{{ 7*7 }} $\\alpha$ %s",
)  # fmt: skip
#: Patches: lon, lat, mass in kg, radius in m, drift east and north in m/s.
PATCHES = [
    (-87.35, 16.18, 2600, 3200, 0.22, 0.08),
    (-87.02, 16.42, 1700, 2600, 0.18, -0.05),
    (-86.62, 16.55, 1250, 2300, 0.15, 0.05),
    (-87.72, 16.35, 900, 2000, 0.20, 0.10),
    (-86.35, 16.20, 640, 1800, 0.12, 0.02),
    (-87.55, 16.72, 520, 1900, 0.25, 0.06),
    (-86.95, 15.98, 380, 1500, 0.10, 0.03),
    (-86.25, 16.70, 310, 1500, 0.20, 0.12),
]


@dataclass
class Day:
    """Everything that publish() takes, by its argument's name."""

    plan: Plan
    region: Region
    fleet: gpd.GeoDataFrame
    density_map: xr.Dataset
    forecast: xr.Dataset
    forcing: xr.Dataset
    segmentations: list[Any]
    run: dict[str, Any]

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of publish(), without folder and settings."""
        return {k: v for k, v in self.__dict__.items() if k != "plan"}


def _hours(count: int) -> pd.DatetimeIndex:
    return pd.date_range(pd.Timestamp(ISSUE).tz_localize(None), periods=count, freq="1h")


def _spot(grid: Any, hour: float, patches: list[tuple]) -> np.ndarray:
    east, north = metres_per_degree(16.3)
    x, y = np.meshgrid(grid.lon, grid.lat)
    field = 1.2 + 0.8 * np.sin(6 * x) * np.cos(7 * y)
    for lon, lat, mass, radius, u, v in patches:
        spread = (radius * (1 + 0.025 * hour)) / 1.3
        dx = (x - lon - u * 3600 * hour / east) * east
        dy = (y - lat - v * 3600 * hour / north) * north
        turned = (0.8 * dx + 0.6 * dy) / (2.2 * spread), (-0.6 * dx + 0.8 * dy) / (0.6 * spread)
        field = field + mass / (2 * np.pi * 1.32 * (spread / 1000) ** 2) * np.exp(
            -(turned[0] ** 2 + turned[1] ** 2) / 2
        )
    return np.maximum(field, 0)


def density_products(region: Region, patches: list[tuple]) -> tuple[xr.Dataset, xr.Dataset]:
    """``DensityMap`` with a cloud in the west, and its ``DensityForecast`` every three hours."""
    grid, land = region.grid, region.land_mask
    x, y = np.meshgrid(grid.lon, grid.lat)
    now = np.where(land, np.nan, _spot(grid, 0, patches) if patches else 0.0)
    cloud = (x + 87.75) ** 2 / 0.09 + (y - 16.4) ** 2 / 0.12 < 1
    origin = np.where(land, 0, np.where(cloud, 2, np.where(y > 16.8, 1, 3))).astype(np.int8)
    age = np.where(origin == 3, 18.4, np.where(origin == 2, 42.4, np.nan))
    spread = now * np.where(cloud, 1.2, 0.5)
    density = xr.Dataset(
        {
            names.DENSITY: (("lat", "lon"), now), names.DENSITY_STD: (("lat", "lon"), spread),
            "observed_fraction": (("lat", "lon"), np.where(land, np.nan, (origin == 3) * 1.0)),
            "observation_age": (("lat", "lon"), age), "origin": (("lat", "lon"), origin),
        },
        coords={"lat": grid.lat, "lon": grid.lon},
        attrs={"valid_time": ISSUE, "issue_time": ISSUE, "region": region.name},
    )  # fmt: skip
    hours = np.arange(0, HORIZON_H + 1, 3)
    mean = np.stack([np.where(land, np.nan, _spot(grid, h, patches) if patches else 0.0) for h in hours])
    forecast = xr.Dataset(
        {
            names.DENSITY: (("time", "lat", "lon"), mean),
            names.DENSITY_STD: (("time", "lat", "lon"), mean * (0.5 + hours[:, None, None] / 100)),
            "debris_density_quantile": (("quantile", "time", "lat", "lon"), np.stack([0.4 * mean, mean, 1.8 * mean])),
        },
        coords={"quantile": [0.1, 0.5, 0.9], "time": _hours(HORIZON_H + 1)[::3], "lat": grid.lat, "lon": grid.lon},
        attrs={"issue_time": ISSUE, "map_time": ISSUE, "region": region.name, "members": 20, "seed": 1},
    )
    density, forecast = describe("DensityMap", density), describe("DensityForecast", forecast)
    return validate_grid("DensityMap", density, "factory"), validate_grid("DensityForecast", forecast, "factory")


def forcing_of(region: Region) -> xr.Dataset:
    """Hourly ``Forcing`` with a trade wind that freshens in the afternoon."""
    lon, lat, time = region.grid.lon[::4], region.grid.lat[::4], _hours(HORIZON_H + 1)
    shape = (len(time), len(lat), len(lon))
    swell = 0.7 + 0.35 * np.sin(np.arange(len(time)) * 2 * np.pi / 24 - 1)[:, None, None] + 0.5 * (lat - 15.7)[:, None]
    fields = {
        names.EASTWARD_CURRENT: np.full(shape, 0.2), names.NORTHWARD_CURRENT: np.full(shape, 0.05),
        names.EASTWARD_WIND: np.full(shape, -5.5), names.NORTHWARD_WIND: np.full(shape, 1.0),
        names.WAVE_HEIGHT: np.broadcast_to(swell, shape).copy(),
    }  # fmt: skip
    data = xr.Dataset(
        {k: (("time", "lat", "lon"), v) for k, v in fields.items()}, coords={"time": time, "lat": lat, "lon": lon},
        attrs={"available_at": "2026-06-16T09:30:00Z", "source": "simulated sea"},
    )  # fmt: skip
    return validate_grid("Forcing", describe("Forcing", data), "factory")


def fleet_of(region: Region, hostile: bool = False) -> gpd.GeoDataFrame:
    """``FleetState`` of the demo fleet in its home ports."""
    vessels = load_fleet_settings("demo").vessels
    ports = dict(zip(region.ports["name"], region.ports.geometry, strict=True))
    rows = [
        {
            "vessel_id": v.id, "name": HOSTILE[i % len(HOSTILE)] if hostile else v.name, "home_port": v.home_port,
            "transit_speed": v.transit_speed_kn * KNOT_M_S, "collect_speed": v.collect_speed_kn * KNOT_M_S,
            "endurance": v.endurance_h, "hold": v.hold_kg, "hold_used": v.hold_used_kg, "swath": v.swath_m,
            "efficiency": v.efficiency, "max_wave_height": v.max_wave_height_m, "max_wind": v.max_wind_kn * KNOT_M_S,
            "daylight_only": v.daylight_only, "available": v.available,
            "reason": (HOSTILE[0] if hostile else v.reason) if not v.available else "",
            "observed_at": pd.Timestamp(ISSUE),
        }
        for i, v in enumerate(vessels)
    ]  # fmt: skip
    table = gpd.GeoDataFrame(rows, geometry=[ports[v.home_port] for v in vessels], crs="EPSG:4326")
    return validate_table("FleetState", table, "factory")


def _way(region: Region, start: tuple[float, float], end: tuple[float, float]) -> tuple[shapely.LineString, float]:
    """Way around land (lon, lat) and its length in metres; the cells of both ends count as water."""
    from pyproj import Geod
    from skimage.graph import route_through_array

    grid = region.routing_grid
    cost = np.where(region.routing_land_mask, 1e4, 1.0)
    rows, columns, _inside = grid.index(np.array([start[0], end[0]]), np.array([start[1], end[1]]))
    path, _cost = route_through_array(cost, (rows[0], columns[0]), (rows[1], columns[1]), geometric=True)
    inner = [(grid.lon[c], grid.lat[r]) for r, c in path[1:-1]]
    line = shapely.LineString([start, *inner, end]).simplify(0.012)
    return line, Geod(ellps="WGS84").geometry_length(line)


def _drifted(patch: tuple, hours: float) -> tuple[float, float]:
    east, north = metres_per_degree(patch[1])
    return patch[0] + patch[4] * 3600 * hours / float(east), patch[1] + patch[5] * 3600 * hours / float(north)


class Voyage:
    """Writes one vessel's orders and legs as it sails."""

    def __init__(self, region: Region, vessel: pd.Series, start_h: float, patches: list[tuple] = PATCHES) -> None:
        self.patches = patches
        self.region, self.vessel, self.hour, self.hold = region, vessel, start_h, float(vessel["hold_used"])
        self.start_h, self.place = start_h, (vessel.geometry.x, vessel.geometry.y)
        self.orders: list[dict[str, Any]] = []
        self.legs: list[dict[str, Any]] = []
        self.order("depart", "", self.place, 0.0, 0.0, None, 0.0, "Leaves at first light.")

    def order(self, action, task_id, place, metres, stay_h, chance, kg, reason, drift=(0.0, 0.0)) -> None:
        vessel, course = self.vessel, None
        if self.orders:
            from pyproj import Geod

            course = Geod(ellps="WGS84").inv(*self.place, *place)[0] % 360
            self.hour += metres / vessel["transit_speed"] / 3600
        arrive = pd.Timestamp(ISSUE) + pd.Timedelta(hours=self.hour)
        self.hour += stay_h
        self.hold = 0.0 if action == "unload" else self.hold + kg
        at_sea = action == "collect"
        end = _drifted((*place, 0, 0, *drift), stay_h)
        self.orders.append({
            "vessel_id": vessel["vessel_id"], "sequence": len(self.orders), "action": action, "task_id": task_id,
            "arrive": arrive, "leave": pd.Timestamp(ISSUE) + pd.Timedelta(hours=self.hour),
            "window_start": arrive - pd.Timedelta(hours=1.5) if at_sea else pd.NaT,
            "window_end": arrive + pd.Timedelta(hours=2.25) if at_sea else pd.NaT,
            "end_lat": end[1], "end_lon": end[0], "distance_m": metres,
            "course_deg": np.nan if course is None else course, "expected_kg": kg,
            "expected_p10_kg": 0.45 * kg, "expected_p90_kg": 1.5 * kg,
            "found_probability": np.nan if chance is None else chance, "hold_kg": self.hold,
            "endurance_left_h": vessel["endurance"] - (self.hour - self.start_h),
            "wave_height_m": 0.9 + 0.02 * self.hour if at_sea else np.nan,
            "wind_m_s": 5.6 if at_sea else np.nan, "reason": reason, "geometry": shapely.Point(*place),
        })  # fmt: skip
        self.place = end

    def sail(self, action: str, place: tuple[float, float], **order: Any) -> None:
        line, metres = _way(self.region, self.place, place)
        self.legs.append({"vessel_id": self.vessel["vessel_id"], "sequence": len(self.orders), "geometry": line})
        self.order(action, order.pop("task_id", ""), place, metres, **order)

    def collect(self, index: int, stay_h: float, chance: float, kg: float) -> None:
        patch, hours = self.patches[index], self.hour
        for _ in range(4):  # where the patch is when the vessel gets there
            place = _drifted(patch, hours)
            _line, metres = _way(self.region, self.place, place)
            hours = self.hour + metres / self.vessel["transit_speed"] / 3600
        self.sail(
            "collect",
            place,
            task_id=f"P{index + 1:02d}",
            stay_h=stay_h,
            chance=chance,
            kg=kg,
            drift=patch[4:],
            reason=f"{kg:.0f} kg for {metres / 1852:.0f} nm of transit: the most for each hour left.",
        )


def _voyages(region: Region, fleet: gpd.GeoDataFrame) -> dict[str, Voyage]:
    rows = {r["vessel_id"]: r for _, r in fleet.iterrows()}
    voyages = {k: Voyage(region, rows[k], h) for k, h in (("manati", 0.5), ("pelicano", 1.0), ("garza", 1.0))}
    voyages["manati"].collect(0, 9.5, 0.92, 2140.0)
    voyages["manati"].collect(3, 4.0, 0.61, 480.0)
    voyages["pelicano"].collect(2, 7.5, 0.85, 905.0)
    voyages["pelicano"].collect(1, 5.0, 0.78, 760.0)
    voyages["garza"].collect(6, 4.0, 0.88, 260.0)
    for voyage in voyages.values():
        home = voyage.vessel.geometry
        voyage.sail("return", (home.x, home.y), stay_h=0.0, chance=None, kg=0.0, reason="Home port.")
        voyage.order("unload", "", (home.x, home.y), 0.0, 2.0, None, 0.0, "Unloads and is ready for tomorrow.")
    return voyages


_WHY_NOT = {
    "P05": "Lower value than the tasks chosen: taking it costs 210 kg elsewhere.",
    "P06": "Out of range: the nearest free vessel would need 41.0 h of its 36 h of endurance.",
    "P08": "Too uncertain: 31 % of the ensemble has it within reach on arrival.",
}
_LEFT_FOR = {"P05": "worth", "P06": "reach", "P08": "doubt"}
_STAYS = {
    "tortuga": "Waves of 1.4 m at every reachable patch exceed its limit of 1.2 m until Wednesday noon.",
    "barracuda": "Not available: engine overhaul until 20 June.",
}


def _summary(vessel_id: str, voyage: Voyage | None, reason: str) -> VesselSummary:
    if voyage is None:
        return VesselSummary(vessel_id, "stays", reason, 0.0, 0.0, 0.0, 0.0, 0.0)
    kg = sum(o["expected_kg"] for o in voyage.orders)
    metres = sum(o["distance_m"] for o in voyage.orders)
    hours = voyage.orders[-2]["arrive"] - voyage.orders[0]["leave"]
    return VesselSummary(vessel_id, "sent", "", kg, 0.5 * kg, 1.45 * kg, metres, hours.total_seconds() / 3600,
                         ["daylight"])  # fmt: skip


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> gpd.GeoDataFrame:
    if rows:
        return gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")
    empty = gpd.GeoDataFrame({c: [] for c in columns}, geometry=gpd.GeoSeries([], crs="EPSG:4326"))
    for name in {"arrive", "leave", "window_start", "window_end", "time"} & set(columns):
        empty[name] = pd.to_datetime(empty[name], utc=True)
    return empty


def make_plan(
    region: Region, fleet: gpd.GeoDataFrame, *, sail: bool = True, patches: list[tuple] = PATCHES,
    voyages: dict[str, Voyage] | None = None,
) -> Plan:  # fmt: skip
    """A plan of the fleet for the patches; ``sail=False`` keeps every vessel in port."""
    if voyages is None:
        voyages = _voyages(region, fleet) if sail and len(fleet) and patches else {}
    served = {o["task_id"]: k for k, v in voyages.items() for o in v.orders if o["task_id"]}
    tasks, tracks = [], []
    for i, patch in enumerate(patches):
        name = f"P{i + 1:02d}"
        tasks.append({
            "task_id": name, "mass_kg": float(patch[2]), "mass_p10_kg": 0.5 * patch[2], "mass_p90_kg": 1.7 * patch[2],
            "radius_m": float(patch[3]), "density_kg_km2": patch[2] / (np.pi * (patch[3] / 1000) ** 2),
            "served_by": served.get(name, ""), "left_for": "" if name in served else _LEFT_FOR.get(name, "barred"),
            "geometry": shapely.Point(patch[0], patch[1]),
            "reason": "" if name in served else _WHY_NOT.get(name, "No vessel can sail today."),
        })  # fmt: skip
        for hour in range(0, HORIZON_H + 1, 3):
            when = pd.Timestamp(ISSUE) + pd.Timedelta(hours=hour)
            tracks.append({"task_id": name, "time": when, "geometry": shapely.Point(*_drifted(patch, hour))})
    orders = [o for v in voyages.values() for o in v.orders]
    legs = [leg for v in voyages.values() for leg in v.legs]
    expected = sum(o["expected_kg"] for o in orders)
    default = "No patch holds enough debris to sail for."
    summaries = [_summary(k, voyages.get(k), _STAYS.get(k, default)) for k in fleet.get("vessel_id", [])]
    from oceanclean.products import TABLES

    return Plan(
        orders=validate_table("Orders", _frame(orders, list(TABLES["Orders"].columns)), "factory"),
        tasks=validate_table("Tasks", _frame(tasks, list(TABLES["Tasks"].columns)), "factory"),
        routes=_frame(legs, ["vessel_id", "sequence"]), task_tracks=_frame(tracks, ["task_id", "time"]),
        vessels=summaries, issue_time=ISSUE, horizon_h=float(HORIZON_H), expected_kg=expected, p10_kg=0.58 * expected,
        p90_kg=1.36 * expected, bound_kg=expected * 1.034, gap=1 - 1 / 1.034 if expected else 0.0,
        solver={"name": "ortools", "version": "9.14.6206", "columns": 812, "seed": 7, "seconds": 6.1},
        task_mass_share=0.71 if patches else 0.0, degraded=["Wave forecast is 14 h old."],
        nearest_kg=0.8 * expected,
    )  # fmt: skip


def decided_of(hostile: bool) -> dict[str, Any]:
    """Three decisions and their prices, as the chain hands them over; the second is not kept to by the plan."""
    reason = HOSTILE[0] if hostile else "seen from the air this morning"
    made = Decisions(
        by=HOSTILE[3][:100] if hostile else "A. Planner",
        pins=[Pin(vessel="manati", task="P01", first=True, reason=reason)],
        bans=[Ban(vessel="manati", task="P04", reason=HOSTILE[1] if hostile else "")],
        holds=[Hold(vessel="tortuga", reason=HOSTILE[2][:300] if hostile else "no crew")],
    )
    prices = (12.0, 0.0, None)
    return {
        "by": made.by, "free_kg": 4620.0, "record": made.model_dump(mode="json"),
        "entries": [
            {"kind": e.kind, "text": e.text, "reason": e.reason, "cost_kg": price}
            for e, price in zip(made.entries(), prices, strict=True)
        ],
    }  # fmt: skip


def make_day(*, hostile: bool = False, sail: bool = True, vessels: bool = True, debris: bool = True) -> Day:
    """One whole day's products."""
    region = load_region("demo")
    fleet = fleet_of(region, hostile)
    fleet = fleet if vessels else fleet.iloc[:0]
    patches = PATCHES if debris else []
    density, forecast = density_products(region, patches)
    plan = make_plan(region, fleet, sail=sail, patches=patches)
    run = {
        "run_id": "demo/2026-06-16T1100Z", "issue_time": ISSUE, "generated_at": "2026-06-16T11:04:10Z",
        "software": "oceanclean 0.1.0",
        "models": [
            {"stage": "drift", "name": "RK4 ensemble with learned residual", "version": "0.1", "note": "20 members"},
            {"stage": "density", "name": "optimal interpolation", "version": "0.1", "note": ""},
        ],
        "sources": [
            {"name": "Currents", "cut_off": "2026-06-16T06:00:00Z", "available_at": "2026-06-16T09:30:00Z"},
            {"name": "Waves", "cut_off": "2026-06-15T21:00:00Z", "available_at": "2026-06-16T01:00:00Z"},
            {"name": "Vessel positions", "cut_off": ISSUE, "available_at": ISSUE},
        ],
        "degraded": ["A third of the sea was under cloud; there the map is yesterday's forecast."],
        "lineage": {"settings": "3f2c9a", "seed": 7, "scene sha256": "a" * 64},
    }  # fmt: skip
    if sail and vessels and debris:
        run["decided"] = decided_of(hostile)
        run["outcomes"] = [
            {"vessel_id": "manati", "name": HOSTILE[1] if hostile else "Manati", "expected_kg": 900.0,
             "caught_kg": 720.0, "hauls": 2},
            {"vessel_id": "garza", "name": "Garza", "expected_kg": 300.0, "caught_kg": None, "hauls": 0},
        ]  # fmt: skip
        run["what_if"] = [
            {"kind": "fewer", "text": f"{HOSTILE[4] if hostile else 'Manati'} cannot sail", "expected_kg": 2300.0,
             "change_kg": -2245.0, "vessels_sent": 3},
            {"kind": "faster", "text": "Every vessel 1 kn faster in transit", "expected_kg": 4700.0,
             "change_kg": 155.0, "vessels_sent": 3},
        ]  # fmt: skip
    if hostile:
        run["degraded"].append(HOSTILE[0])
        run.update(status="APPROVED", approved_by=HOSTILE[0], approved_at="2026-06-16T11:20:00Z",
                   approval_note=HOSTILE[1])  # fmt: skip
    return Day(plan, region, fleet, density, forecast, forcing_of(region), [], run)
