"""A vessel's orders as a short plain text for satellite mail."""

from __future__ import annotations

from oceanclean.planning import notation
from oceanclean.planning.exchange.waypoints import moves
from oceanclean.planning.model import Order, PlanView, Vessel

END = "Not checked for depth. Master decides."


def message(view: PlanView, vessel: Vessel, limit: int) -> str:
    """The orders in fewer than ``limit`` characters of ASCII; lines that do not fit are dropped and counted."""
    head = [
        f"OCEANCLEAN {view.header.status} {view.header.issue_time[:16]}Z {_ascii(view.header.region, 24)}",
        f"{notation.ascii_name(vessel.name, 32, vessel.vessel_id)} ({_ascii(vessel.vessel_id, 32)})",
    ]
    if vessel.status != "sent":
        return _fitted([*head, f"STAY: {_ascii(vessel.reason, 400)}"], [], limit)
    head.append(
        f"Catch {vessel.expected_kg:.0f}kg ({vessel.p10_kg:.0f}-{vessel.p90_kg:.0f}, 80%) {vessel.distance_nm:.0f}nm "
        f"{vessel.hours:.1f}h. Max Hs {vessel.max_wave_height_m:.1f}m wind {vessel.max_wind_kn:.0f}kn"
    )
    # what a skipper can do without goes first: drift, waves, share of the forecasts, then the bends, which the route
    # files hold; then orders from the middle, never the way home
    for less in range(5):
        lines = [_line(o, less) for o in vessel.orders]
        if len(_text(head, lines)) < limit:
            break
    return _fitted(head, lines, limit)


def _ascii(text: str, limit: int) -> str:
    replaced = text.translate({0x2013: "-", 0x2212: "-", 0xB0: " deg", 0x2032: "'", 0xA0: " ", 0x202F: ""})
    clean = replaced.encode("ascii", "replace").decode()
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def _position(lat: float, lon: float) -> str:
    """``1548.20N 08647.40W``, as radio messages write it."""
    return notation.position(lat, lon).replace("°", "").replace("′", "")


def _line(order: Order, less: int = 0) -> str:
    """One order; ``less`` leaves out drift (1), waves too (2), the share of the forecasts (3), the bends (4)."""
    start = f"{order.sequence} {order.action.upper()} {_ascii(order.task_id or order.place, 20)}".strip()
    times, place = _times(order.arrive, order.leave), _position(order.lat, order.lon)
    if order.action != "collect" and order.place:
        place = ""  # in the port named
        if order.action == "unload":
            return f"{start} {times}"
    ends = f" ends {_position(order.end_lat, order.end_lon)}" if moves(order) else ""
    catch = ""
    if order.action == "collect":
        reach = order.forecasts_in_reach
        chance = f" reach{reach:.2f}" if reach is not None and less < 3 else ""
        waves = f" Hs{order.wave_height_m:.1f}" if order.wave_height_m is not None and less < 2 else ""
        catch = f" {order.expected_kg:.0f}kg{chance}{waves}"
        if order.drift_speed_kn is not None and less < 1:
            catch += f" drift {notation.course(order.drift_course_deg).rstrip('°')}/{order.drift_speed_kn:.1f}kn"
    return " ".join(f"{start} {place} {times}{_way(order, less)}{ends}{catch}".split())


def _times(arrive: str, leave: str) -> str:
    """``16/1240-1810Z``: day and clock in UTC; the second day only where it is another."""
    begin = f"{arrive[8:10]}/{arrive[11:13]}{arrive[14:16]}"
    end = f"{leave[11:13]}{leave[14:16]}Z"
    if arrive[:16] == leave[:16]:
        return f"{begin}Z"
    return f"{begin}-{end}" if arrive[:10] == leave[:10] else f"{begin}-{leave[8:10]}/{end}"


def _way(order: Order, less: int) -> str:
    """`` 045 12.3nm``; with bends the first course and their places: `` 045 12.3nm via 1612.30N 08647.10W``."""
    if not order.way:
        return ""
    course = notation.course(order.first_course_deg).rstrip("°")
    if len(order.way) == 1:
        return f" {course} {order.distance_nm:.1f}nm"
    if less > 3:
        return f" {course} then {len(order.way) - 1} turns {order.distance_nm:.1f}nm"
    bends = " ".join(_position(s.lat, s.lon) for s in order.way[:-1])
    return f" {course} {order.distance_nm:.1f}nm via {bends}"


def _text(head: list[str], lines: list[str]) -> str:
    return "\n".join([*head, *lines, END]) + "\n"


def _fitted(head: list[str], lines: list[str], limit: int) -> str:
    """Head, as many of the first lines as fit, the last line, and the end."""
    for kept in range(len(lines), 0, -1):
        dropped = len(lines) - kept
        shown = lines if not dropped else [*lines[: kept - 1], f"+{dropped} more: see plan.html", lines[-1]]
        if len(text := _text(head, shown)) < limit:
            return text
    return _text(head, [])[: limit - 2].rstrip("\n") + "\n"
