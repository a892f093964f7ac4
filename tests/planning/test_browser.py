"""The page in a real browser, without a network: no complaint, no request, everything drawn and reachable."""

from __future__ import annotations

from pathlib import Path

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


#: Marks what has the focus; False once it has left the page.
REACH = """(e => { if (e === document.body) { return false; } e.dataset.reached = "1"; return true; })
(document.activeElement)"""
#: What a mouse could use and Tab did not reach, in words. Of a group of radio buttons Tab stops at one; arrows go on.
MISSED = """[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter(e => !e.dataset.reached && e.getClientRects().length && !(e.type === 'radio' && !e.checked))
  .map(e => e.outerHTML.slice(0, 120))"""
#: Violations that axe-core calls serious or critical.
FAULTS = """axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
  .filter(v => ["serious", "critical"].includes(v.impact))
  .map(v => v.impact + " " + v.id + ": " + v.nodes.map(n => n.html.slice(0, 160)).join(" | ")))"""


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
    assert {"P01 Tue 10:36", "Roatan"} <= set(labels)


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


def test_the_keyboard_reaches_everything(tab, published):
    """Tab alone stops at every link, switch, slider, patch and file that a mouse could use."""
    tab.open(published.paths["page"])
    for _ in range(400):
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        if not tab.run(REACH):
            break
    assert tab.run("document.querySelectorAll('[data-reached]').length") > 30
    assert tab.run(MISSED) == []


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_no_serious_fault(tab, hostile, width):
    """Contrast, names, roles, order of headings: nothing that axe-core calls serious or critical."""
    carried = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    axe = (Path(carried.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    tab.open(hostile.paths["page"], width)
    tab.call("Runtime.evaluate", expression=axe)
    assert tab.run(FAULTS) == []
    tab.run("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"data:,\">')")
    assert [f.split()[1] for f in tab.run(FAULTS)] == ["image-alt:"]  # a fault would have been found


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
