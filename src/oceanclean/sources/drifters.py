"""Fixes of drifting buoys from ERDDAP-style CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError, OceancleanError
from oceanclean.products import validate_table
from oceanclean.settings import SourceSettings
from oceanclean.sources import tables
from oceanclean.sources.places import files_of, resolved
from oceanclean.sources.registry import reader, reader_of
from oceanclean.sources.times import Moment, utc

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.region import Region

_COLUMNS = {
    "drifter_id": ("drifter_id", "id", "d_number", "buoy", "buoy_id", "platform_code", "wmo"),
    "time": ("time", "date_utc", "timestamp", "datetime"),
    "lat": ("latitude", "lat"),
    "lon": ("longitude", "lon", "lng"),
    "drogued": ("drogued", "drogue", "drogue_attached", "drogue_presence"),
    "drogue_lost_date": ("drogue_lost_date",),
    "available_at": ("available_at",),
}
#: Positions a file may hold where it has none.
_NO_PLACE = (-999.0, -999.999, 999999.0, -999999.0)
GOOD, DOUBTFUL, BAD = 1, 2, 3


def read_drifters(
    region: Region, sources: Sequence[SourceSettings], *, issue_time: Moment, work: Path | None = None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Drifter fixes in and around the region that could be read at the issue time.

    Args:
        region: the region; fixes within a degree of its waters are kept.
        sources: settings of its drifter sources.
        issue_time: later fixes are not seen.
        work: work folder of the run.

    Returns:
        The ``Drifters`` table in order of buoy and time (``quality`` 3 marks jumps), and sentences.

    Raises:
        InputError: a file of a required source cannot be used.
    """
    import geopandas as gpd

    now, degraded, parts = utc(issue_time), [], []
    for source in sources:
        read = reader_of("drifters", source.kind)
        try:
            part, sentences = read(region, resolved(source, work), now, work)
        except OceancleanError as error:
            if source.required:
                raise
            degraded.append(f"Drifters were not used: {error}")
            continue
        parts.append(part)
        degraded += sentences
    full = [p for p in parts if len(p)]
    if not full:
        return tables.empty("Drifters"), degraded
    table = gpd.GeoDataFrame(pd.concat(full, ignore_index=True), crs="EPSG:4326")
    return validate_table("Drifters", table, "drifters"), degraded


@reader("drifter_csv", "drifters")
def read_drifter_csv(
    region: Region, source: SourceSettings, issue_time: pd.Timestamp, work: Path | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Drifter fixes of CSV files; see :func:`read_drifters`.

    ``options``: ``max_speed_m_s`` (default 4; a faster move is a jump), ``history_h`` (default 336), ``timezone`` of
    times without zone.
    """
    notes: list[str] = []
    options = source.options
    latency = pd.Timedelta(hours=source.latency_h)
    files = files_of(source.path, work, (".csv", ".gz"))
    frames = [_one_file(path, options.get("timezone"), latency, notes) for path in files]
    if not frames:
        return tables.empty("Drifters"), [*notes, f"No drifter file {Path(source.path).name}."]
    table = pd.concat(frames, ignore_index=True)
    oldest = issue_time - pd.Timedelta(hours=float(options.get("history_h", 336)))
    table = table[(table["available_at"] <= issue_time) & (table["time"] >= oldest)]
    table = _without_duplicates(table.sort_values(["drifter_id", "time"], kind="stable"), source, notes)
    table["quality"] = _quality(table, float(options.get("max_speed_m_s", 4.0)))
    jumps = int((table["quality"] == BAD).sum())
    if jumps:
        notes.append(f"{Path(source.path).name}: {jumps} drifter fixes jump and were marked bad.")
    return _around(table, region), notes


def _one_file(path: Path, zone: str | None, latency: pd.Timedelta, notes: list[str]) -> pd.DataFrame:
    """Fixes of one file: drifter_id, time, lat, lon, drogued, available_at."""
    raw = tables.read_csv(path, _COLUMNS, ("drogued", "drogue_lost_date", "available_at"), notes)
    lat, lon = (tables.numbers(raw, c, path, empty_allowed=True) for c in ("lat", "lon"))
    there = lat.notna() & lon.notna() & ~lat.isin(_NO_PLACE) & ~lon.isin(_NO_PLACE)
    if (~there).any():
        notes.append(f"{path.name}: {int((~there).sum())} rows without a position were dropped.")
    attrs, raw = raw.attrs, raw[there].reset_index(drop=True)
    raw.attrs = attrs
    out = pd.DataFrame({"drifter_id": raw["drifter_id"], "time": tables.times(raw, "time", path, notes, zone)})
    out["lat"], out["lon"] = tables.places(raw, path)
    stated = "available_at" in raw
    out["available_at"] = tables.times(raw, "available_at", path, notes) if stated else out["time"] + latency
    out["drogued"] = _drogued(raw, out["time"], path, notes)
    if (out["drifter_id"] == "").any():
        raise InputError(path, f"drifter_id, line {raw['line'][out['drifter_id'] == ''].iloc[0]}", "nothing",
                         "the buoy's identifier", "Correct the line.")  # fmt: skip
    return out


def _drogued(raw: pd.DataFrame, time: pd.Series, path: Path, notes: list[str]) -> pd.Series:
    """Whether the drogue is attached; missing where the file does not say."""
    if "drogued" in raw:
        words = {"true": True, "1": True, "yes": True, "y": True, "1.0": True,
                 "false": False, "0": False, "no": False, "n": False, "0.0": False}  # fmt: skip
        return raw["drogued"].str.lower().map(words).astype("boolean")
    if "drogue_lost_date" in raw:
        text = raw["drogue_lost_date"]
        lost = pd.to_datetime(text.where(text.str.lower() != "nan", ""), errors="coerce", utc=True, format="mixed")
        # ERDDAP writes the epoch where the drogue was never lost
        kept = lost.isna() | (lost < pd.Timestamp("1971-01-01", tz="UTC"))
        return (kept | (time < lost)).astype("boolean")
    notes.append(f"{path.name} does not say whether drogues are attached.")
    return pd.Series(pd.NA, index=raw.index, dtype="boolean")


def _without_duplicates(table: pd.DataFrame, source: SourceSettings, notes: list[str]) -> pd.DataFrame:
    """One fix for each buoy and time."""
    twice = table.duplicated(["drifter_id", "time"])
    if twice.any():
        notes.append(f"{Path(source.path).name}: {int(twice.sum())} repeated drifter fixes were dropped.")
    return table[~twice].reset_index(drop=True)


def _quality(table: pd.DataFrame, max_speed: float) -> np.ndarray:
    """3 for a fix that jumps away and back, 2 for the first after a lasting jump, 1 else."""
    quality = np.full(len(table), GOOD)
    for rows in table.groupby("drifter_id", sort=False).indices.values():
        track = table.iloc[rows]
        speed = _speeds(track)
        fast_in, fast_out = np.append(False, speed > max_speed), np.append(speed > max_speed, False)
        ours = np.full(len(track), GOOD)
        ours[fast_in & ~fast_out] = DOUBTFUL
        ours[fast_in & fast_out] = BAD
        if len(track) > 2 and fast_out[0] and not fast_out[1]:
            ours[0], ours[1] = BAD, GOOD  # the first fix lies away from all that follow
        elif len(track) > 2 and fast_in[-1] and not fast_in[-2]:
            ours[-1] = BAD
        back = np.append(False, ours[:-1] == BAD)
        ours[back & (ours == DOUBTFUL)] = GOOD  # fast only because it returns from a bad fix
        quality[rows] = ours
    return quality


def _speeds(track: pd.DataFrame) -> np.ndarray:
    """Speed (n − 1) between consecutive fixes on WGS84, m s-1."""
    from pyproj import Geod

    lon, lat = track["lon"].to_numpy(), track["lat"].to_numpy()
    _, _, distance = Geod(ellps="WGS84").inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    seconds = np.diff(track["time"].to_numpy()) / np.timedelta64(1, "s")
    return np.asarray(distance) / np.maximum(seconds, 1.0)


def _around(table: pd.DataFrame, region: Region) -> gpd.GeoDataFrame:
    """Fixes within a degree of the region, as the contract wants them."""
    import geopandas as gpd

    lon, keep = tables.inside(region, table["lon"].to_numpy(), table["lat"].to_numpy(), 1.0)
    columns = ["drifter_id", "time", "drogued", "quality", "available_at"]
    points = gpd.points_from_xy(lon[keep], table["lat"].to_numpy()[keep])
    return gpd.GeoDataFrame(table.loc[keep, columns].reset_index(drop=True), geometry=points, crs="EPSG:4326")
