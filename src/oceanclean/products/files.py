"""Products on disk: every file that crosses a door is checked when written and when read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.errors import ProductError
from oceanclean.products.contracts import describe, validate_grid, validate_table

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr


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
    validate_table(product, table, path.name).to_parquet(path)
    return path


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
