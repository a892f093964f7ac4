"""Much at once: pieces on a Dask cluster and in an object store give the bits that this process gives from a folder."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from rasterio.windows import Window
from typer.testing import CliRunner

from benchmarks.scale_out import write_window
from oceanclean import remote
from oceanclean.chain import DailyRun, cluster, detect_all, segment_many, workers
from oceanclean.chain.many import plan_many, scenes_named
from oceanclean.chain.stages import ingest
from oceanclean.cli.app import app
from oceanclean.errors import CorruptStoreError, InputError, MissingDataError, SettingsError
from oceanclean.store import digest_file, digest_record, read_json

RESULTS = ("segmentation.tif", "detections.parquet", "picture.png")


@pytest.fixture(scope="module")
def crew(bucket):
    """Two processes of this machine, started where the store's address is in the environment."""
    pytest.importorskip("distributed")
    with workers("local:2") as found:
        yield found


@pytest.fixture(scope="module")
def scenes(seen: Path, tmp_path_factory) -> list[Path]:
    """Two corners of the scene of the cove, 320 pixels wide, as files of their own."""
    folder = tmp_path_factory.mktemp("corners")
    (whole,) = seen.glob("twin/cove/seen/scenes/*.tif")
    for number, (x, y) in enumerate(((0, 0), (700, 700))):
        write_window(whole, folder / f"corner{number}.tif", Window(x, y, 320, 320))
    return sorted(folder.glob("*.tif"))


@pytest.fixture(scope="module")
def bucket():
    """An S3 server of our own with an empty bucket; its address is in the environment, as users give theirs."""
    moto = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("obstore")
    with pytest.MonkeyPatch.context() as patch:
        server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ALLOW_HTTP": "true",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="sea")
        yield "s3://sea"
        server.stop()


def test_scenes_in_a_store_on_two_processes_give_the_same_bits(crew, bucket, scenes, tmp_path: Path) -> None:
    """From S3 to S3 on two worker processes, against folders in this process; a second run keeps all."""
    with workers() as alone:
        here = segment_many([str(s) for s in scenes], str(tmp_path), alone)
    assert [s.outcome for s in here] == ["done", "done"], [str(s.error) for s in here]
    for path in [*scenes, *(s.with_suffix(".json") for s in scenes if s.with_suffix(".json").is_file())]:
        remote.put_file(path, f"{bucket}/scenes/{path.name}")
    named = scenes_named([f"{bucket}/scenes/*.tif"])
    there = segment_many(named, f"{bucket}/found", crew)
    assert [s.outcome for s in there] == ["done", "done"], [str(s.error) for s in there]
    assert [s.statistics for s in there] == [s.statistics for s in here]
    for scene in scenes:
        for name in RESULTS:
            fetched = remote.read(f"{bucket}/found/{scene.stem}/{name}")
            assert fetched == (tmp_path / scene.stem / name).read_bytes(), name
    again = segment_many([*named, f"{bucket}/scenes/none.tif"], f"{bucket}/found", crew)
    assert [s.outcome for s in again] == ["kept", "kept", "failed"]
    assert isinstance(again[2].error, InputError)
    assert "nothing there" in str(again[2].error)


def test_a_day_detects_on_other_processes(crew, fresh, seen: Path) -> None:
    """The detect stage of a day, done elsewhere, is the stage that this process finds in the store."""
    run = DailyRun("cove", "2026-06-15T11:00:00Z", fresh.work, fresh.config)
    ingested = ingest(run)
    told: list[tuple[str, int]] = []
    (record,) = detect_all(run, ingested, ingested.facts["scenes"], crew, lambda scene, n: told.append((scene, n)))
    assert told == [(ingested.facts["scenes"][0], 0)]
    assert not record.reused
    with workers() as alone:
        (found,) = detect_all(run, ingested, ingested.facts["scenes"], alone)
    assert found.reused
    assert found.outputs == record.outputs
    assert digest_file(record.path("segmentation.tif")) == found.outputs["segmentation.tif"]


def test_pieces_come_back_in_order_and_errors_as_they_are(crew, tmp_path: Path) -> None:
    pieces = [{"n": n} for n in range(9)]
    told = []
    assert crew.map(digest_record, pieces, lambda n, total: told.append((n, total))) == [
        digest_record(p) for p in pieces
    ]
    assert told == [(n, 9) for n in range(1, 10)]
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(CorruptStoreError, match="not JSON"):
        crew.map(read_json, [broken])


def test_workers_may_have_children_and_cores_of_their_own(crew) -> None:
    """The allocation runs in a child process; two workers do not take turns on one core."""
    import os

    assert not any(crew.client.run(lambda: multiprocessing.current_process().daemon).values())
    cores = list(crew.client.run(lambda: sorted(os.sched_getaffinity(0))).values())
    if len(os.sched_getaffinity(0)) > 1:
        assert not set(cores[0]) & set(cores[1])


def test_a_cluster_that_stands_is_used_by_its_address(crew, monkeypatch) -> None:
    address = crew.client.scheduler_info()["address"]
    assert address.startswith("tcp://")
    with workers(address) as found:
        assert found.count == 2
        assert found.map(digest_record, [1, 2]) == [digest_record(1), digest_record(2)]
    monkeypatch.setattr(cluster, "code_digest", lambda: "of another version")
    with pytest.raises(SettingsError, match="of another version"), workers(address):
        pass


def test_where_to_work_is_checked(monkeypatch) -> None:
    with pytest.raises(SettingsError, match="--dask"), workers("somewhere"):
        pass
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_PATIENCE_S", 0.5)
    with pytest.raises(MissingDataError, match="dask scheduler"), workers("tcp://127.0.0.1:9"):
        pass


def test_regions_are_planned_side_by_side_and_one_may_fail(continued, crew) -> None:
    """The cove is answered from the store; a region that nobody knows is an answer too."""
    runs = [DailyRun(name, "2026-06-15T11:00:00Z", continued.work, continued.config) for name in ("nowhere", "cove")]
    lost, found = plan_many(runs, crew)
    assert (lost.outcome, lost.error.exit_code) == ("failed", 2)
    assert found.outcome in {"complete", "degraded"}
    assert found.expected_kg == read_json(continued.day / "run.json")["expected_kg"]


def test_names_of_scenes_are_found_and_told_apart(scenes, tmp_path: Path) -> None:
    folder = scenes[0].parent
    assert scenes_named([f"{folder}/*.tif", str(scenes[0])]) == [str(s) for s in scenes]
    with pytest.raises(InputError, match="no such file"):
        scenes_named([str(folder / "nothing*.tif")])
    with workers() as alone, pytest.raises(InputError, match="a name for each"):
        segment_many([str(scenes[0]), str(tmp_path / scenes[0].name)], str(tmp_path), alone)
    assert remote.shown("s3://key:secret@sea/a.tif?X-Signature=abc") == "s3://sea/a.tif"


def test_commands_for_many_end_with_the_first_failure(planned, scenes, tmp_path: Path, monkeypatch) -> None:
    """`plan-all` names each region and ends as the one that failed; `segment-all` keeps what the others made."""
    monkeypatch.setenv("OCEANCLEAN_WORK", str(planned.work))
    of = ["--date", "2026-06-15", "--work", str(planned.work), "--config", str(planned.config)]
    done = CliRunner().invoke(app, ["plan-all", "--region", "cove", *of], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "kg expected" in done.output
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\x00")
    done = CliRunner().invoke(
        app, ["segment-all", str(broken), str(scenes[0]), "--out", str(tmp_path / "found"), "--json"],
        catch_exceptions=False,
    )  # fmt: skip
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    assert [s["outcome"] for s in found] == ["failed", "done"]
    assert "truncated, damaged" in found[0]["error"]
    assert (tmp_path / "found" / scenes[0].stem / "segmentation.tif").is_file()
