"""Fetching for a region and planning days after the fact: what schedules do, in one call each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.chain.day import DayResult, plan_day
from oceanclean.chain.overview import overview
from oceanclean.chain.run import DailyRun, issue_time_of, parse_issue_time
from oceanclean.errors import InputError, OceancleanError
from oceanclean.settings import load_sources_settings

if TYPE_CHECKING:
    from oceanclean.sources import Outcome

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Filled:
    """How a day of a backfill ended.

    Attributes:
        day: local day.
        outcome: ``complete``, ``degraded``, ``failed``, or ``kept`` where a plan stood.
        reasons: what is missing, or the error.
        error: the error of a failed day.
    """

    day: str
    outcome: str
    reasons: tuple[str, ...]
    error: OceancleanError | None = None


def fetch(
    region_name: str, *, now: datetime, date: str = "", until: str = "", work: Path, config: Path | None = None,
    roles: Iterable[str] = (), progress: Progress | None = None,
) -> list[Outcome]:  # fmt: skip
    """Fetch what a region's services have.

    Args:
        region_name: a file of ``config/regions``.
        now: the clock; the moment fetched for where neither ``date`` nor ``until`` is given.
        date: local day, fetched for at its issue time.
        until: exact moment, ISO 8601 with zone.
        work: work folder.
        config: configuration folder.
        roles: only these.
        progress: told of each source.

    Raises:
        InputError: both a day and a moment.
        SettingsError: unknown region, or a service's settings are wrong.
        BusyError: another process fetches for the region.
    """
    from oceanclean import sources
    from oceanclean.chain import drone_folder  # noqa: F401  (its import registers the service)

    if date and until:
        raise InputError("command line", "--date / --until", "both", "one of them", "Leave one out.")
    run = DailyRun(region_name, "", work, config)
    region = run.region
    wanted = load_sources_settings(region.settings.sources, config)
    moment = parse_issue_time(until) if until else issue_time_of(date, region.settings) if date else now.isoformat()
    return sources.fetch_region(
        region, wanted, until=moment, now=now, work=work, config=config, roles=roles, progress=progress
    )


def fetched_roles(region_name: str, config: Path | None = None) -> list[str]:
    """Roles of a region's sources that a service fills, in the order in which they are fetched."""
    from oceanclean import sources

    region = DailyRun(region_name, "", Path(), config).region
    wanted = load_sources_settings(region.settings.sources, config)
    return list(dict.fromkeys(role for role, _, _ in sources.fetched_sources(wanted)))


def backfill(
    region_name: str, days: Sequence[str], *, work: Path, now: datetime, config: Path | None = None,
    seed: int = 20240608, fetching: bool = False, again: bool = False, progress: Progress | None = None,
) -> list[Filled]:  # fmt: skip
    """Plan the days that have no plan, in order, so that each starts from the forecast of the one before.

    Each day sees only what was available at its issue time. A day that fails does not stop the next.

    Args:
        region_name: a file of ``config/regions``.
        days: local days.
        work: work folder.
        now: the clock, for fetching.
        config: configuration folder.
        seed: seed of every random draw.
        fetching: ask the services for each day first.
        again: plan days anew that have a plan; what did not change is answered from the store.
        progress: told of each day.
    """
    states = overview(region_name, days, work, config)
    results = []
    for number, state in enumerate(states):
        (progress or (lambda *_: None))(f"plan {state.day}", number / len(states))
        if state.outcome in {"complete", "degraded"} and not again:
            results.append(Filled(state.day, "kept", state.reasons))
            continue
        try:
            if fetching:
                fetch(region_name, now=now, date=state.day, work=work, config=config)
            result = plan_day(DailyRun(region_name, state.issue_time, work, config, seed))
        except OceancleanError as error:
            results.append(Filled(state.day, "failed", (str(error),), error))
            continue
        said = result.degraded if isinstance(result, DayResult) else ()
        results.append(Filled(state.day, "degraded" if said else "complete", tuple(said)))
    return results
