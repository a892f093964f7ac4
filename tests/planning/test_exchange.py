"""All files say the same, in the form that their readers demand."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import gpxpy
import jsonschema
import pytest
import xmlschema
from plan_factory import HOSTILE

from oceanclean.planning import geodesy, notation
from oceanclean.planning.exchange import kml, record, rtz, table

TOLERANCE = 1e-6
ROOT = Path(__file__).resolve().parents[2]


def parse(text: str | bytes) -> ElementTree.Element:
    """A file of ours as an element tree."""
    return ElementTree.fromstring(text)  # noqa: S314  (we wrote it)


def orders_by_waypoint(published) -> dict[str, tuple[float, float]]:
    """(lat, lon) of every order in plan.json."""
    plan = json.loads(published.text("plan.json"))
    return {o["waypoint"]: (o["lat"], o["lon"]) for v in plan["vessels"] for o in v["orders"]}


def assert_agree(found: dict[str, tuple[float, float]], wanted: dict[str, tuple[float, float]]) -> None:
    assert found.keys() == wanted.keys()
    for name, (lat, lon) in wanted.items():
        assert found[name] == (pytest.approx(lat, abs=TOLERANCE), pytest.approx(lon, abs=TOLERANCE))


@pytest.fixture(params=["published", "hostile"])
def day(request):
    """An ordinary day and one with hostile names."""
    return request.getfixturevalue(request.param)


def test_json_agrees_with_the_plan_it_came_from(day):
    """Every order of the allocation's table stands in plan.json, at its place to 1e-6 degrees and its time."""
    plan = json.loads(day.text("plan.json"))
    found = {(v["vessel_id"], o["sequence"]): o for v in plan["vessels"] for o in v["orders"]}
    assert len(found) == len(day.day.plan.orders) > 8
    for row in day.day.plan.orders.to_dict("records"):
        order = found[row["vessel_id"], row["sequence"]]
        assert order["lat"] == pytest.approx(row["geometry"].y, abs=TOLERANCE)
        assert order["lon"] == pytest.approx(row["geometry"].x, abs=TOLERANCE)
        assert abs((datetime.fromisoformat(order["arrive"]) - row["arrive"]).total_seconds()) <= 0.5
        assert order["expected_kg"] == pytest.approx(row["expected_kg"], abs=0.01)


def test_gpx_agrees_as_an_independent_reader_reads_it(day):
    """The routes of plan.gpx, read by gpxpy, pass through every order at its place and time."""
    routes = gpxpy.parse(day.text("plan.gpx")).routes
    assert len(routes) == 3
    points = {p.name: p for r in routes for p in r.points if re.fullmatch(r"V\d+-\d\d", p.name)}
    assert_agree({k: (p.latitude, p.longitude) for k, p in points.items()}, orders_by_waypoint(day))
    assert all(p.time is not None for p in points.values())
    assert all(p.name.isascii() and len(p.name) <= 10 for r in routes for p in r.points)


def test_geojson_csv_and_kml_agree(day):
    """The same orders stand at the same places in plan.geojson, orders.csv and plan.kml."""
    wanted = orders_by_waypoint(day)
    features = json.loads(day.text("plan.geojson"))["features"]
    orders = [f for f in features if f["properties"]["kind"] == "order"]
    found = {f["properties"]["waypoint"]: tuple(f["geometry"]["coordinates"][::-1]) for f in orders}
    assert_agree(found, wanted)
    rows = [r for r in csv.DictReader(io.StringIO(day.text("orders.csv"))) if r["waypoint"]]
    assert_agree({r["waypoint"]: (float(r["latitude_deg"]), float(r["longitude_deg"])) for r in rows}, wanted)
    space = {"k": kml.NAMESPACE}
    marks = parse(day.text("plan.kml").encode()).findall(".//k:Placemark", space)
    points = {m.find("k:name", space).text: m.find(".//k:Point/k:coordinates", space) for m in marks}
    found = {k: tuple(float(x) for x in p.text.split(",")[1::-1]) for k, p in points.items() if k in wanted}
    assert_agree(found, wanted)


def test_the_geopackage_holds_the_same_features(day):
    """Read by GDAL: every layer's features stand where plan.geojson has them, with the same facts."""
    import geopandas as gpd
    import pyogrio

    path = day.folder / "plan.gpkg"
    assert {"orders", "legs", "sweeps", "patches", "drift", "closed_areas", "ports"} == set(
        pyogrio.list_layers(path)[:, 0]
    )
    orders = gpd.read_file(path, layer="orders")
    assert_agree({r.waypoint: (r.geometry.y, r.geometry.x) for r in orders.itertuples()}, orders_by_waypoint(day))
    features = json.loads(day.text("plan.geojson"))["features"]
    patches = gpd.read_file(path, layer="patches").set_index("task_id")
    for feature in (f for f in features if f["properties"]["kind"] == "task"):
        facts = feature["properties"]
        assert patches.loc[facts["task_id"], "mass_kg"] == pytest.approx(facts["mass_kg"])
        assert patches.loc[facts["task_id"], "evidence"] == facts["evidence"]
    assert set(orders["vessel_name"]) == {
        f["properties"]["vessel_name"] for f in features if "arrive" in f["properties"]
    }


def test_every_file_has_its_digest(day):
    """``SHA256SUMS`` names all other files of the plan with the digest that they have."""
    import hashlib

    lines = day.text("SHA256SUMS").splitlines()
    found = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert found.keys() == {p.name for p in day.folder.iterdir()} - {"SHA256SUMS"}
    assert all(hashlib.sha256((day.folder / n).read_bytes()).hexdigest() == d for n, d in found.items())


def ends_by_waypoint(published) -> dict[str, tuple[float, float]]:
    """(lat, lon) where each order ends that ends elsewhere than it began, by its waypoint's name."""
    plan = json.loads(published.text("plan.json"))
    orders = [o for v in plan["vessels"] for o in v["orders"]]
    return {f"{o['waypoint']}END": (o["end_lat"], o["end_lon"]) for o in orders
            if (o["lat"], o["lon"]) != (o["end_lat"], o["end_lon"])}  # fmt: skip


def test_every_file_says_where_a_sweep_ends(day):
    """A sweep drifts with its patch: GPX, GeoJSON, KML, CSV, calendar, message and page agree where."""
    wanted = ends_by_waypoint(day)
    assert len(wanted) == 5
    routes = gpxpy.parse(day.text("plan.gpx")).routes
    points = {p.name: p for r in routes for p in r.points}
    assert_agree({k: (p.latitude, p.longitude) for k, p in points.items() if k.endswith("END")}, wanted)
    features = json.loads(day.text("plan.geojson"))["features"]
    sweeps = [f for f in features if f["properties"]["kind"] == "sweep"]
    found = {f"{f['id'].removeprefix('sweep-')}END": tuple(f["geometry"]["coordinates"][-1][::-1]) for f in sweeps}
    assert_agree(found, wanted)
    rows = [r for r in csv.DictReader(io.StringIO(day.text("orders.csv"))) if f"{r['waypoint']}END" in wanted]
    found = {f"{r['waypoint']}END": (float(r["end_latitude_deg"]), float(r["end_longitude_deg"])) for r in rows}
    assert_agree(found, wanted)
    space = {"k": kml.NAMESPACE}
    marks = parse(day.text("plan.kml").encode()).findall(".//k:Placemark", space)
    points = {m.find("k:name", space).text: m.find(".//k:Point/k:coordinates", space) for m in marks}
    found = {k: tuple(float(x) for x in p.text.split(",")[1::-1]) for k, p in points.items() if k in wanted}
    assert_agree(found, wanted)
    calendar = (day.folder / "plan.ics").read_bytes().decode().replace("\r\n ", "")
    messages = "".join(p.read_text(encoding="utf-8") for p in day.folder.glob("message-*.txt"))
    for place in wanted.values():
        said = notation.position(*place)
        assert f"ends {said.replace('°', '').replace('′', '')}" in messages
        assert f"ends at {said}" in calendar
        assert said in day.text("plan.html")


def test_courses_and_distances_are_those_of_the_line(day):
    """An order's way leads from the end of the order before to its place; distance and first course are the way's."""
    plan = json.loads(day.text("plan.json"))
    seen = 0
    for vessel in (v for v in plan["vessels"] if v["status"] == "sent"):
        for before, order in itertools.pairwise(vessel["orders"]):
            at = before["end_lat"], before["end_lon"]
            for stretch in order["way"]:
                course, miles = geodesy.leg(*at, stretch["lat"], stretch["lon"])
                assert (stretch["course_deg"], stretch["distance_nm"]) == (
                    pytest.approx(course, abs=0.06), pytest.approx(miles, abs=0.001))  # fmt: skip
                at = stretch["lat"], stretch["lon"]
            if order["way"]:
                seen += len(order["way"]) > 1
                assert geodesy.leg(*at, order["lat"], order["lon"])[1] < 0.011
                assert order["first_course_deg"] == order["way"][0]["course_deg"]
            assert order["distance_nm"] == pytest.approx(sum(s["distance_nm"] for s in order["way"]), abs=0.002)
        text = day.text(f"message-{vessel['file_name']}.txt")
        for order in vessel["orders"]:
            if order["way"] and order["action"] != "unload":
                assert f"{order['distance_nm']:.1f}nm" in text
    assert seen >= 3, "some way must have a bend"


def test_rtz_schedules_every_order_where_it_begins_and_where_it_ends(day):
    """Scheduled waypoints are the places where orders begin, and those where they end; arrival and departure there."""
    plan = json.loads(day.text("plan.json"))
    for vessel in [v for v in plan["vessels"] if v["status"] == "sent"]:
        root = parse(day.text(f"route-{vessel['file_name']}.rtz").encode())
        space = {"r": rtz.NAMESPACE}
        places = {w.get("id"): w.find("r:position", space).attrib for w in root.iterfind(".//r:waypoint", space)}
        elements = root.findall(".//r:scheduleElement", space)
        at = {
            (float(places[e.get("waypointId")]["lat"]), float(places[e.get("waypointId")]["lon"])): e for e in elements
        }
        begin = {(o["lat"], o["lon"]) for o in vessel["orders"]}
        assert at.keys() == begin | {(o["end_lat"], o["end_lon"]) for o in vessel["orders"]}
        for order in (o for o in vessel["orders"] if o["action"] == "collect"):
            assert at[order["lat"], order["lon"]].get("eta") == order["arrive"]
            assert at[order["lat"], order["lon"]].get("etd") is None
            assert at[order["end_lat"], order["end_lon"]].get("etd") == order["leave"]


def rhumb_nm(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Loxodrome on the ellipsoid in nautical miles, by integrating along it (independent of our own distance)."""
    from pyproj import Transformer

    project = Transformer.from_crs("EPSG:4326", "EPSG:3395", always_xy=True)  # straight lines are rhumb lines
    (x1, y1), (x2, y2) = project.transform(lon1, lat1), project.transform(lon2, lat2)
    steps = [
        project.transform(x1 + k / 20 * (x2 - x1), y1 + k / 20 * (y2 - y1), direction="INVERSE") for k in range(21)
    ]
    return sum(geodesy.leg(a[1], a[0], b[1], b[0])[1] for a, b in itertools.pairwise(steps))


def test_no_leg_of_rtz_must_be_sailed_faster_than_it_allows(day):
    """Between scheduled waypoints times increase, and the speed that the schedule implies is within every speedMax."""
    plan = {v["file_name"]: v for v in json.loads(day.text("plan.json"))["vessels"]}
    for path in sorted(day.folder.glob("*.rtz")):
        root, space = parse(path.read_bytes()), {"r": rtz.NAMESPACE}
        points = root.findall(".//r:waypoint", space)
        order = {p.get("id"): k for k, p in enumerate(points)}
        place = [tuple(float(p.find("r:position", space).get(k)) for k in ("lat", "lon")) for p in points]
        allowed = [float(leg.get("speedMax")) for leg in root.findall(".//r:leg", space)]
        transit = plan[path.stem.removeprefix("route-")]["transit_kn"]
        assert max(allowed) <= 1.01 * transit, "no current carries the vessels of this day"
        elements = root.findall(".//r:scheduleElement", space)
        assert len(elements) >= 3
        for a, b in itertools.pairwise(elements):
            left = datetime.fromisoformat(a.get("etd") or a.get("eta"))
            hours = (datetime.fromisoformat(b.get("eta")) - left).total_seconds() / 3600
            first, last = order[a.get("waypointId")], order[b.get("waypointId")]
            miles = sum(rhumb_nm(*place[k], *place[k + 1]) for k in range(first, last))
            assert hours > 0, (path.name, a.attrib, b.attrib)
            assert miles / hours <= min(allowed[first:last]) + 0.01, (path.name, a.attrib, b.attrib)


def test_route_ends_where_the_orders_are_and_passes_the_bends(published):
    """The way between two orders keeps the vertices that keep it off the land."""
    route = next(r for r in gpxpy.parse(published.text("plan.gpx")).routes if r.name.startswith("V1"))
    legs = published.day.plan.routes.query("vessel_id == 'manati'").sort_values("sequence").geometry
    bends = [c for leg in legs for c in list(leg.coords)[1:-1]]
    assert len(bends) >= 3
    points = [(p.longitude, p.latitude) for p in route.points]
    for x, y in bends:
        assert min(abs(x - a) + abs(y - b) for a, b in points) < 2 * TOLERANCE


SCHEMAS = Path(__file__).parent / "schemas"


def schema(name: str) -> xmlschema.XMLSchema:
    """A schema of ``schemas/``; ``OCEANCLEAN_SCHEMAS`` may name a folder with the official one of that name."""
    official = Path(os.environ.get("OCEANCLEAN_SCHEMAS", "/nowhere")) / name
    return xmlschema.XMLSchema(official if official.is_file() else SCHEMAS / name)


def broken(text: str, before: str, after: str) -> str:
    """The document with one thing in it changed."""
    assert before in text
    return text.replace(before, after, 1)


def test_gpx_follows_its_schema(day):
    """Elements and attributes are those of GPX 1.1 in the schema's order; longitudes lie below 180."""
    text = day.text("plan.gpx")
    rules = schema("gpx-1.1.xsd")
    rules.validate(text)
    for wrong in (("<name>", "<title>x</title><name>"), ('lat="1', 'lat="91'), ("<time>2026", "<time>noon ")):
        assert not rules.is_valid(broken(text, *wrong))
    root = parse(text.encode())
    assert all(-180 <= float(e.get("lon")) < 180 for e in root.iter() if e.get("lon"))


def test_rtz_follows_its_schema_and_its_readers_rules(day):
    """RTZ 1.2 elements, ids, names, spacing and validity as public checkers demand them."""
    files, rules = sorted(day.folder.glob("*.rtz")), schema("rtz-1.2.xsd")
    assert len(files) == 3
    for path in files:
        assert path.stat().st_size < 400_000
        text = path.read_text(encoding="utf-8")
        rules.validate(text)
        for wrong in (('id="1"', 'id="one"'), ("Loxodrome", "Straight"), ('radius="0.10"', 'radius="6"')):
            assert not rules.is_valid(broken(text, *wrong))
        root = parse(text.encode())
        info, points = root[0], root[1]
        assert info.get("routeName") == path.stem
        assert info.get("validityPeriodStart") < info.get("validityPeriodStop")
        assert 0 < len(info.get("vesselName")) <= 32
        assert "not checked for depth" in info.get("routeStatus")
        ids = [p.get("id") for p in points]
        assert len(set(ids)) == len(ids) >= 2
        assert [len(p) for p in points] == [1] + [2] * (len(points) - 1)  # the first has a position and no leg
        places = [p[0].attrib for p in points]
        assert all(a != b for a, b in itertools.pairwise(places))
        assert {e.get("waypointId") for e in root.iter(f"{{{rtz.NAMESPACE}}}scheduleElement")} <= set(ids)


def test_csv_holds_no_formula_and_names_its_units(hostile):
    """No cell starts like a formula, every number's header ends with its unit, the hostile name is read back."""
    text = hostile.text("orders.csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    cells = [c for r in rows for k, c in r.items() if not re.search(r"_(deg|nm|kg|h|m|kn|1|true)$", k)]
    assert not [c for c in cells if c.lstrip()[:1] in {"=", "+", "-", "@"} and c]
    assert any("=HYPERLINK" in r["vessel_name"] for r in rows)
    assert {r["vessel_name"] for r in rows} >= {HOSTILE[4]}
    assert "np.float64" not in text


def test_json_follows_its_published_schema(day):
    """plan.json validates against docs/plan.schema.json, which is the one that the model's types give."""
    published = json.loads((ROOT / "docs" / "plan.schema.json").read_text(encoding="utf-8"))
    assert published == record.schema()
    validator = jsonschema.Draft202012Validator(published)
    plan = json.loads(day.text("plan.json"))
    validator.validate(plan)
    plan["vessels"][0]["number"] = "one"
    assert not validator.is_valid(plan)


def test_messages_fit_satellite_mail(day):
    """Every vessel has a message in ASCII under 1,200 characters with its orders or its reason to stay."""
    plan = json.loads(day.text("plan.json"))
    for vessel in plan["vessels"]:
        text = day.text(f"message-{vessel['file_name']}.txt")
        assert len(text) < 1200
        assert text.isascii()
        assert ("STAY: " in text) == (vessel["status"] != "sent")
        assert all(o["task_id"] in text for o in vessel["orders"])


def test_a_long_voyage_loses_lines_and_says_so(published):
    """Orders that do not fit are dropped from the middle and counted; the head and the way home always stand."""
    from oceanclean.planning.exchange.message import END, _fitted

    text = _fitted(["head"], ["x" * 60] * 39 + ["y" * 55 + " home"], 1200)
    kept = text.count("x" * 60) + 1
    assert text.splitlines()[-2:] == ["y" * 55 + " home", END]
    assert len(text) < 1200
    assert 10 < kept < 40
    assert f"+{40 - kept} more" in text


def test_geojson_polygons_run_counterclockwise(published):
    """RFC 7946, section 3.1.6; every feature has an id of its own."""
    features = json.loads(published.text("plan.geojson"))["features"]
    assert len({f["id"] for f in features}) == len(features)
    rings = [f["geometry"]["coordinates"][0] for f in features if f["geometry"]["type"] == "Polygon"]
    assert rings
    for ring in rings:
        assert sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) > 0


def test_calendar_lines_are_short_and_events_in_utc(day):
    """RFC 5545: lines of at most 75 octets, CRLF, unique events that end after they start."""
    raw = (day.folder / "plan.ics").read_bytes()
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    text = raw.decode().replace("\r\n ", "")
    uids = re.findall(r"^UID:(.+)$", text, re.M)
    assert len(set(uids)) == len(uids) == len(day.day.plan.orders)
    for start, end in zip(re.findall(r"DTSTART:(\S+)", text), re.findall(r"DTEND:(\S+)", text), strict=True):
        assert start.endswith("Z")
        assert start <= end


def test_the_same_plan_gives_the_same_bytes(published, publish_day):
    """Nothing reads a clock: publishing the same day again gives the same files, bit for bit."""
    again = publish_day(papers=True)
    assert sorted(again.paths) == sorted(published.paths)
    for name, path in published.paths.items():
        assert again.paths[name].read_bytes() == path.read_bytes(), name


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "＝1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text):
    """Text that begins like a formula gets a quote in front; a negative number stays a number."""
    assert table.cell_text(text) == f"'{text}"
    assert table.cell_text("manati = 1") == "manati = 1"
    assert table.cell_text(-87.5) == "-87.5"
