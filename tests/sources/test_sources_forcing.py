"""Forcing: grids, units, longitudes and times of many kinds become one product, or are refused."""

from __future__ import annotations

import numpy as np
import pytest
from source_files import ISSUE, field, make_region, source, sources

from oceanclean.errors import InputError, MissingDataError, SettingsError
from oceanclean.products import names
from oceanclean.settings import load_sources_settings
from oceanclean.sources import kinds, read_forcing, regrid
from oceanclean.sources.cf import unit_key

U, V = names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT
SPAN = {"start": "2026-06-13T18:00Z", "end": "2026-06-17T06:00Z", "issue_time": ISSUE}


def read(region, **roles):
    return read_forcing(region, sources(**roles), **SPAN)


def test_currents_keep_their_own_points(tmp_path, region):
    """The forcing's grid is that of the currents, so that nothing is smoothed on the way."""
    data = field()
    data.to_netcdf(tmp_path / "c.nc")
    forcing, _ = read(region, currents=source("gridded", tmp_path / "c.nc"))
    picked = data.uo.sel(time=forcing.time, lat=forcing.lat, lon=forcing.lon, method="nearest")
    assert np.allclose(forcing[U], picked, atol=1e-6)
    west, south, east, north = region.grid.bounds
    assert forcing.lon[0] <= west
    assert forcing.lon[-1] >= east
    assert forcing.lat[0] <= south
    assert forcing.lat[-1] >= north


@pytest.mark.parametrize("lon", [np.arange(209, 213.1, 0.25), np.arange(0, 360, 0.25)])
def test_longitudes_of_0_to_360_are_turned(tmp_path, region, lon):
    """A global or 0–360 grid gives the same currents at −150°."""
    field(lon=lon, value=lambda _h, _y, x: 0.01 * (x - 209)).to_netcdf(tmp_path / "c.nc")
    forcing, _ = read(region, currents=source("gridded", tmp_path / "c.nc"))
    assert float(forcing[U].sel(lon=-149, lat=30).isel(time=0)) == pytest.approx(0.01 * 2, abs=1e-6)


def test_a_region_across_the_date_line_is_covered(tmp_path):
    """Longitudes run on past 180°."""
    region = make_region(
        bbox={"west": 179, "east": -179, "south": 30, "north": 31}, ports=[{"name": "P", "lat": 30.5, "lon": 180}]
    )
    field(lon=np.arange(-180, 180, 0.5), value=lambda _h, _y, x: 0.01 * np.mod(x, 360) / 3.6).to_netcdf(
        tmp_path / "c.nc"
    )
    forcing, _ = read(region, currents=source("gridded", tmp_path / "c.nc"))
    assert float(forcing[U].sel(lon=180.5, lat=30).isel(time=0)) == pytest.approx(0.01 * 180.5 / 3.6, abs=1e-5)


def test_axes_in_any_order_and_direction_are_turned(tmp_path, region):
    """Descending latitudes, (lon, lat, time) order and a depth axis are brought into the contract's form."""
    straight = field()
    turned = (
        straight.sortby("lat", ascending=False)
        .expand_dims(depth=[0.5, 10.0])
        .transpose("lon", "lat", "depth", "time")
        .copy(deep=True)
    )
    turned["uo"] = turned["uo"].where(turned["depth"] < 5, 3.0).assign_attrs(units="m s-1")
    straight.to_netcdf(tmp_path / "a.nc")
    turned.to_netcdf(tmp_path / "b.nc")
    a, _ = read(region, currents=source("gridded", tmp_path / "a.nc"))
    b, _ = read(region, currents=source("gridded", tmp_path / "b.nc"))
    assert np.array_equal(a[U], b[U])


@pytest.mark.parametrize(("units", "factor"), [("cm/s", 100), ("cm s-1", 100), ("knots", 3600 / 1852), ("m s**-1", 1),
                                               ("meter second-1", 1), ("m.s-1", 1), ("kts", 3600 / 1852)])  # fmt: skip
def test_units_are_converted_where_clear(tmp_path, region, units, factor):
    """cm/s, knots and every spelling of m/s give the same currents."""
    field(units=units, value=lambda _h, _y, x: 0.3 * factor + 0 * x).to_netcdf(tmp_path / "c.nc")
    forcing, _ = read(region, currents=source("gridded", tmp_path / "c.nc", variables={"northward": "uo"}))
    assert float(forcing[U].mean()) == pytest.approx(0.3, rel=1e-5)


def test_units_that_nobody_knows_are_refused(tmp_path, region):
    """An unknown or absent unit, or numbers too large for it, name the variable."""
    field(units="furlong fortnight-1").to_netcdf(tmp_path / "a.nc")
    with pytest.raises(InputError, match=r"uo: found units 'furlong"):
        read(region, currents=source("gridded", tmp_path / "a.nc"))
    bare = field()
    del bare["uo"].attrs["units"]
    bare.to_netcdf(tmp_path / "b.nc")
    with pytest.raises(InputError, match=r"options.units.uo"):
        read(region, currents=source("gridded", tmp_path / "b.nc"))
    field(value=lambda _h, _y, x: 30 + 0 * x).to_netcdf(tmp_path / "c.nc")  # cm/s labelled m/s
    with pytest.raises(InputError, match="Check the units"):
        read(region, currents=source("gridded", tmp_path / "c.nc"))


def test_undeclared_fill_values_are_masked_and_said(tmp_path, region):
    """9.97e36 and −32767 are no currents."""
    data = field()
    data["uo"][:, 5, 5] = 9.96921e36
    data["uo"][:, 6, 6] = -32767
    for v in data.values():
        v.encoding["_FillValue"] = None
    data.to_netcdf(tmp_path / "c.nc")
    forcing, said = read(region, currents=source("gridded", tmp_path / "c.nc"))
    assert float(np.abs(forcing[U]).max()) < 1
    assert any("fill values" in s for s in said)


def test_currents_are_not_spread_over_land(tmp_path, region):
    """A masked cell stays masked, its neighbours keep their own values."""
    data = field()
    land = (data.lon > -149) & (data.lon < -148.4)
    data.where(~land).to_netcdf(tmp_path / "c.nc")
    forcing, _ = read(region, currents=source("gridded", tmp_path / "c.nc"))
    assert bool(forcing[U].sel(lon=-148.75).isnull().all())
    assert bool(forcing[U].sel(lon=-149.0).notnull().all())


def test_a_short_forecast_is_cut_and_said_or_refused(tmp_path, region):
    """30 h of 48 are planned with a sentence; 18 h are fewer than the region's least, and refused by name."""
    field(hours=range(-36, 31, 3)).to_netcdf(tmp_path / "a.nc")
    forcing, said = read(region, currents=source("gridded", tmp_path / "a.nc"))
    assert str(forcing.time.to_numpy()[-1])[:13] == "2026-06-16T12"
    assert any("30 h instead of 48 h" in s for s in said)
    field(hours=range(-36, 19, 3)).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(MissingDataError, match=r"b\.nc: uo: found last time 16 Jun 2026 00:00 UTC"):
        read(region, currents=source("gridded", tmp_path / "b.nc"))


def test_short_wind_is_treated_as_short_forcing(tmp_path, region):
    """Wind that ends early cuts the forecast; wind that ends too early is left out and said."""
    field().to_netcdf(tmp_path / "c.nc")
    field(("u10", "v10"), hours=range(-36, 31, 6)).to_netcdf(tmp_path / "w.nc")
    field(("u10", "v10"), hours=range(-36, 13, 6)).to_netcdf(tmp_path / "short.nc")
    currents = source("gridded", tmp_path / "c.nc")
    forcing, said = read(region, currents=currents, wind=source("gridded", tmp_path / "w.nc"))
    assert str(forcing.time.to_numpy()[-1])[:13] == "2026-06-16T12"
    forcing, said = read(region, currents=currents, wind=source("gridded", tmp_path / "short.nc"))
    assert names.EASTWARD_WIND not in forcing
    assert str(forcing.time.to_numpy()[-1])[:13] == "2026-06-17T06"
    assert any("No wind today" in s for s in said)


def test_missing_currents_stop_and_missing_wind_degrades(tmp_path, region):
    """Without currents there is no drift; without wind or waves there is one with a warning."""
    field().to_netcdf(tmp_path / "c.nc")
    _, said = read(region, currents=source("gridded", tmp_path / "c.nc"))
    assert any("No wind" in s for s in said)
    assert any("No waves" in s for s in said)
    with pytest.raises(MissingDataError):
        read(region, currents=source("gridded", tmp_path / "none.nc"))
    with pytest.raises(MissingDataError):
        read(region)


def test_a_second_source_stands_in_for_the_first(tmp_path, region):
    """The next source of a role is used when the first cannot be, and the page says so."""
    field().to_netcdf(tmp_path / "c.nc")
    forcing, said = read(
        region, currents=[source("gridded", tmp_path / "none.nc"), source("gridded", tmp_path / "c.nc")]
    )
    assert U in forcing
    assert any("passed over" in s and "none.nc" in s for s in said)


def test_a_gap_after_the_issue_time_is_refused_and_one_before_cuts_the_history(tmp_path, region):
    """A gap is named with file, variable and times; one in the past only shortens the history."""
    whole = list(range(-36, 49, 3))
    field(hours=[h for h in whole if not 9 < h < 24]).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(
        MissingDataError, match=r"a\.nc: uo: found a gap from 15 Jun 2026 15:00 UTC to 16 Jun 2026 06:00"
    ):
        read(region, currents=source("gridded", tmp_path / "a.nc"))
    field(hours=[h for h in whole if not -24 < h < -9]).to_netcdf(tmp_path / "b.nc")
    forcing, said = read(region, currents=source("gridded", tmp_path / "b.nc"))
    assert str(forcing.time.to_numpy()[0])[:13] == "2026-06-14T21"
    assert any("history begins" in s for s in said)


def test_a_missing_level_is_bridged_and_said(tmp_path, region):
    """One level of a 3-hourly field is missing: the forcing is linear there, and the plan says so."""
    field(hours=[h for h in range(-36, 49, 3) if h != 6]).to_netcdf(tmp_path / "a.nc")
    _, said = read(region, currents=source("gridded", tmp_path / "a.nc"))
    assert any("a.nc: 1 steps of up to 6 h where 3 h are usual" in s for s in said)
    field(hours=list(range(-36, 49, 3))).to_netcdf(tmp_path / "b.nc")
    _, said = read(region, currents=source("gridded", tmp_path / "b.nc"))
    assert not any("usual" in s for s in said)


def test_repeated_times_are_dropped_and_said(tmp_path, region):
    """A time that stands twice in a file counts once."""
    data = field()
    data.isel(time=[*range(10), 9, *range(10, data.sizes["time"])]).to_netcdf(tmp_path / "c.nc")
    forcing, said = read(region, currents=source("gridded", tmp_path / "c.nc"))
    assert np.all(np.diff(forcing.time.to_numpy()) > np.timedelta64(0))
    assert any("1 repeated time" in s for s in said)


def test_the_later_forecast_wins_and_the_future_one_is_not_seen(tmp_path, region):
    """Of overlapping forecasts the one issued last before the issue time gives the field."""
    for name, available, speed in (("a", "2026-06-14T05:00Z", 0.1), ("b", "2026-06-15T05:00Z", 0.2),
                                   ("c", "2026-06-15T07:00Z", 0.3)):  # fmt: skip
        field(value=lambda _h, _y, x, s=speed: s + 0 * x, attrs={"available_at": available}).to_netcdf(
            tmp_path / f"{name}.nc"
        )
    forcing, _ = read(region, currents=source("gridded", tmp_path / "*.nc"))
    assert float(forcing[U].mean()) == pytest.approx(0.2)
    assert forcing.attrs["available_at"] == "2026-06-15T05:00:00Z"


def test_a_hindcast_must_be_named_as_one(tmp_path, region):
    """Future fields that do not say when they were issued are used only on demand, and said."""
    field(attrs={}).to_netcdf(tmp_path / "c.nc")
    with pytest.raises(MissingDataError, match="last time"):
        read(region, currents=source("gridded", tmp_path / "c.nc"))
    _, said = read(region, currents=source("gridded", tmp_path / "c.nc", stands_in_as_forecast=True))
    assert any("stands in for a forecast" in s for s in said)


def test_a_field_elsewhere_is_refused(tmp_path, region):
    """Currents of another sea are not the region's."""
    field(lon=np.arange(10, 14, 0.25)).to_netcdf(tmp_path / "c.nc")
    with pytest.raises(MissingDataError, match="cover"):
        read(region, currents=source("gridded", tmp_path / "c.nc"))


def test_swapped_coordinates_and_damaged_files_are_refused(tmp_path, region):
    """Longitudes in a latitude axis, and a file that breaks off, are named."""
    data = field()
    swapped = data.rename(lat="tmp").rename(lon="lat", tmp="lon")
    swapped["lat"].attrs["units"], swapped["lon"].attrs["units"] = "degrees_north", "degrees_east"
    swapped.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(InputError, match="swapped"):
        read(region, currents=source("gridded", tmp_path / "a.nc"))
    data.to_netcdf(tmp_path / "b.nc")
    (tmp_path / "b.nc").write_bytes((tmp_path / "b.nc").read_bytes()[:3000])
    with pytest.raises(InputError, match="truncated"):
        read(region, currents=source("gridded", tmp_path / "b.nc"))


def test_times_without_units_need_an_option(tmp_path, region):
    """Bare numbers are no times until their units are given."""
    data = field(hours=range(-36, 49, 12))
    hours = (data.time.to_numpy() - np.datetime64("1950-01-01", "ns")) / np.timedelta64(1, "h")
    data.assign_coords(time=hours).to_netcdf(tmp_path / "c.nc")
    with pytest.raises(InputError, match="time_units"):
        read(region, currents=source("gridded", tmp_path / "c.nc"))
    forcing, _ = read(region, currents=source("gridded", tmp_path / "c.nc", time_units="hours since 1950-01-01"))
    assert str(forcing.time.to_numpy()[0])[:13] == "2026-06-13T18"


def test_zarr_is_read_like_netcdf(tmp_path, region):
    """A Zarr store gives the same forcing as the NetCDF file."""
    data = field()
    data.to_netcdf(tmp_path / "c.nc")
    data.to_zarr(tmp_path / "c.zarr", zarr_format=2)
    a, _ = read(region, currents=source("gridded", tmp_path / "c.nc"))
    b, _ = read(region, currents=source("gridded", tmp_path / "c.zarr"))
    assert np.array_equal(a[U], b[U])


def test_an_unknown_kind_or_option_lists_those_there_are(tmp_path, region):
    """A misspelt kind is answered with the kinds that can be read."""
    assert kinds("currents") == ["gridded", "nemo_c_grid"]
    with pytest.raises(SettingsError, match="nemo_c_grid"):
        read(region, currents=source("stac", tmp_path))
    field().to_netcdf(tmp_path / "c.nc")
    with pytest.raises(InputError, match="max_gap"):
        read(region, currents=source("gridded", tmp_path / "c.nc", maxgap=3))


def test_wave_height_from_drift_inverts_its_own_formula(tmp_path, region):
    """A Pierson–Moskowitz sea of 2 m and 8 s gives its height back from its Stokes drift."""
    height, period = 2.0, 8.0
    drift = 8.572 * (height / 4) ** 2 * (2 * np.pi / period) ** 3 / 9.80665
    field().to_netcdf(tmp_path / "c.nc")
    waves = field(("ust", "vst", "pp1d"), units="m s**-1", value=lambda _h, _y, x: drift + 0 * x)
    waves["vst"] = waves["vst"] * 0
    waves["vst"].attrs["units"] = "m s**-1"
    waves["pp1d"] = waves["pp1d"] * 0 + period
    waves["pp1d"].attrs["units"] = "s"
    waves.to_netcdf(tmp_path / "w.nc")
    forcing, said = read(
        region, currents=source("gridded", tmp_path / "c.nc"), waves=source("gridded", tmp_path / "w.nc")
    )
    assert float(forcing[names.WAVE_HEIGHT].mean()) == pytest.approx(height, rel=1e-4)
    assert any("derived" in s for s in said)
    assert "derived" in forcing[names.WAVE_HEIGHT].attrs["comment"]


def test_reaching_out_stops_at_its_distance():
    """The nearest value is taken over within reach and no farther."""
    import xarray as xr

    values = np.full((1, 5, 5), np.nan, dtype=np.float32)
    values[0, 2, 2] = 7
    data = xr.Dataset(
        {"a": (("time", "lat", "lon"), values)}, {"time": [0], "lat": np.arange(5.0), "lon": np.arange(5.0)}
    )
    out = regrid.reached_out(data, 1.0)["a"].to_numpy()[0]
    assert np.isfinite(out).sum() == 5  # itself and four neighbours


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("M/S", "m/s"),
        ("meters per second", "m/s"),
        ("cm s^-1", "cm/s"),
        ("Knots", "kn"),
        ("m s-1", "m/s"),
        ("metre second-1", "m/s"),
        ("km h-1", "km/h"),
    ],
)
def test_unit_spellings(text, key):
    """One key for each unit."""
    assert unit_key(text) == key


@pytest.mark.real
def test_the_mediterranean_case_reads(real_data, config_dir, monkeypatch):
    """Real NEMO, wave and wind files give 48 h from 4 January 2020, and the page is told what they are."""
    from oceanclean.region import load_region

    monkeypatch.setenv("OCEANCLEAN_DATA", str(real_data("mediterranean_2020").parent))
    region = load_region("mediterranean", config_dir)
    forcing, said = read_forcing(
        region, load_sources_settings("mediterranean", config_dir), start="2020-01-04T00:00Z", end="2020-01-06T00:00Z",
        issue_time="2020-01-04T00:00Z",
    )  # fmt: skip
    assert (str(forcing.time.to_numpy()[0])[:13], str(forcing.time.to_numpy()[-1])[:13]) == (
        "2020-01-04T00",
        "2020-01-06T00",
    )
    inside = forcing[U].sel(lon=slice(16.5, 20.3), lat=slice(33.4, 36.1))
    assert float(inside.isnull().mean()) == 0
    assert 0.2 < float(np.hypot(forcing[U], forcing[V]).max()) < 0.6
    assert 0 < float(forcing[names.WAVE_HEIGHT].min()) < float(forcing[names.WAVE_HEIGHT].max()) < 9
    assert sum("stands in for a forecast" in s for s in said) == 3


def test_a_forecast_of_yesterday_is_used_and_said(tmp_path):
    """Today's did not come: yesterday's still covers the day, and the plan must tell its age."""
    for name, age in (("fresh", "2026-06-15T05:00Z"), ("old", "2026-06-14T05:00Z")):
        field(attrs={"available_at": age}, hours=range(-36, 73, 3)).to_netcdf(tmp_path / f"{name}.nc")
    said = {}
    for name in ("fresh", "old"):
        wanted = sources(currents=source("gridded", tmp_path / f"{name}.nc"))
        _, said[name] = read_forcing(make_region(), wanted, start="2026-06-14T18:00Z", end="2026-06-17T06:00Z",
                                     issue_time=ISSUE)  # fmt: skip
    assert not any("newest forecast" in s for s in said["fresh"])
    assert any(s.startswith("Currents: the newest forecast came 25 h before") for s in said["old"])
