"""Forcing straight from files: CF NetCDF, Zarr or OPeNDAP, regular or curvilinear, opened without being read.

The daily chain reads its forcing in the room of sources, as it was known at the issue time. This door is for scoring
and for work with past fields: names are found by CF standard name, the surface level is taken, curvilinear grids (NEMO,
ROMS and others) are brought to a regular one, level by level as the engine asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.curvilinear import Triangles, faces_to_centres, grid_angle, turned
from oceanclean.drift.forcing_axes import MEMBER, on_common_axes
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
_MEMBERS = ("member", "realization", "number", "ensemble", "ens", "ensemble_member")
#: Forcing below this size is read once, bytes.
_AT_ONCE = 2_000_000_000


def open_forcing(files: Sequence[Path | str], *, mesh: Path | str | None = None,
                 step_deg: float | None = None) -> xr.Dataset:  # fmt: skip
    """Open files as a Forcing; nothing is read until a level is asked for.

    Files of current, wind and waves may have grids and times of their own: they are brought to those of the current,
    see :func:`oceanclean.drift.forcing_axes.on_common_axes`. Members of an ensemble are kept as ``member``.

    Args:
        files: NetCDF files, Zarr stores or OPeNDAP addresses; of each quantity one product.
        mesh: NEMO mesh with ``glamt, gphit``, needed where the files hold faces of a C grid without the centres.
        step_deg: step of the regular grid that a curvilinear one is brought to; None: the grid's own.

    Returns:
        (time, lat, lon) Forcing backed by Dask, with ``member`` before where an ensemble was given; ``attrs['joined']``
        says what was brought to other axes.

    Raises:
        MissingDataError: no file.
        InputError: unreadable, no current or wind, unknown units, swapped or undecodable axes; names file and variable.
    """
    if not files:
        raise MissingDataError("forcing", "files", "none", "NetCDF, Zarr or OPeNDAP", "Name at least one file.")
    source = str(files[0])
    groups = _groups([(str(f), _opened(str(f))) for f in files])
    parts: list[xr.Dataset] = []
    for pair in _PAIRS:
        holding = [g for g in groups if all(_named(g.data, name) for name in pair)]
        if len(holding) > 1:
            raise InputError(holding[1].source, pair[0], f"also in {holding[0].source}, on another grid",
                             "one product for each quantity", "Leave one of them out.")  # fmt: skip
        for group in holding:
            found = (_named(group.data, pair[0]), _named(group.data, pair[1]))
            data = _meshed(group.data, mesh, found[0])
            parts.append(_pair(data, pair, found, step_deg, group.source))
    if not parts:
        known = sorted({str(v) for g in groups for v in g.data.data_vars})
        raise InputError(source, "variables", known, "currents or wind by CF standard name",
                         "Set the standard_name attributes.")  # fmt: skip
    forcing, said = on_common_axes(parts, source)
    forcing.attrs.update(source=source, available_at="unknown", joined="; ".join(said))
    return describe("Forcing", forcing.transpose(MEMBER, "time", "lat", "lon", missing_dims="ignore"))


def gridded_forcing(folder: Path) -> xr.Dataset | None:
    """The forcing that lies beside drifter tracks (NetCDF files, Zarr stores), or None."""
    files = sorted([*folder.glob("*.nc"), *folder.glob("*.nc4"), *folder.glob("*.zarr")])
    mesh = [f for f in files if "mesh" in f.name]
    fields = [f for f in files if f not in mesh]
    if not fields:
        return None
    forcing = open_forcing(fields, mesh=mesh[0] if mesh else None)
    return forcing.load() if forcing.nbytes < _AT_ONCE else forcing  # every start reads the same levels again


class _Group(NamedTuple):
    """Files of one product.

    Attributes:
        source: the first of them.
        data: their content, joined along time or place.
    """

    source: str
    data: xr.Dataset


def _groups(opened: list[tuple[str, xr.Dataset]]) -> list[_Group]:
    """Files that hold the same quantities on the same kind of grid are one product; others stand apart.

    Files of the components of one quantity (NEMO's faces) belong together where they have the same times.
    """
    kinds: dict[tuple[Any, ...], list[tuple[str, xr.Dataset]]] = {}
    for file, data in opened:
        held = tuple(number for number, pair in enumerate(_PAIRS) if any(_named(data, name) for name in pair))
        kinds.setdefault(held, []).append((file, data))
    return [_Group(same[0][0], _joined([f for f, _ in same], [d for _, d in same])) for same in kinds.values()]


def _meshed(data: xr.Dataset, mesh: Path | str | None, component: str) -> xr.Dataset:
    """Data with the centres of a NEMO mesh, where its grid is that of the mesh."""
    if mesh is None or not {"y", "x"} <= {str(d) for d in data[component].dims}:
        return data
    with xr.open_dataset(mesh, engine=_netcdf(), decode_times=False) as grid:
        data = data.drop_vars(["nav_lon", "nav_lat"], errors="ignore")
        placed = {n: (("y", "x"), np.squeeze(grid[n].to_numpy())) for n in ("glamt", "gphit")}
    return data.assign_coords(placed)


def _netcdf() -> Any:
    """The NetCDF backend itself: asking by name would load every reader that is installed, and their memory."""
    from xarray.backends import NetCDF4BackendEntrypoint

    return NetCDF4BackendEntrypoint


def _opened(file: str) -> xr.Dataset:
    """One file at the surface, unread.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if file.rstrip("/").endswith(".zarr"):
            data = xr.open_zarr(file, decode_timedelta=False)
        else:
            data = xr.open_dataset(file, engine=_netcdf(), chunks={}, decode_timedelta=False)
        return _surface(_timed(_membered(data)))
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise InputError(file, "file", f"unreadable ({str(error)[:200]})", "NetCDF or Zarr with CF times",
                         "Fetch it again; it is truncated, damaged or of another kind.") from error  # fmt: skip


def _joined(files: list[str], parts: list[xr.Dataset]) -> xr.Dataset:
    """Files of one product as one.

    Raises:
        InputError: they are not on one grid, or a time stands twice.
    """
    if len(parts) == 1:
        return parts[0]
    try:
        joined = xr.combine_by_coords(parts, combine_attrs="override", join="exact", coords="minimal",
                                      compat="override", data_vars="minimal")  # fmt: skip
        return joined if isinstance(joined, xr.Dataset) else joined.to_dataset()
    except ValueError as error:
        raise InputError(files[0], "grid, time", str(error)[:200], "files of one grid, each time once",
                         "Give files of one product without overlap in time.") from error  # fmt: skip


def _membered(data: xr.Dataset) -> xr.Dataset:
    """The dimension of an ensemble's members under the name ``member``."""
    for name in _MEMBERS:
        if name in data.dims:
            count = data.sizes[name]
            return (
                data.drop_vars(name, errors="ignore").rename({name: MEMBER}).assign_coords({MEMBER: np.arange(count)})
            )
    return data


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
        return _ascending(out.drop_vars([c for c in out.coords if c not in ("time", "lat", "lon", MEMBER)]), source)
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

    planes = [[str(d) for d in c.dims if d not in ("time", MEMBER)] for c in components]
    inputs = [c.drop_vars([n for n in c.coords if n not in ("time", MEMBER)]).chunk({"time": 1, **dict.fromkeys(p, -1)})
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


__all__ = ["gridded_forcing", "open_forcing"]
