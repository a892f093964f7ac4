"""The store: whole or not at all, one holder, damage is noticed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from oceanclean.errors import BusyError
from oceanclean.store import ASIDE, RunFolder, digest_file, lock, write_aside, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """An error inside the block keeps what stood before and removes what was begun."""
    target = tmp_path / "a.json"
    write_json(target, {"old": 1})

    def fails_halfway() -> None:
        with write_aside(target) as aside:
            aside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_halfway()
    assert target.read_text() == '{\n "old": 1\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    """A second write of a folder leaves only the second's files."""
    for name in ("one", "two"):
        with write_aside(tmp_path / "out") as aside:
            aside.mkdir()
            (aside / name).write_text(name)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_is_replaced_is_never_gone(tmp_path: Path) -> None:
    """Who looks while a folder is written anew finds the old or the new one, whole: there is no moment with neither."""
    stop, seen = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen.append((tmp_path / "out" / "whole").exists())

    def write() -> None:
        with write_aside(tmp_path / "out") as aside:
            aside.mkdir()
            (aside / "whole").touch()

    write()
    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(300):
        write()
    stop.set()
    watcher.join()
    if sys.platform != "linux":
        pytest.skip("two names can be exchanged in one step on Linux alone")
    assert seen
    assert all(seen)


def test_a_second_process_is_refused_and_a_killed_one_frees_the_lock(tmp_path: Path) -> None:
    """The lock excludes another process, names it, and ends with it, even by SIGKILL."""
    path = tmp_path / ".lock"
    code = (
        "import sys, time; from pathlib import Path; from oceanclean.store import lock\n"
        "with lock(Path(sys.argv[1]), 'x'):\n print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=f"process {holder.pid}"), lock(path, "The run"):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with lock(path, "The run"):
        pass


def test_a_finished_stage_is_recognised_by_its_key_and_its_whole_files(tmp_path: Path) -> None:
    """Same key and untouched files answer; another key or a changed byte does not."""
    run = RunFolder(tmp_path)
    with run.fill("map") as aside:
        (aside / "x.bin").write_bytes(b"abc")
        record = run.publish("map", "k1", aside, {"n": 1}, 0.1, 10.0)
    again = run.finished("map", "k1")
    assert again is not None
    assert again.reused
    assert again.digest == record.digest
    assert again.facts == {"n": 1}
    assert run.finished("map", "k2") is None
    (tmp_path / "map" / "x.bin").write_bytes(b"abd")
    assert run.finished("map", "k1") is None


def test_facts_are_the_same_made_or_read_again_down_to_their_order(tmp_path: Path) -> None:
    """A resumed run lists what it read as a run in one go does."""
    run = RunFolder(tmp_path)
    with run.fill("map") as aside:
        made = run.publish("map", "k1", aside, {"wind": 1, "scene": {"z": 1, "a": 2}}, 0.1, 10.0)
    again = run.finished("map", "k1")
    assert again is not None
    assert json.dumps(made.facts) == json.dumps(again.facts)


def test_an_interrupted_stage_leaves_no_folder_under_its_name(tmp_path: Path) -> None:
    """What a killed process left aside is not a stage and is swept by the next holder."""
    run = RunFolder(tmp_path)
    left = tmp_path / f"{ASIDE}1-map"
    left.mkdir()
    (left / "x.bin").write_bytes(b"half")
    assert run.finished("map") is None
    with run.hold():
        assert not left.exists()


def test_the_digest_of_a_folder_sees_names_and_bytes(tmp_path: Path) -> None:
    """Renaming a file inside changes the folder's digest, time stamps do not."""
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a").write_bytes(b"1")
    before = digest_file(tmp_path / "z")
    time.sleep(0.01)
    (tmp_path / "z" / "a").touch()
    assert digest_file(tmp_path / "z") == before
    (tmp_path / "z" / "a").rename(tmp_path / "z" / "b")
    assert digest_file(tmp_path / "z") != before
