"""NEMO's C grid: faces to centres, turned to east and north, land left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oceanclean.sources.gridded import Window
from oceanclean.sources.nemo import Regridder, grid_angle, read_mesh, to_centres


def mesh_turned(angle_deg: float, n: int = 40) -> dict[str, np.ndarray]:
    """A mesh on the equator whose i axis points ``angle_deg`` north of east; 0.05° cells."""
    a = np.radians(angle_deg)
    i, j = np.meshgrid(np.arange(n) - n / 2, np.arange(n) - n / 2)

    def at(di: float, dj: float) -> tuple[np.ndarray, np.ndarray]:
        x, y = 0.05 * (i + di), 0.05 * (j + dj)
        return 10 + x * np.cos(a) - y * np.sin(a), x * np.sin(a) + y * np.cos(a)

    mesh = {}
    for grid, (di, dj) in {"t": (0, 0), "u": (0.5, 0), "v": (0, 0.5)}.items():
        mesh[f"glam{grid}"], mesh[f"gphi{grid}"] = at(di, dj)
    return mesh


@pytest.mark.parametrize("angle", [0.0, 30.0, -75.0])
def test_a_uniform_flow_keeps_its_direction_on_a_turned_grid(angle):
    """Components along a turned grid become the same eastward and northward flow."""
    mesh = mesh_turned(angle)
    a = np.radians(angle)
    east, north = 0.3, -0.2
    u = np.full(mesh["glamt"].shape, east * np.cos(a) + north * np.sin(a))
    v = np.full(mesh["glamt"].shape, -east * np.sin(a) + north * np.cos(a))
    e, n = to_centres(u, v, mesh)
    assert np.allclose(e[1:, 1:], east, atol=1e-3)
    assert np.allclose(n[1:, 1:], north, atol=1e-3)
    assert np.allclose(np.degrees(grid_angle(mesh)[1:]), -angle, atol=0.1)


def test_faces_are_averaged_to_the_centre_between_them():
    """U of the west and east face, v of the south and north face."""
    mesh = mesh_turned(0.0)
    i, j = np.meshgrid(np.arange(40.0), np.arange(40.0))
    e, n = to_centres(0.01 * (i + 0.5), 0.02 * (j + 0.5), mesh)
    assert e[5, 7] == pytest.approx(0.01 * 7, abs=1e-6)
    assert n[5, 7] == pytest.approx(0.02 * 5, abs=1e-6)


def test_land_stays_without_a_current():
    """Cells whose faces stand still are land, and the regular grid has no value there."""
    mesh = mesh_turned(0.0)
    u, v = np.full((40, 40), 0.3), np.full((40, 40), 0.1)
    u[10:20, 10:20] = v[10:20, 10:20] = 0.0
    e, n = to_centres(u, v, mesh)
    assert np.isnan(e[12:19, 12:19]).all()
    assert np.isfinite(e[1:10, 1:]).all()
    stamp = pd.Timestamp("2020-01-01", tz="UTC")
    onto = Regridder(mesh, Window(9.2, -0.8, 10.8, 0.8, stamp, stamp, stamp), 0.05)
    data = onto(pd.Timestamp("2020-01-01"), e, n)
    land = data.eastward_sea_water_velocity.sel(lon=slice(9.65, 9.9), lat=slice(-0.35, -0.1))
    assert bool(land.isnull().all())
    far = data.eastward_sea_water_velocity.sel(lon=slice(10.3, 10.7))
    assert np.allclose(far, 0.3, atol=1e-5)


@pytest.mark.real
def test_regridding_agrees_with_the_model_at_its_own_points(real_data):
    """At cell centres of the real mesh the regular grid gives the model's speed within 1 cm/s (median)."""
    import xarray as xr
    from scipy.interpolate import RegularGridInterpolator

    folder = real_data("mediterranean_2020")
    mesh = read_mesh(folder / "test_ocean_mesh_hgr.nc")
    with xr.open_dataset(folder / "test_U_2020-01-04.nc") as u, xr.open_dataset(folder / "test_V_2020-01-04.nc") as v:
        e, n = to_centres(u.vozocrtx[0].to_numpy(), v.vomecrty[0].to_numpy(), mesh)
    stamp = pd.Timestamp("2020-01-04", tz="UTC")
    data = Regridder(mesh, Window(16.5, 33.4, 20.3, 36.1, stamp, stamp, stamp), 0.07)(pd.Timestamp("2020-01-04"), e, n)
    sampler = RegularGridInterpolator(
        (data.lat, data.lon), data.eastward_sea_water_velocity[0].to_numpy(), bounds_error=False
    )
    got = sampler(np.column_stack([mesh["gphit"].ravel(), mesh["glamt"].ravel()]))
    error = np.abs(got - e.ravel())
    assert np.nanmedian(error) < 0.01
    assert np.isfinite(error).sum() > 1500
