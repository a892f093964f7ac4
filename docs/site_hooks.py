r"""What the site needs beside its pages: equations as MathML, which browsers draw themselves, and no lost page.

``$$…$$`` on lines of its own is a displayed equation, ``\(…\)`` stands in a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DISPLAYED = re.compile(r"^\$\$\n?(.+?)\n?\$\$$", re.DOTALL | re.MULTILINE)
_IN_LINE = re.compile(r"\\\((.+?)\\\)")
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def on_config(config: Any) -> Any:
    """Pages that mkdocs.yml places nowhere stand under "More", so that a new page is never lost."""
    folder = Path(config["docs_dir"])
    placed = set(_pages(config["nav"]))
    others = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.md"))
    if left := [page for page in others if page not in placed]:
        config["nav"].append({"More": left})
    return config


def _pages(nav: Any) -> Iterator[str]:
    """Files named anywhere in the navigation."""
    if isinstance(nav, str):
        yield nav
    for part in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _pages(part)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Equations outside of code to MathML."""
    parts = _CODE.split(markdown)
    return "".join(part if i % 2 else _mathml(part) for i, part in enumerate(parts))


def _mathml(text: str) -> str:
    from latex2mathml.converter import convert

    text = _DISPLAYED.sub(lambda m: "\n" + convert(" ".join(m[1].split()), display="block") + "\n", text)
    # the span keeps a line that begins with an equation from being taken for a block
    return _IN_LINE.sub(lambda m: f"<span>{convert(m[1])}</span>", text)
