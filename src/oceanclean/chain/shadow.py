"""After the plan: what the other model would have said, and where drifters are expected. Written beside, used nowhere.

The shadow of a day is a stage of its own that runs when the plan stands, so that it can neither delay nor spoil it. It
holds the detections of the arm that was not used, and the places at which the region's drifters are expected by every
arm of the forecaster; :mod:`oceanclean.chain.trial` scores both when catches, labels and fixes come back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.chain.models import Chosen, candidates, fitted_forecaster
from oceanclean.chain.run import DailyRun
from oceanclean.chain.standing import before_allocation
from oceanclean.learning import load_learning_settings
from oceanclean.learning.input_drift import Sketch, sketch
from oceanclean.products.files import load_grid, load_table, write_parquet
from oceanclean.products.names import BANDS
from oceanclean.products.scene import SceneRef
from oceanclean.store import StageRecord, digest_file, digest_record, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd

    from oceanclean.drift.settings import DriftSettings

STAGE = "shadow"
#: File of the stage with a sketch of every input variable.
SKETCHES = "inputs.json"
#: Brighter in short-wave infrared is cloud or land: how much of that a day has says nothing of the sensor.
_CLEAR_B11 = 0.08
#: A drifter that last reported longer ago is not followed, hours.
FRESH_H = 6.0
_COLUMNS = ("arm", "model", "drifter_id", "start", "lead_h", "time", "lon", "lat")


def shadow(run: DailyRun) -> StageRecord | None:
    """Run the other arm of every kind on a finished day.

    Args:
        run: a day that was planned.

    Returns:
        The stage's record; None where it failed: the plan stands, and the run's ledger says why under ``shadow``.
    """
    try:
        record = _shadow(run)
    except Exception as error:  # whatever went wrong: the plan stands, and must not be lost to its shadow
        _note(run, {"outcome": "failed", "error": f"{type(error).__name__}: {error}"[:2000]})
        return None
    _note(run, {"outcome": "complete", "facts": record.facts, "seconds": round(record.seconds, 3)})
    return record


def _shadow(run: DailyRun) -> StageRecord:
    ingested, detected, _mapped, _forecasted = before_allocation(run)
    segmenters = candidates(run, "segmenter")
    other = _other(detected, segmenters)
    forecasters = candidates(run, "forecaster")
    settings = load_learning_settings(run.config).shadow
    inputs = {
        "detected": [d.digest for d in detected],
        "forcing": ingested.outputs["forcing.nc"],
        "drifters": ingested.outputs["drifters.parquet"],
        "segmenter": [other.arm, identity(other)] if other else None,
        "forecasters": {arm: model.digest for arm, model in forecasters.items()},
        "settings": settings.model_dump(mode="json"),
    }

    def body(folder: Path) -> Mapping[str, Any]:
        scenes = _shadow_scenes(run, detected, other, folder) if other else []
        table, said = _drifter_forecasts(run, ingested, forecasters, settings.drifter_leads_h)
        write_parquet(table, folder / "drifters.parquet")
        write_json(folder / SKETCHES, input_sketches(ingested, detected))
        arms = {"forecaster": {arm: model.digest for arm, model in forecasters.items()}}
        if other:
            arms["segmenter"] = {arm: identity(model) for arm, model in segmenters.items()}
        (folder / "arms.json").write_text(json.dumps(arms, indent=1, sort_keys=True))
        return {
            "arms": arms, "shadow": other.arm if other else "", "scenes": scenes,
            "drifters": int(table["drifter_id"].nunique()), "said": said,
        }  # fmt: skip

    return run.stage(STAGE, inputs, body)


def identity(model: Chosen) -> str:
    """Digest of a segmenter's file and card (two models may share weights); "" for the one that ships."""
    if model.path is None:
        return ""
    return digest_record([digest_file(model.path), digest_file(model.path.with_suffix(".json"))])


def _other(detected: Sequence[StageRecord], arms: Mapping[str, Chosen]) -> Chosen | None:
    """The arm whose answer the day did not use; None where there is no second arm."""
    if "challenger" not in arms:
        return None
    used = next((d.facts["arm"] for d in detected if "arm" in d.facts), "champion")
    return arms["champion" if used == "challenger" else "challenger"]


def _shadow_scenes(run: DailyRun, detected: Sequence[StageRecord], other: Chosen, folder: Path) -> list[str]:
    """Detections of the other arm, one folder a scene; rasters and pictures are not kept."""
    from oceanclean import vision

    settings = vision.load_settings(run.config).model_copy(update={"model": str(other.path or "")})
    done = []
    for record in detected:
        if "segmentation.json" not in record.outputs:
            continue
        scene = SceneRef.from_json(read_json(record.path("segmentation.json"))["scene"])
        place = folder / record.stage
        result = vision.segment(scene, place, land=run.region.land, settings=settings)
        for unused in (result.raster, result.picture):
            Path(unused).unlink(missing_ok=True)
        write_json(place / "segmentation.json", {
            "scene": scene.scene_id, "arm": other.arm, "version": other.version, "model": result.model,
            "model_sha256": result.model_sha256, "threshold": result.threshold, "statistics": result.statistics,
        })  # fmt: skip
        done.append(scene.scene_id)
    return done


def input_sketches(ingested: StageRecord, detected: Sequence[StageRecord]) -> dict[str, Sketch]:
    """A sketch of each forcing variable of the region and of each band of the day's scenes over clear water."""
    from oceanclean.vision.features import sample_scene

    forcing = load_grid("Forcing", ingested.path("forcing.nc"))
    values: dict[str, Any] = {f"forcing {name}": forcing[name].to_numpy() for name in forcing.data_vars}
    pixels = []
    for record in detected:
        if "segmentation.json" in record.outputs:
            scene = SceneRef.from_json(read_json(record.path("segmentation.json"))["scene"])
            if Path(scene.path).is_file():
                sample = sample_scene(scene, grid=6)
                pixels.append(sample[sample[:, BANDS.index("B11")] < _CLEAR_B11])
    if pixels:
        joined = np.concatenate(pixels)
        values |= {f"reflectance {band}": joined[:, i] for i, band in enumerate(BANDS)}
    found = {name: sketch(v) for name, v in values.items()}
    return {name: one for name, one in found.items() if one is not None}


def _drifter_forecasts(
    run: DailyRun, ingested: StageRecord, arms: Mapping[str, Chosen], leads_h: Sequence[int]
) -> tuple[pd.DataFrame, list[str]]:
    """Where each arm expects the drifters that report, from their last fixes on."""
    import pandas as pd

    from oceanclean.drift.local_doubt import followed_currents
    from oceanclean.drift.settings import load_settings

    room = load_settings(run.config)
    drifters = load_table("Drifters", ingested.path("drifters.parquet"))
    last = drifters.sort_values("time").groupby("drifter_id").tail(1)
    last = last[last["time"] >= pd.Timestamp(run.before(FRESH_H))]
    forcing, _ = followed_currents(drifters, load_grid("Forcing", ingested.path("forcing.nc")), room)
    rows, said = [], []
    for arm, model in arms.items():
        forecaster, sentences = fitted_forecaster(model.path)
        carried, notes = forecaster.correct(forcing) if forecaster else (forcing, ())
        said += [f"{arm}: {s}" for s in (*model.said, *sentences, *notes)]
        for start, group in last.groupby("time"):
            rows += _carried(carried, group, start, leads_h, room, arm, model.digest)
    return pd.DataFrame(rows, columns=list(_COLUMNS)), said


def _carried(
    forcing: Any, group: Any, start: Any, leads_h: Sequence[int], room: DriftSettings, arm: str, digest: str
) -> list[tuple[Any, ...]]:
    """Rows of :data:`_COLUMNS` for drifters that start together; what strands or leaves the forcing is left out."""
    import pandas as pd

    from oceanclean import drift
    from oceanclean.drift.fields import has_stokes
    from oceanclean.drift.windage import followed_windage

    ends = pd.Timestamp(forcing["time"].to_numpy()[-1]).tz_localize("UTC")
    leads = [h for h in leads_h if start + pd.Timedelta(hours=h) <= ends]
    if not leads or start < pd.Timestamp(forcing["time"].to_numpy()[0]).tz_localize("UTC"):
        return []
    push = followed_windage(room, stokes=has_stokes(forcing))
    drogued = group["drogued"].fillna(False).to_numpy(bool)
    rows: list[tuple[Any, ...]] = []
    for below, windage, waves in ((False, push, room.windage.stokes_factor), (True, 0.0, 0.0)):  # a drogue hangs below
        own = group[drogued == below]
        if own.empty:
            continue
        moved = drift.advect(
            forcing, own.geometry.x.to_numpy(), own.geometry.y.to_numpy(), start.tz_localize(None).isoformat(),
            float(max(leads)), windage=windage, stokes_factor=waves,
        )  # fmt: skip
        for lead in leads:
            there = moved.isel(time=int(lead))
            for i, name in enumerate(own["drifter_id"]):
                if int(there["status"][i]) == 0:
                    lon, lat = float(there["lon"][i]), float(there["lat"][i])
                    rows.append((arm, digest, name, start, lead, start + pd.Timedelta(hours=lead), lon, lat))
    return rows


def _note(run: DailyRun, record: dict[str, Any]) -> None:
    """Say in the run's ledger what became of the shadow."""
    path = run.folder.root / "run.json"
    if path.is_file():
        write_json(path, {**read_json(path), "shadow": record})
