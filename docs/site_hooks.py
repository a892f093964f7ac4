r"""Equations of the site as MathML: browsers draw it themselves, so that no script is loaded from anywhere.

``$$…$$`` on lines of its own is a displayed equation, ``\(…\)`` stands in a line.
"""

from __future__ import annotations

import re
from typing import Any

_DISPLAYED = re.compile(r"^\$\$\n?(.+?)\n?\$\$$", re.DOTALL | re.MULTILINE)
_IN_LINE = re.compile(r"\\\((.+?)\\\)")
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Equations outside of code to MathML."""
    parts = _CODE.split(markdown)
    return "".join(part if i % 2 else _mathml(part) for i, part in enumerate(parts))


def _mathml(text: str) -> str:
    from latex2mathml.converter import convert

    text = _DISPLAYED.sub(lambda m: "\n" + convert(" ".join(m[1].split()), display="block") + "\n", text)
    # the span keeps a line that begins with an equation from being taken for a block
    return _IN_LINE.sub(lambda m: f"<span>{convert(m[1])}</span>", text)
