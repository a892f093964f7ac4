"""What buoys, people and vessels report: tables with noise, gaps, delays, a duplicate and a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oceanclean.region import Region, metres_per_degree
from oceanclean.twin.debris import AFLOAT, DebrisTruth, Particles, drift

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from oceanclean.settings import FleetSettings
    from oceanclean.twin.ocean import Ocean
    from oceanclean.twin.settings import ReportSettings, TwinSettings

_WATCHERS = ("fishing boat", "ferry crew", "coast guard", "dive boat", "pilot", "sailing yacht")
_SEEN = ("floating plastic in a line", "mat of bottles and wood", "many bottles and foam", "rubbish with ropes",
         "long slick of plastic")  # fmt: skip
_MISTAKEN = ("line of foam or rubbish, hard to tell", "brown patches, perhaps rubbish", "something white floating")


def _iso(ocean: Ocean, hours: NDArray) -> list[str]:
    return [str(ocean.time(float(h))) + "Z" for h in hours]


def drifter_fixes(
    ocean: Ocean, region: Region, settings: TwinSettings, until_h: float, seed: int
) -> tuple[pd.DataFrame, dict[str, NDArray]]:
    """Hourly fixes of drifting buoys with GPS noise and gaps.

    Args:
        ocean: the sea.
        region: for the coast.
        settings: number of buoys, noise, delays.
        until_h: last hour of the run that is reported.
        seed: of the twin.

    Returns:
        Table ``drifter_id, time, latitude, longitude, drogued, available_at``, ordered by buoy and time; the true
        tracks by name of variable.
    """
    import pandas as pd

    r = settings.reports
    rng = np.random.default_rng([seed, 7])
    buoys = _buoys(ocean, region, settings, rng)
    lon, lat, status = drift(ocean, region, None, buoys, settings.debris, rng)
    tables = []
    for k in range(len(buoys)):
        hours = np.nonzero((status[:, k] == AFLOAT) & (np.arange(ocean.hours) <= until_h - r.drifter_delay_h))[0]
        lost = rng.random(len(hours)) < r.gap_share / 2
        if len(hours) > 30:  # and one long gap
            begin = rng.integers(len(hours))
            lost[begin : begin + max(1, int(r.gap_share / 2 * len(hours)))] = True
        hours = hours[~lost]
        east, north = metres_per_degree(lat[hours, k].astype(float))
        tables.append(pd.DataFrame({
            "drifter_id": f"b{k + 1:03d}", "time": _iso(ocean, hours),
            "latitude": np.round(lat[hours, k] + rng.normal(0, r.gps_noise_m, len(hours)) / north, 5),
            "longitude": np.round(lon[hours, k] + rng.normal(0, r.gps_noise_m, len(hours)) / east, 5),
            "drogued": int(buoys.windage[k] == 0), "available_at": _iso(ocean, hours + r.drifter_delay_h),
        }))  # fmt: skip
    columns = ["drifter_id", "time", "latitude", "longitude", "drogued", "available_at"]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return table, {"lon": lon, "lat": lat, "status": status}


def _buoys(ocean: Ocean, region: Region, settings: TwinSettings, rng: np.random.Generator) -> Particles:
    """Buoys released over the run, off the coast and inside the region."""
    r = settings.reports
    n = round(r.drifters * max(1.0, ocean.hours / 156))
    grid, (west, south, east, north) = ocean.basin.grid, region.grid.bounds
    inside = (
        (grid.lon[None] > west) & (grid.lon[None] < east) & (grid.lat[:, None] > south) & (grid.lat[:, None] < north)
    )
    rows, columns = np.nonzero(inside & (ocean.basin.shore_m > 10_000))
    pick = rng.choice(len(rows), n)
    drogued = rng.random(n) < r.drogued_share
    born = np.where(np.arange(n) < r.drifters, rng.integers(0, 12, n), rng.integers(0, ocean.hours, n))
    zero = np.zeros(n)
    return Particles(
        lon=grid.lon[columns[pick]].copy(), lat=grid.lat[rows[pick]].copy(), release_h=born.astype(float),
        detach_h=zero, raft=np.full(n, -1), along=zero, across=zero, mass_kg=zero, area_m2=zero,
        kind=np.zeros(n, dtype=int), windage=np.where(drogued, 0.0, r.undrogued_windage),
        leeway=zero, stokes=np.where(drogued, 0.0, 1.0),
    )  # fmt: skip


def erddap_csv(table: pd.DataFrame) -> str:
    """CSV with the units in a second line, as ERDDAP servers write it."""
    units = {"time": "UTC", "available_at": "UTC", "latitude": "degrees_north", "longitude": "degrees_east"}
    second = ",".join(units.get(str(c), "") for c in table.columns)
    head, _, body = table.to_csv(index=False, lineterminator="\n").partition("\n")
    return f"{head}\n{second}\n{body}"


def sightings(
    ocean: Ocean, region: Region, debris: DebrisTruth, settings: TwinSettings, issue_h: float, seed: int, day: int
) -> list[dict[str, object]]:
    """Reports of the day before an issue: rafts seen from boats, one of them twice, and one that is no debris."""
    r = settings.reports
    rng = np.random.default_rng([seed, 8, day])
    if r.sightings_a_day == 0:
        return []
    rows = []
    for _ in range(max(0, r.sightings_a_day - 2)):
        hour = issue_h - rng.uniform(7.0, 15.0)
        target = _raft_in_sight(region, debris, hour, rng)
        if target is not None:
            rows.append(_report(ocean, hour, target, str(rng.choice(_SEEN)), r, rng))
            if len(rows) == 1:  # another boat reports the same raft a little later
                rows.append(_report(ocean, hour + 0.6, target, str(rng.choice(_SEEN)), r, rng))
    cells = np.argwhere(~region.land_mask)
    row, column = cells[rng.integers(len(cells))]
    nowhere = (float(region.grid.lon[column]), float(region.grid.lat[row]), float(np.exp(rng.normal(5.5, 0.8))))
    rows.append(_report(ocean, issue_h - rng.uniform(7.0, 15.0), nowhere, str(rng.choice(_MISTAKEN)), r, rng))
    return sorted(rows, key=lambda one: str(one["time"]))


def _raft_in_sight(
    region: Region, debris: DebrisTruth, hour: float, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Centre (lon, lat) and covered area in m² of a raft within the region, the heavier the likelier."""
    lon, lat, afloat = debris.at(hour)
    west, south, east, north = region.grid.bounds
    here = afloat & (debris.raft >= 0) & (lon > west) & (lon < east) & (lat > south) & (lat < north)
    if not here.any():
        return None
    raft, mass = debris.raft[here], debris.mass_kg[here]
    total = np.bincount(raft, mass)
    chosen = int(rng.choice(len(total), p=total / total.sum()))
    own = raft == chosen
    weight = mass[own] / mass[own].sum()
    area = float(debris.area_m2[here][own].sum())
    return float(lon[here][own] @ weight), float(lat[here][own] @ weight), area


def _report(
    ocean: Ocean, hour: float, target: tuple[float, float, float], text: str, r: ReportSettings,
    rng: np.random.Generator,
) -> dict[str, object]:  # fmt: skip
    lon, lat, area = target
    east, north = (float(v) for v in metres_per_degree(lat))
    return {
        "time": str(ocean.time(hour)) + "Z",
        "lat": round(lat + rng.normal(0, r.sighting_error_m) / north, 4),
        "lon": round(lon + rng.normal(0, r.sighting_error_m) / east, 4),
        "observer": str(rng.choice(_WATCHERS)),
        "description": text,
        "area_m2": round(float(area / 0.45 * np.exp(rng.normal(0.2, 0.5)))),  # of the patch, gaps and all, by eye
        "available_at": str(ocean.time(hour + r.sighting_delay_h)) + "Z",
    }


def fleet_status(
    ocean: Ocean, region: Region, fleet: FleetSettings, issue_h: float, seed: int, day: int
) -> list[dict[str, object]]:
    """Last word of each vessel before an issue: in its port, one of them not quite unloaded."""
    rng = np.random.default_rng([seed, 9, day])
    ports = {p.name: (p.lon, p.lat) for p in region.settings.ports}
    late = int(rng.integers(max(1, len(fleet.vessels))))
    rows: list[dict[str, object]] = []
    for k, vessel in enumerate(fleet.vessels):
        lon, lat = ports.get(vessel.home_port, (vessel.lon, vessel.lat))
        if vessel.lon is not None and vessel.lat is not None:
            lon, lat = vessel.lon, vessel.lat
        used = round(0.12 * vessel.hold_kg) if k == late and vessel.available else 0
        hour = issue_h - rng.uniform(0.6, 2.0)
        rows.append({
            "vessel_id": vessel.id, "time": str(ocean.time(hour)) + "Z", "lat": lat, "lon": lon,
            "hold_used_kg": used, "note": vessel.reason or ("part of the catch still on board" if used else ""),
            "available_at": str(ocean.time(hour + 0.05)) + "Z",
        })  # fmt: skip
    return rows
