"""What passes through the doors: one table of contracts and the one function that checks them.

Each gridded product is an :class:`xarray.Dataset`, each tabular one a :class:`geopandas.GeoDataFrame`.
The table below is also the source of the data dictionary in ``docs/``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import ProductError
from oceanclean.products import names

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

CONVENTIONS = "CF-1.11"


@dataclass(frozen=True)
class Variable:
    """One gridded variable: dimensions, units, and the range outside which a value is a mistake."""

    dims: tuple[str, ...]
    units: str
    long_name: str
    standard_name: str | None = None
    low: float = -np.inf
    high: float = np.inf
    required: bool = True
    nan_allowed: bool = False


@dataclass(frozen=True)
class Column:
    """One column of a table: kind is ``text``, ``float``, ``int``, ``bool`` or ``time`` (UTC)."""

    kind: str
    units: str
    long_name: str
    low: float = -np.inf
    high: float = np.inf
    required: bool = True
    null_allowed: bool = False


@dataclass(frozen=True)
class GridContract:
    """Contract of a gridded product."""

    summary: str
    variables: dict[str, Variable]
    attributes: tuple[str, ...] = ()
    monotonic: tuple[str, ...] = ("lat", "lon")


@dataclass(frozen=True)
class TableContract:
    """Contract of a tabular product; every table is EPSG:4326."""

    summary: str
    columns: dict[str, Column]
    geometry: tuple[str, ...] = ("Point",)
    unique: tuple[str, ...] = ()
    attributes: tuple[str, ...] = field(default=())


_FIELD = ("time", "lat", "lon")
_MAP = ("lat", "lon")
_ms = "m s-1"

GRIDS: dict[str, GridContract] = {
    "Scene": GridContract(
        "One satellite scene, 11 bands on one 10 m grid, with its radiometry.",
        {
            "reflectance": Variable(
                ("band", "y", "x"), "1", "reflectance", "surface_bidirectional_reflectance",
                -0.2, 2.0, nan_allowed=True,
            ),
            "valid": Variable(("y", "x"), "1", "pixel carries a measurement"),
        },
        ("scene_id", "platform", "radiometry", "acquired", "available_at"),
        monotonic=(),
    ),
    "Forcing": GridContract(
        "Currents, wind, Stokes drift and waves over the region, from before the issue time to the horizon.",
        {
            names.EASTWARD_CURRENT: Variable(_FIELD, _ms, "eastward current", names.EASTWARD_CURRENT, -5, 5, nan_allowed=True),
            names.NORTHWARD_CURRENT: Variable(_FIELD, _ms, "northward current", names.NORTHWARD_CURRENT, -5, 5, nan_allowed=True),
            names.EASTWARD_WIND: Variable(_FIELD, _ms, "eastward wind at 10 m", names.EASTWARD_WIND, -90, 90, required=False, nan_allowed=True),
            names.NORTHWARD_WIND: Variable(_FIELD, _ms, "northward wind at 10 m", names.NORTHWARD_WIND, -90, 90, required=False, nan_allowed=True),
            names.EASTWARD_STOKES: Variable(_FIELD, _ms, "eastward surface Stokes drift", names.EASTWARD_STOKES, -3, 3, required=False, nan_allowed=True),
            names.NORTHWARD_STOKES: Variable(_FIELD, _ms, "northward surface Stokes drift", names.NORTHWARD_STOKES, -3, 3, required=False, nan_allowed=True),
            names.WAVE_HEIGHT: Variable(_FIELD, "m", "significant wave height", names.WAVE_HEIGHT, 0, 30, required=False, nan_allowed=True),
        },
        ("available_at", "source"),
        monotonic=("time", "lat", "lon"),
    ),
    "DensityMap": GridContract(
        "Floating debris per area at one time, with its doubt and where each cell's figure comes from.",
        {
            names.DENSITY: Variable(_MAP, "kg km-2", "mass of floating debris per area, mean", None, 0, 1e7, nan_allowed=True),
            names.DENSITY_STD: Variable(_MAP, "kg km-2", "standard deviation of debris density", None, 0, 1e7, nan_allowed=True),
            "debris_density_quantile": Variable(("quantile", *_MAP), "kg km-2", "quantile of the members' debris density", None, 0, 1e8, required=False, nan_allowed=True),
            "observed_fraction": Variable(_MAP, "1", "share of the cell seen by a sensor", None, 0, 1, nan_allowed=True),
            "observation_age": Variable(_MAP, "h", "age of the youngest look at the cell", None, 0, 1e5, nan_allowed=True),
            "origin": Variable(_MAP, "1", "where the figure comes from: 0 land, 1 climatology, 2 forecast, 3 observation", None, 0, 3),
        },
        ("valid_time", "issue_time", "region"),
    ),
    "DensityForecast": GridContract(
        "Debris density by hour from the issue time to the horizon: ensemble mean, spread, quantiles.",
        {
            names.DENSITY: Variable(_FIELD, "kg km-2", "ensemble mean of debris density", None, 0, 1e7, nan_allowed=True),
            names.DENSITY_STD: Variable(_FIELD, "kg km-2", "ensemble standard deviation of debris density", None, 0, 1e7, nan_allowed=True),
            "debris_density_quantile": Variable(("quantile", *_FIELD), "kg km-2", "ensemble quantile of debris density", None, 0, 1e7, nan_allowed=True),
        },
        ("issue_time", "map_time", "region", "members", "seed"),
        monotonic=("time", "lat", "lon"),
    ),
    "DebrisTracks": GridContract(
        "A sample of the ensemble's particles: where a known mass may go, member by member, hour by hour.",
        {
            "lon": Variable(("member", "particle", "time"), "degrees_east", "longitude", None, -180, 360, nan_allowed=True),
            "lat": Variable(("member", "particle", "time"), "degrees_north", "latitude", None, -90, 90, nan_allowed=True),
            "status": Variable(("member", "particle", "time"), "1", "0 afloat, 1 stranded, 2 left the region, 3 no forcing, 4 sunk", None, 0, 4),
            "mass": Variable(("member", "particle"), "kg", "debris mass that the particle carries", None, 0, 1e9),
        },
        ("issue_time", "map_time", "region", "seed"),
        monotonic=("time",),
    ),
}  # fmt: skip

TABLES: dict[str, TableContract] = {
    "Drifters": TableContract(
        "One row a fix of a drifting buoy.",
        {
            "drifter_id": Column("text", "", "buoy"),
            "time": Column("time", "UTC", "time of the fix"),
            "drogued": Column("bool", "", "drogue attached", null_allowed=True),
            "quality": Column("int", "1", "1 good, 2 doubtful, 3 bad", 1, 3),
            "available_at": Column("time", "UTC", "when the fix could be read"),
        },
    ),
    "Detections": TableContract(
        "One row a target seen by any sensor.",
        {
            "detection_id": Column("text", "", "identifier"),
            "source_id": Column("text", "", "scene, photo or report it was seen in"),
            "sensor": Column("text", "", "sentinel2, windrow_catalogue, sighting, ..."),
            "class_name": Column("text", "", "one of names.CLASSES"),
            "probability": Column("float", "1", "calibrated probability that the class is right", 0, 1),
            "area_m2": Column("float", "m2", "area of the target", 0, 1e10),
            "cover": Column("float", "1", "share of the area that debris covers", 0, 1, null_allowed=True),
            "observed_at": Column("time", "UTC", "when it was seen"),
            "available_at": Column("time", "UTC", "when the record could be read"),
            "model": Column("text", "", "model and version that made the detection"),
        },
        geometry=("Point", "Polygon", "MultiPolygon"),
        unique=("detection_id",),
    ),
    "FleetState": TableContract(
        "One row a vessel, as it stands at the issue time.",
        {
            "vessel_id": Column("text", "", "identifier"),
            "name": Column("text", "", "name"),
            "home_port": Column("text", "", "name of the home port"),
            "transit_speed": Column("float", "m s-1", "speed in transit", 0.1, 30),
            "collect_speed": Column("float", "m s-1", "speed through water while collecting", 0.05, 10),
            "endurance": Column("float", "h", "time at sea left before it must be in port", 0, 5000),
            "hold": Column("float", "kg", "capacity of the hold", 0, 1e7),
            "hold_used": Column("float", "kg", "mass already in the hold", 0, 1e7),
            "swath": Column("float", "m", "effective mouth width while collecting", 0.1, 5000),
            "efficiency": Column("float", "1", "share of the debris in the swath that is kept", 0, 1),
            "max_wave_height": Column("float", "m", "significant wave height above which it does not work", 0, 20),
            "max_wind": Column("float", "m s-1", "10 m wind above which it does not work", 0, 60),
            "daylight_only": Column("bool", "", "collects by daylight only"),
            "available": Column("bool", "", "can be sent today"),
            "reason": Column("text", "", "why it is not available, else empty"),
            "observed_at": Column("time", "UTC", "time of the position"),
            "hold_m3": Column("float", "m3", "room in the hold, where it counts beside the mass", 0, 1e5, required=False, null_allowed=True),
            "drone": Column("bool", "", "a drone on board looks for windrows", required=False),
            "wave_speed_loss": Column("float", "m-1", "part of the transit speed lost for each metre of significant wave height", 0, 0.5, required=False),
            "alternative_ports": Column("text", "", "ports where a trip may end beside the home port, separated by semicolons", required=False),
            "max_work": Column("float", "h", "time on duty after which the crew must rest", 0, 5000, required=False, null_allowed=True),
            "rest": Column("float", "h", "length of that rest", 0, 100, required=False, null_allowed=True),
            "fuel": Column("float", "l", "fuel on board that may be used", 0, 1e7, required=False, null_allowed=True),
            "fuel_capacity": Column("float", "l", "fuel on board after bunkering", 0, 1e7, required=False, null_allowed=True),
            "fuel_transit": Column("float", "l h-1", "fuel used in transit", 0, 1e5, required=False),
            "fuel_collect": Column("float", "l h-1", "fuel used while collecting", 0, 1e5, required=False),
            "fuel_idle": Column("float", "l h-1", "fuel used hove to", 0, 1e5, required=False),
            "bunker": Column("float", "h", "time alongside to take fuel", 0, 100, required=False),
            "tows_with": Column("text", "", "vessel that holds the other end of its net, or empty", required=False),
            "pair_swath": Column("float", "m", "mouth width of the net between the two", 0.1, 5000, required=False, null_allowed=True),
        },
        unique=("vessel_id",),
    ),
    "Tasks": TableContract(
        "One row a collection task: a patch that drifts, as the allocator saw it.",
        {
            "task_id": Column("text", "", "identifier, stable within a run"),
            "mass_kg": Column("float", "kg", "expected mass at the issue time", 0, 1e9),
            "mass_p10_kg": Column("float", "kg", "10 % quantile of the mass", 0, 1e9),
            "mass_p90_kg": Column("float", "kg", "90 % quantile of the mass", 0, 1e9),
            "radius_m": Column("float", "m", "radius that holds most of the mass", 0, 1e6),
            "density_kg_km2": Column("float", "kg km-2", "mean density inside the radius", 0, 1e7),
            "served_by": Column("text", "", "vessel, or empty"),
            "left_for": Column("text", "", "kind of reason why it is not served, one of names.LEFT_FOR; empty where it is served"),
            "reason": Column("text", "", "why it is not served, in words, else empty"),
        },
        unique=("task_id",),
    ),
    "Orders": TableContract(
        "One row an order: what a vessel does, where and when.",
        {
            "vessel_id": Column("text", "", "vessel"),
            "sequence": Column("int", "1", "position in the vessel's day", 0, 10_000),
            "action": Column("text", "", "depart, collect, unload, return, wait or stay"),
            "task_id": Column("text", "", "task, or empty"),
            "arrive": Column("time", "UTC", "planned arrival"),
            "leave": Column("time", "UTC", "planned departure"),
            "window_start": Column("time", "UTC", "earliest start of the work", null_allowed=True),
            "window_end": Column("time", "UTC", "latest start of the work", null_allowed=True),
            "end_lat": Column("float", "degrees_north", "where the vessel is when it leaves: a sweep or a wait drifts with its patch", -90, 90),
            "end_lon": Column("float", "degrees_east", "longitude of that place", -180, 360),
            "distance_m": Column("float", "m", "distance sailed from the end of the previous order, all bends", 0, 1e8),
            "course_deg": Column("float", "degree", "true course of the first stretch of that way; further ones stand in the routes", 0, 360, null_allowed=True),
            "expected_kg": Column("float", "kg", "expected catch", 0, 1e9),
            "expected_p10_kg": Column("float", "kg", "10 % quantile of the catch", 0, 1e9),
            "expected_p90_kg": Column("float", "kg", "90 % quantile of the catch", 0, 1e9),
            "found_probability": Column("float", "1", "share of ensemble members in which the patch is within reach", 0, 1, null_allowed=True),
            "hold_kg": Column("float", "kg", "mass in the hold when leaving", 0, 1e9),
            "endurance_left_h": Column("float", "h", "endurance left when leaving", -1e-6, 1e5),
            "fuel_left_l": Column("float", "l", "fuel left when leaving, where it is known", -1e-3, 1e7, required=False, null_allowed=True),
            "wave_height_m": Column("float", "m", "significant wave height there and then", 0, 30, null_allowed=True),
            "wind_m_s": Column("float", "m s-1", "10 m wind there and then", 0, 100, null_allowed=True),
            "reason": Column("text", "", "why, in words"),
        },
    ),
    "Catches": TableContract(
        "One row a haul: what a vessel swept and took aboard, as its crew reported it. Point: middle of the haul.",
        {
            "catch_id": Column("text", "", "identifier"),
            "vessel_id": Column("text", "", "vessel"),
            "task_id": Column("text", "", "task of the plan that sent it there, or empty"),
            "started_at": Column("time", "UTC", "gear out"),
            "ended_at": Column("time", "UTC", "gear in"),
            "available_at": Column("time", "UTC", "when the report could be read"),
            "caught_kg": Column("float", "kg", "debris taken aboard; 0 is a search that found nothing", 0, 1e7),
            "swept_m": Column("float", "m", "distance through the water with the gear out", 0, 1e7, null_allowed=True),
            "swath_m": Column("float", "m", "mouth width in use, where it differed from the vessel's", 0.1, 5000, null_allowed=True),
            "wave_height_m": Column("float", "m", "significant wave height as seen aboard", 0, 30, null_allowed=True),
            "fuel_l": Column("float", "l", "fuel used since the report before", 0, 1e7, null_allowed=True),
            "debris_class": Column("text", "", "what it mostly was: net, rope, bottle, ..., or empty"),
            "reported_by": Column("text", "", "who reported it, or empty"),
            "note": Column("text", "", "what the crew wrote, or empty"),
        },
        unique=("catch_id",),
    ),
}  # fmt: skip

_KINDS = {"float": "fiu", "int": "iu", "bool": "b"}


def validate_grid(product: str, data: xr.Dataset, source: str) -> xr.Dataset:
    """Check a gridded product against its contract.

    Args:
        product: key of :data:`GRIDS`.
        data: the product.
        source: file or stage it came from, for the error.

    Returns:
        ``data``, unchanged.

    Raises:
        ProductError: the first thing that breaks the contract.
    """
    contract = GRIDS[product]
    for name, spec in contract.variables.items():
        if name not in data:
            if spec.required:
                raise ProductError(source, name, f"no such variable in {list(data)}", f"a {product} with it",
                                   "Name the variable by its CF standard name.")  # fmt: skip
            continue
        _check_variable(product, name, spec, data[name], source)
    for attribute in contract.attributes:
        if attribute not in data.attrs:
            raise ProductError(source, attribute, "no such attribute", f"{product} attribute {attribute!r}",
                               "Set it where the product is made.")  # fmt: skip
    for axis in contract.monotonic:
        _check_axis(axis, data, source)
    return data


def _check_variable(product: str, name: str, spec: Variable, values: xr.DataArray, source: str) -> None:
    if values.dims != spec.dims:
        raise ProductError(source, name, f"dimensions {values.dims}", f"{spec.dims} in a {product}",
                           "Transpose or rename the dimensions.")  # fmt: skip
    if values.attrs.get("units") != spec.units:
        raise ProductError(source, name, f"units {values.attrs.get('units')!r}", f"units {spec.units!r}",
                           "Convert the values and set the units attribute.")  # fmt: skip
    if values.dtype.kind not in "fiub":
        raise ProductError(source, name, f"type {values.dtype}", "numbers", "Decode the variable first.")
    if values.dtype.kind == "f":
        array = values.to_numpy()
        finite = np.isfinite(array)
        if not spec.nan_allowed and not finite.all():
            raise ProductError(source, name, "NaN or infinite values", "finite values",
                               "Fill or mask them where the product is made.")  # fmt: skip
        if np.isinf(array).any():
            raise ProductError(source, name, "infinite values", "finite values or NaN", "Mask fill values.")
        array = array[finite]
    else:
        array = values.to_numpy()
    if array.size and (array.min() < spec.low or array.max() > spec.high):
        raise ProductError(source, name, f"values {array.min():.6g} to {array.max():.6g} {spec.units}",
                           f"{spec.low:g} to {spec.high:g} {spec.units}",
                           "Check units and fill values of the source.")  # fmt: skip


def _check_axis(axis: str, data: xr.Dataset, source: str) -> None:
    if axis not in data.coords:
        raise ProductError(source, axis, "no such coordinate", f"a coordinate {axis!r}", "Add it.")
    steps = np.diff(data[axis].to_numpy())
    if steps.size and not (steps > np.zeros(1, dtype=steps.dtype)).all():
        raise ProductError(source, axis, "values that do not increase", "strictly increasing values",
                           "Sort the axis and drop duplicates.")  # fmt: skip


def validate_table(product: str, table: gpd.GeoDataFrame, source: str) -> gpd.GeoDataFrame:
    """Check a tabular product against its contract.

    Args:
        product: key of :data:`TABLES`.
        table: the product.
        source: file or stage it came from, for the error.

    Returns:
        ``table``, unchanged.

    Raises:
        ProductError: the first thing that breaks the contract.
    """
    contract = TABLES[product]
    if table.crs is None or table.crs.to_epsg() != 4326:
        raise ProductError(source, "crs", table.crs, "EPSG:4326", "Reproject the table.")
    for name, spec in contract.columns.items():
        if name not in table:
            if spec.required:
                raise ProductError(source, name, f"columns {list(table.columns)}", f"column {name!r} of {product}",
                                   "Add the column.")  # fmt: skip
            continue
        _check_column(name, spec, table[name], source)
    for name in contract.unique:
        repeated = table[name][table[name].duplicated()]
        if len(repeated):
            raise ProductError(source, name, f"{repeated.iloc[0]!r} twice", "unique values",
                               "Drop or rename the repeated row.")  # fmt: skip
    odd = set(table.geom_type.dropna()) - set(contract.geometry)
    if odd or table.geometry.isna().any() or table.geometry.is_empty.any():
        raise ProductError(source, "geometry", odd or "empty geometry", f"{contract.geometry}",
                           "Give every row a geometry.")  # fmt: skip
    return table


def _check_column(name: str, spec: Column, values: Any, source: str) -> None:
    import pandas as pd

    if not spec.null_allowed and values.isna().any():
        row = values.index[values.isna()][0]
        raise ProductError(source, name, f"no value in row {row}", "a value in every row",
                           "Fill the row or drop it.")  # fmt: skip
    if spec.kind == "time":
        if len(values) and not isinstance(values.dtype, pd.DatetimeTZDtype):
            raise ProductError(source, name, f"type {values.dtype}", "timestamps in UTC",
                               "Localise the times to UTC.")  # fmt: skip
        return
    if spec.kind == "text":
        bad = values.dropna().map(lambda v: not isinstance(v, str))
        if bad.any():
            raise ProductError(source, name, repr(values.dropna()[bad].iloc[0]), "text", "Convert it to text.")
        return
    present = values.dropna()
    if len(present) == 0:
        return
    if spec.kind == "bool":
        if not present.map(lambda v: isinstance(v, (bool, np.bool_))).all():
            raise ProductError(source, name, f"type {values.dtype}", "true or false", "Convert it.")
        return
    if present.dtype.kind not in _KINDS[spec.kind]:
        raise ProductError(source, name, f"type {present.dtype}", spec.kind, "Convert the column.")
    wrong = present[(present < spec.low) | (present > spec.high) | ~np.isfinite(present.astype(float))]
    if len(wrong):
        raise ProductError(source, name, f"{wrong.iloc[0]:.6g} {spec.units} in row {wrong.index[0]}",
                           f"{spec.low:g} to {spec.high:g} {spec.units}", "Correct the row.")  # fmt: skip


def describe(product: str, data: xr.Dataset) -> xr.Dataset:
    """Give a gridded product the CF attributes of its contract (units, names, conventions).

    Args:
        product: key of :data:`GRIDS`.
        data: variables already in the contract's units.

    Returns:
        A shallow copy with attributes set; coordinates keep no fill value, as CF asks.
    """
    data = data.copy()
    for name, spec in GRIDS[product].variables.items():
        if name in data:
            keep = {"units": spec.units, "long_name": spec.long_name}
            if spec.standard_name:
                keep["standard_name"] = spec.standard_name
            data[name].attrs.update(keep)
    for axis, units, standard in (("lat", "degrees_north", "latitude"), ("lon", "degrees_east", "longitude")):
        if axis in data.coords and data[axis].dims == (axis,):
            data[axis].attrs.update(units=units, standard_name=standard, axis="Y" if axis == "lat" else "X")
            data[axis].encoding["_FillValue"] = None
    data.attrs["Conventions"] = CONVENTIONS
    data.attrs["product"] = product
    return data
