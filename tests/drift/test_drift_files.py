"""Forcing and drifters straight from files: right where the convention is clear, refused by name where it is not."""
# ruff: noqa: ARG005 (currents are functions of time and place, used or not)

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from analytic_sea import START, analytic_forcing

from oceanclean.curvilinear import faces_to_centres, grid_angle, turned
from oceanclean.drift.drifters import load_tracks
from oceanclean.drift.engine import advect
from oceanclean.drift.fixes import stokes_drift
from oceanclean.drift.forcing_files import open_forcing
from oceanclean.drift.skill import evaluate_drift
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names

U, V = names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT
AXIS = np.arange(-1.5, 1.51, 0.1)


def sea(hours=range(121)):
    return analytic_forcing(
        lambda h, X, Y: (0.3 + 0.1 * np.sin(h / 9) + 0 * X, 0.1 * np.cos(h / 7) + 0 * X), AXIS, AXIS, list(hours),
        wind=lambda h, X, Y: (4 + 0 * X, 2 * np.sin(h / 20) + 0 * X),
    )  # fmt: skip


def bent(hours=4, masked=True):
    """A ROMS file: a grid turned by 30 degrees on which 0.4 m/s flow east and 0.2 north; the last columns are land."""
    x, y = np.meshgrid(np.arange(30) * 0.05, np.arange(24) * 0.05)
    turn = np.radians(30)
    lon, lat = 10 + x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    angle = np.full(lon.shape, turn)
    along_x, along_y = 0.4 * np.cos(turn) + 0.2 * np.sin(turn), -0.4 * np.sin(turn) + 0.2 * np.cos(turn)
    mask = np.ones(lon.shape)
    if masked:
        mask[:, -5:] = 0
    u = np.where((mask[:, 1:] * mask[:, :-1]) > 0, along_x, np.nan) * np.ones((hours, 2, 1, 1))
    v = np.where((mask[1:] * mask[:-1]) > 0, along_y, np.nan) * np.ones((hours, 2, 1, 1))
    u[:, 0], v[:, 0] = 9.0, 9.0  # the bottom, which must not be taken
    dims = ("eta_rho", "xi_rho")
    return xr.Dataset(
        {"u": (("ocean_time", "s_rho", "eta_u", "xi_u"), u, {"units": "meter second-1"}),
         "v": (("ocean_time", "s_rho", "eta_v", "xi_v"), v, {"units": "meter second-1"}),
         "mask_rho": (dims, mask), "angle": (dims, angle)},
        coords={"lon_rho": (dims, lon), "lat_rho": (dims, lat), "s_rho": [-1.0, 0.0],
                "ocean_time": START + np.arange(hours) * np.timedelta64(1, "h")},
    )  # fmt: skip


def test_roms_grid_is_turned_to_east_and_north_at_the_surface(tmp_path):
    """A uniform current comes out as it went in, land stays land, and nothing is read before it is asked for."""
    bent().to_netcdf(tmp_path / "roms.nc")
    forcing = open_forcing([tmp_path / "roms.nc"])
    assert forcing[U].chunks is not None
    east, north = forcing[U].to_numpy(), forcing[V].to_numpy()
    inside = np.isfinite(east)
    assert 0.2 < inside.mean() < 0.8
    deep = forcing.sel(lon=10.2, lat=0.7, method="nearest")
    assert np.allclose(deep[U], 0.4, atol=1e-6)
    assert np.allclose(deep[V], 0.2, atol=1e-6)
    assert np.nanmax(np.abs(north)) < 0.5
    land = forcing.sel(lon=11.1, lat=0.75, method="nearest")
    assert np.isnan(land[U]).all()


def test_particles_run_on_a_curvilinear_grid(tmp_path):
    """The engine takes the opened grid as it is: 3 h at 0.4 and 0.2 m/s."""
    bent(masked=False).to_netcdf(tmp_path / "roms.nc")
    end = advect(open_forcing([tmp_path / "roms.nc"]), np.array([10.3]), np.array([0.7]), START, 3).isel(time=-1)
    assert float(end["lon"][0] - 10.3) * 111.3 == pytest.approx(0.4 * 10.8, rel=0.01)
    assert float(end["lat"][0] - 0.7) * 110.6 == pytest.approx(0.2 * 10.8, rel=0.01)


def test_faces_and_angles():
    """Means of faces keep a uniform flow inside; a coast halves it; the angle of a turned grid is found."""
    assert np.allclose(faces_to_centres(np.ones((3, 4)), -1, 5), 1.0)
    closed = np.ones((3, 4))
    closed[:, 2] = np.nan
    assert np.allclose(faces_to_centres(closed, -1, 5)[:, 2:4], 0.5)
    x, y = np.meshgrid(np.arange(5) * 0.01, np.arange(4) * 0.01)
    assert np.allclose(grid_angle(x * 0.8 - y * 0.6, x * 0.6 + y * 0.8), np.arctan2(0.6, 0.8), atol=1e-6)
    east, north = turned(np.array(1.0), np.array(0.0), np.array(np.pi / 2))
    assert (float(east), float(north)) == pytest.approx((0.0, 1.0))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.assign({U: d[U].assign_attrs(units="furlong")}), "units 'furlong'"),
        (lambda d: d.rename(lat="lon", lon="lat").assign_coords(lat=d["lon"].to_numpy() + 140), "swapped"),
        (lambda d: d.drop_vars([U, names.EASTWARD_WIND]), "currents or wind by CF standard name"),
        (lambda d: d.assign_coords(time=np.arange(d.sizes["time"])), "time"),
    ],
)
def test_bad_forcing_is_refused_by_file_and_variable(tmp_path, change, word):
    """Units that nothing stands for, axes that are swapped, no current, no time."""
    data = change(sea(range(3)))
    data.to_netcdf(tmp_path / "bad.nc")
    with pytest.raises(InputError, match=rf"bad\.nc.*{word}"):
        open_forcing([tmp_path / "bad.nc"])


def test_what_is_clear_is_mended(tmp_path):
    """Centimetres and knots are converted, undeclared fill values masked, southward axes turned, files joined."""
    good = sea(range(6))
    odd = good.copy(deep=True)
    odd[U] = (good[U] * 100).assign_attrs(good[U].attrs, units="cm s-1")
    odd[V] = (good[V] * 3600 / 1852).assign_attrs(good[V].attrs, units="knots")
    odd[U][:, 3, 3] = 9.97e36
    odd = odd.isel(lat=slice(None, None, -1))
    for number, part in enumerate((odd.isel(time=slice(0, 3)), odd.isel(time=slice(3, 6)))):
        part.to_netcdf(tmp_path / f"{number}.nc")
    found = open_forcing([tmp_path / "0.nc", tmp_path / "1.nc"])
    assert (np.diff(found["lat"]) > 0).all()
    seen = np.isfinite(found[U].to_numpy())
    assert (~seen).sum() == 6
    assert np.allclose(found[U].to_numpy()[seen], good[U].to_numpy()[seen], atol=1e-6)
    assert np.allclose(found[V], good[V], atol=1e-6)


def test_duplicate_times_gap_and_half_a_field(tmp_path):
    """A repeated time and a gap are refused when particles run; outside the field particles leave and say so."""
    sea(range(6)).isel(time=[0, 1, 1, 2]).to_netcdf(tmp_path / "twice.nc")
    lon = np.array([0.0])
    with pytest.raises(InputError, match="a repeated time"):
        advect(open_forcing([tmp_path / "twice.nc"]), lon, lon, START, 1)
    sea([0, 1, 2, 12, 13]).to_netcdf(tmp_path / "gap.nc")
    with pytest.raises(InputError, match="a gap"):
        advect(open_forcing([tmp_path / "gap.nc"]), lon, lon, START, 5)
    sea(range(6)).sel(lon=slice(-2, 0.01)).to_netcdf(tmp_path / "half.nc")
    run = advect(open_forcing([tmp_path / "half.nc"]), np.array([-0.5, 0.8]), np.zeros(2), START, 2)
    assert run["status"][:, -1].to_numpy().tolist() == [0, 2]


def winds(hours, step=0.25, east=180.0):
    """A wind on a coarser and wider grid, every few hours, in the other convention of longitudes."""
    axis = np.arange(-2.0, 2.01, step)
    data = analytic_forcing(
        lambda h, X, Y: (0 * X, 0 * X), axis, axis, list(hours),
        wind=lambda h, X, Y: (4 + 0.1 * h + X, -2 + 2 * Y),
    ).drop_vars([U, V])  # fmt: skip
    return data.assign_coords(lon=data["lon"] + (360.0 if east > 180 else 0.0))


def test_wind_of_another_grid_and_clock_comes_to_the_current(tmp_path):
    """Current hourly on 0.1 degrees, wind of every 3 h on 0.25 degrees in 0-360: the linear field comes out exactly."""
    current = sea(range(13)).drop_vars([names.EASTWARD_WIND, names.NORTHWARD_WIND])
    current.to_netcdf(tmp_path / "current.nc")
    winds(range(-3, 16, 3), east=360.0).to_netcdf(tmp_path / "wind.nc")
    found = open_forcing([tmp_path / "wind.nc", tmp_path / "current.nc"])
    assert found[U].chunks is not None
    assert np.array_equal(found["time"], current["time"])
    assert np.allclose(found["lon"], AXIS)
    hour, Y, X = np.meshgrid(np.arange(13), AXIS, AXIS, indexing="ij")
    assert np.allclose(found[names.EASTWARD_WIND], 4 + 0.1 * hour + X, atol=1e-4)
    assert np.allclose(found[names.NORTHWARD_WIND], -2 + 2 * Y, atol=1e-4)
    assert np.allclose(found[U], current[U])
    assert "brought to the times and places" in found.attrs["joined"]


def test_joined_forcing_keeps_a_gap_and_the_shared_days(tmp_path):
    """Where the wind lacks levels or ends there is no forcing: nothing is drawn across."""
    sea(range(25)).drop_vars([names.EASTWARD_WIND, names.NORTHWARD_WIND]).to_netcdf(tmp_path / "current.nc")
    winds([0, 3, 6, 15, 18, 21]).to_netcdf(tmp_path / "wind.nc")
    found = open_forcing([tmp_path / "current.nc", tmp_path / "wind.nc"])
    hours = ((found["time"] - np.datetime64(START)) / np.timedelta64(1, "h")).to_numpy().tolist()
    assert hours == [*range(7), *range(15, 22)]
    with pytest.raises(InputError, match="a gap"):
        advect(found, np.zeros(1), np.zeros(1), START, 12, windage=0.03)
    winds(range(48, 60, 3)).to_netcdf(tmp_path / "later.nc")
    with pytest.raises(InputError, match="times that all quantities hold"):
        open_forcing([tmp_path / "current.nc", tmp_path / "later.nc"])


def test_two_products_of_one_quantity_are_refused(tmp_path):
    """Currents in a file with wind and in one without: which is meant is not guessed."""
    sea(range(3)).to_netcdf(tmp_path / "both.nc")
    sea(range(3)).drop_vars([names.EASTWARD_WIND, names.NORTHWARD_WIND]).to_netcdf(tmp_path / "current.nc")
    with pytest.raises(InputError, match="one product for each quantity"):
        open_forcing([tmp_path / "both.nc", tmp_path / "current.nc"])


def test_members_of_an_ensemble_are_kept_and_plain_trajectories_ask_for_one(tmp_path):
    """A file with ``number`` opens as ``member``; a wind of two members beside a current of three is used again."""
    runs = xr.concat([sea(range(4)) * f for f in (1.0, 1.1, 1.2)], "number", combine_attrs="override")
    for name in runs:
        runs[name].attrs.update(units="m s-1")
    wind = [names.EASTWARD_WIND, names.NORTHWARD_WIND]
    runs.drop_vars(wind).to_netcdf(tmp_path / "current.nc")
    runs.isel(number=slice(0, 2))[wind].rename(number="realization").to_netcdf(tmp_path / "wind.nc")
    found = open_forcing([tmp_path / "current.nc", tmp_path / "wind.nc"])
    assert found[U].dims == ("member", "time", "lat", "lon")
    assert np.allclose(found[wind[0]].isel(member=2), found[wind[0]].isel(member=0))
    with pytest.raises(InputError, match="one member"):
        advect(found, np.zeros(1), np.zeros(1), START, 2)
    run = advect(found.isel(member=1), np.zeros(1), np.zeros(1), START, 2)
    assert float(run["lon"][0, -1]) > 0


def gdp_folder(tmp_path, windage):
    """An ERDDAP table of drifters that do what current + windage says, every 35 min, with its line of units."""
    forcing = sea(range(81))
    forcing.to_netcdf(tmp_path / "sea.nc")
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-1.2, -0.9, 6), rng.uniform(-0.5, 0.5, 6)
    run = advect(forcing, lon, lat, START, 78, windage=windage, stokes_factor=0, output_every_h=35 / 60)
    stamps = pd.to_datetime(run["time"].to_numpy()).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [
        pd.DataFrame({"ID": str(100 + k), "time": stamps, "latitude": run["lat"][k], "longitude": run["lon"][k]})
        for k in range(6)
    ]
    units = pd.DataFrame([{"ID": "", "time": "UTC", "latitude": "degrees_north", "longitude": "degrees_east"}])
    pd.concat([units, *rows]).to_csv(tmp_path / "gdp.csv", index=False)
    return tmp_path


def test_gdp_drifters_are_scored_free_running(tmp_path):
    """Against gridded forcing the row that made the drifters is right within its hourly reading, others are not."""
    record = evaluate_drift(gdp_folder(tmp_path, 0.03))
    assert record["protocol"] == "free-running"
    rows = record["baselines"]
    for lead in ("6", "24", "48"):
        assert rows["current_plus_3pct"]["separation_mean_km"][lead] < 0.3
        assert rows["current"]["separation_mean_km"][lead] > 1.0
        assert record["separation_mean_km"][lead] < rows["current"]["separation_mean_km"][lead]
    assert record["drifters"] == 6


def test_gdp_rows_without_a_place_are_dropped_and_drogue_loss_parts_a_track(tmp_path):
    """The line of units, an impossible latitude and a doubled fix go; after its drogue is lost it is another float."""
    folder = gdp_folder(tmp_path, 0.02)
    table = pd.read_csv(folder / "gdp.csv", dtype=str)
    table["drogue_lost_date"] = np.where(table["ID"] == "100", "2025-06-12T00:00:00Z", "1970-01-01T00:00:00Z")
    table.loc[5, "latitude"] = "95.0"
    pd.concat([table, table.iloc[[8]]]).to_csv(folder / "gdp.csv", index=False)
    tracks = load_tracks(folder)
    said = " ".join(tracks.report)
    for word in ("without a time and a place", "duplicated", "after drogue loss", "brought to whole hours"):
        assert word in said
    assert np.unique(tracks.drifter).size == 7


def test_measured_waves_become_stokes_drift(tmp_path):
    """A 2 m sea of 8 s from the west drifts east at pi^3 Hs^2 / (g T^3), and joins the fixes by drifter."""
    drift = stokes_drift(np.array([2.0]), np.array([8.0]), np.array([270.0]))
    assert drift[0].real == pytest.approx(np.pi**3 * 4 / (9.80665 * 512))
    assert abs(drift[0].imag) < 1e-12
    hours = pd.date_range("2025-03-01", periods=60, freq="h")
    stamps = hours.strftime("%Y-%m-%d %H:%M:%S")
    pd.DataFrame({"id": "s", "timestamp": stamps, "latitude": 40.0, "longitude": -30 + 0.001 * np.arange(60)}).to_csv(
        tmp_path / "track.csv", index=False
    )
    sea_state = {"significantWaveHeight": 2.0, "meanPeriod": 8.0, "meanDirection": 270.0}
    waves = pd.DataFrame({"id": "s", "timestamp": stamps, "latitude": 40.0, "longitude": -30.0, **sea_state})
    waves.to_csv(tmp_path / "waves.csv", index=False)
    tracks = load_tracks(tmp_path)
    assert tracks.stokes is not None
    assert np.allclose(tracks.stokes, drift[0])
    assert (tracks.current == 0).all()
    assert tracks.products == {}


def test_no_file_is_said():
    """An empty list names what was expected."""
    with pytest.raises(MissingDataError, match="NetCDF, Zarr or OPeNDAP"):
        open_forcing([])


@pytest.mark.real
def test_real_curvilinear_files_open(real_data):
    """ROMS Nordic, AROME on its rotated grid and NEMO's C grid: finite currents and winds of a plausible size."""
    folder = real_data("curvilinear_readers")
    nordic = open_forcing([folder / "Nordic_subset_day1.nc"])
    arome = open_forcing([folder / "AROME_MetCoOp_00_DEF_20160114_subset.nc"])
    med = real_data("mediterranean_2020")
    nemo = open_forcing(sorted(med.glob("test_[UV]_*.nc")), mesh=med / "test_ocean_mesh_hgr.nc")
    for forcing, name, most in ((nordic, U, 1.0), (nemo, U, 1.0), (arome, names.EASTWARD_WIND, 30.0)):
        values = forcing[name].isel(time=0).to_numpy()
        assert 0.05 < np.nanstd(values) < most
        assert np.isfinite(values).mean() > 0.3
    assert nemo.sizes["time"] == 3


@pytest.mark.real
def test_real_floats_without_a_current_model(real_data):
    """Open-ocean Spotters with their own waves: far better than persistence at every horizon."""
    record = evaluate_drift(real_data("darpa_spotters_2021"))
    for lead, most in (("24", 13.0), ("48", 27.0), ("72", 41.0)):
        assert record["separation_mean_km"][lead] < most
        assert record["gain_over"]["persistence_25h"][lead]["interval_km"][1] < 0
