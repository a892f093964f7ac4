"""A season in tables: days, vessels, areas, how the forecasts fared, days lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.planning.notation import degrees_minutes, plain, signed_lon
from oceanclean.planning.runs import Decision, Run
from oceanclean.planning.season.match import Clock, match, orders_of
from oceanclean.planning.season.settings import SeasonSettings

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from oceanclean.settings import RegionSettings


@dataclass(frozen=True)
class HitRate:
    """How often what happened lay in the interval that was told.

    Attributes:
        inside: how often it did; ``of`` how often it could have.
        low: bounds of the confidence interval of the share (Wilson 1927), ``high`` likewise.
    """

    inside: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Share inside."""
        return self.inside / self.of if self.of else float("nan")


@dataclass(frozen=True)
class Trend:
    """Change of the catch per hour with the gear out (Theil–Sen slope), kg per hour and day, with its interval."""

    slope: float
    low: float
    high: float
    days: int


@dataclass(frozen=True)
class Cost:
    """What the season cost, as far as prices and reports say.

    Attributes:
        total: in ``currency``.
        per_kg: total for each kilogram caught; None without catch.
        parts: what is in the total and where each price comes from; ``missing`` what is not, and why.
    """

    total: float
    per_kg: float | None
    currency: str
    parts: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass
class Season:
    """Everything that the reports say, as tables.

    Attributes:
        region: settings of the region; ``start`` and ``end`` first and last local day.
        hauls: see :func:`~oceanclean.planning.season.match.match`; ``orders`` the orders of the plans.
        days: one row a day of the season; ``vessels`` one a vessel; ``areas`` one a square with a haul.
        lost: one row a day and vessel that caught nothing, with why.
        by_order: how often a reported order's catch lay in its 80 % interval; ``by_day`` likewise for whole days.
        trend: None where too few days have hauls.
        cost: None where no price was given.
        notes: sentences on what was mended, left out or could not be read.
    """

    region: RegionSettings
    start: date
    end: date
    runs: list[Run]
    decisions: list[Decision]
    settings: SeasonSettings
    hauls: pd.DataFrame
    orders: pd.DataFrame
    days: pd.DataFrame
    vessels: pd.DataFrame
    areas: pd.DataFrame
    lost: pd.DataFrame
    by_order: HitRate
    by_day: HitRate
    trend: Trend | None
    cost: Cost | None
    notes: list[str] = field(default_factory=list)

    @property
    def caught_kg(self) -> float:
        """Mass taken aboard."""
        return float(self.hauls["caught_kg"].sum())


def tally(
    region: RegionSettings, runs: Sequence[Run], catches: gpd.GeoDataFrame, settings: SeasonSettings,
    start: date, end: date, decisions: Sequence[Decision] = (), notes: Sequence[str] = (),
) -> Season:  # fmt: skip
    """Count a season.

    Args:
        region: the region; runs and catches are its own.
        runs: runs of the season's days, and of the days before whose plans still held.
        catches: ``Catches``; hauls of other days are left out.
        settings: squares, matching, prices.
        start: first local day.
        end: last local day.
        decisions: lines of the audit log.
        notes: sentences of those who read the input.
    """
    clock = Clock(region.timezone, region.plan_hour)
    orders = orders_of(runs, clock)
    every = match(catches, orders, runs, settings.match_h, clock)
    inside = (every["day"] >= start) & (every["day"] <= end)
    notes = [*notes, *([f"{(~inside).sum()} hauls of other days were left out."] if (~inside).any() else [])]
    hauls = every[inside].reset_index(drop=True)
    hauls["gear_h"] = (hauls["ended_at"] - hauls["started_at"]).dt.total_seconds() / 3600
    hauls["area"] = [square(lat, lon, settings.area_deg) for lat, lon in zip(hauls["lat"], hauls["lon"], strict=True)]
    wanted = np.array([start <= day <= end for day in orders["day"]], dtype=bool) | orders.index.isin(hauls["order"])
    orders = orders[wanted]  # rows keep their number, by which the hauls know them
    days = _days(runs, hauls, orders, start, end)
    runs = [run for run in runs if start <= run.day <= end]
    vessels = _vessels(runs, hauls, orders)
    return Season(
        region, start, end, runs, list(decisions), settings, hauls, orders, days, vessels, _areas(hauls),
        _lost(runs, hauls, orders, days), hit_rate(*_order_intervals(hauls, orders), settings.confidence),
        hit_rate(*_day_intervals(days), settings.confidence), _trend(days, settings), _cost(vessels, hauls, settings),
        notes,
    )  # fmt: skip


def square(lat: float, lon: float, step: float) -> str:
    """Name of the square that a place lies in: its south-west corner."""
    south, west = np.floor(lat / step) * step, np.floor(signed_lon(lon) / step) * step
    return f"{degrees_minutes(south, 'N', 'S', 2)} {degrees_minutes(west, 'E', 'W', 3)}"


def hit_rate(told: np.ndarray, happened: np.ndarray, confidence: float) -> HitRate:
    """Share of what happened that lay in what was told.

    Args:
        told: (n, 2) lower and upper bounds.
        happened: (n) values.
        confidence: of the interval of the share (Wilson 1927, doi 10.1080/01621459.1927.10502953).
    """
    from scipy.stats import norm

    n = len(happened)
    inside = int(((happened >= told[:, 0]) & (happened <= told[:, 1])).sum()) if n else 0
    if not n:
        return HitRate(0, 0, float("nan"), float("nan"))
    z, p = float(norm.ppf(0.5 + confidence / 2)), inside / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return HitRate(inside, n, max(0.0, float((middle - half) / scale)), min(1.0, float((middle + half) / scale)))


def _days(runs: Sequence[Run], hauls: pd.DataFrame, orders: pd.DataFrame, start: date, end: date) -> pd.DataFrame:
    import pandas as pd

    last = {run.day: run for run in runs if run.plan} | {}
    known = {run.day: run for run in runs}
    bottoms = {run.issue_time: run.plan["bottom"] for run in runs if run.plan}
    rows = []
    for number in range((end - start).days + 1):
        day = start + timedelta(days=number)
        run, own, planned = last.get(day, known.get(day)), hauls[hauls["day"] == day], orders[orders["day"] == day]
        expected, low, high = _interval(bottoms, planned)
        caught = float(own["caught_kg"].sum()) if len(own) else np.nan
        rows.append({
            "day": day, "plan": _plan_of(run, planned),
            "vessels_sent": _sent(run) if run and run.plan else planned["vessel_id"].nunique(), "orders": len(planned),
            "hauls": len(own), "gear_h": own["gear_h"].sum(), "caught_kg": caught,
            "expected_kg": expected, "p10_kg": low, "p90_kg": high,
            "inside": "" if np.isnan(caught) or np.isnan(low) else ("yes" if low <= caught <= high else "no"),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _plan_of(run: Run | None, planned: pd.DataFrame) -> str:
    """What became of the day's own plan; where there was none, the earlier plan whose orders still held."""
    earlier = f"of {max(planned['issue_time'])[:10]}" if len(planned) else ""
    if run is None:
        return earlier or "none"
    return run.outcome if run.plan or not earlier else f"{run.outcome}, {earlier}"


def _sent(run: Run | None) -> int:
    return sum(v["status"] == "sent" for v in run.plan["vessels"]) if run and run.plan else 0


def _interval(plans: dict[str, dict[str, Any]], planned: pd.DataFrame) -> tuple[float, float, float]:
    """Expected catch of a day's orders and its 80 % interval.

    A plan's interval is scaled by the share of its expected catch that falls on the day and was not overtaken.
    """
    if planned.empty:
        return np.nan, np.nan, np.nan
    total = np.zeros(3)
    for issue, own in planned.groupby("issue_time"):
        bottom = plans[str(issue)]
        share = float(own["expected_kg"].sum()) / bottom["expected_kg"] if bottom["expected_kg"] else 0.0
        total += np.array([bottom["expected_kg"], bottom["p10_kg"], bottom["p90_kg"]]) * share
    return float(total[0]), float(total[1]), float(total[2])


def _vessels(runs: Sequence[Run], hauls: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    names = {v["vessel_id"]: v["name"] for run in runs if run.plan for v in run.plan["vessels"]}
    known = dict.fromkeys([*names, *hauls["vessel_id"]])
    rows = []
    for vessel in known:
        own, told = hauls[hauls["vessel_id"] == vessel], orders[orders["vessel_id"] == vessel]
        hours, caught = float(own["gear_h"].sum()), float(own["caught_kg"].sum())
        rows.append({
            "vessel_id": vessel, "vessel": plain(names.get(vessel, vessel), 60), "days_out": own["day"].nunique(),
            "hauls": len(own), "gear_h": hours, "caught_kg": caught,
            "kg_per_h": caught / hours if hours else np.nan, "expected_kg": float(told["expected_kg"].sum()),
            "fuel_l": own["fuel_l"].sum() if own["fuel_l"].notna().any() else np.nan,
        })  # fmt: skip
    columns = ["vessel_id", "vessel", "days_out", "hauls", "gear_h", "caught_kg", "kg_per_h", "expected_kg", "fuel_l"]
    return pd.DataFrame(rows, columns=columns).sort_values("caught_kg", ascending=False).reset_index(drop=True)


def _areas(hauls: pd.DataFrame) -> pd.DataFrame:
    grouped = hauls.groupby("area", sort=True).agg(
        hauls=("caught_kg", "size"), gear_h=("gear_h", "sum"), caught_kg=("caught_kg", "sum")
    )
    grouped["share"] = grouped["caught_kg"] / grouped["caught_kg"].sum() if len(grouped) else 0.0
    return grouped.sort_values("caught_kg", ascending=False).reset_index()


def _order_intervals(hauls: pd.DataFrame, orders: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Told and reported catch of each order with a report."""
    done = hauls[hauls["order"] >= 0].groupby("order")["caught_kg"].sum()
    told = orders.loc[done.index, ["p10_kg", "p90_kg"]].to_numpy(float)
    return told, done.to_numpy(float)


def _day_intervals(days: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    told = days[days["inside"] != ""]
    return told[["p10_kg", "p90_kg"]].to_numpy(float), told["caught_kg"].to_numpy(float)


def _trend(days: pd.DataFrame, settings: SeasonSettings) -> Trend | None:
    """Theil–Sen slope of the catch per hour with the gear out (Sen 1968, doi 10.1080/01621459.1968.10480934)."""
    from scipy.stats import theilslopes

    out = days[days["gear_h"] > 0]
    if len(out) < settings.trend_days:
        return None
    numbers = np.array([(day - out["day"].iloc[0]).days for day in out["day"]], dtype=float)
    slope, _, low, high = theilslopes((out["caught_kg"] / out["gear_h"]).to_numpy(float), numbers, settings.confidence)
    return Trend(float(slope), float(low), float(high), len(out))


def _lost(runs: Sequence[Run], hauls: pd.DataFrame, orders: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    """Days without a catch: no plan, vessels kept in port, vessels sent that brought or reported nothing."""
    import pandas as pd

    plans = {run.day: run for run in runs if run.plan}
    failed = {run.day: run for run in runs if not run.plan}
    busy = {*hauls["day"], *orders["day"]}  # by a plan of the day before that still held
    caught = pd.concat([_sums(hauls, "day"), _sums(hauls, "issue_time")])
    rows: list[dict[str, Any]] = []
    for day in days["day"]:
        run = plans.get(day)
        if run is None or run.plan is None:
            error = str(failed[day].ledger.get("error", "")) if day in failed else ""
            if error or day not in busy:
                rows.append({"day": day, "vessel": "all", "kind": "no plan", "reason": plain(error, 160) or "no run"})
            continue
        for vessel in run.plan["vessels"]:
            name = vessel["vessel_id"]
            brought = caught.get((run.issue_time, name), caught.get((day, name)))
            kind, reason = _why_lost(vessel, brought, run)
            if kind:
                rows.append({"day": day, "vessel": plain(vessel["name"], 60), "kind": kind, "reason": reason})
    return pd.DataFrame(rows, columns=["day", "vessel", "kind", "reason"])


def _sums(hauls: pd.DataFrame, key: str) -> pd.Series:
    """Catch by a key and vessel."""
    return hauls.groupby([key, "vessel_id"])["caught_kg"].sum()


def _why_lost(vessel: dict[str, Any], brought: float | None, run: Run) -> tuple[str, str]:
    """Kind and reason of a vessel's lost day; ("", "") where it is none."""
    if brought is not None and brought > 0:
        return "", ""
    if brought is not None:
        return "nothing found", "hauls were reported, all of 0 kg"
    if vessel["status"] != "sent":
        return "kept in port", plain(vessel["reason"], 160)
    if not any(v is vessel for v, _ in run.collects()):
        return "", ""  # its orders were overtaken by the next plan
    return "no report", "sent by the plan, no haul was reported"


def kind_of(reason: str) -> str:
    """A reason without its figures, so that like reasons count together."""
    return re.sub(r"[−-]?\d[\d.,\u202f]*", "…", reason)


def _cost(vessels: pd.DataFrame, hauls: pd.DataFrame, settings: SeasonSettings) -> Cost | None:
    prices = settings.costs
    if not prices.given:
        return None
    days, caught = float(vessels["days_out"].sum()), float(hauls["caught_kg"].sum())
    reported = bool(hauls["fuel_l"].notna().any())
    fuel = float(hauls["fuel_l"].sum()) if reported else None
    amounts = (
        ("vessel days", prices.vessel_day, days, "d"), ("fuel", prices.fuel_per_litre, fuel, "l"),
        ("disposal", prices.disposal_per_kg, caught, "kg"),
    )  # fmt: skip
    parts, missing, total = [], [], 0.0
    for name, price, amount, unit in amounts:
        if price.value is None:
            missing.append(f"{name}: no price in config/models/season.yaml")
        elif amount is None:
            missing.append(f"{name}: no haul reported its fuel")
        else:
            total += price.value * amount
            source = plain(price.source)
            parts.append(f"{name}: {amount:,.0f} {unit} × {price.value:,.2f} {prices.currency} ({source})")
    if not parts:
        return None
    per_kg = total / caught if caught else None
    return Cost(total, per_kg, plain(prices.currency), tuple(parts), tuple(missing))
