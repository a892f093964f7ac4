"""The season report: what was caught, where, by whom, and how the forecasts fared.

:func:`season_report` writes everything. All files are made from one :class:`~oceanclean.planning.season.tally.Season`.
"""

from oceanclean.planning.season.report import season_report
from oceanclean.planning.season.settings import SeasonSettings

__all__ = ["SeasonSettings", "season_report"]
