"""NEMO output on its own C grid: to cell centres, to east and north, to a regular grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from oceanclean.curvilinear import Triangles
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names
from oceanclean.settings import SourceSettings
from oceanclean.sources import cf
from oceanclean.sources.gridded import Piece, Window, available_at, check_options, joined
from oceanclean.sources.places import expand, files_of
from oceanclean.sources.registry import reader

Field2 = NDArray[np.float64]


@reader("nemo_c_grid", "currents")
def read_nemo(_role: str, source: SourceSettings, window: Window, work: Path | None) -> tuple[xr.Dataset, list[str]]:
    """Read surface currents of NEMO's C grid.

    The velocity component along i stands on the east face of a cell, that along j on the north face (NEMO book,
    fig. 4.1). Both are averaged to the cell's centre, turned to east and north by the local angle of the grid, and
    brought to a regular grid by linear interpolation in the triangles of cell centres. Land takes no part.

    Args:
        _role: ``currents``, the only role of this kind.
        source: settings. ``path``: files of both components. ``options``: ``mesh`` (file with glamt, gphit, glamu,
            gphiu, glamv, gphiv), ``variables`` (eastward: along i, northward: along j), ``step_deg`` of the regular
            grid, ``level_index`` (default 0, the surface), ``extend_h`` (default 12: daily means hold from 00 to
            24 h), and those of :func:`~oceanclean.sources.gridded.joined`.
        window: what is wanted.
        work: work folder of the run.

    Raises:
        MissingDataError: no file.
        InputError: the mesh does not fit the files, or a component is missing.
    """
    check_options(source)
    notes: list[str] = []
    mesh = read_mesh(Path(expand(str(source.options.get("mesh", "")), work)))
    u_files, v_files = _by_time(source, "eastward", work), _by_time(source, "northward", work)
    if not u_files or set(u_files) != set(v_files):
        odd = sorted(set(u_files) ^ set(v_files))
        found = f"only one component at {odd[0]}" if odd else "no file"
        raise MissingDataError(source.path, "time", found, "both components at every time",
                               "Fetch the missing files.")  # fmt: skip
    onto = Regridder(mesh, window, source.options.get("step_deg"))
    pieces = []
    margin = pd.Timedelta(hours=36)
    low, high = ((t.tz_localize(None)) for t in (window.start - margin, window.end + margin))
    for time in sorted(t for t in u_files if low <= t <= high):
        u, v = (_surface(files[time], time, mesh, grid, source, notes)
                for files, grid in ((u_files, "u"), (v_files, "v")))  # fmt: skip
        east, north = to_centres(u, v, mesh)
        data = onto(time, east, north)
        with cf.open_dataset(u_files[time]) as opened:
            pieces.append(Piece(data, available_at(opened, u_files[time], source), u_files[time]))
    field = joined(pieces, source, window, notes, mean_over_h=24.0)
    field.attrs["comment"] = "daily means, valid from 00 to 24 h; the first and last hold to the day's ends"
    return field, notes


def read_mesh(path: Path) -> dict[str, Field2]:
    """Positions of T, U and V points (y, x) in degrees from a NEMO mesh file.

    Raises:
        InputError: absent, or without the needed variables.
    """
    if not path.is_file():
        raise InputError(path, "options.mesh", "no such file", "a NEMO mesh file", "Give the mesh of the model's grid.")
    wanted = ("glamt", "gphit", "glamu", "gphiu", "glamv", "gphiv")
    try:
        with xr.open_dataset(path, decode_times=False) as data:
            mesh = {n: np.squeeze(np.asarray(data[n].to_numpy(), dtype=np.float64)) for n in wanted}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(path, "mesh", error, f"variables {wanted}", "Give the mesh_hgr file.") from error
    return mesh


def _by_time(source: SourceSettings, component: str, work: Path | None) -> dict[pd.Timestamp, Path]:
    """Files that hold a component, by their time."""
    default = {"eastward": "vozocrtx", "northward": "vomecrty"}[component]
    name = source.options.get("variables", {}).get(component, default)
    found: dict[pd.Timestamp, Path] = {}
    for path in files_of(source.path, work, (".nc", ".nc4")):
        try:
            with xr.open_dataset(path, decode_timedelta=False, decode_times=False) as data:
                if name not in data.data_vars:
                    continue
        except (OSError, ValueError, RuntimeError) as error:
            raise cf.unreadable(path, error) from error
        with cf.open_dataset(path) as data:
            times = np.atleast_1d(data[cf.axis_name(data[name], "time", path)].to_numpy())
            if times.dtype.kind != "M":
                raise InputError(path, "time", "numbers without '<unit> since <date>'", "CF times", "Correct the file.")
            found.update({pd.Timestamp(t): path for t in times})
    return found


def _surface(
    path: Path, time: pd.Timestamp, mesh: dict[str, Field2], grid: str, source: SourceSettings, notes: list[str]
) -> Field2:
    """One component (y, x) at one time and the surface level, in m s-1."""
    component = {"u": "eastward", "v": "northward"}[grid]
    default = {"u": "vozocrtx", "v": "vomecrty"}[grid]
    name = source.options.get("variables", {}).get(component, default)
    with cf.open_dataset(path) as data:
        array = data[name]
        axis = cf.axis_name(array, "time", path)
        if axis in array.dims:
            array = array.isel({axis: int(np.argmax(array[axis].to_numpy() == time.to_datetime64()))})
        for dim in [d for d in array.dims if d not in {"y", "x"}]:
            array = array.isel({dim: int(source.options.get("level_index", 0))})
        lon = data["nav_lon"].to_numpy() if "nav_lon" in data.variables else None
        values = cf.to_target_units(array.transpose("y", "x").to_numpy(), names.EASTWARD_CURRENT,
                                    array.attrs.get("units"), name, path, notes)  # fmt: skip
    if values.shape != mesh["glamt"].shape:
        raise InputError(path, name, f"shape {values.shape}", f"that of the mesh, {mesh['glamt'].shape}",
                         "Give the mesh of the same cut-out.")  # fmt: skip
    # a mesh of the right shape from another place would give currents in the wrong sea
    offsets = [np.abs(_turn(lon - mesh[f"glam{g}"])).max() for g in (grid, "t")] if lon is not None else [0.0]
    if min(offsets) > 0.02:
        raise InputError(path, "nav_lon", f"positions {min(offsets):.2f}° off the mesh", "the mesh of this grid",
                         "Give the mesh of the same cut-out.")  # fmt: skip
    return values.astype(np.float64)


def _turn(degrees: Field2) -> Field2:
    """Angle differences within ±180°."""
    return np.asarray(np.mod(degrees + 180.0, 360.0) - 180.0)


def grid_angle(mesh: dict[str, Field2]) -> Field2:
    """Angle (y, x) from north to the j axis at cell centres, radians, clockwise; the first row is NaN.

    From the V points south and north of the centre, as in NEMO's ``geo2ocean``.
    """
    angle = np.full(mesh["glamt"].shape, np.nan)
    east = _turn(mesh["glamv"][1:] - mesh["glamv"][:-1]) * np.cos(np.radians(mesh["gphit"][1:]))
    angle[1:] = np.arctan2(east, mesh["gphiv"][1:] - mesh["gphiv"][:-1])
    return angle


def to_centres(u: Field2, v: Field2, mesh: dict[str, Field2]) -> tuple[Field2, Field2]:
    """Average face velocities to cell centres and turn them to east and north.

    Args:
        u: along i on east faces (y, x), m s-1; NaN or exactly 0 on land.
        v: along j on north faces (y, x).
        mesh: see :func:`read_mesh`.

    Returns:
        Eastward and northward velocity (y, x), NaN on land and on the first row and column.
    """
    along_i, along_j = np.full(u.shape, np.nan), np.full(v.shape, np.nan)
    wet_u, wet_v = np.nan_to_num(u), np.nan_to_num(v)  # no flow through a coast
    along_i[:, 1:] = (wet_u[:, 1:] + wet_u[:, :-1]) / 2
    along_j[1:] = (wet_v[1:] + wet_v[:-1]) / 2
    land = np.zeros(u.shape, dtype=bool)
    # a cell whose four faces all stand still is land (a wet cell has exact zeros with probability nil)
    land[1:, 1:] = (wet_u[1:, 1:] == 0) & (wet_u[1:, :-1] == 0) & (wet_v[1:, 1:] == 0) & (wet_v[:-1, 1:] == 0)
    angle = grid_angle(mesh)
    east = along_i * np.cos(angle) + along_j * np.sin(angle)
    north = -along_i * np.sin(angle) + along_j * np.cos(angle)
    return np.where(land, np.nan, east), np.where(land, np.nan, north)


class Regridder:
    """Linear interpolation from scattered cell centres to a regular grid; the weights are found once.

    Args:
        mesh: see :func:`read_mesh`.
        window: part of the sea that is wanted.
        step_deg: step of the regular grid; None: the geometric mean of the mesh's own steps.
    """

    def __init__(self, mesh: dict[str, Field2], window: Window, step_deg: float | None) -> None:
        lon, lat = mesh["glamt"], mesh["gphit"]
        lon = window.centre_lon + _turn(lon - window.centre_lon)
        if step_deg is None:
            spacing = np.median(np.abs(_turn(np.diff(lon, axis=1)))) * np.median(np.abs(np.diff(lat, axis=0)))
            step_deg = float(np.sqrt(spacing))
        margin = 3 * step_deg
        self._inside = ((lon > window.west - margin) & (lon < window.east + margin)
                        & (lat > window.south - margin) & (lat < window.north + margin))  # fmt: skip
        self._inside[0], self._inside[:, 0] = False, False  # no centre value on the first row and column
        if self._inside.sum() < 3:
            raise MissingDataError("mesh", "glamt", "no cell over the region", "a grid that covers the region",
                                   "Choose a source that covers it.")  # fmt: skip
        points = np.column_stack([lon[self._inside], lat[self._inside]])
        low = np.maximum(points.min(axis=0), [window.west, window.south])
        high = np.minimum(points.max(axis=0), [window.east, window.north])
        # axes on whole multiples of the step, so that two cut-outs of one model share them
        self.lon, self.lat = (step_deg * np.arange(np.ceil(a / step_deg - 1e-9), np.floor(b / step_deg + 1e-9) + 1)
                              for a, b in zip(low, high, strict=True))  # fmt: skip
        self._triangles = Triangles(points[:, 0], points[:, 1], self.lon, self.lat)

    def __call__(self, time: pd.Timestamp, east: Field2, north: Field2) -> xr.Dataset:
        """Bring both components of one time to the regular grid."""
        dims = ("time", "lat", "lon")
        u, v = (self._triangles(part[self._inside])[None] for part in (east, north))
        return xr.Dataset(
            {names.EASTWARD_CURRENT: (dims, u, {"file_variable": "vozocrtx"}),
             names.NORTHWARD_CURRENT: (dims, v, {"file_variable": "vomecrty"})},
            coords={"time": [np.datetime64(time, "ns")], "lat": self.lat, "lon": self.lon},
        )  # fmt: skip
