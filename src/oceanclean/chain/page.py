"""The stage that writes what people read, and what of it can be drawn while the plan is still being made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain.facts import approval_of, page_facts
from oceanclean.chain.outcome import outcome_of, reports_key
from oceanclean.chain.previous import previous_run, stage_folder
from oceanclean.chain.run import DailyRun
from oceanclean.chain.stages import planning_settings, segmentations_of, settings_digest
from oceanclean.products.files import load_grid, load_table, save_grid
from oceanclean.products.plan import Plan
from oceanclean.store import StageRecord, digest_file

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import xarray as xr

    from oceanclean.planning import PlanningSettings
    from oceanclean.planning.backdrop import Backdrop


def publish(
    run: DailyRun, ingested: StageRecord, detected: Sequence[StageRecord], mapped: StageRecord,
    forecasted: StageRecord, allocated: StageRecord, weighed: StageRecord | None = None, *,
    early: Callable[[], Backdrop] | None = None, papers: Executor | None = None,
) -> StageRecord:  # fmt: skip
    """Write what planners and skippers read: the page, the picture, GPX, GeoJSON, CSV, messages.

    Args:
        run: the run.
        ingested: record of the stage, as the next four.
        detected: one a scene.
        mapped: the map.
        forecasted: the forecast.
        allocated: the plan.
        weighed: the what-if table, or None.
        early: gives the backdrop where somebody has drawn it already.
        papers: where the PDFs are made; None makes them here.
    """
    from oceanclean.planning.publish import publish_on

    before = (ingested, *detected, mapped, forecasted, allocated)
    yesterday = stage_folder(previous_run(run), "publish", "plan.json")
    rows = weighed.facts["rows"] if weighed else []
    inputs = {
        "before": [r.digest for r in before],
        "facts": [r.facts for r in before],
        "yesterday": digest_file(yesterday / "plan.json") if yesterday else None,
        "settings": settings_digest(run, "planning"),
        "approval": approval_of(run, allocated),
        "what_if": rows,
        "catches": reports_key(run),
    }

    def body(folder: Path) -> Mapping[str, Any]:
        facts = page_facts(run, before, yesterday)
        outcomes, said = outcome_of(run, facts["yesterday"])
        facts["degraded"] = [*facts["degraded"], *said]
        paths = publish_on(
            early() if early else backdrop_of(run, ingested, detected, mapped, forecasted),
            Plan.load(allocated.folder),
            region=run.region,
            fleet=load_table("FleetState", ingested.path("fleet.parquet")),
            run={**facts, **approval_of(run, allocated), "what_if": rows, "outcomes": outcomes},
            folder=folder,
            settings=planning_settings(run),
            papers=papers,
        )
        return {"files": {name: path.name for name, path in paths.items()}}

    return run.stage("publish", inputs, body)


def draw(
    run: DailyRun, ingested: StageRecord, detected: Sequence[StageRecord], mapped: StageRecord, forecasted: StageRecord
) -> StageRecord:
    """Draw what the page shows behind the orders; it needs no plan, so that it stands when one is made again."""
    from oceanclean.planning.backdrop import FILE, backdrop, save_drawn

    inputs = {
        "before": [r.digest for r in (*detected, mapped, forecasted)], "forcing": ingested.outputs["forcing.nc"],
        "settings": settings_digest(run, "planning"),
    }  # fmt: skip

    def body(folder: Path) -> Mapping[str, Any]:
        fields, forcing = _fields(ingested, forecasted)
        now = map_at_issue(run, load_grid("DensityMap", mapped.path("density.nc")), fields, forcing)
        drawn = backdrop(
            run.region, now, fields, forcing, segmentations_of(detected), run.issue_time, planning_settings(run)
        )
        save_drawn(drawn.layers, drawn.sightings, folder / FILE)
        save_grid("DensityMap", now, folder / "density.nc")
        return {}

    return run.stage("draw", inputs, body)


def _fields(ingested: StageRecord, forecasted: StageRecord) -> tuple[xr.Dataset, xr.Dataset]:
    return (load_grid("DensityForecast", forecasted.path("forecast.nc")),
            load_grid("Forcing", ingested.path("forcing.nc")))  # fmt: skip


def backdrop_of(
    run: DailyRun, ingested: StageRecord, detected: Sequence[StageRecord], mapped: StageRecord, forecasted: StageRecord
) -> Backdrop:
    """The sea as the page shows it: from the store, or drawn now."""
    from oceanclean.planning.backdrop import FILE, Backdrop, load_drawn
    from oceanclean.planning.evidence import read_detections
    from oceanclean.planning.layers import Layers, make_layers

    drawn = draw(run, ingested, detected, mapped, forecasted)
    density_map, segmentations = load_grid("DensityMap", drawn.path("density.nc")), segmentations_of(detected)
    layers, sightings = load_drawn(drawn.path(FILE))

    def redraw(settings: PlanningSettings) -> Layers:
        fields, forcing = _fields(ingested, forecasted)
        return make_layers(run.region, density_map, fields, forcing, run.issue_time, settings)

    return Backdrop(density_map, None, segmentations, read_detections(segmentations), layers, sightings, redraw)


def map_at_issue(run: DailyRun, looked: xr.Dataset, fields: xr.Dataset, forcing: xr.Dataset) -> xr.Dataset:
    """The density map as it stands at the issue time, for the page: what was mapped has drifted since the look.

    Density and doubt are the forecast's at the issue time. Where a cell's figure comes from, and how much of it was
    seen, is what stood at the place its water comes from: cell centres are carried back by the mean drift.
    """
    import numpy as np

    from oceanclean import drift
    from oceanclean.products import names

    valid = np.datetime64(looked.attrs["valid_time"].removesuffix("Z"))
    hours = float((np.datetime64(run.issue_time[:-1]) - valid) / np.timedelta64(1, "h"))
    now = looked.drop_vars(["debris_density_quantile", "quantile"], errors="ignore").copy(deep=True)
    at_issue = fields.sel(time=np.datetime64(run.issue_time[:-1]), method="nearest")
    for name in (names.DENSITY, names.DENSITY_STD):
        now[name].values[:] = at_issue[name].values
    if hours > 0:
        lon, lat = np.meshgrid(looked["lon"], looked["lat"])
        back = drift.advect(forcing, lon.ravel(), lat.ravel(), run.issue_time[:-1], -hours, output_every_h=hours)
        row, column, inside = run.region.grid.index(
            back["lon"].isel(time=-1).to_numpy(), back["lat"].isel(time=-1).to_numpy()
        )
        sea = looked["origin"].to_numpy() > 0
        for name, outside in (("origin", 1), ("observed_fraction", 0.0), ("observation_age", np.nan)):
            before = looked[name].to_numpy()
            came = np.where(inside & sea[row, column], before[row, column], outside).reshape(before.shape)
            now[name].values[:] = np.where(sea, came, before)
        now["observation_age"].values[:] += hours
    now.attrs["valid_time"] = run.issue_time
    return now
