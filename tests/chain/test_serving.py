"""The served interface: nothing without a token, roles, sizes and rates hold, and no call makes the server fail."""

from __future__ import annotations

import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rasterio
from fastapi.testclient import TestClient

from oceanclean.errors import InputError, MissingDataError
from oceanclean.serving import application, serve
from oceanclean.serving.gate import Rates
from oceanclean.serving.settings import ServingSettings
from oceanclean.serving.shelf import parse_bbox, parse_interval, touches
from oceanclean.serving.tokens import ROLES, TokenStore
from oceanclean.store import digest_file
from tests.chain.conftest import Place

NOW = datetime(2026, 6, 15, tzinfo=UTC)
DAY = "2026-06-15T1100Z"
KNOWN = {"region": "cove", "day": DAY, "stage": "map", "name": "density.nc", "collection": "cove.plan",
         "item": f"{DAY}-map", "feature": f"{DAY}.0"}  # fmt: skip
#: Every route, with a method that it takes.
CALLS = [
    ("GET", "/"), ("GET", "/conformance"), ("GET", "/collections"), ("GET", "/collections/cove.plan"),
    ("GET", "/collections/cove.plan/items"), ("GET", "/stac"), ("GET", "/stac/search"), ("POST", "/stac/search"),
    ("GET", f"/files/cove/{DAY}/publish/plan.html"), ("GET", "/regions/cove/density.tif"), ("POST", "/detect/scene"),
    ("POST", "/detect/photo"), ("POST", "/intake/photo"), ("GET", "/metrics"), ("GET", "/models"), ("GET", "/audit"),
    ("GET", "/openapi.json"), ("GET", "/no/such/place"),
]  # fmt: skip


def tokens_of(work: Path) -> dict[str, dict[str, str]]:
    """Headers of a caller of each role; the tokens do not expire while the tests run."""
    store = TokenStore.of(work)
    made = {role: store.add(role, role, now=datetime.now(UTC), days=1) for role in ROLES}
    return {role: {"Authorization": f"Bearer {token}"} for role, token in made.items()}


@pytest.fixture(scope="module")
def place(planned: Place, tmp_path_factory) -> Place:
    """A finished day that these tests may write beside: tokens, photos, figures."""
    work = tmp_path_factory.mktemp("served")
    shutil.copytree(planned.work, work, dirs_exist_ok=True)
    return Place(planned.config, work)


@pytest.fixture(scope="module")
def callers(place: Place) -> dict[str, dict[str, str]]:
    return tokens_of(place.work)


@pytest.fixture(scope="module")
def client(place: Place, callers) -> TestClient:
    quick = ServingSettings(requests_per_minute=dict.fromkeys(ROLES, 100_000), wrong_tokens_per_minute=10_000,
                            max_photo_bytes=200_000)  # fmt: skip
    return TestClient(application(place.work, place.config, quick), raise_server_exceptions=False)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_without_a_token_nothing_is_said(client: TestClient, method: str, path: str) -> None:
    """No token, a wrong one, one of another scheme: 401 without a word, even of what does not exist."""
    for headers in ({}, {"Authorization": "Bearer oc_000000000000_" + "x" * 43}, {"Authorization": "Basic eDp4"}):
        answer = client.request(method, path, headers=headers)
        assert (answer.status_code, answer.content) == (401, b"")
    assert client.get("/healthz").status_code == 204


def test_roles_hold(client: TestClient, callers) -> None:
    viewer, planner, admin = (callers[role] for role in ROLES)
    assert client.get("/collections", headers=viewer).status_code == 200
    for path in ("/detect/scene", "/detect/photo", "/intake/photo?observer=x&consent=true"):
        assert client.post(path, headers=viewer).status_code == 403
    assert client.get("/audit", headers=planner).status_code == 403
    assert client.get("/audit", headers=admin).status_code == 200


def test_a_token_ends(client: TestClient, place: Place) -> None:
    """Expired, revoked, altered: no longer taken. The file holds no secret and is its owner's alone."""
    store = TokenStore.of(place.work)
    text = store.add("guest", "viewer", now=NOW, days=30)
    assert store.holder(text, NOW + timedelta(days=29)).owner == "guest"
    assert store.holder(text, NOW + timedelta(days=30)) is None
    assert store.holder(text[:-1] + ("a" if text[-1] != "a" else "b"), NOW) is None
    assert text.split("_")[2] not in store.path.read_text()
    assert store.path.stat().st_mode & 0o077 == 0
    store.revoke(text.split("_")[1])
    assert store.holder(text, NOW) is None
    with pytest.raises(InputError):
        store.revoke("nobody")
    with pytest.raises(InputError):
        store.add("x", "king", now=NOW, days=1)


def test_a_plan_is_read_feature_by_feature(client: TestClient, callers, place: Place) -> None:
    """Pages are whole and do not overlap; box and time select; an id leads back to its feature."""
    items = "/collections/cove.plan/items"
    whole = client.get(items, params={"limit": 1000}, headers=callers["viewer"]).json()
    assert whole["numberReturned"] == whole["numberMatched"] > 10
    assert {"order", "task"} <= {f["properties"]["kind"] for f in whole["features"]}
    seen, address = [], f"{items}?limit=7"
    while address:
        page = client.get(address, headers=callers["viewer"]).json()
        seen += [f["id"] for f in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert seen == [f["id"] for f in whole["features"]]
    assert len(set(seen)) == len(seen)
    one = client.get(f"{items}/{seen[3]}", headers=callers["viewer"])
    assert one.json() == whole["features"][3]
    away = client.get(items, params={"bbox": "10,40,11,41"}, headers=callers["viewer"]).json()
    assert away["numberMatched"] == 0
    past = client.get(items, params={"datetime": "../2026-06-01T00:00:00Z"}, headers=callers["viewer"]).json()
    assert past["numberMatched"] == 0
    for wrong in ({"bbox": "1,2,3"}, {"datetime": "yesterday"}, {"bbox": "a,b,c,d"}):
        assert client.get(items, params=wrong, headers=callers["viewer"]).status_code == 400


def test_detections_and_hot_spots_are_features_too(client: TestClient, callers, place: Place) -> None:
    """As many as the tables have, with times that a machine reads."""
    import geopandas as gpd

    (folder,) = place.day.glob("detect-*")
    tables = {"detections": folder / "detections.parquet", "hotspots": place.day / "map" / "hotspots.parquet"}
    for product, path in tables.items():
        answer = client.get(f"/collections/cove.{product}/items", params={"limit": 1000}, headers=callers["viewer"])
        assert answer.status_code == 200
        assert answer.json()["numberMatched"] == len(gpd.read_parquet(path)) > 0
    first = client.get("/collections/cove.detections/items", headers=callers["viewer"]).json()["features"][0]
    assert datetime.fromisoformat(first["properties"]["observed_at"]).tzinfo is not None
    one = client.get(f"/collections/cove.detections/items/{first['id']}", headers=callers["viewer"])
    assert one.json() == first


def test_the_catalogue_leads_to_files_that_are_what_it_says(client: TestClient, callers) -> None:
    """From the search to an asset, its digest, a byte range; what was ingested is not given out."""
    found = client.get("/stac/search", params={"collections": "cove"}, headers=callers["viewer"]).json()
    stages = {i["id"].removeprefix(f"{DAY}-") for i in found["features"]}
    assert {"map", "forecast", "allocate", "publish"} <= stages
    assert "ingest" not in stages
    item = next(i for i in found["features"] if i["id"].endswith("-map"))
    asset = item["assets"]["density.nc"]
    answer = client.get(asset["href"], headers=callers["viewer"])
    assert answer.status_code == 200
    assert asset["file:checksum"] == "1220" + answer.headers["etag"].strip('"')
    part = client.get(asset["href"], headers={**callers["viewer"], "Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, answer.content[:4])
    for path in (f"/files/cove/{DAY}/ingest/fleet.parquet", f"/files/cove/{DAY}/map/..%2Fstage.json",
                 f"/files/cove/{DAY}/map/stage.json", f"/files/..%2F/{DAY}/map/density.nc"):  # fmt: skip
        assert client.get(path, headers=callers["viewer"]).status_code == 404
    body = client.post(
        "/stac/search", json={"ids": [item["id"]], "bbox": [-90, 10, -80, 20]}, headers=callers["viewer"]
    )
    assert [i["id"] for i in body.json()["features"]] == [item["id"]]


def test_the_catalogue_is_read_by_a_stac_client(client: TestClient, callers) -> None:
    import pystac

    whole = client.get("/stac/collections/cove/items", headers=callers["viewer"]).json()
    items = pystac.ItemCollection.from_dict(whole)
    assert len(items) == whole["numberMatched"]
    pystac.Collection.from_dict(client.get("/stac/collections/cove", headers=callers["viewer"]).json())


def test_the_density_is_a_cog_that_agrees_with_the_map(client: TestClient, callers, place: Place) -> None:
    from oceanclean.products import names
    from oceanclean.products.files import load_grid

    answer = client.get("/regions/cove/density.tif", headers=callers["viewer"])
    grid = load_grid("DensityMap", place.day / "map" / "density.nc")
    with rasterio.open(io.BytesIO(answer.content)) as raster:
        lon, lat = float(grid["lon"][3]), float(grid["lat"][5])
        (values,) = raster.sample([(lon, lat)])
        assert raster.crs.to_epsg() == 4326
    assert values[0] == pytest.approx(float(grid[names.DENSITY][5, 3]), rel=1e-5, nan_ok=True)


def test_a_scene_is_segmented_as_the_command_does(client: TestClient, callers, place: Place) -> None:
    """The same file gives the same detections as the day's; another file is refused by its first bytes."""
    import geopandas as gpd

    (scene,) = (place.work / "twin" / "cove" / "seen" / "scenes").glob("*.tif")
    answer = client.post("/detect/scene", content=scene.read_bytes(), headers=callers["planner"])
    assert answer.status_code == 200, answer.text
    (folder,) = place.day.glob("detect-*")
    assert len(answer.json()["features"]) == len(gpd.read_parquet(folder / "detections.parquet"))
    assert answer.json()["model_sha256"] == json.loads((folder / "segmentation.json").read_text())["model_sha256"]
    for content, status in ((b"<VRTDataset/>", 415), (b"", 415), (b"II*\x00nothing", 422)):
        assert client.post("/detect/scene", content=content, headers=callers["planner"]).status_code == status


def test_a_photo_is_judged_or_refused(client: TestClient, callers, place: Place) -> None:
    """Probabilities add up; too large, no picture, no consent, no place: refused in words, nothing kept."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((200, 160), 60).convert("RGB").save(buffer, "JPEG")
    photo = buffer.getvalue()
    found = client.post("/detect/photo", content=photo, headers=callers["planner"]).json()
    for judged in ("grade", "material"):
        assert sum(found[judged]["probabilities"].values()) == pytest.approx(1, abs=0.02)
    assert (
        client.post("/detect/photo", content=b"\xff\xd8\xff" + bytes(300_000), headers=callers["planner"]).status_code
        == 413
    )
    assert client.post("/detect/photo", content=b"GIF89a", headers=callers["planner"]).status_code == 415
    assert client.post("/detect/photo", content=b"\xff\xd8\xffnot", headers=callers["planner"]).status_code == 422
    ask = {"observer": "Ana", "consent": "false"}
    assert client.post("/intake/photo", params=ask, content=photo, headers=callers["planner"]).status_code == 422
    ask["consent"] = "true"
    nowhere = client.post("/intake/photo", params=ask, content=photo, headers=callers["planner"])
    assert nowhere.status_code == 422
    assert "position" in nowhere.json()["detail"]
    assert "/" + "tmp" not in nowhere.json()["detail"]
    ask |= {"lat": "16.0", "lon": "-87.2", "time": datetime.now(UTC).isoformat()}
    taken = client.post("/intake/photo", params=ask, content=photo, headers=callers["planner"])
    assert taken.status_code == 201, taken.text
    assert "observer" not in taken.json()
    kept = place.work / "intake" / "photos" / taken.json()["photo"]
    assert not Image.open(kept).getexif()


def test_rates_and_waiting_are_bounded(place: Place, callers) -> None:
    """After its burst a caller waits; another is not held up; wrong tokens are bounded by address."""
    few = ServingSettings(requests_per_minute=dict.fromkeys(ROLES, 3), wrong_tokens_per_minute=2)
    client = TestClient(application(place.work, place.config, few))
    answers = [client.get("/conformance", headers=callers["viewer"]) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert client.get("/conformance", headers=callers["admin"]).status_code == 200
    assert [client.get("/").status_code for _ in range(3)] == [401, 401, 429]
    now = [0.0]
    rates = Rates(lambda: now[0])
    assert [rates.wait("a", 2) for _ in range(3)] == [0, 0, 30]  # two a minute: the third in half a minute
    now[0] = 30.0
    assert [rates.wait("a", 2) for _ in range(2)] == [0, 30]
    now[0] = 3600.0
    assert [rates.wait("a", 2) > 0 for _ in range(3)] == [False, False, True]  # what was not used does not add up
    body = client.post("/stac/search", content=b"x" * 200_000, headers=callers["planner"])
    assert body.status_code == 413


def test_metrics_count_calls_and_tell_what_is_watched(client: TestClient, callers, place: Place) -> None:
    from oceanclean.chain.watch import watch, write_report

    write_report(watch(place.work, "cove", place.config), place.work / "monitor" / "cove")
    client.get("/collections/cove.plan/items", headers=callers["viewer"])
    text = client.get("/metrics", headers=callers["viewer"]).text
    assert 'route="/collections/{collection}/items",status="200"' in text
    assert 'oceanclean_peak_mib{of="",region="cove"}' in text
    assert 'status="401"' in text
    assert client.get("/metrics").content == b""


def test_a_server_without_tokens_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="tokens add"):
        serve(tmp_path, None, "127.0.0.1", 1)


def test_boxes_and_intervals_are_read_as_the_standard_says() -> None:
    assert parse_bbox("170,-10,0,-170,10,5") == (170, -10, -170, 10)
    assert touches((170, -10, -170, 10), (-175, -5, -172, 5))  # across the date line
    assert not touches((170, -10, -170, 10), (0, -5, 10, 5))
    assert touches((-190, -10, -170, 10), (175, -5, 178, 5))
    start, end = parse_interval("2026-06-15T00:00:00Z/..")
    assert (start, end.year) == (NOW, 9999)
    assert parse_interval("2026-06-15T02:00:00+02:00") == (NOW, NOW)


def test_no_call_makes_the_server_fail(client: TestClient, callers) -> None:
    """Schemathesis draws calls from the OpenAPI description for every operation; none may end in a server error."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, seed, settings, strategies

    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app, headers=callers["admin"])
    tried = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @seed(1)
        @settings(max_examples=6, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy(), known=strategies.booleans())
        def calls(case, known) -> None:
            if known:  # random names end in 404; what stands behind a known one must bear any query too
                case.path_parameters.update({k: v for k, v in KNOWN.items() if k in case.path_parameters})
            answer = case.call(headers=callers["admin"])
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        calls()
        tried.add((operation.method.upper(), operation.path))
    assert len(tried) >= 18


def test_the_digest_of_a_served_file_is_its_own(client: TestClient, callers, place: Place) -> None:
    answer = client.get(f"/files/cove/{DAY}/publish/plan.json", headers=callers["viewer"])
    assert answer.headers["etag"].strip('"') == digest_file(place.day / "publish" / "plan.json")
