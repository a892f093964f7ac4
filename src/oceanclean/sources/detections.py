"""Boxes and polygons that a detector has found in tiles and drone frames: files of the Detections product."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError, SettingsError
from oceanclean.products import validate_table
from oceanclean.settings import SourceSettings
from oceanclean.sources import tables
from oceanclean.sources.places import files_of
from oceanclean.sources.registry import reader

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.region import Region

_SUFFIXES = (".parquet", ".geojson")
_TIMES = ("observed_at", "available_at")


@reader("detections", "sightings")
def read_detections(
    region: Region, source: SourceSettings, issue_time: pd.Timestamp, history_h: float, work: Path | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Detections as ``oceanclean detect-objects`` writes them, with outline, sensor and kind.

    A detection becomes available ``latency_h`` after its file says, at the earliest; those of other times or of other
    places are left out, and those that lie in two files count once.

    Raises:
        InputError: a file that is no Detections product.
    """
    import geopandas as gpd

    if source.options:
        raise SettingsError("config/sources", f"options of {source.path}", source.options, "none", "Remove them.")
    paths = files_of(source.path, work, _SUFFIXES)
    if not paths:
        return tables.empty("Detections"), [f"No detections in {Path(source.path).name}."]
    table = gpd.GeoDataFrame(pd.concat([_one_file(p) for p in paths], ignore_index=True), crs="EPSG:4326")
    available = table["available_at"] + pd.Timedelta(hours=source.latency_h)
    recent = table["observed_at"] >= issue_time - pd.Timedelta(hours=history_h)
    table = table[(available <= issue_time) & (table["observed_at"] <= issue_time) & recent]
    centre = table.geometry.representative_point()
    inside = region.grid.index(centre.x.to_numpy(), centre.y.to_numpy())[2]
    notes = []
    if not inside.all():
        notes.append(f"{Path(source.path).name}: {int((~inside).sum())} detections outside the region were left out.")
    table = table[inside].drop_duplicates("detection_id").reset_index(drop=True)
    return table.assign(available_at=table["available_at"] + pd.Timedelta(hours=source.latency_h)), notes


def _one_file(path: Path) -> gpd.GeoDataFrame:
    """One file, checked."""
    import geopandas as gpd

    try:
        table = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(path, "file", str(error)[:200], "GeoParquet or GeoJSON", "Write the file again.") from error
    for column in _TIMES:
        if column in table:
            table[column] = pd.to_datetime(table[column], utc=True).astype("datetime64[ns, UTC]")
    if "cover" in table:
        table["cover"] = table["cover"].astype(float)
    if "mass_kg" not in table:
        table["mass_kg"] = np.nan
    return validate_table("Detections", table, str(path))
