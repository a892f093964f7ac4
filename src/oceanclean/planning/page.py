"""The page: one HTML file that opens without a network."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from oceanclean.planning import assets, notation
from oceanclean.planning.colour import data_uri
from oceanclean.planning.exchange.waypoints import moves
from oceanclean.planning.layers import Layers
from oceanclean.planning.mapdata import embedded, map_data
from oceanclean.planning.model import PlanView
from oceanclean.planning.sightings import Sightings
from oceanclean.planning.timeline import timeline

if TYPE_CHECKING:
    from jinja2 import Environment

#: Colours of vessels, told apart by the colour-blind and on the density ramp (Okabe & Ito 2008, darkened for contrast).
VESSEL_COLOURS = ("#0060a0", "#00755a", "#b34a00", "#8a3d70", "#2f5d8c", "#6b5b00", "#4a3fa0", "#8c2f39")


def page(view: PlanView, layers: Layers, sightings: Sightings, overview: bytes, attachments: dict[str, str]) -> bytes:
    """Write the page.

    Args:
        view: the model.
        layers: what the map draws besides it.
        sightings: detections and scenes.
        overview: PNG of the still map, for print and for browsers without JavaScript.
        attachments: file name to what it is for.

    Returns:
        HTML in UTF-8 with everything inside.
    """
    leaflet = assets.leaflet()
    styles = [leaflet.style, assets.own("plan.css") + _vessel_styles(view)]
    scripts = [leaflet.script, assets.own("plan.js")]
    html: str = (
        _environment(view)
        .get_template("plan.html.j2")
        .render(
            view=view, layers=layers, sightings=sightings, timeline=timeline(view), attachments=attachments,
            overview=data_uri(overview, "image/png"), map_json=embedded(map_data(view, layers, sightings)),
            styles=styles, scripts=scripts, style_hashes=_hashes(styles), script_hashes=_hashes(scripts),
            leaflet_version=leaflet.version,
        )
    )  # fmt: skip
    return html.encode()


def _environment(view: PlanView) -> Environment:
    """Jinja2 with escaping on, undefined names refused, and the notation as filters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    zone = view.header.timezone
    made = Environment(loader=FileSystemLoader(assets.TEMPLATES), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    filters: dict[str, Any] = {
        "kg": notation.kilograms, "percent": notation.percent, "course": notation.course, "compass": notation.compass,
        "signed": notation.signed_kilograms, "utc": notation.utc, "utc_clock": notation.clock, "short": notation.plain,
        "local": lambda t: notation.local(t, zone), "day": lambda t: notation.day(t, zone),
        "clock": lambda t: notation.clock(t, zone), "zone": lambda t: notation.zone_name(t, zone),
    }  # fmt: skip
    made.filters.update(filters)
    made.globals.update(position=notation.position, decimal_position=notation.decimal_position,
                        interval=notation.interval, count=notation.count, moves=moves)  # fmt: skip
    return made


def _vessel_styles(view: PlanView) -> str:
    """A colour for each vessel, as classes: the content security policy allows no style attributes."""
    colours = [VESSEL_COLOURS[i % len(VESSEL_COLOURS)] for i in range(len(view.vessels))]
    return "\n" + "".join(f".v{v.number}{{--vessel:{c}}}\n" for v, c in zip(view.vessels, colours, strict=True))


def _hashes(texts: list[str]) -> str:
    """The texts' hashes as a content security policy wants them."""
    digests = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in texts]
    return " ".join(f"'sha256-{d}'" for d in digests)
