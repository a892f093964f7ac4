"""The page in a real browser, without a network: no complaint, no request, everything drawn and reachable."""

from __future__ import annotations

import pytest

pytest.importorskip("websockets")
import browser

pytestmark = pytest.mark.skipif(browser.executable() is None, reason="no Chromium on this machine")

DRAWN = """(async () => {
  const shown = [...document.querySelectorAll('#map .leaflet-field-pane img')].filter(i => i.style.opacity !== '0');
  const image = shown[shown.length - 1];
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 3; i < data.length; i += 4) { if (data[i] > 0) { count += 1; } }
  return count / (canvas.width * canvas.height);
})()"""


FOCUSED = """(e => e.id || e.dataset.layer || e.name || e.getAttribute('href') || e.tagName)
(document.activeElement)"""


@pytest.fixture(scope="module")
def tab():
    """A browser tab for the module."""
    with browser.tab() as opened:
        yield opened


@pytest.mark.parametrize("name", ["published", "hostile"])
def test_no_request_and_no_complaint(tab, request, name):
    """Opened from a file the page asks for nothing and its console stays empty, hostile names included."""
    day = request.getfixturevalue(name)
    tab.requests.clear()
    tab.complaints.clear()
    tab.open(day.paths["page"])
    assert tab.run("document.querySelectorAll('.leaflet-land-pane path').length") > 0
    assert [r for r in tab.requests if not r.startswith(("data:", "file:"))] == []
    assert len([r for r in tab.requests if r.startswith("file:")]) == 1
    assert tab.complaints == []
    tab.run("console.error('probe')")
    assert len(tab.complaints) == 1  # a complaint would have been heard


def test_the_map_draws_density_and_routes(tab, published):
    """The density picture on the map has coloured pixels; every leg has its line, its arrow, every patch its time."""
    tab.open(published.paths["page"])
    assert 0.005 < tab.run(DRAWN) < 0.9
    assert tab.run("document.querySelectorAll('.arrow').length") == 8
    labels = tab.run("[...document.querySelectorAll('.stop-label')].map(e => e.textContent)")
    assert {"P01 10:36", "Roatan"} <= set(labels)


def test_the_slider_moves_time_and_patches(tab, published):
    """The slider by keyboard: the picture, the time in words and the vessels' places change."""
    tab.open(published.paths["page"])
    place = "document.querySelector('.vessel-dot.v1').style.transform"
    before = tab.run(f"[document.getElementById('when-text').textContent, {place}]")
    tab.run("document.getElementById('when').focus()")
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    after = tab.run(f"[document.getElementById('when-text').textContent, {place}]")
    assert after[0].startswith("Forecast +6 h: Tue")
    assert "17:00 UTC" in after[0]
    assert before[1] != after[1]
    assert 0.005 < tab.run(DRAWN) < 0.9


def test_a_position_typed_in_is_found(tab, published):
    """Degrees and minutes, decimals and nonsense: found with its density, found, refused in words."""
    tab.open(published.paths["page"])
    answers = []
    for text in ("16 10.8 N 87 21.0 W", "16.18, -87.35", "nowhere", "10 N 10 E"):
        tab.run(f"document.getElementById('position').value = {text!r}")
        tab.run("document.querySelector('#goto button').click()")
        answers.append(tab.run("document.getElementById('goto-answer').textContent"))
    assert answers[0] == answers[1]
    assert answers[0].startswith("16°10.80′N 087°21.00′W: ")
    assert "kg/km²" in answers[0]
    assert answers[2].startswith("Not understood")
    assert "outside the map" in answers[3]


@pytest.mark.parametrize("width", [1440, 820, 390])
def test_nothing_is_wider_than_the_screen(tab, hostile, width):
    """At each width the page scrolls only downwards, 500-letter names included."""
    tab.open(hostile.paths["page"], width)
    assert tab.run("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_every_control(tab, published):
    """Tab walks through the layer switches, the slider, its buttons, the position and the files."""
    tab.open(published.paths["page"])
    reached = set()
    for _ in range(70):
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.add(tab.run(FOCUSED))
    assert {"map", "field", "seen", "routes", "patches", "back", "when", "on", "position", "plan.gpx"} <= reached


def test_without_scripts_the_plan_is_still_there(tab, published):
    """With JavaScript off the still map and all the orders show, the live map does not."""
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(published.paths["page"])
        root = tab.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        for selector, visible in ((".still img", True), (".card", True), (".live", False)):
            node = tab.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
            try:
                box = tab.call("DOM.getBoxModel", nodeId=node)["model"]
            except RuntimeError:
                box = {"height": 0}
            assert (box["height"] > 50) == visible, selector
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_it_prints_on_a_few_a4_pages(tab, published, tmp_path):
    """The print view of three voyages is a handful of A4 pages, and holds no live map."""
    tab.open(published.paths["page"], 1000)
    pdf = tab.print(tmp_path / "plan.pdf").read_bytes()
    assert 2 <= pdf.count(b"/Type /Page\n") <= 7
