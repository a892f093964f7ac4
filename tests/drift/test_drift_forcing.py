"""Bad forcing at the drift door, and what counts as good."""
# ruff: noqa: ARG005 (currents are functions of time and place, used or not)

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analytic_sea import START, analytic_forcing

from oceanclean.drift.engine import advect
from oceanclean.drift.fields import Levels, coverage_hours
from oceanclean.errors import InputError
from oceanclean.products import names

AXIS = np.linspace(-2, 2, 17)
U = names.EASTWARD_CURRENT


def sea(hours=range(0, 49, 6), **kinds):
    return analytic_forcing(lambda h, X, Y: (0.2 + 0 * X, 0.1 + 0 * X), AXIS, AXIS, list(hours), **kinds)


def run(forcing, hours=24.0, start=START):
    return advect(forcing, np.zeros(3), np.zeros(3), start, hours, source="sea.nc")


def test_forcing_that_ends_before_the_horizon_names_variable_and_time():
    """The error says which file and variable, where it ends and what was asked."""
    with pytest.raises(InputError, match=r"sea\.nc: eastward_sea_water_velocity: time: found last time 2025-06-12T00"):
        run(sea(), 60)


def test_start_before_the_forcing_is_refused():
    """So is a start before the first level."""
    with pytest.raises(InputError, match="first time 2025-06-10T00:00Z"):
        run(sea(), 10, START - np.timedelta64(1, "h"))


def test_repeated_and_unsorted_times_are_refused():
    """Each error names the time at fault."""
    good = sea()
    with pytest.raises(InputError, match="a repeated time at 2025-06-10T06"):
        run(xr.concat([good.isel(time=[0, 1]), good.isel(time=slice(1, None))], "time"))
    with pytest.raises(InputError, match="a time that goes back"):
        run(good.isel(time=[1, 0, 2, 3, 4, 5, 6, 7, 8]))


def test_gap_is_refused_only_where_it_lies_in_the_window():
    """A missing day is an error when the run crosses it, not before."""
    gapped = sea([0, 6, 12, 18, 24, 48])
    assert (run(gapped, 24)["status"] == 0).all()
    with pytest.raises(InputError, match="a gap 2025-06-11T00:00Z to 2025-06-12T00:00Z"):
        run(gapped, 30)


def test_one_missing_level_is_a_gap():
    """Twice the usual spacing is a level that was not fetched: it is not blended across."""
    gapped = sea([0, 6, 12, 18, 30, 36, 42])
    assert coverage_hours(gapped, START) == 18.0
    with pytest.raises(InputError, match="a gap 2025-06-10T18:00Z to 2025-06-11T06:00Z"):
        run(gapped, 24)


@pytest.mark.parametrize(
    ("hours", "start_h", "expected"),
    [([0, 6, 12, 18, 24, 48], 3, 21.0), (range(0, 49, 6), 12, 36.0), (range(0, 49, 6), -1, 0.0),
     ([0, 6, 12, 18, 24, 48], 30, 0.0), ([0], 0, 0.0)],
)  # fmt: skip
def test_coverage_ends_at_the_first_gap(hours, start_h, expected):
    """Coverage counts hours from the start to the last level before a gap."""
    assert coverage_hours(sea(hours), START + np.timedelta64(start_h, "h")) == expected


def test_fill_values_as_numbers_and_wrong_units_are_refused():
    """9.97e36 and cm/s are named with variable and time."""
    filled = sea()
    filled[U][1, 3, 3] = 9.97e36
    with pytest.raises(InputError, match=r"eastward_sea_water_velocity: found 9\.97e\+36 at 2025-06-10T06:00Z"):
        run(filled)
    centimetres = sea()
    centimetres[U].attrs["units"] = "cm s-1"
    with pytest.raises(InputError, match="units 'cm s-1'"):
        run(centimetres)


def test_a_level_without_any_value_is_refused():
    """A level of NaN is a missing level, not a sea of land."""
    empty = sea()
    empty[U][2] = np.nan
    with pytest.raises(InputError, match="no value at 2025-06-10T12:00Z"):
        run(empty)


def test_uneven_axes_are_refused():
    """The kernel needs a regular grid and says so."""
    with pytest.raises(InputError, match="evenly spaced axis"):
        run(sea().isel(lat=[0, 1, 2, 5, 9, 16]))


def test_missing_variable_is_named():
    """Half a current is no current."""
    with pytest.raises(InputError, match="northward_sea_water_velocity: found no such variable"):
        run(sea().drop_vars(names.NORTHWARD_CURRENT))


def test_what_the_forcing_lacks_is_said():
    """Absent wind and Stokes drift are flags, not errors."""
    assert run(sea()).attrs["degraded"].startswith("no wind in the forcing")
    calm = {"wind": lambda h, X, Y: (0 * X, 0 * X), "stokes": lambda h, X, Y: (0 * X, 0 * X)}
    assert run(sea(**calm)).attrs["degraded"] == ""


def test_wind_missing_at_the_coast_is_taken_from_the_nearest_node():
    """A hole in the wind does not poison the current around it."""
    holed = sea(wind=lambda h, X, Y: (np.where(X > 0.3, np.nan, 10.0), 0 * X))
    whole = sea(wind=lambda h, X, Y: (10.0 + 0 * X, 0 * X))
    a, b = (advect(f, np.zeros(2), np.zeros(2), START, 48, windage=0.03) for f in (holed, whole))
    assert np.allclose(a["lon"], b["lon"], atol=1e-12)


def test_no_more_than_two_levels_are_held():
    """However long the run, two levels stay in memory."""
    levels = Levels(sea(range(0, 49, 1)).chunk(time=1), "sea.nc")
    for hour in range(48):
        levels.pair(int(START.astype(np.int64)) + hour * 3_600_000_000_000, forward=True)
        assert len(levels._kept) <= 2


def test_positions_that_are_not_numbers_are_refused():
    """A NaN position would drift nowhere in silence."""
    with pytest.raises(InputError, match="lon, lat"):
        advect(sea(), np.array([np.nan]), np.array([0.0]), START, 6)
