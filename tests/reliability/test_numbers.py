"""Numbers at the ends of their ranges: date line, poles, leap seconds, summer time, nothing, one, a million."""

from __future__ import annotations

import datetime as dt
import os
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oceanclean.allocation.conditions import solar_elevation
from oceanclean.allocation.options import AllocationSettings, SearchSettings
from oceanclean.allocation.plan import allocate
from oceanclean.chain import issue_time_of, parse_issue_time
from oceanclean.errors import InputError
from oceanclean.moments import moment
from oceanclean.planning.geodesy import leg, sun_elevation
from oceanclean.products import names, validate_grid, validate_table
from oceanclean.region import Grid, Region, cell_area_km2, metres_per_degree
from oceanclean.settings import Box
from oceanclean.sources.times import utc
from tests.allocation.days import ISSUE, OpenSea, fleet, forcing, region, tracks

#: `make test` tries few of each, `make reliability` many.
ALL = os.environ.get("OCEANCLEAN_RELIABILITY") == "all"
TRIES = settings(max_examples=1000 if ALL else 50, deadline=None)
LON, LAT = st.floats(-180, 360), st.floats(-90, 90)
QUICK = AllocationSettings(search=SearchSettings(iterations=50, rounds=1, bound_rounds=0))
ZONES = sorted(z for z in available_timezones() if "/" in z and not z.startswith("Etc/"))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    """Boxes anywhere: across the date line, up to the poles, a sliver or half the globe."""
    west, width = draw(st.floats(-180, 180)), draw(st.floats(0.05, 179))
    south = draw(st.floats(-90, 89.9))
    north = draw(st.floats(min(south + 0.05, 90), 90))
    east = west + width
    return Box(west=west, east=east if east <= 360 else east - 360, south=south, north=north)


@TRIES
@given(boxes(), st.floats(0.05, 2.0), st.integers(-2, 2))
def test_every_cell_is_found_at_its_centre_on_any_turn_of_longitude(box: Box, step: float, turns: int) -> None:
    grid = Grid.of(box, step)
    row, column = np.unravel_index(np.linspace(0, grid.nx * grid.ny - 1, 50).astype(int), grid.shape)
    found = grid.index(grid.lon[column] + 360.0 * turns, grid.lat[row])
    assert found[2].all()
    assert (found[0] == row).all()
    assert (found[1] == column).all()


@TRIES
@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_what_is_no_place_is_in_no_cell(lon: float, lat: float) -> None:
    """NaN, infinities and 1e308 are outside, whatever the processor makes of them as whole numbers."""
    grid = Grid(-88.0, 15.0, 0.05, 60, 40)
    with np.errstate(all="ignore"):
        row, column, inside = grid.index(np.array([lon]), np.array([lat]))
    assert 0 <= row[0] < 40
    assert 0 <= column[0] < 60
    assert not inside[0] or (15.0 <= lat < 17.0 and np.isfinite(lon))


@TRIES
@given(st.integers(1, 400), st.integers(1, 720))
def test_the_cells_of_the_globe_add_up_to_the_globe(rows: int, columns: int) -> None:
    """WGS 84 has 510,065,621.7 km², however it is cut, poles included."""
    areas = cell_area_km2(np.linspace(-90, 90, rows + 1), 360 / columns)
    assert (areas > 0).all()
    assert areas.sum() * columns == pytest.approx(510_065_621.7, rel=1e-9)


@TRIES
@given(LAT)
def test_a_degree_has_a_length_everywhere(lat: float) -> None:
    east, north = metres_per_degree(lat)
    assert 0 <= east <= 111_320
    assert 110_000 < north < 112_000


@TRIES
@given(LAT, LON, LAT, LON)
def test_a_leg_has_length_and_course_over_poles_and_date_line(
    lat1: float, lon1: float, lat2: float, lon2: float
) -> None:
    course, miles = leg(lat1, lon1, lat2, lon2)
    assert 0 <= miles <= 10_801.3
    assert 0 <= course <= 360
    assert leg(lat1, lon1 + 360, lat2, lon2 - 360)[1] == pytest.approx(miles, abs=1e-6)


@TRIES
@given(st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2049, 12, 31)), LAT, LON)
def test_the_sun_stands_somewhere_and_both_rooms_agree(when: dt.datetime, lat: float, lon: float) -> None:
    """Straight overhead too, where rounding takes a sine past one; page and allocator see the same sun."""
    there = float(solar_elevation(np.datetime64(when, "s"), np.array(lon), np.array(lat)))
    page = sun_elevation(when.replace(microsecond=0, tzinfo=dt.UTC), lat, lon)
    assert -90 <= there <= 90
    assert there == pytest.approx(page, abs=1e-4)


def test_the_sun_overhead_is_up() -> None:
    """The place under the sun, minute by minute of a year: never no number."""
    times = np.datetime64("2026-01-01T00:00") + np.arange(0, 525_600, 7).astype("timedelta64[m]")
    lat = np.linspace(-23.44, 23.44, 97)[:, None]
    with np.errstate(invalid="raise"):
        assert np.isfinite(solar_elevation(times[::40], np.linspace(-180, 180, times[::40].size), lat)).all()


@TRIES
@given(st.sampled_from(ZONES), st.dates(dt.date(2024, 1, 1), dt.date(2035, 12, 30)), st.integers(0, 23))
def test_days_follow_each_other_through_summer_time(zone: str, day: dt.date, hour: int) -> None:
    """An hour that a clock skips or strikes twice has one issue time, and tomorrow's comes 22 to 26 hours later."""
    sea = region(OpenSea).settings.model_copy(update={"timezone": zone, "plan_hour": hour})
    today, tomorrow = (issue_time_of(d.isoformat(), sea) for d in (day, day + dt.timedelta(days=1)))
    assert dt.timedelta(hours=22) <= utc(tomorrow) - utc(today) <= dt.timedelta(hours=26)
    assert parse_issue_time(today) == today
    local = utc(today).to_pydatetime().astimezone(ZoneInfo(zone))
    assert abs(local.replace(tzinfo=None) - dt.datetime.combine(day, dt.time(hour))) <= dt.timedelta(hours=1)


_NO_TIMES = ("2016-12-31T23:59:60Z", "2016-12-31T23:59:61Z", "2026-02-29T00:00Z", "0000-01-01T00:00Z",
             "99999-01-01T00:00Z", "2026-06-15T24:30Z", "2026-06-15T00:00+99:00")  # fmt: skip


@pytest.mark.parametrize("text", _NO_TIMES)
def test_times_that_clocks_do_not_show_are_refused_by_name(text: str) -> None:
    """A leap second is told by nobody's clock here: it is refused, not taken for another second."""
    for read in (parse_issue_time, utc, lambda t: moment(t, "query", "time")):
        with pytest.raises(InputError):
            read(text)


def test_an_ocean_of_specks_is_refused_with_a_step_that_would_do() -> None:
    """10^12 cells are no error of memory in the night but one of the settings, with what to write."""
    with pytest.raises(ValidationError, match=r"choose 0\.\d+ or more"):
        region(OpenSea, grid_step_deg=1e-6)
    with pytest.raises(ValidationError, match="routing_step_deg"):
        region(OpenSea, routing_step_deg=1e-5)


def _planned(sea: Region, data: object, boats: object = None, weather: object = None) -> object:
    return allocate(data, None, forcing() if weather is None else weather, fleet({}) if boats is None else boats, sea,
                    issue_time=ISSUE, horizon_h=48, settings=QUICK)  # fmt: skip


@pytest.mark.skipif(not ALL, reason="a minute long: make reliability")
def test_a_million_particles_are_gathered_into_few_tasks() -> None:
    """10^6 targets do not become 10^6 visits: they are grouped, and the plan says what share they are."""
    count, rng = 1000, np.random.default_rng(1)
    spots = np.column_stack([rng.uniform(0.1, 1.9, count), rng.uniform(0.1, 0.9, count), np.full(count, 10.0)])
    data = tracks([tuple(spot) for spot in spots.tolist()], members=4, per=250, hours=6)
    assert data["mass"].size == 1000 * count
    plan = _planned(region(OpenSea), data)
    assert 1 <= len(plan.tasks) <= QUICK.tasks.max_patches
    assert 0 < plan.task_mass_share <= 1 + 1e-9
    validate_table("Tasks", plan.tasks, "test")


@pytest.mark.parametrize("speed", [0.0, 1e-9, 5.0])
def test_the_fastest_and_the_slowest_water_end_in_a_plan(speed: float) -> None:
    """Still water and 5 m/s: orders keep their contract, no figure is none."""
    data = tracks([(0.4, 0.5, 900.0), (1.2, 0.5, 500.0)], drift=(speed, 0.0))
    plan = _planned(region(OpenSea), data)
    validate_table("Orders", plan.orders, "test")
    assert np.isfinite([plan.expected_kg, plan.p10_kg, plan.p90_kg]).all()


def test_one_cell_one_vessel_nothing_else() -> None:
    """A region of a single cell: an area, a cell, a plan that says why nobody goes or who does."""
    speck = region(OpenSea, bbox={"west": 0, "east": 0.02, "south": 0, "north": 0.02}, waters={
        "west": 0, "east": 2, "south": 0, "north": 1})  # fmt: skip
    assert speck.grid.shape == (1, 1)
    assert speck.grid.area_km2[0, 0] == pytest.approx(4.92, abs=0.02)
    plan = _planned(speck, tracks([(0.01, 0.01, 100.0)], spread=50.0))
    assert all(v.reason or v.status == "sent" for v in plan.vessels)


@pytest.mark.parametrize("speed", [6.0, -6.0, np.inf])
def test_impossible_currents_do_not_pass_the_door(speed: float) -> None:
    """A current over 5 m/s is a mistake of units, and is named."""
    wild = forcing()
    wild[names.EASTWARD_CURRENT] = wild[names.EASTWARD_CURRENT] * 0 + speed
    with pytest.raises(InputError, match="eastward_sea_water_velocity"):
        validate_grid("Forcing", wild.assign_attrs(available_at="x", source="x"), "test")


def test_an_empty_fleet_and_a_clean_sea_are_plans() -> None:
    """Nobody to send, nothing to fetch, neither."""
    data = tracks([(0.4, 0.5, 900.0)])
    nobody = fleet({}).iloc[:0]
    assert len(_planned(region(OpenSea), data, nobody).orders) == 0
    data["mass"][:] = 0.0
    assert _planned(region(OpenSea), data).expected_kg == 0
    assert _planned(region(OpenSea), data, nobody).expected_kg == 0


def test_a_million_sightings_are_refused_or_read_in_words(tmp_path) -> None:
    """A file of 10^6 reports costs no more than its bound, and ends in sightings or in a sentence."""
    from oceanclean.settings import SourceSettings
    from oceanclean.sources.sightings import read_sightings

    count = 1_000_000 if ALL else 3_000
    rng = np.random.default_rng(2)
    times = pd.Timestamp("2026-06-14T00:00Z") + pd.to_timedelta(rng.integers(0, 86_400, count), unit="s")
    pd.DataFrame({"time": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "latitude": rng.uniform(0.1, 0.9, count).round(5),
                  "longitude": rng.uniform(0.1, 1.9, count).round(5), "observer": "crew", "description": "raft",
                  "area_m2": 4}).to_csv(tmp_path / "many.csv", index=False)  # fmt: skip
    source = SourceSettings(kind="sightings_csv", path=str(tmp_path / "many.csv"), required=True)
    sea = region(OpenSea)
    table, said = read_sightings(sea, [source], issue_time="2026-06-15T06:00Z", history_h=48, work=tmp_path)
    validate_table("Detections", table, "test")
    assert len(table) or said
