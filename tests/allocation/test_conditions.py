"""Sun, waves and wind at a place and time."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.allocation.conditions import Weather, open_spans, solar_elevation
from oceanclean.products import names
from tests.allocation.days import ISSUE, forcing


def test_the_sun_stands_where_the_almanac_says():
    """Elevation at Greenwich, at noon of the 2024 June solstice, and at the equator's equinox noon."""
    noon = solar_elevation(np.datetime64("2024-06-20T12:02"), 0.0, 51.477)
    assert noon == pytest.approx(90 - 51.477 + 23.44, abs=0.05)
    assert solar_elevation(np.datetime64("2024-03-20T12:07"), 0.0, 0.0) == pytest.approx(90, abs=0.5)
    assert solar_elevation(np.datetime64("2024-06-20T00:02"), 0.0, 51.477) == pytest.approx(
        -(90 - 51.477) + 23.44, abs=0.05
    )


def test_day_length_at_the_equator_is_twelve_hours_and_seven_minutes():
    """Refraction and the sun's radius make the equinox day at the equator about 12 h 7 min long."""
    minutes = np.datetime64("2024-03-20T00:00") + np.arange(1440).astype("timedelta64[m]")
    assert (solar_elevation(minutes, 0.0, 0.0) > -0.833).sum() == pytest.approx(727, abs=2)


def test_weather_is_interpolated_and_gaps_are_filled_from_beside():
    """Linear in time, nearest sea over the model's land, longitudes of either convention."""
    data = forcing(wave=lambda h: 1.0 + h / 10.0)
    data[names.WAVE_HEIGHT][:, 0, 0] = np.nan
    weather = Weather.of(data, ISSUE, 48 * 3600.0)
    assert weather.at(weather.waves, 1.5 * 3600, 1.0, 0.5) == pytest.approx(1.15)
    assert np.isfinite(weather.at(weather.waves, 0.0, -0.2, -0.2))
    assert weather.at(weather.waves, 0.0, 361.0, 0.5) == pytest.approx(weather.at(weather.waves, 0.0, 1.0, 0.5).item())


def test_missing_weather_is_told():
    """Without waves or wind the plan says that limits were not checked; a short forecast says from when."""
    data = forcing(hours=24).drop_vars([names.WAVE_HEIGHT])
    gaps = " ".join(Weather.of(data, ISSUE, 48 * 3600.0).gaps)
    assert "No wave forecast" in gaps
    assert "24 h only" in gaps


def test_open_spans_begin_and_end_at_open_slots():
    """Spans of consecutive open slots, in seconds."""
    flags = np.array([1, 1, 0, 0, 1, 0, 1, 1, 1], bool)
    assert open_spans(flags, 10.0) == [(0.0, 10.0), (40.0, 40.0), (60.0, 80.0)]
