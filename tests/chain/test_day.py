"""A day from what was seen to the plan: whole, repeatable, resumable, one at a time, degraded rather than dead."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from oceanclean.chain import issue_time_of, parse_issue_time
from oceanclean.errors import InputError
from oceanclean.settings import load_region_settings
from oceanclean.store import ASIDE
from tests.chain.conftest import Place, change_yaml


def _plan_digests(place: Place, day: str = "2026-06-15T1100Z") -> dict[str, str]:
    return json.loads((place.runs / day / "allocate" / "stage.json").read_text())["outputs"]


def test_a_day_ends_with_the_plans_files_a_ledger_and_a_catalogue(continued: Place) -> None:
    """Every file that the command names exists, the ledger says how it ended, the catalogue is valid STAC."""
    import pystac

    continued.plan()  # a moved folder is read anew, and found to hold the same
    result = continued.plan()
    assert all(stage["reused"] for stage in result["stages"])  # a finished day is answered from the store
    assert {"page", "picture", "geojson", "gpx"} <= set(result["files"])
    assert all(Path(p).stat().st_size > 100 for p in result["files"].values())
    assert result["p10_kg"] <= result["expected_kg"] <= result["p90_kg"]
    ledger = json.loads((continued.day / "run.json").read_text())
    assert ledger["outcome"] in {"complete", "degraded"}
    assert ledger["stages"][0]["stage"] == "ingest"
    assert ledger["versions"]["ortools"].startswith("9.14")
    catalogue = pystac.Catalog.from_file(continued.day / "catalog" / "catalog.json")
    items = list(catalogue.get_items())
    assert len(items) == len(ledger["stages"])
    for item in items:
        assert all(Path(a.get_absolute_href()).exists() for a in item.assets.values())
    region, scene = (next(i for i in items if i.id.startswith(n)) for n in ("forecast", "detect-"))
    assert region.datetime.isoformat() == "2026-06-15T11:00:00+00:00"
    assert scene.datetime < region.datetime
    west, south, east, north = scene.bbox
    assert region.bbox[0] < west < east < region.bbox[2]
    assert region.bbox[1] < south < north < region.bbox[3]
    assert not list(continued.day.glob(f"{ASIDE}*"))


def test_a_changed_setting_computes_only_what_depends_on_it(continued: Place) -> None:
    """A setting of the allocator leaves ingest, detection, map and forecast in the store."""
    continued.plan()  # a moved folder is read anew, and found to hold the same
    path = continued.config / "models" / "allocation.yaml"
    path.write_text(path.read_text() + "\n# a planner's remark\n")
    reused = {s["stage"]: s["reused"] for s in continued.plan()["stages"]}
    assert not reused["allocate"]
    assert all(v for k, v in reused.items() if k not in {"allocate", "what-if", "publish"})


def test_a_run_killed_in_any_stage_goes_on_and_ends_with_the_same_plan(planned: Place, fresh: Place) -> None:
    """SIGKILL in each stage in turn: no half-written stage is visible, finished stages stay.

    What comes of it in the end, in other processes and another folder where no truth exists, is byte for byte the plan
    that was made in one go from the same inputs and seed.
    """
    assert not list(fresh.work.rglob("truth*"))
    kills = 0
    for stage in ("ingest", "detect", "map", "forecast", "allocate", "publish"):
        kills += _killed_while(stage, fresh)
        visible = [p for p in fresh.day.iterdir() if p.is_dir() and not p.name.startswith(".")]
        assert all((p / "stage.json").is_file() for p in visible)
    assert kills >= 4  # the shortest stages may be over before the signal comes
    result = fresh.plan()
    assert any(s["reused"] for s in result["stages"])
    assert _plan_digests(fresh) == _plan_digests(planned)
    assert not list(fresh.day.glob(f"{ASIDE}*"))


def _killed_while(stage: str, place: Place) -> bool:
    """Start the day and kill it as soon as the stage is being filled; False if it was over too soon."""
    with subprocess.Popen(
        place.command("plan", "--json"), env=place.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            if list(place.day.glob(f"{ASIDE}*-{stage}*")):
                process.send_signal(signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.005)
    return False


def test_a_second_run_of_the_same_day_is_refused_with_status_4(continued: Place) -> None:
    """While one process runs the day another ends at once, names the first, and harms nothing."""
    shutil.rmtree(continued.day / "forecast")  # so that the first has something to do
    with subprocess.Popen(
        continued.command("plan", "--json"),
        env=continued.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as first:
        while not list(continued.day.glob(f"{ASIDE}*")) and first.poll() is None:
            time.sleep(0.01)
        second = continued.oceanclean("plan", check=False)
        output, errors = first.communicate(timeout=280)
    assert second.returncode == 4
    assert f"process {first.pid}" in second.stderr
    assert first.returncode == 0, errors[-2000:]
    assert json.loads(output)["stages"]


def test_tomorrow_starts_from_todays_forecast(continued: Place) -> None:
    """The next day's map names today's run as its prior, takes no look twice, and carries the forecast elsewhere."""
    import xarray as xr

    result = continued.plan(date="2026-06-16")
    facts = {s["stage"]: s["facts"] for s in result["stages"]}
    assert facts["map"]["prior"] == "2026-06-15T1100Z"
    assert facts["ingest"]["scenes"]  # young enough to be read, but yesterday's map has used it: a look counts once
    assert not [name for name in facts if name.startswith("detect-")]
    with xr.open_dataset(continued.runs / "2026-06-16T1100Z" / "map" / "density.nc") as density:
        assert (density["origin"] == 2).sum() > 0.3 * (density["origin"] > 0).sum()


@pytest.mark.parametrize("missing", [("scenes", "wind"), ("waves",)], ids="-".join)
def test_without_a_scene_wind_or_waves_the_plan_is_degraded_and_says_so(continued: Place, missing) -> None:
    """What is missing becomes a sentence of its own in the ledger, not an end: a plan comes all the same."""
    for source in missing:
        shutil.rmtree(continued.work / "twin" / "cove" / "seen" / source)
    result = continued.plan()
    for source in missing:
        assert any(source.rstrip("s") in sentence.lower() for sentence in result["degraded"])
    assert json.loads((continued.day / "run.json").read_text())["outcome"] == "degraded"


def test_without_currents_there_is_no_plan_and_status_3(fresh: Place) -> None:
    """Without currents nothing can be forecast: the error names the source, the ledger says failed, no stage stands."""
    shutil.rmtree(fresh.work / "twin" / "cove" / "seen" / "currents")
    done = fresh.oceanclean("plan", check=False)
    assert done.returncode == 3
    assert "currents" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((fresh.day / "run.json").read_text())["outcome"] == "failed"
    assert {p.name for p in fresh.day.iterdir() if p.is_dir()} <= {"ledger"}


def test_a_scene_that_arrives_after_the_issue_time_is_not_seen(continued: Place) -> None:
    """A replayed day sees what was there then: the same file, available an hour later, is left out."""
    import rasterio

    for path in (continued.work / "twin" / "cove" / "seen" / "scenes").glob("*.tif"):
        with rasterio.open(path, "r+") as scene:
            scene.update_tags(available_at="2026-06-15T12:00:00Z")
    records = json.loads(continued.oceanclean("ingest", "--json").stdout)
    assert records[0]["facts"]["scenes"] == []


def test_an_unknown_region_makes_no_folder(fresh: Place) -> None:
    """A misspelt region ends with status 2 before anything is written."""
    command = [*fresh.command("plan")]
    command[command.index("cove")] = "coev"
    done = subprocess.run(command, env=fresh.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Did you mean 'cove'" in done.stderr
    assert not fresh.runs.parent.exists()


def test_a_vessel_with_an_unknown_port_ends_with_status_2(continued: Place) -> None:
    """The error names the vessel and the ports there are."""
    change_yaml(continued.config / "fleets" / "cove.yaml", lambda c: c["vessels"][0].update(home_port="Atlantis"))
    done = continued.oceanclean("plan", check=False)
    assert done.returncode == 2
    assert "Atlantis" in done.stderr
    assert "La Ceiba" in done.stderr


def test_a_vessel_on_land_is_named(continued: Place) -> None:
    """A position far inland is a mistake in the data, not a place to sail from."""
    status = continued.work / "twin" / "cove" / "seen" / "fleet_status.csv"
    status.unlink(missing_ok=True)
    change_yaml(continued.config / "fleets" / "cove.yaml", lambda c: c["vessels"][0].update(lat=15.62, lon=-87.0))
    done = continued.oceanclean("plan", check=False)
    assert done.returncode == 2
    assert "manati" in done.stderr.lower()


@pytest.mark.parametrize("text", ["yesterday", "2026-06-15T11:00", "2026-13-01T00:00Z", ""])
def test_a_time_that_is_none_or_has_no_zone_is_refused(text: str) -> None:
    """Issue times carry their zone."""
    with pytest.raises(InputError, match="issue time"):
        parse_issue_time(text)


def test_a_local_day_becomes_the_regions_hour_in_utc(config_dir: Path) -> None:
    """05:00 in Tegucigalpa is 11:00 UTC, and any zone is brought to UTC."""
    assert issue_time_of("2026-06-15", load_region_settings("demo", config_dir)) == "2026-06-15T11:00:00Z"
    assert parse_issue_time("2026-06-15T06:30-05:00") == "2026-06-15T11:30:00Z"


def test_a_part_of_a_day_leaves_the_plans_ledger_alone(continued: Place) -> None:
    """``oceanclean map`` after a finished plan does not turn its ledger into that of an unfinished run."""
    before = (continued.day / "run.json").read_bytes()
    continued.oceanclean("map")
    assert (continued.day / "run.json").read_bytes() == before


def test_every_start_leaves_its_own_ledger(continued: Place) -> None:
    """A plan made again does not erase how the first came about."""
    kept = sorted((continued.day / "ledger").glob("*.json"))
    continued.plan()
    assert len(sorted((continued.day / "ledger").glob("*.json"))) == len(kept) + 1
    ledger = json.loads((continued.day / "run.json").read_text())
    assert ledger["stages"][0]["facts"]["digests"]
    assert "allocation" in ledger["model_settings"]


def test_a_scene_that_cannot_be_used_does_not_end_the_day(continued: Place) -> None:
    """A second scene without a single measurement: the plan comes from the other, and says so."""
    import rasterio

    scenes = continued.work / "twin" / "cove" / "seen" / "scenes"
    good = next(scenes.glob("*.tif"))
    shutil.copy(good, scenes / "empty.tif")
    with rasterio.open(scenes / "empty.tif", "r+") as scene:
        scene.write(scene.read() * 0)
    result = continued.plan()
    assert any("empty" in sentence and "not used" in sentence for sentence in result["degraded"])
    assert Path(result["files"]["page"]).is_file()
