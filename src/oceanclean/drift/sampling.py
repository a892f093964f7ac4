"""Gridded forcing along drifter tracks: what a forecaster is fitted on where the tables hold places alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift.drifters import Tracks
from oceanclean.drift.fields import CURRENT, STOKES, WIND, gaps, has_stokes, time_axis
from oceanclean.drift.forcing_axes import MEMBER
from oceanclean.drift.learned_field import DEPTH, coast_km, shear
from oceanclean.errors import MissingDataError

Floats = NDArray[np.float64]
_HOUR_NS = 3_600_000_000_000
#: Name of the current product that gridded forcing becomes along tracks.
PRODUCT = "forcing"


def without_members(forcing: xr.Dataset) -> xr.Dataset:
    """The mean of an ensemble of forcing; a single forcing as it is."""
    return forcing.mean(MEMBER, keep_attrs=True) if MEMBER in forcing.dims else forcing


def covered_rows(tracks: Tracks, forcing: xr.Dataset, source: str) -> NDArray[np.bool_]:
    """(row) True where time and place lie within the forcing."""
    times = time_axis(forcing, source) / _HOUR_NS
    west, east = float(forcing["lon"][0]), float(forcing["lon"][-1])
    lon = west + np.mod(tracks.lon - west, 360.0)
    inside = (tracks.hours >= times[0]) & (tracks.hours <= times[-1]) & (lon <= east)
    return np.asarray(inside & (tracks.lat >= float(forcing["lat"][0])) & (tracks.lat <= float(forcing["lat"][-1])))


def in_a_gap(tracks: Tracks, forcing: xr.Dataset, source: str) -> NDArray[np.bool_]:
    """(row) True where a level of the forcing is missing around the row's time."""
    times = time_axis(forcing, source)
    found = np.zeros(tracks.size, dtype=bool)
    for gap in gaps(times):
        found |= (tracks.hours > times[gap] / _HOUR_NS) & (tracks.hours < times[gap + 1] / _HOUR_NS)
    return found


def sampled(tracks: Tracks, forcing: xr.Dataset, source: str) -> Tracks:
    """Tracks with the forcing at their places, bilinear in space and linear in time; rows outside of it are left out.

    Args:
        tracks: hourly tracks without a current product.
        forcing: (time, lat, lon); of an ensemble its mean.
        source: for errors.

    Returns:
        Tracks with one product (none where the forcing has no current), wind and Stokes drift where the forcing has
        them, shear, distance to the coast, depth.

    Raises:
        MissingDataError: no row lies within the forcing.
    """
    forcing = without_members(forcing)
    held = tracks.where(covered_rows(tracks, forcing, source) & ~in_a_gap(tracks, forcing, source))
    columns = _columns(held, forcing, source) if held.size else np.empty((0, 9))
    known = np.isfinite(columns[:, :6]).all(axis=1)
    if not known.any():
        raise MissingDataError(source, "rows", "none within the forcing", "tracks on the forcing's days and places",
                               "Add forcing for the tracks' days and places.")  # fmt: skip
    current, wind, stokes = (columns[:, k] + 1j * columns[:, k + 1] for k in (0, 2, 4))
    scalars = {"shear": columns[:, 6], "coast": columns[:, 7]}
    if DEPTH in forcing:
        scalars["depth"] = columns[:, 8]
    products = {PRODUCT: current} if CURRENT[0] in forcing else {}
    found = replace(
        held, products=products, wind=wind, stokes=stokes if has_stokes(forcing) else None, scalars=scalars,
        report=(*held.report, f"forcing read along the tracks: {int(known.sum())} of {tracks.size} rows within it"),
    )  # fmt: skip
    return found.where(np.asarray(known))


def _columns(tracks: Tracks, forcing: xr.Dataset, source: str) -> Floats:
    """(row, quantity) current, wind, Stokes drift, shear, distance to the coast and depth, two levels at a time."""
    times = time_axis(forcing, source)
    at = tracks.hours * _HOUR_NS
    level = np.clip(np.searchsorted(times, at, side="right") - 1, 0, max(times.size - 2, 0))
    share = (at - times[level]) / np.maximum(times[np.minimum(level + 1, times.size - 1)] - times[level], 1)
    lat, lon = forcing["lat"].to_numpy(), forcing["lon"].to_numpy()
    y = np.interp(tracks.lat, lat, np.arange(lat.size))
    x = np.interp(lon[0] + np.mod(tracks.lon - lon[0], 360.0), lon, np.arange(lon.size))
    found = np.empty((tracks.size, 9))
    kept: dict[int, Floats] = {}
    for number in np.unique(level):
        rows = np.flatnonzero(level == number)
        pair = (int(number), min(int(number) + 1, times.size - 1))
        kept = {n: kept[n] if n in kept else _plane(forcing, n) for n in pair}
        low, high = (_bilinear(kept[n], y[rows], x[rows]) for n in pair)
        w = share[rows][:, None]
        found[rows] = np.where(w <= 0, low, np.where(w >= 1, high, (1 - w) * low + w * high))
    return found


def _plane(forcing: xr.Dataset, level: int) -> Floats:
    """(lat, lon, quantity) of one level."""
    now = forcing.isel(time=level)
    shape = (forcing.sizes["lat"], forcing.sizes["lon"])
    pairs = [pair if all(name in forcing for name in pair) else None for pair in (CURRENT, WIND, STOKES)]
    found = [now[name].to_numpy().astype(float) if pair else np.zeros(shape) for pair in pairs for name in pair or "uv"]
    current = np.asarray(found[0] + 1j * found[1], dtype=np.complex128)
    lat, lon = forcing["lat"].to_numpy(), forcing["lon"].to_numpy()
    depth = forcing[DEPTH].transpose("lat", "lon").to_numpy() if DEPTH in forcing else np.full(shape, np.nan)
    return np.stack([*found, shear(current, lat, lon), coast_km(np.isfinite(current), lat, lon), depth], axis=-1)


def _bilinear(plane: Floats, y: Floats, x: Floats) -> Floats:
    """(place, quantity) from four corners; dry corners are left out of the weights, NaN where all are dry."""
    iy, ix = (np.clip(a.astype(np.int64), 0, n - 2) for a, n in ((y, plane.shape[0]), (x, plane.shape[1])))
    ay, ax = y - iy, x - ix
    total, weights = np.zeros((y.size, plane.shape[2])), np.zeros((y.size, plane.shape[2]))
    for dy, dx, weight in ((0, 0, (1 - ay) * (1 - ax)), (0, 1, (1 - ay) * ax), (1, 0, ay * (1 - ax)), (1, 1, ay * ax)):
        corner = plane[iy + dy, ix + dx]
        there = np.isfinite(corner)
        total += np.where(there, corner, 0.0) * weight[:, None]
        weights += there * weight[:, None]
    return np.divide(total, weights, out=np.full_like(total, np.nan), where=weights > 1e-6)


__all__ = ["PRODUCT", "covered_rows", "in_a_gap", "sampled", "without_members"]
