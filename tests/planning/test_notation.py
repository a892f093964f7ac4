"""Numbers become words in one place, and survive the way back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oceanclean.planning import geodesy, notation
from oceanclean.planning.exchange.waypoints import split_at_date_line


@given(st.floats(-90, 90), st.floats(-180, 360))
def test_degrees_and_minutes_read_back_to_ten_metres(lat, lon):
    """A position in degrees and decimal minutes is the position, to its last digit, and never shows 60 minutes."""
    text = notation.position(lat, lon)
    for part, value in zip(text.split(), (lat, notation.signed_lon(lon)), strict=True):
        degrees, minutes = part[:-1].rstrip("′").split("°")
        assert float(minutes) < 60
        back = (int(degrees) + float(minutes) / 60) * (-1 if part[-1] in "SW" else 1)
        assert math.isclose(back, value, abs_tol=0.0051 / 60)


@given(st.text(max_size=600))
def test_outside_text_has_no_control_and_can_be_encoded(text):
    """Whatever comes from outside ends up as one printable line that UTF-8 can carry."""
    clean = notation.plain(text)
    clean.encode("utf-8")
    assert "\n" not in clean
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in clean)


@pytest.mark.parametrize(
    ("value", "text"), [(7.44, "7.4"), (0, "0"), (523.4, "523"), (1844, "1 840"), (12345, "12 340")]
)
def test_masses_show_the_figures_that_mean_something(value, text):
    """Three figures for tonnes, whole kilograms below, a decimal under ten."""
    assert (
        notation.kilograms(value) == f"{text}\u00a0kg".replace(" ", "\u202f", 1) if " " in text else f"{text}\u00a0kg"
    )


def test_time_is_told_on_both_clocks():
    """The local time is the region's, summer time included, and the UTC time stands beside it."""
    assert notation.utc("2026-06-16T11:00:00Z") == "Tue 16 Jun 11:00 UTC"
    assert notation.local("2026-06-16T11:00:00Z", "Europe/Rome") == "Tue 16 Jun 13:00"
    assert notation.zone_name("2026-06-16T11:00:00Z", "Europe/Rome") == "CEST (UTC+2)"
    assert notation.zone_name("2026-06-16T11:00:00Z", "UTC") == "UTC"


def test_sun_rises_and_sets_when_the_almanac_says():
    """Sunrise and sunset at 51.4779 N 0 E, 21 June 2020: 03:43 and 20:21 UTC by the NOAA calculator, within 3 min."""
    up = [notation.moment(f"2020-06-21T{t}:00Z") for t in ("03:47", "20:17")]
    down = [notation.moment(f"2020-06-21T{t}:00Z") for t in ("03:40", "20:25")]
    assert all(geodesy.is_daylight(t, 51.4779, 0.0) for t in up)
    assert not any(geodesy.is_daylight(t, 51.4779, 0.0) for t in down)


def test_a_line_over_the_date_line_is_cut_there():
    """RFC 7946 wants no line that jumps around the world; both halves meet the date line at one latitude."""
    parts = split_at_date_line([(179.0, 0.0), (-179.0, 2.0), (-178.0, 2.0)])
    assert parts == [[(179.0, 0.0), (180.0, 1.0)], [(-180.0, 1.0), (-179.0, 2.0), (-178.0, 2.0)]]
    assert split_at_date_line([(1.0, 0.0), (2.0, 1.0)]) == [[(1.0, 0.0), (2.0, 1.0)]]
