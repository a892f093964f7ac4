"""The plan on paper: A4, the content of an ICS-204, the figures of plan.json, hostile names as text."""

from __future__ import annotations

import json

import pypdf
import pytest

from oceanclean.planning.paper.sheet import shown

A4_POINTS = (595.28, 841.89)


def words(path) -> str:
    """A document's text with single spaces."""
    return " ".join("".join(page.extract_text() for page in pypdf.PdfReader(path).pages).split())


def squeezed(text: str) -> str:
    """Text without any space: how a line breaks says nothing."""
    return "".join(text.split())


def vessels(published) -> list[dict]:
    return [v for v in json.loads(published.text("plan.json"))["vessels"] if v["status"] == "sent"]


def test_each_vessel_sent_has_a_sheet_of_a4(published):
    """One assignment sheet a vessel, of few pages, each as large as A4."""
    sheets = sorted(published.folder.glob("assignment-*.pdf"))
    assert len(sheets) == len(vessels(published)) == 3
    for path in [*sheets, published.folder / "plan.pdf"]:
        pages = pypdf.PdfReader(path).pages
        assert 1 <= len(pages) <= 4
        assert all(
            (float(p.mediabox.width), float(p.mediabox.height)) == pytest.approx(A4_POINTS, abs=1) for p in pages
        )


@pytest.mark.parametrize("name", ["published", "hostile"])
def test_a_sheet_has_the_boxes_of_ics_204_and_the_figures_of_the_plan(request, name):
    """Boxes 1 to 11, every order's position, times in UTC and catch, as plan.json has them."""
    from oceanclean.planning import notation

    day = request.getfixturevalue(name)
    for vessel in vessels(day):
        text = squeezed(words(day.folder / f"assignment-{vessel['file_name']}.pdf"))
        boxes = ("1.Incident", "2.Operationalperiod", "3.Branch", "4.Division/group", "5.Operationspersonnel",
                 "6.Resourcesassigned", "7.Assignments", "8.Specialinstructions", "9.Communications", "10.Preparedby",
                 "11.Approvedby")  # fmt: skip
        assert all(box in text for box in boxes)
        for order in vessel["orders"]:
            assert squeezed(notation.position(order["lat"], order["lon"])) in text
            assert squeezed(notation.position(order["end_lat"], order["end_lon"])) in text
            assert f"{notation.clock(order['arrive'])}–{notation.clock(order['leave'])}UTC" in text
            if order["action"] == "collect":
                assert squeezed(notation.kilograms(order["expected_kg"])) in text
                assert "expandingsquare" in text


def test_hostile_names_are_text_on_paper(hostile):
    """Markup stands as it was written, a sign without a glyph is named, nothing is left out without a trace."""
    text = squeezed(words(hostile.folder / "plan.pdf"))
    assert "<script>alert(1)</script>&\"quotes\"'single'</script>" in text
    assert "[turtle]" in text
    assert "{{7*7}}$\\alpha$%s" in text
    assert b"/JavaScript" not in (hostile.folder / "plan.pdf").read_bytes()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("A\u202eB", "AB"), ("🐢", "[turtle]"), ("中", "[U+4E2D]"), ("Ż\u0308", "Ż\u0308"), ("x" * 500, "x" * 159 + "…")],
)
def test_what_the_font_lacks_is_named(text, wanted):
    """Direction overrides go, signs without a glyph are named, long names are cut with a mark."""
    assert shown(text) == wanted


def test_without_papers_none_is_written_or_listed(publish_day):
    """Where the settings ask for no PDF there is none, and page and checksums promise none."""
    day = publish_day()
    assert not list(day.folder.glob("*.pdf"))
    assert ".pdf" not in day.text("SHA256SUMS")
    assert "plan.pdf" not in day.text("plan.html")


def test_paragraphs_are_broken_within_the_sheet():
    """Every line fits the width, a word without a space is cut, and no letter is lost."""
    from oceanclean.planning.paper.sheet import Sheet

    sheet = Sheet("t", "f", "2026-06-16T11:00:00Z")
    sheet.text("x")
    room = sheet.width - 2 * sheet.pdf.c_margin
    said = "Go while waves stay under 2 m. " * 12 + "W" * 300 + " and home"
    lines = sheet._lines(said)
    assert max(sheet.pdf.get_string_width(line) for line in lines) <= room
    assert "".join(lines).replace(" ", "") == said.replace(" ", "")
    assert len(lines) > 5
