"""``oceanclean maps …``: what an archive of density maps is good for beside the day's plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import Config, RegionName, Work

if TYPE_CHECKING:
    import xarray as xr

app = typer.Typer(no_args_is_help=True, help="Density maps of past days: climatology, time series, other formats.")


def _archive(work: Path, region: str) -> Iterator[xr.Dataset]:
    """The region's maps by issue time, one in memory at a time."""
    from oceanclean.products.files import load_grid

    for path in _maps(work, region):
        yield load_grid("DensityMap", path)


def _maps(work: Path, region: str) -> list[Path]:
    return sorted((work / "runs" / region).glob("*/map/density.nc"))


@app.command()
def climatology(region: RegionName = "demo", work: Work = options.DEFAULT_WORK) -> None:
    """Build the region's climatology from the looks of all its maps; the chain uses it from the next day on."""
    from oceanclean.chain.observing import write_climatology

    typer.echo(write_climatology(work, region, _maps(work, region)))


@app.command()
def series(
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV file.")],
    areas: Annotated[
        Path | None, typer.Option(help="Polygons with a column 'name' (GeoJSON, GeoPackage); default: the region.")
    ] = None,
    region: RegionName = "demo",
    work: Work = options.DEFAULT_WORK,
    config: Config = None,
) -> None:
    """Mass by area over all maps of a region, with the bounds of its doubt."""
    import shapely

    from oceanclean.density import time_series
    from oceanclean.region import load_region
    from oceanclean.store import write_aside

    named = {region: shapely.box(*load_region(region, config).grid.bounds)} if areas is None else _polygons(areas)
    table = time_series(_archive(work, region), named)
    with write_aside(out) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")
    typer.echo(f"{len(table)} rows: {out}")


def _polygons(path: Path) -> dict[str, object]:
    """Polygons of a file by name.

    Raises:
        InputError: unreadable, no column ``name``, or no polygons.
    """
    import geopandas as gpd

    from oceanclean.errors import InputError

    try:
        table = gpd.read_file(path).to_crs("EPSG:4326")
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(path, "areas", error, "a readable file of polygons", "Check the path.") from error
    if "name" not in table or not table.geom_type.isin(["Polygon", "MultiPolygon"]).all():
        raise InputError(path, "areas", f"{list(table.columns)}, {sorted(set(table.geom_type))}",
                         "polygons with a column 'name'", "Name each polygon.")  # fmt: skip
    return dict(zip(table["name"].astype(str), table.geometry, strict=True))


@app.command()
def export(
    density: Annotated[Path, typer.Argument(help="A day's density.nc.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File ending in .tif (Cloud Optimised GeoTIFF) or .zarr.")],
) -> None:
    """Write a density map for GIS or for an archive."""
    from oceanclean.density import write_geotiff, write_zarr
    from oceanclean.errors import InputError
    from oceanclean.products.files import load_grid

    writers = {".tif": write_geotiff, ".zarr": write_zarr}
    if out.suffix not in writers:
        raise InputError(out, "--out", out.suffix or "no ending", f"one of {sorted(writers)}", "Name the file so.")
    typer.echo(writers[out.suffix](load_grid("DensityMap", density), out))
