"""What the tests of services share: quick calls, a region within the tile, a source and its fetch."""

from __future__ import annotations

from pathlib import Path

from oceanclean.settings import ServiceSettings, SourceSettings, SourcesSettings
from oceanclean.sources import fetch_region

ISSUE = "2026-06-15T06:00Z"
NOW = "2026-06-15T05:40Z"
QUICK = {"connect_s": 2, "read_s": 1, "tries": 2, "backoff_s": 0, "per_second": 1000, "range_block_kib": 16}


def fetched(region, config, until=ISSUE, now=NOW, *, work, **roles):
    wanted = SourcesSettings(name="test", **{k: v if isinstance(v, list) else [v] for k, v in roles.items()})
    return fetch_region(region, wanted, until=until, now=now, work=work, config=config), wanted


def serviced(kind: str, into: Path, service: str, licence: str = "a licence", latency_h: float = 3, **options):
    reading = options.pop("reading", {})
    return SourceSettings(
        kind=kind, path=str(into / options.pop("pattern", "*")), licence=licence, latency_h=latency_h, options=reading,
        fetch=ServiceSettings(service=service, options={"web": QUICK, **options}),
    )  # fmt: skip
