"""The day's problem: patches, vessels, weather and daylight put into the arrays of the search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.allocation.conditions import Weather, open_spans, solar_elevation
from oceanclean.allocation.crews import Crew, vessel_rows
from oceanclean.allocation.encounter import area_rates
from oceanclean.allocation.ports import Harbours
from oceanclean.allocation.problem import Flow, Problem, T, V, make_problem
from oceanclean.allocation.tasks import Patches, Shares, cut_shares

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from oceanclean.allocation.options import AllocationSettings
    from oceanclean.allocation.sea_routing import SeaRouter


#: Cells of the raster of currents and waves along the longer side of the waters.
FLOW_CELLS = 32


class Shut(IntEnum):
    """Why a vessel cannot work on a patch at a time."""

    OPEN = 0
    WAVES = 1
    WIND = 2
    NIGHT = 3
    CLOSED_AREA = 4
    GONE = 5


@dataclass(frozen=True)
class Day:
    """The problem of a day and what it was made from.

    Attributes:
        problem: arrays for the search, vessels in the order of ``crews``, tasks in that of ``shares``.
        crews: vessels that can be sent.
        patches, shares: what there is to collect.
        harbours: ports.
        router: paths at sea.
        weather: waves and wind.
        issue: issue time.
        horizon_s: seconds planned.
        slot_s: seconds between the columns of ``shut``.
        shut: (vessel, patch, slot) :class:`Shut`.
        waves, wind: (patch, slot) at the patch's mean position, NaN where unknown.
        zone: (patch, slot) index of the closed area that the patch is in, −1 outside all.
        light: (patch, slot) True by day.
        afloat: (patch, slot) True while enough of the patch floats.
    """

    problem: Problem
    crews: list[Crew]
    patches: Patches
    shares: Shares
    harbours: Harbours
    router: SeaRouter
    weather: Weather
    issue: np.datetime64
    horizon_s: float
    slot_s: float
    shut: NDArray[np.uint8]
    waves: NDArray[np.float64]
    wind: NDArray[np.float64]
    zone: NDArray[np.int64]
    light: NDArray[np.bool_]
    afloat: NDArray[np.bool_]

    def lonlat(self, x: float, y: float) -> tuple[float, float]:
        """Degrees of a point on the plane."""
        lon, lat = self.router.plane.to_lonlat(x, y)
        return float(lon), float(lat)


def build_day(
    patches: Patches, crews: list[Crew], harbours: Harbours, router: SeaRouter, weather: Weather,
    exclusions: gpd.GeoDataFrame, issue: np.datetime64, horizon_s: float, settings: AllocationSettings,
    harm: gpd.GeoDataFrame | None = None,
) -> Day:  # fmt: skip
    """Put the day's problem together.

    Args:
        patches: what there is to collect.
        crews: vessels that can be sent, at least one.
        harbours: ports.
        router: paths at sea.
        weather: waves and wind.
        exclusions: closed areas.
        issue: issue time.
        horizon_s: seconds planned.
        settings: of the room.
        harm: areas where a kilogram counts more; None where it counts the same everywhere.
    """
    slot_s = settings.sea.slot_min * 60.0
    slots = np.arange(0.0, horizon_s + 1.0, slot_s)
    rate = _area_rates(crews, patches, router, issue, slots, settings)
    efficiency = np.array([c.row["efficiency"] for c in crews], float)
    area = float(np.quantile(rate, 0.75)) * settings.tasks.share_h * 3600.0
    shares = cut_shares(patches, area, float(efficiency.max()), settings.tasks)
    x, y = (_at_slots(a, patches.step, slots) for a in (patches.x, patches.y))
    lon, lat = router.plane.to_lonlat(x, y)
    waves, wind = (weather.at(a, slots, lon, lat) for a in (weather.waves, weather.wind))
    zone = _zones(exclusions, lon, lat, issue, slots)
    day = solar_elevation(issue + (slots * 1000).astype("timedelta64[ms]"), lon, lat) > settings.sea.twilight_deg
    afloat = _at_slots(patches.afloat, patches.step, slots) >= settings.tasks.least_afloat
    shut = np.stack([why_shut(c.row, waves, wind, day, zone >= 0, afloat) for c in crews])
    visit = np.minimum(area / rate, settings.tasks.max_visit_h * 3600.0)
    taken = efficiency * np.minimum(1.0, visit * rate / area)
    rough = _rough(crews, weather, router, horizon_s, settings.sea.transit_wave_factor)
    vessel, harbour = vessel_rows(crews, harbours, horizon_s, settings.sea, np.asarray(rough.any(axis=(1, 2))))
    vessel[:, V.METRE_COST] = settings.value_of_litre_kg * vessel[:, V.USE_TRANSIT] / vessel[:, V.SPEED]
    vessel[:, V.WORK_COST] = settings.value_of_litre_kg * vessel[:, V.USE_COLLECT]
    track = np.zeros((len(shares.patch), patches.x.shape[1], len(T)))
    track[..., T.X], track[..., T.Y] = patches.x[shares.patch], patches.y[shares.patch]
    track[..., T.LOAD] = patches.kg.mean(axis=0)[shares.patch] * shares.part
    track[..., T.GAIN] = _valued(patches.kg, settings)[shares.patch] * shares.part
    if harm is not None and len(harm):
        track[..., T.GAIN] *= _weights(harm, patches, router, issue)[shares.patch]
    problem = make_problem(
        vessel, start_windows(shut, shares, visit, taken, slot_s), track, harbour, step=patches.step,
        cost=settings.value_of_metre_kg, sea=router.table(), shut=rough, shut_step=3600.0, gate=harbours.gate,
        flow=flow_of(weather, router, horizon_s) if settings.sea.currents else None,
    )  # fmt: skip
    return Day(problem, crews, patches, shares, harbours, router, weather, issue, horizon_s, slot_s, shut, waves, wind,
               zone, day, afloat)  # fmt: skip


def _area_rates(
    crews: list[Crew],
    patches: Patches,
    router: SeaRouter,
    issue: np.datetime64,
    slots: NDArray,
    settings: AllocationSettings,
) -> NDArray[np.float64]:
    """(vessel) m²/s; the density is that of the patches at the issue time, weighted by their mass."""
    swath, collect, transit = (
        np.array([c.row[k] for c in crews], float) for k in ("swath", "collect_speed", "transit_speed")
    )
    kg = patches.kg.mean(axis=0)[:, 0]
    density = float((kg**2 / patches.spread_m2[:, 0]).sum() / max(kg.sum(), 1e-9)) * 1e6
    lon, lat = router.plane.to_lonlat(patches.x[:, :1], patches.y[:, :1])
    light = solar_elevation(issue + (slots * 1000).astype("timedelta64[ms]"), lon, lat) > settings.sea.twilight_deg
    night = np.array([not c.row["daylight_only"] for c in crews])
    drone = np.array([bool(c.row["drone"]) for c in crews])
    daylight = float(light.mean()) if light.size else 1.0
    return area_rates(swath, collect, transit, night, density, daylight, settings.sea, drone)


def flow_of(weather: Weather, router: SeaRouter, horizon_s: float) -> Flow | None:
    """Currents and waves by the hour on a coarse raster over the waters; None where no current is known."""
    if weather.east is None or weather.north is None:
        return None
    rows, columns = router.land.shape
    width, height = columns * router.cell, rows * router.cell
    cell = max(width, height) / FLOW_CELLS
    x = router.x0 + (np.arange(int(np.ceil(width / cell))) + 0.5) * cell
    y = router.y0 + (np.arange(int(np.ceil(height / cell))) + 0.5) * cell
    lon, lat = router.plane.to_lonlat(*(a.ravel() for a in np.meshgrid(x, y)))
    hours = np.arange(0.0, horizon_s + 1.0, 3600.0)
    fields = [weather.at(f, hours[:, None], lon[None], lat[None]) for f in (weather.east, weather.north, weather.waves)]
    values = np.stack([np.nan_to_num(f).reshape(len(hours), len(y), len(x)) for f in fields], axis=-1)
    return Flow(values.astype(np.float32), float(x[0]), float(y[0]), cell, 3600.0)


def _weights(harm: gpd.GeoDataFrame, patches: Patches, router: SeaRouter, issue: np.datetime64) -> NDArray[np.float64]:
    """(patch, time) value of a kilogram at the patch's place: the largest of the areas that hold it, else 1."""
    times = np.arange(patches.x.shape[1]) * patches.step
    lon, lat = router.plane.to_lonlat(patches.x, patches.y)
    weight = np.full(lon.shape, np.nan)
    for k in range(len(harm)):
        held = _zones(harm.iloc[k : k + 1], lon, lat, issue, times) >= 0
        weight[held] = np.fmax(weight[held], float(harm["weight"].iloc[k]))
    return np.where(np.isnan(weight), 1.0, weight)


def _valued(kg: NDArray, settings: AllocationSettings) -> NDArray[np.float64]:
    """(patch, time) mean over members, moved towards the bad cases by the aversion to risk.

    With CVaR the search only looks for routes to choose from: half of the aversion is told to it, since what a patch
    brings in its own worst members is less than its part in the fleet's.
    """
    mean, aversion = kg.mean(axis=0), settings.risk_aversion
    if aversion == 0:
        return mean
    if settings.risk_measure == "quantile":
        return (1 - aversion) * mean + aversion * np.quantile(kg, 0.2, axis=0)
    worst = np.sort(kg, axis=0)[: max(1, round(settings.cvar_share * len(kg)))]
    return (1 - 0.5 * aversion) * mean + 0.5 * aversion * worst.mean(axis=0)


def _at_slots(values: NDArray, step: float, slots: NDArray) -> NDArray[np.float64]:
    """(patch, slot) linear interpolation of (patch, time)."""
    last = values.shape[1] - 1
    f = np.clip(slots / step, 0, last)
    low = np.minimum(f.astype(int), max(last - 1, 0))
    w = f - low
    return values[:, low] * (1 - w) + values[:, np.minimum(low + 1, last)] * w


def _zones(exclusions: gpd.GeoDataFrame, lon: NDArray, lat: NDArray, issue: np.datetime64, slots: NDArray) -> NDArray:
    """(patch, slot) closed area that holds the patch then, −1 if none."""
    import pandas as pd
    import shapely

    zone = np.full(lon.shape, -1, np.int64)
    time = issue + (slots * 1000).astype("timedelta64[ms]")
    for k, row in enumerate(exclusions.itertuples()):
        active = np.ones(len(slots), bool)
        if pd.notna(row.starts):
            active &= time >= row.starts.tz_convert(None).to_datetime64()
        if pd.notna(row.ends):
            active &= time <= row.ends.tz_convert(None).to_datetime64()
        zone[shapely.contains_xy(row.geometry, lon, lat) & active] = k
    return zone


def why_shut(
    row: Mapping[str, Any], waves: NDArray, wind: NDArray, day: NDArray, closed: NDArray, afloat: NDArray
) -> NDArray[np.uint8]:
    """(patch, slot) first reason why a vessel cannot work, in the order of importance.

    Args:
        row: ``daylight_only``, ``max_wind`` and ``max_wave_height`` of the vessel.
        waves: (patch, slot) m.
        wind: (patch, slot) m/s.
        day: (patch, slot) True by day.
        closed: (patch, slot) True in a closed area.
        afloat: (patch, slot) True while enough floats.
    """
    shut = np.zeros(waves.shape, np.uint8)
    if row["daylight_only"]:
        shut[~day] = Shut.NIGHT
    with np.errstate(invalid="ignore"):
        shut[wind > row["max_wind"]] = Shut.WIND
        shut[waves > row["max_wave_height"]] = Shut.WAVES
    shut[closed] = Shut.CLOSED_AREA
    shut[~afloat] = Shut.GONE
    return shut


def start_windows(shut: NDArray, shares: Shares, visit: NDArray, taken: NDArray, slot_s: float) -> NDArray[np.float64]:
    """:attr:`Problem.pair`: each open span as the times between which a whole visit can start.

    Args:
        shut: (vessel, patch, slot) :class:`Shut`.
        shares: what is on offer.
        visit: (vessel) seconds of a visit.
        taken: (vessel) part of a share that a visit takes.
        slot_s: seconds between slots.
    """
    vessels, patches, _ = shut.shape
    spans = {
        (v, q): [(a, b - visit[v]) for a, b in open_spans(shut[v, q] == Shut.OPEN, slot_s) if b - visit[v] >= a]
        for v in range(vessels)
        for q in range(patches)
    }
    width = max(1, *(len(s) for s in spans.values())) if spans else 1
    pair = np.full((vessels, len(shares.patch), 2 + 2 * width), np.inf)
    pair[:, :, 2::2], pair[:, :, 3::2] = np.inf, -np.inf  # a window that never opens
    pair[:, :, 0], pair[:, :, 1] = visit[:, None], taken[:, None]
    for s, q in enumerate(shares.patch):
        for v in range(vessels):
            for k, (a, b) in enumerate(spans[v, int(q)]):
                pair[v, s, 2 + 2 * k], pair[v, s, 3 + 2 * k] = a, b
    return pair


def _rough(
    crews: list[Crew], weather: Weather, router: SeaRouter, horizon_s: float, factor: float
) -> NDArray[np.uint8]:
    """(vessel, hour, node) 1 where the waves exceed what a vessel sails in."""
    node = router.table().node
    lon, lat = router.plane.to_lonlat(node[:, 0], node[:, 1])
    hours = np.arange(0.0, horizon_s + 1.0, 3600.0)
    waves = weather.at(weather.waves, hours[:, None], lon[None], lat[None])
    limits = np.array([c.row["max_wave_height"] * factor for c in crews])
    with np.errstate(invalid="ignore"):
        return (waves[None] > limits[:, None, None]).astype(np.uint8)
