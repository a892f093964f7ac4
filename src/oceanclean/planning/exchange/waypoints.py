"""A vessel's way as one list of points, shared by the route formats, so that they cannot disagree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from oceanclean.planning import geodesy, notation
from oceanclean.planning.model import Order, Vessel

#: Points nearer than this are one: receivers of RTZ refuse legs of about ten metres.
MERGE_NM = 0.01


@dataclass(frozen=True)
class Waypoint:
    """A point of the way: an order's place, the place where it ends (``END``), or a bend of the way around land.

    ``order`` is None but at the order's place; a bend has no times.
    """

    name: str
    lat: float
    lon: float
    order: Order | None
    arrive: str | None = None
    leave: str | None = None


@dataclass(frozen=True)
class Stop:
    """A point with what is done there: the orders that begin there, first arrival and last departure."""

    point: Waypoint
    orders: list[Order]
    arrive: str | None
    leave: str | None


def moves(order: Order) -> bool:
    """Whether a vessel is elsewhere when it leaves: it drifts with the patch that it sweeps or waits at."""
    return geodesy.leg(order.lat, order.lon, order.end_lat, order.end_lon)[1] >= MERGE_NM


def way(vessel: Vessel) -> list[Waypoint]:
    """Points of a vessel's way in sailing order, with short ASCII names.

    Every order's place is among them, and the place where it ends if that is another: a vessel leaves from there.
    """
    points: list[Waypoint] = []
    for order in vessel.orders:
        for index, bend in enumerate(order.way[:-1]):
            points.append(Waypoint(f"{order.waypoint}{_letters(index)}", bend.lat, bend.lon, None))
        if moves(order):
            points.append(Waypoint(order.waypoint, order.lat, order.lon, order, order.arrive, None))
            end = Waypoint(f"{order.waypoint}END", order.end_lat, order.end_lon, None, order.leave, order.leave)
            points.append(end)
        else:
            points.append(Waypoint(order.waypoint, order.lat, order.lon, order, order.arrive, order.leave))
    return points


def _letters(index: int) -> str:
    """``a`` to ``z``, then ``aa``: bends of one leg."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(97 + rest) + text
    return text


def spaced(points: Sequence[Waypoint], merge_nm: float = MERGE_NM) -> list[Stop]:
    """Points with those merged that lie on top of the one before; each keeps all the orders carried out there."""
    kept: list[Stop] = []
    for point in points:
        mine = [point.order] if point.order is not None else []
        last = kept[-1] if kept else None
        if last is None or geodesy.leg(last.point.lat, last.point.lon, point.lat, point.lon)[1] >= merge_nm:
            kept.append(Stop(point, mine, point.arrive, point.leave))
            continue
        # a bend, or the end of an order, on top of an order gives way to it
        place = point if point.order is not None and last.point.order is None else last.point
        kept[-1] = Stop(place, [*last.orders, *mine], last.arrive or point.arrive, point.leave or last.leave)
    return kept


def split_at_date_line(line: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Cut a (lon, lat) line in [−180, 180) where it crosses the date line (RFC 7946, section 3.1.9)."""
    parts = [[line[0]]]
    for (lon1, lat1), (lon2, lat2) in itertools.pairwise(line):
        if abs(lon2 - lon1) > 180:
            side = 180.0 if lon1 > 0 else -180.0
            unwrapped = lon2 + (360.0 if lon1 > 0 else -360.0)
            share = (side - lon1) / (unwrapped - lon1) if unwrapped != lon1 else 0.0
            lat = round(lat1 + share * (lat2 - lat1), 6)
            parts[-1].append((side, lat))
            parts.append([(-side, lat)])
        parts[-1].append((lon2, lat2))
    return [p for p in parts if len(p) > 1]


def describe(order: Order) -> str:
    """An order in one line of plain text, for the comment fields of plotters."""
    words = [f"{order.action.upper()} {order.task_id or order.place}".strip()]
    words.append(f"ETA {order.arrive[:16]}Z ETD {order.leave[:16]}Z")
    if moves(order):
        words.append(f"ends at {notation.position(order.end_lat, order.end_lon)}")
    if order.action == "collect":
        kilos = notation.interval(order.p10_kg, order.p90_kg).replace("\u202f", "").replace("\u00a0", " ")
        words.append(f"expect {order.expected_kg:.0f} kg ({kilos.replace('–', '-')}, 80 %)")
        if order.forecasts_in_reach is not None:
            words.append(f"in reach in {100 * order.forecasts_in_reach:.0f} % of the forecasts")
        if order.finding_chance is not None:
            words.append(f"chance of finding {100 * order.finding_chance:.0f} %")
        if order.wave_height_m is not None:
            words.append(f"Hs {order.wave_height_m:.1f} m")
    return "; ".join(words)
