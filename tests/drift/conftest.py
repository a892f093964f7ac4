"""Analytic seas for the drift room."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analytic_sea import analytic_forcing

from oceanclean.products import describe, names


@pytest.fixture(scope="session")
def eddies():
    """A smooth sea with eddies, tide, wind and a dry island, hourly for 80 h."""
    lat, lon = np.arange(15.0, 17.51, 0.05), np.arange(-89.0, -85.49, 0.05)

    def current(h, X, Y):
        u = 0.4 * np.sin(2 * np.pi * (X + h / 60)) * np.cos(2 * np.pi * Y) + 0.1 * np.cos(2 * np.pi * h / 12.42)
        v = 0.4 * np.cos(2 * np.pi * (X + h / 60)) * np.sin(2 * np.pi * Y) - 0.1 * np.sin(2 * np.pi * h / 12.42)
        island = (X + 87.6) ** 2 + (Y - 16.1) ** 2 < 0.15**2
        return np.where(island, np.nan, u), np.where(island, np.nan, v)

    def wind(h, X, Y):
        return -6 + np.sin(X + h / 20), -2 + np.cos(Y + h / 15)

    return analytic_forcing(current, lat, lon, np.arange(81), wind=wind)


@pytest.fixture(scope="session")
def density_map():
    """Two patches on a background, with a strip of land in the south."""
    lat, lon = 15.7 + 0.02 * (np.arange(60) + 0.5), -88.1 + 0.02 * (np.arange(80) + 0.5)
    X, Y = np.meshgrid(lon, lat)
    density = 2 + 300 * np.exp(-((X + 87.3) ** 2 + (Y - 16.4) ** 2) / (2 * 0.05**2))
    density += 200 * np.exp(-((X + 86.9) ** 2 + (Y - 16.6) ** 2) / (2 * 0.03**2))
    land = (Y < 15.85) | ((X + 87.6) ** 2 + (Y - 16.1) ** 2 < 0.15**2)
    density[land] = np.nan
    dims = ("lat", "lon")
    data = xr.Dataset(
        {
            names.DENSITY: (dims, density), names.DENSITY_STD: (dims, 0.8 * density),
            "observed_fraction": (dims, np.ones_like(X)), "observation_age": (dims, np.ones_like(X)),
            "origin": (dims, np.where(land, 0, 3).astype(np.int8)),
        },
        coords={"lat": lat, "lon": lon},
        attrs={"valid_time": "2025-06-10T03:00:00Z", "issue_time": "2025-06-10T06:00:00Z", "region": "test"},
    )  # fmt: skip
    return describe("DensityMap", data)
