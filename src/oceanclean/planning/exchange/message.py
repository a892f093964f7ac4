"""A vessel's orders as a short plain text for satellite mail."""

from __future__ import annotations

from oceanclean.planning import notation
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
    # what a skipper can do without goes first: drift, waves, chance; then orders from the middle, never the way home
    for less in range(4):
        lines = [_line(o, less) for o in vessel.orders]
        if len(_text(head, lines)) < limit:
            break
    return _fitted(head, lines, limit)


def _ascii(text: str, limit: int) -> str:
    replaced = text.translate({0x2013: "-", 0x2212: "-", 0xB0: " deg", 0x2032: "'", 0xA0: " ", 0x202F: ""})
    clean = replaced.encode("ascii", "replace").decode()
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def _position(order: Order) -> str:
    """``1548.20N 08647.40W``, as radio messages write it."""
    return notation.position(order.lat, order.lon).replace("°", "").replace("′", "")


def _line(order: Order, less: int = 0) -> str:
    """One order; ``less`` leaves out drift (1), waves too (2), the chance of finding too (3)."""
    start = f"{order.sequence} {order.action.upper()} {_ascii(order.task_id or order.place, 20)}".strip()
    times = f"{order.arrive[8:10]}/{order.arrive[11:16]}Z-{order.leave[8:10]}/{order.leave[11:16]}Z"
    if order.action == "unload":
        return f"{start} {times}"  # in the port named
    way = f" {notation.course(order.course_deg).rstrip('°')} {order.distance_nm:.1f}nm" if order.sequence else ""
    catch = ""
    if order.action == "collect":
        chance = f" p{order.found_probability:.2f}" if order.found_probability is not None and less < 3 else ""
        waves = f" Hs{order.wave_height_m:.1f}" if order.wave_height_m is not None and less < 2 else ""
        catch = f" {order.expected_kg:.0f}kg{chance}{waves}"
        if order.drift_speed_kn is not None and less < 1:
            catch += f" drift {notation.course(order.drift_course_deg).rstrip('°')}/{order.drift_speed_kn:.1f}kn"
    return f"{start} {_position(order)} {times}{way}{catch}"


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
