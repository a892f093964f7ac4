"""Sources that go, alone and in pairs; many processes, flows and clients at once: a plan comes, nothing is lost.

Minutes long: `make reliability` runs these.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from oceanclean.store import RECORD, digest_file
from tests.chain.conftest import ROOT, Place, change_yaml
from tests.chain.test_serving import tokens_of
from tests.reliability.doubt import SOURCES, doubt_of, shrunk, without
from tests.reliability.promises import keep

pytestmark = [
    pytest.mark.skipif(os.environ.get("OCEANCLEAN_RELIABILITY") != "all", reason="minutes long: make reliability"),
    pytest.mark.timeout(1500),
]
#: What the server is asked for while others work.
ASKED = ("/collections", "/collections/cove.plan/items", "/stac/search", "/conformance", "/regions/cove/density.tif")


def _wrong(day: Path) -> list[str]:
    """Visible products that are not whole: a stage without its record, or a file that is not what the record says."""
    found = []
    for folder in day.iterdir() if day.is_dir() else ():
        if not folder.is_dir() or folder.name.startswith(".") or folder.name in ("ledger", "catalog"):
            continue
        if not (folder / RECORD).is_file():
            found.append(f"{folder.name}: no record")
            continue
        outputs = json.loads((folder / RECORD).read_text())["outputs"]
        found += [f"{folder.name}/{n}" for n, sha in outputs.items() if digest_file(folder / n) != sha]
    return found


@pytest.mark.parametrize("missing", [*((s,) for s in SOURCES), *itertools.combinations(SOURCES, 2)], ids="-".join)
def test_sources_go_alone_and_in_pairs_and_the_plan_doubts_more(planned: Place, continued: Place, missing) -> None:
    """Each source but the currents, and each pair: a plan comes, says what is missing, and is not surer than before."""
    before = doubt_of(planned.day)
    without(continued, missing)
    result = continued.plan()
    said = [s.lower() for s in result["degraded"]]
    unsaid = [m for m in missing if not any(SOURCES[m] in s for s in said)]
    after = doubt_of(continued.day)
    keep("degraded", " and ".join(missing), {
        "plan": "yes", "said": len(missing) - len(unsaid), "doubt_of_map": f"{after.of_map / before.of_map:.2f} times",
        "of_places": f"{after.of_places / before.of_places:.2f} times",
    })  # fmt: skip
    assert not unsaid, result["degraded"]
    assert not shrunk(before, after), (before, after)


@contextmanager
def _served(place: Place, **settings: object) -> Iterator[tuple[str, dict[str, str], psutil.Process]]:
    """The server of a place: address, header of a viewer, process."""
    header = tokens_of(place.work)["viewer"]
    many = dict.fromkeys(("viewer", "planner", "admin"), 100_000)
    change_yaml(place.config / "serving.yaml", lambda c: c.update(requests_per_minute=many, **settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*place.command()[:3], "serve", "--port", str(port)]
    with subprocess.Popen(command, env=place.environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:  # fmt: skip
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 90
        try:
            while time.monotonic() < deadline:
                try:
                    if httpx.get(f"{url}/conformance", headers=header).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield url, header, psutil.Process(server.pid)
        finally:
            server.terminate()
            server.wait(20)


@contextmanager
def _asked_meanwhile(url: str, header: dict[str, str]) -> Iterator[list[tuple[int, float]]]:
    """Answers, status and seconds, of a client that asks on and on."""
    answers: list[tuple[int, float]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(headers=header, timeout=60) as client:
            for path in itertools.cycle(ASKED):
                if stop.wait(0.2):
                    return
                begun = time.perf_counter()
                answers.append((client.get(url + path).status_code, time.perf_counter() - begun))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


def test_eight_at_once_over_days_while_the_server_answers_and_no_plan_is_made_twice(continued: Place) -> None:
    """Eight processes plan three days, one of which is read meanwhile: each day succeeds, the others say who has it."""
    days = ("2026-06-15", "2026-06-16", "2026-06-17")
    (continued.day / "forecast" / RECORD).unlink()  # so that the day that is read is planned again, too

    def one(k: int) -> tuple[int, str, float]:
        begun = time.monotonic()
        done = continued.oceanclean("plan", "--json", date=days[k % 3], check=False)
        return done.returncode, done.stderr, time.monotonic() - begun

    with (
        _served(continued) as (url, header, _),
        _asked_meanwhile(url, header) as answers,
        ThreadPoolExecutor(8) as many,
    ):
        found = list(many.map(one, range(8)))
    codes = [code for code, _, _ in found]
    assert set(codes) <= {0, 4}, [said[-500:] for code, said, _ in found if code not in (0, 4)]
    assert codes.count(0) >= 3
    assert not [w for day in days for w in _wrong(continued.runs / f"{day}T1100Z")]
    failed = [code for code, _ in answers if code >= 500]
    keep("at once", "8 processes over 3 days, the server answering", {
        "planned": codes.count(0), "refused_as_busy": codes.count(4), "longest_s": round(max(s for _, _, s in found)),
        "answers": len(answers), "failed": len(failed), "slowest_answer_s": round(max(s for _, s in answers), 1),
    })  # fmt: skip
    assert answers
    assert not failed


def test_eight_flows_at_once_on_one_sqlite_of_prefect(planned: Place, tmp_path: Path) -> None:
    """Four regions, two flows each, one server: every flow run ends well and is in the books; nothing was locked."""
    config, work = tmp_path / "config", tmp_path / "work"
    shutil.copytree(planned.config, config)
    for k in range(4):
        for kind in ("regions", "fleets", "sources"):
            shutil.copy(config / kind / "cove.yaml", config / kind / f"cove{k}.yaml")
            change_yaml(config / kind / f"cove{k}.yaml", lambda c, k=k: c.update(name=f"cove{k}"))
        shutil.copytree(planned.work / "twin", work / "twin", dirs_exist_ok=True)
        shutil.rmtree(work / "twin" / "cove" / "seen" / "scenes", ignore_errors=True)  # Prefect is tried, not vision
    environment = {**planned.environment, "OCEANCLEAN_CONFIG": str(config), "OCEANCLEAN_WORK": str(work)}
    with _prefect(environment, tmp_path) as (api, log):
        environment["PREFECT_API_URL"] = api
        with ThreadPoolExecutor(8) as many:
            found = list(many.map(lambda k: _flow(environment, f"cove{k % 4}", f"2026-06-1{5 + k // 4}"), range(8)))
        books = _books(tmp_path / "prefect" / "prefect.db")
    said = log.read_text() + "".join(said for _, said, _ in found)
    keep("at once", "8 flows of Prefect on SQLite, 4 regions", {
        "ended_well": sum(code == 0 for code, _, _ in found), "in_the_books": books.get("COMPLETED", 0),
        "locked": said.count("database is locked"), "longest_s": round(max(s for _, _, s in found)),
    })  # fmt: skip
    assert [code for code, _, _ in found] == [0] * 8, [s[-800:] for code, s, _ in found if code]
    assert books == {"COMPLETED": 8}
    assert "database is locked" not in said
    assert not [w for day in (work / "runs").glob("cove?/*Z") for w in _wrong(day)]


@contextmanager
def _prefect(environment: dict[str, str], folder: Path) -> Iterator[tuple[str, Path]]:
    """A server of Prefect on SQLite: its address, its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log, url = folder / "prefect.log", f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-c", "import flows, sys; from prefect.cli import app; sys.argv[0] = 'prefect'; app()",
               "server", "start", "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    with log.open("w") as file, subprocess.Popen(
        command, cwd=ROOT, stdout=file, stderr=file, env={**environment, "PREFECT_HOME": str(folder / "prefect")},
    ) as server:  # fmt: skip
        try:
            deadline = time.monotonic() + 180
            while time.monotonic() < deadline:
                try:
                    if httpx.get(f"{url}/health").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.5)
            yield url, log
        finally:
            server.terminate()
            server.wait(60)


def _flow(environment: dict[str, str], region: str, day: str) -> tuple[int, str, float]:
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "flows.daily", "--region", region, "--date", day], cwd=ROOT,
                          env=environment, capture_output=True, text=True, check=False, timeout=900)  # fmt: skip
    return done.returncode, done.stderr, time.monotonic() - begun


def _books(path: Path) -> dict[str, int]:
    """Flow runs of the daily plan in Prefect's data base, by state."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
        rows = base.execute("select state_type, count(*) from flow_run where flow_id in "
                            "(select id from flow where name = 'daily-plan') group by 1").fetchall()  # fmt: skip
    return dict(rows)


def test_fifty_clients_for_a_minute(continued: Place) -> None:
    """The server over loopback: no error, its memory does not grow, times are kept."""
    with _served(continued) as (url, header, process):
        figures = _load(url, header, process)
    keep("load", "50 clients for a minute", figures)
    assert figures["errors"] == 0
    assert figures["grown_percent"] < 5


def _load(url: str, header: dict[str, str], process: psutil.Process, seconds: float = 60.0) -> dict[str, float]:
    """Calls of fifty clients; what the first half of a minute starts, reads and keeps is not growth."""
    times: list[float] = []
    errors: list[int] = []

    def client(k: int, stop: float) -> None:
        with httpx.Client(headers=header, timeout=30) as own:
            for path in itertools.islice(itertools.cycle(ASKED), k % len(ASKED), None):
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

    all_for(30.0)
    times.clear()
    before, handles = process.memory_info().rss, process.num_fds()
    all_for(seconds)
    time.sleep(1.0)
    p50, p99 = np.quantile(times, [0.5, 0.99])
    return {
        "calls": len(times), "errors": len(errors), "p50_ms": round(1000 * float(p50)),
        "p99_ms": round(1000 * float(p99)), "grown_percent": round(100 * (process.memory_info().rss / before - 1), 1),
        "more_handles": process.num_fds() - handles,
    }  # fmt: skip
