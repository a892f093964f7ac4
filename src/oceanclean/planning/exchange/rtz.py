"""RTZ 1.2 route exchange for ECDIS (IEC 61174 Annex S; IEC PAS 61174-1:2021), one vessel a file.

Rules kept besides the schema's: ``routeName`` equals the file's name, waypoint ids are unique, the first waypoint
has no leg, points lie more than about ten metres apart, ``vesselName`` has at most 32 characters, MMSI nine digits
starting with 2 to 7, the file stays under 400 kB, every scheduled waypoint exists, no leg has to be sailed faster
than its ``speedMax``: a sweep drifts with its patch, so its end is a waypoint of its own and carries the ``etd``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from oceanclean.planning import geodesy, notation
from oceanclean.planning.exchange import waypoints, xml
from oceanclean.planning.exchange.waypoints import Stop
from oceanclean.planning.model import PlanView, Vessel

NAMESPACE = "http://www.cirm.org/RTZ/1/2"
#: Turn radius of every waypoint, nautical miles; the receiver's own limits apply.
TURN_RADIUS_NM = "0.10"


def rtz(view: PlanView, vessel: Vessel, route_name: str) -> str:
    """A vessel's route with its schedule, or "" if fewer than two places remain.

    Args:
        view: the plan.
        vessel: a vessel that is sent.
        route_name: name of the file without its suffix.
    """
    stops = waypoints.spaced(waypoints.way(vessel))
    if len(stops) < 2:
        return ""
    root = xml.element(None, "route", version="1.2", xmlns=NAMESPACE)
    _info(root, view, vessel, route_name)
    points = xml.element(root, "waypoints")
    for number, (stop, speed) in enumerate(zip(stops, speeds(stops, vessel.transit_kn), strict=True), start=1):
        _waypoint(points, number, stop, speed)
    schedules = xml.element(root, "schedules")
    schedule = xml.element(schedules, "schedule", id="1", name="Plan")
    calculated = xml.element(schedule, "calculated")
    for number, stop in enumerate(stops, start=1):
        if stop.arrive is not None:
            _scheduled(calculated, number, stop, len(stops))
    return xml.document(root)


def _info(root: Element, view: PlanView, vessel: Vessel, route_name: str) -> None:
    facts = {
        "routeName": route_name, "routeAuthor": "oceanclean",
        "routeStatus": f"{view.header.status}, not checked for depth", "validityPeriodStart": view.header.issue_time,
        "validityPeriodStop": view.header.valid_to,
        "vesselName": notation.ascii_name(vessel.name, 32, vessel.vessel_id),
        "vesselMaxWave": f"{vessel.max_wave_height_m:.2f}", "vesselMaxWind": f"{vessel.max_wind_kn:.2f}",
    }  # fmt: skip
    if len(vessel.mmsi) == 9 and vessel.mmsi.isdecimal() and vessel.mmsi[0] in "234567":
        facts["vesselMMSI"] = vessel.mmsi
    xml.element(root, "routeInfo", "", **facts)


def speeds(stops: Sequence[Stop], transit_kn: float) -> list[float]:
    """Highest speed of the leg to each stop, in knots over the ground; the first has none.

    It is the vessel's in transit, or what the schedule asks for where a current carries the vessel beyond that.
    """
    timed = [k for k, stop in enumerate(stops) if stop.arrive is not None]
    highest = [transit_kn] * len(stops)
    for a, b in itertools.pairwise(timed):
        left, due = stops[a].leave or stops[a].arrive, stops[b].arrive
        assert left is not None and due is not None  # noqa: S101, PT018
        hours = (notation.moment(due) - notation.moment(left)).total_seconds() / 3600.0
        miles = math.fsum(
            geodesy.leg(p.point.lat, p.point.lon, q.point.lat, q.point.lon)[1]
            for p, q in itertools.pairwise(stops[a : b + 1])
        )
        if hours > 0:
            needed = math.ceil(100.0 * miles / hours) / 100.0
            highest[a + 1 : b + 1] = [max(transit_kn, needed)] * (b - a)
    return highest


def _waypoint(parent: Element, number: int, stop: Stop, speed_kn: float) -> None:
    task = next((o.task_id for o in stop.orders if o.task_id), "")
    name = f"{stop.point.name} {notation.ascii_name(task, 12, '')}".strip()
    made = xml.element(parent, "waypoint", id=str(number), revision="0", name=name, radius=TURN_RADIUS_NM)
    xml.element(made, "position", lat=xml.degrees(stop.point.lat), lon=xml.degrees(stop.point.lon))
    if number > 1:
        xml.element(made, "leg", geometryType="Loxodrome", speedMin="0.00", speedMax=f"{speed_kn:.2f}")


def _scheduled(parent: Element, number: int, stop: Stop, last: int) -> None:
    assert stop.arrive is not None  # noqa: S101
    facts = {"waypointId": str(number)}
    if number > 1:
        facts["eta"] = stop.arrive
    if number < last and stop.leave is not None:
        facts["etd"] = stop.leave
        minutes = round((notation.moment(stop.leave) - notation.moment(stop.arrive)).total_seconds() / 60)
        if number > 1 and minutes > 0:
            facts["stay"] = f"PT{minutes // 60}H{minutes % 60}M"
    xml.element(parent, "scheduleElement", "", **facts)
