"""A report as one self-contained HTML file: no request, no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from oceanclean.planning import assets, notation
from oceanclean.planning.colour import data_uri
from oceanclean.planning.season.document import Document

if TYPE_CHECKING:
    from jinja2 import Environment


def html(document: Document, others: Mapping[str, str]) -> bytes:
    """Write the page.

    Args:
        document: the report.
        others: file name to label of the reports and files beside it.
    """
    style = assets.own("plan.css") + assets.own("report.css")
    text: str = environment().get_template("report.html.j2").render(
        document=document, others=others, style=style, style_hash=style_hash(style)
    )  # fmt: skip
    return text.encode()


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja2 with escaping on and undefined names refused."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(assets.TEMPLATES), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    made.filters.update(png=lambda data: data_uri(data, "image/png"), kg=notation.kilograms, utc=notation.utc)
    made.globals.update(interval=notation.interval)
    return made


def style_hash(style: str) -> str:
    """The style's hash as a content security policy wants it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
