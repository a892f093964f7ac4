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
    """A point of the way: an order's place, or a bend of the way around land (``order`` None)."""

    name: str
    lat: float
    lon: float
    order: Order | None


def way(vessel: Vessel) -> list[Waypoint]:
    """Points of a vessel's way in sailing order; every order's place is among them, with short ASCII names."""
    legs = {leg.sequence: leg.line for leg in vessel.legs}
    points: list[Waypoint] = []
    for order in vessel.orders:
        inner = legs.get(order.sequence, [])[1:-1]
        for index, (lon, lat) in enumerate(inner):
            points.append(Waypoint(f"{order.waypoint}{_letters(index)}", lat, lon, None))
        points.append(Waypoint(order.waypoint, order.lat, order.lon, order))
    return points


def _letters(index: int) -> str:
    """``a`` to ``z``, then ``aa``: bends of one leg."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(97 + rest) + text
    return text


def spaced(points: Sequence[Waypoint], merge_nm: float = MERGE_NM) -> list[tuple[Waypoint, list[Order]]]:
    """Points with those merged that lie on top of the one before; each keeps all the orders carried out there."""
    kept: list[tuple[Waypoint, list[Order]]] = []
    for point in points:
        if kept:
            last, orders = kept[-1]
            if geodesy.leg(last.lat, last.lon, point.lat, point.lon)[1] < merge_nm:
                if point.order is not None:
                    orders.append(point.order)
                    if last.order is None:  # a bend on top of an order gives way to it
                        kept[-1] = (point, orders)
                continue
        kept.append((point, [point.order] if point.order is not None else []))
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
    if order.action == "collect":
        kilos = notation.interval(order.p10_kg, order.p90_kg).replace("\u202f", "").replace("\u00a0", " ")
        words.append(f"expect {order.expected_kg:.0f} kg ({kilos.replace('–', '-')}, 80 %)")
        if order.found_probability is not None:
            words.append(f"chance of finding {100 * order.found_probability:.0f} %")
        if order.wave_height_m is not None:
            words.append(f"Hs {order.wave_height_m:.1f} m")
    return "; ".join(words)
