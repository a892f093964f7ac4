"""The page: whole, offline, safe, true to the model."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from multiprocessing import get_context

import numpy as np
import pytest
from PIL import Image
from plan_factory import HOSTILE, PATCHES, density_products

from oceanclean.errors import ProductError
from oceanclean.planning import PlanningSettings, backdrop, layers, notation, publish
from oceanclean.planning.mapdata import embedded
from oceanclean.planning.publish import publish_on
from oceanclean.planning.raster import Canvas
from oceanclean.products import names
from oceanclean.region import load_region


def words(text: str) -> str:
    """Text with every run of spaces, thin ones too, made one."""
    return " ".join(text.split())


class Page(HTMLParser):
    """Elements with their attributes, and the text that a reader sees, script and style apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._inside: str | None = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in self.raw:
            self._inside = tag
            self.raw[tag].append("")

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.raw[self._inside][-1] += data
        else:
            self.seen.append(data)

    @property
    def text(self) -> str:
        return words(" ".join(self.seen))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag]

    @property
    def map_data(self) -> dict:
        return json.loads(next(s for s in self.raw["script"] if s.lstrip().startswith("{")))


@pytest.fixture(scope="session")
def page(published) -> Page:
    return Page(published.text("plan.html"))


@pytest.fixture(scope="session")
def hostile_page(hostile) -> Page:
    return Page(hostile.text("plan.html"))


def pixels(uri: str) -> np.ndarray:
    """(y, x, 4) bytes of a picture that stands in the page."""
    content = base64.b64decode(uri.partition("base64,")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def test_the_page_asks_no_host_for_anything(page, published):
    """Every resource is inside: no address in src, href or a style's url(), and the policy forbids the rest."""
    for tag, attributes in page.elements:
        for name in ("src", "srcset", "data", "poster", "action", "background"):
            value = attributes.get(name) or ""
            assert value == "" or value.startswith("data:"), (tag, name, value[:80])
        link = attributes.get("href") or ""
        assert not re.match(r"(?i)\s*(https?:)?//", link), link
    assert not page.all("link")
    assert not page.all("iframe")
    assert not page.all("object")
    for style in page.raw["style"]:
        assert all(u.strip("\"'").startswith(("data:", "#")) for u in re.findall(r"url\(([^)]*)\)", style))
        assert "@import" not in style
    assert "sourceMappingURL" not in published.text("plan.html")


def test_a_window_is_said_as_times_to_start(page, published):
    """The window ends at the latest start of the work, not at its end, and the page says so."""
    orders = published.day.plan.orders
    ends = orders.loc[orders["action"] == "collect", ["window_start", "window_end"]]
    zone = published.day.region.settings.timezone
    expected = [tuple(notation.clock(str(t), zone) for t in pair) for pair in ends.itertuples(index=False)]
    assert expected
    shown = re.findall(r"start between (\d\d:\d\d) and (\d\d:\d\d)", page.text)
    assert sorted(shown) == sorted(expected)
    assert "in time from" not in page.text


def test_the_policy_allows_only_what_the_page_carries(page):
    """The content security policy names the hash of every style and script and no host."""
    meta = next(a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    policy = meta["content"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    scripts = [s for s, a in zip(page.raw["script"], page.all("script"), strict=True) if a.get("type") is None]
    for text in [*scripts, *page.raw["style"]]:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not [a for _t, a in page.elements if "style" in a or any(k.startswith("on") for k in a)]


def test_leaflet_keeps_its_licence(page):
    """The page carries Leaflet with its own copyright comment."""
    assert any("(c) 2010-" in s and "Vladimir Agafonkin" in s for s in page.raw["script"])


def test_the_text_says_the_plan(page, published):
    """Verdict, every vessel, every position, every patch and every reason can be read without a script."""
    plan = json.loads(published.text("plan.json"))
    assert words(plan["bottom"]["verdict"]) in page.text
    for vessel in plan["vessels"]:
        assert vessel["name"] in page.text
        assert vessel["reason"] in page.text
        for order in vessel["orders"]:
            assert notation.position(order["lat"], order["lon"]) in page.text
            assert notation.local(order["arrive"], "America/Tegucigalpa") in page.text
    for task in plan["tasks"]:
        assert task["task_id"] in page.text
        if not task["served_by"]:
            assert task["reason"]
            assert task["reason"] in page.text
    for sentence in plan["degraded"]:
        assert sentence in page.text
    assert "Simulated sea." in page.text
    assert "not checked for depth" in page.text


def test_hostile_text_is_text(hostile_page, hostile):
    """Script tags, template braces and entities in names and notes are read as they were written, never run."""
    for name in (HOSTILE[0].replace("\u2028", ""), HOSTILE[4]):
        assert words(name) in hostile_page.text
    assert len(hostile_page.all("script")) == 3
    assert "{{ 7*7 }}" in hostile_page.text
    assert "\u202e" not in hostile.text("plan.html")
    names_shown = {v["name"] for v in hostile_page.map_data["vessels"]}
    assert any(n.startswith("<script>") for n in names_shown)


def test_embedded_json_cannot_leave_its_element():
    """No character that ends a script element or a JavaScript line survives unescaped, and the value reads back."""
    value = {"a": "</script><!--<script>", "b": "\u2028\u2029&'\""}
    text = embedded(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded(float("nan"))


def test_every_density_picture_is_drawn(page):
    """Each time's picture has both clear and coloured pixels in many colours: none is blank, none is a solid block."""
    frames = page.map_data["frames"]
    assert [f["hours"] for f in frames] == [0.0, *range(6, 73, 6)]
    for frame in frames:
        rgba = pixels(frame["density"])
        drawn = rgba[..., 3] > 0
        assert 0.005 < drawn.mean() < 0.9
        assert len(np.unique(rgba[drawn][:, :3], axis=0)) > 10
        assert pixels(frame["waves"])[..., 3].any()
    assert frames[0]["density"] != frames[-1]["density"]
    for layer in ("doubt", "seen"):
        assert 0.005 < (pixels(page.map_data[layer])[..., 3] > 0).mean() < 0.95


def test_the_darkest_pixel_lies_on_the_heaviest_patch(page):
    """The picture's darkest spot, placed as the map places it, is where the density map is highest."""
    data = page.map_data
    rgba = pixels(data["frames"][0]["density"]).astype(float)
    darkness = np.where(rgba[..., 3] > 0, 255 - rgba[..., :3].mean(axis=2), 0)
    row, column = np.unravel_index(darkness.argmax(), darkness.shape)
    south, west, north, east = data["bounds"]
    top, bottom = (np.log(np.tan(np.pi / 4 + np.radians(v) / 2)) for v in (north, south))
    y = top + (bottom - top) * (row + 0.5) / darkness.shape[0]
    lat = np.degrees(2 * np.arctan(np.exp(y)) - np.pi / 2)
    lon = west + (east - west) * (column + 0.5) / darkness.shape[1]
    density = density_products(load_region("demo"), PATCHES)[0][names.DENSITY]
    heaviest = density.where(density == density.max(), drop=True)
    assert abs(lat - float(heaviest.lat[0])) < 0.03
    assert abs(lon - float(heaviest.lon[0])) < 0.03


def test_rows_are_even_in_mercator_not_in_latitude():
    """At high latitudes a plain picture would be off by kilometres; each pixel row knows its latitude."""
    import xarray as xr

    lat = np.arange(50.05, 70, 0.1)
    field = xr.Dataset(coords={"lat": lat, "lon": np.arange(0.05, 1, 0.1)})
    canvas = Canvas.of(field, 1000)
    south, _west, north, _east = canvas.bounds
    middle = lat[0] + 0.1 * canvas.rows[len(canvas.rows) // 2]
    assert (south, north) == pytest.approx((50, 70))
    assert middle == pytest.approx(61.57, abs=0.1)  # not 60: half of Mercator's y between 50 and 70 north


def test_unknown_is_not_drawn_as_clean(published):
    """A cell without a figure stays clear in the picture and reads "no figure", not "under the scale"."""
    day = published.day
    hole = day.density_map.copy(deep=True)
    hole[names.DENSITY][30:40, 40:60] = np.nan
    made = layers.make_layers(day.region, hole, day.forecast, day.forcing, day.plan.issue_time, PlanningSettings())
    codes = np.frombuffer(base64.b64decode(made.frames[0].values), np.uint8).reshape(hole[names.DENSITY].shape)
    assert (codes[30:40, 40:60] == 0).all()
    sea = np.isfinite(hole[names.DENSITY].to_numpy())
    assert (codes[sea] > 0).all()


def test_figures_under_the_pointer_are_the_maps(published, page):
    """A value decoded as the page decodes it equals the density to the scale's step."""
    data, density = page.map_data, published.day.density_map[names.DENSITY].to_numpy()
    codes = np.frombuffer(base64.b64decode(data["frames"][0]["values"]), np.uint8).reshape(density.shape).astype(float)
    scale = data["scale"]
    on = (codes > 2) & (codes < 255)
    values = scale["low"] * (scale["high"] / scale["low"]) ** ((codes - 2) / 253)
    assert on.sum() > 50
    np.testing.assert_allclose(values[on], density[on], rtol=0.01)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sail": False}, "Keep all vessels in port today"),
        ({"vessels": False}, "the fleet has no vessel"),
        ({"debris": False}, "No patch holds enough debris to be worth a visit today."),
    ],
)
def test_empty_days_have_a_page_too(publish_day, changes, says):
    """No vessel, nobody sent, no debris: each is said in words and every file is written."""
    day = publish_day(**changes)
    page = Page(day.text("plan.html"))
    assert says in page.text
    assert {"page", "picture", "geojson", "gpx", "orders", "plan"} <= set(day.paths)
    assert "nan" not in day.text("plan.json").lower()


def test_a_page_too_large_is_made_coarser(publish_day, tmp_path):
    """Near the size limit the pictures become fewer and smaller; the plan is published all the same."""
    plain = publish_day()
    size = plain.paths["page"].stat().st_size
    settings = PlanningSettings(max_page_bytes=size - 1, papers=False)
    (tmp_path / "coarse").mkdir()
    made = publish(plain.day.plan, folder=tmp_path / "coarse", settings=settings, **plain.day.arguments())
    assert made["page"].stat().st_size < size
    frames = Page(made["page"].read_text(encoding="utf-8")).map_data["frames"]
    assert [f["hours"] for f in frames] == [0.0, *range(12, 73, 12)]
    assert made["plan"].read_bytes() == plain.paths["plan"].read_bytes()


def test_a_page_that_stays_too_large_is_refused(published, tmp_path):
    """The size limit is kept in the end, and the error names the settings that make the page smaller."""
    settings = PlanningSettings(max_page_bytes=500_000, papers=False).model_copy(update={"max_page_bytes": 100_000})
    with pytest.raises(ProductError, match="max_thumbnails"):
        publish(published.day.plan, folder=tmp_path, settings=settings, **published.day.arguments())
    assert not (tmp_path / "plan.html").exists()


def test_the_page_is_light(published):
    """An ordinary day is well under the 8 MB of the promise."""
    assert published.paths["page"].stat().st_size < 3_000_000


def test_the_structure_serves_those_who_hear_it(page):
    """One h1, landmarks, a label for every control, alternative text for every picture, headers for every table."""
    assert len(page.all("h1")) == 1
    assert page.all("header")
    assert len(page.all("main")) == 1
    assert page.all("footer")
    assert next(iter(page.all("html")))["lang"] == "en"
    assert all(a.get("alt") for a in page.all("img"))
    assert all(a.get("scope") for a in page.all("th"))
    ids = [a["id"] for _t, a in page.elements if a.get("id")]
    assert len(set(ids)) == len(ids)
    labels = {a.get("for") for a in page.all("label")}
    for control in page.all("input"):
        wrapped = control.get("type") in {"radio", "checkbox"}
        assert wrapped or control.get("aria-label") or control.get("id") in labels
    for _tag, attributes in page.elements:
        if attributes.get("aria-labelledby"):
            assert attributes["aria-labelledby"] in ids


def test_yesterdays_plan_is_compared(published, publish_day, tmp_path):
    """Each vessel's change against the plan before is named: kept, moved or new."""
    before = json.loads(published.text("plan.json"))
    before["vessels"] = [v for v in before["vessels"] if v["vessel_id"] != "garza"]
    before["vessels"][0]["orders"][1]["lat"] -= 0.5
    day = published.day
    publish(day.plan, folder=tmp_path, **{**day.arguments(), "run": {**day.run, "yesterday": before}})
    changes = {c["vessel_id"]: c for c in json.loads((tmp_path / "plan.json").read_text())["changes"]}
    assert changes["garza"]["kind"] == "new"
    assert changes["manati"]["kind"] == "moved"
    assert "30 nm N" in changes["manati"]["text"]
    assert changes["pelicano"]["kind"] == "kept"


def test_the_still_picture_shows_the_plan(published):
    """plan.png is not blank: land, sea and at least three route colours are in it."""
    rgb = np.asarray(Image.open(published.paths["picture"]).convert("RGB")).reshape(-1, 3)
    colours, counts = np.unique(rgb, axis=0, return_counts=True)
    common = {tuple(int(v) for v in c) for c, n in zip(colours, counts, strict=True) if n > 150}
    assert {(0xD9, 0xD4, 0xC7), (0xEA, 0xF1, 0xF4), (0x00, 0x60, 0xA0), (0x00, 0x75, 0x5A)} <= common


def test_the_verdict_is_one_sentence(publish_day):
    """A single reason to stay joins the verdict in lower case and without its full stop; acronyms keep theirs."""
    from oceanclean.planning import verdict

    day = publish_day(sail=False)
    for summary in day.day.plan.vessels:
        summary.reason = "Waves exceed every limit."
    publish(day.day.plan, folder=day.folder, **day.day.arguments())
    plan = json.loads(day.text("plan.json"))
    assert plan["bottom"]["verdict"] == "Keep all vessels in port today: waves exceed every limit."
    assert verdict._inside("AIS is silent.") == "AIS is silent"


def test_what_was_drawn_gives_the_same_page_when_it_is_read_back(published, tmp_path):
    """Pictures, coast and scales survive their file: the page made of them is the same to the byte."""
    day, settings = published.day, PlanningSettings(papers=False)
    drawn = backdrop.backdrop(
        day.region, day.density_map, day.forecast, day.forcing, day.segmentations, day.plan.issue_time, settings
    )
    path = backdrop.save_drawn(drawn.layers, drawn.sightings, tmp_path / backdrop.FILE)
    layers, sightings = backdrop.load_drawn(path)
    pages = []
    for number, behind in enumerate((drawn, replace(drawn, layers=layers, sightings=sightings))):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths = publish_on(behind, day.plan, region=day.region, fleet=day.fleet, run=day.run, folder=folder,
                           settings=settings)  # fmt: skip
        pages.append(paths["page"].read_bytes())
    assert pages[0] == pages[1]
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ProductError, match="drawn"):
        backdrop.load_drawn(path)


def test_papers_made_in_another_process_are_the_same(published, tmp_path):
    """Beside the page or after it: the same bytes under the same names."""
    day, settings = published.day, PlanningSettings()
    drawn = backdrop.backdrop(
        day.region, day.density_map, day.forecast, day.forcing, day.segmentations, day.plan.issue_time, settings
    )
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as papers:
        paths = publish_on(drawn, day.plan, region=day.region, fleet=day.fleet, run=day.run, folder=tmp_path,
                           settings=settings, papers=papers)  # fmt: skip
    assert set(paths) == set(published.paths)
    assert {k: p.read_bytes() for k, p in paths.items()} == {k: p.read_bytes() for k, p in published.paths.items()}
