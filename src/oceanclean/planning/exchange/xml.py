"""XML by the standard library: escaped, indented, declared; characters that XML forbids are dropped."""

from __future__ import annotations

import re
from xml.etree import ElementTree

#: Characters outside ``Char`` of XML 1.0, section 2.2.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(parent: ElementTree.Element | None, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    """Append an element; keyword arguments are its attributes."""
    clean = {k: _FORBIDDEN.sub("", v) for k, v in attributes.items()}
    made = ElementTree.Element(tag, clean) if parent is None else ElementTree.SubElement(parent, tag, clean)
    if text:
        made.text = _FORBIDDEN.sub("", text)
    return made


def document(root: ElementTree.Element) -> str:
    """The whole document as text."""
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def degrees(value: float) -> str:
    """Degrees with the model's six decimals, never in exponent notation."""
    return f"{value:.6f}"
