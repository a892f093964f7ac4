"""The daily chain: stages in order, run ledger, resuming. Knows every room; no room knows it."""

from oceanclean.chain.cluster import Workers, workers
from oceanclean.chain.day import DayResult, finish, plan_day, recorded
from oceanclean.chain.decided import day_file, decisions_of
from oceanclean.chain.detecting import detect_all, detect_side_by_side
from oceanclean.chain.facts import degraded
from oceanclean.chain.filling import backfill, fetch, fetched_roles
from oceanclean.chain.many import DayDone, SceneDone, plan_many, scenes_named, segment_many
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
    "DayDone",
    "DayResult",
    "DayState",
    "SceneDone",
    "Workers",
    "allocate",
    "approve",
    "audit_file",
    "backfill",
    "day_file",
    "days_between",
    "decisions_of",
    "degraded",
    "detect",
    "detect_all",
    "detect_side_by_side",
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
    "plan_many",
    "publish",
    "recorded",
    "refit_forecaster",
    "replan",
    "scenes_named",
    "season_of",
    "segment_file",
    "segment_many",
    "shadow",
    "what_if",
    "workers",
]
