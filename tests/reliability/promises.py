"""What is promised, how each promise is tried, and what the tests measured last, as one table.

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
_COUNTS = ("mutants", "tried", "read", "refused", "broken")
_PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- figures: made by make reliability -->", "<!-- end of figures -->"

#: By the name under which tests keep their figures: the promise, and how it is tried.
PROMISES = {
    "struck days": (
        ("A run that is killed, starved of memory or disk, or whose clock jumps, loses nothing: no half-written "
        "product is visible, what is finished stays, and the end is byte for byte that of an undisturbed run"),
        ("a day of a small sea is struck at random moments and just before random changes to the disk, started again "
        "after each blow, and looked at (`tests/chain/test_kills.py`)"),
    ),
    "at once": (
        "Many processes, flows and clients at once: nothing corrupt, no plan made twice, bounded waits",
        ("eight processes over three days while the server is asked; eight flows on one SQLite of Prefect "
        "(`tests/chain/test_faults.py`)"),
    ),
    "load": (
        "The server under load answers without error and its memory stays flat",
        "fifty clients over loopback for a minute, after half a minute to warm up (`tests/chain/test_faults.py`)",
    ),
    "soak": (
        "A process that plans day after day holds no more memory, handles or files",
        "the same day planned again and again in one process (`tests/chain/test_soak.py`)",
    ),
    "degraded": (
        "A source that is missing degrades the plan, is said on it, and makes it no surer of itself",
        ("each source but the currents, and each pair, taken away: doubt of the map, and spread of places a day ahead, "
        "against the whole day's (`tests/chain/test_faults.py`)"),
    ),
    "bad input": (
        ("Files of others are read right or refused with a typed error that names them, within 20 s and 1 GiB; none "
        "ends the process, runs code, writes elsewhere, or leaves a file behind"),
        ("mutants of good files, real ones where the real data are, read by a process of its own; a pickle that is "
        "loaded would leave a file (`tests/reliability/test_bad_input.py`)"),
    ),
    "fuzz": (
        "So are files that nobody thought of",
        "edits of good files by hypothesis, through every quick door (`tests/reliability/test_fuzz.py`)",
    ),
}  # fmt: skip


def keep(promise: str, case: str, figures: dict[str, Any]) -> None:
    """Note what a test measured; without a folder for figures nothing is written."""
    if promise not in PROMISES:
        raise KeyError(promise)
    if folder := os.environ.get(FIGURES):
        path = Path(folder) / f"{promise}-{case}.json".replace("/", "-").replace(" ", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"promise": promise, "case": case, **figures}), encoding="utf-8")


def table(folder: Path) -> str:
    """Every promise with how it is tried and what was measured."""
    kept: dict[str, list[dict[str, Any]]] = {name: [] for name in PROMISES}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        kept[record["promise"]].append(record)
    rows = ["| promise | how it is tried | last measured |", "|---|---|---|"]
    for name, (promise, how) in PROMISES.items():
        records = _summed(kept[name]) if name in ("bad input", "fuzz") else kept[name]
        rows.append(f"| {promise} | {how} | {'<br>'.join(_said(r) for r in records) or 'not measured'} |")
    return "\n".join(rows)


def _said(record: dict[str, Any]) -> str:
    figures = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in record.items() if k not in ("promise", "case"))
    return f"{record['case']}: {figures}"


def _summed(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counts of all doors added up, and the worst of what has a bound."""
    if not records:
        return []
    added = {k: sum(r[k] for r in records) for k in _COUNTS if k in records[0]}
    worst = {k: max(r[k] for r in records) for k in ("slowest_s", "most_mib") if k in records[0]}
    return [{"case": f"{len(records)} kinds of file", **added, **worst}]


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
