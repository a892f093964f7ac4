"""Photos of people: checked, stripped, judged, and read back by the sightings source."""

from __future__ import annotations

import json
import struct
import zlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from PIL import Image

from oceanclean.errors import InputError
from oceanclean.region import Region
from oceanclean.settings import SourceSettings, load_region_settings
from oceanclean.sources.sightings import read_sightings
from oceanclean.vision.photos.exif import read_facts
from oceanclean.vision.photos.intake import Consent, IntakeSettings, Place, take_in, trust
from oceanclean.vision.photos.pictures import open_photo
from tests.vision.photo_factory import write_photo

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
CONSENT = Consent("Ana", NOW)


def dirty(_):
    return {"clean": 0.05, "medium": 0.15, "litter": 0.8}


def plastic(_):
    return {"plastic_metal": 0.7, "glass": 0.3}


def send(paths, folder, **more):
    return take_in(paths, CONSENT, folder, **{"grade": dirty, "material": plastic, "now": NOW, **more})


# -- what a photo says of itself ---------------------------------------------------------------------------------------


def test_position_and_receiver_time_come_from_exif(tmp_path):
    facts = read_facts(write_photo(tmp_path / "a.jpg"))
    assert (facts.lat, facts.lon) == (pytest.approx(43.5, abs=1e-5), pytest.approx(-8.25, abs=1e-5))
    assert facts.time == datetime(2026, 6, 1, 8, 30, 15, tzinfo=UTC)


def test_the_camera_clock_needs_its_offset_or_a_zone(tmp_path):
    with_offset = write_photo(tmp_path / "a.jpg", gps_time=None, clock="2026:06:01 10:30:00", offset="+02:00")
    assert read_facts(with_offset).time == datetime(2026, 6, 1, 8, 30, tzinfo=UTC)
    without = write_photo(tmp_path / "b.jpg", gps_time=None, clock="2026:06:01 10:30:00")
    assert read_facts(without).time is None
    assert read_facts(without, ZoneInfo("Europe/Rome")).time == datetime(2026, 6, 1, 8, 30, tzinfo=UTC)


def test_a_receiver_without_a_fix_gives_no_position(tmp_path):
    facts = read_facts(write_photo(tmp_path / "a.jpg", lat=0.0, lon=0.0))
    assert facts.lat is None
    assert facts.lon is None


# -- what is refused ---------------------------------------------------------------------------------------------------


def png_header(width, height):
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def test_a_pixel_bomb_is_refused_from_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(30_000, 30_000))
    with pytest.raises(InputError, match="pixels"):
        open_photo(path)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a" + b"\0" * 40, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ" * 9]
)
def test_what_is_no_photo_is_refused_whatever_its_name(tmp_path, content):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError):
        open_photo(path)


def test_a_cut_photo_and_a_large_file_are_refused(tmp_path):
    whole = write_photo(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError):
        open_photo(tmp_path / "cut.jpg")
    with pytest.raises(InputError, match="size"):
        open_photo(tmp_path / "a.jpg", max_bytes=100)


def test_one_bad_photo_does_not_stop_the_others(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    good = write_photo(tmp_path / "good.jpg")
    nowhere = write_photo(tmp_path / "nowhere.jpg", lat=None, lon=None, seed=3)
    future = write_photo(tmp_path / "future.jpg", gps_time="2026:06:02 08:00:00", seed=4)
    result = send([tmp_path / "bad.jpg", nowhere, future, good], tmp_path / "in")
    assert len(result.rows) == 1
    assert {k.rsplit("/", 1)[1]: v.split(": ")[1] for k, v in result.refused.items()} == {
        "bad.jpg": "type", "nowhere.jpg": "position", "future.jpg": "time",
    }  # fmt: skip


def test_consent_needs_a_name_and_a_licence_for_publication():
    with pytest.raises(InputError):
        Consent(" ", NOW)
    with pytest.raises(InputError, match="publication"):
        Consent("Ana", NOW, ("publication",))
    with pytest.raises(InputError, match="zone"):
        Consent("Ana", NOW.replace(tzinfo=None))


# -- what is kept and handed on ----------------------------------------------------------------------------------------


def test_the_copy_that_is_kept_says_nothing_of_its_owner(tmp_path):
    sent = write_photo(tmp_path / "a.jpg")
    result = send([sent], tmp_path / "in")
    kept = tmp_path / "in" / "photos" / result.rows[0]["photo"]
    with Image.open(kept) as picture:
        assert not picture.getexif()
        assert b"Maker of phones" not in kept.read_bytes()
    record = json.loads((tmp_path / "in" / "consent.jsonl").read_text())
    assert (record["observer"], record["photo"]) == ("Ana", result.rows[0]["photo"])


def test_a_photo_sent_twice_counts_once(tmp_path):
    sent = write_photo(tmp_path / "a.jpg")
    send([sent], tmp_path / "in")
    again = send([sent], tmp_path / "in")
    assert not again.rows
    assert "before" in next(iter(again.refused.values()))
    assert len(pd.read_csv(tmp_path / "in" / "sightings.csv")) == 1


def test_the_sightings_source_reads_what_the_intake_writes(tmp_path, config_dir):
    region = Region(load_region_settings("demo", config_dir))
    west, south, east, north = region.grid.bounds
    lat, lon = (south + north) / 2, (west + east) / 2
    sent = write_photo(tmp_path / "a.jpg", lat=lat, lon=lon)
    tricky = Consent("=cmd|x #1,\nAna", NOW)
    take_in([sent], tricky, tmp_path / "in", grade=dirty, material=plastic, now=NOW, place=Place(area_m2=40.0))
    source = SourceSettings(kind="sightings_csv", path=str(tmp_path / "in" / "sightings.csv"))
    table, notes = read_sightings(region, [source], issue_time=NOW + timedelta(hours=1), history_h=36)
    assert len(table) == 1, notes
    row = table.iloc[0]
    assert row["probability"] == pytest.approx(trust(0.05, IntakeSettings()), abs=1e-3)
    assert row["area_m2"] == 40.0
    assert (row.geometry.y, row.geometry.x) == (pytest.approx(lat, abs=1e-5), pytest.approx(lon, abs=1e-5))
    assert row["observer"] == "cmd|x 1, Ana"
    assert row["available_at"] == pd.Timestamp(NOW)
    earlier, _ = read_sightings(region, [source], issue_time=NOW - timedelta(minutes=1), history_h=36)
    assert not len(earlier)


def test_a_photo_moves_trust_by_bayes_and_no_further_than_the_bound():
    settings = IntakeSettings(prior_trust=0.6, clean_share=0.5, strongest_evidence=10)
    assert trust(0.5, settings) == pytest.approx(0.6)
    assert trust(0.25, settings) == pytest.approx(3 * 1.5 / (1 + 3 * 1.5))
    assert trust(0.0, settings) == pytest.approx(15 / 16)
    assert trust(1.0, settings) == pytest.approx(0.15 / 1.15)
