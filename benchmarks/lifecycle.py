"""A model's life on real drifters, by command: ``python -m benchmarks.lifecycle --folder EMPTY``.

The St Lawrence drifters of 2020 (``trex_drifters`` of OCEANCLEAN_DATA). A forecaster fitted on the first two thirds of
their days is taken in as challenger and judged, against the plain physics that ships, on the days that it has not
seen: what these say is done, promotion or refusal. Then one fitted on two days of few drifters challenges, which must
be refused; a champion is rolled back. The audit log is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

WHO = ("--by", "benchmark")


def _oceanclean(work: Path, *arguments: str, expected: tuple[int, ...] = (0,)) -> tuple[int, str]:
    """Run a command; it must end with a status expected. The status, and what it said."""
    start = time.perf_counter()
    env = {**os.environ, "OCEANCLEAN_WORK": str(work)}
    done = subprocess.run([sys.executable, "-m", "oceanclean", *arguments], env=env, capture_output=True, text=True,
                          check=False)  # fmt: skip
    print(f"$ oceanclean {' '.join(arguments)}\n{done.stdout.strip()}{done.stderr.strip()}")
    print(f"  (status {done.returncode}, {time.perf_counter() - start:.1f} s)", flush=True)
    if done.returncode not in expected:
        sys.exit(f"FAILED: status {expected} was expected")
    return done.returncode, done.stdout


def _part(source: Path, target: Path, days: float, drifters: int = 0) -> None:
    """A table of the first days, of all drifters or of a few."""
    table = pd.read_csv(source, parse_dates=["time"])
    begin = table["time"].min()
    table = table[table["time"] < begin + pd.Timedelta(days=days)]
    if drifters:
        table = table[table["buoy"].isin(sorted(table["buoy"].unique())[:drifters])]
    target.mkdir(parents=True)
    table.to_csv(target / source.name, index=False)
    print(f"{target.name}: {len(table)} fixes of {table['buoy'].nunique()} drifters, {table['time'].min()} to "
          f"{table['time'].max()}", flush=True)  # fmt: skip


def main() -> None:
    """Register, promote, refuse, roll back; the exit status is 1 where a step ends otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.absolute()
    data = Path(os.environ.get("OCEANCLEAN_DATA", "../shared/data")) / "trex_drifters"
    source = next(data.glob("*.csv.gz"))
    table = pd.read_csv(source, usecols=["time"], parse_dates=["time"])["time"]
    span = (table.max() - table.min()) / pd.Timedelta(days=1)
    if not (folder / "early").is_dir():
        _part(source, folder / "early", days=span * 2 / 3)
        _part(source, folder / "few", days=2, drifters=6)
    for name in ("early", "few"):
        if not (folder / f"{name}.skops").is_file():
            _oceanclean(
                folder, "train", "forecaster", "--data", str(folder / name), "--out", str(folder / f"{name}.skops")
            )
    model = ("models", "register", "forecaster")
    judge = ("models", "promote", "forecaster", "--data", str(data), *WHO)
    _oceanclean(folder, *model, str(folder / "early.skops"), *WHO, "--why", "first fit")
    status, _ = _oceanclean(folder, *judge, "--why", "on days it has not seen", expected=(0, 6))
    words = ["registered", "promoted" if status == 0 else "not promoted", "refused"]
    if status:
        _oceanclean(folder, "models", "refuse", "forecaster", *WHO, "--why", "no sure gain")
    _oceanclean(folder, *model, str(folder / "few.skops"), *WHO, "--why", "a cheap fit")
    _oceanclean(folder, *judge, "--why", "to be seen", expected=(6,))
    _oceanclean(folder, "models", "refuse", "forecaster", *WHO, "--why", "it does not win")
    if status == 0:
        _oceanclean(folder, "models", "rollback", "forecaster", *WHO, "--why", "to show that it goes back")
        words.append("rolled back")
    _, log = _oceanclean(folder, "models", "list", "--log")
    missing = [word for word in words if word not in log]
    sys.exit(f"FAILED: the log lacks {missing}" if missing else 0)


if __name__ == "__main__":
    main()
