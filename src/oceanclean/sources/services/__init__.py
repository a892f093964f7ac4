"""Services: what a source's files are fetched from. Searched, fetched and normalised by one class a kind.

Doors: :func:`~oceanclean.sources.services.fetching.fetch_region`,
:func:`~oceanclean.sources.services.fetching.fetch_trouble`. A service of a new kind derives from
:class:`~oceanclean.sources.services.contract.Service` and registers itself with
:func:`~oceanclean.sources.services.contract.service`.
"""
