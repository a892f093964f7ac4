"""A report as people read it: sentences, figures, pictures and tables, from which the page and the PDF are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oceanclean.planning.notation import plain

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Figure:
    """A figure of the head: what, how much, and a line beneath."""

    label: str
    value: str
    beneath: str = ""


@dataclass(frozen=True)
class Table:
    """Cells as text; ``numbers`` are the columns that stand to the right."""

    headers: list[str]
    rows: list[list[str]]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A PNG and what it says to who cannot see it."""

    png: bytes
    says: str


@dataclass(frozen=True)
class Section:
    """A part of a report; a long table is folded on the page."""

    title: str
    sentences: list[str] = field(default_factory=list)
    picture: Picture | None = None
    table: Table | None = None
    folded: bool = False


@dataclass(frozen=True)
class Document:
    """One report."""

    name: str
    kind: str
    title: str
    when: str
    simulated: bool
    verdict: str
    figures: list[Figure]
    warnings: list[str]
    sections: list[Section]


def table(data: pd.DataFrame, columns: dict[str, tuple[str, str]], limit: int | None = None) -> Table:
    """A table of a data frame's columns.

    Args:
        data: rows.
        columns: column to header and format: ``"text"``, or a format of numbers such as ``",.0f"`` or ``".0%"``.
        limit: rows shown; what is left out is said in a last row.
    """
    headers = [header for header, _ in columns.values()]
    shown = data if limit is None else data.head(limit)
    rows = [[cell(row[name], how) for name, (_, how) in columns.items()] for _, row in shown.iterrows()]
    if len(data) > len(shown):
        rows.append([f"and {len(data) - len(shown)} more (see the CSV file)", *[""] * (len(headers) - 1)])
    numbers = frozenset(i for i, (_, how) in enumerate(columns.values()) if how != "text")
    return Table(headers, rows, numbers)


def cell(value: Any, how: str) -> str:
    """A value as text; "–" for none."""
    if value is None or value != value:
        return "–"
    if how == "text":
        return plain(value, 300)
    return format(value, how).replace(",", "\u202f")


def join(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""
