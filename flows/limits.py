"""One run of a kind a region, over all machines of a server."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from prefect import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.concurrency.sync import concurrency


def one_at_a_time(region: str, kind: str = "") -> AbstractContextManager[None]:
    """Prefect's limit of one run a region and kind.

    The caller holds the region's lock on this machine. Without a server this machine is all there is, so a slot that is
    still taken belongs to a run that was killed: the ephemeral server has nobody to free it, and it is freed here. A
    server frees the slot of a killed run when its lease of a minute is not renewed.
    """
    name = f"oceanclean-{kind}{'-' if kind else ''}{region}"
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
        if not os.environ.get("PREFECT_API_URL"):
            client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active_slots=0))
    return concurrency(name, occupy=1, timeout_seconds=3600, lease_duration=60)
