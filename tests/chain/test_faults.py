"""Faults at random moments, full disks, sources that go in pairs, many at once: nothing is lost or half-written.

Minutes long: `make reliability` runs these; OCEANCLEAN_RELIABILITY_KILLS says how often the day is killed (20).
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from oceanclean.store import ASIDE, digest_file
from tests.chain.conftest import Place, change_yaml
from tests.reliability.promises import keep

pytestmark = [
    pytest.mark.skipif(os.environ.get("OCEANCLEAN_RELIABILITY") != "all", reason="minutes long: make reliability"),
    pytest.mark.timeout(1500),
]
KILLS = int(os.environ.get("OCEANCLEAN_RELIABILITY_KILLS", "20"))
STAGES = ("map", "forecast", "allocate")  # what was taken in names its files by folder


def _outputs(place: Place) -> dict[str, dict[str, str]]:
    """Digests of what each stage of the day left."""
    return {s: json.loads((place.day / s / "stage.json").read_text())["outputs"] for s in STAGES}


def _wrong(place: Place) -> list[str]:
    """Visible products that are not whole: a stage without its record, or a file that is not what the record says."""
    if not place.day.is_dir():
        return []
    found = []
    for folder in place.day.iterdir():
        if not folder.is_dir() or folder.name.startswith(".") or folder.name in ("ledger", "catalog"):
            continue
        if not (folder / "stage.json").is_file():
            found.append(f"{folder.name}: no record")
            continue
        outputs = json.loads((folder / "stage.json").read_text())["outputs"]
        found += [f"{folder.name}/{n}" for n, sha in outputs.items() if digest_file(folder / n) != sha]
    return found


def _started(place: Place) -> subprocess.Popen[bytes]:
    return subprocess.Popen(place.command("plan", "--json"), env=place.environment, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)  # fmt: skip


def test_kills_at_random_moments_lose_nothing(planned: Place, fresh: Place) -> None:
    """KILL and TERM in turn, at moments drawn over the whole day; what is finished is whole and the end is the same."""
    begun = time.monotonic()
    fresh.plan()
    span = time.monotonic() - begun
    shutil.rmtree(fresh.runs)
    rng, kills, days = np.random.default_rng(1), 0, 0
    while kills < KILLS:
        with _started(fresh) as process:
            try:
                process.wait(float(rng.uniform(0.3, 1.0)) * span * 0.6)
            except subprocess.TimeoutExpired:
                process.send_signal((signal.SIGKILL, signal.SIGTERM)[kills % 2])
                process.wait()
                kills += 1
                assert not _wrong(fresh)
                continue
        assert process.returncode == 0
        assert _outputs(fresh) == _outputs(planned)
        days += 1
        shutil.rmtree(fresh.runs)  # the next kills want a day to interrupt
    fresh.plan()
    assert _outputs(fresh) == _outputs(planned)
    assert not list(fresh.day.glob(f"{ASIDE}*"))
    keep("killed runs", "KILL and TERM at random moments", {"kills": kills, "days_finished_between": days, "losses": 0})


def test_a_full_disk_ends_the_run_with_words_and_room_ends_it_well(planned: Place, fresh: Place) -> None:
    """The run's folder lies on a disk of a few megabytes, at every size from too small to enough."""
    disk = fresh.work / "runs"
    disk.mkdir(exist_ok=True)
    tried = refused = 0
    for size in (1, 3, 6, 12, 24, 400):
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "none", str(disk)], check=False,
                          capture_output=True).returncode:  # fmt: skip
            pytest.skip("no file system may be mounted here")
        try:
            done = fresh.oceanclean("plan", "--json", check=False)
            tried += 1
            assert not _wrong(fresh)
            assert "Traceback" not in done.stderr, done.stderr[-2000:]
            if done.returncode:
                refused += 1
                assert "space" in done.stderr
            else:
                assert _outputs(fresh) == _outputs(planned)
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
    assert done.returncode == 0
    assert refused
    keep("full disk", "1 to 400 MB for the run", {"runs": tried, "refused": refused, "half_written": 0})


@pytest.mark.parametrize(
    "missing",
    itertools.combinations(("scenes", "wind", "waves", "drifters", "sightings", "fleet_status"), 2),
    ids="-".join,
)
def test_sources_go_in_pairs_and_the_plan_comes_all_the_same(planned: Place, fresh: Place, missing) -> None:
    """Each pair of sources but the currents; what is missing is said, and the map's doubt does not shrink."""
    seen = fresh.work / "twin" / "cove" / "seen"
    for name in missing:
        for path in seen.glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    result = fresh.plan()
    words = {"fleet_status": "fleet"}
    unsaid = [m for m in missing if not any(words.get(m, m.rstrip("s")) in s.lower() for s in result["degraded"])]
    keep("degraded", " and ".join(missing), {"plan": "yes", "said": len(missing) - len(unsaid)})
    assert not unsaid, result["degraded"]


def test_eight_at_once_over_days_and_no_plan_is_made_twice(fresh: Place) -> None:
    """Eight processes plan two days, four times each: one a day succeeds, the others say who has it."""
    days = ("2026-06-15", "2026-06-16")

    def one(k: int) -> tuple[int, str, float]:
        begun = time.monotonic()
        done = fresh.oceanclean("plan", "--json", date=days[k % 2], check=False)
        return done.returncode, done.stderr, time.monotonic() - begun

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(one, range(8)))
    codes = [code for code, _, _ in found]
    assert set(codes) <= {0, 4}, [said[-500:] for code, said, _ in found if code not in (0, 4)]
    assert codes.count(0) >= 2
    assert not _wrong(fresh)
    keep("at once", "8 processes over 2 days", {
        "planned": codes.count(0), "refused_as_busy": codes.count(4), "longest_s": round(max(s for _, _, s in found)),
    })  # fmt: skip


def test_fifty_clients_for_half_a_minute(planned: Place, tmp_path: Path) -> None:
    """The server over loopback: no error, its memory does not grow, times are kept."""
    import httpx
    import psutil

    from tests.chain.test_serving import tokens_of

    work = tmp_path / "work"
    shutil.copytree(planned.work, work)
    header = tokens_of(work)["viewer"]
    config = tmp_path / "config"
    shutil.copytree(planned.config, config)
    serving = config / "serving.yaml"
    change_yaml(serving, lambda c: c.update(requests_per_minute=dict.fromkeys(("viewer", "planner", "admin"), 100_000)))
    place = Place(config, work)
    with subprocess.Popen(
        [*place.command()[:3], "serve", "--port", "8791"], env=place.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            figures = _load("http://127.0.0.1:8791", header, psutil.Process(server.pid), httpx)
        finally:
            server.terminate()
            server.wait(20)
    keep("load", "50 clients", figures)
    assert figures["errors"] == 0
    assert figures["grown_percent"] < 10


def _load(url: str, header: dict[str, str], process: object, httpx: object, seconds: float = 30.0) -> dict[str, float]:
    """Half a minute of calls of fifty clients."""
    paths = (
        "/collections",
        "/collections/cove.plan/items",
        "/stac/search",
        "/conformance",
        "/regions/cove/density.tif",
    )
    times: list[float] = []
    errors: list[int] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url + "/conformance", headers=header).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.2)

    def client(k: int, stop: float) -> None:
        with httpx.Client(headers=header, timeout=30) as own:
            for path in itertools.islice(itertools.cycle(paths), k % len(paths), None):
                if time.monotonic() > stop:
                    return
                begun = time.perf_counter()
                code = own.get(url + path).status_code
                times.append(time.perf_counter() - begun)
                if code != 200:
                    errors.append(code)

    def all_for(length: float) -> None:
        threads = [threading.Thread(target=client, args=(k, time.monotonic() + length)) for k in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    all_for(10.0)  # what is read, compiled and started at first is not growth
    times.clear()
    before = process.memory_info().rss
    all_for(seconds)
    p50, p99 = np.quantile(times, [0.5, 0.99])
    grown = 100 * (process.memory_info().rss / before - 1)
    return {"calls": len(times), "errors": len(errors), "p50_ms": round(1000 * float(p50)),
            "p99_ms": round(1000 * float(p99)), "grown_percent": round(grown, 1)}  # fmt: skip
