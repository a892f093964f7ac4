"""Ports as the search sees them: where they are at sea, how long a call takes, and when they let vessels in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from oceanclean.allocation.options import SeaSettings
    from oceanclean.allocation.sea_routing import SeaRouter
    from oceanclean.settings import PortSettings

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Harbours:
    """Ports on the plane.

    Attributes:
        name: (port).
        xy: (port, 2) metres, on sea; NaN where the sea is too far.
        turn_s: (port) seconds alongside to unload.
        closed: (port) True where no vessel may call; one that lies there may leave.
        bunkers: (port) fuel can be had.
        gate: (port, 2 × span) seconds from which and until which vessels are let in; None where all are always open.
    """

    name: list[str]
    xy: NDArray[np.float64]
    turn_s: NDArray[np.float64]
    closed: NDArray[np.bool_]
    bunkers: NDArray[np.bool_]
    gate: NDArray[np.float64] | None = None

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(port) at sea and open."""
        return np.isfinite(self.xy[:, 0]) & ~self.closed

    def let_in(self, port: int, t: float, work: float) -> float:
        """When a vessel off a port at ``t`` is let in, with ``work`` seconds to be done there; inf if never."""
        if self.gate is None:
            return t
        for low, high in self.gate[port].reshape(-1, 2):
            begin = max(t, float(low))
            if begin + min(work, float(high - low)) <= high:
                return begin
        return float("inf")


def harbours_of(
    ports: gpd.GeoDataFrame, router: SeaRouter, settings: SeaSettings, gate: NDArray[np.float64] | None = None
) -> tuple[Harbours, list[str]]:
    """Ports moved to the sea nearest to them, and sentences about those that have none."""
    x, y = router.plane.to_xy(ports.geometry.x.to_numpy(), ports.geometry.y.to_numpy())
    xy, moved = router.to_sea(x, y)
    far = moved > settings.snap_m
    notes = [
        f"Port {name} is not used: it lies "
        + (f"{m / 1000:.0f} km from open sea." if np.isfinite(m) else "outside the waters.")
        for name, m in zip(ports["name"][far], moved[far], strict=True)
    ]
    xy[far] = np.nan
    turn = ports["unload_h"].to_numpy(float) * 3600 if "unload_h" in ports else np.full(len(ports), 7200.0)
    bunkers = ports["bunkers"].to_numpy(bool) if "bunkers" in ports else np.ones(len(ports), bool)
    return Harbours(list(ports["name"]), xy, turn, np.zeros(len(ports), bool), bunkers, gate), notes


def opening_hours(
    ports: Sequence[PortSettings], zone: str, issue: np.datetime64, horizon_s: float
) -> NDArray[np.float64] | None:
    """Spans in which each port lets vessels in, in seconds from the issue time.

    Args:
        ports: as the region's file describes them, hours in local time.
        zone: time zone of the region.
        issue: issue time, UTC.
        horizon_s: seconds planned; spans that begin later are left out.

    Returns:
        (port, 2 × span) ascending, padded with inf and −inf; None where every port is always open.
    """
    if not any(p.opens or p.closed_days for p in ports):
        return None
    start = pd.Timestamp(issue, tz="UTC")
    first = start.tz_convert(zone).date() - timedelta(days=1)
    count = int(horizon_s // 86400) + 3
    spans = [[_span(p, first + timedelta(days=d), zone, start) for d in range(count)] for p in ports]
    rows = [_joined([s for s in own if s is not None and s[1] > 0 and s[0] < horizon_s]) for own in spans]
    gate = np.tile([np.inf, -np.inf], (len(ports), max(1, *(len(r) for r in rows))))
    for k, row in enumerate(rows):
        gate[k, : 2 * len(row)] = np.ravel(row)
    return gate


def _span(port: PortSettings, day: date, zone: str, start: pd.Timestamp) -> tuple[float, float] | None:
    """Seconds from the start at which a port opens and closes on a day, None where it stays closed."""
    if DAYS[day.weekday()] in port.closed_days:
        return None

    def seconds(text: str) -> float:
        hour, minute = (int(part) for part in text.split(":"))
        # wall time, whatever the clocks do that night
        wall = pd.Timestamp(datetime(day.year, day.month, day.day)) + pd.Timedelta(hours=hour, minutes=minute)
        local = wall.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
        return float((local - start).total_seconds())

    return seconds(port.opens or "00:00"), seconds(port.closes or "24:00")


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans of which those that touch are one."""
    joined: list[tuple[float, float]] = []
    for low, high in spans:
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined
