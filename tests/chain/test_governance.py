"""Where an order comes from, what the software is made of, and a checklist that notices what is not kept."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oceanclean import chained_log
from oceanclean.chain import DailyRun
from oceanclean.errors import CorruptStoreError, InputError
from oceanclean.governance.bill import bill_of_materials, changes
from oceanclean.governance.checklist import BROKEN, KEPT, LOOK, run_checklist
from oceanclean.governance.lineage import lineage, lineage_text
from oceanclean.governance.retention import overdue, photo_of, removals, remove
from oceanclean.learning.registry import Registry
from oceanclean.serving.tokens import TokenStore
from oceanclean.store import read_json
from tests.chain.conftest import Place, change_yaml

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def states(place: Place, now: datetime = NOW) -> dict[str, str]:
    return {f.check: f.state for f in run_checklist(place.work, place.config, now)}


def changed(place: Place, now: datetime = NOW) -> set[str]:
    """States that differ from those of the untouched day, as ``check: state``."""
    return {f"{check}: {state}" for check, state in states(place, now).items()}


def plan_of(place: Place) -> Path:
    return place.day / "publish" / "plan.json"


def test_an_order_is_followed_back_to_scene_model_and_people(planned: Place) -> None:
    run = DailyRun("cove", "2026-06-15T11:00:00Z", planned.work, planned.config)
    plan = read_json(plan_of(planned))
    vessel = next(v for v in plan["vessels"] if any(o["action"] == "collect" for o in v["orders"]))
    found = lineage(run, vessel["vessel_id"])
    (scene,) = found["scenes"]
    (segmentation,) = planned.day.glob("detect-*/segmentation.json")
    assert scene["model_sha256"] == read_json(segmentation)["model_sha256"]
    assert scene["put_into_use"] == "ships with the package"
    assert scene["holds_the_patch"] in (True, False)
    assert found["order"]["action"] == "collect"
    assert found["plan"]["status"] == "DRAFT"
    assert {s["stage"] for s in found["stages"]} >= {"ingest", "map", "forecast", "allocate", "publish"}
    assert scene["file_sha256"][:12] in lineage_text(found)
    with pytest.raises(InputError, match="vessel"):
        lineage(run, "nobody")
    with pytest.raises(InputError, match="sequence"):
        lineage(run, vessel["vessel_id"], 999)


def test_a_clean_work_folder_has_nothing_broken(planned: Place) -> None:
    found = run_checklist(planned.work, planned.config, NOW)
    assert not [f for f in found if f.state == BROKEN]
    assert next(f for f in found if "closed area" in f.check).state == KEPT
    assert next(f for f in found if "last plan" in f.check).state == LOOK  # nobody has approved it


def test_an_order_in_a_closed_area_is_found(continued: Place) -> None:
    """The zone closes over the place of an order after the fact: only while the work lasts, and only there."""
    check = "Protected areas: no order in a closed area"
    order = next(o for v in read_json(plan_of(continued))["vessels"] for o in v["orders"] if o["action"] == "collect")
    lon, lat = order["lon"], order["lat"]
    corners = [[lon + dx, lat + dy] for dx, dy in ((-0.01, -0.01), (0.01, -0.01), (0.01, 0.01), (-0.01, 0.01))]
    zone = {"name": "nursery", "reason": "turtles", "starts": None, "ends": None, "polygon": corners}
    path = continued.day / "run.json"
    ledger = read_json(path)

    def with_zone(**change: object) -> str:
        ledger["settings"]["exclusion_zones"] = [{**zone, **change}]
        path.write_text(json.dumps(ledger))
        return states(continued)[check]

    assert with_zone() == BROKEN
    assert with_zone(ends="2026-06-01T00:00:00Z") == KEPT
    assert with_zone(starts="2026-07-01T00:00:00Z") == KEPT
    assert states(continued)["Protected areas: none was dropped"] == LOOK  # the region's file does not have it


def test_what_is_not_kept_is_found(continued: Place, tmp_path: Path) -> None:
    """A photo without consent, one with EXIF, an open token file, a secret in the settings, a log that was changed."""
    from PIL import Image

    before = changed(continued)
    photos = continued.work / "intake" / "photos"
    photos.mkdir(parents=True)
    picture, exif = Image.new("RGB", (64, 64)), Image.Exif()
    exif[0x010F] = "a camera"
    picture.save(photos / "a.jpg", exif=exif)
    os.utime(photos / "a.jpg", (NOW.timestamp(), NOW.timestamp()))
    store = TokenStore.of(continued.work)
    for i in range(4):
        store.add(f"admin {i}", "admin", now=NOW, days=30 + 500 * (i == 0))
    store.path.chmod(0o644)
    change_yaml(continued.config / "sources" / "cove.yaml",
                lambda c: c["wind"][0]["options"].update({"pass" + "word": "hunter2"}))  # fmt: skip
    change_yaml(continued.config / "sources" / "cove.yaml", lambda c: c["waves"][0].pop("licence"))
    log = Registry.of(continued.work).log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text('{"number": 1, "before": "", "digest": ""}\n')
    assert changed(continued) - before == {
        "People: photos are kept with consent: BROKEN", "People: photos are stripped: BROKEN",
        "Access: tokens: BROKEN", "Access: no secret in the settings: BROKEN",
        "Models: the log was not changed, the files are those registered: BROKEN",
        "Data: every source states its licence: look",
    }  # fmt: skip
    licences = next(f for f in run_checklist(continued.work, continued.config, NOW) if f.check.startswith("Data"))
    assert "cove.yaml: waves" in licences.said
    much_later = states(continued, NOW + timedelta(days=4000))
    assert much_later["People: nothing is kept too long, removals are on record"] == LOOK


def test_what_is_overdue_or_wanted_back_is_removed_and_written_down(tmp_path: Path) -> None:
    """Old runs but the last, old photos with their rows; another person's row stays; a changed log is seen."""
    for day in ("2020-01-01T1100Z", "2020-01-02T1100Z"):
        folder = tmp_path / "runs" / "cove" / day
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"issue_time": f"{day[:10]}T11:00:00Z", "region": "cove"}))
    photos = tmp_path / "intake" / "photos"
    photos.mkdir(parents=True)
    (photos / "a.jpg").write_bytes(b"a")
    os.utime(photos / "a.jpg", (NOW.timestamp(), NOW.timestamp()))
    table = tmp_path / "intake" / "sightings.csv"
    table.write_text("time,photo\n1,a.jpg\n2,b.jpg\n")
    found = overdue(tmp_path, None, NOW)
    assert [x.name for x in found] == ["cove 2020-01-01T1100Z"]
    assert [x.kind for x in overdue(tmp_path, None, NOW + timedelta(days=366))] == ["run", "photo"]
    with pytest.raises(InputError, match="--by"):
        remove(tmp_path, found, by="", why="", time="2026-06-15T12:00:00Z")
    told = {"by": "C. Officer", "why": "asked for", "time": "2026-06-15T12:00:00Z"}
    remove(tmp_path, [*found, photo_of(tmp_path, "a.jpg")], **told)
    assert [p.name for p in (tmp_path / "runs" / "cove").iterdir()] == ["2020-01-02T1100Z"]
    assert not list(photos.iterdir())
    assert table.read_text().split() == ["time,photo", "2,b.jpg"]
    assert [r["kind"] for r in chained_log.read(removals(tmp_path))] == ["run", "photo"]
    with pytest.raises(InputError, match="kept"):
        photo_of(tmp_path, "../a.jpg")
    removals(tmp_path).write_text(removals(tmp_path).read_text().replace("C. Officer", "nobody"))
    with pytest.raises(CorruptStoreError):
        chained_log.read(removals(tmp_path))


def test_the_bill_lists_what_is_installed_with_licences() -> None:
    """CycloneDX 1.6: the package, what it requires and how they hang together; the same twice."""
    text = bill_of_materials()
    bill = json.loads(text)
    parts = {c["name"].lower(): c for c in bill["components"]}
    assert bill["specVersion"] == "1.6"
    assert {"numpy", "fastapi", "ortools", "xarray"} <= set(parts)
    assert parts["numpy"]["purl"].startswith("pkg:pypi/numpy@")
    assert "BSD" in json.dumps(parts["numpy"]["licenses"])
    own = next(d for d in bill["dependencies"] if d["ref"].startswith("oceanclean@"))
    assert any(r.startswith("numpy@") for r in own["dependsOn"])
    assert bill_of_materials() == text


def test_a_package_that_came_went_or_changed_is_named(tmp_path: Path) -> None:
    """Where no data base of weaknesses can be asked, what moved since the last bill is what has to be looked at."""
    text, older = bill_of_materials(), tmp_path / "older.json"
    older.write_text(text)
    assert changes(older, text) == []
    bill = json.loads(text)
    bill["components"] = [c for c in bill["components"] if c["name"].lower() != "numpy"]
    next(c for c in bill["components"] if c["name"].lower() == "scipy")["version"] = "0.1"
    bill["components"].append({"name": "leftpad", "version": "1.0"})
    older.write_text(json.dumps(bill))
    said = changes(older, text)
    assert [line.split(":")[0] for line in said] == ["leftpad", "numpy", "scipy"]
    assert "absent ->" in said[1]
    older.write_bytes(b"[1]")
    with pytest.raises(InputError, match="bill of materials"):
        changes(older, text)
