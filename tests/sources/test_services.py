"""Services, each against a local server of its protocol: what is fetched is what the readers take, as it was known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from service_server import ASSETS, EDGE, NORTH, WEST, Answer, Site, item, served, stac_api, tabledap, write_cogs
from source_files import field, make_region

from oceanclean.errors import InputError, SettingsError
from oceanclean.settings import ServiceSettings, SourceSettings, SourcesSettings
from oceanclean.sources import (
    fetch_region,
    fetch_trouble,
    read_drifters,
    read_fleet,
    read_forcing,
    read_scenes,
    read_sightings,
)
from oceanclean.sources.services.contract import service_of
from oceanclean.sources.services.settings import with_preset

ISSUE = "2026-06-15T06:00Z"
NOW = "2026-06-15T05:40Z"
QUICK = {"connect_s": 2, "read_s": 1, "tries": 2, "backoff_s": 0, "per_second": 1000, "range_block_kib": 16}
#: The part of the tile that the small region covers, in the tile's metres.
BOX = {"west": -149.068, "east": -149.05, "south": 30.704, "north": 30.72}


@pytest.fixture(scope="module")
def cogs(tmp_path_factory) -> dict[str, Path]:
    return write_cogs(tmp_path_factory.mktemp("cogs"))


@pytest.fixture
def site():
    with served(Site()) as here:
        yield here


@pytest.fixture
def config(tmp_path) -> Path:
    (tmp_path / "config" / "regions").mkdir(parents=True)
    return tmp_path / "config"


@pytest.fixture
def near():
    """A region of 1.7 × 1.8 km within the tile."""
    return make_region(bbox=BOX, grid_step_deg=0.002, routing_step_deg=0.002, name="near")


def _fetch(region, config, until=ISSUE, now=NOW, *, work, **roles):
    wanted = SourcesSettings(name="test", **{k: v if isinstance(v, list) else [v] for k, v in roles.items()})
    return fetch_region(region, wanted, until=until, now=now, work=work, config=config), wanted


def _source(kind: str, into: Path, service: str, licence: str = "a licence", latency_h: float = 3, **options):
    reading = options.pop("reading", {})
    return SourceSettings(
        kind=kind, path=str(into / options.pop("pattern", "*")), licence=licence, latency_h=latency_h, options=reading,
        fetch=ServiceSettings(service=service, options={"web": QUICK, **options}),
    )  # fmt: skip


def _scenes(site, folder: Path, **options) -> SourceSettings:
    options = {"url": site.url, "collection": "sentinel-2-c1-l2a", "assets": ASSETS, **options}
    return _source("scene_folder", folder, "stac", pattern="*.tif", **options)


# ---------------------------------------------------------------- scenes


def test_a_scene_is_cut_from_cogs_over_ranges_and_read_as_it_was(site, cogs, near, config, tmp_path) -> None:
    """Every band of the region's part on the 10 m grid, value by value; time, scale, offset, licence kept."""
    stac_api(site, cogs, [item(site, cogs, "S2B_06RUV_20260614_0_L2A", "2026-06-14T21:00:00Z", "2026-06-15T01:00:00Z")])
    (outcome,), wanted = _fetch(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert (outcome.outcome, outcome.new) == ("complete", 1), outcome.sentences
    (scene,), sentences = read_scenes(near, wanted.scenes, issue_time=ISSUE, history_h=36, work=tmp_path)
    assert not sentences
    assert (scene.acquired, scene.available_at) == ("2026-06-14T21:00:00Z", "2026-06-15T01:00:00Z")
    assert (scene.scale, scene.offset, scene.radiometry, scene.platform) == (1e-4, -0.1, "l2a", "Sentinel-2B")
    assert scene.scl_band == 12
    with rasterio.open(scene.path) as cut:
        assert cut.tags()["licence"] == "a licence"
        left, top = cut.bounds.left, cut.bounds.top
        assert (left - WEST) % 60 == 0
        assert (NORTH - top) % 60 == 0
        assert 1500 < cut.bounds.right - left < EDGE
        row, column = np.mgrid[: cut.height, : cut.width]
        cell = 7 * ((row * 10 + NORTH - top) // 60) + (column * 10 + left - WEST) // 60
        for number, band in enumerate(list(ASSETS)[:-1]):
            assert (cut.read(scene.bands[band]) == 1200 + 10 * number + cell % 50).all(), band
    assert all(call.headers.get("Range") for call in site.asked("/cogs/"))


def test_what_was_fetched_is_fetched_again_only_when_it_changed(site, cogs, near, config, tmp_path) -> None:
    """Same version and digest: no band is asked for. A newer version, or a file that was damaged, is fetched."""
    items = [item(site, cogs, "S2B_06RUV_20260614_0_L2A", "2026-06-14T21:00:00Z", "2026-06-15T01:00:00Z")]
    stac_api(site, cogs, items)
    source = _scenes(site, tmp_path / "scenes")
    _fetch(near, config, work=tmp_path, scenes=source)
    asked = len(site.asked("/cogs/"))
    (again,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert (again.kept, again.new) == (1, 0)
    assert len(site.asked("/cogs/")) == asked
    file = next((tmp_path / "scenes").glob("*.tif"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    (mended,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert mended.new == 1
    assert len(file.read_bytes()) == len(whole)
    items[0]["properties"]["updated"] = "2026-06-15T05:00:00Z"
    (newer,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert newer.new == 1
    record = json.loads((tmp_path / "scenes" / ".fetched" / f"{file.name}.json").read_text())
    assert record["licence"] == "a licence"
    assert record["origin"].startswith(site.url)
    assert len(record["sha256"]) == 64


def test_a_band_that_failed_is_all_that_the_next_fetch_asks_for(site, cogs, near, config, tmp_path) -> None:
    """One asset is down: the scene is missing and said; then it alone is fetched and the scene stands."""
    stac_api(site, cogs, [item(site, cogs, "S2B_x", "2026-06-14T21:00:00Z")])
    site.faults["swir16"] = [500] * 2
    source = _scenes(site, tmp_path / "scenes")
    (down,), wanted = _fetch(near, config, work=tmp_path, scenes=source)
    assert down.outcome == "failed"
    assert "swir16.tif" in down.sentences[-1]
    assert not list((tmp_path / "scenes").glob("*.tif"))
    trouble = fetch_trouble(near, wanted, until=ISSUE, work=tmp_path, config=config)
    assert len(trouble) == 1
    assert "could not be fetched" in trouble[0]
    site.calls.clear()
    (up,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert up.new == 1
    assert not site.asked("coastal")
    assert not fetch_trouble(near, wanted, until=ISSUE, work=tmp_path, config=config)


@pytest.mark.parametrize("fault", ["cut", 503, "hang"])
def test_a_range_that_breaks_off_is_asked_for_again(site, cogs, near, config, tmp_path, fault) -> None:
    """The scene comes whole all the same."""
    stac_api(site, cogs, [item(site, cogs, "S2B_x", "2026-06-14T21:00:00Z")])
    site.faults["blue"] = [fault]
    (outcome,), _ = _fetch(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert outcome.new == 1, outcome.sentences


def test_bands_fetched_whole_are_checked_against_the_catalogue(site, cogs, near, config, tmp_path) -> None:
    """A wrong checksum in the catalogue is named; with the right ones the scene stands, alternates and token used."""
    entry = item(site, cogs, "S2B_x", "2026-06-14T21:00:00Z")
    for asset in entry["assets"].values():
        asset["alternate"] = {"https": {"href": asset["href"]}}
        asset["href"] = "s3://eodata/somewhere"
    right = entry["assets"]["nir"]["file:checksum"]
    entry["assets"]["nir"]["file:checksum"] = "1220" + "0" * 64
    stac_api(site, cogs, [entry])
    source = _scenes(site, tmp_path / "scenes", read="whole", alternate="https")
    (wrong,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert "sha256" in wrong.sentences[-1]
    entry["assets"]["nir"]["file:checksum"] = right
    (good,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert good.new == 1, good.sentences


@pytest.mark.parametrize(
    "link", ["file:///etc/passwd", "s3://bucket/key", "http://169.254.169.254/latest", "/etc/passwd"]
)
def test_an_asset_that_points_into_this_machine_is_not_followed(site, cogs, near, config, tmp_path, link) -> None:
    """The scene is refused with the reason; another scene of the same answer is taken."""
    bad = item(site, cogs, "S2B_bad", "2026-06-14T20:00:00Z")
    bad["assets"]["blue"]["href"] = link
    stac_api(site, cogs, [bad, item(site, cogs, "S2B_good", "2026-06-14T21:00:00Z")])
    (outcome,), _ = _fetch(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert (outcome.outcome, outcome.new) == ("partial", 1)
    assert any("S2B_bad" in s for s in outcome.sentences)


def test_days_pages_and_processings(site, cogs, near, config, tmp_path) -> None:
    """All pages are read; of two processings the newest; outside the window, cloudy or beside the region: not taken."""
    stac_api(site, cogs, [
        item(site, cogs, "old", "2026-06-10T21:00:00Z"),
        item(site, cogs, "first", "2026-06-14T21:00:00Z", "2026-06-15T00:00:00Z"),
        item(site, cogs, "second", "2026-06-14T21:00:00Z", "2026-06-15T02:00:00Z"),
        item(site, cogs, "cloudy", "2026-06-14T09:00:00Z", **{"eo:cloud_cover": 99.0}),
        item(site, cogs, "other", "2026-06-14T12:00:00Z"),
        item(site, cogs, "tomorrow", "2026-06-16T21:00:00Z"),
    ])  # fmt: skip
    (outcome,), _ = _fetch(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert sorted(p.stem for p in (tmp_path / "scenes").glob("*.tif")) == ["other", "second"]
    assert outcome.outcome == "complete"


def test_an_empty_day_is_an_answer_not_a_fault(site, cogs, near, config, tmp_path) -> None:
    """No pass over the region: nothing is said on the plan."""
    stac_api(site, cogs, [])
    (outcome,), wanted = _fetch(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert outcome.outcome == "empty"
    assert not fetch_trouble(near, wanted, until=ISSUE, work=tmp_path, config=config)


def test_a_late_scene_is_not_seen_by_a_plan_that_was_before_it(site, cogs, near, config, tmp_path) -> None:
    """Published after the issue time: fetched, but a replayed day does not see it; a reprocessing counts by latency."""
    stac_api(site, cogs, [
        item(site, cogs, "late", "2026-06-14T21:00:00Z", "2026-06-15T08:00:00Z"),
        item(site, cogs, "again", "2026-06-14T10:00:00Z", "2027-01-01T00:00:00Z"),
    ])  # fmt: skip
    (outcome,), wanted = _fetch(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert outcome.new == 2
    assert any("again was processed again" in s for s in outcome.sentences)
    seen, _ = read_scenes(near, wanted.scenes, issue_time=ISSUE, history_h=36, work=tmp_path)
    assert [s.scene_id for s in seen] == ["again"]
    later, _ = read_scenes(near, wanted.scenes, issue_time="2026-06-15T09:00Z", history_h=36, work=tmp_path)
    assert [s.scene_id for s in later] == ["again", "late"]


def test_offsets_are_those_that_hold_for_the_pixels(site, cogs, near, config, tmp_path) -> None:
    """Earth Search's older collection has them applied; bands of two scales are refused."""
    odd = item(site, cogs, "odd", "2026-06-14T10:00:00Z")
    odd["assets"]["red"]["raster:bands"][0]["scale"] = 0.001
    odd["assets"]["red"]["raster:bands"] = [{"scale": 0.001, "offset": 0}]
    applied = item(site, cogs, "applied", "2026-06-14T21:00:00Z", **{"earthsearch:boa_offset_applied": True})
    stac_api(site, cogs, [applied])
    source = _scenes(site, tmp_path / "scenes")
    _fetch(near, config, work=tmp_path, scenes=source)
    with rasterio.open(tmp_path / "scenes" / "applied.tif") as scene:
        assert scene.tags()["offset"] == "0.0"
    stac_api(site, cogs, [odd, applied])
    (outcome,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert any("scale and offset" in s for s in outcome.sentences)
    assert outcome.kept == 1


def test_a_safe_product_in_a_folder_becomes_a_scene(cogs, near, config, tmp_path) -> None:
    """JPEG 2000 bands of ESA's layout; offset and scale from the product's metadata; a half-copied product waits."""
    drop = tmp_path / "drop"
    name = "S2B_MSIL2A_20260614T210000_N0511_R001_T06RUV_20260614T235959"
    product = drop / f"{name}.SAFE"
    for band, key in ASSETS.items():
        metres = {"B1": 60, "B2": 10, "B3": 10, "B4": 10, "B8": 10}.get(band, 20)
        digits = band if band in {"SCL", "B8A"} else f"B{int(band[1:]):02d}"
        folder = product / "GRANULE" / "L2A_T06RUV" / "IMG_DATA" / f"R{metres}m"
        folder.mkdir(parents=True, exist_ok=True)
        with rasterio.open(cogs[key]) as source:
            profile = {**source.profile, "driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES"}
            profile = {k: v for k, v in profile.items() if k not in {"compress", "interleave", "tiled", "nodata"}}
            with rasterio.open(folder / f"T06RUV_x_{digits}_{metres}m.jp2", "w", **profile) as out:
                out.write(source.read())
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{k}">-1000</BOA_ADD_OFFSET>' for k in range(13))
    (product / "MTD_MSIL2A.xml").write_text(
        f"<r><BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE>{offsets}</r>"
    )
    source = _source("scene_folder", tmp_path / "scenes", "safe_folder", pattern="*.tif", folder=str(drop))
    (waits,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert waits.outcome == "empty"
    (product / "manifest.safe").write_text("<xml/>")
    (outcome,), wanted = _fetch(near, config, work=tmp_path, scenes=source)
    assert outcome.new == 1, outcome.sentences
    (scene,), _ = read_scenes(near, wanted.scenes, issue_time=ISSUE, history_h=36, work=tmp_path)
    assert (scene.scene_id, scene.scale, scene.offset) == (name, 1e-4, -0.1)
    assert len(scene.bands) == 11


# ---------------------------------------------------------------- fields


@pytest.fixture
def currents() -> xr.Dataset:
    """Three days of hourly-named fields around the open-sea region, as a forecast service has them."""
    return field(hours=range(-36, 60, 3), attrs={"title": "a model"})


@pytest.fixture
def dap(currents):
    """An OPeNDAP server (pydap's own) with the field."""
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    from pydap.handlers.lib import BaseHandler
    from pydap.model import BaseType, DatasetType, GridType
    from pydap.wsgi.ssf import ServerSideFunctions

    data = DatasetType("fields")
    hours = (currents["time"].to_numpy() - np.datetime64("2026-06-01T00:00")) / np.timedelta64(1, "h")
    axes = {"time": (hours, {"units": "hours since 2026-06-01 00:00:00"}),
            "lat": (currents["lat"].to_numpy(), {"units": "degrees_north"}),
            "lon": (currents["lon"].to_numpy(), {"units": "degrees_east"})}  # fmt: skip
    for name, (values, attributes) in axes.items():
        data[name] = BaseType(name, np.asarray(values, dtype="f8"), dims=(name,), attributes=attributes)
    for name in ("uo", "vo"):
        grid = GridType(name, attributes={"units": "m s-1"})
        grid[name] = BaseType(name, currents[name].to_numpy().astype("f4"), dims=tuple(axes),
                              attributes={})  # fmt: skip
        for axis, (values, attributes) in axes.items():
            grid[axis] = BaseType(axis, np.asarray(values, dtype="f8"), dims=(axis,), attributes=attributes)
        data[name] = grid
    application = ServerSideFunctions(BaseHandler(data))
    yield from _wsgi(application, WSGIServer, WSGIRequestHandler)


def _wsgi(application, server_class, handler_class):
    import threading
    from wsgiref.simple_server import make_server

    class Quiet(handler_class):
        def log_message(self, *_):
            pass

    server = make_server("127.0.0.1", 0, application, server_class, Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fields"
    server.shutdown()
    server.server_close()


def _zarr(site, folder: Path, currents: xr.Dataset) -> str:
    """A Zarr store behind HTTP."""
    store = folder / "model.zarr"
    currents.to_zarr(store, consolidated=True, zarr_format=2)

    def key(call):
        path = store / call.path.removeprefix("/model/")
        return Answer(path.read_bytes()) if path.is_file() else Answer(b"", 404)

    site.pages["/model/.*"] = key
    return f"{site.url}/model"


@pytest.mark.parametrize("kind", ["opendap", "zarr"])
def test_fields_are_cut_and_read_as_a_forecast_of_their_day(
    kind, request, site, currents, config, tmp_path
) -> None:  # fmt: skip
    """The values are the service's, the region's part only; a plan of the hour sees all of it, one before nothing."""
    region = make_region()
    url = _zarr(site, tmp_path, currents) if kind == "zarr" else request.getfixturevalue("dap")
    source = _source("gridded", tmp_path / "currents", kind, pattern="*.nc", url=url, steps_per_request=20)
    (outcome,), wanted = _fetch(region, config, work=tmp_path, currents=source)
    assert outcome.new == 1, outcome.sentences
    with xr.open_dataset(next((tmp_path / "currents").glob("*.nc"))) as kept:
        assert kept.attrs["license"] == "a licence"
        assert kept.sizes["lon"] < currents.sizes["lon"]
        same = currents.sel(time=kept["time"], lat=kept["lat"], lon=kept["lon"])
        np.testing.assert_allclose(kept["uo"], same["uo"], atol=1e-6)
    span = {"start": "2026-06-14T18:00Z", "end": "2026-06-17T06:00Z"}
    forcing, _ = read_forcing(region, wanted, issue_time=ISSUE, work=tmp_path, **span)
    assert forcing.sizes["time"] > 10
    with pytest.raises(InputError, match="available"):
        read_forcing(region, wanted, issue_time="2026-06-15T05:00Z", work=tmp_path, **span)
    (again,), _ = _fetch(region, config, work=tmp_path, currents=source)
    assert (again.new, again.kept) == (0, 1)


def test_a_field_fetched_long_after_its_day_is_no_forecast_of_it(site, currents, config, tmp_path) -> None:
    """Times after the issue time are not used unless a person says that a hindcast stands in."""
    region = make_region()
    url = _zarr(site, tmp_path, currents)
    source = _source("gridded", tmp_path / "currents", "zarr", pattern="*.nc", url=url)
    (outcome,), wanted = _fetch(region, config, now="2026-09-01T00:00Z", work=tmp_path, currents=source)
    assert outcome.new == 1, outcome.sentences
    span = {"start": "2026-06-14T18:00Z", "end": "2026-06-17T06:00Z"}
    with pytest.raises(InputError, match="last time"):
        read_forcing(region, wanted, issue_time=ISSUE, work=tmp_path, **span)


def test_parts_of_a_field_that_came_are_kept_for_the_next_fetch(site, currents, config, tmp_path) -> None:
    """The service goes down half way: the next fetch asks for the rest."""
    region = make_region()
    url = _zarr(site, tmp_path, currents.chunk({"time": 8}))
    source = _source("gridded", tmp_path / "currents", "zarr", pattern="*.nc", url=url, steps_per_request=8)
    site.faults[r"/vo/2"] = [500] * 2
    (down,), _ = _fetch(region, config, work=tmp_path, currents=source)
    assert down.outcome == "failed"
    assert "status 500" in down.sentences[-1]
    assert not list((tmp_path / "currents").glob("*.nc"))
    site.calls.clear()
    (up,), _ = _fetch(region, config, work=tmp_path, currents=source)
    assert up.new == 1
    assert not site.asked(r"/vo/0")


@pytest.mark.parametrize("kind", ["opendap", "zarr"])
def test_a_dead_field_service_is_said(kind, config, tmp_path) -> None:
    """Nobody listens: one sentence that names the address."""
    source = _source("gridded", tmp_path / "c", kind, pattern="*.nc", url="http://127.0.0.1:9/model")
    (outcome,), _ = _fetch(make_region(), config, work=tmp_path, currents=source)
    assert outcome.outcome == "failed"
    assert "127.0.0.1:9/model" in outcome.sentences[0]


# ---------------------------------------------------------------- drifters, vessels, people


def _buoys() -> tuple[pd.DataFrame, list[str]]:
    times = pd.date_range("2026-06-12", "2026-06-15T05:00", freq="h")
    rows = pd.DataFrame({
        "ID": "300534060", "time": times.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "latitude": np.linspace(30.2, 30.6, len(times)), "longitude": np.linspace(-149.5, -149.1, len(times)),
        "drogue_lost_date": "1970-01-01T00:00:00Z",
    })  # fmt: skip
    far = rows.assign(ID="7", longitude=10.0)
    return pd.concat([rows, far], ignore_index=True), ["", "UTC", "degrees_north", "degrees_east", "UTC"]


def _drifters(site, folder: Path, **options) -> SourceSettings:
    return _source("drifter_csv", folder, "erddap", pattern="*.csv", url=f"{site.url}/erddap", latency_h=1,
                   dataset="drifter_hourly_qc", columns={"id": "ID", "time": "time", "latitude": "latitude",
                   "longitude": "longitude", "drogue_lost_date": "drogue_lost_date"}, **options)  # fmt: skip


def test_drifters_of_an_erddap_table_come_a_file_a_day(site, config, tmp_path) -> None:
    """Fixes near the region, to the last that could be known; past days are asked for once."""
    tabledap(site, *_buoys())
    region = make_region(history_h=96)
    source = _drifters(site, tmp_path / "drifters")
    (outcome,), wanted = _fetch(region, config, work=tmp_path, drifters=source)
    assert outcome.outcome == "complete", outcome.sentences
    table, _ = read_drifters(region, wanted.drifters, issue_time=ISSUE, work=tmp_path)
    assert set(table["drifter_id"]) == {"300534060"}
    assert table["time"].max() == pd.Timestamp("2026-06-15T05:00Z")
    assert table["drogued"].all()
    site.calls.clear()
    _fetch(region, config, now="2026-06-15T06:40Z", until="2026-06-15T07:00Z", work=tmp_path, drifters=source)
    assert 0 < len(site.asked("tabledap")) <= 4


def test_an_erddap_table_that_breaks_off_or_is_unknown_is_refused(site, config, tmp_path) -> None:
    """A table cut at a line is no table; an unknown data set is not an empty day."""
    tabledap(site, *_buoys())
    good = site.pages["/erddap/tabledap/drifter_hourly_qc\\.csv"]
    site.pages["/erddap/tabledap/drifter_hourly_qc\\.csv"] = lambda call: Answer(good(call).body[:-30])
    (cut,), _ = _fetch(make_region(), config, work=tmp_path, drifters=_drifters(site, tmp_path / "a"))
    assert cut.outcome == "failed"
    assert "broken off" in cut.sentences[-1]
    other = _drifters(site, tmp_path / "b")
    other.fetch.options["dataset"] = "no_such"
    (unknown,), _ = _fetch(make_region(), config, work=tmp_path, drifters=other)
    assert "404" in unknown.sentences[-1]


def test_a_region_across_the_date_line_asks_a_table_twice(site, config, tmp_path) -> None:
    """Two stretches of longitude, no buoy lost between them."""
    rows, units = _buoys()
    east = rows.iloc[:76].assign(ID="E", longitude=179.5, latitude=0.5)
    west = rows.iloc[:76].assign(ID="W", longitude=-179.5, latitude=0.5)
    tabledap(site, pd.concat([east, west], ignore_index=True), units)
    region = make_region(bbox={"west": 179, "east": -179, "south": 0, "north": 1}, ports=[
        {"name": "Buoy", "lat": 0.5, "lon": 179.2}])  # fmt: skip
    _, wanted = _fetch(region, config, work=tmp_path, drifters=_drifters(site, tmp_path / "d"))
    table, _ = read_drifters(region, wanted.drifters, issue_time=ISSUE, work=tmp_path)
    assert set(table["drifter_id"]) == {"E", "W"}


def _nmea(body: str) -> str:
    value = 0
    for byte in body.encode():
        value ^= byte
    return f"{body}*{value:02X}"


def test_ais_and_gps_sentences_become_the_fleets_positions(config, tmp_path) -> None:
    """Tag blocks, loggers' stamps and RMC; strangers, bad checksums and sentences without a time are left out."""
    from pyais.encode import encode_dict

    def ais(mmsi: int, lat: float, lon: float) -> str:
        return encode_dict({"type": 1, "mmsi": mmsi, "lat": lat, "lon": lon}, talker_id="AI", sentence_type="VDM")[0]

    stamp = int(pd.Timestamp("2026-06-15T05:00Z").timestamp())
    good = ais(211000001, 30.4, -149.2)
    lines = [
        f"\\{_nmea(f's:rx1,c:{stamp}')}\\{good}",
        f"2026-06-15T05:10:00Z,{ais(211000001, 30.41, -149.21)}",
        f"2026-06-15T05:20:00Z,{ais(999999999, 30.41, -149.21)}",
        ais(211000001, 30.5, -149.5),
        f"2026-06-15T05:30:00Z,{good[:-2]}FF",
        "$" + _nmea("GPRMC,051500,A,3030.000,N,14930.000,W,5.0,90.0,150626,,"),
        "garbage",
    ]  # fmt: skip
    (config / "fleets").mkdir()
    vessel = {"id": "v1", "name": "One", "home_port": "Buoy", "transit_speed_kn": 10, "collect_speed_kn": 2,
              "endurance_h": 24, "hold_kg": 100, "swath_m": 10, "efficiency": 0.5, "max_wave_height_m": 2,
              "max_wind_kn": 20, "mmsi": "211000001"}  # fmt: skip
    fleet = {"name": "none", "vessels": [vessel, {**vessel, "id": "v2", "name": "Two", "mmsi": None}]}
    (config / "fleets" / "none.yaml").write_text(json.dumps(fleet))
    (tmp_path / "ais").mkdir()
    (tmp_path / "ais" / "day.nmea").write_text("\r\n".join(lines))
    source = _source(
        "fleet_csv", tmp_path / "fleet", "nmea", latency_h=0, pattern="*.csv", folder=str(tmp_path / "ais"), vessel="v2"
    )
    region = make_region()
    (outcome,), wanted = _fetch(region, config, work=tmp_path, fleet_status=source)
    assert outcome.new == 1, outcome.sentences
    from oceanclean.settings import FleetSettings

    state, _ = read_fleet(region, FleetSettings.model_validate(fleet), wanted.fleet_status, issue_time=ISSUE,
                          work=tmp_path)  # fmt: skip
    where = {r.vessel_id: (round(r.geometry.y, 3), round(r.geometry.x, 3)) for r in state.itertuples()}
    assert where == {"v1": (30.41, -149.21), "v2": (30.5, -149.5)}


def test_sightings_are_taken_file_by_file_and_bad_ones_put_aside(config, tmp_path) -> None:
    """A bad file goes to refused/ with its reason; the good ones are read; a report is known since its file came."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    now = pd.Timestamp.now(tz="UTC")
    seen = (now - pd.Timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (inbox / "crew.csv").write_text(f"time,latitude,longitude,observer\n{seen},30.5,-149.5,crew\n")
    (inbox / "bad.csv").write_text(f"time,latitude,longitude\n{seen},99,-149.5\n")
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [-148.5, 30.2]},
               "properties": {"time": seen, "description": "nets"}}  # fmt: skip
    (inbox / "app.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (inbox / "line.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}]}))  # fmt: skip
    source = _source("sightings_csv", tmp_path / "s", "intake_folder", pattern="*.csv", folder=str(inbox), settle_s=0)
    region = make_region()
    later = (now + pd.Timedelta(minutes=5)).isoformat()
    (outcome,), wanted = _fetch(region, config, until=later, now=later, work=tmp_path, sightings=source)
    assert (outcome.outcome, outcome.new) == ("partial", 2)
    assert sorted(p.suffix for p in (inbox / "accepted").iterdir()) == [".csv", ".geojson"]
    reasons = "".join(p.read_text() for p in (inbox / "refused").glob("*.why.txt"))
    assert "position, line 2" in reasons
    assert "LineString" in reasons
    assert not [p for p in inbox.iterdir() if p.is_file()]
    table, _ = read_sightings(region, wanted.sightings, issue_time=later, history_h=36, work=tmp_path)
    assert set(table["description"]) == {"", "nets"}
    before = (now - pd.Timedelta(minutes=1)).isoformat()
    early, _ = read_sightings(region, wanted.sightings, issue_time=before, history_h=36, work=tmp_path)
    assert early.empty


# ---------------------------------------------------------------- all of them


def test_a_dead_source_does_not_stop_the_others_and_is_said_until_it_is_back(site, config, tmp_path) -> None:
    """Drifters down, currents up: both outcomes stand; the plan's sentence goes when the source comes back."""
    tabledap(site, *_buoys())
    region = make_region()
    url = _zarr(site, tmp_path, field(attrs={}))
    both = {"currents": _source("gridded", tmp_path / "c", "zarr", pattern="*.nc", url=url),
            "drifters": _drifters(site, tmp_path / "d")}  # fmt: skip
    site.faults["tabledap"] = [500] * 99
    outcomes, wanted = _fetch(region, config, work=tmp_path, **both)
    assert {o.role: o.outcome for o in outcomes} == {"currents": "complete", "drifters": "failed"}
    (sentence,) = fetch_trouble(region, wanted, until=ISSUE, work=tmp_path, config=config)
    assert sentence.startswith("Drifters (erddap) could not be fetched at 15 Jun 2026 05:40 UTC")
    site.faults.clear()
    _fetch(region, config, now="2026-06-15T05:50Z", work=tmp_path, **both)
    assert not fetch_trouble(region, wanted, until=ISSUE, work=tmp_path, config=config)
    (late, _) = fetch_trouble(region, wanted, until="2026-06-18T06:00Z", work=tmp_path, config=config)
    assert "were not fetched in the 26 h before" in late


@pytest.mark.parametrize(
    "preset", sorted(p.stem for p in (Path(__file__).parents[2] / "config/services").glob("*.yaml"))
)
def test_every_preset_fits_its_service(preset: str, config_dir, tmp_path, monkeypatch) -> None:
    """Options are known to the service, and no secret stands in the file."""
    source = SourceSettings(kind="x", path=str(tmp_path), fetch=ServiceSettings(preset=preset))
    settings = with_preset(source, config_dir)
    assert service_of(settings.service)(source, settings, None, None)


def test_secrets_are_refused_in_settings_and_named_when_missing(
    site, cogs, near, config, tmp_path, monkeypatch
) -> None:
    """A password in a file is refused; a variable that is not set is named; its value appears nowhere."""
    fetch = ServiceSettings(service="stac", options={"password": "hunter2"})
    with pytest.raises(SettingsError, match="environment variable") as caught:
        with_preset(SourceSettings(kind="scene_folder", path="x", fetch=fetch), config)
    assert "hunter2" not in str(caught.value)
    account = {"token_url": f"{site.url}/token", "username_env": "OC_USER", "password_env": "OC_WORD"}
    source = _scenes(site, tmp_path / "scenes", **account)
    with pytest.raises(SettingsError, match="OC_USER"):
        _fetch(near, config, work=tmp_path, scenes=source)
    monkeypatch.setenv("OC_USER", "somebody")
    monkeypatch.setenv("OC_WORD", "hunter2")
    stac_api(site, cogs, [item(site, cogs, "S2B_x", "2026-06-14T21:00:00Z")])
    site.pages["/token"] = lambda c: Answer(
        b'{"access_token": "t0k3n", "expires_in": 600}' if b"hunter2" in c.body else b"{}"
    )
    (good,), _ = _fetch(near, config, work=tmp_path, scenes=source)
    assert good.new == 1, good.sentences
    assert {c.headers.get("Authorization") for c in site.asked("/cogs/")} == {"Bearer t0k3n"}
    site.pages["/token"] = lambda c: Answer(b"wrong password: " + c.body, 401)
    site.calls.clear()
    (bad,), _ = _fetch(
        near, config, until="2026-06-15T07:00Z", work=tmp_path, scenes=_scenes(site, tmp_path / "b", **account)
    )
    assert bad.outcome == "failed"
    written = "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.suffix in {".json", ".jsonl"})
    assert "hunter2" not in written + str(bad)
    assert "t0k3n" not in written
