"""Scores against the truth: a plan executed on the true debris, maps, segmented scenes, and a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import MissingDataError
from oceanclean.products.names import DENSITY, NOT_OBSERVED, PROBABILITY_SCALE, Gate
from oceanclean.products.plan import Plan
from oceanclean.region import metres_per_degree
from oceanclean.twin.catches import carry_out
from oceanclean.twin.sortie import TrueDebris, TrueWeather, naive_utc

if TYPE_CHECKING:
    import xarray as xr

    from oceanclean.region import Region
    from oceanclean.settings import FleetSettings
    from oceanclean.twin.settings import TwinSettings


def score_plan(plan_folder: Path, truth: Path, fleet: FleetSettings, settings: TwinSettings) -> dict[str, Any]:
    """Execute a saved plan in the truth (rules: :mod:`oceanclean.twin.sortie`).

    Args:
        plan_folder: folder of a saved :class:`~oceanclean.products.plan.Plan`.
        truth: folder ``truth`` of the twin.
        fleet: vessels' swath, efficiency, hold, speeds and limits.
        settings: sight, search speed, time step.

    Returns:
        ``kg_caught``, ``kg_expected``, ``caught_over_expected``, ``vessels`` and ``orders`` with the same by part,
        ``share_of_afloat`` of the true mass afloat at the issue time.
    """
    plan = Plan.load(plan_folder)
    debris = TrueDebris.read(truth)
    issue = naive_utc(plan.issue_time)
    _lon, _lat, afloat = debris.at(issue)
    at_sea = float(debris.left_kg[afloat].sum())
    orders = [
        {
            "vessel_id": haul.vessel_id, "task_id": haul.task_id, "hours_waited": round(haul.hours_waited, 2),
            "kg_caught": round(haul.kg, 1), "kg_expected": round(haul.expected_kg, 1),
        }
        for haul in carry_out(plan, debris, TrueWeather(truth), fleet, settings.score)
    ]  # fmt: skip
    return _summary(orders, at_sea)


def _summary(orders: list[dict[str, Any]], at_sea: float) -> dict[str, Any]:
    caught, expected = (float(sum(o[k] for o in orders)) for k in ("kg_caught", "kg_expected"))
    vessels: dict[str, dict[str, float]] = {}
    for order in orders:
        own = vessels.setdefault(order["vessel_id"], {"kg_caught": 0.0, "kg_expected": 0.0})
        for key in own:
            own[key] = round(own[key] + order[key], 1)
    return {
        "kg_caught": round(caught, 1), "kg_expected": round(expected, 1),
        "caught_over_expected": round(caught / expected, 3) if expected else None,
        "kg_afloat": round(at_sea, 1), "share_of_afloat": round(caught / at_sea, 5) if at_sea else None,
        "vessels": vessels, "orders": orders,
    }  # fmt: skip


def score_map(density: xr.Dataset, truth: Path, time: str | None = None) -> dict[str, float]:
    """How well a density map finds the true mass.

    Args:
        density: a DensityMap, or one time of a DensityForecast (``lat``, ``lon``).
        truth: folder ``truth`` of the twin.
        time: ISO 8601 UTC; the map's ``valid_time`` by default.

    Returns:
        ``share_in_best_tenth``: share of the true mass in the tenth of the cells that the map holds for richest
        (0.1 is chance); ``best_possible_share``; ``rank_correlation``; ``mass_kg`` true, ``mapped_kg``.
    """
    from scipy.stats import spearmanr

    debris = TrueDebris.read(truth)
    lon, lat, afloat = debris.at(naive_utc(time or density.attrs["valid_time"]))
    grid_lon, grid_lat = density["lon"].to_numpy(), density["lat"].to_numpy()
    step_lon, step_lat = float(np.diff(grid_lon).mean()), float(np.diff(grid_lat).mean())
    column = np.floor((lon - grid_lon[0]) / step_lon + 0.5).astype(int)
    row = np.floor((lat - grid_lat[0]) / step_lat + 0.5).astype(int)
    inside = afloat & (column >= 0) & (column < len(grid_lon)) & (row >= 0) & (row < len(grid_lat))
    mass = np.zeros((len(grid_lat), len(grid_lon)))
    np.add.at(mass, (row[inside], column[inside]), debris.left_kg[inside])
    east, north = metres_per_degree(grid_lat)
    area = (np.abs(east * step_lon * north * step_lat) / 1e6)[:, None]
    values = density[DENSITY].to_numpy()
    sea = np.isfinite(values)
    told, true = values[sea], (mass / area)[sea]
    kg = mass[sea]
    count = max(1, round(0.1 * len(told)))
    order = np.argsort(-told, kind="stable")
    total = max(float(kg.sum()), 1e-9)
    return {
        "share_in_best_tenth": float(kg[order[:count]].sum() / total),
        "best_possible_share": float(np.sort(kg)[::-1][:count].sum() / total),
        "rank_correlation": float(spearmanr(told, true).statistic) if np.ptp(told) > 0 else 0.0,
        "mass_kg": float(kg.sum()),
        "mapped_kg": float((values * area)[sea].sum()),
    }


def score_segmentation(
    raster: Path, truth_scene: Path, threshold: float = 0.5, least_cover: float = 0.2
) -> dict[str, float]:
    """Compare a segmentation raster with the true debris cover of its scene, on the pixels it calls observed.

    A found pixel is right within one pixel of true debris, and a true one is found likewise (a filament is one
    pixel wide).

    Args:
        raster: three bands: debris probability × 250, class, gate.
        truth_scene: the scene's file under ``truth/scenes``.
        threshold: probability from which a pixel counts as found.
        least_cover: cover from which a pixel counts as debris; thinner cover is neither right nor wrong.
    """
    import rasterio
    from scipy.ndimage import binary_dilation, label

    with rasterio.open(raster) as file:
        probability, gate = file.read(1), file.read(3)
    with rasterio.open(truth_scene) as file:
        cover = file.read(2) / 250.0
    observed = (probability != NOT_OBSERVED) & (gate == Gate.OBSERVED)
    around = np.ones((3, 3), dtype=bool)
    found = observed & (probability >= threshold * PROBABILITY_SCALE)
    true, any_debris = observed & (cover >= least_cover), cover > 0.03
    hits = found & binary_dilation(true, around)
    false = found & ~binary_dilation(any_debris, around)
    seen = true & binary_dilation(found, around)
    objects, count = label(binary_dilation(true, around), around)
    met = np.unique(objects[found & (objects > 0)])
    area = float(observed.sum()) * 1e-4
    return {
        "precision": float(hits.sum() / max(hits.sum() + false.sum(), 1)),
        "recall": float(seen.sum() / max(true.sum(), 1)),
        "rafts": float(count), "rafts_found": float(len(met)), "true_pixels": float(true.sum()),
        "false_pixels_per_100_km2": float(100 * false.sum() / max(area, 1e-9)), "observed_km2": area,
    }  # fmt: skip


def score_run(root: Path, truth: Path, region: Region, config: Path | None = None) -> dict[str, Any]:
    """Hold all stages of a finished run against the truth.

    Args:
        root: folder of the run, with the stages' folders in it.
        truth: folder ``truth`` of the twin that was planned on.
        region: the region; its fleet is that of the plan.
        config: configuration folder, or None for the default.

    Returns:
        Plain figures by name: ``plan.…``, ``map.…``, ``forecast_24h.…``, ``detect.…`` (a stage that left no
        folder is left out).

    Raises:
        MissingDataError: no plan, or no truth.
    """
    import xarray as xr

    from oceanclean.settings import load_fleet_settings
    from oceanclean.twin.settings import load_twin_settings

    if not (root / "allocate" / "plan.json").is_file():
        raise MissingDataError(root, "allocate/plan.json", "no plan", "a finished run", "Run the day first.")
    fleet = load_fleet_settings(region.settings.fleet, config)
    plan = score_plan(root / "allocate", truth, fleet, load_twin_settings(config))
    figures = {f"plan.{k}": v for k, v in plan.items() if not isinstance(v, dict | list)}
    for vessel, own in plan["vessels"].items():
        figures[f"plan.{vessel}.kg_caught"] = own["kg_caught"]
    if (root / "map" / "density.nc").is_file():
        with xr.open_dataset(root / "map" / "density.nc") as density:
            figures |= {f"map.{k}": v for k, v in score_map(density, truth).items()}
    if (root / "forecast" / "forecast.nc").is_file():
        with xr.open_dataset(root / "forecast" / "forecast.nc") as forecast:
            figures |= _score_forecast(forecast, truth)
    return figures | score_scenes(root, truth / "scenes")


def _score_forecast(forecast: xr.Dataset, truth: Path) -> dict[str, float]:
    """The forecast's density a day, two and three days after the issue time."""
    issue = naive_utc(forecast.attrs["issue_time"])
    figures: dict[str, float] = {}
    for lead in (24, 48, 72):
        time = issue + np.timedelta64(lead, "h")
        if time <= forecast["time"].to_numpy()[-1]:
            one = score_map(forecast.sel(time=time, method="nearest"), truth, str(time))
            figures |= {f"forecast_{lead}h.{k}": v for k, v in one.items()}
    return figures


def score_scenes(root: Path, scenes: Path) -> dict[str, float]:
    """Pixel scores of each segmented scene of a run whose truth stands in a folder."""
    figures: dict[str, float] = {}
    for record in sorted(root.glob("detect-*/segmentation.json")):
        told = json.loads(record.read_text(encoding="utf-8"))
        hidden = scenes / Path(told["scene"]["path"]).name
        if hidden.is_file():
            raster = record.parent / Path(told["raster"]).name
            one = score_segmentation(raster, hidden, float(told["threshold"]))
            figures |= {f"{record.parent.name}.{k}": v for k, v in one.items()}
    return figures
