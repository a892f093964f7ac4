"""The daily chain: stages in order, run ledger, resuming. Knows every room; no room knows it."""

from oceanclean.chain.day import DayResult, begin, fail, finish, plan_day
from oceanclean.chain.decided import day_file, decisions_of
from oceanclean.chain.facts import degraded
from oceanclean.chain.filling import backfill, fetch, fetched_roles
from oceanclean.chain.overview import DayState, days_between, overview
from oceanclean.chain.page import publish
from oceanclean.chain.replan import approve, audit_file, replan
from oceanclean.chain.run import STAGES, DailyRun, issue_time_of, parse_issue_time
from oceanclean.chain.shadow import shadow
from oceanclean.chain.stages import (
    allocate,
    detect,
    forecast,
    ingest,
    map_density,
    new_scenes,
    segment_file,
    what_if,
)
from oceanclean.chain.upkeep import month_before, refit_forecaster, season_of

__all__ = [
    "STAGES",
    "DailyRun",
    "DayResult",
    "DayState",
    "allocate",
    "approve",
    "audit_file",
    "backfill",
    "begin",
    "day_file",
    "days_between",
    "decisions_of",
    "degraded",
    "detect",
    "fail",
    "fetch",
    "fetched_roles",
    "finish",
    "forecast",
    "ingest",
    "issue_time_of",
    "map_density",
    "month_before",
    "new_scenes",
    "overview",
    "parse_issue_time",
    "plan_day",
    "publish",
    "refit_forecaster",
    "replan",
    "season_of",
    "segment_file",
    "shadow",
    "what_if",
]
