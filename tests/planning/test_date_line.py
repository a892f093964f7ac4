"""A plan across the date line is one plan: no line jumps around the world, every file keeps its reader's longitudes."""

from __future__ import annotations

import itertools
import json

import gpxpy
import pytest
import shapely
from plan_factory import make_day

from oceanclean.planning import PlanningSettings, publish
from oceanclean.region import Region

#: Moves the factory's day from 87.2 W to the open Pacific around 180.
SHIFT = 267.2


def moved_day():
    """The factory's day, moved onto the date line."""
    day = make_day()
    settings = day.region.settings
    boxes = {}
    for name in ("bbox", "waters"):
        box = getattr(settings, name)
        east = box.east + SHIFT
        boxes[name] = box.model_copy(update={"west": box.west + SHIFT, "east": east - 360 if east > 180 else east})
    ports = [p.model_copy(update={"lon": p.lon + SHIFT}) for p in settings.ports]
    day.region = Region(settings.model_copy(update={**boxes, "ports": ports, "exclusion_zones": []}))
    for table in (day.plan.orders, day.plan.tasks, day.plan.routes, day.plan.task_tracks, day.fleet):
        if "end_lon" in table:
            table["end_lon"] = table["end_lon"] + SHIFT
        table["geometry"] = table.geometry.apply(lambda g: shapely.affinity.translate(g, SHIFT))
    grids = {
        n: getattr(day, n).assign_coords(lon=getattr(day, n).lon + SHIFT)
        for n in ("density_map", "forecast", "forcing")
    }
    day.__dict__.update(grids)
    return day


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    day = moved_day()
    folder = tmp_path_factory.mktemp("line")
    publish(day.plan, folder=folder, settings=PlanningSettings(papers=False), **day.arguments())
    return folder


def test_longitudes_are_signed_and_routes_short(folder):
    """GPX longitudes lie in [−180, 180); the sailed length between points stays that of the same day elsewhere."""
    routes = gpxpy.parse((folder / "plan.gpx").read_text(encoding="utf-8")).routes
    longitudes = [p.longitude for r in routes for p in r.points]
    assert min(longitudes) < -179
    assert max(longitudes) > 179
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert all(-180 <= o["lon"] < 180 for v in plan["vessels"] for o in v["orders"])
    alternates = [o["alternate"] for v in plan["vessels"] for o in v["orders"] if o["alternate"]]
    assert alternates
    assert all(a["distance_nm"] < 60 for a in alternates)
    assert plan["tasks"][0]["evidence"].startswith("Seen 18 h")


def test_geojson_lines_are_cut_at_the_line(folder):
    """RFC 7946: no segment spans more than half the world, and at least one line was cut."""
    features = json.loads((folder / "plan.geojson").read_text(encoding="utf-8"))["features"]
    lines = [f["geometry"] for f in features if f["geometry"]["type"].endswith("LineString")]
    parts = [p for g in lines for p in (g["coordinates"] if g["type"].startswith("Multi") else [g["coordinates"]])]
    assert any(g["type"] == "MultiLineString" for g in lines)
    assert all(abs(a[0] - b[0]) < 10 for part in parts for a, b in itertools.pairwise(part))


def test_the_map_is_not_torn(folder):
    """The page's pictures and limits are one box of a few degrees around the line."""
    html = (folder / "plan.html").read_text(encoding="utf-8")
    data = json.loads(html.partition('type="application/json">')[2].partition("</script>")[0])
    south, west, north, east = data["limits"]
    assert west < 180 < east < west + 20
    assert west < data["bounds"][1] < data["bounds"][3] < east
    assert south < north
