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
from pathlib import Path

from oceanclean.allocation.evaluation import evaluate_allocation


def main() -> None:
    """Read the arguments, evaluate, print every row and the summary."""
    parser = argparse.ArgumentParser(description="Gap of the allocation's solver to published best values.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--drift", type=float)
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(
        f"ortools {version('ortools')}, numba {version('numba')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    names = given.only.split(",") if given.only else None
    result = evaluate_allocation(given.folder, given.seconds, given.drift, seed=given.seed, names=names, progress=print)
    print({k: v for k, v in result.items() if k != "instances"})
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
