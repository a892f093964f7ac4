"""Write what would be seen of the simulated sea, in the real formats, and the truth apart from it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean import __version__
from oceanclean.errors import InputError
from oceanclean.settings import FleetSettings, load_fleet_settings
from oceanclean.store import digest_file, digest_record, read_json, write_aside, write_json
from oceanclean.twin.debris import DebrisTruth, make_debris
from oceanclean.twin.forecast import field, forecast_of, write_cf, write_forecast
from oceanclean.twin.ocean import Ocean, make_ocean
from oceanclean.twin.reports import drifter_fixes, erddap_csv, fleet_status, sightings
from oceanclean.twin.scene import compose, frame_at, write_scene

if TYPE_CHECKING:
    from oceanclean.region import Region
    from oceanclean.twin.settings import TwinSettings

RECORD = "twin.json"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Days:
    """Times of a run: first hour, hours in all, hour of each issue."""

    start: np.datetime64
    hours: int
    issues: tuple[float, ...]


def observe(
    region: Region, issue_time: str, out: Path, settings: TwinSettings, seed: int,
    progress: Progress | None = None, *, days: int = 1, fleet: FleetSettings | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Simulate a region's sea and write what is seen of it up to each issue time.

    The folder appears whole or not at all; the same arguments and code give the same files, and a folder that
    already holds them is returned at once.

    Args:
        region: the region.
        issue_time: first issue, ISO 8601 UTC on a whole hour.
        out: folder to write: ``seen/`` for the chain, ``truth/`` for scoring only.
        settings: the twin's settings.
        seed: of all randomness.
        progress: called with a stage's name and the share done.
        days: number of consecutive issue days; each file carries its own ``available_at``.
        fleet: the fleet whose messages are written; the region's own by default.

    Returns:
        ``seen``, ``truth``, paths by role (relative to ``out``), ``issue_times``, ``reused``.

    Raises:
        InputError: an issue time that is not on a whole hour, or fewer than one day.
    """
    times = _days(issue_time, days, settings)
    _check_centres(region, settings)
    fleet = fleet or load_fleet_settings(region.settings.fleet)
    key = digest_record({
        "region": region.settings.model_dump(mode="json"), "settings": settings.model_dump(mode="json"),
        "fleet": fleet.model_dump(mode="json"), "issue": str(times.start), "days": days, "seed": seed,
        "version": __version__, "code": _code_digest(),
    })  # fmt: skip
    ready = _finished(out, key)
    if ready is not None:
        return {**ready, "reused": True}
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with write_aside(out) as aside, threadpool_limits(1):  # small matrices: a second thread only costs
        aside.mkdir(parents=True)
        record = _fill(aside, region, times, settings, fleet, seed, progress or (lambda _stage, _share: None))
        files = {p.relative_to(aside).as_posix(): p.stat().st_size for p in sorted(aside.rglob("*")) if p.is_file()}
        write_json(aside / RECORD, {"key": key, "files": files, "facts": record})
    return {**_placed(out, record), "reused": False}


def _code_digest() -> str:
    """Digest of this room's code: a sea that other code made is not the same sea."""
    return digest_record([digest_file(p) for p in sorted(Path(__file__).parent.glob("*.py"))])


def _days(issue_time: str, days: int, settings: TwinSettings) -> _Days:
    try:
        first = np.datetime64(issue_time.strip().removesuffix("Z").removesuffix("+00:00"), "s")
    except ValueError as error:
        raise InputError("issue_time", "issue_time", repr(issue_time), "an ISO 8601 time in UTC",
                         "Write it as 2026-06-15T06:00Z.") from error  # fmt: skip
    if first != first.astype("datetime64[h]"):
        raise InputError("issue_time", "issue_time", repr(issue_time), "a whole hour", "Round it to the hour.")
    if days < 1:
        raise InputError("days", "days", days, "at least 1", "Ask for one day or more.")
    before = max(settings.ocean.spin_up_h, settings.forecast.history_h)
    hours = before + 24 * (days - 1) + settings.forecast.horizon_h + 1
    return _Days(first - np.timedelta64(before, "h"), hours, tuple(float(before + 24 * d) for d in range(days)))


def _check_centres(region: Region, settings: TwinSettings) -> None:
    """Refuse a scene that would not show the region."""
    west, south, east, north = region.grid.bounds
    for lon, lat in settings.scene.centres:
        if not (west <= lon <= east and south <= lat <= north):
            raise InputError("config/models/twin.yaml", "scene.centres", [lon, lat],
                             f"a place in {region.name}: {west:g} to {east:g} E, {south:g} to {north:g} N",
                             "Give the twin settings for this region.")  # fmt: skip


def _finished(out: Path, key: str) -> dict[str, Any] | None:
    """The record of a folder that was made from the same arguments and is whole; else None."""
    if not (out / RECORD).is_file():
        return None
    record = read_json(out / RECORD)
    if record.get("key") != key:
        return None
    for name, size in record["files"].items():
        if not (out / name).is_file() or (out / name).stat().st_size != size:
            return None
    return _placed(out, record["facts"])


def _placed(out: Path, facts: dict[str, Any]) -> dict[str, Any]:
    return {**facts, "out": str(out), "seen": str(out / "seen"), "truth": str(out / "truth")}


def _fill(
    aside: Path, region: Region, times: _Days, settings: TwinSettings, fleet: FleetSettings, seed: int,
    progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Simulate, and write ``seen`` and ``truth`` into the folder."""
    seen, hidden = aside / "seen", aside / "truth"
    seen.mkdir()
    hidden.mkdir()
    progress("sea", 0.0)
    ocean = make_ocean(region, times.start, times.hours, settings, seed)
    debris = make_debris(ocean, region, settings, seed, lambda share: progress("debris", share))
    write_truth(hidden, ocean, debris, settings)
    paths: dict[str, list[Path]] = {"scenes": [], "currents": [], "wind": [], "waves": []}
    seen_rows: list[dict[str, object]] = []
    fleet_rows: list[dict[str, object]] = []
    for day, issue_h in enumerate(times.issues):
        progress("forecast", day / len(times.issues))
        for role, path in _forecast(seen, ocean, issue_h, settings, seed, day).items():
            paths[role].append(path)
        seen_rows += sightings(ocean, region, debris, settings, issue_h, seed, day)
        fleet_rows += fleet_status(ocean, region, fleet, issue_h, seed, day)
        paths["scenes"] += _scenes(seen, hidden, ocean, debris, region, settings, issue_h, seed, day, progress)
    progress("reports", 0.0)
    fixes, _tracks = drifter_fixes(ocean, region, settings, times.issues[-1], seed)
    (seen / "drifters.csv").write_text(erddap_csv(fixes), encoding="utf-8")
    _write_rows(seen / "sightings.csv", seen_rows)
    _write_rows(seen / "fleet_status.csv", fleet_rows)
    return {
        "paths": {role: [p.relative_to(aside).as_posix() for p in found] for role, found in paths.items()}
        | {name: f"seen/{name}.csv" for name in ("drifters", "sightings", "fleet_status")},
        "issue_times": [str(ocean.time(h)) + "Z" for h in times.issues],
        "seed": seed,
    }


def _forecast(seen: Path, ocean: Ocean, issue_h: float, settings: TwinSettings, seed: int, day: int) -> dict[str, Path]:
    """Forecast of one issue day, written as NetCDF."""
    rng = np.random.default_rng([seed, 10, day])
    bias = settings.forecast.wave_bias * float(rng.standard_normal())
    stamp = _stamp(ocean.time(issue_h))
    available = str(ocean.time(issue_h - settings.forecast.delay_h)) + "Z"
    said = forecast_of(ocean, issue_h, settings, seed, day)
    return write_forecast(said, issue_h, settings, seen, stamp, available, bias)


def _scenes(
    seen: Path, hidden: Path, ocean: Ocean, debris: DebrisTruth, region: Region, settings: TwinSettings,
    issue_h: float, seed: int, day: int, progress: Progress,
) -> list[Path]:  # fmt: skip
    """Scenes of the last overpass that could be read before an issue."""
    s = settings.scene
    issue = ocean.time(issue_h)
    passed = issue.astype("datetime64[D]") + np.timedelta64(_seconds(s.acquired_utc), "s")
    while passed + np.timedelta64(round(s.delay_h * 3600), "s") > issue:
        passed -= np.timedelta64(1, "D")
    hour = float((passed - ocean.start) / np.timedelta64(1, "h"))
    platform = s.platforms[day % len(s.platforms)]
    paths = []
    for number, (lon, lat) in enumerate(s.centres):
        progress("scenes", number / len(s.centres))
        rng = np.random.default_rng([seed, 11, day, number])
        frame = frame_at(lon, lat, s)
        layers = compose(frame, ocean, debris, region, settings, hour, rng, swath_edge=number == 0)
        name = f"{platform.replace('entinel-', '')}_{_stamp(passed)}_area{number + 1}.tif"
        available = passed + np.timedelta64(round(s.delay_h * 3600), "s")
        tags = {"acquired": f"{passed}Z", "available_at": f"{available}Z", "platform": platform, "radiometry": "rhorc"}
        write_scene(seen / "scenes" / name, hidden / "scenes" / name, layers, s, tags, rng)
        paths.append(seen / "scenes" / name)
    return paths


def _seconds(clock: str) -> int:
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return 3600 * hours + 60 * minutes + seconds


def _stamp(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("-", "").replace(":", "")


def _write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    import pandas as pd

    pd.DataFrame(rows).to_csv(path, index=False, lineterminator="\n")


def write_truth(folder: Path, ocean: Ocean, debris: DebrisTruth, settings: TwinSettings) -> None:
    """Write the hidden truth: ``debris.nc`` (time, particle), ``currents.nc``, ``wind.nc``, ``waves.nc``."""
    import xarray as xr

    hours = np.arange(ocean.hours)
    time = np.array([ocean.time(float(h)) for h in hours]).astype("datetime64[ns]")
    classes = np.array(list(settings.debris.classes))
    pieces = xr.Dataset(
        {
            "lon": (("time", "particle"), debris.lon, {"units": "degrees_east"}),
            "lat": (("time", "particle"), debris.lat, {"units": "degrees_north"}),
            "status": (("time", "particle"), debris.status, {"flag_meanings": "unborn afloat stranded gone sunk"}),
            "mass": ("particle", debris.mass_kg, {"units": "kg"}),
            "area": ("particle", debris.area_m2, {"units": "m2"}),
            "windage": ("particle", debris.windage, {"units": "1"}),
            "kind": ("particle", debris.kind.astype(np.int8), {"flag_meanings": " ".join(classes)}),
            "raft": ("particle", debris.raft.astype(np.int32)),
        },
        coords={"time": time},
    )
    pieces["status"].encoding = {"zlib": True, "complevel": 1}
    write_cf(pieces, folder / "debris.nc")
    flow = np.stack([ocean.current(float(h)) for h in hours])
    sky = ocean.weather
    for name, data in (
        ("currents", field(ocean, hours, ocean.basin.grid, {
            "uo": ("eastward_sea_water_velocity", "m s-1", flow[:, 0]),
            "vo": ("northward_sea_water_velocity", "m s-1", flow[:, 1])})),
        ("wind", field(ocean, hours, sky.wind_grid, {
            "u10": ("eastward_wind", "m s-1", sky.wind[:, 0]), "v10": ("northward_wind", "m s-1", sky.wind[:, 1])})),
        ("waves", field(ocean, hours, sky.wave_grid, {
            "VSDX": ("sea_surface_wave_stokes_drift_eastward_velocity", "m s-1", sky.waves[:, 0]),
            "VSDY": ("sea_surface_wave_stokes_drift_northward_velocity", "m s-1", sky.waves[:, 1]),
            "VHM0": ("sea_surface_wave_significant_height", "m", sky.waves[:, 2])})),
    ):  # fmt: skip
        for variable in data.data_vars.values():
            if name == "currents":  # a millimetre a second is enough, at a quarter of the size
                variable.encoding = {"dtype": "i2", "scale_factor": 1e-3, "_FillValue": -32768}
        write_cf(data, folder / f"{name}.nc")


def remove(out: Path) -> None:
    """Remove a twin's folder, seen and truth."""
    shutil.rmtree(out, ignore_errors=True)
