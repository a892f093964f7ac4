"""Collect photos from sites that permit it: robots.txt obeyed, licence and source of every photo recorded.

Only sites that a person entered in ``config/crawl.yaml``, with the licence and where it is stated, are visited, and
nothing beyond their named hosts and paths. What comes in is checked like any photo, audited against what is there, and
duplicates are dropped. Needs the extra ``crawl`` (Scrapy).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import Field

from oceanclean.errors import InputError, MissingDataError, OceancleanError
from oceanclean.settings import Settings, config_root, load
from oceanclean.store import write_aside, write_json
from oceanclean.vision.audit import AuditSettings, audit_photos
from oceanclean.vision.photos.pictures import open_photo
from oceanclean.vision.photos.sets import Photo, PhotoSet

#: Columns of ``index.csv``.
COLUMNS = ("file", "label", "licence", "site", "page", "source", "retrieved_at", "sha256")


class Site(Settings):
    """A site that permits its photos to be collected.

    Attributes:
        start: pages to begin with.
        hosts: hosts that are visited; nothing else is.
        path: pages are followed only below this path.
        licence: of the photos.
        stated_at: where the site says so, or where its owner's permission is filed.
        label: label that all photos get, "" for none.
        delay_s: pause between requests, seconds; robots.txt may ask for more.
        max_bytes: largest photo.
        min_edge: shortest edge, pixels: smaller pictures are ornaments.
        contact: who answers for the crawl, sent as user agent.
    """

    start: tuple[str, ...] = Field(min_length=1)
    hosts: tuple[str, ...] = Field(min_length=1)
    path: str = "/"
    licence: str = Field(min_length=2)
    stated_at: str = Field(min_length=3)
    label: str = ""
    delay_s: float = Field(default=2.0, ge=0)
    max_bytes: int = Field(default=20_000_000, ge=1000)
    min_edge: int = Field(default=160, ge=16)
    contact: str = Field(min_length=3)


class CrawlSettings(Settings):
    """Content of ``config/crawl.yaml``."""

    sites: dict[str, Site] = Field(default_factory=dict)


@dataclass(frozen=True)
class Crawled:
    """What a crawl came to: photos kept, duplicates dropped, and pictures that could not be used."""

    folder: Path
    kept: int
    duplicates: int
    refused: int


def load_crawl_settings(config: Path | None = None) -> CrawlSettings:
    """Settings of ``config/crawl.yaml``."""
    return load(config_root(config) / "crawl.yaml", CrawlSettings)


def crawl_site(name: str, settings: CrawlSettings, out: Path, limit: int) -> Crawled:
    """Collect at most ``limit`` photos of a site into a folder with an index.

    Raises:
        InputError: the site is not entered.
        MissingDataError: Scrapy is not installed, or the crawl failed.
    """
    if name not in settings.sites:
        raise InputError("config/crawl.yaml", "site", repr(name), f"one of {sorted(settings.sites)}",
                         "Enter the site with its licence, once its owner permits it.")  # fmt: skip
    if find_spec("scrapy") is None:
        raise MissingDataError("crawl", "Scrapy", "not installed", "the extra 'crawl'", "pip install oceanclean[crawl]")
    site = settings.sites[name]
    with TemporaryDirectory() as folder:
        rows = _collect(site, Path(folder), limit)
        return _keep(name, site, Path(folder), rows, out)


def _collect(site: Site, folder: Path, limit: int) -> list[dict[str, Any]]:
    """Run the spider in a process of its own: its reactor starts only once in a process."""
    write_json(folder / "job.json", {"site": site.model_dump(mode="json"), "limit": limit})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "oceanclean.vision.spider", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingDataError(site.start[0], "crawl", done.stderr.strip()[-200:], "a crawl without error",
                               "Check the site's entry and the connection.")  # fmt: skip
    lines = folder / "items.jsonl"
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.is_file() else []


def _keep(name: str, site: Site, folder: Path, rows: list[dict[str, Any]], out: Path) -> Crawled:
    """Check, strip and audit what came in; write what is new behind what is there."""
    known = _index(out)
    refused, fresh, kept = 0, [], []
    for row in rows:
        try:
            picture = open_photo(folder / row["file"], max_bytes=site.max_bytes)
        except OceancleanError:
            refused += 1
            continue
        if min(picture.size) < site.min_edge:
            refused += 1
            continue
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=92)
        digest = hashlib.sha256(np.asarray(picture).tobytes()).hexdigest()
        fresh.append((row, digest, buffer.getvalue()))
        (folder / f"{digest[:16]}.jpg").write_bytes(buffer.getvalue())
    photos = [Photo(out, k["file"], "") for k in known]
    photos += [Photo(folder, f"{digest[:16]}.jpg", "") for _, digest, _ in fresh]
    seen: set[int] = set()
    groups = audit_photos(PhotoSet(tuple(photos)), AuditSettings()).groups if photos else np.zeros(0, int)
    seen.update(int(g) for g in groups[: len(known)])
    for (row, digest, content), group in zip(fresh, groups[len(known) :], strict=True):
        if int(group) in seen:
            continue
        seen.add(int(group))
        file = f"{name}/{digest[:16]}.jpg"
        with write_aside(out / file) as aside:
            aside.write_bytes(content)
        kept.append({"file": file, "label": site.label, "licence": site.licence, "site": site.stated_at,
                     "page": row["page"], "source": row["source"], "retrieved_at": row["retrieved_at"],
                     "sha256": digest})  # fmt: skip
    with write_aside(out / "index.csv") as aside, aside.open("w", encoding="utf-8", newline="") as file_:
        writer = csv.DictWriter(file_, COLUMNS)
        writer.writeheader()
        writer.writerows(known + kept)
    return Crawled(out, len(kept), len(fresh) - len(kept), refused)


def _index(out: Path) -> list[dict[str, str]]:
    path = out / "index.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if (out / row["file"]).is_file()]
