"""Scenes from services: cut from COGs over ranges, from whole bands, from SAFE products; read as they were known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from service_cases import ISSUE, fetched, serviced
from service_server import ASSETS, EDGE, NORTH, WEST, Answer, item, stac_api, write_cogs
from source_files import make_region

from oceanclean.errors import SettingsError
from oceanclean.products.names import BANDS
from oceanclean.settings import ServiceSettings, SourceSettings
from oceanclean.sources import fetch_trouble, read_scenes
from oceanclean.sources.services import rayleigh
from oceanclean.sources.services.settings import with_preset

#: The part of the tile that the small region covers, in the tile's metres.
BOX = {"west": -149.068, "east": -149.05, "south": 30.704, "north": 30.72}


@pytest.fixture(scope="module")
def cogs(tmp_path_factory) -> dict[str, Path]:
    return write_cogs(tmp_path_factory.mktemp("cogs"))


@pytest.fixture
def near():
    """A region of 1.7 × 1.8 km within the tile."""
    return make_region(bbox=BOX, grid_step_deg=0.002, routing_step_deg=0.002, name="near")


#: The bands of most tests: one of each resolution, one that fails in some.
FEW = {band: ASSETS[band] for band in ("B1", "B2", "B4", "B8", "B12")}


def _scenes(site, folder: Path, **options) -> SourceSettings:
    options = {"url": site.url, "collection": "sentinel-2-c1-l2a", "assets": FEW, **options}
    return serviced("scene_folder", folder, "stac", pattern="*.tif", **options)


def test_a_scene_is_cut_from_cogs_over_ranges_and_read_as_it_was(site, cogs, near, config, tmp_path) -> None:
    """Every band of the region's part on the 10 m grid, value by value; time, scale, offset, licence kept."""
    stac_api(site, cogs, [item(site, cogs, "S2B_06RUV_20260614_0_L2A", "2026-06-14T21:00:00Z", "2026-06-15T01:00:00Z")])
    source = _scenes(site, tmp_path / "scenes", assets=ASSETS)
    (outcome,), wanted = fetched(near, config, work=tmp_path, scenes=source)
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
    fetched(near, config, work=tmp_path, scenes=source)
    asked = len(site.asked("/cogs/"))
    (again,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert (again.kept, again.new) == (1, 0)
    assert len(site.asked("/cogs/")) == asked
    file = next((tmp_path / "scenes").glob("*.tif"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    (mended,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert mended.new == 1
    assert len(file.read_bytes()) == len(whole)
    items[0]["properties"]["updated"] = "2026-06-15T05:00:00Z"
    (newer,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert newer.new == 1
    record = json.loads((tmp_path / "scenes" / ".fetched" / f"{file.name}.json").read_text())
    assert record["licence"] == "a licence"
    assert record["origin"].startswith(site.url)
    assert len(record["sha256"]) == 64


def test_a_band_that_failed_is_all_that_the_next_fetch_asks_for(site, cogs, near, config, tmp_path) -> None:
    """One asset is down: the scene is missing and said; then it alone is fetched and the scene stands."""
    stac_api(site, cogs, [item(site, cogs, "S2B_x", "2026-06-14T21:00:00Z")])
    site.faults["swir22"] = [500] * 2
    source = _scenes(site, tmp_path / "scenes")
    (down,), wanted = fetched(near, config, work=tmp_path, scenes=source)
    assert down.outcome == "failed"
    assert "swir22.tif" in down.sentences[-1]
    assert not list((tmp_path / "scenes").glob("*.tif"))
    trouble = fetch_trouble(near, wanted, until=ISSUE, work=tmp_path, config=config)
    assert len(trouble) == 1
    assert "could not be fetched" in trouble[0]
    site.calls.clear()
    (up,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert up.new == 1
    assert not site.asked("coastal")
    assert not fetch_trouble(near, wanted, until=ISSUE, work=tmp_path, config=config)


@pytest.mark.parametrize("fault", ["cut", 503, "hang"])
def test_a_range_that_breaks_off_is_asked_for_again(site, cogs, near, config, tmp_path, fault) -> None:
    """The scene comes whole all the same."""
    stac_api(site, cogs, [item(site, cogs, "S2B_x", "2026-06-14T21:00:00Z")])
    site.faults["blue"] = [fault]
    (outcome,), _ = fetched(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
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
    (wrong,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert "sha256" in wrong.sentences[-1]
    entry["assets"]["nir"]["file:checksum"] = right
    (good,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert good.new == 1, good.sentences


@pytest.mark.parametrize(
    "link", ["file:///etc/passwd", "s3://bucket/key", "http://169.254.169.254/latest", "/etc/passwd"]
)
def test_an_asset_that_points_into_this_machine_is_not_followed(site, cogs, near, config, tmp_path, link) -> None:
    """The scene is refused with the reason; another scene of the same answer is taken."""
    bad = item(site, cogs, "S2B_bad", "2026-06-14T20:00:00Z")
    bad["assets"]["blue"]["href"] = link
    stac_api(site, cogs, [bad, item(site, cogs, "S2B_good", "2026-06-14T21:00:00Z")])
    (outcome,), _ = fetched(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
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
    (outcome,), _ = fetched(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert sorted(p.stem for p in (tmp_path / "scenes").glob("*.tif")) == ["other", "second"]
    assert outcome.outcome == "complete"


def test_an_empty_day_is_an_answer_not_a_fault(site, cogs, near, config, tmp_path) -> None:
    """No pass over the region: nothing is said on the plan."""
    stac_api(site, cogs, [])
    (outcome,), wanted = fetched(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
    assert outcome.outcome == "empty"
    assert not fetch_trouble(near, wanted, until=ISSUE, work=tmp_path, config=config)


def test_a_late_scene_is_not_seen_by_a_plan_that_was_before_it(site, cogs, near, config, tmp_path) -> None:
    """Published after the issue time: fetched, but a replayed day does not see it; a reprocessing counts by latency."""
    stac_api(site, cogs, [
        item(site, cogs, "late", "2026-06-14T21:00:00Z", "2026-06-15T08:00:00Z"),
        item(site, cogs, "again", "2026-06-14T10:00:00Z", "2027-01-01T00:00:00Z"),
    ])  # fmt: skip
    (outcome,), wanted = fetched(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "scenes"))
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
    fetched(near, config, work=tmp_path, scenes=source)
    with rasterio.open(tmp_path / "scenes" / "applied.tif") as scene:
        assert scene.tags()["offset"] == "0.0"
    stac_api(site, cogs, [odd, applied])
    (outcome,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert any("scale and offset" in s for s in outcome.sentences)
    assert outcome.kept == 1


def _safe(product: Path, cogs: dict[str, Path], level: str, added: int = -1000) -> Path:
    """A product in ESA's layout of a level: JPEG 2000 bands, metadata of product and tile."""
    granule = product / "GRANULE" / f"{level}_T06RUV"
    for band, key in ASSETS.items():
        if (band, level) == ("SCL", "L1C"):
            continue
        metres = {"B1": 60, "B2": 10, "B3": 10, "B4": 10, "B8": 10}.get(band, 20)
        digits = band if band in {"SCL", "B8A"} else f"B{int(band[1:]):02d}"
        inside = f"R{metres}m/T06RUV_x_{digits}_{metres}m.jp2" if level == "L2A" else f"T06RUV_x_{digits}.jp2"
        path = granule / "IMG_DATA" / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(cogs[key]) as source:
            profile = {**source.profile, "driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES"}
            profile = {k: v for k, v in profile.items() if k not in {"compress", "interleave", "tiled", "nodata"}}
            with rasterio.open(path, "w", **profile) as out:
                out.write(source.read())
    quantity, offset = {"L2A": ("BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET"),
                        "L1C": ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET")}[level]  # fmt: skip
    offsets = "".join(f'<{offset} band_id="{k}">{added}</{offset}>' for k in range(13))
    (product / f"MTD_MSI{level}.xml").write_text(f"<r><{quantity}>10000</{quantity}>{offsets}</r>")
    angles = "<{0}><ZENITH_ANGLE>{1}</ZENITH_ANGLE><AZIMUTH_ANGLE>{2}</AZIMUTH_ANGLE></{0}>"
    views = [angles.format("Mean_Viewing_Incidence_Angle", z, a) for z, a in ((5.0, 289.0), (7.0, 291.0))]
    (granule / "MTD_TL.xml").write_text(f"<r>{angles.format('Mean_Sun_Angle', 40, 150)}{''.join(views)}</r>")
    (product / "manifest.safe").write_text("<xml/>")
    return product


def test_a_safe_product_in_a_folder_becomes_a_scene(cogs, near, config, tmp_path) -> None:
    """JPEG 2000 bands of ESA's layout; offset and scale from the product's metadata; a half-copied product waits."""
    drop = tmp_path / "drop"
    name = "S2B_MSIL2A_20260614T210000_N0511_R001_T06RUV_20260614T235959"
    product = _safe(drop / f"{name}.SAFE", cogs, "L2A")
    (product / "manifest.safe").unlink()
    source = serviced("scene_folder", tmp_path / "scenes", "safe_folder", pattern="*.tif", folder=str(drop))
    (waits,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert waits.outcome == "empty"
    (product / "manifest.safe").write_text("<xml/>")
    (outcome,), wanted = fetched(near, config, work=tmp_path, scenes=source)
    assert outcome.new == 1, outcome.sentences
    (scene,), _ = read_scenes(near, wanted.scenes, issue_time=ISSUE, history_h=36, work=tmp_path)
    assert (scene.scene_id, scene.scale, scene.offset) == (name, 1e-4, -0.1)
    assert len(scene.bands) == 11


def test_level_1c_comes_less_the_air_s_scattering_and_says_so(site, cogs, near, config, tmp_path) -> None:
    """Water at the top of the air is bright in the blue; what is written is dark; a plan will say what it rests on."""
    low = item(site, cogs, "S2B_low", "2026-06-14T20:00:00Z", **{"view:sun_elevation": 9.0})
    bare = item(site, cogs, "S2B_bare", "2026-06-14T20:30:00Z")
    stac_api(site, cogs, [low, bare, item(site, cogs, "S2B_L1C", "2026-06-14T21:00:00Z", offset=-0.02,
                                          **{"view:sun_elevation": 50.0, "view:sun_azimuth": 150.0})])  # fmt: skip
    source = _scenes(site, tmp_path / "scenes", level="l1c")
    (outcome,), wanted = fetched(near, config, work=tmp_path, scenes=source)
    assert outcome.new == 1, outcome.sentences
    assert any("S2B_low" in s and "sun" in s for s in outcome.sentences)
    assert any("S2B_bare" in s and "view:sun_elevation" in s for s in outcome.sentences)
    (scene,), _ = read_scenes(near, wanted.scenes, issue_time=ISSUE, history_h=36, work=tmp_path)
    assert scene.radiometry == "l1c_rc"
    assert "Level 1C" in scene.notes["degraded"]
    angles = rayleigh.Angles(40.0)
    with scene.open() as file:
        reflectance, valid = scene.read(file)
    assert valid.all()
    for band, number in (("B1", 0), ("B2", 1), ("B8", 7), ("B12", 10)):
        came = np.float32((1200 + 10 * number) * 1e-4 - 0.02)
        expected = rayleigh.corrected(np.full(1, came), band, angles)[0]
        assert np.percentile(reflectance[BANDS.index(band)], 0) == pytest.approx(expected, abs=1e-4), band
    assert reflectance[BANDS.index("B1")].min() < 0.02 < 0.08 < reflectance[BANDS.index("B8")].min()
    with pytest.raises(SettingsError, match="level"):
        fetched(near, config, work=tmp_path, scenes=_scenes(site, tmp_path / "other", level="L3"))


def test_a_safe_product_of_level_1c_stands_in_until_level_2a_comes(cogs, near, config, tmp_path) -> None:
    """ESA's other layout, names and metadata, angles of the tile; of one pass L2A is taken where it is."""
    drop = tmp_path / "drop"
    name = "S2B_MSIL1C_20260614T210000_N0511_R001_T06RUV_20260614T220000"
    product = _safe(drop / f"{name}.SAFE", cogs, "L1C", added=-200)
    source = serviced("scene_folder", tmp_path / "scenes", "safe_folder", pattern="*.tif", folder=str(drop))
    (outcome,), wanted = fetched(near, config, work=tmp_path, scenes=source)
    assert outcome.new == 1, outcome.sentences
    (scene,), _ = read_scenes(near, wanted.scenes, issue_time=ISSUE, history_h=36, work=tmp_path)
    assert (scene.scene_id, scene.radiometry, len(scene.bands), scene.scl_band) == (name, "l1c_rc", 11, None)
    with scene.open() as file:
        b3 = scene.read(file)[0][BANDS.index("B3")]
    expected = rayleigh.corrected(np.full(1, 0.122 - 0.02), "B3", rayleigh.Angles(40.0, 150.0, 6.0, 290.0))
    assert b3.min() == pytest.approx(expected[0], abs=1e-4)
    (product / "GRANULE" / "L1C_T06RUV" / "MTD_TL.xml").write_text("<r/>")
    shutil.rmtree(tmp_path / "scenes")
    (blind,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert any("Mean_Sun_Angle" in s for s in blind.sentences)
    _safe(drop / f"{name.replace('L1C', 'L2A')}.SAFE", cogs, "L2A")
    fetched(near, config, work=tmp_path, scenes=source)
    assert [p.stem for p in (tmp_path / "scenes").glob("*.tif")] == [name.replace("L1C", "L2A")]


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
        fetched(near, config, work=tmp_path, scenes=source)
    monkeypatch.setenv("OC_USER", "somebody")
    monkeypatch.setenv("OC_WORD", "hunter2")
    stac_api(site, cogs, [item(site, cogs, "S2B_x", "2026-06-14T21:00:00Z")])
    site.pages["/token"] = lambda c: Answer(
        b'{"access_token": "t0k3n", "expires_in": 600}' if b"hunter2" in c.body else b"{}"
    )
    (good,), _ = fetched(near, config, work=tmp_path, scenes=source)
    assert good.new == 1, good.sentences
    assert {c.headers.get("Authorization") for c in site.asked("/cogs/")} == {"Bearer t0k3n"}
    site.pages["/token"] = lambda c: Answer(b"wrong password: " + c.body, 401)
    site.calls.clear()
    (bad,), _ = fetched(
        near, config, until="2026-06-15T07:00Z", work=tmp_path, scenes=_scenes(site, tmp_path / "b", **account)
    )
    assert bad.outcome == "failed"
    written = "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.suffix in {".json", ".jsonl"})
    assert "hunter2" not in written + str(bad)
    assert "t0k3n" not in written


@pytest.mark.parametrize(("zone", "west"), [(32601, 166_021), (32660, 722_562)])
def test_a_tile_beside_the_date_line_is_cut_on_its_own_side(tmp_path, zone: int, west: int) -> None:
    """A region from 179° to 181°: of the tile of each zone the part within it, never a box around the world."""
    from rasterio.transform import from_origin

    from oceanclean.sources.services.crop import cut_box

    profile = {"driver": "GTiff", "dtype": "uint16", "count": 1, "width": 1830, "height": 1830, "crs": f"EPSG:{zone}"}
    with rasterio.open(tmp_path / "tile.tif", "w", transform=from_origin(west, 109_800, 60, 60), **profile):
        pass
    with rasterio.open(tmp_path / "tile.tif") as tile:
        left, bottom, right, top = cut_box(tile, (179.0, 0.0, 181.0, 0.5))
        assert left == tile.bounds.left
        assert (right - left, top - bottom) == pytest.approx((109_800, 55_500), abs=240)
        assert cut_box(tile, (20.0, 0.0, 21.0, 0.5)) is None
