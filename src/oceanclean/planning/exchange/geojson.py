"""GeoJSON (RFC 7946): orders, ways, patches with their drift, closed areas, ports."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from typing import Any

from oceanclean.planning.exchange.waypoints import moves, split_at_date_line
from oceanclean.planning.model import ClosedArea, PlanView, Vessel

Feature = dict[str, Any]


def geojson(view: PlanView) -> str:
    """The plan as a feature collection; ``kind`` says what a feature is."""
    features = [f for v in view.vessels for f in _vessel(v)]
    for task in view.tasks:
        facts = {k: v for k, v in asdict(task).items() if k not in {"lat", "lon", "track"}}
        features.append(_feature("task", f"task-{task.task_id}", _point(task.lon, task.lat), facts))
        if len(task.track) > 1:
            drift = {"task_id": task.task_id, "start": task.track[0].time, "end": task.track[-1].time}
            line = _line([(p.lon, p.lat) for p in task.track])
            features.append(_feature("drift", f"drift-{task.task_id}", line, drift))
    features += [_closed(i, area) for i, area in enumerate(view.closed_areas)]
    for port in view.ports:
        features.append(_feature("port", f"port-{port.name}", _point(port.lon, port.lat), {"name": port.name}))
    record = {"type": "FeatureCollection", "features": features}
    return json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _feature(kind: str, identifier: str, geometry: Feature, facts: dict[str, Any]) -> Feature:
    return {"type": "Feature", "id": identifier, "geometry": geometry, "properties": {"kind": kind, **facts}}


def _point(lon: float, lat: float) -> Feature:
    return {"type": "Point", "coordinates": [lon, lat]}


def _line(line: list[tuple[float, float]]) -> Feature:
    parts = split_at_date_line(line)
    if len(parts) == 1:
        return {"type": "LineString", "coordinates": parts[0]}
    return {"type": "MultiLineString", "coordinates": parts}


def _vessel(vessel: Vessel) -> list[Feature]:
    """A vessel's orders and legs."""
    who = {"vessel_id": vessel.vessel_id, "vessel_name": vessel.name}
    features = []
    for order in vessel.orders:
        facts = {k: v for k, v in asdict(order).items() if k not in {"lat", "lon"}}
        features.append(_feature("order", f"order-{order.waypoint}", _point(order.lon, order.lat), {**who, **facts}))
        if moves(order):
            line = _line([(order.lon, order.lat), (order.end_lon, order.end_lat)])
            sweep = {"sequence": order.sequence, "task_id": order.task_id, "start": order.arrive, "end": order.leave}
            features.append(_feature("sweep", f"sweep-{order.waypoint}", line, {**who, **sweep}))
    for leg in vessel.legs:
        name = f"leg-V{vessel.number}-{leg.sequence:02d}"
        features.append(_feature("leg", name, _line(leg.line), {**who, "sequence": leg.sequence}))
    return features


def _closed(index: int, area: ClosedArea) -> Feature:
    ring = area.polygon
    doubled = sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in itertools.pairwise(ring))
    ring = ring if doubled < 0 else ring[::-1]  # exterior rings run counterclockwise (section 3.1.6)
    facts = {"name": area.name, "reason": area.reason, "starts": area.starts, "ends": area.ends}
    return _feature("closed_area", f"closed-{index}", {"type": "Polygon", "coordinates": [ring]}, facts)
