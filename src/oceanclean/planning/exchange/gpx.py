"""GPX 1.1 for chart plotters: a route for each vessel, waypoints where it works.

Element order follows the schema (http://www.topografix.com/GPX/1/1/gpx.xsd). Short ASCII names suit old plotters.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from oceanclean.planning import notation
from oceanclean.planning.exchange import waypoints, xml
from oceanclean.planning.model import PlanView, Vessel

NAMESPACE = "http://www.topografix.com/GPX/1/1"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
NOT_CHECKED = "Not checked for depth or dangers: check against the chart before use."


def gpx(view: PlanView) -> str:
    """The fleet's routes and waypoints."""
    root = xml.element(None, "gpx", version="1.1", creator="oceanclean", xmlns=NAMESPACE)
    root.set("xmlns:xsi", _SCHEMA)
    root.set("xsi:schemaLocation", f"{NAMESPACE} {NAMESPACE}/gpx.xsd")
    head = xml.element(root, "metadata")
    xml.element(head, "name", f"Deployment plan, {view.header.title}, {view.header.issue_time[:10]}")
    xml.element(head, "desc", f"{view.bottom.verdict} {NOT_CHECKED}")
    xml.element(head, "time", view.header.issue_time)
    for vessel in view.sent:
        _works(root, vessel)
    for vessel in view.sent:
        _route(root, vessel)
    return xml.document(root)


def _works(root: Element, vessel: Vessel) -> None:
    for order in vessel.orders:
        if order.action == "collect":
            point = xml.element(root, "wpt", lat=xml.degrees(order.lat), lon=xml.degrees(order.lon))
            xml.element(point, "time", order.arrive)
            xml.element(point, "name", order.waypoint)
            xml.element(point, "desc", f"{vessel.name}: {waypoints.describe(order)}")
            xml.element(point, "sym", "Flag, Blue")
            xml.element(point, "type", "debris patch")


def _route(root: Element, vessel: Vessel) -> None:
    route = xml.element(root, "rte")
    xml.element(route, "name", f"V{vessel.number} {notation.ascii_name(vessel.name, 24, vessel.vessel_id)}")
    xml.element(route, "desc", f"{vessel.name} ({vessel.vessel_id}). {NOT_CHECKED}")
    xml.element(route, "number", str(vessel.number))
    xml.element(route, "type", "deployment")
    for point in waypoints.way(vessel):
        made = xml.element(route, "rtept", lat=xml.degrees(point.lat), lon=xml.degrees(point.lon))
        if point.arrive is not None:
            xml.element(made, "time", point.arrive)
        xml.element(made, "name", point.name)
        if point.order is not None:
            xml.element(made, "desc", waypoints.describe(point.order))
            xml.element(made, "sym", "Flag, Blue" if point.order.action == "collect" else "Anchor")
            xml.element(made, "type", point.order.action)
        elif point.leave is not None:
            xml.element(made, "desc", f"LEAVE {point.leave[:16]}Z: here the sweep or the wait ends")
            xml.element(made, "type", "end")
