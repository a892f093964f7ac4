"""KML 2.2 for Google Earth: ways, orders with their times, patches, closed areas."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from oceanclean.planning.exchange import waypoints, xml
from oceanclean.planning.model import PlanView, Vessel

NAMESPACE = "http://www.opengis.net/kml/2.2"


def kml(view: PlanView) -> str:
    """The plan in folders: one a vessel, one of patches, one of closed areas."""
    root = xml.element(None, "kml", xmlns=NAMESPACE)
    document = xml.element(root, "Document")
    xml.element(document, "name", f"Deployment plan, {view.header.title}, {view.header.issue_time[:10]}")
    xml.element(document, "description", view.bottom.verdict)
    for vessel in view.sent:
        _vessel(document, vessel)
    patches = _folder(document, "Patches at the issue time")
    for task in view.tasks:
        state = "served" if task.served_by else f"not served: {task.reason}"
        _place(patches, task.task_id, f"{task.mass_kg:.0f} kg expected, {state}", task.lon, task.lat)
    closed = _folder(document, "Closed areas")
    for area in view.closed_areas:
        mark = _mark(closed, area.name, area.reason)
        ring = xml.element(xml.element(xml.element(mark, "Polygon"), "outerBoundaryIs"), "LinearRing")
        xml.element(ring, "coordinates", _coordinates(area.polygon))
    return xml.document(root)


def _folder(parent: Element, name: str) -> Element:
    folder = xml.element(parent, "Folder")
    xml.element(folder, "name", name)
    return folder


def _mark(parent: Element, name: str, text: str) -> Element:
    mark = xml.element(parent, "Placemark")
    xml.element(mark, "name", name)
    xml.element(mark, "description", text)
    return mark


def _place(parent: Element, name: str, text: str, lon: float, lat: float, times: tuple[str, str] | None = None) -> None:
    mark = _mark(parent, name, text)
    if times:
        span = xml.element(mark, "TimeSpan")
        xml.element(span, "begin", times[0])
        xml.element(span, "end", times[1])
    xml.element(xml.element(mark, "Point"), "coordinates", _coordinates([(lon, lat)]))


def _coordinates(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{xml.degrees(lon)},{xml.degrees(lat)},0" for lon, lat in points)


def _vessel(document: Element, vessel: Vessel) -> None:
    folder = _folder(document, f"V{vessel.number} {vessel.name}")
    for order in vessel.orders:
        times = order.arrive, order.leave
        _place(folder, order.waypoint, waypoints.describe(order), order.lon, order.lat, times)
        if waypoints.moves(order):
            end = f"Here {order.action} {order.task_id} ends", order.end_lon, order.end_lat
            _place(folder, f"{order.waypoint}END", *end, (order.leave, order.leave))
    for leg in vessel.legs:
        mark = _mark(folder, f"V{vessel.number} leg {leg.sequence}", "")
        line = xml.element(mark, "LineString")
        xml.element(line, "tessellate", "1")
        xml.element(line, "coordinates", _coordinates(leg.line))
