"""Scores of the segmenter on the real patches here: as it ships, or retrained without each scene."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from oceanclean import vision
from oceanclean.store import write_json

DATA = Path(os.environ.get("OCEANCLEAN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def main() -> None:
    """Print the table, and write the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", help="folder laid out like MARIDA")
    parser.add_argument("--protocol", default="leave-scene-out", choices=["shipped", "leave-scene-out"])
    parser.add_argument("--folder", type=Path, help="where the folds are kept, so that a killed run goes on")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    figures = vision.evaluate_segmenter(
        given.data or [DATA / "marida"], protocol=given.protocol, folder=given.folder,
        settings=vision.load_training_settings(), progress=lambda what, share: print(f"{100 * share:3.0f} % {what}"),
    )  # fmt: skip
    print(vision.evaluation_table(figures))
    if given.json:
        write_json(given.json, figures)


if __name__ == "__main__":
    main()
