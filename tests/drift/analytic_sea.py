"""Forcing from formulas, for the tests of the drift room."""

from __future__ import annotations

import numpy as np
import xarray as xr

from oceanclean.products import describe, names

START = np.datetime64("2025-06-10T00:00", "ns")
FIELD = ("time", "lat", "lon")


def analytic_forcing(current, lat, lon, hours, *, wind=None, stokes=None):
    """Forcing from functions of (hours, LON, LAT) that give (eastward, northward)."""
    hours = np.asarray(hours, dtype=float)
    X, Y = np.meshgrid(lon, lat)

    def cube(function):
        levels = [np.broadcast_arrays(*function(h, X, Y), X)[:2] for h in hours]
        return [np.stack([level[k] for level in levels]).astype(float) for k in (0, 1)]

    variables = {}
    for function, pair in (
        (current, (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT)),
        (wind, (names.EASTWARD_WIND, names.NORTHWARD_WIND)),
        (stokes, (names.EASTWARD_STOKES, names.NORTHWARD_STOKES)),
    ):
        if function is not None:
            variables |= {name: (FIELD, values) for name, values in zip(pair, cube(function), strict=True)}
    time = START + (hours * 3600e9).astype("timedelta64[ns]")
    data = xr.Dataset(variables, coords={"time": time, "lat": lat, "lon": lon})
    data.attrs.update(source="analytic sea", available_at="2025-06-09T00:00:00Z")
    return describe("Forcing", data)
