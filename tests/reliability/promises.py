"""What the tests of reliability measured, as a table.

``python -m tests.reliability.promises`` prints it and, with ``--write``, puts it into ``docs/reliability.md``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

#: Where figures are kept between tests and table; unset outside ``make reliability``.
FIGURES = "OCEANCLEAN_RELIABILITY_FIGURES"
_PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- figures: made by make reliability -->", "<!-- end of figures -->"


def keep(promise: str, case: str, figures: dict[str, Any]) -> None:
    """Note what a test measured; without a folder for figures nothing is written."""
    if folder := os.environ.get(FIGURES):
        path = Path(folder) / f"{promise}-{case}.json".replace("/", "-").replace(" ", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"promise": promise, "case": case, **figures}), encoding="utf-8")


def table(folder: Path) -> str:
    """Every figure that was kept, a row a case."""
    rows = ["| promise | case | measured |", "|---|---|---|"]
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        figures = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in record.items() if k not in ("promise", "case"))
        rows.append(f"| {record['promise']} | {record['case']} | {figures} |")
    return "\n".join(rows)


def main() -> None:
    """Print the table; ``--write`` puts it into the page."""
    text = table(Path(os.environ[FIGURES]))
    print(text)  # noqa: T201
    if "--write" in sys.argv:
        page = _PAGE.read_text(encoding="utf-8")
        before, rest = page.split(_BEGIN)
        after = rest.split(_END)[1]
        _PAGE.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
