"""Make ``docs/results``: oceanclean on real input, as pictures and figures that a person can look at.

``python docs/make_results.py`` needs the real data (folder OCEANCLEAN_DATA, by default ``../shared/data``) and writes
the folder anew: two Sentinel-2 scenes segmented, one Mediterranean day planned. Every figure on the page is read from
what the runs printed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("OCEANCLEAN_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "docs" / "results"

SCENES = {
    "accra": (
        "accra_20181031_l2a/S2_L2A_20181031_accra_11bands.tif",
        ["--radiometry", "l2a", "--acquired", "2018-10-31T10:20:00Z"],
        "Accra, Ghana, 31 October 2018, Sentinel-2 L2A (Sen2Cor), all eleven bands. Contains modified Copernicus "
        "Sentinel data 2018.",
    ),
    "limassol": (
        "s2_demo_chips/limassol.tif",
        ["--reduced-bands", "--radiometry", "l2a"],
        "Akrotiri Bay off Limassol, Cyprus, 5 August 2024, Sentinel-2 L2A with offset −0.1; six of the eleven bands and "
        "Sen2Cor's scene classification. Contains modified Copernicus Sentinel data 2024.",
    ),
}


def oceanclean(*arguments: str) -> Any:
    """Run the command line with ``--json``; its record."""
    command = [sys.executable, "-m", "oceanclean", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT,
                          env={**os.environ, "OCEANCLEAN_DATA": str(DATA)})  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def scene_section(name: str, work: Path) -> list[str]:
    """Segment one scene; keep its picture and say what was found and what was gated."""
    path, options, caption = SCENES[name]
    record = oceanclean("segment", str(DATA / path), "--out", str(work / name), *options)
    shutil.copy(record["picture"], RESULTS / f"{name}.png")
    lines = [
        f"## {name.capitalize()}",
        "",
        caption,
        "",
        f"![{name}: true colour beside what was found](results/{name}.png)",
        "",
    ]
    lines += [
        "| figure | value |",
        "|---|---|",
        f"| model | {record['model']} |",
        f"| threshold | {record['threshold']:.3f} |",
    ]
    lines += [f"| {key.replace('_', ' ')} | {value:,.6g} |" for key, value in sorted(record["statistics"].items())]
    lines += ["", *(f"- {sentence}" for sentence in record["degraded"]), ""]
    return lines


def plan_section(work: Path) -> list[str]:
    """Plan the Mediterranean day; keep page, picture and exchange files."""
    record = oceanclean("plan", "--region", "mediterranean", "--date", "2020-01-04", "--work", str(work))
    for kind in ("page", "picture", "geojson", "gpx", "orders"):
        if kind in record["files"]:
            shutil.copy(record["files"][kind], RESULTS / f"mediterranean-{Path(record['files'][kind]).name}")
    lines = ["## Mediterranean, 4 and 5 January 2020", ""]
    lines += [
        "Real NEMO currents on their C-grid, ERA5 wind and waves, real litter windrows of the same season (Cózar et al.",
        "2024), real ports and coast; the fleet is invented. The page is [mediterranean-plan.html]"
        "(results/mediterranean-plan.html).", "",
        "![plan of the Mediterranean day](results/mediterranean-plan.png)", "",
        f"Expected catch {record['expected_kg']:,.0f} kg, 80 % interval {record['p10_kg']:,.0f} to "
        f"{record['p90_kg']:,.0f} kg; proven gap {100 * (record['gap'] or 0):.1f} %.", "",
        "The page says in plain words what is degraded:", "",
        *(f"- {sentence}" for sentence in record["degraded"]), "",
        "| stage | seconds | peak MiB |", "|---|---|---|",
        *(f"| {s['stage']} | {s['seconds']:.1f} | {s['peak_mib']:.0f} |" for s in record["stages"]), "",
    ]  # fmt: skip
    return lines


def main() -> None:
    """Write the folder and its page."""
    RESULTS.mkdir(exist_ok=True)
    lines = ["# Results on real input", "", "Made by `python docs/make_results.py`; nothing simulated is in it.", ""]
    with tempfile.TemporaryDirectory() as folder:
        for name in SCENES:
            lines += scene_section(name, Path(folder))
        lines += plan_section(Path(folder))
    remarks = ROOT / "docs" / "results-remarks.md"
    if remarks.is_file():
        lines += [remarks.read_text(encoding="utf-8")]
    (ROOT / "docs" / "results.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
