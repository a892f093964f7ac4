"""Scenes: what a file says of itself, what a person must say, and files that cannot be used."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from source_files import ISSUE, make_region, source, write_scene

from oceanclean.errors import InputError
from oceanclean.products.names import BANDS
from oceanclean.sources import open_scene, read_scenes, scene_bounds


def test_a_scene_says_all_of_itself_in_its_tags(tmp_path):
    """Bands, scale, time and radiometry come from the file when it has them."""
    scene = open_scene(write_scene(tmp_path / "s.tif"), latency_h=4)
    assert scene.bands == {b: i for i, b in enumerate(BANDS, start=1)}
    assert (scene.scale, scene.offset, scene.nodata) == (1e-4, 0.0, 0.0)
    assert (scene.acquired, scene.available_at) == ("2026-06-14T20:00:00Z", "2026-06-15T00:00:00Z")
    assert len(scene.sha256) == 64


def test_bands_in_another_order_are_mapped_by_name(tmp_path):
    """The file's band order does not matter where descriptions name the bands."""
    turned = tuple(reversed(BANDS))
    scene = open_scene(write_scene(tmp_path / "s.tif", turned))
    with scene.open() as raster:
        reflectance, valid = scene.read(raster)
    assert valid.all()
    # the first contract band stands last in the file, with the largest number
    assert reflectance[0].mean() > reflectance[-1].mean()
    assert scene.bands["B1"] == len(BANDS)


@pytest.mark.parametrize("name", ["B02", "B2", "b2", "B2 (490 nm)", "Band 2"])
def test_band_names_are_read_in_their_usual_spellings(tmp_path, name):
    """B02, B2 and Band 2 are one band."""
    assert open_scene(write_scene(tmp_path / "s.tif", (name, "B8A", "B11"))).bands == {"B2": 1, "B8A": 2, "B11": 3}


def test_a_missing_band_is_left_to_the_vision_room(tmp_path):
    """A scene without B12 can be described."""
    assert open_scene(write_scene(tmp_path / "s.tif", BANDS[:-1])).missing_bands == ("B12",)


def test_unnamed_bands_count_only_when_there_are_eleven(tmp_path):
    """Without names, eleven bands are taken in the contract's order and any other number is refused."""
    assert open_scene(write_scene(tmp_path / "a.tif", described=False)).bands["B12"] == 11
    path = write_scene(tmp_path / "b.tif", BANDS[:7], described=False)
    with pytest.raises(InputError, match="7 raster bands without names"):
        open_scene(path)
    assert open_scene(path, options={"bands": list(BANDS[:7])}).bands["B7"] == 7


def test_a_scene_without_crs_is_refused(tmp_path):
    """A raster nobody can place is no scene."""
    with pytest.raises(InputError, match="CRS"):
        open_scene(write_scene(tmp_path / "s.tif", crs=None))


@pytest.mark.parametrize("missing", ["acquired", "radiometry"])
def test_what_cannot_be_known_is_asked_for_by_its_option(tmp_path, missing):
    """The error names the option that supplies what the file lacks."""
    tags = {"acquired": "2026-06-14T20:00Z", "radiometry": "l2a"}
    given = tags.pop(missing)
    path = write_scene(tmp_path / "s.tif", tags=tags)
    with pytest.raises(InputError, match=f"--{missing}"):
        open_scene(path)
    assert getattr(open_scene(path, options={missing: given}), missing).startswith(given[:10])


@pytest.mark.parametrize("share", [0.2, 0.7, 0.98])
def test_a_truncated_scene_is_refused(tmp_path, share):
    """A file that breaks off is noticed, wherever it breaks off."""
    path = write_scene(tmp_path / "s.tif")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="truncated"):
        open_scene(path)


def test_numbers_that_are_no_reflectance_name_scale_and_offset(tmp_path):
    """Unscaled digital numbers, a forgotten offset and an offset too many are each refused."""
    with pytest.raises(InputError, match="--scale"):
        open_scene(write_scene(tmp_path / "a.tif", scale=None))
    with pytest.raises(InputError, match=r"--scale 0\.0001"):
        open_scene(write_scene(tmp_path / "b.tif"), options={"scale": 1})
    with pytest.raises(InputError, match=r"--offset -0\.1"):
        open_scene(write_scene(tmp_path / "c.tif", value=1010))
    with pytest.raises(InputError, match="offset"):
        open_scene(write_scene(tmp_path / "d.tif"), options={"offset": -0.1})
    assert open_scene(tmp_path / "c.tif", options={"offset": -0.1}).offset == -0.1


def test_a_sidecar_tells_what_the_file_does_not(tmp_path):
    """Scale, offset, time and product name are read from the JSON of the same name."""
    path = write_scene(tmp_path / "s.tif", ("B02", "B03", "B04", "SCL"), tags={}, scale=None, value=1500)
    (tmp_path / "s.json").write_text(json.dumps({
        "scene_id": "S2A_MSIL2A_20240805T082601_R021_T36SVD_20240805T144559", "reflectance_scale": 1e-4,
        "reflectance_offset": -0.1, "datetime": "2024-08-05T08:26:01Z", "platform": "Sentinel-2A"}))  # fmt: skip
    scene = open_scene(path)
    assert (scene.radiometry, scene.scl_band, scene.offset) == ("l2a", 4, -0.1)
    assert scene.acquired == "2024-08-05T08:26:01Z"
    with scene.open() as raster:
        assert np.nanmean(scene.read(raster)[0][1]) == pytest.approx(0.0512, abs=0.001)


def test_a_replay_sees_no_later_scene(tmp_path):
    """Scenes acquired or available after the issue time, or too old, or elsewhere, are not seen."""
    times = {
        "seen": "2026-06-14T20:00Z",
        "late": "2026-06-15T05:00Z",
        "future": "2026-06-16T20:00Z",
        "old": "2026-06-10T20:00Z",
    }
    for name, time in times.items():
        write_scene(tmp_path / f"{name}.tif", tags={"acquired": time, "radiometry": "rhorc"})
    write_scene(tmp_path / "elsewhere.tif", north=5_000_000)
    region = make_region()
    found, said = read_scenes(region, [source("scene_folder", tmp_path, latency_h=4)], issue_time=ISSUE, history_h=36)
    assert [s.scene_id for s in found] == ["seen"]
    assert said == []
    later, _ = read_scenes(
        region, [source("scene_folder", tmp_path, latency_h=4)], issue_time="2026-06-15T09:00Z", history_h=36
    )
    assert [s.scene_id for s in later] == ["seen", "late"]


def test_an_unusable_scene_is_said_and_the_others_are_used(tmp_path):
    """One damaged file does not stop the day, unless the source is required."""
    write_scene(tmp_path / "good.tif")
    bad = write_scene(tmp_path / "bad.tif")
    bad.write_bytes(bad.read_bytes()[:5000])
    (tmp_path / ".aside-being-written.tif").write_bytes(b"II")
    found, said = read_scenes(make_region(), [source("scene_folder", tmp_path)], issue_time=ISSUE, history_h=36)
    assert [s.scene_id for s in found] == ["good"]
    assert len(said) == 1
    assert "bad.tif" in said[0]
    with pytest.raises(InputError, match=r"bad\.tif"):
        read_scenes(make_region(), [source("scene_folder", tmp_path, required=True)], issue_time=ISSUE, history_h=36)


@pytest.mark.parametrize(
    "tag", [{"scale": "ten"}, {"offset": "nan"}, {"nodata": "zero"}, {"scl_band": "SCL"}, {"scl_band": "99"},
            {"bands": "B2, B3"}]
)  # fmt: skip
def test_a_tag_that_is_no_number_names_itself_and_its_file(tmp_path, tag):
    """No traceback: the file and the tag are named, and in a folder the other scenes are used."""
    write_scene(tmp_path / "good.tif")
    bad = write_scene(tmp_path / "bad.tif")
    with rasterio.open(bad, "r+") as scene:
        scene.update_tags(**tag)
    with pytest.raises(InputError) as caught:
        open_scene(bad)
    assert caught.value.source == str(bad)
    assert caught.value.field == next(iter(tag))
    found, said = read_scenes(make_region(), [source("scene_folder", tmp_path)], issue_time=ISSUE, history_h=36)
    assert [s.scene_id for s in found] == ["good"]
    assert len(said) == 1
    assert said[0].startswith("Scene bad.tif was not used: ")


def test_a_scene_across_the_date_line_keeps_its_width(tmp_path):
    """Bounds run on past 180° instead of around the globe."""
    scene = open_scene(write_scene(tmp_path / "s.tif", crs="EPSG:32660", west=785_000, north=2_000_000, size=256))
    west, _, east, _ = scene_bounds(scene)
    assert east - west < 0.1


@pytest.mark.real
def test_the_scene_of_accra_opens(real_data):
    """Eleven bands of Sen2Cor L2A without time or radiometry in the file: both must be given."""
    path = real_data("accra_20181031_l2a") / "S2_L2A_20181031_accra_11bands.tif"
    scene = open_scene(path, options={"radiometry": "l2a", "acquired": "2018-10-31T10:20Z"})
    assert scene.missing_bands == ()
    assert (scene.scale, scene.nodata) == (1e-4, 0.0)
    with pytest.raises(InputError, match="--acquired"):
        open_scene(path)


@pytest.mark.real
def test_the_chip_of_limassol_opens(real_data):
    """Seven bands with SCL and offset −0.1, told by the JSON beside the file."""
    scene = open_scene(real_data("s2_demo_chips") / "limassol.tif")
    assert set(scene.missing_bands) == {"B1", "B5", "B7", "B8A", "B12"}
    assert (scene.scl_band, scene.offset, scene.radiometry) == (7, -0.1, "l2a")
