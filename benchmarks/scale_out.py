"""What more processes bring, and what more sea costs: ``python -m benchmarks.scale_out``.

Scenes of the simulated demo day are cut into windows of 1,000 × 1,000 pixels, each a scene of its own. Measured on Dask
worker processes of one core each: 8 scenes on one and on two workers, results compared byte by byte, and 1, 4 and 16
scenes on two. From these figures, and a day of the chain, ``--sizing`` computes what 100 and 10,000 scenes a day need.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rasterio
from rasterio.windows import Window

from oceanclean.chain import SceneDone, segment_many, workers
from oceanclean.chain.many import segment_piece
from oceanclean.store import digest_file, write_json

EDGE_PX = 1000
#: Pixels of a Sentinel-2 tile at 10 m.
TILE_MPX = 10.98**2
#: Hours from the last scene's arrival to the plan's hour, into which the day's detection must fit (assumed).
WINDOW_H = 3.0
#: Scenes of one region's day (assumed): a plan is made for each region.
SCENES_A_REGION = 10
SIZES = {"national": 100, "global": 10_000}


def observed(work: Path) -> list[Path]:
    """The three scenes of the demo day, simulated once."""
    known = sorted(work.glob("twin/demo/seen/scenes/*.tif"))
    if len(known) == 3:
        return known
    env = {**os.environ, "OCEANCLEAN_WORK": str(work)}
    command = [sys.executable, "-m", "oceanclean", "twin", "observe", "--region", "demo", "--date", "2026-06-15"]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    return sorted(work.glob("twin/demo/seen/scenes/*.tif"))


def write_window(whole: Path, path: Path, window: Window) -> None:
    """A part of a scene as a scene of its own, with all that the file says and the record beside it."""
    with rasterio.open(whole) as source:
        place = source.window_transform(window)
        profile = {**source.profile, "width": window.width, "height": window.height, "transform": place}
        with rasterio.open(path, "w", **profile) as target:
            target.write(source.read(window=window))
            target.update_tags(**source.tags())
            target.scales, target.offsets = source.scales, source.offsets
            for band, name in enumerate(source.descriptions, start=1):
                target.set_band_description(band, name)
                target.update_tags(band, **source.tags(band))
    beside = whole.with_suffix(".json")
    if beside.is_file():
        path.with_suffix(".json").write_text(json.dumps({**json.loads(beside.read_text()), "scene_id": path.stem}))


def cut(wholes: list[Path], folder: Path, count: int, edge: int) -> list[str]:
    """Windows of the scenes as files of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    corners = [(x, y, whole) for x in range(0, 1601, 800) for y in range(0, 1601, 800) for whole in wholes]
    made = []
    for x, y, whole in corners[:count]:
        path = folder / f"{whole.stem}x{x}y{y}.tif"
        if not path.is_file():
            write_window(whole, path, Window(x, y, edge, edge))
        made.append(str(path))
    return made


def resident_mib() -> float:
    """Largest resident memory of this process so far, MiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(scenes: list[str], out: Path, count: int) -> tuple[float, float, list[SceneDone], float]:
    """Seconds of start-up (processes, libraries, compiled loops), seconds of the scenes, answers, MiB of a worker."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:count])  # a worker has one core, also where it is alone
    try:
        start = time.perf_counter()
        with workers(f"local:{count}") as crew, tempfile.TemporaryDirectory() as scratch:
            crew.client.run(_warm, scenes[0], scratch)
            begun = time.perf_counter()
            answers = segment_many(scenes, str(out), crew)
            ended = time.perf_counter()
            memory = max(crew.client.run(resident_mib).values())
    finally:
        os.sched_setaffinity(0, cores)
    for answer in answers:
        if answer.outcome != "done":
            sys.exit(f"FAILED: {answer}")
    return begun - start, ended - begun, answers, memory


def _warm(scene: str, scratch: str) -> None:
    """Load and compile what a scene needs, on a corner of one."""
    from oceanclean.chain.many import ScenePiece

    corner = Path(scratch) / f"{os.getpid()}.tif"
    write_window(Path(scene), corner, Window(0, 0, 256, 256))
    segment_piece(ScenePiece(str(corner), str(corner.with_suffix(""))))


def same(one: Path, two: Path) -> int:
    """How many result files there are; it ends where any differs."""
    names = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    kinds = {".tif", ".parquet", ".png"}
    for name in names:
        if name.suffix in kinds and digest_file(one / name) != digest_file(two / name):
            sys.exit(f"FAILED: {name} differs between one worker and two")
    return sum(n.suffix in kinds for n in names)


def measure(folder: Path) -> dict[str, float]:
    """Run all; the figures that sizes are computed from."""
    scenes = cut(observed(folder / "work"), folder / "scenes", 16, EDGE_PX)
    mpx = EDGE_PX**2 / 1e6
    up1, one, answers, memory = timed(scenes[:8], folder / "one", 1)
    up2, two, _, _ = timed(scenes[:8], folder / "two", 2)
    print(
        f"8 scenes of {mpx:.2f} Mpx: 1 worker {one:.1f} s, 2 workers {two:.1f} s: {one / two:.2f} times as fast",
        flush=True,
    )
    print(f"start-up of processes and libraries, not in these: {up1:.1f} s and {up2:.1f} s")
    print(f"{same(folder / 'one', folder / 'two')} result files are the same byte for byte", flush=True)
    grown = {}
    for number in (1, 4, 16):
        _, grown[number], _, _ = timed(scenes[:number], folder / f"grown{number}", 2)
        print(
            f"{number:3d} scenes on 2 workers: {grown[number]:6.1f} s, {grown[number] / number:5.2f} s a scene",
            flush=True,
        )
    written = sum(p.stat().st_size for p in (folder / "one").rglob("*") if p.is_file())
    return {
        "core_s_mpx": sum(a.seconds for a in answers) / 8 / mpx, "share_of_two": one / two / 2,
        "worker_mib": memory, "result_bytes_px": written / 8 / mpx / 1e6,
        "scene_bytes_px": sum(Path(s).stat().st_size for s in scenes) / 16 / mpx / 1e6,
        **{f"seconds_{n}": s for n, s in grown.items()},
    }  # fmt: skip


def sizing(figures: dict[str, float], region_s: float) -> list[str]:
    """A Markdown table of what programmes need.

    Args:
        figures: of :func:`measure`.
        region_s: core-seconds of a region's day without detection.
    """
    rows = ["| | " + " | ".join(f"{name}, {n:,} scenes a day" for name, n in SIZES.items()) + " |", "|---|---|---|"]
    need: dict[str, list[str]] = {}
    for scenes in SIZES.values():
        regions = scenes / SCENES_A_REGION
        hours = scenes * TILE_MPX * figures["core_s_mpx"] / 3600
        cores = hours / WINDOW_H / figures["share_of_two"]
        plans = regions * region_s / 3600
        for what, text in {
            "pixels, Gpx a day": f"{scenes * TILE_MPX / 1e3:,.0f}",
            "detection, core-hours a day": f"{hours:,.0f}",
            f"cores, so that it fits into {WINDOW_H:g} h": f"{max(cores, 1):,.0f}",
            "memory of these workers, GiB": f"{max(cores, 1) * figures['worker_mib'] / 1024:,.0f}",
            f"regions of {SCENES_A_REGION} scenes": f"{regions:,.0f}",
            "map, forecast, orders, papers: core-hours a day": f"{plans:,.1f}",
            "cores for these within 1 h": f"{max(plans, 1):,.0f}",
            "scenes kept, TB a year": f"{scenes * TILE_MPX * figures['scene_bytes_px'] * 365 / 1e6:,.0f}",
            "results kept, TB a year": f"{scenes * TILE_MPX * figures['result_bytes_px'] * 365 / 1e6:,.1f}",
        }.items():
            need.setdefault(what, []).append(text)
    return rows + [f"| {what} | " + " | ".join(values) + " |" for what, values in need.items()]


def main() -> None:
    """Measure, or compute sizes from a file of measured figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="work folder; scenes in it are used again")
    parser.add_argument("--region-seconds", type=float, default=0.0, help="core-seconds of a day without detection")
    parser.add_argument("--sizing", action="store_true", help="only compute, from figures.json of the folder")
    given = parser.parse_args()
    figures = given.folder / "figures.json"
    if not given.sizing:
        write_json(figures, measure(given.folder))
    found = json.loads(figures.read_text())
    print(json.dumps({k: round(v, 3) for k, v in found.items()}))
    print("\n".join(sizing(found, given.region_seconds)))


if __name__ == "__main__":
    main()
