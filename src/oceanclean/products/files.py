"""Products on disk: every file that crosses a door is checked when written and when read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.aside import write_aside
from oceanclean.errors import ProductError
from oceanclean.products.contracts import describe, validate_grid, validate_table

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import pyarrow as pa
    import xarray as xr

_GEOARROW = b"ARROW:extension:metadata"
#: EPSG:4326 as GeoParquet headers tell it (PROJJSON). What PROJ itself says of it depends on the data base that a
#: process met first (GDAL and pyproj bring one each), and a file that is made again must be the same bytes.
_WGS84: dict[str, Any] = {
    "$schema": "https://proj.org/schemas/v0.7/projjson.schema.json",
    "type": "GeographicCRS",
    "name": "WGS 84",
    "datum_ensemble": {
        "name": "World Geodetic System 1984 ensemble",
        "members": [
            {"name": f"World Geodetic System 1984{of}"}
            for of in (" (Transit)", *(f" (G{week})" for week in (730, 873, 1150, 1674, 1762, 2139, 2296)))
        ],
        "ellipsoid": {"name": "WGS 84", "semi_major_axis": 6378137, "inverse_flattening": 298.257223563},
        "accuracy": "2.0",
        "id": {"authority": "EPSG", "code": 6326},
    },
    "coordinate_system": {
        "subtype": "ellipsoidal",
        "axis": [
            {"name": "Geodetic latitude", "abbreviation": "Lat", "direction": "north", "unit": "degree"},
            {"name": "Geodetic longitude", "abbreviation": "Lon", "direction": "east", "unit": "degree"},
        ],
    },
    "scope": "Horizontal component of 3D system.",
    "area": "World.",
    "bbox": {"south_latitude": -90, "west_longitude": -180, "north_latitude": 90, "east_longitude": 180},
    "id": {"authority": "EPSG", "code": 4326},
}


def save_grid(product: str, data: xr.Dataset, path: Path) -> Path:
    """Check a gridded product and write it as compressed NetCDF-4 (float32).

    Args:
        product: name of the contract.
        data: the product.
        path: file in a folder that the caller publishes whole.

    Raises:
        ProductError: the product breaks its contract.
    """
    data = validate_grid(product, describe(product, data), path.name)
    encoding: dict[str, dict[str, object]] = {}
    for name, variable in data.data_vars.items():
        encoding[str(name)] = {"zlib": True, "complevel": 1, "shuffle": True}
        if variable.dtype.kind == "f":
            encoding[str(name)]["dtype"] = "float32"
    if "time" in data.coords:
        encoding["time"] = {"units": "seconds since 1970-01-01", "dtype": "int64"}
    data.to_netcdf(path, engine="netcdf4", encoding=encoding)
    return path


def load_grid(product: str, path: Path) -> xr.Dataset:
    """Read a gridded product into memory and check it.

    Raises:
        ProductError: unreadable, or it breaks its contract.
    """
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="netcdf4") as data:
            loaded = data.load()
    except (OSError, ValueError, KeyError) as error:
        raise ProductError(path, product, error, "a readable NetCDF file", "Run the stage again.") from error
    return validate_grid(product, loaded, str(path))


def save_table(product: str, table: gpd.GeoDataFrame, path: Path) -> Path:
    """Check a tabular product and write it as GeoParquet.

    Raises:
        ProductError: the table breaks its contract.
    """
    return write_parquet(validate_table(product, table, path.name), path)


def write_parquet(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as Parquet, a GeoDataFrame as GeoParquet: the one door by which tables reach the disk.

    The same table gives the same bytes in every process, and the file appears whole or not at all.

    Raises:
        ProductError: a geometry is not in EPSG:4326.
    """
    import geopandas as gpd
    import pyarrow.parquet as pq

    made = io.BytesIO()
    table.to_parquet(made)
    content = pq.read_table(made)
    if isinstance(table, gpd.GeoDataFrame):
        content = _in_one_header(table, content, path.name)
    with write_aside(path) as aside:
        pq.write_table(content, aside, compression="snappy")
    return path


def _in_one_header(table: gpd.GeoDataFrame, content: pa.Table, source: str) -> pa.Table:
    """Tell the reference system in one way: in GeoParquet's header, and in each column's for readers of GeoArrow."""
    header, schema = json.loads(content.schema.metadata[b"geo"]), content.schema
    for name, column in header["columns"].items():
        crs = table[name].crs
        if crs is None or crs.to_epsg() != 4326:
            raise ProductError(source, f"crs of {name}", crs, "EPSG:4326", "Reproject the table.")
        column["crs"] = _WGS84
        place = schema.get_field_index(name)
        told = {**(schema.field(place).metadata or {}), _GEOARROW: json.dumps({"crs": _WGS84}).encode()}
        schema = schema.set(place, schema.field(place).with_metadata(told))
    return content.cast(schema.with_metadata({**schema.metadata, b"geo": json.dumps(header).encode()}))


def load_table(product: str, path: Path) -> gpd.GeoDataFrame:
    """Read a tabular product and check it.

    Raises:
        ProductError: unreadable, or it breaks its contract.
    """
    import geopandas as gpd

    try:
        table = gpd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ProductError(path, product, error, "a readable GeoParquet file", "Run the stage again.") from error
    return validate_table(product, table, str(path))
