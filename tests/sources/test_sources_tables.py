"""Drifters, sightings, windrows and the fleet: tables from people and instruments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from source_files import ISSUE, make_region, source, sources

from oceanclean.errors import InputError, SettingsError
from oceanclean.region import load_region
from oceanclean.settings import FleetSettings, load_fleet_settings, load_sources_settings
from oceanclean.sources import (
    fingerprint,
    inputs_used,
    read_drifters,
    read_fleet,
    read_forcing,
    read_scenes,
    read_sightings,
    tables,
)
from oceanclean.sources.places import expand

DRIFTERS = """ID,time,latitude,longitude,drogue_lost_date
,UTC,degrees_north,degrees_east,UTC
b1,2026-06-15T00:00:00Z,30.50,211.00,1970-01-01T00:00:00Z
b1,2026-06-15T01:00:00Z,30.51,211.00,1970-01-01T00:00:00Z
ID,time,latitude,longitude,drogue_lost_date
b1,2026-06-15T01:00:00Z,30.51,211.00,1970-01-01T00:00:00Z
b1,2026-06-15T02:00:00Z,35.52,211.00,1970-01-01T00:00:00Z
b1,2026-06-15T03:00:00Z,30.53,211.00,1970-01-01T00:00:00Z
b1,2026-06-15T04:00:00Z,30.54,211.00,1970-01-01T00:00:00Z
b2,2026-06-15T00:00:00Z,30.20,-149.50,2026-06-14T12:00:00Z
b2,2026-06-15T01:00:00Z,NaN,NaN,2026-06-14T12:00:00Z
b2,2026-06-15T07:00:00Z,30.20,-149.50,2026-06-14T12:00:00Z
"""


def drifters(tmp_path, text, region=None, **options):
    (tmp_path / "d.csv").write_text(text)
    return read_drifters(
        region or make_region(), [source("drifter_csv", tmp_path / "d.csv", **options)], issue_time=ISSUE
    )


def test_drifters_are_mended_and_said(tmp_path):
    """Units row, repeated header, repeated fix, missing position: dropped and counted; 0–360 is turned."""
    table, said = drifters(tmp_path, DRIFTERS)
    assert len(table) == 5  # the jump to 35.5° N lies outside, the fix of 07:00 in the future
    assert table.geometry.x.max() < -148
    for word in ("repeated header", "repeated drifter fixes", "without a position", "jump"):
        assert any(word in s for s in said), word


def test_a_jump_is_marked_bad_and_its_neighbours_are_not(tmp_path):
    """Only the fix that jumps away and back is bad."""
    table, _ = drifters(tmp_path, DRIFTERS.replace("35.52", "31.00"))
    one = table[table.drifter_id == "b1"]
    assert one.quality.tolist() == [1, 1, 3, 1, 1]


def test_the_drogue_is_lost_when_its_date_is_past(tmp_path):
    """The epoch means never lost; an earlier date means lost."""
    table, _ = drifters(tmp_path, DRIFTERS)
    assert table[table.drifter_id == "b1"].drogued.all()
    assert not table[table.drifter_id == "b2"].drogued.any()


def test_drifters_of_the_future_are_not_seen(tmp_path):
    """A fix is known only after its latency."""
    table, _ = drifters(tmp_path, DRIFTERS, latency_h=3)
    assert table.time.max() <= pd.Timestamp("2026-06-15T03:00Z")
    assert (table.available_at <= pd.Timestamp(ISSUE)).all()


def test_times_without_zone_are_said_and_wrong_times_are_refused(tmp_path):
    """Without units row or zone UTC is assumed aloud; a line that is no time is named."""
    text = "id,time,lat,lon\na,2026-06-15 01:00:00,30.5,-149\n"
    _, said = drifters(tmp_path, text)
    assert any("taken as UTC" in s for s in said)
    with pytest.raises(InputError, match="line 2"):
        drifters(tmp_path, text.replace("2026-06-15 01", "yesterday 01"), required=True)
    with pytest.raises(InputError, match="position, line 2"):
        drifters(tmp_path, text.replace("30.5", "95"), required=True)


@pytest.mark.parametrize(
    "garbage", ["09:00-06", "09:00", "2026-06-15T09:00-06:0", "2026-06-15T09:00 EST", "15 o'clock", "-06", "+0600"]
)
@pytest.mark.parametrize("other", ["2026-06-15T01:00Z", "2026-06-15 01:00", "2026-06-15T01:00-06"])
def test_a_text_that_is_no_whole_time_is_named_with_its_line(garbage, other):
    """Neither a traceback nor a time of today, whatever kinds of time stand beside it."""
    table = pd.DataFrame({"time": [other, garbage], "line": [2, 3]})
    with pytest.raises(InputError) as caught:
        tables.times(table, "time", Path("seen.csv"), [])
    assert caught.value.source == "seen.csv"
    assert caught.value.field == "time, line 3"
    assert garbage in str(caught.value.found)


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-06-15T09:00-06", 15), ("2026-06-15 09:00 GMT", 9), ("20260615T0900Z", 9), ("2026-06-15T09:00+0530", 3.5),
     ("6/15/2026 9:00", 9), ("15-06-2026 09:00", 9)],
)  # fmt: skip
def test_zones_are_read_as_people_write_them(text, hour):
    """Offsets of hours alone and the words for UTC count like the long form, beside times without zone too."""
    table = pd.DataFrame({"time": [text, "2026-06-15 00:00"], "line": [2, 3]})
    times = tables.times(table, "time", Path("seen.csv"), [])
    assert list(times) == [pd.Timestamp("2026-06-15T00:00Z") + pd.Timedelta(hours=hour), pd.Timestamp("2026-06-15T00Z")]


SIGHTINGS = """time,latitude,longitude,observer,description,area_m2
2026-06-15T00:00Z,30.50,-149.0,ferry,plastic in a line,400
2026-06-15T00:20Z,30.51,-149.01,tug,long slick of plastic,900
2026-06-15T00:00Z,30.80,-148.5,pilot,bottles,
2026-06-15T00:00Z,45.00,-149.0,pilot,bottles,100
2026-06-15T08:00Z,30.50,-149.0,pilot,bottles,100
"""


def sightings(tmp_path, text, **options):
    (tmp_path / "s.csv").write_text(text)
    return read_sightings(
        make_region(), [source("sightings_csv", tmp_path / "s.csv", **options)], issue_time=ISSUE, history_h=36
    )


def test_one_patch_reported_twice_counts_once(tmp_path):
    """Two reports of one place and hour are one detection, with the larger area."""
    table, said = sightings(tmp_path, SIGHTINGS)
    assert len(table) == 2
    assert table.area_m2.max() == 900
    assert "Note: sightings that repeat another were counted once: 1." in said  # a note, no degradation
    assert any("1 sightings outside" in s for s in said)


def test_sightings_of_the_future_are_not_seen(tmp_path):
    """A report counts from its time plus latency."""
    table, _ = sightings(tmp_path, SIGHTINGS, latency_h=7)
    assert len(table) == 0
    table, _ = sightings(tmp_path, SIGHTINGS, latency_h=2)
    assert (table.available_at <= pd.Timestamp(ISSUE)).all()


@pytest.mark.parametrize(
    ("old", "new", "field"), [(",400", ",-4", "area_m2"), (",400", ",big", "area_m2"), ("30.50", "north", "lat")]
)
def test_a_wrong_line_of_a_required_source_is_named(tmp_path, old, new, field):
    """Negative area, words for numbers: the line is named."""
    with pytest.raises(InputError, match=f"{field}, line 2"):
        sightings(tmp_path, SIGHTINGS.replace(old, new, 1), required=True)


@pytest.mark.real
def test_windrows_stand_in_and_the_page_is_told(real_data, config_dir, monkeypatch):
    """Seven winter windrows of other years stand in for 4 January 2020; the sentence gives their dates."""
    monkeypatch.setenv("OCEANCLEAN_DATA", str(real_data("litter_windrows_cozar2024").parent))
    region = load_region("mediterranean", config_dir)
    wanted = load_sources_settings("mediterranean", config_dir).sightings
    table, said = read_sightings(region, wanted, issue_time="2020-01-04T00:00Z", history_h=0)
    assert len(table) == 7
    assert set(table.sensor) == {"windrow_catalogue"}
    assert set(table.seen_at.dt.month) <= {10, 11, 12, 1, 2, 3}
    assert "12 Jan 2017" in said[0]
    assert "stand in" in said[0]
    real = wanted[0].model_copy(update={"options": {}})
    table, said = read_sightings(region, [real], issue_time="2017-01-12T12:00Z", history_h=24)
    assert len(table) == 2
    assert (table.observed_at == table.seen_at).all()


def fleet(**changes) -> FleetSettings:
    vessel = {
        "id": "V1", "name": "One", "home_port": "Roatan", "transit_speed_kn": 10, "collect_speed_kn": 2,
        "endurance_h": 48, "hold_kg": 1000, "swath_m": 20, "efficiency": 0.8, "max_wave_height_m": 2,
        "max_wind_kn": 25, **changes,
    }  # fmt: skip
    return FleetSettings(name="test", vessels=[vessel])


@pytest.fixture(scope="module")
def demo():
    return load_region("demo")


def test_knots_become_metres_per_second(demo):
    """Speeds of the fleet are SI in the product."""
    table, _ = read_fleet(demo, fleet(), [], issue_time=ISSUE)
    assert table.transit_speed[0] == pytest.approx(10 * 1852 / 3600)
    assert table.geometry[0].y == 16.30


def test_equipment_travels_with_the_fleet_and_reported_fuel_counts(demo, tmp_path):
    """Watches, fuel, drone and ports are in the product; a status file's fuel overrules a full tank."""
    (tmp_path / "f.csv").write_text("vessel_id,time,lat,lon,fuel_l\nV1,2026-06-15T03:00Z,16.40,-87.0,700\n")
    boats = fleet(max_work_h=14, rest_h=8, drone=True, alternative_ports=["Utila"], fuel_capacity_l=900,
                  fuel_transit_l_h=40, fuel_collect_l_h=20)  # fmt: skip
    table, _ = read_fleet(demo, boats, [source("fleet_csv", tmp_path / "f.csv")], issue_time=ISSUE)
    row = table.iloc[0]
    assert (row.max_work, row.rest, row.fuel, row.fuel_capacity) == (14, 8, 700, 900)
    assert (bool(row.drone), row.alternative_ports) == (True, "Utila")
    bare = read_fleet(demo, fleet(), [], issue_time=ISSUE)[0].iloc[0]
    assert np.isnan([bare.max_work, bare.fuel, bare.hold_m3]).all()
    with pytest.raises(SettingsError, match=r"V1.alternative_ports.*Atlantis"):
        read_fleet(demo, fleet(alternative_ports=["Atlantis"]), [], issue_time=ISSUE)


def test_an_unknown_port_lists_those_there_are(demo):
    """The error names vessel, port and the region's ports."""
    with pytest.raises(SettingsError, match=r"V1.home_port.*Atlantis.*Roatan"):
        read_fleet(demo, fleet(home_port="Atlantis"), [], issue_time=ISSUE)


def test_a_vessel_on_land_or_elsewhere_is_refused(demo):
    """Inland and outside the waters are errors; a harbour within 3 km of the coarse coast is not."""
    with pytest.raises(InputError, match=r"V1.*inland"):
        read_fleet(demo, fleet(lat=15.65, lon=-87.5), [], issue_time=ISSUE)
    with pytest.raises(InputError, match="waters"):
        read_fleet(demo, fleet(lat=20.0, lon=-87.5), [], issue_time=ISSUE)
    for port in demo.settings.ports:
        read_fleet(demo, fleet(lat=port.lat, lon=port.lon), [], issue_time=ISSUE)


def test_a_negative_speed_is_refused():
    """The settings themselves refuse it."""
    with pytest.raises(ValidationError, match="transit_speed_kn"):
        fleet(transit_speed_kn=-3)


def test_the_newest_fix_before_the_issue_time_counts(demo, tmp_path):
    """Later fixes are not seen, older ones are overruled, strangers are said."""
    (tmp_path / "f.csv").write_text(
        "vessel_id,time,lat,lon,hold_used_kg\nV1,2026-06-15T03:00Z,16.40,-87.0,100\nV1,2026-06-15T05:00Z,16.50,-87.1,\n"
        "V1,2026-06-15T07:00Z,16.60,-87.2,0\nX9,2026-06-15T05:00Z,16.5,-87.1,0\n"
    )
    table, said = read_fleet(demo, fleet(), [source("fleet_csv", tmp_path / "f.csv")], issue_time=ISSUE)
    assert table.geometry[0].y == 16.50
    assert table.observed_at[0] == pd.Timestamp("2026-06-15T05:00Z")
    assert any("X9" in s for s in said)


def test_every_shipped_fleet_fits_its_region(config_dir):
    """Ports exist, lie at the water, and every vessel stands in the waters."""
    for name in ("demo", "mediterranean"):
        region = load_region(name, config_dir)
        table, _ = read_fleet(region, load_fleet_settings(region.settings.fleet, config_dir), [], issue_time=ISSUE)
        assert len(table) >= 4
        assert np.isfinite(table.geometry.x).all()


def test_paths_take_their_variables(monkeypatch, tmp_path):
    """${NAME} is filled in; an unset one is an error that names it."""
    monkeypatch.setenv("SEA_DATA", "/sea")
    assert expand("${SEA_DATA}/a.nc") == "/sea/a.nc"
    assert expand("${OCEANCLEAN_WORK}/x", tmp_path) == f"{tmp_path}/x"
    monkeypatch.delenv("OCEANCLEAN_DATA", raising=False)
    assert expand("${OCEANCLEAN_DATA}/x") == "../shared/data/x"
    with pytest.raises(SettingsError, match="NO_SUCH"):
        expand("${NO_SUCH}/x")


def test_the_fingerprint_changes_with_the_files(tmp_path):
    """A new file or another content gives another fingerprint; the list of inputs names the files."""
    (tmp_path / "a.csv").write_text("x")
    wanted = sources(drifters=source("drifter_csv", tmp_path / "*.csv"))
    first = fingerprint(wanted)
    assert fingerprint(wanted) == first
    (tmp_path / "b.csv").write_text("y")
    assert fingerprint(wanted) != first
    assert inputs_used(wanted, None, [])[0]["files"] == "a.csv, b.csv"


def _fleet_status(tmp_path, lines: str):
    """Read the demo's fleet with a status file of the given lines."""
    from pathlib import Path

    from oceanclean.region import load_region
    from oceanclean.settings import SourceSettings, load_fleet_settings
    from oceanclean.sources import read_fleet

    config = Path(__file__).resolve().parents[2] / "config"
    path = tmp_path / "fleet_status.csv"
    path.write_text("vessel_id,time,latitude,longitude,hold_used_kg,available,available_at\n" + lines)
    source = SourceSettings(kind="fleet_csv", path=str(path))
    table, said = read_fleet(
        load_region("demo", config),
        load_fleet_settings("demo", config),
        [source],
        issue_time="2026-06-15T11:00:00Z",
        work=tmp_path,
    )
    return table.set_index("vessel_id"), said


def test_a_message_that_came_after_the_issue_time_is_not_known(tmp_path) -> None:
    """A fix of 10:00 that arrived at 12:00 does not stand in the plan of 11:00."""
    table, _ = _fleet_status(tmp_path, "manati,2026-06-15T10:00:00Z,16.2,-87.5,10,yes,2026-06-15T12:00:00Z\n")
    assert table.geometry["manati"].distance(table.geometry["barracuda"]) < 1e-9  # both in Puerto Cortes


def test_a_vessel_out_of_service_is_not_sent_and_an_unknown_word_is_refused(tmp_path) -> None:
    """Nobody is sent because a message was not understood."""
    good = "{},2026-06-15T09:00:00Z,16.2,-87.5,10,{},2026-06-15T09:30:00Z\n"
    table, _ = _fleet_status(tmp_path, good.format("manati", "out of service"))
    assert not table["available"]["manati"]
    with pytest.raises(InputError, match="perhaps"):
        _fleet_status(tmp_path, good.format("manati", "perhaps"))


def test_one_impossible_report_keeps_one_vessel_in_port(tmp_path) -> None:
    """A latitude with a wrong sign does not stop the fleet; a hold fuller than full counts as full."""
    lines = (
        "manati,2026-06-15T09:00:00Z,-16.2,-87.5,10,yes,2026-06-15T09:30:00Z\n"
        "garza,2026-06-15T09:00:00Z,16.0,-87.0,99999,yes,2026-06-15T09:30:00Z\n"
    )
    table, said = _fleet_status(tmp_path, lines)
    assert not table["available"]["manati"]
    assert "cannot be true" in table["reason"]["manati"]
    assert table["hold_used"]["garza"] == table["hold"]["garza"]
    assert any("taken as full" in sentence for sentence in said)


GOOD = "manati,2026-06-15T08:00:00Z,16.2,-87.5,10,yes,2026-06-15T08:30:00Z\n"


@pytest.mark.parametrize("position", ["-16.2,-87.5", "-95,-87.5", "16.2,632.5", ",", "15.2,-87.5"])
def test_a_fix_that_cannot_be_true_gives_way_to_the_one_before(tmp_path, position) -> None:
    """Wrong sign, no latitude at all, a whole turn too far, empty, inland: the last good fix stands, and it is said."""
    table, said = _fleet_status(tmp_path, GOOD + f"manati,2026-06-15T09:00:00Z,{position},25,yes,\n")
    place = table.geometry["manati"]
    assert (place.y, place.x) == pytest.approx((16.2, -87.5))
    assert table["observed_at"]["manati"] == pd.Timestamp("2026-06-15T08:00Z")
    assert table["hold_used"]["manati"] == 25  # what else the newest message says still holds
    assert table["available"]["manati"]
    assert any("cannot be true" in s and "08:00 UTC was taken" in s for s in said)


def test_a_message_that_does_not_say_when_it_came_is_known_after_the_latency(tmp_path) -> None:
    """An empty available_at is no mistake: time and latency stand in."""
    table, _ = _fleet_status(tmp_path, GOOD.replace("2026-06-15T08:30:00Z", ""))
    assert table.geometry["manati"].y == pytest.approx(16.2)


@pytest.mark.parametrize(
    ("path", "named", "command"),
    [("${OCEANCLEAN_WORK}/twin/demo/seen/currents/*.nc", "twin/demo/seen/currents/*.nc", "twin observe --region demo "),
     ("${OCEANCLEAN_WORK}/mine/currents.nc", "mine/currents.nc", "Fetch the data")],
)  # fmt: skip
def test_absent_files_are_named_by_their_real_path_and_made_by_the_right_command(demo, tmp_path, path, named, command):
    """Nobody has to know what a variable stands for; only the twin's files are made by the twin."""
    wanted = sources(currents=[source("gridded", path, required=True)])
    with pytest.raises(InputError) as caught:
        read_forcing(demo, wanted, start="2026-06-14T00:00Z", end="2026-06-17T00:00Z", issue_time=ISSUE, work=tmp_path)
    assert caught.value.source == str(tmp_path / named)
    assert command in caught.value.action
    assert ("twin" in caught.value.action) == ("twin" in path)


def test_sentences_on_absent_files_carry_no_variable(demo, tmp_path):
    """The page says the file's name, not ``${OCEANCLEAN_WORK}``."""
    place = "${OCEANCLEAN_WORK}/twin/demo/seen/"
    sentences = [
        *read_fleet(demo, fleet(), [source("fleet_csv", place + "ships.csv")], issue_time=ISSUE, work=tmp_path)[1],
        *read_sightings(demo, [source("sightings_csv", place + "seen.csv")], issue_time=ISSUE, history_h=36,
                        work=tmp_path)[1],
        *read_drifters(demo, [source("drifter_csv", place + "buoys.csv")], issue_time=ISSUE, work=tmp_path)[1],
        *read_scenes(demo, [source("scene_folder", place + "*.tif", required=True)], issue_time=ISSUE, history_h=36,
                     work=tmp_path)[1],
    ]  # fmt: skip
    told = " ".join(sentences)
    assert all(name in told for name in ("ships.csv", "seen.csv", "buoys.csv", "*.tif"))
    assert "OCEANCLEAN" not in told
    assert "/" not in told
