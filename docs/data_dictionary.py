"""Write ``docs/data-dictionary.md`` from the contracts, so that it cannot say anything else than the code.

``python docs/data_dictionary.py`` writes the page; ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from oceanclean.products import GRIDS, TABLES, names

PAGE = Path(__file__).with_name("data-dictionary.md")


def _range(low: float, high: float) -> str:
    if np.isinf(low) and np.isinf(high):
        return ""
    return f"{low:g} to {high:g}"


def page() -> str:
    """The page as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "What passes through the doors between the rooms. Made from `oceanclean.products` by `make docs-data`; all",
        "times are UTC, all tables are EPSG:4326, gridded products follow CF-1.11.",
        "",
        "## Gridded products",
    ]
    for product, grid in GRIDS.items():
        lines += ["", f"### {product}", "", grid.summary, "", "| variable | dimensions | units | what | range | needed |",
                  "|---|---|---|---|---|---|"]  # fmt: skip
        for name, v in grid.variables.items():
            needed = "yes" if v.required else "no"
            lines.append(
                f"| `{name}` | {', '.join(v.dims)} | {v.units} | {v.long_name} | {_range(v.low, v.high)} | {needed} |"
            )
        if grid.attributes:
            lines += ["", "Attributes: " + ", ".join(f"`{a}`" for a in grid.attributes) + "."]
    lines += ["", "## Tables"]
    for product, table in TABLES.items():
        lines += ["", f"### {product}", "", f"{table.summary} Geometry: {' or '.join(table.geometry)}.", "",
                  "| column | kind | units | what | range | may be empty |", "|---|---|---|---|---|---|"]  # fmt: skip
        for name, c in table.columns.items():
            empty = "yes" if c.null_allowed else "no"
            lines.append(f"| `{name}` | {c.kind} | {c.units} | {c.long_name} | {_range(c.low, c.high)} | {empty} |")
    lines += ["", "## Classes, reasons and gates", "", "| id | class |", "|---|---|"]
    lines += [f"| {i} | {name} |" for name, i in names.CLASS_ID.items()]
    lines += ["", "| left for | why a patch is not served |", "|---|---|"]
    lines += [f"| `{kind}` | {what} |" for kind, what in names.LEFT_FOR.items()]
    lines += ["", "| code | gate: why a pixel counts as observed or not |", "|---|---|"]
    lines += [f"| {g.value} | {g.name.lower().replace('_', ' ')} |" for g in names.Gate]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, or with ``--check`` end with status 1 when it is out of date."""
    if "--check" in sys.argv:
        sys.exit(
            0
            if PAGE.read_text(encoding="utf-8") == page()
            else "docs/data-dictionary.md is out of date: make docs-data"
        )
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
