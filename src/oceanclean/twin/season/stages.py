"""How well the stages of a planned day knew the truth: scenes, map, forecast, promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.products.names import DENSITY
from oceanclean.twin.score import score_scenes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.twin.season.sea import Sea


def score_day(sea: Sea, day: int, left_kg: NDArray[np.float64], run: Path, hidden: Path) -> dict[str, float]:
    """Figures of a day's run against the truth.

    Args:
        sea: the truth.
        day: number of the issue.
        left_kg: (particle) what was left at the issue.
        run: folder of the day's run.
        hidden: truth of the scenes.

    Returns:
        ``map.…`` and ``forecast_24h.…``: share of the true mass in the tenth of the cells held for richest, the best
        possible, true and mapped mass; ``detect-….…`` of each scene.
    """
    figures: dict[str, float] = {}
    issue_h = sea.issues[day]
    if (run / "map" / "density.nc").is_file():
        import xarray as xr

        with xr.open_dataset(run / "map" / "density.nc") as data:
            when = float((np.datetime64(data.attrs["valid_time"][:19]) - sea.ocean.start) / np.timedelta64(1, "h"))
            figures |= _named("map", of_truth(sea, data[DENSITY].to_numpy(), when, left_kg))
            figures["map.age_h"] = issue_h - when
    if (run / "forecast" / "forecast.nc").is_file():
        import xarray as xr

        with xr.open_dataset(run / "forecast" / "forecast.nc") as data:
            for lead in (0, 12, 24):
                time = sea.ocean.time(issue_h + lead)
                field = data[DENSITY].sel(time=time, method="nearest").to_numpy()
                figures |= _named(f"forecast_{lead}h", of_truth(sea, field, issue_h + lead, left_kg))
    return figures | score_scenes(run, hidden)


def of_truth(sea: Sea, density: NDArray, hour: float, left_kg: NDArray[np.float64]) -> dict[str, float]:
    """Share of the true mass in the tenth of the cells that a map holds for richest; its mass and the true one."""
    kg = sea.kilograms(hour, left_kg).ravel()
    water = np.isfinite(density).ravel() & ~sea.region.land_mask.ravel()
    told, true = density.ravel()[water], kg[water]
    count, total = max(1, round(0.1 * len(told))), max(float(true.sum()), 1e-9)
    best = np.argsort(-told, kind="stable")[:count]
    return {
        "in_best_tenth": float(true[best].sum() / total),
        "possible": float(np.sort(true)[::-1][:count].sum() / total),
        "true_kg": total, "told_kg": float((told * sea.region.grid.area_km2.ravel()[water]).sum()),
    }  # fmt: skip


def _named(prefix: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}.{k}": v for k, v in figures.items()}
