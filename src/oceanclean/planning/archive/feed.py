"""The Atom feed (RFC 4287): one entry a plan, youngest first."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from oceanclean.planning.archive.days import Day, Shelf

ATOM = "http://www.w3.org/2005/Atom"
#: Entries kept; readers poll, and the index has all.
MOST_ENTRIES = 60


def feed(shelves: Sequence[Shelf], base: str) -> bytes:
    """Write the feed.

    Args:
        shelves: all regions.
        base: where the archive will stand, ending in "/", such as ``https://example.org/plans/``; "" leaves links
            relative, which readers of a file accept.
    """
    ElementTree.register_namespace("", ATOM)
    days = sorted((d for s in shelves for d in s.days), key=lambda d: (_updated(d), d.run.region), reverse=True)
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    _add(root, "id", f"{base}atom.xml" if base else "urn:oceanclean:archive")
    _add(root, "title", "Deployment plans")
    _add(root, "updated", _updated(days[0]) if days else "1970-01-01T00:00:00Z")
    ElementTree.SubElement(root, f"{{{ATOM}}}link", rel="self", href=f"{base}atom.xml")
    author = ElementTree.SubElement(root, f"{{{ATOM}}}author")
    _add(author, "name", "oceanclean")
    for day in days[:MOST_ENTRIES]:
        _entry(root, day, base)
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="utf-8") + b"\n"


def _updated(day: Day) -> str:
    return str(day.run.ledger.get("ended") or day.run.issue_time)


def _entry(root: ElementTree.Element, day: Day, base: str) -> None:
    entry = ElementTree.SubElement(root, f"{{{ATOM}}}entry")
    _add(entry, "id", f"urn:oceanclean:run:{day.run.region}:{day.run.issue_time}")
    _add(entry, "title", f"{day.run.title}: plan of {day.run.day}")
    _add(entry, "updated", _updated(day))
    _add(entry, "published", day.run.issue_time)
    ElementTree.SubElement(entry, f"{{{ATOM}}}category", term=day.run.region)
    ElementTree.SubElement(entry, f"{{{ATOM}}}link", rel="alternate", href=base + (day.link or "index.html"))
    _add(entry, "summary", " ".join([day.sentence, *day.run.degraded]))


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    # XML 1.0 has no control characters but these three
    clean = "".join(c for c in text if c in "\t\n\r" or 0x20 <= ord(c) < 0xD800 or 0xE000 <= ord(c) <= 0xFFFD
                    or ord(c) >= 0x10000)  # fmt: skip
    ElementTree.SubElement(parent, f"{{{ATOM}}}{name}").text = clean
