"""A report as a PDF on A4, with the fonts that matplotlib carries."""

from __future__ import annotations

import io
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.planning.season.document import Document, Section, Table

if TYPE_CHECKING:
    from fpdf import FPDF

INK, QUIET, ACCENT = (20, 50, 63), (77, 101, 112), (0, 100, 125)
#: Rows of a table that a PDF shows; the CSV files have all.
MOST_ROWS = 120


def pdf(document: Document, made: date) -> bytes:
    """Write the PDF; the same arguments give the same bytes.

    Args:
        document: the report.
        made: date that the file carries, at midnight UTC.
    """
    paper = _paper(document, made)
    paper.add_page()
    if document.simulated:
        _text(paper, "Simulated sea: the debris, the plans' inputs and the vessels are not real.", 9, style="B")
    _text(paper, document.kind, 9, QUIET)
    _text(paper, f"{document.title}, {document.when}", 17, style="B")
    paper.ln(1.5)
    _text(paper, document.verdict, 12, ACCENT, style="B")
    paper.ln(1.5)
    _rows(paper, Table(["", "", ""], [[f.label, f.value, f.beneath] for f in document.figures]), headings=False)
    for sentence in document.warnings:
        _text(paper, f"Note: {sentence}", 8.5, QUIET)
    for section in document.sections:
        _section(paper, section)
    return bytes(paper.output())


def _paper(document: Document, made: date) -> FPDF:
    from fpdf import FPDF

    class Paper(FPDF):
        """A4 with the page's number at the foot."""

        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("text", size=7.5)
            self.set_text_color(*QUIET)
            self.cell(0, 5, f"{document.kind}: {_shown(document.title)}, {document.when}", align="L")
            self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")

    paper = Paper(format="A4", unit="mm")
    paper.set_creation_date(datetime(made.year, made.month, made.day, tzinfo=timezone.utc))  # noqa: UP017 - fpdf2 asks
    paper.set_title(f"{document.kind}: {document.title}")
    paper.set_lang("en")
    paper.set_margins(16, 14)
    paper.set_auto_page_break(auto=True, margin=16)
    fonts = _fonts()
    paper.add_font("text", "", fonts / "DejaVuSans.ttf")
    paper.add_font("text", "B", fonts / "DejaVuSans-Bold.ttf")
    return paper


def _fonts() -> Path:
    """Folder of matplotlib's own fonts (DejaVu: most scripts of Europe, the maritime signs)."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def _shown(text: str) -> str:
    """Text in signs that the font draws; others become a box that says so."""
    spaces = str.maketrans({"\u202f": " ", "\u00a0": " "})
    return "".join(c if ord(c) < 0x2600 else "□" for c in text.translate(spaces))


def _text(paper: FPDF, text: str, size: float, colour: tuple[int, int, int] = INK, style: str = "") -> None:
    paper.set_font("text", style, size)
    paper.set_text_color(*colour)
    paper.multi_cell(0, size * 0.5, _shown(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _section(paper: FPDF, section: Section) -> None:
    paper.ln(4)
    if paper.will_page_break(80 if section.picture else 25):
        paper.add_page()
    _text(paper, section.title, 12, style="B")
    paper.ln(0.8)
    for sentence in section.sentences:
        _text(paper, sentence, 9)
        paper.ln(0.8)
    if section.picture:
        _picture(paper, section.picture.png, section.picture.says)
    if section.table:
        _rows(paper, section.table)


def _picture(paper: FPDF, png: bytes, says: str) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        width = min(paper.epw, image.width / 150 * 25.4)
        height = width * image.height / image.width
    if paper.will_page_break(height):
        paper.add_page()
    paper.image(io.BytesIO(png), w=width, h=height, alt_text=says)
    paper.ln(2)


def _rows(paper: FPDF, table: Table, *, headings: bool = True) -> None:
    from fpdf.fonts import FontFace

    paper.set_font("text", size=8)
    paper.set_text_color(*INK)
    paper.set_draw_color(211, 221, 226)
    aligns: Any = tuple("RIGHT" if i in table.numbers else "LEFT" for i in range(len(table.headers)))
    longest = [max(len(r[i]) for r in [table.headers, *table.rows[:MOST_ROWS]]) for i in range(len(table.headers))]
    widths = tuple(min(max(n, 7), 48) for n in longest)
    head = FontFace(emphasis="", color=QUIET, size_pt=7.5)
    with paper.table(text_align=aligns, col_widths=widths, line_height=4.2, borders_layout="HORIZONTAL_LINES",
                     first_row_as_headings=headings, headings_style=head, padding=0.6) as drawn:  # fmt: skip
        if headings:
            drawn.row([_shown(h) for h in table.headers])
        for row in table.rows[:MOST_ROWS]:
            drawn.row([_shown(c) for c in row])
    if len(table.rows) > MOST_ROWS:
        _text(paper, f"and {len(table.rows) - MOST_ROWS} more rows (see the CSV files)", 8, QUIET)
