"""A vessel in the truth: what it is told to do, where it is and what it has on board."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.settings import VesselSettings


@dataclass
class Step:
    """One thing a vessel is told to do.

    Attributes:
        action: ``collect`` around a place, ``patrol`` along lanes, or go to ``port`` and unload.
        goal: (2) metres; of a patrol the next point of its lanes.
        begin_h: hour of the sea before which the work does not begin.
        hours: length of the work.
        track: hours (n) and metres (n, 2) of where the place drifts to, as the plan has it; None: it stays.
        lanes: (point, 2) metres that a patrol follows.
        task_id: of the plan.
        expected_kg: of the plan.
    """

    action: Literal["collect", "patrol", "port"]
    goal: NDArray[np.float64]
    begin_h: float = -np.inf
    hours: float = 0.0
    track: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    lanes: NDArray[np.float64] | None = None
    task_id: str = ""
    expected_kg: float = 0.0

    def place(self, hour: float) -> NDArray[np.float64]:
        """Where the work is at an hour, metres."""
        if self.track is None:
            return self.goal
        hours, xy = self.track
        return np.array([np.interp(hour, hours, xy[:, 0]), np.interp(hour, hours, xy[:, 1])])


@dataclass
class Haul:
    """What one step brought."""

    vessel_id: str
    task_id: str
    start_h: float
    end_h: float
    lat: float
    lon: float
    kg: float
    expected_kg: float
    swept_m: float
    wave_height_m: float
    fuel_l: float
    kind: int | None


@dataclass
class Ship:
    """State of a vessel.

    Attributes:
        vessel: what it is.
        xy: (2) metres.
        hold_kg: on board.
        left_h: endurance left.
        port: port that it lies in, "" at sea.
        free_h: hour until which it is alongside unloading.
        lane: next point of its lanes, for a patrol that goes on tomorrow.
        fuel_l, sailed_m, caught_kg: since the season began.
        clock: hour to which it has been carried.
        steps: what is left to do today.
        hauls: of today.
        trace: (hour, x, y) of today, about every half hour.
        passed: (particle) False for what it swept on its ways today.
    """

    vessel: VesselSettings
    xy: NDArray[np.float64]
    hold_kg: float = 0.0
    left_h: float = 0.0
    port: str = ""
    free_h: float = 0.0
    lane: int = 0
    fuel_l: float = 0.0
    fuel_reported_l: float = 0.0
    sailed_m: float = 0.0
    caught_kg: float = 0.0
    hours: dict[str, float] = field(default_factory=dict)
    clock: float = 0.0
    steps: list[Step] = field(default_factory=list)
    hauls: list[Haul] = field(default_factory=list)
    trace: list[tuple[float, float, float]] = field(default_factory=list)
    passed: NDArray[np.bool_] | None = None
    way: NDArray[np.float64] | None = None
    work: Any = None

    @property
    def room_kg(self) -> float:
        """What still fits."""
        return max(0.0, self.vessel.hold_kg - self.hold_kg)

    def spend(self, hours: float, what: str) -> None:
        """Let time pass: endurance at sea and fuel by what is done (``transit``, ``collect``, ``idle``, ``port``)."""
        v = self.vessel
        rate = {"transit": v.fuel_transit_l_h, "collect": v.fuel_collect_l_h, "idle": v.fuel_idle_l_h}.get(what, 0.0)
        self.fuel_l += rate * hours
        self.hours[what] = self.hours.get(what, 0.0) + hours
        if what != "port":
            self.left_h -= hours
        self.clock += hours

    def record(self) -> dict[str, Any]:
        """What the next day starts from."""
        return {
            "xy": self.xy.tolist(), "hold_kg": self.hold_kg, "left_h": self.left_h, "port": self.port,
            "free_h": self.free_h, "lane": self.lane, "fuel_l": self.fuel_l, "fuel_reported_l": self.fuel_reported_l,
            "sailed_m": self.sailed_m, "caught_kg": self.caught_kg, "hours": self.hours, "clock": self.clock,
        }  # fmt: skip

    @classmethod
    def resumed(cls, vessel: VesselSettings, record: dict[str, Any]) -> Ship:
        """Inverse of :meth:`record`."""
        return cls(vessel, **{**record, "xy": np.array(record["xy"], dtype=float)})


def haul_record(haul: Haul) -> dict[str, Any]:
    """A haul as plain values."""
    return asdict(haul)
