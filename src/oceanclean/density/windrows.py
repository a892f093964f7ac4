"""Verification on the windrow archive: a map of what was seen in earlier seasons against the next season's windrows.

The archive (Cózar et al. 2024, 10.1038/s41467-024-48674-7) lists finds only; which sea was looked at and found clean is
not in it, so that every map here, ours and the references, also tells where images are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from oceanclean.density.climatology import SEASONS
from oceanclean.density.hitcurve import searched_between
from oceanclean.errors import MissingDataError
from oceanclean.region import Grid

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]
#: The grid of the comparison: the Mediterranean in tenths of a degree.
GRID = Grid(-6.0, 30.0, 0.1, 425, 160)
_KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class SeasonalMap:
    """How earlier windrows become the map of a season.

    Attributes:
        widths_km: kernels that what was seen is spread by, the narrow and the wide one.
        wide_share: weight of the wide kernel.
        season_share: weight of the same season of earlier years; the rest is all seasons alike.
        memory_years: e-folding time of what was seen.
        power: of the pixels of a windrow; 1 counts mass, 0 windrows.
    """

    widths_km: tuple[float, float] = (6.0, 60.0)
    wide_share: float = 0.3
    season_share: float = 0.5
    memory_years: float = 3.0
    power: float = 0.5

    def __call__(self, past: pd.DataFrame, season: str, start: pd.Timestamp, grid: Grid = GRID) -> Array:
        """Score (lat, lon) for the season that begins at ``start``, from windrows before it."""
        weight = past["pixels"].to_numpy(dtype=float) ** self.power
        years = (start - past["seen_at"]).dt.total_seconds().to_numpy() / (365.25 * 86400.0)
        weight = weight * np.exp(-years / self.memory_years)
        same = past["season"].to_numpy() == season
        layers = [_normal(_binned(past, weight * part, grid)) for part in (same, np.ones(len(past)))]
        field = self.season_share * layers[0] + (1 - self.season_share) * layers[1]
        narrow, wide = (_spread(field, grid, km) for km in self.widths_km)
        return (1 - self.wide_share) * narrow + self.wide_share * wide


#: What is tried on the seasons before those that are scored.
_CHOICES: dict[str, Sequence[Any]] = {
    "widths_km": ((4.0, 40.0), (6.0, 60.0), (10.0, 80.0), (15.0, 100.0)),
    "wide_share": (0.1, 0.3, 0.5),
    "season_share": (0.3, 0.6, 0.9),
    "memory_years": (1.5, 4.0, 20.0),
    "power": (0.0, 0.5, 1.0),
}


def evaluate_windrows(
    catalogue: pd.DataFrame, *, sea: NDArray[np.bool_], first_scored: str = "2019-03-01", draws: int = 400,
    seed: int = 0, progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Score a seasonal map of windrows, beside persistence and climatology.

    The map's settings are chosen on the seasons before ``first_scored`` alone; each scored season is mapped from
    windrows before its first day. References: persistence (the same season a year before, and the season just past),
    climatology (the same season of all years before), the year before as a whole. The truth is the season's pixels of
    windrow by cell.

    Args:
        catalogue: ``seen_at`` (UTC), ``lat``, ``lon``, ``pixels``.
        sea: (lat, lon) of :data:`GRID`.
        first_scored: first day of the first scored season.
        draws: of the bootstrap over days on which windrows were seen.
        seed: of the bootstrap.
        progress: called with (what, share done).

    Returns:
        ``scores``: method to area under the found/searched curve and share found in the best 10 % (means over the
        scored seasons, with each season's); ``gain_…``: ours less each reference with 95 % interval; ``settings``.

    Raises:
        MissingDataError: no season to score, or none before to learn from.
    """
    table = _prepared(catalogue, sea)
    periods = [p for p in _periods(table) if len(p[3]) >= 30]
    split = pd.Timestamp(first_scored, tz="UTC")
    early = [p for p in periods if p[2] < split and len(table[table["seen_at"] < p[2]]) >= 200]
    late = [p for p in periods if p[2] >= split]
    if not early or not late:
        raise MissingDataError("windrow archive", "seasons", f"{len(early)} to learn from, {len(late)} to score",
                               "at least one of each", "Give the whole archive.")  # fmt: skip
    area = np.broadcast_to(GRID.area_km2, sea.shape)[sea]
    chosen = _chosen(table, early, sea, area, progress)
    smooth = replace(chosen, season_share=0.0, memory_years=1e6, power=1.0)
    methods = _references() | {
        "climatology (all seasons), spread alike": smooth,
        "seasonal map": chosen,
        "seasonal map of one year": _OneYear(chosen),
    }
    rng = np.random.default_rng(seed)
    found: dict[str, list[Array]] = {name: [] for name in methods}
    for number, (_label, season, start, truth) in enumerate(late):
        past = table[table["seen_at"] < start]
        drawn = _days_drawn(truth, draws, rng)
        for name, method in methods.items():
            field = np.full(sea.shape, -np.inf)
            field[sea] = method(past, season, start)[sea]
            found[name].append(_figures(field, truth, drawn, area, sea))
        if progress:
            progress("seasons", (number + 1) / len(late))
    return _report(found, [p[0] for p in late], chosen)


@dataclass(frozen=True)
class _OneYear:
    """A seasonal map of the year before alone."""

    method: SeasonalMap

    def __call__(self, past: pd.DataFrame, season: str, start: pd.Timestamp) -> Array:
        return self.method(past[past["seen_at"] >= start - pd.Timedelta(days=365)], season, start)


def _references() -> dict[str, Callable[[pd.DataFrame, str, pd.Timestamp], Array]]:
    """Maps to beat: plain sums of pixels."""

    def summed(past: pd.DataFrame) -> Array:
        return _binned(past, past["pixels"].to_numpy(dtype=float), GRID)

    def since(past: pd.DataFrame, start: pd.Timestamp, days: int) -> pd.DataFrame:
        return past[past["seen_at"] >= start - pd.Timedelta(days=days)]

    def of_season(past: pd.DataFrame, season: str) -> pd.DataFrame:
        return past[past["season"] == season]

    return {
        "persistence (same season, last year)": lambda past, season, start: summed(
            of_season(since(past, start, 366), season)
        ),
        "persistence (last season)": lambda past, _season, start: summed(since(past, start, 92)),
        "year before": lambda past, _season, start: summed(since(past, start, 365)),
        "climatology (same season)": lambda past, season, _start: summed(of_season(past, season)),
        "climatology (all seasons)": lambda past, _season, _start: summed(past),
    }


def _prepared(catalogue: pd.DataFrame, sea: NDArray[np.bool_]) -> pd.DataFrame:
    """Windrows on the grid's sea, in the order of time, with season and cell."""
    table = catalogue.sort_values("seen_at", kind="stable").reset_index(drop=True)
    row, column, inside = GRID.index(table["lon"].to_numpy(), table["lat"].to_numpy())
    kept = inside & sea[row, column]
    month = table["seen_at"].dt.month
    season = np.select([month.isin(m) for m in SEASONS.values()], list(SEASONS), default="")
    return table.assign(season=season, row=row, column=column)[kept].reset_index(drop=True)


def _periods(table: pd.DataFrame) -> list[tuple[str, str, pd.Timestamp, pd.DataFrame]]:
    """Label, season, first day and windrows of every season of the archive."""
    start = {"DJF": 12, "MAM": 3, "JJA": 6, "SON": 9}
    year = table["seen_at"].dt.year - ((table["season"] == "DJF") & (table["seen_at"].dt.month < 3))
    out = []
    for (y, season), part in table.groupby([year, "season"]):
        first = pd.Timestamp(year=int(str(y)), month=start[str(season)], day=1, tz="UTC")
        out.append((f"{y} {season}", str(season), first, part))
    return sorted(out, key=lambda p: p[2])


def _binned(table: pd.DataFrame, weight: Array, grid: Grid) -> Array:
    """Sums (lat, lon) of weights."""
    cell = table["row"].to_numpy() * grid.nx + table["column"].to_numpy()
    flat: Array = np.bincount(cell, weight, grid.nx * grid.ny).astype(np.float64)
    return flat.reshape(grid.shape)


def _normal(field: Array) -> Array:
    return field / field.sum() if field.sum() > 0 else field


def _spread(field: Array, grid: Grid, km: float) -> Array:
    cells = km / (_KM_PER_DEGREE * grid.step)
    stretch = 1.0 / np.cos(np.radians(grid.lat.mean()))
    return gaussian_filter(field, (cells, cells * stretch), mode="constant")


def _chosen(
    table: pd.DataFrame, early: Sequence[tuple[str, str, pd.Timestamp, pd.DataFrame]], sea: NDArray[np.bool_],
    area: Array, progress: Callable[[str, float], None] | None,
) -> SeasonalMap:  # fmt: skip
    """Settings that score best on the early seasons: one figure after the other, twice over."""

    def score(method: SeasonalMap) -> float:
        values = []
        for _, season, start, truth in early:
            field = method(table[table["seen_at"] < start], season, start)
            values.append(_figures(field, truth, _days_drawn(truth, 0, np.random.default_rng(0)), area, sea)[0, 0])
        return float(np.mean(values))

    best, value = SeasonalMap(), -np.inf
    steps = list(product(range(2), _CHOICES.items()))
    for number, (_, (key, choices)) in enumerate(steps):
        for choice in choices:
            candidate = replace(best, **{key: choice})
            got = score(candidate)
            if got > value:
                best, value = candidate, got
        if progress:
            progress("settings", (number + 1) / len(steps))
    return best


def _days_drawn(truth: pd.DataFrame, draws: int, rng: np.random.Generator) -> Array:
    """How often each day counts, (draw + 1, day): first all once, then drawn with replacement.

    Windrows of one day were seen in the same images.
    """
    days = truth["seen_at"].dt.floor("D").nunique()
    return np.vstack([np.ones(days), rng.multinomial(days, np.full(days, 1.0 / days), size=draws)])


def _figures(field: Array, truth: pd.DataFrame, drawn: Array, area: Array, sea: NDArray[np.bool_]) -> Array:
    """Area under the curve and share in the best 10 % (draw + 1, figure).

    Both are sums over what is found: a kilogram in a cell that is searched between shares a and b of the area adds
    1 − (a + b) / 2 to the first, and the part of its cells searched by 10 % to the second.
    """
    low, high = np.zeros(sea.shape), np.ones(sea.shape)
    low[sea], high[sea] = searched_between(field[sea], area)
    row, column = truth["row"].to_numpy(), truth["column"].to_numpy()
    a, b, mass = low[row, column], high[row, column], truth["pixels"].to_numpy(dtype=float)
    day = truth["seen_at"].dt.floor("D").factorize(sort=True)[0]
    parts = (mass, mass * (1 - (a + b) / 2), mass * np.clip((0.1 - a) / np.maximum(b - a, 1e-12), 0.0, 1.0))
    total, under, tenth = (drawn @ np.bincount(day, p, drawn.shape[1]) for p in parts)
    return np.column_stack([under / total, tenth / total])


def _report(found: Mapping[str, Sequence[Array]], labels: Sequence[str], chosen: SeasonalMap) -> dict[str, Any]:
    """Means over seasons, and gains with intervals from the days drawn."""
    arrays = {name: np.array(values) for name, values in found.items()}  # (season, draw, figure)
    scores = {
        name: {
            "area_under": float(a[:, 0, 0].mean()), "in_best_tenth": float(a[:, 0, 1].mean()),
            "by_season": {label: round(float(v), 4) for label, v in zip(labels, a[:, 0, 0], strict=True)},
        }
        for name, a in arrays.items()
    }  # fmt: skip
    ours = arrays["seasonal map"]
    gains = {}
    for name, other in arrays.items():
        if name == "seasonal map":
            continue
        drawn = (ours - other)[:, 1:].mean(axis=0)
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        point = (ours - other)[:, 0].mean(axis=0)
        gains[name] = {
            "area_under": [float(point[0]), float(low[0]), float(high[0])],
            "in_best_tenth": [float(point[1]), float(low[1]), float(high[1])],
        }
    return {"seasons": list(labels), "scores": scores, "gain_over": gains, "settings": vars(chosen)}


__all__ = ["GRID", "SeasonalMap", "evaluate_windrows"]
