"""RTZ 1.2 route exchange for ECDIS (IEC 61174 Annex S; IEC PAS 61174-1:2021), one vessel a file.

Rules kept besides the schema's: ``routeName`` equals the file's name, waypoint ids are unique, the first waypoint
has no leg, points lie more than about ten metres apart, ``vesselName`` has at most 32 characters, MMSI nine digits
starting with 2 to 7, the file stays under 400 kB, every scheduled waypoint exists.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from oceanclean.planning import notation
from oceanclean.planning.exchange import waypoints, xml
from oceanclean.planning.exchange.waypoints import Waypoint
from oceanclean.planning.model import Order, PlanView, Vessel

NAMESPACE = "http://www.cirm.org/RTZ/1/2"
#: Turn radius of every waypoint, nautical miles; the receiver's own limits apply.
TURN_RADIUS_NM = "0.10"

Stops = list[tuple[Waypoint, list[Order]]]


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
    for number, (point, orders) in enumerate(stops, start=1):
        _waypoint(points, number, point, orders, vessel)
    schedules = xml.element(root, "schedules")
    schedule = xml.element(schedules, "schedule", id="1", name="Plan")
    calculated = xml.element(schedule, "calculated")
    for number, (_point, orders) in enumerate(stops, start=1):
        if orders:
            _scheduled(calculated, number, orders, len(stops))
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


def _waypoint(parent: Element, number: int, point: Waypoint, orders: list[Order], vessel: Vessel) -> None:
    task = next((o.task_id for o in orders if o.task_id), "")
    name = f"{point.name} {notation.ascii_name(task, 12, '')}".strip()
    made = xml.element(parent, "waypoint", id=str(number), revision="0", name=name, radius=TURN_RADIUS_NM)
    xml.element(made, "position", lat=xml.degrees(point.lat), lon=xml.degrees(point.lon))
    if number > 1:
        speed = f"{vessel.transit_kn:.2f}"
        xml.element(made, "leg", geometryType="Loxodrome", speedMin="0.00", speedMax=speed)


def _scheduled(parent: Element, number: int, orders: list[Order], last: int) -> None:
    facts = {"waypointId": str(number)}
    if number > 1:
        facts["eta"] = orders[0].arrive
    if number < last:
        facts["etd"] = orders[-1].leave
    minutes = round((notation.moment(orders[-1].leave) - notation.moment(orders[0].arrive)).total_seconds() / 60)
    if 1 < number < last and minutes > 0:
        facts["stay"] = f"PT{minutes // 60}H{minutes % 60}M"
    xml.element(parent, "scheduleElement", "", **facts)
