"""The fleet as it stands at the issue time: settings, and positions where a status file has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from oceanclean.errors import InputError, SettingsError
from oceanclean.products import validate_table
from oceanclean.region import Region, metres_per_degree
from oceanclean.settings import KNOT_M_S, FleetSettings, PortSettings, SourceSettings, VesselSettings
from oceanclean.sources import tables
from oceanclean.sources.places import files_of, resolved
from oceanclean.sources.registry import reader, reader_of
from oceanclean.sources.times import Moment, hours, said, utc

if TYPE_CHECKING:
    import geopandas as gpd

#: A position this far inside the coarse coast still counts as afloat: harbours and rivers are not drawn in it.
SNAP_M = 3000.0
#: A fix older than this is said.
OLD_FIX_H = 24.0

_COLUMNS = {
    "vessel_id": ("vessel_id", "id", "vessel"),
    "time": ("time", "timestamp", "datetime"),
    "lat": ("latitude", "lat"),
    "lon": ("longitude", "lon", "lng"),
    "hold_used_kg": ("hold_used_kg",),
    "endurance_h": ("endurance_h", "endurance_left_h"),
    "fuel_l": ("fuel_l", "fuel_left_l"),
    "available": ("available",),
    "reason": ("reason",),
    "available_at": ("available_at",),
}


def read_fleet(
    region: Region, fleet: FleetSettings, sources: Sequence[SourceSettings], *, issue_time: Moment,
    work: Path | None = None,
) -> tuple[gpd.GeoDataFrame, list[str]]:  # fmt: skip
    """The fleet at the issue time.

    A vessel stands at its newest reported fix, else where its settings say, else in its home port.

    Args:
        region: the region; every vessel must be in its waters.
        fleet: settings of the vessels.
        sources: settings of status files.
        issue_time: later fixes are not seen.
        work: work folder of the run.

    Returns:
        The ``FleetState`` table (speeds in m s-1; also ``callsign``, ``mmsi``, ``master``, ``contact``) and sentences.

    Raises:
        SettingsError: an unknown home port.
        InputError: a vessel on land or outside the waters, or an unknown vessel in a status file.
    """
    import geopandas as gpd

    now = utc(issue_time)
    status, degraded = _newest(fleet, sources, now, work)
    ports = {p.name: p for p in region.settings.ports}
    rows: list[dict[str, Any]] = []
    places: list[tuple[float, float]] = []
    for vessel in fleet.vessels:
        if vessel.home_port not in ports:
            raise SettingsError(f"config/fleets/{fleet.name}.yaml", f"{vessel.id}.home_port", repr(vessel.home_port),
                                f"one of the region's ports {sorted(ports)}", "Correct the port's name.")  # fmt: skip
        for name in vessel.alternative_ports:
            if name not in ports:
                raise SettingsError(f"config/fleets/{fleet.name}.yaml", f"{vessel.id}.alternative_ports", repr(name),
                                    f"some of the ports {sorted(ports)}", "Correct the port's name.")  # fmt: skip
        fixes = status.get(vessel.id)
        known = None if fixes is None else fixes.iloc[-1]
        place, seen, doubt = _stand(region, fleet, vessel, fixes, ports[vessel.home_port], now, degraded)
        places.append(place)
        rows.append(_row(vessel, known, seen))
        if rows[-1]["hold_used"] > vessel.hold_kg:
            told = f"{rows[-1]['hold_used']:,.0f} kg in a hold of {vessel.hold_kg:,.0f} kg"
            degraded.append(f"{vessel.name} reports {told}: taken as full.")
            rows[-1]["hold_used"] = vessel.hold_kg
        if doubt:
            rows[-1].update(available=False, reason=doubt)
        age = hours(now - seen)
        if known is not None and age > OLD_FIX_H:
            degraded.append(f"The last position of {vessel.name} is {age:.0f} h old.")
    if not rows:
        return tables.empty("FleetState"), [*degraded, "The fleet has no vessel."]
    points = gpd.points_from_xy(*zip(*places, strict=True))
    table = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=points, crs="EPSG:4326")
    table["observed_at"] = pd.to_datetime(table["observed_at"], utc=True).astype("datetime64[ns, UTC]")
    return validate_table("FleetState", table, f"fleet {fleet.name}"), degraded


def _stand(
    region: Region, fleet: FleetSettings, vessel: VesselSettings, fixes: pd.DataFrame | None, port: PortSettings,
    now: pd.Timestamp, degraded: list[str],
) -> tuple[tuple[float, float], pd.Timestamp, str]:  # fmt: skip
    """Where a vessel stands, since when, and why it may not be sent (empty where it may).

    A fix that cannot be true is passed over for the one before; where none is left the vessel stays in port, and
    the plan of the others goes on.

    Raises:
        InputError: a position in the settings that cannot be true.
    """
    if fixes is None:
        given = vessel.lon is not None and vessel.lat is not None
        lon, lat = (vessel.lon, vessel.lat) if given else (port.lon, port.lat)
        return _afloat(region, fleet, vessel, float(lon), float(lat)), now, ""  # type: ignore[arg-type]
    wrong = ""
    for _, fix in fixes.iloc[::-1].iterrows():
        try:
            place = _afloat(region, fleet, vessel, float(fix["lon"]), float(fix["lat"]))
        except InputError as error:
            wrong = wrong or f"{vessel.name}'s last position cannot be true ({error.found}, {said(fix['time'])})"
            continue
        if wrong:
            degraded.append(f"{wrong}: the one of {said(fix['time'])} was taken.")
        return place, fix["time"], ""
    degraded.append(f"{wrong}: it stays until that is mended.")
    return _afloat(region, fleet, vessel, port.lon, port.lat), fixes["time"].iloc[-1], degraded[-1]


def _row(vessel: VesselSettings, known: pd.Series | None, seen: pd.Timestamp) -> dict[str, Any]:
    """A row of the contract but for the geometry."""
    state: dict[str, Any] = {
        "hold_used_kg": vessel.hold_used_kg, "endurance_h": vessel.endurance_h,
        "available": vessel.available, "reason": vessel.reason,
    }  # fmt: skip
    if known is not None:
        state.update({k: known[k] for k in state if k in known and pd.notna(known[k])})
    return {
        "vessel_id": vessel.id, "name": vessel.name, "home_port": vessel.home_port,
        "transit_speed": vessel.transit_speed_kn * KNOT_M_S, "collect_speed": vessel.collect_speed_kn * KNOT_M_S,
        "endurance": float(state["endurance_h"]), "hold": vessel.hold_kg, "hold_used": float(state["hold_used_kg"]),
        "swath": vessel.swath_m, "efficiency": vessel.efficiency, "max_wave_height": vessel.max_wave_height_m,
        "max_wind": vessel.max_wind_kn * KNOT_M_S, "daylight_only": vessel.daylight_only,
        "available": bool(state["available"]), "reason": str(state["reason"] or ""), "observed_at": seen,
        "callsign": vessel.callsign or "", "mmsi": vessel.mmsi or "",
        "master": vessel.master or "", "contact": vessel.contact or "", **_equipment(vessel, known),
    }  # fmt: skip


def _equipment(vessel: VesselSettings, known: pd.Series | None) -> dict[str, Any]:
    """What not every vessel has: fuel that is counted, watches, a drone, a net towed by two."""
    fuel = vessel.fuel_capacity_l if vessel.fuel_l is None else vessel.fuel_l
    if known is not None and vessel.fuel_capacity_l is not None and pd.notna(known.get("fuel_l")):
        fuel = min(float(known["fuel_l"]), vessel.fuel_capacity_l)

    def number(value: float | None) -> float:
        return float("nan") if value is None else float(value)

    return {
        "hold_m3": number(vessel.hold_m3), "drone": vessel.drone, "wave_speed_loss": vessel.wave_speed_loss_per_m,
        "alternative_ports": ";".join(vessel.alternative_ports), "max_work": number(vessel.max_work_h),
        "rest": number(vessel.rest_h), "fuel": number(fuel), "fuel_capacity": number(vessel.fuel_capacity_l),
        "fuel_transit": vessel.fuel_transit_l_h, "fuel_collect": vessel.fuel_collect_l_h,
        "fuel_idle": vessel.fuel_idle_l_h, "bunker": vessel.bunker_h, "tows_with": vessel.tows_with or "",
        "pair_swath": number(vessel.pair_swath_m),
    }  # fmt: skip


def _afloat(
    region: Region, fleet: FleetSettings, vessel: VesselSettings, lon: float, lat: float
) -> tuple[float, float]:
    """The position in the waters' longitudes.

    Raises:
        InputError: outside the waters, or farther inland than :data:`SNAP_M`.
    """
    west, south, east, north = region.routing_grid.bounds
    possible = -180 <= lon <= 360  # else a whole turn would bring any number into the waters
    turned = float(region.routing_grid.wrap(np.array([lon]))[0]) if possible else lon
    source, field = f"fleet {fleet.name}", f"position of {vessel.id}"
    if not (possible and west <= turned <= east and south <= lat <= north):
        raise InputError(source, field, f"{lat:.3f}°, {lon:.3f}°",
                         f"a place in the waters {south:g}..{north:g}° N, {west:g}..{east:g}° E",
                         "Correct lat and lon, or widen the region's waters.")  # fmt: skip
    inland = _metres_inland(region, turned, lat)
    if inland > SNAP_M:
        raise InputError(source, field, f"{lat:.3f}°, {lon:.3f}°, {inland / 1000:.1f} km inland",
                         f"a place at sea or within {SNAP_M / 1000:g} km of it", "Correct lat and lon.")  # fmt: skip
    return turned, lat


def _metres_inland(region: Region, lon: float, lat: float) -> float:
    """Distance from a point on land to the coast in metres; 0 at sea."""
    import shapely

    east, north = (float(v) for v in metres_per_degree(lat))
    nearby = shapely.clip_by_rect(region.land, lon - 0.5, lat - 0.5, lon + 0.5, lat + 0.5)
    if not nearby.contains(shapely.Point(lon, lat)):
        return 0.0
    # only the coast counts, not the edges that the clipping made
    window = shapely.box(lon - 0.5, lat - 0.5, lon + 0.5, lat + 0.5).boundary
    shore = shapely.difference(nearby.boundary, shapely.buffer(window, 1e-6))
    if shore.is_empty:
        return 0.5 * north
    scaled = shapely.transform(shore, lambda xy: (xy - (lon, lat)) * (east, north))
    return float(scaled.distance(shapely.Point(0, 0)))


def _newest(
    fleet: FleetSettings, sources: Sequence[SourceSettings], now: pd.Timestamp, work: Path | None
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The status rows of each vessel that were known by ``now``, the newest last."""
    degraded: list[str] = []
    frames = []
    for source in sources:
        table, notes = reader_of("fleet_status", source.kind)(resolved(source, work), work)
        degraded += notes
        available = table["time"] + pd.Timedelta(hours=source.latency_h)
        if "available_at" in table:
            available = table["available_at"].fillna(available)
        frames.append(table[(table["time"] <= now) & (available <= now)])
    if not frames:
        return {}, degraded
    table = pd.concat(frames, ignore_index=True).sort_values("time", kind="stable")
    strangers = sorted(set(table["vessel_id"]) - {v.id for v in fleet.vessels})
    if strangers:
        degraded.append(f"Positions of vessels that are not in the fleet {fleet.name} were left out: {strangers}.")
    newest = table.drop_duplicates("vessel_id", keep="last").set_index("vessel_id")
    if len(newest):
        oldest_said = said(newest["time"].min())
        missing = [v.id for v in fleet.vessels if v.id not in newest.index]
        if missing:
            degraded.append(f"No position is known of {', '.join(missing)} (others from {oldest_said} on): "
                            "taken from the settings.")  # fmt: skip
    return {v.id: table[table["vessel_id"] == v.id] for v in fleet.vessels if v.id in newest.index}, degraded


#: What crews write for yes and no; an empty field leaves what the settings say.
_SERVICE = {
    "true": True, "1": True, "yes": True, "y": True, "in service": True, "available": True, "": None,
    "false": False, "0": False, "no": False, "n": False, "out of service": False, "unavailable": False,
}  # fmt: skip


def _in_service(raw: pd.DataFrame, path: Path) -> list[bool | None]:
    """The column ``available`` as yes, no, or not said.

    Raises:
        InputError: a word that is neither; a vessel is never sent because nobody understood its message.
    """
    words = raw["available"].fillna("").astype(str).str.strip().str.lower()
    strange = ~words.isin(list(_SERVICE))
    if strange.any():
        line = raw[strange].iloc[0]
        raise InputError(path, f"available of {line['vessel_id']}, line {line['line']}", repr(line["available"]),
                         f"one of {sorted(w for w in _SERVICE if w)}", "Correct the line.")  # fmt: skip
    return [_SERVICE[w] for w in words]


@reader("fleet_csv", "fleet_status")
def read_fleet_csv(source: SourceSettings, work: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """Status rows of CSV files: vessel_id, time, latitude, longitude; where known hold_used_kg, endurance_h,
    fuel_l, available, reason.

    Raises:
        InputError: a line that cannot be read, or a negative hold or endurance.
    """  # noqa: D205
    notes: list[str] = []
    optional = ("hold_used_kg", "endurance_h", "fuel_l", "available", "reason", "available_at")
    frames = []
    for path in files_of(source.path, work, (".csv",)):
        raw = tables.read_csv(path, _COLUMNS, optional, notes)
        out = pd.DataFrame({"vessel_id": raw["vessel_id"], "time": tables.times(raw, "time", path, notes)})
        # whether a position can be true is judged vessel by vessel: one wrong sign must not stop the fleet
        out["lat"], out["lon"] = (tables.numbers(raw, c, path, empty_allowed=True) for c in ("lat", "lon"))
        for column in ("hold_used_kg", "endurance_h", "fuel_l"):
            if column in raw:
                out[column] = tables.numbers(raw, column, path, empty_allowed=True)
                if (out[column] < 0).any():
                    line = raw["line"][out[column] < 0].iloc[0]
                    raise InputError(
                        path, f"{column}, line {line}", out[column].min(), "0 or more", "Correct the line."
                    )
        if "available_at" in raw:
            stated = raw["available_at"] != ""
            out["available_at"] = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[ns, UTC]")
            out.loc[stated, "available_at"] = tables.times(raw[stated], "available_at", path, notes)
        if "available" in raw:
            out["available"] = _in_service(raw, path)
        if "reason" in raw:
            out["reason"] = raw["reason"]
        frames.append(out)
    if not frames:
        empty = pd.DataFrame({"vessel_id": [], "time": pd.to_datetime([], utc=True), "lat": [], "lon": []})
        return empty, [f"No vessel positions in {Path(source.path).name}: taken from the settings."]
    return pd.concat(frames, ignore_index=True), notes
