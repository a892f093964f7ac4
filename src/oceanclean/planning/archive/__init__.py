"""The archive: an index of all regions and days, a feed, and a summary that can be sent as it is.

:func:`write_archive` writes everything.
"""

from oceanclean.planning.archive.archive import write_archive

__all__ = ["write_archive"]
