"""The fleet as the search sees it: which vessels can be sent, from where, with what limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation.ports import Harbours
from oceanclean.allocation.problem import P, V

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from oceanclean.allocation.options import SeaSettings
    from oceanclean.allocation.sea_routing import SeaRouter


#: What stands for equipment that a fleet table does not name: nothing is counted.
EQUIPMENT = {
    "hold_m3": 0.0, "drone": False, "wave_speed_loss": 0.0, "alternative_ports": "", "max_work": 0.0, "rest": 0.0,
    "fuel": 0.0, "fuel_capacity": 0.0, "fuel_transit": 0.0, "fuel_collect": 0.0, "fuel_idle": 0.0, "bunker": 0.0,
    "tows_with": "", "pair_swath": 0.0,
}  # fmt: skip


@dataclass(frozen=True)
class Crew:
    """A vessel at the issue time.

    Attributes:
        vessel_id: identifier.
        row: its row of the fleet table as plain values.
        xy: (2) position at sea, metres on the plane; NaN where it has none.
        port: index of the port that it lies in, −1 at sea.
        ends: ports where it may end.
        stays: why it cannot be sent, in words; empty where it can.
        notes: sentences for the plan.
        mate: the vessel that holds the other end of its net, empty where it works alone.
        meets_s: seconds after the issue time at which the mate is with it.
    """

    vessel_id: str
    row: dict
    xy: NDArray[np.float64]
    port: int
    ends: tuple[int, ...]
    stays: str
    notes: tuple[str, ...] = ()
    mate: str = ""
    meets_s: float = 0.0

    @property
    def reserve_s(self) -> float:
        """Endurance kept back, in seconds."""
        return float(self.row["reserve_s"])


def crews_of(fleet: gpd.GeoDataFrame, harbours: Harbours, router: SeaRouter, settings: SeaSettings) -> list[Crew]:
    """Every vessel of the fleet with its place, its ports, and why it cannot be sent if so."""
    x, y = router.plane.to_xy(fleet.geometry.x.to_numpy(), fleet.geometry.y.to_numpy())
    xy, moved = router.to_sea(x, y)
    return [
        _crew(row, (x[k], y[k]), xy[k], float(moved[k]), harbours, router, settings)
        for k, row in enumerate(fleet.drop(columns=fleet.geometry.name).to_dict("records"))
    ]


def _crew(
    row: dict, given: tuple, xy: NDArray, moved: float, harbours: Harbours, router: SeaRouter, settings: SeaSettings
) -> Crew:
    """One vessel; see :class:`Crew`."""
    endurance = float(row["endurance"]) * 3600.0
    _equip(row, settings)
    row["reserve_s"] = max(settings.reserve_h * 3600.0, settings.reserve_share * endurance)
    known = np.isfinite(harbours.xy[:, 0])
    gap = np.where(known, np.hypot(harbours.xy[:, 0] - given[0], harbours.xy[:, 1] - given[1]), np.inf)
    port = int(np.argmin(gap)) if len(gap) and gap.min() <= settings.in_port_m else -1
    if port >= 0:
        xy, moved = harbours.xy[port], 0.0
    home = harbours.name.index(row["home_port"]) if row["home_port"] in harbours.name else -1

    def crew(stays: str, ends: tuple[int, ...] = (), notes: tuple[str, ...] = ()) -> Crew:
        return Crew(str(row["vessel_id"]), row, np.asarray(xy, float), port, ends, stays, notes)

    if not np.isfinite(moved):
        return crew("Its position is outside the region's waters.")
    if moved > settings.snap_m:
        return crew(f"Its position is on land, {moved / 1000:.1f} km from open sea.")
    if not bool(row["available"]):
        return crew(str(row["reason"]) or "Not available.")
    if not harbours.usable.any():
        return crew("No port can be reached by sea." if not known.any() else "Every port is closed.")
    return _with_ports(crew, row, xy, port, home, harbours, router, endurance)


def _with_ports(
    crew: Callable[..., Crew],
    row: dict,
    xy: NDArray,
    port: int,
    home: int,
    harbours: Harbours,
    router: SeaRouter,
    endurance: float,
) -> Crew:
    """Ports where a vessel may end, given its endurance."""
    speed, left = float(row["transit_speed"]), endurance - row["reserve_s"]
    ports = zip(harbours.xy, harbours.usable, strict=True)
    metres = np.array([router.distance(xy, p) if usable else np.inf for p, usable in ports])
    near = int(np.argmin(metres))
    notes = []
    if home < 0:
        notes.append(f"{row['name']}: home port {row['home_port']!r} is unknown here; it ends anywhere.")
    if metres.min() / speed > left and port < 0:
        hours = metres[near] / speed / 3600
        why = (
            f"Endurance {endurance / 3600:.1f} h less the reserve of {row['reserve_s'] / 3600:.1f} h is shorter "
            f"than the {hours:.1f} h to the nearest port, {harbours.name[near]}."
        )
        return crew(why, (near,), tuple(notes))
    if left <= 0:
        return crew(
            f"Endurance {endurance / 3600:.1f} h does not exceed the reserve of {row['reserve_s'] / 3600:.1f} h."
        )
    others = [harbours.name.index(n) for n in row["alternative_ports"].split(";") if n in harbours.name]
    others = [k for k in others if np.isfinite(metres[k]) and (port >= 0 or metres[k] / speed <= left)]
    ends: tuple[int, ...] = tuple(dict.fromkeys([home, *others]))
    if home < 0 or not np.isfinite(metres[home]) or (port < 0 and metres[home] / speed > left):
        ends = tuple(others) or tuple(int(k) for k in np.flatnonzero(np.isfinite(metres)))
        if home >= 0:
            why = "closed" if harbours.closed[home] else "out of reach"
            where = "another port" if others else "any port"
            notes.append(f"{row['name']}: its home port {row['home_port']} is {why}; it may end at {where}.")
    return crew("", ends, tuple(notes))


def vessel_rows(
    crews: list[Crew], harbours: Harbours, horizon_s: float, settings: SeaSettings, watched: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of :attr:`Problem.vessel` and :attr:`Problem.harbour` for vessels that can be sent."""
    vessel = np.zeros((len(crews), len(V)))
    harbour = np.zeros((len(crews), len(harbours.name), len(P)))
    for k, crew in enumerate(crews):
        row, endurance = crew.row, float(crew.row["endurance"]) * 3600.0
        used = float(row["hold_used"])
        unload = crew.port >= 0 and used > 0
        begun = harbours.let_in(crew.port, 0.0, harbours.turn_s[crew.port]) if unload else 0.0
        vessel[k, [V.X, V.Y]] = crew.xy
        vessel[k, V.READY] = max(begun + harbours.turn_s[crew.port] if unload else 0.0, crew.meets_s)
        vessel[k, V.IN_PORT] = float(crew.port >= 0)
        vessel[k, V.SPEED] = row["transit_speed"]
        vessel[k, V.HOLD] = row["hold"]
        vessel[k, V.HOLD_LEFT] = row["hold"] if unload else max(float(row["hold"]) - used, 0.0)
        vessel[k, [V.ENDURANCE, V.ENDURANCE_LEFT]] = endurance
        vessel[k, V.RESERVE], vessel[k, V.LIMIT] = crew.reserve_s, horizon_s
        vessel[k, V.CALLS], vessel[k, V.MIN_TAKE] = settings.port_calls, settings.least_take
        vessel[k, V.WATCHED], vessel[k, V.WAVE_LOSS] = float(watched[k]), row["wave_speed_loss"]
        vessel[k, [V.MAX_WORK, V.REST]] = np.array([row["max_work"], row["rest"]]) * 3600.0
        vessel[k, [V.FUEL, V.TANK]] = row["fuel"], row["fuel_capacity"]
        vessel[k, [V.USE_TRANSIT, V.USE_COLLECT, V.USE_IDLE]] = (
            np.array([row["fuel_transit"], row["fuel_collect"], row["fuel_idle"]]) / 3600.0
        )
        known = np.isfinite(harbours.xy[:, 0])
        harbour[k, :, [P.X, P.Y]] = np.where(known[:, None], harbours.xy, 1e9).T
        harbour[k, :, P.TURN] = harbours.turn_s + np.where(harbours.bunkers, float(row["bunker"]) * 3600.0, 0.0)
        harbour[k, :, P.UNLOAD], harbour[k, :, P.BUNKER] = harbours.usable, harbours.bunkers
        harbour[k, list(crew.ends), P.END] = 1.0
        if settings.end_at == "any":
            harbour[k, :, P.END] = harbours.usable
    return vessel, harbour


def _equip(row: dict, settings: SeaSettings) -> None:
    """Fill in what a vessel has none of, with values that change nothing; the hold is what mass and room allow."""
    for name, value in EQUIPMENT.items():
        given = row.get(name, value)
        row[name] = value if isinstance(given, float) and np.isnan(given) else given
    if row["hold_m3"] > 0:
        row["hold"] = min(float(row["hold"]), row["hold_m3"] * settings.bulk_kg_m3)
        row["hold_used"] = min(float(row["hold_used"]), row["hold"])
    if row["fuel_capacity"] <= 0:
        row["fuel"] = row["bunker"] = 0.0
