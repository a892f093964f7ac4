"""What the page's script draws: the model's map part and the layers, as one JSON value."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

from oceanclean.planning import geodesy, notation
from oceanclean.planning.exchange.waypoints import moves
from oceanclean.planning.layers import Layers
from oceanclean.planning.model import PlanView, Vessel
from oceanclean.planning.sightings import Sightings


def map_data(view: PlanView, layers: Layers, sightings: Sightings) -> dict[str, Any]:
    """Everything that the map needs, numbers and plain text only; longitudes are the model's, the script wraps them."""
    return {
        "timezone": view.header.timezone,
        "issue": view.header.issue_time,
        "limits": layers.limits,
        "bounds": layers.bounds,
        "waveBounds": layers.wave_bounds,
        "grid": layers.grid,
        "scale": {"low": layers.density_scale.low, "high": layers.density_scale.high, "first": 2, "last": 255},
        "frames": [f.__dict__ for f in layers.frames],
        "doubt": layers.doubt,
        "seen": layers.seen,
        "coast": layers.coast,
        "detections": [s.to_map() for s in sightings.shown],
        "closed": [
            {"name": a.name, "reason": a.reason, "ring": [(y, x) for x, y in a.polygon]} for a in view.closed_areas
        ],
        "ports": [{"name": p.name, "lat": p.lat, "lon": p.lon} for p in view.ports],
        "tasks": [
            {
                "id": t.task_id, "lat": t.lat, "lon": t.lon, "radius": t.radius_m, "served": bool(t.served_by),
                "kg": notation.kilograms(t.mass_kg), "range": notation.interval(t.p10_kg, t.p90_kg),
                "why": t.reason or t.evidence,
                "track": [(round(notation.moment(p.time).timestamp()), p.lat, p.lon) for p in t.track],
            }
            for t in view.tasks
        ],
        "vessels": [_vessel(v, view.header.timezone) for v in view.vessels],
    }  # fmt: skip


def _vessel(vessel: Vessel, zone: str) -> dict[str, Any]:
    return {
        "n": vessel.number, "name": notation.plain(vessel.name, 60), "sent": vessel.status == "sent",
        "lat": vessel.lat, "lon": vessel.lon,
        "legs": [[(lat, lon) for lon, lat in leg.line] for leg in vessel.legs],
        "sweeps": [[(o.lat, o.lon), (o.end_lat, o.end_lon)] for o in vessel.orders if moves(o)],
        "track": track(vessel),
        "stops": [
            {
                "lat": o.lat, "lon": o.lon, "name": o.waypoint, "action": o.action, "task": o.task_id, "place": o.place,
                "time": notation.day_clock(o.arrive, zone), "when": notation.local(o.arrive, zone),
                "utc": notation.utc(o.arrive), "position": notation.position(o.lat, o.lon),
                "kg": notation.kilograms(o.expected_kg) if o.action == "collect" else "",
            }
            for o in vessel.orders
        ],
    }  # fmt: skip


def track(vessel: Vessel) -> list[tuple[int, float, float]]:
    """(Unix seconds, lat, lon) along a vessel's way: steady speed on each leg, with its patch while it works."""
    if not vessel.orders:
        return []
    legs = {leg.sequence: leg.line for leg in vessel.legs}
    first = vessel.orders[0]
    points = [(_seconds(first.leave), first.end_lat, first.end_lon)]
    for before, order in zip(vessel.orders[:-1], vessel.orders[1:], strict=True):
        line = legs.get(order.sequence, [])
        start, end = _seconds(before.leave), _seconds(order.arrive)
        done, total = 0.0, math.fsum(_lengths(line)) or 1.0
        for length, (lon, lat) in zip(_lengths(line), line[1:], strict=False):
            done += length
            points.append((round(start + (end - start) * done / total), lat, lon))
        points.append((_seconds(order.leave), order.end_lat, order.end_lon))
    return points


def _lengths(line: list[tuple[float, float]]) -> list[float]:
    return [geodesy.leg(y1, x1, y2, x2)[1] for (x1, y1), (x2, y2) in itertools.pairwise(line)]


def _seconds(iso: str) -> int:
    return round(notation.moment(iso).timestamp())


def embedded(value: object) -> str:
    """JSON that can stand in a ``script`` element: no character that HTML or JavaScript could take for its own."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
