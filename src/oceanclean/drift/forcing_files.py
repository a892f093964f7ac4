"""Forcing straight from files: CF NetCDF, Zarr or OPeNDAP, regular or curvilinear, opened without being read.

The daily chain reads its forcing in the room of sources, as it was known at the issue time. This door is for scoring
and for work with past fields: names are found by CF standard name, the surface level is taken, curvilinear grids (NEMO,
ROMS and others) are brought to a regular one, level by level as the engine asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.curvilinear import Triangles, faces_to_centres, grid_angle, turned
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import describe, names

Floats = NDArray[np.float64]

#: For each variable of a Forcing: standard names whose values point east or north, and those along the grid's axes.
_KNOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    names.EASTWARD_CURRENT: (("eastward_sea_water_velocity", "surface_eastward_sea_water_velocity",
                              "eastward_eulerian_current_velocity"),
                             ("sea_water_x_velocity", "sea_water_x_velocity_at_u_location"), ("uo", "vozocrtx", "u")),
    names.NORTHWARD_CURRENT: (("northward_sea_water_velocity", "surface_northward_sea_water_velocity",
                               "northward_eulerian_current_velocity"),
                              ("sea_water_y_velocity", "sea_water_y_velocity_at_v_location"), ("vo", "vomecrty", "v")),
    names.EASTWARD_WIND: (("eastward_wind",), ("x_wind",), ("u10",)),
    names.NORTHWARD_WIND: (("northward_wind",), ("y_wind",), ("v10",)),
    names.EASTWARD_STOKES: (("sea_surface_wave_stokes_drift_x_velocity",
                             "sea_surface_wave_stokes_drift_eastward_velocity"), (), ("ust", "VSDX")),
    names.NORTHWARD_STOKES: (("sea_surface_wave_stokes_drift_y_velocity",
                              "sea_surface_wave_stokes_drift_northward_velocity"), (), ("vst", "VSDY")),
}  # fmt: skip
#: Variables without a standard name of their own whose components lie along the grid's axes.
_ALONG_AXES = ("vozocrtx", "vomecrty", "u", "v")
_PAIRS = ((names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT), (names.EASTWARD_WIND, names.NORTHWARD_WIND),
          (names.EASTWARD_STOKES, names.NORTHWARD_STOKES))  # fmt: skip
_TO_M_S = {"m s-1": 1.0, "m/s": 1.0, "m s**-1": 1.0, "m.s-1": 1.0, "meter second-1": 1.0, "metre second-1": 1.0,
           "cm s-1": 0.01, "cm/s": 0.01, "cm s**-1": 0.01, "knots": 1852 / 3600, "knot": 1852 / 3600, "kt": 1852 / 3600,
           "kn": 1852 / 3600}  # fmt: skip
_CENTRES = (
    ("lon_rho", "lat_rho"),
    ("glamt", "gphit"),
    ("nav_lon", "nav_lat"),
    ("longitude", "latitude"),
    ("lon", "lat"),
)
_VERTICAL = ("depth", "deptht", "depthu", "depthv", "lev", "level", "s_rho", "s_w", "z")
_FILL = 1e15


def open_forcing(files: Sequence[Path | str], *, mesh: Path | str | None = None,
                 step_deg: float | None = None) -> xr.Dataset:  # fmt: skip
    """Open one set of files as a Forcing; nothing is read until a level is asked for.

    Args:
        files: NetCDF files, Zarr stores or OPeNDAP addresses of one grid.
        mesh: NEMO mesh with ``glamt, gphit``, needed where the files hold faces of a C grid without the centres.
        step_deg: step of the regular grid that a curvilinear one is brought to; None: the grid's own.

    Returns:
        (time, lat, lon) Forcing backed by Dask.

    Raises:
        MissingDataError: no file.
        InputError: unreadable, no current or wind, unknown units, swapped or undecodable axes; names file and variable.
    """
    if not files:
        raise MissingDataError("forcing", "files", "none", "NetCDF, Zarr or OPeNDAP", "Name at least one file.")
    source = str(files[0])
    data = _opened([str(f) for f in files])
    if mesh is not None:
        with xr.open_dataset(mesh, engine=_netcdf(), decode_times=False) as grid:
            data = data.drop_vars(["nav_lon", "nav_lat"], errors="ignore")
            placed = {n: (("y", "x"), np.squeeze(grid[n].to_numpy())) for n in ("glamt", "gphit")}
        data = data.assign_coords(placed)
    parts: list[xr.Dataset] = []
    for pair in _PAIRS:
        found = [_named(data, name) for name in pair]
        if found[0] and found[1]:
            parts.append(_pair(data, pair, (found[0], found[1]), step_deg, source))
    if not parts:
        raise InputError(source, "variables", sorted(map(str, data.data_vars)), "currents or wind by CF standard name",
                         "Set the standard_name attributes.")  # fmt: skip
    forcing = xr.merge(parts, combine_attrs="drop", join="outer", compat="no_conflicts")
    forcing.attrs.update(source=source, available_at="unknown")
    return describe("Forcing", forcing.transpose("time", "lat", "lon"))


def _netcdf() -> Any:
    """The NetCDF backend itself: asking by name would load every reader that is installed, and their memory."""
    from xarray.backends import NetCDF4BackendEntrypoint

    return NetCDF4BackendEntrypoint


def _opened(files: list[str]) -> xr.Dataset:
    parts = []
    for file in files:
        try:
            if file.rstrip("/").endswith(".zarr"):
                parts.append(_surface(_timed(xr.open_zarr(file, decode_timedelta=False))))
            else:
                opened = xr.open_dataset(file, engine=_netcdf(), chunks={}, decode_timedelta=False)
                parts.append(_surface(_timed(opened)))
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise InputError(file, "file", f"unreadable ({str(error)[:200]})", "NetCDF or Zarr with CF times",
                             "Fetch it again; it is truncated, damaged or of another kind.") from error  # fmt: skip
    if len(parts) == 1:
        return parts[0]
    try:
        joined = xr.combine_by_coords(parts, combine_attrs="override", join="exact", coords="minimal",
                                      compat="override", data_vars="minimal")  # fmt: skip
        return joined if isinstance(joined, xr.Dataset) else joined.to_dataset()
    except ValueError as error:
        raise InputError(files[0], "grid, time", str(error)[:200], "files of one grid, each time once",
                         "Give files of one product without overlap in time.") from error  # fmt: skip


def _timed(data: xr.Dataset) -> xr.Dataset:
    """The time axis under the name ``time``, as a dimension."""
    for name in ("time", "time_counter", "ocean_time", "valid_time"):
        if name in data.variables and data[name].dtype.kind == "M":
            data = data.set_coords(name)
            data = data.expand_dims(name) if data[name].ndim == 0 else data
            return data if name == "time" else data.drop_vars("time", errors="ignore").rename({name: "time"})
    return data


def _named(data: xr.Dataset, wanted: str) -> str:
    """Name of a quantity in the files, "" where absent: by standard name, then by usual name."""
    east, along, usual = _KNOWN[wanted]
    for name, variable in data.data_vars.items():
        if variable.attrs.get("standard_name") in (*east, *along):
            return str(name)
    return next((name for name in (wanted, *usual, *east) if name in data.data_vars), "")


def _pair(data: xr.Dataset, pair: tuple[str, str], found: tuple[str, str], step_deg: float | None,
          source: str) -> xr.Dataset:  # fmt: skip
    """Both components at the surface on a regular grid, m s-1."""
    east, north = (_mended(data[name], name, source) for name in found)
    for component, name in ((east, found[0]), (north, found[1])):
        if "time" not in component.dims or component["time"].dtype.kind != "M":
            raise InputError(source, f"{name}: time", "no decoded time axis", "'<unit> since <date>'",
                             "Write CF times.")  # fmt: skip
    lon, lat = _centres(data, east, source)
    if lon.ndim == 1:
        tied = {str(lon.dims[0]): "lon", str(lat.dims[0]): "lat"}
        out = xr.Dataset({n: c.rename(tied) for n, c in zip(pair, (east, north), strict=True)})
        return _ascending(out.drop_vars([c for c in out.coords if c not in ("time", "lat", "lon")]), source)
    along = all(_along_axes(data[name], wanted) for name, wanted in zip(found, pair, strict=True))
    return _regular(data, (east, north), (lon, lat), pair, along, step_deg)


def _along_axes(variable: xr.DataArray, wanted: str) -> bool:
    """Whether a component lies along the grid's axis and not along a parallel or meridian."""
    standard = variable.attrs.get("standard_name")
    return standard in _KNOWN[wanted][1] or (standard not in _KNOWN[wanted][0] and variable.name in _ALONG_AXES)


def _surface(data: xr.Dataset) -> xr.Dataset:
    """The level nearest the surface of every vertical dimension."""
    for dim in [str(d) for d in data.dims if str(d) in _VERTICAL]:
        levels = data[dim].to_numpy() if dim in data.coords else np.arange(data.sizes[dim])
        top = len(levels) - 1 if dim.startswith("s_") else int(np.argmin(np.abs(levels)))
        data = data.isel({dim: top}, drop=True)
    return data


def _mended(variable: xr.DataArray, name: str, source: str) -> xr.DataArray:
    """Values in m s-1 with undeclared fill values masked.

    Raises:
        InputError: unknown units.
    """
    units = str(variable.attrs.get("units", "m s-1")).strip()
    if units not in _TO_M_S:
        raise InputError(source, name, f"units {units!r}", f"one of {sorted(_TO_M_S)}", "Correct the units attribute.")
    return variable.where(np.abs(variable) < _FILL) * _TO_M_S[units]


def _centres(data: xr.Dataset, component: xr.DataArray, source: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Longitudes and latitudes of cell centres.

    Raises:
        InputError: none, or latitudes beyond the poles.
    """
    for lon_name, lat_name in _CENTRES:
        if lon_name in data.variables and lat_name in data.variables:
            lon, lat = data[lon_name], data[lat_name]
            if float(np.nanmax(np.abs(lat.to_numpy()))) > 90.001:
                raise InputError(source, lat_name, f"{float(np.nanmax(np.abs(lat.to_numpy()))):g} degrees",
                                 "latitudes within 90 degrees", "Latitude and longitude look swapped.")  # fmt: skip
            if lon.ndim == 1 and not {str(lon.dims[0]), str(lat.dims[0])} <= {str(d) for d in component.dims}:
                continue
            return lon, lat
    raise InputError(source, "lon, lat", sorted(map(str, data.coords)), f"one pair of {_CENTRES}",
                     "Add the coordinates, or name the mesh.")  # fmt: skip


def _ascending(field: xr.Dataset, source: str) -> xr.Dataset:
    """Latitudes and longitudes ascending, each once."""
    field = field.sortby("lat").sortby("lon")
    for axis in ("lat", "lon"):
        values = field[axis].to_numpy()
        if np.unique(values).size != values.size:
            raise InputError(source, axis, "repeated values", "distinct degrees", "Correct the axis.")
    return field


def _regular(
    data: xr.Dataset, components: tuple[xr.DataArray, xr.DataArray], centres: tuple[xr.DataArray, xr.DataArray],
    pair: tuple[str, str], along: bool, step_deg: float | None,
) -> xr.Dataset:  # fmt: skip
    """A curvilinear pair on a regular grid, level by level when asked for."""
    lon = np.unwrap(centres[0].to_numpy().astype(np.float64), period=360.0, axis=1)
    lat = centres[1].to_numpy().astype(np.float64)
    angle = data["angle"].to_numpy() if "angle" in data.variables and along else grid_angle(lon, lat)
    land = data["mask_rho"].to_numpy() < 0.5 if "mask_rho" in data.variables else None
    to_lon, to_lat = _axes(lon, lat, step_deg)
    triangles = Triangles(lon.ravel(), lat.ravel(), to_lon, to_lat)

    def onto(u: Floats, v: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        dry = np.zeros(lon.shape, dtype=bool) if land is None else land
        if along and (u.shape[-2:] != lon.shape or v.shape[-2:] != lon.shape or _staggered(data)):
            u, v = faces_to_centres(u, -1, lon.shape[1]), faces_to_centres(v, -2, lon.shape[0])
            if land is None:  # all four faces stand still: land (a wet cell has exact zeros with probability nil)
                dry = (u == 0) & (v == 0)
        if along:
            u, v = turned(u, v, angle)
        u, v = (np.where(dry, np.nan, c) for c in (u, v))
        return triangles(u.reshape(*u.shape[:-2], -1)), triangles(v.reshape(*v.shape[:-2], -1))

    planes = [[str(d) for d in c.dims if d != "time"] for c in components]
    inputs = [c.drop_vars([n for n in c.coords if n != "time"]).chunk({"time": 1, **dict.fromkeys(p, -1)})
              for c, p in zip(components, planes, strict=True)]  # fmt: skip
    inner = [c.rename({p[0]: f"y{k}", p[1]: f"x{k}"}) for k, (c, p) in enumerate(zip(inputs, planes, strict=True))]
    east, north = xr.apply_ufunc(
        onto, *inner, input_core_dims=[["y0", "x0"], ["y1", "x1"]], output_core_dims=[["lat", "lon"]] * 2,
        dask="parallelized", output_dtypes=[np.float32] * 2,
        dask_gufunc_kwargs={"output_sizes": {"lat": to_lat.size, "lon": to_lon.size}},
    )  # fmt: skip
    return xr.Dataset({pair[0]: east, pair[1]: north}).assign_coords(lat=to_lat, lon=to_lon)


def _staggered(data: xr.Dataset) -> bool:
    """Whether components stand on faces though they have as many points as there are centres."""
    return any(name in data.variables for name in ("lon_u", "glamt", "vozocrtx"))


def _axes(lon: Floats, lat: Floats, step_deg: float | None) -> tuple[Floats, Floats]:
    """Axes of a regular grid over the centres, of their own spacing each way."""
    east = np.hypot(np.median(np.abs(np.diff(lon, axis=1))), np.median(np.abs(np.diff(lon, axis=0))))
    north = np.hypot(np.median(np.abs(np.diff(lat, axis=1))), np.median(np.abs(np.diff(lat, axis=0))))
    steps = (step_deg or float(east), step_deg or float(north))
    return tuple(  # type: ignore[return-value]
        s * np.arange(np.ceil(a.min() / s), np.floor(a.max() / s) + 1) for a, s in zip((lon, lat), steps, strict=True)
    )


__all__ = ["open_forcing"]
