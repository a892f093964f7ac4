"""The stages of a day as plain functions: each takes the run and what came before, and leaves a folder.

Only records travel between stages; what a stage needs it reads from the folders of those before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain import decided
from oceanclean.chain.learned import fleet_file, learned_fleet
from oceanclean.chain.models import chosen, fitted_forecaster, segmenter_of
from oceanclean.chain.observing import climatology_file, write_map
from oceanclean.chain.outcome import reports_key
from oceanclean.chain.previous import previous_run, stage_folder, used_before
from oceanclean.chain.run import DailyRun, safe_name
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.files import load_grid, load_table, save_grid, save_table
from oceanclean.products.plan import Plan
from oceanclean.products.scene import SceneRef, Segmentation
from oceanclean.settings import (
    config_root,
    load_fleet_settings,
    load_model_settings,
    load_sources_settings,
    load_yaml,
    named,
)
from oceanclean.store import StageRecord, digest_file, digest_record, read_json

if TYPE_CHECKING:
    import xarray as xr

    from oceanclean.allocation.process import Job
    from oceanclean.decisions import Decisions
    from oceanclean.planning import PlanningSettings

Progress = Callable[[str, float], None]


def settings_digest(run: DailyRun, *models: str) -> dict[str, str]:
    """Digests of the region's settings and of the named ``config/models`` files."""
    root = config_root(run.config)
    found = {"region": digest_record(run.region.settings.model_dump(mode="json"))}
    for name in models:
        path = root / "models" / f"{name}.yaml"
        found[name] = digest_file(path) if path.is_file() else "defaults"
    return found


def scenes_of(ingested: StageRecord) -> list[SceneRef]:
    """Scenes that the ingest stage found."""
    return [SceneRef.from_json(s) for s in read_json(ingested.path("scenes.json"))["scenes"]]


def segmentation_of(detected: StageRecord) -> Segmentation:
    """What the detect stage left for one scene, with paths into its folder."""
    record = read_json(detected.path("segmentation.json"))
    for key in ("raster", "detections", "picture"):
        record[key] = str(detected.path(record[key])) if record[key] else ""
    return Segmentation.from_json(record)


def segmentations_of(detected: Sequence[StageRecord]) -> list[Segmentation]:
    """What the detect stages left; scenes that could not be used are not among them."""
    return [segmentation_of(d) for d in detected if "segmentation.json" in d.outputs]


def ingest(run: DailyRun) -> StageRecord:
    """Read every source as it was at the issue time: scenes, forcing, drifters, sightings, fleet.

    Raises:
        MissingDataError: no currents, so that nothing can be forecast.
        InputError: a file that cannot be used, named with what to do about it.
    """
    from oceanclean import sources

    region = run.region
    wanted = load_sources_settings(region.settings.sources, run.config)
    fleet = load_fleet_settings(region.settings.fleet, run.config)
    trouble = sources.fetch_trouble(region, wanted, until=run.issue_time, work=run.work, config=run.config)
    inputs = {
        "issue_time": run.issue_time,
        "settings": settings_digest(run),
        "fetching": trouble,
        "sources": wanted.model_dump(mode="json"),
        "fleet": fleet.model_dump(mode="json"),
        "files": sources.fingerprint(wanted, run.work),
    }

    def body(folder: Path) -> Mapping[str, Any]:
        degraded = list(trouble)
        history = region.settings.history_h
        scenes, said = sources.read_scenes(
            region, wanted.scenes, issue_time=run.issue_time, history_h=history, work=run.work
        )
        degraded += said
        forcing, said = sources.read_forcing(
            region, wanted, start=run.before(history), end=run.before(-region.settings.horizon_h),
            issue_time=run.issue_time, work=run.work,
        )  # fmt: skip
        degraded += said
        drifters, said = sources.read_drifters(region, wanted.drifters, issue_time=run.issue_time, work=run.work)
        degraded += said
        sightings, said = sources.read_sightings(
            region, wanted.sightings, issue_time=run.issue_time, history_h=history, work=run.work
        )
        degraded += said
        state, said = sources.read_fleet(region, fleet, wanted.fleet_status, issue_time=run.issue_time, work=run.work)
        degraded += said
        (folder / "scenes.json").write_text(json.dumps({"scenes": [s.to_json() for s in scenes]}, indent=1))
        save_grid("Forcing", forcing, folder / "forcing.nc")
        save_table("Drifters", drifters, folder / "drifters.parquet")
        save_table("Detections", sightings, folder / "sightings.parquet")
        save_table("FleetState", state, folder / "fleet.parquet")
        return {
            "degraded": degraded,
            "scenes": [s.scene_id for s in scenes],
            "cutoff": _cutoffs(run, scenes, forcing, sightings, state),
            "horizon_h": _covered_hours(run, forcing),
            "inputs": sources.inputs_used(wanted, run.work, scenes),
            "digests": sources.digests(wanted, run.work),
            "settings": {"sources": wanted.model_dump(mode="json"), "fleet": fleet.model_dump(mode="json")},
        }

    return run.stage("ingest", inputs, body)


def _covered_hours(run: DailyRun, forcing: xr.Dataset) -> float:
    """Hours from the issue time to the last field of the forcing, at most the region's horizon."""
    import numpy as np

    last = forcing["time"].to_numpy()[-1]
    hours = float((last - np.datetime64(run.moment.replace(tzinfo=None))) / np.timedelta64(1, "h"))
    return min(hours, float(run.region.settings.horizon_h))


def _cutoffs(
    run: DailyRun, scenes: Sequence[SceneRef], forcing: xr.Dataset, sightings: Any, fleet: Any
) -> dict[str, str]:
    """The youngest data of each kind that the plan saw."""
    return {
        "satellite image": max((s.acquired for s in scenes), default="none"),
        "currents, wind, waves": str(forcing.attrs.get("available_at", "unknown")),
        "sightings": str(sightings["observed_at"].max().isoformat()) if len(sightings) else "none",
        "vessel positions": str(fleet["observed_at"].max().isoformat()) if len(fleet) else "none",
        "issue time": run.issue_time,
    }


def detect(run: DailyRun, ingested: StageRecord, scene_id: str, progress: Progress | None = None) -> StageRecord:
    """Segment one scene: a probability raster with its gates, polygons, a picture."""
    from oceanclean import vision

    matches = [s for s in scenes_of(ingested) if s.scene_id == scene_id]
    if not matches:
        raise MissingDataError(ingested.path("scenes.json"), "scene_id", repr(scene_id), "a scene of the ingest stage",
                               "Run the ingest stage again.")  # fmt: skip
    scene = matches[0]
    settings, model = segmenter_of(run)
    inputs = {
        **model.facts,
        "scene": {**scene.to_json(), "path": "", "sha256": scene.sha256 or digest_file(Path(scene.path))},
        "settings": settings_digest(run, "segmenter"),
        "model": vision.model_digest(settings),
        **({"card": digest_file(model.path.with_suffix(".json"))} if model.path else {}),
    }

    def body(folder: Path) -> Mapping[str, Any]:
        try:
            result = vision.segment(scene, folder, land=run.region.land, settings=settings, progress=progress)
        except (InputError, MissingDataError) as error:  # one scene that cannot be used does not end the day
            return {"scene": scene_id, "degraded": [f"Scene {scene_id} was not used: {error}"]}
        record = result.to_json()
        for key in ("raster", "detections", "picture"):
            record[key] = Path(record[key]).name if record[key] else ""
        (folder / "segmentation.json").write_text(json.dumps(record, indent=1, sort_keys=True))
        return {
            "scene": scene_id, "model": result.model, "model_sha256": result.model_sha256,
            "threshold": result.threshold, "statistics": result.statistics,
            "degraded": [*model.said, *result.degraded], **model.facts,
        }  # fmt: skip

    return run.stage(f"detect-{safe_name(scene_id)}", inputs, body)


def new_scenes(run: DailyRun, ingested: StageRecord) -> list[str]:
    """Scenes that no earlier map has used: a look counts once, however late it came."""
    used = used_before(previous_run(run))
    return [s.scene_id for s in scenes_of(ingested) if s.scene_id not in used]


def map_density(run: DailyRun, ingested: StageRecord, detected: Sequence[StageRecord]) -> StageRecord:
    """Turn all new looks, hauls and yesterday's forecast into one map of kg km⁻² with its doubt."""
    before = previous_run(run)
    prior_file = before / "forecast" / "forecast.nc" if before else None
    tracks_file = before / "forecast" / "tracks.nc" if before else None
    if tracks_file is not None and not tracks_file.is_file():
        tracks_file = None
    climate = climatology_file(run)
    inputs = {
        "ingest": ingested.outputs["sightings.parquet"],
        "forcing": ingested.outputs["forcing.nc"],
        "detected": [d.digest for d in detected],
        "prior": digest_file(prior_file) if prior_file else None,
        "tracks": digest_file(tracks_file) if tracks_file else None,
        "catches": reports_key(run),
        "climatology": digest_file(climate) if climate else None,
        "settings": settings_digest(run, "density", "drift"),
    }

    def body(folder: Path) -> Mapping[str, Any]:
        return write_map(run, ingested, segmentations_of(detected), before, (prior_file, tracks_file), folder)

    return run.stage("map", inputs, body)


def forecast(run: DailyRun, ingested: StageRecord, mapped: StageRecord) -> StageRecord:
    """Carry the map to the horizon as an ensemble."""
    from oceanclean.drift.ensemble import forecast as carry_forward
    from oceanclean.drift.local_doubt import followed_currents, local_doubt
    from oceanclean.drift.settings import load_settings

    room = load_settings(run.config)
    model = chosen(run, "forecaster")
    inputs = {
        **model.facts,
        "map": mapped.outputs["density.nc"],
        "forcing": ingested.outputs["forcing.nc"],
        "drifters": ingested.outputs["drifters.parquet"],
        "settings": settings_digest(run, "drift"),
        "forecaster": model.digest,
    }

    def body(folder: Path) -> Mapping[str, Any]:
        density_map = load_grid("DensityMap", mapped.path("density.nc"))
        forcing = load_grid("Forcing", ingested.path("forcing.nc"))
        drifters = load_table("Drifters", ingested.path("drifters.parquet"))
        forecaster, said = fitted_forecaster(model.path)
        forcing, found = followed_currents(drifters, forcing, room)
        settings, doubt = local_doubt(drifters, forcing, room)
        fields, tracks = carry_forward(
            density_map, forcing, issue_time=run.issue_time, horizon_h=ingested.facts["horizon_h"],
            settings=settings, seed=run.seed, region=run.region, forecaster=forecaster,
        )  # fmt: skip
        save_grid("DensityForecast", fields, folder / "forecast.nc")
        save_grid("DebrisTracks", tracks, folder / "tracks.nc")
        return {
            "issue_time": run.issue_time,
            "map_time": mapped.facts["map_time"],
            "members": int(fields.attrs["members"]),
            "doubt": {**doubt, **found},
            "horizon_h": ingested.facts["horizon_h"],
            "forecaster": str(model.path or ""),
            **model.facts,
            "degraded": [*model.said, *said, *json.loads(fields.attrs.get("degraded", "[]"))],
        }

    return run.stage("forecast", inputs, body)


def allocate(
    run: DailyRun, ingested: StageRecord, forecasted: StageRecord, seconds: float | None = None
) -> StageRecord:
    """Decide which vessel goes where and when, as people decided over it; solved in a process of its own.

    Where something was decided, the plan without the decisions and without each of them is made too, so that the
    result says what each costs (``facts["decided"]``).
    """
    before = stage_folder(previous_run(run), "allocate", "plan.json")
    decisions, free, inputs = _allocation_inputs(run, ingested, forecasted, before, seconds)

    def body(folder: Path) -> Mapping[str, Any]:
        job = _allocation_job(run, ingested, forecasted, before, folder, seconds)
        facts: dict[str, Any] = {"free_key": run.key("allocate", free)}
        facts["decided"] = decided.allocate_decided(
            run, job, decisions, folder, facts["free_key"], planning_settings(run)
        )
        plan, (_, learned) = Plan.load(folder), learned_fleet(run, ingested)
        return {
            "expected_kg": plan.expected_kg, "p10_kg": plan.p10_kg, "p90_kg": plan.p90_kg,
            "bound_kg": plan.bound_kg, "gap": plan.gap, "tasks": len(plan.tasks),
            "vessels_sent": sum(v.status == "sent" for v in plan.vessels), "vessels": len(plan.vessels),
            "task_mass_share": plan.task_mass_share, "degraded": [*plan.degraded, *learned], **facts,
        }  # fmt: skip

    return run.stage("allocate", inputs, body)


def allocation_stands(
    run: DailyRun, ingested: StageRecord, forecasted: StageRecord, seconds: float | None = None
) -> bool:
    """True where :func:`allocate` would be answered from the store."""
    before = stage_folder(previous_run(run), "allocate", "plan.json")
    _, _, inputs = _allocation_inputs(run, ingested, forecasted, before, seconds)
    return run.folder.finished("allocate", run.key("allocate", inputs)) is not None


def _allocation_inputs(
    run: DailyRun, ingested: StageRecord, forecasted: StageRecord, before: Path | None, seconds: float | None
) -> tuple[Decisions, dict[str, Any], dict[str, Any]]:
    """What people decided; all that a plan without it depends on; all that the plan depends on."""
    decisions = decided.decisions_of(run)
    free: dict[str, Any] = {
        "forecast": forecasted.digest,
        "forcing": ingested.outputs["forcing.nc"],
        "fleet": ingested.outputs["fleet.parquet"],
        "settings": settings_digest(run, "allocation"),
        "seconds": seconds,
        "yesterday": digest_file(before / "plan.json") if before else None,
    }
    boats, _ = learned_fleet(run, ingested)
    if boats is not None:
        free["efficiency"] = [round(float(e), 6) for e in boats["efficiency"]]
    return decisions, free, free if decisions.empty else {**free, "decisions": decisions.model_dump(mode="json")}


def _allocation_job(
    run: DailyRun, ingested: StageRecord, forecasted: StageRecord, before: Path | None, out: Path,
    seconds: float | None = None,
) -> Job:  # fmt: skip
    """The day's allocation without any decision."""
    from oceanclean.allocation.process import Job

    return Job(
        tracks=str(forecasted.path("tracks.nc")),
        forecast=str(forecasted.path("forecast.nc")),
        forcing=str(ingested.path("forcing.nc")),
        fleet=str(fleet_file(run, ingested, out)),
        region=run.region.settings,
        issue_time=run.issue_time,
        horizon_h=ingested.facts["horizon_h"],
        out=str(out),
        settings=dict(load_yaml(named("models", "allocation", run.config))),
        seed=run.seed,
        seconds=seconds,
        previous=str(before) if before else "",
    )


def planning_settings(run: DailyRun) -> PlanningSettings:
    """Settings of the planning room."""
    from oceanclean import planning

    return load_model_settings("planning", planning.PlanningSettings, run.config)


def what_if(run: DailyRun, ingested: StageRecord, forecasted: StageRecord, allocated: StageRecord) -> StageRecord:
    """What the plan would bring if something were otherwise; no rows where the settings ask for none."""
    from oceanclean.chain.what_if import table

    before = stage_folder(previous_run(run), "allocate", "plan.json")
    inputs = {
        "plan": allocated.digest, "forecast": forecasted.digest, "forcing": ingested.outputs["forcing.nc"],
        "fleet": ingested.outputs["fleet.parquet"], "settings": settings_digest(run, "allocation", "planning"),
        "yesterday": digest_file(before / "plan.json") if before else None,
    }  # fmt: skip

    def body(folder: Path) -> Mapping[str, Any]:
        settings = planning_settings(run)
        rows = []
        if settings.what_if_iterations:
            job = _allocation_job(run, ingested, forecasted, before, folder)
            job = replace(job, sea=decided.sea_file(allocated.folder))
            rows = table(job, decided.decisions_of(run), allocated.folder, job.previous, settings.what_if_iterations)
        (folder / "what_if.json").write_text(json.dumps(rows, indent=1))
        return {"plan": allocated.digest, "rows": rows}

    return run.stage("what-if", inputs, body)


def segment_file(path: Path, folder: Path, *, config: Path | None, options: Mapping[str, Any],
                 allow_missing: bool, progress: Progress | None,
                 model: Path | None = None) -> Segmentation:  # fmt: skip
    """Segment one file outside a daily run, with ``model`` where given; ``folder`` is written whole or not at all.

    Raises:
        InputError: the file cannot be used; the message says why and what to do.
    """
    from oceanclean import coast, sources, vision
    from oceanclean.store import write_aside

    if not path.is_file():
        raise InputError(path, "file", "no such file", "a GeoTIFF", "Check the path.")
    if folder.exists() and any(folder.iterdir()) and not (folder / "segmentation.json").is_file():
        raise InputError(folder, "output folder", "files that are not an earlier segmentation",
                         "a new or empty folder", "Name another folder with --out.")  # fmt: skip
    scene = sources.open_scene(path, options=dict(options))
    west, south, east, north = sources.scene_bounds(scene)
    land = coast.land(west - 0.05, south - 0.05, east + 0.05, north + 0.05)
    with write_aside(folder) as aside:
        aside.mkdir(parents=True)
        result = vision.segment(
            scene,
            aside,
            land=land,
            settings=vision.load_settings(config),
            model=model,
            allow_missing=allow_missing,
            progress=progress,
        )
        record = result.to_json()
        for key in ("raster", "detections", "picture"):
            record[key] = Path(record[key]).name if record[key] else ""
        (aside / "segmentation.json").write_text(json.dumps(record, indent=1, sort_keys=True))
    return Segmentation.from_json(
        {**record, **{k: str(folder / record[k]) if record[k] else "" for k in ("raster", "detections", "picture")}}
    )
