"""CF conventions, and the ways files depart from them: axes, units, fill values, longitudes, times.

Where a departure has one clear meaning it is mended and said; where it has two it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from oceanclean.errors import InputError
from oceanclean.products import names

#: CF standard names and file names under which a variable is known, best first.
KNOWN_AS: dict[str, tuple[str, ...]] = {
    names.EASTWARD_CURRENT: (
        names.EASTWARD_CURRENT, "surface_eastward_sea_water_velocity", "eastward_sea_water_velocity_assuming_no_tide",
        "eastward_eulerian_current_velocity", "uo", "utotal", "water_u", "ssu", "u_surf", "u"),
    names.NORTHWARD_CURRENT: (
        names.NORTHWARD_CURRENT, "surface_northward_sea_water_velocity",
        "northward_sea_water_velocity_assuming_no_tide", "northward_eulerian_current_velocity", "vo", "vtotal",
        "water_v", "ssv", "v_surf", "v"),
    names.EASTWARD_WIND: (names.EASTWARD_WIND, "u10", "u10m", "uwnd", "ugrd10m", "u-component_of_wind", "x_wind"),
    names.NORTHWARD_WIND: (names.NORTHWARD_WIND, "v10", "v10m", "vwnd", "vgrd10m", "v-component_of_wind", "y_wind"),
    names.EASTWARD_STOKES: (names.EASTWARD_STOKES, "sea_surface_wave_stokes_drift_x_velocity", "ust", "vsdx", "uuss"),
    names.NORTHWARD_STOKES: (names.NORTHWARD_STOKES, "sea_surface_wave_stokes_drift_y_velocity", "vst", "vsdy", "vuss"),
    names.WAVE_HEIGHT: (
        names.WAVE_HEIGHT, "significant_height_of_combined_wind_waves_and_swell",
        "significant_height_of_wind_and_swell_waves", "vhm0", "swh", "hs", "hsig"),
    "peak_period": ("sea_surface_wave_period_at_variance_spectral_density_maximum", "pp1d", "vtpk", "tp"),
}  # fmt: skip

_SPEED = {"m/s": 1.0, "cm/s": 0.01, "mm/s": 0.001, "km/h": 1 / 3.6, "kn": 1852 / 3600}
_LENGTH = {"m": 1.0, "cm": 0.01, "ft": 0.3048}
_TIME = {"s": 1.0}
#: What each variable is measured in here, and the factors from units that may stand in a file.
TARGET_UNITS: dict[str, tuple[str, dict[str, float]]] = {
    **dict.fromkeys(list(KNOWN_AS)[:6], ("m s-1", _SPEED)),
    names.WAVE_HEIGHT: ("m", _LENGTH),
    "peak_period": ("s", _TIME),
}

#: Numbers that files use for "no value" without saying so.
_UNSAID_FILL = (-32767.0, -32768.0, -9999.0, -999.0, -99999.0)
_LAT_NAMES = ("lat", "latitude", "nav_lat", "y")
_LON_NAMES = ("lon", "longitude", "nav_lon", "x")
_TIME_NAMES = ("time", "valid_time", "time_counter", "ocean_time", "t")
_DEPTH_NAMES = ("depth", "deptht", "depthu", "depthv", "lev", "level", "z", "height", "sigma", "s_rho")


@contextmanager
def open_dataset(path: Path) -> Iterator[xr.Dataset]:
    """Open a NetCDF file or Zarr store lazily, fill values masked and scales applied, times as they are decoded.

    Raises:
        InputError: unreadable, when it is opened or when the block reads its values.
    """
    try:
        with _opened(path) as data:
            yield data
    except (OSError, ValueError, RuntimeError, ArithmeticError) as error:
        raise unreadable(path, error) from error


def _opened(path: Path) -> xr.Dataset:
    try:
        if path.suffix == ".zarr":
            return xr.open_zarr(path, chunks=None)
        return xr.open_dataset(path, chunks=None, decode_timedelta=False)
    except MemoryError:
        raise
    except Exception as error:  # what libraries raise of metadata that lie is not written down anywhere
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> InputError:
    """What to say of a file that a library could not make out."""
    return InputError(path, "file", f"unreadable ({str(error)[:200]})", "NetCDF or Zarr with CF times",
                      "Fetch the file again; it is truncated, damaged or of another kind.")  # fmt: skip


def unit_key(text: str) -> str:
    """One spelling for each unit: ``m s**-1``, ``meter second-1``, ``M/S`` all become ``m/s``."""
    unit = text.strip().lower().replace("**", "").replace("^", "").replace("·", " ").replace("*", " ")
    unit = re.sub(r"\b(centimet(?:er|re)s?)\b", "cm", unit)
    unit = re.sub(r"\b(kilomet(?:er|re)s?)\b", "km", unit)
    unit = re.sub(r"\b(met(?:er|re)s?)\b", "m", unit)
    unit = re.sub(r"\b(seconds?|secs?)\b", "s", unit)
    unit = re.sub(r"\b(seconds?|sec)(?=-1)", "s", unit)
    unit = re.sub(r"\b(hours?|hrs?)\b", "h", unit)
    unit = re.sub(r"\b(knots?|kts?)\b", "kn", unit)
    unit = re.sub(r"\b(feet|foot)\b", "ft", unit)
    unit = unit.replace(" per ", "/").replace(" / ", "/")
    match = re.fullmatch(r"(mm|cm|km|m)[ .]*(s|h)[ ]?-1", unit)
    return f"{match.group(1)}/{match.group(2)}" if match else unit


def find_variable(data: xr.Dataset, quantity: str, chosen: str | None, path: Path) -> str | None:
    """Name under which a quantity stands in a file: the option's, by standard name, or by a usual name.

    Raises:
        InputError: the option names a variable that is not there, or two carry the same standard name.
    """
    if chosen is not None:
        if chosen not in data.variables:
            raise InputError(path, quantity, f"variables {sorted(map(str, data.variables))}", f"variable {chosen!r}",
                             "Correct options.variables.")  # fmt: skip
        return chosen
    for known in KNOWN_AS[quantity]:
        by_standard = [str(n) for n, v in data.data_vars.items() if v.attrs.get("standard_name") == known]
        if len(by_standard) > 1:
            raise InputError(path, quantity, f"{by_standard} with standard name {known!r}", "one",
                             "Say which: options.variables.")  # fmt: skip
        by_name = [str(n) for n in data.data_vars if str(n).lower() == known]
        if by_standard or by_name:
            return (by_standard or by_name)[0]
    return None


def axis_name(data: xr.DataArray, which: str, path: Path) -> str:
    """Name of the coordinate along ``lat``, ``lon`` or ``time``: by units, standard name, then usual names.

    Raises:
        InputError: none or two are found.
    """
    units = {"lat": ("degrees_north", "degree_north", "degrees_n", "degree_n", "degreen"),
             "lon": ("degrees_east", "degree_east", "degrees_e", "degree_e", "degreee"), "time": ()}[which]  # fmt: skip
    standard = {"lat": "latitude", "lon": "longitude", "time": "time"}[which]
    usual = {"lat": _LAT_NAMES, "lon": _LON_NAMES, "time": _TIME_NAMES}[which]
    tests = (
        lambda c: str(c.attrs.get("units", "")).lower() in units,
        lambda c: c.attrs.get("standard_name") == standard,
        lambda c: which == "time" and c.dtype.kind == "M",
        lambda c: str(c.name).lower() in usual,
    )
    for test in tests:
        found = [str(n) for n, c in data.coords.items() if test(c)]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise InputError(path, str(data.name), f"coordinates {found} that are all {standard}", "one",
                             "Remove or rename the others.")  # fmt: skip
    raise InputError(path, str(data.name), f"coordinates {sorted(map(str, data.coords))}", f"one that is {standard}",
                     "Write CF coordinates (units degrees_north, degrees_east, '... since ...').")  # fmt: skip


def canonical(data: xr.DataArray, path: Path, options: dict[str, Any], centre_lon: float) -> xr.DataArray:
    """Bring a variable to ``(time, lat, lon)``: one level, latitude and longitude ascending, UTC times.

    Args:
        data: the variable, lazy.
        path: its file, for errors.
        options: ``level_index`` picks a level where no coordinate tells which is nearest the surface.
        centre_lon: longitudes are brought within half a turn of it.

    Raises:
        InputError: curvilinear or irregular axes, an unknown dimension, impossible coordinates, undecoded times.
    """
    lat, lon, time = (axis_name(data, which, path) for which in ("lat", "lon", "time"))
    if data[lat].ndim != 1 or data[lon].ndim != 1:
        raise InputError(path, str(data.name), f"coordinates {lat!r}, {lon!r} of {data[lat].ndim} dimensions",
                         "a regular latitude–longitude grid", "Use the reader of the model's own grid.")  # fmt: skip
    if data[time].ndim == 0:
        data = data.expand_dims(time)
    rename = {old: new for old, new in ((lat, "lat"), (lon, "lon"), (time, "time")) if old != new}
    data = _one_level(data.rename(rename), path, options)
    data = data.drop_vars([c for c in data.coords if c not in {"time", "lat", "lon"}]).transpose("time", "lat", "lon")
    for axis in ("lat", "lon"):
        values = np.asarray(data[axis].to_numpy(), dtype=np.float64)
        if not np.isfinite(values).all() or np.unique(values).size != values.size:
            raise InputError(path, axis, "missing or repeated values", "distinct degrees", "Correct the axis.")
        data = data.assign_coords({axis: values})
    if np.abs(data["lat"].to_numpy()).max() > 90.001:
        raise InputError(path, lat, f"{data['lat'].to_numpy().max():g}°", "latitudes within ±90°",
                         "Latitude and longitude look swapped; correct their names or units.")  # fmt: skip
    turned = centre_lon - 180.0 + np.mod(data["lon"].to_numpy() - centre_lon + 180.0, 360.0)
    data = data.assign_coords(lon=turned)
    _, first = np.unique(np.round(turned, 9), return_index=True)  # a global file may repeat its first meridian
    return _decoded(data.isel(lon=np.sort(first)).sortby("lon").sortby("lat"), time, path, options)


def _one_level(data: xr.DataArray, path: Path, options: dict[str, Any]) -> xr.DataArray:
    """The level nearest the surface; other dimensions must have one element."""
    for dim in [str(d) for d in data.dims if d not in {"time", "lat", "lon"}]:
        if data.sizes[dim] == 1:
            data = data.isel({dim: 0})
        elif dim.lower() in _DEPTH_NAMES or "level_index" in options:
            index = options.get("level_index")
            if index is None:
                levels = data[dim].to_numpy() if dim in data.coords else np.arange(data.sizes[dim])
                index = int(np.argmin(np.abs(levels)))
            data = data.isel({dim: int(index)})
        else:
            raise InputError(path, str(data.name), f"dimension {dim!r} of {data.sizes[dim]}", "time, depth, lat, lon",
                             "Pick one element of it before, or give options.level_index.")  # fmt: skip
    return data


def _decoded(data: xr.DataArray, time: str, path: Path, options: dict[str, Any]) -> xr.DataArray:
    """Times as naive UTC ``datetime64[ns]``, in the file's own order."""
    times = data["time"]
    if times.dtype.kind == "M":
        return data.assign_coords(time=times.to_numpy().astype("datetime64[ns]"))
    given = options.get("time_units")
    if given is None:
        raise InputError(path, time, f"numbers with units {times.attrs.get('units')!r}", "'<unit> since <date>'",
                         "Give options.time_units, e.g. 'days since 1900-01-01'.")  # fmt: skip
    holder = xr.Dataset(coords={"time": ("time", times.to_numpy(), {"units": given, "calendar": "standard"})})
    try:
        decoded = xr.decode_cf(holder)["time"].to_numpy()
    except ValueError as error:
        raise InputError(path, "options.time_units", repr(given), "'<unit> since <date>'", "Correct it.") from error
    return data.assign_coords(time=decoded.astype("datetime64[ns]"))


def to_target_units(
    values: np.ndarray, quantity: str, units: str | None, name: str, path: Path, notes: list[str]
) -> np.ndarray:
    """Mask numbers that mean "no value" and convert to the contract's units.

    Args:
        values: as read, fill values of the file's own attributes already NaN.
        quantity: key of :data:`TARGET_UNITS`.
        units: the file's units, or those of an option; None where nothing says them.
        name: the variable, for errors.
        path: its file.
        notes: sentences on what was mended are appended.

    Returns:
        float32.

    Raises:
        InputError: unknown units, or values that cannot be in them.
    """
    target, factors = TARGET_UNITS[quantity]
    if units is None:
        raise InputError(path, name, "no units", f"units such as {target!r}",
                         f"Give options.units.{name}, or set the attribute.")  # fmt: skip
    key = unit_key(units)
    if key not in factors:
        raise InputError(path, name, f"units {units!r}", f"{target!r} or one of {sorted(factors)}",
                         "Convert the variable, or correct its units attribute.")  # fmt: skip
    values = values.astype(np.float64)
    unsaid = (np.abs(values) > 1e15) | np.isin(values, _UNSAID_FILL)
    if unsaid.any():
        shown = ", ".join(f"{v:g}" for v in np.unique(values[unsaid])[:3])
        notes.append(f"{path.name}: {int(unsaid.sum())} values of {name} ({shown}) are fill values that the file does "
                     "not declare; they were masked.")  # fmt: skip
        values[unsaid] = np.nan
    values *= factors[key]
    limit = {"m s-1": 100.0, "m": 30.0, "s": 60.0}[target] if quantity not in _CURRENTS else 5.0
    worst = np.nanmax(np.abs(values)) if np.isfinite(values).any() else 0.0
    if worst > limit:
        raise InputError(path, name, f"{worst:.4g} {target} after reading it as {units!r}", f"at most {limit:g}",
                         "Check the units attribute and fill values of the source.")  # fmt: skip
    return values.astype(np.float32)


_CURRENTS = (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT)


def stated_availability(data: xr.Dataset, path: Path) -> pd.Timestamp | None:
    """When a file says it was issued: ``available_at``, or the forecast reference time; None where it does not."""
    from oceanclean.sources.times import utc

    for name in ("available_at", "forecast_reference_time"):
        if name in data.attrs:
            return utc(str(data.attrs[name]), path, name)
    for variable in data.variables.values():
        if variable.attrs.get("standard_name") == "forecast_reference_time" and variable.size == 1:
            return utc(pd.Timestamp(variable.to_numpy().reshape(-1)[0]), path, "forecast_reference_time")
    return None
