"""Where drifters are expected: with the wind and waves that act on them, and no more."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from oceanclean.chain.shadow import _carried
from oceanclean.drift.settings import DriftSettings
from oceanclean.products import describe, names


def sea(stokes: bool) -> xr.Dataset:
    """0.2 m/s north, wind of 8 m/s east, and Stokes drift of 0.1 m/s east where wanted."""
    values = {names.EASTWARD_CURRENT: 0.0, names.NORTHWARD_CURRENT: 0.2, names.EASTWARD_WIND: 8.0,
              names.NORTHWARD_WIND: 0.0}  # fmt: skip
    if stokes:
        values |= {names.EASTWARD_STOKES: 0.1, names.NORTHWARD_STOKES: 0.0}
    axis, hours = np.arange(-1.0, 1.01, 0.25), pd.date_range("2026-06-01", periods=30, freq="h")
    data = {name: (("time", "lat", "lon"), np.full((30, 9, 9), value)) for name, value in values.items()}
    return describe("Forcing", xr.Dataset(data, {"time": hours, "lat": axis, "lon": axis}, {"source": "x"}))


@pytest.mark.parametrize(("stokes", "eastward"), [(True, 0.18), (False, 0.023 * 8.0)])
def test_a_drogued_drifter_goes_with_the_current_alone(stokes, eastward):
    """Without drogue: 1 % of the wind and the waves, or 2.3 % where no waves are given; with one: neither."""
    drifters = gpd.GeoDataFrame(
        {"drifter_id": ["loose", "drogued"], "drogued": pd.array([None, True], dtype="boolean")},
        geometry=gpd.points_from_xy([0.0, 0.0], [0.0, 0.0]), crs="EPSG:4326",
    )  # fmt: skip
    start = pd.Timestamp("2026-06-01T02:00Z")
    rows = {r[2]: r for r in _carried(sea(stokes), drifters, start, [6], DriftSettings(), "champion", "")}
    assert rows["loose"][6] == pytest.approx(eastward * 6 * 3600 / 111320, rel=0.01)
    assert rows["drogued"][6] == pytest.approx(0.0, abs=1e-9)
    assert rows["drogued"][7] == pytest.approx(0.2 * 6 * 3600 / 110574, rel=0.01)
