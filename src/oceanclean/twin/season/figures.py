"""What came of a run: kilograms by planner with intervals over seeds, ratios, losses by stage, fuel, what-ifs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.errors import MissingDataError
from oceanclean.store import read_json
from oceanclean.twin.season.run import RECORD

#: Resamples of the seeds, and the interval's quantiles.
DRAWS, INTERVAL = 4000, (0.025, 0.975)
Days = list[dict[str, Any]]


def season_figures(folder: Path) -> dict[str, Any]:
    """Figures of one run.

    Only seeds in which a planner finished all days count for it; a ratio takes the seeds that both have.

    Args:
        folder: of :func:`oceanclean.twin.season.run.run_seasons`.

    Returns:
        ``kg`` by planner, ``ratio_to_greedy``, ``ratio_to_lawnmower``, ``share_of_clairvoyant``, ``loss_by_stage``,
        ``fuel_l_per_kg``, ``what_if``, ``stages``, ``by_day``; each figure as ``value``, ``low``, ``high`` (95 %,
        bootstrap over seeds; None with a single seed) and ``seeds``.

    Raises:
        MissingDataError: no run, or no finished season in it.
    """
    if not (folder / RECORD).is_file():
        raise MissingDataError(folder, RECORD, "no such file", "the folder of a run",
                               "Run `oceanclean twin run` first, or name its --out.")  # fmt: skip
    record = read_json(folder / RECORD)
    seasons = finished(folder, record)
    if not any(seasons.values()):
        raise MissingDataError(folder, "seasons", "none finished", "a planner with all its days",
                               "Start the run again: it goes on where it was cut.")  # fmt: skip
    kg = {name: {seed: _total(days) for seed, days in of.items()} for name, of in seasons.items()}
    planners = [p for p in record["planners"] if kg.get(p)]
    out: dict[str, Any] = {
        "title": record["scenario"]["title"], "days": record["days"],
        "kg": {p: _mean(kg[p]) for p in planners},
        "ratio_to_greedy": _ratio(kg, "chain", "greedy"),
        "ratio_to_lawnmower": _ratio(kg, "chain", "lawn-mower"),
        "share_of_clairvoyant": _ratio(kg, "chain", "clairvoyant"),
        "shares_of_clairvoyant": {p: _ratio(kg, p, "clairvoyant") for p in planners},
        "loss_by_stage": _losses(kg),
        "fuel_l_per_kg": {p: _fuel(seasons[p]) for p in planners},
        "what_if": _what_ifs(kg, record),
        "stages": {p: _stages(seasons[p]) for p in planners if _knows(seasons[p])},
        "by_day": {p: _by_day(seasons[p]) for p in planners},
        "seconds": {p: float(np.mean([sum(d["seconds"].values()) for s in seasons[p].values() for d in s]))
                    for p in planners},
    }  # fmt: skip
    return out


def finished(folder: Path, record: Mapping[str, Any]) -> dict[str, dict[int, Days]]:
    """Records of all days by planner and seed, of the seasons that came to their end."""
    names = [*record["planners"], *(f"what-if-{v}" for v in record["variants"])]
    found: dict[str, dict[int, Days]] = {name: {} for name in names}
    for name in names:
        for seed in record["seeds"]:
            files = [folder / f"seed-{seed:04d}" / name / "days" / f"{d + 1:03d}.json" for d in range(record["days"])]
            if all(f.is_file() for f in files):
                found[name][seed] = [read_json(f) for f in files]
    return found


def _total(days: Days) -> float:
    return float(sum(day["caught_kg"] for day in days))


def interval(rows: NDArray[np.float64], figure: Callable[[NDArray[np.float64]], float]) -> dict[str, Any]:
    """A figure over seeds with its bootstrap interval.

    Args:
        rows: (seed, quantity).
        figure: of (quantity) sums over seeds.
    """
    count = len(rows)
    value = figure(rows.sum(axis=0)) if count else None
    low = high = None
    if count > 1:
        rng = np.random.default_rng(20240608)
        sums = rows[rng.integers(0, count, (DRAWS, count))].sum(axis=1)
        drawn = np.array([figure(one) for one in sums])
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn):
            low, high = (float(q) for q in np.quantile(drawn, INTERVAL))
    good = value is not None and np.isfinite(value)
    return {"value": float(value) if good and value is not None else None, "low": low, "high": high, "seeds": count}


def _mean(by_seed: Mapping[int, float]) -> dict[str, Any]:
    count = max(1, len(by_seed))
    return interval(np.array([[v] for v in by_seed.values()]).reshape(-1, 1), lambda s: float(s[0]) / count)


def _ratio(kg: Mapping[str, Mapping[int, float]], over: str, under: str) -> dict[str, Any]:
    rows = _paired(kg, over, under)
    return interval(rows, lambda s: float(s[0] / s[1]) if s[1] > 0 else float("nan"))


def _difference(kg: Mapping[str, Mapping[int, float]], one: str, two: str) -> dict[str, Any]:
    rows = _paired(kg, one, two)
    return interval(rows, lambda s: float(s[0] - s[1]) / max(1, len(rows)))


def _paired(kg: Mapping[str, Mapping[int, float]], one: str, two: str) -> NDArray[np.float64]:
    both = sorted(set(kg.get(one, {})) & set(kg.get(two, {})))
    return np.array([[kg[one][s], kg[two][s]] for s in both]).reshape(-1, 2)


def _losses(kg: Mapping[str, Mapping[int, float]]) -> dict[str, Any]:
    """Kilograms a season that each stage costs: what the chain would bring more with that stage replaced by the truth.

    The rest is what remains to the clairvoyant: debris that no pass and nobody saw, and what detection and drift lose
    only together.
    """
    losses = {
        "detection": _difference(kg, "perfect-detection", "chain"),
        "drift": _difference(kg, "perfect-drift", "chain"),
        "all": _difference(kg, "clairvoyant", "chain"),
        "gain_of_drift_over_persistence": _difference(kg, "chain", "persistence"),
    }
    parts = [losses[k]["value"] for k in ("all", "detection", "drift")]
    if all(p is not None for p in parts):
        losses["rest"] = {"value": parts[0] - parts[1] - parts[2], "low": None, "high": None,
                          "seeds": min(losses[k]["seeds"] for k in ("all", "detection", "drift"))}  # fmt: skip
    return losses


def _fuel(seasons: Mapping[int, Days]) -> dict[str, Any]:
    rows = np.array([
        [sum(s["fuel_l"] for s in days[-1]["ships"].values()), _total(days)] for days in seasons.values()
    ]).reshape(-1, 2)  # fmt: skip
    return interval(rows, lambda s: float(s[0] / s[1]) if s[1] > 0 else float("nan"))


def _what_ifs(kg: Mapping[str, Mapping[int, float]], record: Mapping[str, Any]) -> dict[str, Any]:
    """What each change brings more a season, over the same seeds."""
    return {
        name: {
            "title": record["scenario"]["what_if"][name]["title"],
            "kg": _mean(kg[f"what-if-{name}"]), "more_kg": _difference(kg, f"what-if-{name}", "chain"),
            "ratio": _ratio(kg, f"what-if-{name}", "chain"),
        }
        for name in record["variants"] if kg.get(f"what-if-{name}")
    }  # fmt: skip


def _knows(seasons: Mapping[int, Days]) -> bool:
    """Whether any day of a planner had stages that could be scored."""
    return any(day["stages"] for days in seasons.values() for day in days)


def _stages(seasons: Mapping[int, Days]) -> dict[str, float]:
    """Means over days and seeds of what the stages knew; promise over catch of the orders."""
    every = [d["stages"] for days in seasons.values() for d in days]
    scenes = [{k.split(".", 1)[1]: v for k, v in one.items() if k.startswith(f"detect-{name}")}
              for one in every for name in _scenes(one)]  # fmt: skip
    out = _means([{k: v for k, v in one.items() if not k.startswith("detect-")} for one in every])
    out |= {f"scene.{k}": v for k, v in _means(scenes).items()}
    hauls = [h for days in seasons.values() for d in days for h in d["hauls"]]
    promised = sum(h["expected_kg"] for h in hauls)
    if promised > 0:
        out["caught_over_promised"] = sum(h["kg"] for h in hauls) / promised
        out["empty_hauls"] = float(np.mean([h["kg"] < 1.0 for h in hauls]))
    return out


def _scenes(stages: Mapping[str, float]) -> list[str]:
    return sorted({k.split(".", 1)[0].removeprefix("detect-") for k in stages if k.startswith("detect-")})


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {k: float(np.mean([r[k] for r in rows if k in r])) for k in sorted({k for r in rows for k in r})}


def _by_day(seasons: Mapping[int, Days]) -> list[float]:
    """Mean catch up to each day, kg."""
    rows = np.array([[d["caught_kg"] for d in days] for days in seasons.values()])
    return [round(float(v), 1) for v in np.cumsum(rows.mean(axis=0))]


def season_table(name: str, figures: Mapping[str, Any]) -> str:
    """The figures in lines for a terminal."""
    lines = [
        f"{name}: {figures['days']} days",
        f"{'':20s}{'kg':>9s}{'95 %':>18s}{'of clairvoyant':>16s}{'l/kg':>8s}  (seeds)",
    ]
    for planner, kg in figures["kg"].items():
        share, fuel = figures["shares_of_clairvoyant"][planner], figures["fuel_l_per_kg"][planner]
        lines.append(f"{planner:20s}{kg['value']:9,.0f}{_range(kg, '{:,.0f}'):>18s}"
                     f"{_number(share, '{:.0%}'):>16s}{_number(fuel, '{:.2f}'):>8s}  ({kg['seeds']})")  # fmt: skip
    ratios = (
        ("ratio_to_greedy", "times greedy"), ("ratio_to_lawnmower", "times the lawn-mower"),
        ("share_of_clairvoyant", "of the clairvoyant"),
    )  # fmt: skip
    lines += [
        f"chain: {_number(figures[key], '{:.2f}')} {_range(figures[key], '{:.2f}')} {what}"
        for key, what in ratios if figures[key]["value"] is not None
    ]  # fmt: skip
    lines += [
        f"loss {stage}: {_number(loss, '{:,.0f}')} kg {_range(loss, '{:,.0f}')}"
        for stage, loss in figures["loss_by_stage"].items() if loss["value"] is not None
    ]  # fmt: skip
    for change in figures["what_if"].values():
        more = change["more_kg"]
        lines.append(f"what if {change['title']}: {_number(more, '{:+,.0f}')} kg {_range(more, '{:+,.0f}')}")
    return "\n".join(lines)


def _number(figure: Mapping[str, Any], form: str) -> str:
    return form.format(figure["value"]) if figure["value"] is not None else "-"


def _range(figure: Mapping[str, Any], form: str) -> str:
    if figure["low"] is None:
        return ""
    return f"{form.format(figure['low'])} to {form.format(figure['high'])}"
