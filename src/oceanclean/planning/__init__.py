"""The planning room: from a :class:`~oceanclean.products.Plan` to the page and the files that people read.

:func:`publish` writes everything. All files are made from one in-memory model (:mod:`oceanclean.planning.model`), so
that they agree.
"""

from oceanclean.planning.publish import publish
from oceanclean.planning.settings import PlanningSettings

__all__ = ["PlanningSettings", "publish"]
