"""Leaflet's files, read from the installed wheel when the page is written, and our own templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from oceanclean.errors import MissingDataError
from oceanclean.planning.colour import data_uri

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Leaflet:
    """Leaflet as text that can stand inside a page: no request leaves it."""

    script: str
    style: str
    version: str


@lru_cache(maxsize=1)
def leaflet() -> Leaflet:
    """Leaflet from the wheel ``XStatic-Leaflet``, licence comment included, its pictures inside the style.

    Raises:
        MissingDataError: the wheel is not installed or lacks a file.
    """
    folder = _folder()
    script = (folder / "leaflet.js").read_text(encoding="utf-8")
    script = re.sub(r"\n?//[#@] sourceMappingURL=.*", "", script)
    style = (folder / "leaflet.css").read_text(encoding="utf-8")
    style = re.sub(r"behavior:\s*url\([^)]*\);?", "", style)
    style = re.sub(r"url\(([^)]+)\)", lambda m: f"url({_picture(folder, m.group(1))})", style)
    found = re.search(r"Leaflet (\d+\.\d+\.\d+)", script)
    return Leaflet(script, style, found.group(1) if found else "")


def _folder() -> Path:
    try:
        files = metadata.files("XStatic-Leaflet") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "leaflet.js":
            return Path(str(file.locate())).parent
    raise MissingDataError("XStatic-Leaflet", "leaflet.js", "package is not installed", "the wheel XStatic-Leaflet",
                           "Install it: pip install XStatic-Leaflet.")  # fmt: skip


def _picture(folder: Path, name: str) -> str:
    path = folder / name.strip("\"' ")
    return data_uri(path.read_bytes(), "image/png")


def own(name: str) -> str:
    """A style or script of ours."""
    return (TEMPLATES / name).read_text(encoding="utf-8")
