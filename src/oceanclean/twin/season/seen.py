"""What one planner is told of the sea up to an issue, in the real formats, in its own folder.

Forecasts and buoys are the same for all planners of a seed and are written once. Scenes, sightings and vessels'
messages depend on what was caught, and are made for each planner; the sky, the swell, ships and sargassum in them are
the same. A fifth folder holds what only the planners with a stage replaced by the truth are given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products.names import CLASS_ID, PROBABILITY_SCALE, Gate
from oceanclean.store import write_aside
from oceanclean.twin.forecast import forecast_of, write_forecast
from oceanclean.twin.reports import drifter_fixes, erddap_csv, sightings
from oceanclean.twin.scene import compose, frame_at, write_scene

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from oceanclean.twin.ocean import Ocean
    from oceanclean.twin.season.sea import Sea
    from oceanclean.twin.season.seaway import Plane
    from oceanclean.twin.season.ship import Ship

ROLES = ("currents", "wind", "waves")
#: Cover that the density room takes a sure pixel to have; a given raster says true cover in terms of it.
COVER_OF_SURE = 0.35
#: Older forecasts are of no use to anybody and are removed, days.
KEPT_DAYS = 3


def stamp(time: np.datetime64) -> str:
    """Time as in file names."""
    return str(time.astype("datetime64[m]")).replace("-", "").replace(":", "")


def write_shared(sea: Sea, day: int, folder: Path, *, exact: bool = False) -> dict[str, Path]:
    """Write a day's forecast of currents, wind and waves; a file that stands there is kept.

    Args:
        sea: the truth.
        day: number of the issue.
        folder: of the seed's forecasts.
        exact: what will be instead of a forecast, on the truth's own grid.

    Returns:
        Path by role.
    """
    issue_h, settings = sea.issues[day], sea.settings
    name = stamp(sea.ocean.time(issue_h))
    paths = {role: folder / role / f"{role}_{name}.nc" for role in ROLES}
    if all(p.is_file() for p in paths.values()):
        return paths
    available = str(sea.ocean.time(issue_h - settings.forecast.delay_h)) + "Z"
    rng = np.random.default_rng([sea.seed, 10, day])
    bias = settings.forecast.wave_bias * float(rng.standard_normal())
    said = forecast_of(sea.ocean, issue_h, settings, sea.seed, day)
    if exact:
        fine = {"step_deg": sea.ocean.basin.grid.step, "wind_every_h": 1}
        settings = settings.model_copy(update={"forecast": settings.forecast.model_copy(update=fine)})
        said, bias = sea.ocean, 0.0
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as aside:
        for role, path in write_forecast(said, issue_h, settings, Path(aside), name, available, bias).items():
            paths[role].parent.mkdir(parents=True, exist_ok=True)
            path.replace(paths[role])
    return paths


def all_fixes(sea: Sea) -> pd.DataFrame:
    """Fixes of every buoy of the season; each says when it became available."""
    return drifter_fixes(sea.ocean, sea.region, sea.settings, sea.issues[-1], sea.seed)[0]


def write_drifters(sea: Sea, day: int, fixes: pd.DataFrame, folder: Path) -> None:
    """Write the fixes of the last days that were known at an issue."""
    now, since = (str(sea.ocean.time(sea.issues[day] - back)) + "Z" for back in (0.0, 24.0 * KEPT_DAYS + 24))
    known = fixes[(fixes["available_at"] <= now) & (fixes["time"] >= since)]
    _write(folder / "drifters.csv", erddap_csv(known))


def link_forecasts(paths: dict[str, Path], folder: Path) -> None:
    """Put a day's forecast into a planner's folder and remove the oldest."""
    for role, path in paths.items():
        to = folder / role / path.name
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists():
            os.link(path, to)
        for old in sorted(to.parent.glob("*.nc"))[:-KEPT_DAYS]:
            old.unlink()


def write_sightings(sea: Sea, day: int, left_kg: NDArray[np.float64], folder: Path) -> None:
    """Add the day's reports of people to those before."""
    import pandas as pd

    rows = sightings(sea.ocean, sea.region, sea.with_left(left_kg), sea.settings, sea.issues[day], sea.seed, day)
    path = folder / "sightings.csv"
    columns = ["time", "lat", "lon", "observer", "description", "area_m2", "available_at"]
    table = pd.DataFrame(rows, columns=columns)
    if path.is_file():
        before = pd.read_csv(path)
        begin = str(sea.ocean.time(sea.issues[day] - 24.0)) + "Z"  # a day that is made again is not told twice
        table = pd.concat([before[before["available_at"] <= begin], table]) if len(before) else table
    _write(path, table.to_csv(index=False, lineterminator="\n"))


def write_fleet(sea: Sea, day: int, ships: Sequence[Ship], plane: Plane, folder: Path) -> None:
    """Write where each vessel really is, what it has on board and what endurance it has left."""
    import pandas as pd

    said = sea.ocean.time(sea.issues[day] - 0.1)
    rows = []
    for ship in ships:
        lon, lat = (float(v) for v in plane.lonlat(ship.xy))
        left = ship.vessel.endurance_h if ship.port else max(0.0, ship.left_h)
        rows.append({
            "vessel_id": ship.vessel.id, "time": f"{said}Z", "lat": round(lat, 5), "lon": round(lon, 5),
            "hold_used_kg": round(min(ship.hold_kg, ship.vessel.hold_kg), 1), "endurance_h": round(left, 2),
            "available_at": f"{said}Z",
        })  # fmt: skip
    _write(folder / "fleet_status.csv", pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def passes(sea: Sea, day: int) -> list[float]:
    """Hours of the overpasses whose scenes became available since the issue before, and by this one."""
    sky, s = sea.scenario.sky, sea.settings.scene
    clock = np.timedelta64(sum(60**k * int(p) for k, p in zip((2, 1, 0), s.acquired_utc.split(":"), strict=True)), "s")
    issue = sea.ocean.time(sea.issues[day])
    found = []
    for back in (2, 1, 0):
        date = issue.astype("datetime64[D]") - np.timedelta64(back, "D")
        ready = date + clock + np.timedelta64(round(s.delay_h * 3600), "s")
        since = issue - np.timedelta64(24, "h")
        number = int((date - np.datetime64(sea.scenario.start, "D")) / np.timedelta64(1, "D")) + 1
        if since < ready <= issue and number >= sky.first_day and (number - sky.first_day) % sky.every_days == 0:
            found.append(float((date + clock - sea.ocean.start) / np.timedelta64(1, "h")))
    return found


def write_scenes(
    sea: Sea, day: int, left_kg: NDArray[np.float64], folder: Path, hidden: Path, given: Path | None = None
) -> list[Path]:
    """Render the scenes of the passes since the issue before; older ones are removed.

    Args:
        sea: the truth.
        day: number of the issue.
        left_kg: (particle) what is left of the debris now; what was caught since a pass is taken out of it too.
        folder: of the planner's scenes.
        hidden: of what stands in each pixel, for scoring.
        given: where a planner is given perfect detection, the folder of its rasters.
    """
    s, debris = sea.settings.scene, sea.with_left(left_kg)
    written = []
    for hour in passes(sea, day):
        for number, (lon, lat) in enumerate(s.centres):
            passed = sea.ocean.time(hour)
            name = f"S2{'AB'[day % 2]}_{stamp(passed)}_area{number + 1}.tif"
            written.append(folder / name)
            if written[-1].is_file() and (hidden / name).is_file():
                continue
            rng = np.random.default_rng([sea.seed, 11, day, number])
            layers = compose(frame_at(lon, lat, s), sea.ocean, debris, sea.region, sea.settings, hour, rng,
                             swath_edge=number == 0)  # fmt: skip
            available = passed + np.timedelta64(round(s.delay_h * 3600), "s")
            tags = {"acquired": f"{passed}Z", "available_at": f"{available}Z", "platform": f"Sentinel-2{'AB'[day % 2]}",
                    "radiometry": "rhorc"}  # fmt: skip
            with write_aside(folder / name) as aside:
                write_scene(aside, hidden / name, layers, s, tags, rng)
            if given is not None:
                give_detection(hidden / name, given / name)
    for place in (folder, hidden):
        for old in place.glob("S2*.tif"):
            if old.name not in {p.name for p in written} and _age_days(old, sea, day) > KEPT_DAYS:
                old.unlink()
    return written


def _age_days(path: Path, sea: Sea, day: int) -> float:
    text = path.name.split("_")[1]
    then = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}")
    return float((sea.ocean.time(sea.issues[day]) - then) / np.timedelta64(1, "D"))


def give_detection(truth_scene: Path, to: Path) -> None:
    """Write the raster that a detector without any error would have made of a scene.

    Its probability says true cover: the density room takes probability × area × 35 % for the covered area. Clouds hide
    what is under them from it too.
    """
    import rasterio

    with rasterio.open(truth_scene) as file:
        kind, cover, profile = file.read(1), file.read(2) / 250.0, file.profile
    gate = np.full(kind.shape, Gate.OBSERVED, dtype=np.uint8)
    gate[kind == 0], gate[kind == CLASS_ID["cloud"]] = Gate.LAND, Gate.CLOUD
    probability = np.rint(PROBABILITY_SCALE * np.minimum(1.0, cover / COVER_OF_SURE)).astype(np.uint8)
    profile.update(count=3, dtype="uint8", predictor=1)
    profile.pop("nodata", None)
    to.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(to) as aside, rasterio.open(aside, "w", **profile) as out:
        for band, values in enumerate((probability, np.where(cover > 0.02, 1, kind).astype(np.uint8), gate), start=1):
            out.write(values, band)
    seen = float((gate == Gate.OBSERVED).sum()) * 1e-4
    told: dict[str, Any] = {"threshold": 0.02, "statistics": {"observed_km2": seen, "pixels": float(kind.size)}}
    to.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")


def give_tracks(sea: Sea, day: int, left_kg: NDArray[np.float64], folder: Path) -> None:
    """Write the debris' true future as the tracks of a forecast, and its density hour by hour."""
    from oceanclean.products.files import save_grid

    folder.mkdir(parents=True, exist_ok=True)
    tracks, fields = true_tracks(sea, day, left_kg)
    save_grid("DebrisTracks", tracks, folder / "tracks.nc")
    save_grid("DensityForecast", fields, folder / "forecast.nc")


def true_tracks(sea: Sea, day: int, left_kg: NDArray[np.float64]) -> tuple[Any, Any]:
    """``DebrisTracks`` of one member, and the ``DensityForecast`` that goes with them."""
    import xarray as xr

    from oceanclean.products import describe
    from oceanclean.products.names import DENSITY, DENSITY_STD

    region, debris, issue_h = sea.region, sea.debris, sea.issues[day]
    hours = round(issue_h) + np.arange(region.settings.horizon_h + 1)
    some = np.nonzero(sea.within(issue_h) & (left_kg > 0.01))[0]
    times = np.array([sea.ocean.time(float(h)) for h in hours]).astype("datetime64[ns]")
    shape = ("member", "particle", "time")
    lon, lat = (a[hours][:, some].T[None].astype("f4") for a in (debris.lon, debris.lat))
    status = np.select([k == debris.status[hours][:, some].T for k in (1, 2, 4)], [0, 1, 4], 2)[None].astype("i1")
    attrs = {"issue_time": sea.issue_time(day), "map_time": sea.issue_time(day), "region": region.name,
             "seed": sea.seed, "members": 1}  # fmt: skip
    tracks = xr.Dataset(
        {"lon": (shape, lon), "lat": (shape, lat), "status": (shape, status),
         "mass": (shape[:2], left_kg[some][None].astype("f4"))},
        coords={"time": times}, attrs=attrs,
    )  # fmt: skip
    density = np.zeros((len(hours), *region.grid.shape), dtype="f4")
    for k in range(len(hours)):
        row, column, inside = region.grid.index(lon[0, :, k].astype(float), lat[0, :, k].astype(float))
        kept = inside & (status[0, :, k] == 0)
        np.add.at(density[k], (row[kept], column[kept]), left_kg[some][kept])
    density /= region.grid.area_km2
    axes = ("time", "lat", "lon")
    fields = xr.Dataset(
        {DENSITY: (axes, density), DENSITY_STD: (axes, np.zeros_like(density)),
         "debris_density_quantile": (("quantile", *axes), density[None])},
        coords={"time": times, "lat": region.grid.lat, "lon": region.grid.lon, "quantile": [0.5]}, attrs=attrs,
    )  # fmt: skip
    return describe("DebrisTracks", tracks), describe("DensityForecast", fields)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def sea_time(ocean: Ocean, hour: float) -> str:
    """UTC of an hour as crews write it."""
    return f"{np.datetime_as_string(ocean.time(hour), unit='s')}Z"
