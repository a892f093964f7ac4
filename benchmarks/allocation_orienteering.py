"""Gap of the allocation's solver to published best values, or its catch against planners that do not see drift.

Run as ``python -m benchmarks.allocation_orienteering FOLDER --seconds 10 --only p5.3.t``, where FOLDER is laid out like
the folders ``orienteering_*`` of the real data,
with ``--drift 0.15`` for drifting targets.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.allocation_peers import peers
from oceanclean.allocation.evaluation import check, evaluate_allocation
from oceanclean.allocation.orienteering import read_folder


def compare(folder: Path, seconds: float, names: list[str] | None) -> None:
    """Print the gaps of the other solvers on the same instances."""
    if find_spec("pyvrp") is None:
        print("PyVRP is not installed here: pip install pyvrp")
    for name, solver in peers().items():
        gaps = []
        for instance in read_folder(folder):
            if (names and instance.name not in names) or not instance.best_known:
                continue
            routes = solver(instance, seconds)
            prize = sum(float(instance.prizes[t]) for r in routes for t in r) if check(instance, routes) else 0.0
            gaps.append(100 * (1 - prize / instance.best_known))
            print(f"{name:18s} {instance.name:10s} {prize:8.0f}  gap {gaps[-1]:.2f} %", flush=True)
        if gaps:
            print(f"{name}: mean gap {sum(gaps) / len(gaps):.2f} %, worst {max(gaps):.2f} %")


def main() -> None:
    """Read the arguments, evaluate, print every row and the summary."""
    parser = argparse.ArgumentParser(description="Gap of the allocation's solver to published best values.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--drift", type=float)
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peers", action="store_true", help="also OR-Tools routing and, where installed, PyVRP")
    given = parser.parse_args()
    print(
        f"ortools {version('ortools')}, numba {version('numba')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    names = given.only.split(",") if given.only else None
    result = evaluate_allocation(given.folder, given.seconds, given.drift, seed=given.seed, names=names, progress=print)
    print({k: v for k, v in result.items() if k != "instances"})
    if given.peers:
        compare(given.folder, given.seconds, names)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
