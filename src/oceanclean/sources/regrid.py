"""Bring a field from one regular latitude–longitude grid and time axis to another."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Axis = NDArray[np.float64]


def reached_out(field: xr.Dataset, reach_deg: float) -> xr.Dataset:
    """Give cells without a value, and a rim around the grid, the nearest value within ``reach_deg``.

    For wind and waves, whose grids are coarse against a coast and a harbour; never for currents.

    Args:
        field: ``(time, lat, lon)`` on regular axes.
        reach_deg: how far a value may be taken over, in degrees.
    """
    lat, lon = field["lat"].to_numpy(), field["lon"].to_numpy()
    dlat, dlon = float(np.median(np.diff(lat))), float(np.median(np.diff(lon)))
    ny, nx = int(np.ceil(reach_deg / dlat)), int(np.ceil(reach_deg / dlon))
    wide_lat = np.concatenate([lat[0] - dlat * np.arange(ny, 0, -1), lat, lat[-1] + dlat * np.arange(1, ny + 1)])
    wide_lon = np.concatenate([lon[0] - dlon * np.arange(nx, 0, -1), lon, lon[-1] + dlon * np.arange(1, nx + 1)])
    out = {}
    for name, variable in field.items():
        padded = np.pad(variable.to_numpy(), ((0, 0), (ny, ny), (nx, nx)), constant_values=np.nan)
        for layer in padded:
            _fill_nearest(layer, dlat, dlon, reach_deg)
        out[name] = (("time", "lat", "lon"), padded, variable.attrs)
    return xr.Dataset(out, {"time": field["time"], "lat": wide_lat, "lon": wide_lon}, field.attrs)


def _fill_nearest(layer: NDArray[np.float32], dlat: float, dlon: float, reach_deg: float) -> None:
    """Fill NaN of (lat, lon) in place from the nearest number within reach."""
    empty = ~np.isfinite(layer)
    if not empty.any() or empty.all():
        return
    distance, (row, column) = distance_transform_edt(empty, sampling=(dlat, dlon), return_indices=True)
    near = empty & (distance <= reach_deg + 1e-9)
    layer[near] = layer[row[near], column[near]]


def onto_axes(field: xr.Dataset, lat: Axis, lon: Axis, min_wet: float = 0.5) -> xr.Dataset:
    """Bilinear interpolation to new axes; NaN corners take no part.

    Args:
        field: ``(time, lat, lon)`` on ascending axes.
        lat: new latitudes, ascending.
        lon: new longitudes, ascending, in the field's turn.
        min_wet: a point takes a value where at least this share of its weight is on numbers; NaN elsewhere and
            outside the field's axes.
    """
    rows, y, inside_y = _between(field["lat"].to_numpy(), lat)
    columns, x, inside_x = _between(field["lon"].to_numpy(), lon)
    inside = inside_y[:, None] & inside_x[None, :]
    out = {}
    for name, variable in field.items():
        values = variable.to_numpy()
        total = np.zeros((values.shape[0], lat.size, lon.size), dtype=np.float32)
        weight = np.zeros_like(total)
        for row, wy in ((rows, 1 - y), (rows + 1, y)):
            for column, wx in ((columns, 1 - x), (columns + 1, x)):
                corner = values[:, row[:, None], column[None, :]]
                wet = np.isfinite(corner)
                share = (wy[:, None] * wx[None, :]).astype(np.float32)
                total += np.where(wet, corner, 0) * share
                weight += wet * share
        good = (weight >= min_wet) & inside
        result = np.where(good, total / np.where(weight > 0, weight, 1), np.nan)
        out[name] = (("time", "lat", "lon"), result.astype(np.float32), variable.attrs)
    return xr.Dataset(out, {"time": field["time"], "lat": lat, "lon": lon}, field.attrs)


def _between(axis: Axis, wanted: Axis) -> tuple[NDArray[np.int64], Axis, NDArray[np.bool_]]:
    """Index of the point before, fraction of the way to the next, and whether it lies within the axis."""
    slack = 1e-6 * float(np.median(np.diff(axis)))
    index = np.clip(np.searchsorted(axis, wanted, side="right") - 1, 0, axis.size - 2)
    fraction = (wanted - axis[index]) / (axis[index + 1] - axis[index])
    inside = (wanted >= axis[0] - slack) & (wanted <= axis[-1] + slack)
    fraction = np.where(np.abs(fraction - np.round(fraction)) < 1e-6, np.round(fraction), fraction)
    return index, np.clip(fraction, 0, 1), inside


def onto_times(field: xr.Dataset, times: NDArray[np.datetime64], extend_h: float) -> xr.Dataset:
    """Linear interpolation in time; the first and last field hold ``extend_h`` beyond their own time, then NaN."""
    own = field["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    wanted = times.astype("datetime64[ns]").astype(np.int64)
    slack = int(extend_h * 3.6e12) + 1
    outside = (wanted < own[0] - slack) | (wanted > own[-1] + slack)
    position = np.interp(wanted, own, np.arange(own.size))
    low = np.clip(np.floor(position).astype(int), 0, own.size - 1)
    high = np.minimum(low + 1, own.size - 1)
    share = (position - low).astype(np.float32)[:, None, None]
    out = {}
    for name, variable in field.items():
        values = variable.to_numpy()
        # a NaN of the later field must not spoil a time that lies exactly on the earlier one
        later = np.where(share > 0, values[high], 0)
        result = values[low] * (1 - share) + later * share
        result[outside] = np.nan
        out[name] = (("time", "lat", "lon"), result.astype(np.float32), variable.attrs)
    return xr.Dataset(out, {"time": times, "lat": field["lat"], "lon": field["lon"]}, field.attrs)
