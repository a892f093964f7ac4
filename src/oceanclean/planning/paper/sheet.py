"""A sheet of A4 with the project's type: headings, paragraphs, tables, boxes; any Unicode text is shown as text."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.planning import notation

if TYPE_CHECKING:
    from fpdf import FPDF

INK, QUIET, RULE, WASH = (20, 50, 63), (77, 101, 112), (160, 178, 187), (234, 241, 244)
MARGIN_MM = 14.0
#: Longest text in one place on paper, in characters: a name of 500 must not push the orders off the sheet.
LONGEST = 160


@lru_cache(maxsize=1)
def _fonts() -> dict[str, Path]:
    """DejaVu Sans as matplotlib ships it (Latin, Greek, Cyrillic, Arabic, Hebrew and many signs)."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {"": folder / "DejaVuSans.ttf", "B": folder / "DejaVuSans-Bold.ttf"}


@lru_cache(maxsize=1)
def _drawn() -> frozenset[int]:
    """Code points that both fonts draw."""
    from fontTools.ttLib import TTFont

    sets = [set(TTFont(path, lazy=True).getBestCmap()) for path in _fonts().values()]
    return frozenset(sets[0] & sets[1])


def shown(text: str, limit: int = LONGEST) -> str:
    """Text as the sheet can draw it: cut to ``limit``; a sign that the font lacks is named, ``[turtle]``."""
    clean = notation.plain(text, limit).replace("\u202f", "\u00a0")
    return "".join(c if ord(c) in _drawn() else _named(c) for c in clean)


def _named(character: str) -> str:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return ""
    name = unicodedata.name(character, "").lower()
    return f"[{name}]" if 0 < len(name) <= 24 else f"[U+{ord(character):04X}]"


def _from_right(text: str) -> bool:
    """True where a part of the text is written from right to left."""
    return any(unicodedata.bidirectional(c) in {"R", "AL"} for c in text)


class Sheet:
    """A document that grows downwards, page by page.

    Args:
        title: of the document.
        foot: text at the foot of every page, before the page's number.
        stamp: ISO 8601 time put into the file: no clock is read.
    """

    def __init__(self, title: str, foot: str, stamp: str) -> None:
        from fpdf import FPDF

        class _Paper(FPDF):
            def footer(self) -> None:
                self.set_y(-11)
                self.set_font("Sans", size=7)
                self.set_text_color(*QUIET)
                self.cell(0, 4, f"{foot}   ·   page {self.page_no()} of {{nb}}", align="C")

        self.pdf: FPDF = _Paper(format="A4")
        for style, path in _fonts().items():
            self.pdf.add_font("Sans", style, path)
        self.pdf.set_margins(MARGIN_MM, 12, MARGIN_MM)
        self.pdf.set_auto_page_break(True, 15)
        self.pdf.set_title(title)
        self.pdf.set_lang("en")
        self.pdf.set_creator("oceanclean")
        self.pdf.set_creation_date(notation.moment(stamp))
        self.pdf.add_page()

    @property
    def width(self) -> float:
        """Width of the text in millimetres."""
        return float(self.pdf.epw)

    def _shape(self, *texts: str) -> None:
        """Shaping and reordering cost time: they are on only where a text is written from right to left."""
        self.pdf.set_text_shaping(any(map(_from_right, texts)))

    def _font(self, size: float, bold: bool = False, colour: tuple[int, int, int] = INK) -> None:
        self.pdf.set_font("Sans", "B" if bold else "", size)
        self.pdf.set_text_color(*colour)

    def heading(self, text: str, size: float = 11, room_mm: float = 30) -> None:
        """A heading that does not stand alone at the foot of a page."""
        if self.pdf.will_page_break(room_mm):
            self.pdf.add_page()
        self.pdf.ln(1.5)
        self._font(size, bold=True)
        self._shape(text)
        self.pdf.multi_cell(0, size * 0.46, shown(text, 300), new_x="LMARGIN", new_y="NEXT")
        self.pdf.ln(0.8)

    def text(self, text: str, size: float = 9, bold: bool = False, quiet: bool = False, limit: int = 1200) -> None:
        """A paragraph."""
        self._font(size, bold, QUIET if quiet else INK)
        self._shape(text)
        if _from_right(text):
            self.pdf.multi_cell(0, size * 0.48, shown(text, limit), align="L", new_x="LMARGIN", new_y="NEXT")
        else:
            for line in self._lines(shown(text, limit)):
                self.pdf.cell(0, size * 0.48, line, new_x="LMARGIN", new_y="NEXT")
        self.pdf.ln(0.6)

    def _lines(self, text: str) -> list[str]:
        """Text broken at its spaces to the width of the sheet; a word that is longer is cut.

        The library measures a line anew for each letter, which takes most of a sheet's time.
        """
        room = self.width - 2 * self.pdf.c_margin
        gap = self.pdf.get_string_width(" ")
        lines: list[str] = []
        line, used = "", 0.0
        for word in text.split(" "):
            width = self.pdf.get_string_width(word)
            while width > room:  # no space to break at
                fits = max(1, int(len(word) * room / width) - 1)
                lines += [line, word[:fits]] if line else [word[:fits]]
                line, used, word = "", 0.0, word[fits:]
                width = self.pdf.get_string_width(word)
            if line and used + gap + width > room:
                lines.append(line)
                line, used = word, width
            else:
                line, used = (f"{line} {word}", used + gap + width) if line else (word, width)
        return [*lines, line]

    def points(self, texts: Sequence[str], size: float = 9) -> None:
        """A list."""
        for text in texts:
            self.text(f"•  {text}", size)

    def boxes(self, cells: Sequence[tuple[str, str]], per_row: int = 3, size: float = 8.5) -> None:
        """A grid of labelled boxes, as forms have them; the last row's last box takes the room that is left."""
        for start in range(0, len(cells), per_row):
            row = cells[start : start + per_row]
            widths = [1.0] * (len(row) - 1) + [float(per_row - len(row) + 1)]
            self._box_row(row, widths, size)

    def _box_row(self, row: Sequence[tuple[str, str]], widths: Sequence[float], size: float) -> None:
        self._font(size)
        self._shape(*(value for _label, value in row))
        self.pdf.set_draw_color(*RULE)
        with self.pdf.table(
            col_widths=tuple(widths), line_height=size * 0.47, padding=1.1, first_row_as_headings=False, align="LEFT",
            text_align="LEFT",
        ) as table:  # fmt: skip
            line = table.row()
            for label, value in row:
                said = "\n".join(shown(part, 600) for part in value.split("\n") if part) or "–"
                line.cell(f"{shown(label)}:\n{said}")
        self.pdf.ln(1.2)

    def table(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float], size: float = 8
    ) -> None:
        """A table whose head is repeated on every page."""
        from fpdf.fonts import FontFace

        self._font(size)
        self._shape(*(value for line in rows for value in line))
        self.pdf.set_draw_color(*RULE)
        style = FontFace(emphasis="BOLD", fill_color=WASH, color=INK)
        with self.pdf.table(
            col_widths=tuple(widths), line_height=size * 0.47, padding=0.9, headings_style=style, text_align="LEFT",
            align="LEFT",
        ) as table:  # fmt: skip
            for line in (head, *rows):
                row = table.row()
                for value in line:
                    row.cell("\n".join(shown(part, 600) for part in value.split("\n")))
        self.pdf.ln(1.2)

    def picture(self, png: bytes, alt: str, height_mm: float = 120) -> None:
        """A picture as wide as the text, at most ``height_mm`` high."""
        from PIL import Image

        with Image.open(io.BytesIO(png)) as image:
            width = min(self.width, height_mm * image.width / image.height)
            height = width * image.height / image.width
        if self.pdf.will_page_break(height + 2):
            self.pdf.add_page()
        left = MARGIN_MM + (self.width - width) / 2
        self.pdf.image(io.BytesIO(png), x=left, w=width, alt_text=alt)
        self.pdf.ln(1.5)

    def content(self) -> bytes:
        """The document."""
        return bytes(self.pdf.output())
