"""The day up to the orders with one stage given instead of computed, for experiments that share a loss among stages.

Without any replacement a day is what :func:`oceanclean.chain.day.plan_day` makes of it. A replaced stage is published
under its own name with the given file's digest in its key, so that the stages after it cannot tell the difference.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain import stages
from oceanclean.chain.day import plan_day
from oceanclean.chain.run import DailyRun, safe_name
from oceanclean.errors import MissingDataError
from oceanclean.products import names
from oceanclean.products.files import load_grid, save_grid
from oceanclean.store import StageRecord, digest_file

if TYPE_CHECKING:
    import xarray as xr

#: Doubt of a velocity where debris is taken to stay where it was seen, m/s: a few kilometres a day.
STILL_M_S = 0.03
_MOVES = (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT, names.EASTWARD_WIND, names.NORTHWARD_WIND,
          names.EASTWARD_STOKES, names.NORTHWARD_STOKES)  # fmt: skip


@dataclass(frozen=True)
class Replaced:
    """What is given.

    Attributes:
        detections: folder with a segmentation raster ``<scene id>.tif`` for each scene, taken for the detector's.
        still: debris is taken to stay where the map has it.
        tracks: folder with ``tracks.nc`` and ``forecast.nc``, taken for the drift forecast's.
    """

    detections: Path | None = None
    still: bool = False
    tracks: Path | None = None

    @property
    def nothing(self) -> bool:
        """True where every stage is computed."""
        return self.detections is None and not self.still and self.tracks is None


def plan_replaced(run: DailyRun, replaced: Replaced, until: str = "allocate") -> StageRecord:
    """Run the day's stages up to ``map``, ``forecast`` or ``allocate``.

    Args:
        run: the run.
        replaced: stages that are given.
        until: last stage wanted.

    Returns:
        The record of that stage.

    Raises:
        OceancleanError: see the stages.
        MissingDataError: a given file is absent.
    """
    if replaced.nothing:
        records = plan_day(run, until=until)
        assert isinstance(records, tuple)  # noqa: S101
        return records[-1]
    with run.folder.hold():
        ingested = stages.ingest(run)
        if replaced.tracks is not None:
            forecasted = _given_tracks(run, replaced.tracks)
        else:
            found = [
                _given_detection(run, ingested, name, replaced.detections) if replaced.detections
                else stages.detect(run, ingested, name)
                for name in stages.new_scenes(run, ingested)
            ]  # fmt: skip
            mapped = stages.map_density(run, ingested, found)
            if until == "map":
                return mapped
            forecasted = _still(run, ingested, mapped) if replaced.still else stages.forecast(run, ingested, mapped)
        return forecasted if until == "forecast" else stages.allocate(run, ingested, forecasted)


def _given_detection(run: DailyRun, ingested: StageRecord, scene_id: str, folder: Path) -> StageRecord:
    """The detect stage of one scene from a raster that is given."""
    scene = next(s for s in stages.scenes_of(ingested) if s.scene_id == scene_id)
    raster = _there(folder / f"{Path(scene.path).stem}.tif")
    told = json.loads(_there(raster.with_suffix(".json")).read_text(encoding="utf-8"))

    def body(out: Path) -> Mapping[str, Any]:
        shutil.copy(raster, out / "segmentation.tif")
        record = {
            "scene": scene.to_json(), "raster": "segmentation.tif", "detections": "", "picture": "", "model": "given",
            "model_sha256": digest_file(raster), "degraded": [], **told,
        }  # fmt: skip
        (out / "segmentation.json").write_text(json.dumps(record, indent=1, sort_keys=True))
        return {"scene": scene_id, "model": "given", "threshold": told["threshold"], "degraded": []}

    return run.stage(f"detect-{safe_name(scene_id)}", {"given": digest_file(raster), "told": told}, body)


def _given_tracks(run: DailyRun, folder: Path) -> StageRecord:
    """The forecast stage from tracks that are given."""
    files = {name: _there(folder / name) for name in ("tracks.nc", "forecast.nc")}

    def body(out: Path) -> Mapping[str, Any]:
        for name, path in files.items():
            shutil.copy(path, out / name)
        return {"issue_time": run.issue_time, "degraded": []}

    return run.stage("forecast", {"given": {name: digest_file(path) for name, path in files.items()}}, body)


def _still(run: DailyRun, ingested: StageRecord, mapped: StageRecord) -> StageRecord:
    """The forecast stage of a sea in which nothing moves."""
    from oceanclean.drift.ensemble import forecast
    from oceanclean.drift.settings import load_settings

    settings = load_settings(run.config)
    settings = settings.model_copy(update={"residual": settings.residual.model_copy(update={"sigma_m_s": STILL_M_S})})
    inputs = {"still": STILL_M_S, "map": mapped.outputs["density.nc"], "forcing": ingested.outputs["forcing.nc"]}

    def body(folder: Path) -> Mapping[str, Any]:
        forcing = calm(load_grid("Forcing", ingested.path("forcing.nc")))
        fields, tracks = forecast(
            load_grid("DensityMap", mapped.path("density.nc")), forcing, issue_time=run.issue_time,
            horizon_h=ingested.facts["horizon_h"], settings=settings, seed=run.seed, region=run.region,
        )  # fmt: skip
        save_grid("DensityForecast", fields, folder / "forecast.nc")
        save_grid("DebrisTracks", tracks, folder / "tracks.nc")
        return {"issue_time": run.issue_time, "map_time": mapped.facts["map_time"], "degraded": []}

    return run.stage("forecast", inputs, body)


def calm(forcing: xr.Dataset) -> xr.Dataset:
    """The forcing without anything that carries debris; gaps stay gaps, waves keep their height."""
    return forcing.assign({name: forcing[name] * 0.0 for name in _MOVES if name in forcing})


def _there(path: Path) -> Path:
    if not path.is_file():
        raise MissingDataError(path, "given stage", "no such file", "what the experiment gives", "Write it first.")
    return path
