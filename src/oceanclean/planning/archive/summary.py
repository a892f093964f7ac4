"""The latest plan of each region as plain text, ready to be sent as an e-mail."""

from __future__ import annotations

import textwrap

from oceanclean.planning.archive.days import Day, Shelf
from oceanclean.planning.notation import day_clock, kilograms, plain, position, utc

#: RFC 5322, section 2.1.1: lines should stay under 78 characters.
WIDTH = 76


def summary(shelf: Shelf, before: int = 7) -> str:
    """Subject line, blank line, text.

    Args:
        shelf: a region.
        before: days before the latest that are listed with their catch.
    """
    day = shelf.days[-1]
    expected = "no plan" if day.expected_kg is None else f"{kilograms(day.expected_kg)} expected"
    lines = [f"Subject: {shelf.title}, {day.run.day}: {expected}", ""]
    if shelf.simulated:
        lines += ["SIMULATED SEA: do not sail by this plan.", ""]
    lines += _wrapped(day.sentence)
    lines += [f"Issued {utc(day.run.issue_time)}.", *_orders(day)]
    if day.run.degraded:
        lines += ["", "Degraded:"]
        lines += [line for s in day.run.degraded for line in _wrapped(plain(s), "- ")]
    earlier = shelf.days[-1 - before : -1]
    if earlier:
        lines += ["", "Days before:"]
        lines += [line for d in reversed(earlier) for line in _wrapped(f"{d.run.day}: {d.sentence}", "- ")]
    if day.link:
        lines += ["", f"Page: {day.link}"]
    return "\n".join(line.replace("\u202f", " ").replace("\u00a0", " ") for line in lines) + "\n"


def _orders(day: Day) -> list[str]:
    """Where each vessel goes first, or why it stays."""
    lines = []
    for vessel in (day.run.plan or {}).get("vessels", []):
        name = plain(vessel["name"], 40)
        work = [o for o in vessel["orders"] if o["action"] == "collect"]
        if not work:
            lines += _wrapped(f"{name} stays: {plain(vessel['reason'], 200) or 'no reason was given'}", "- ")
            continue
        first = work[0]
        text = (
            f"{name}: {len(work)} patches, {kilograms(vessel['expected_kg'])}; first {first['task_id']} at "
            f"{position(first['lat'], first['lon'])}, {day_clock(first['arrive'])} UTC"
        )
        lines += _wrapped(text, "- ")
    return ["", *lines] if lines else []


def _wrapped(text: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet)) or [""]
