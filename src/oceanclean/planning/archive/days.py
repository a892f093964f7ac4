"""What the archive says of each day: what the plan expected, what was caught, how the run ended."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from oceanclean.planning.notation import kilograms, plain
from oceanclean.planning.runs import Run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Day:
    """One plan of one region.

    Attributes:
        run: the run; ``link`` where its page is, relative to the archive, or "".
        expected_kg: expected catch with its 80 % interval; None without a plan.
        caught_kg: sum of the hauls reported while the plan was in force; None without a report.
    """

    run: Run
    link: str
    expected_kg: float | None
    p10_kg: float | None
    p90_kg: float | None
    caught_kg: float | None
    hauls: int

    @property
    def kind(self) -> str:
        """``good`` caught at least the lower bound, ``poor`` less, ``told`` no report, ``failed`` no plan."""
        if self.expected_kg is None:
            return "failed"
        if self.caught_kg is None or self.p10_kg is None:
            return "told"
        return "good" if self.caught_kg >= self.p10_kg else "poor"

    @property
    def skill(self) -> str:
        """Catch against the interval, in words; "" without both."""
        if self.caught_kg is None or self.p10_kg is None or self.p90_kg is None:
            return ""
        if self.caught_kg < self.p10_kg:
            return "below the interval"
        return "above the interval" if self.caught_kg > self.p90_kg else "in the interval"

    @property
    def sentence(self) -> str:
        """The day in one sentence."""
        if self.expected_kg is None:
            error = plain(self.run.ledger.get("error", ""), 200)
            return f"No plan ({self.run.outcome}){': ' + error if error else ''}."
        bottom = self.run.plan["bottom"] if self.run.plan else {}
        told = (
            f"{bottom.get('vessels_sent', 0)} of {bottom.get('vessels_total', 0)} vessels sent, expected "
            f"{kilograms(self.expected_kg)} ({kilograms(self.p10_kg or 0)} to {kilograms(self.p90_kg or 0)})"
        )
        if self.caught_kg is None:
            return f"{told}; no catch reported."
        return f"{told}; caught {kilograms(self.caught_kg)}, {self.skill}."


@dataclass(frozen=True)
class Month:
    """A month of one region as a calendar: weeks from Monday, each day with its plan or None; day 0 is no day."""

    title: str
    weeks: list[list[tuple[int, Day | None]]]


@dataclass(frozen=True)
class Shelf:
    """All days of one region, youngest last."""

    region: str
    title: str
    simulated: bool
    days: list[Day]

    @property
    def months(self) -> list[Month]:
        """Calendars of the months that have a run, youngest first."""
        last = {d.run.day: d for d in self.days}  # the last plan of a day stands in the calendar
        wanted = sorted({(d.year, d.month) for d in last}, reverse=True)
        return [
            Month(
                f"{calendar.month_name[month]} {year}",
                [
                    [(number, last.get(date(year, month, number)) if number else None) for number in week]
                    for week in calendar.Calendar().monthdayscalendar(year, month)
                ],
            )
            for year, month in wanted
        ]

    @property
    def caught_kg(self) -> float | None:
        """All that was reported; None without a report."""
        known = [d.caught_kg for d in self.days if d.caught_kg is not None]
        return sum(known) if known else None

    @property
    def skill(self) -> str:
        """How often the catch lay in the interval, in words."""
        known = [d.skill for d in self.days if d.skill]
        return f"{known.count('in the interval')} of {len(known)}" if known else "–"


def shelves(runs: Sequence[Run], hauls: dict[str, pd.DataFrame], links: dict[str, str]) -> list[Shelf]:
    """Runs as shelves of days, a region each.

    Args:
        runs: all runs, in the order of region and time.
        hauls: region to its hauls (:func:`oceanclean.planning.season.match.match`).
        links: a run's folder as text to where its page is.
    """
    regions = dict.fromkeys(run.region for run in runs)
    return [_shelf(name, [r for r in runs if r.region == name], hauls.get(name), links) for name in regions]


def _shelf(name: str, runs: list[Run], hauls: pd.DataFrame | None, links: dict[str, str]) -> Shelf:
    days = [_day(run, hauls, links.get(str(run.folder), "")) for run in runs]
    simulated = bool(runs[-1].ledger.get("settings", {}).get("simulated", False))
    return Shelf(name, plain(runs[-1].title, 120), simulated, days)


def _day(run: Run, hauls: pd.DataFrame | None, link: str) -> Day:
    if run.plan is None:
        return Day(run, link, None, None, None, None, 0)
    bottom = run.plan["bottom"]
    own = hauls[hauls["issue_time"] == run.issue_time] if hauls is not None else None
    caught = float(own["caught_kg"].sum()) if own is not None and len(own) else None
    left = sum(order["expected_kg"] for _, order in run.collects())
    share = left / bottom["expected_kg"] if bottom["expected_kg"] else 0.0  # a later plan may have overtaken a part
    expected, low, high = (bottom[k] * share for k in ("expected_kg", "p10_kg", "p90_kg"))
    return Day(run, link, expected, low, high, caught, len(own) if own is not None else 0)
