"""The daily chain: stages in order, run ledger, resuming. Knows every room; no room knows it."""

from oceanclean.chain.day import DayResult, begin, fail, finish, plan_day
from oceanclean.chain.run import STAGES, DailyRun, issue_time_of, parse_issue_time
from oceanclean.chain.stages import (
    allocate,
    degraded,
    detect,
    forecast,
    ingest,
    map_density,
    new_scenes,
    publish,
    segment_file,
)

__all__ = [
    "STAGES",
    "DailyRun",
    "DayResult",
    "allocate",
    "begin",
    "degraded",
    "detect",
    "fail",
    "finish",
    "forecast",
    "ingest",
    "issue_time_of",
    "map_density",
    "new_scenes",
    "parse_issue_time",
    "plan_day",
    "publish",
    "segment_file",
]
