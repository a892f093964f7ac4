"""Filling a region's source folders from their services: one source after the other, none able to stop the others."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from oceanclean.errors import OceancleanError, SettingsError
from oceanclean.region import Region
from oceanclean.settings import SourceSettings, SourcesSettings
from oceanclean.sources.places import resolved
from oceanclean.sources.registry import ROLES
from oceanclean.sources.services.contract import Found, Service, Want, service_of
from oceanclean.sources.services.settings import WebSettings, web_settings, with_preset
from oceanclean.sources.times import Moment, iso, said, utc
from oceanclean.store import digest_file, lock, write_aside, write_json

#: Folder beside the fetched files that says of each where it came from.
RECORDS = ".fetched"
_SCRATCH = ".fetching"
#: Roles whose data lie ahead of the moment they are fetched for.
_FORECASTS = ("currents", "wind", "waves")
#: How a fetch of one source ended.
COMPLETE, PARTIAL, EMPTY, FAILED = "complete", "partial", "empty", "failed"


@dataclass(frozen=True)
class Outcome:
    """How the fetch of one source ended.

    Attributes:
        role: role of the source.
        number: its place among the sources of the role.
        title: what people call it.
        service: kind of service.
        until: the moment that was fetched for, ISO 8601 UTC.
        ended: the clock at the end.
        outcome: ``complete``, ``partial`` (something is missing), ``empty`` (the service has nothing) or ``failed``.
        found: things that the service has.
        new: files written.
        kept: files that stood already and are whole.
        bytes: size of the files written.
        seconds: wall time.
        sentences: what went wrong or is worth knowing.
    """

    role: str
    number: int
    title: str
    service: str
    until: str
    ended: str
    outcome: str
    found: int
    new: int
    kept: int
    bytes: int
    seconds: float
    sentences: tuple[str, ...]


def fetched_sources(sources: SourcesSettings, roles: Iterable[str] = ()) -> Iterator[tuple[str, int, SourceSettings]]:
    """Role, place and settings of each source that a service fills."""
    chosen = tuple(roles) or ROLES
    unknown = set(chosen) - set(ROLES)
    if unknown:
        raise SettingsError("command line", "role", sorted(unknown)[0], f"one of {ROLES}", "Correct the role.")
    for role in chosen:
        for number, source in enumerate(getattr(sources, role)):
            if source.fetch is not None:
                yield role, number, source


def fetch_region(
    region: Region, sources: SourcesSettings, *, until: Moment, now: Moment, work: Path, config: Path | None = None,
    roles: Iterable[str] = (), progress: Callable[[str, float], None] | None = None,
) -> list[Outcome]:  # fmt: skip
    """Fetch what a region's services have for a moment.

    Args:
        region: the region.
        sources: its sources; those without ``fetch`` are left alone.
        until: the moment, the issue time of a plan or the clock's; observations after it are not asked for.
        now: the clock. Where ``until`` lies far behind, a forecast that comes is not taken for one of then.
        work: work folder.
        config: configuration folder, or None for the default.
        roles: only these.
        progress: told of each source.

    Returns:
        One outcome a source; a source that is dead is among them as ``failed``, with the reason.

    Raises:
        SettingsError: a service's settings are wrong.
        BusyError: the region is being fetched by another process.
    """
    todo = list(fetched_sources(sources, roles))
    with lock(_home(work, region) / ".lock", f"Fetching of {region.name}"):
        outcomes = []
        for done, (role, number, source) in enumerate(todo):
            (progress or (lambda *_: None))(f"fetch {role}", done / len(todo))
            outcomes.append(fetch_source(region, role, number, source, until=until, now=now, work=work, config=config))
        return outcomes


def fetch_source(
    region: Region, role: str, number: int, source: SourceSettings, *, until: Moment, now: Moment, work: Path,
    config: Path | None = None,
) -> Outcome:  # fmt: skip
    """Fetch one source and write how it ended into the region's log; see :func:`fetch_region`.

    Raises:
        SettingsError: the service's settings are wrong.
    """
    started = time.monotonic()
    source = resolved(source, work)
    settings = with_preset(source, config)
    web = web_settings(config, settings.options.get("web"))
    want = _want(region, role, until, now, web, config)
    service = service_of(settings.service)(source, settings, web, want)
    count = _fill(service, target_folder(source))
    outcome = Outcome(
        role, number, title_of(source), settings.service, iso(want.until), iso(want.now), count.outcome, count.found,
        count.new, count.kept, count.bytes, round(time.monotonic() - started, 3), tuple(dict.fromkeys(count.sentences)),
    )  # fmt: skip
    _log(work, region, outcome)
    return outcome


def title_of(source: SourceSettings) -> str:
    """What people call a source."""
    fetch = source.fetch
    return str(source.options.get("title") or (fetch and (fetch.preset or fetch.service)) or source.kind)


def _want(region: Region, role: str, until: Moment, now: Moment, web: WebSettings, config: Path | None) -> Want:
    settings, moment, clock = region.settings, utc(until), utc(now)
    ahead = pd.Timedelta(hours=settings.horizon_h if role in _FORECASTS else 0)
    back = pd.Timedelta(hours=max(settings.history_h, 24))
    live = abs(clock - moment) <= pd.Timedelta(hours=web.live_h)
    return Want(region, role, moment - back, moment + ahead, moment, clock, live, config)


def target_folder(source: SourceSettings) -> Path:
    """The folder that a source's path names, where fetched files go.

    Raises:
        SettingsError: the path is no folder or a glob within one.
    """
    path = Path(source.path)
    folder = path.parent if "*" in path.name or "?" in path.name else path
    if any(c in str(folder) for c in "*?[") or folder.suffix in {".nc", ".csv", ".tif", ".zarr"}:
        raise SettingsError("config/sources", "path", source.path, "a folder, or a glob such as folder/*.nc",
                            "A fetched source fills a folder of its own.")  # fmt: skip
    return folder


class _Count:
    """What has come of a source so far."""

    def __init__(self) -> None:
        self.found = self.new = self.kept = self.bytes = 0
        self.failures = 0
        self.sentences: list[str] = []

    @property
    def outcome(self) -> str:
        if self.failures:
            return PARTIAL if self.new or self.kept else FAILED
        return COMPLETE if self.found else EMPTY


def _fill(service: Service, folder: Path) -> _Count:
    """Search, then fetch what is new; whatever goes wrong with one thing leaves the others alone."""
    count, web = _Count(), service.web_settings
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = service.search()
    except SettingsError:
        raise
    except OceancleanError as error:
        count.failures += 1
        count.sentences.append(str(error))
        return count
    count.found = len(found)
    for thing in found:
        count.sentences += thing.notes
        try:
            if time.monotonic() > service.deadline:
                count.failures += 1
                count.sentences.append(f"{thing.name} waits: the source's {web.budget_s:g} s are spent.")
                continue
            size = _bring(service, thing, folder)
        except SettingsError:
            raise
        except (OceancleanError, OSError) as error:
            count.failures += 1
            count.sentences.append(f"{thing.name}: {error}")
            continue
        if size is None:
            count.kept += 1
        else:
            count.new += 1
            count.bytes += size
    _prune(folder, service.want.now, web.keep_days)
    return count


def _bring(service: Service, thing: Found, folder: Path) -> int | None:
    """Fetch one thing; its size, or None where the same version stands whole already."""
    target, record = folder / thing.name, folder / RECORDS / f"{thing.name}.json"
    if _stands(target, record, thing.version):
        service.accept(thing)
        return None
    scratch = folder / _SCRATCH / f"{thing.name}-{_short(thing.version)}"
    service.fetch(thing, scratch)
    with write_aside(target) as aside:
        service.normalise(thing, scratch, aside)
        about = _record(service, thing, aside)
    # the file first: where the record is missing it is fetched again, where it were first it would vouch for nothing
    write_json(record, about)
    shutil.rmtree(scratch, ignore_errors=True)
    service.accept(thing)
    return int(about["bytes"])


def _short(version: str) -> str:
    return "".join(c for c in version if c.isalnum())[:24]


def _record(service: Service, thing: Found, file: Path) -> dict[str, Any]:
    """Where a file came from, its licence and its digest."""
    return {
        "name": thing.name, "service": service.settings.service, "preset": service.settings.preset,
        "origin": thing.origin, "version": thing.version, "observed": thing.observed,
        "available_at": thing.available_at, "licence": service.source.licence, "fetched_at": iso(service.want.now),
        "sha256": digest_file(file), "bytes": file.stat().st_size, "notes": list(thing.notes),
    }  # fmt: skip


def _stands(target: Path, record: Path, version: str) -> bool:
    """Whether a version was fetched before and its file still has the digest with which it was written."""
    if not (target.is_file() and record.is_file()):
        return False
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return known.get("version") == version and known.get("sha256") == digest_file(target)


def _prune(folder: Path, now: pd.Timestamp, keep_days: float | None) -> None:
    """Remove fetched files that are older than their keeping time, and what broken tries of long ago left."""
    for left in (folder / _SCRATCH).glob("*"):
        if now.timestamp() - left.stat().st_mtime > 7 * 86400:
            shutil.rmtree(left, ignore_errors=True)
    if keep_days is None:
        return
    for record in (folder / RECORDS).glob("*.json"):
        about = json.loads(record.read_text(encoding="utf-8"))
        age = now - utc(about["observed"] or about["fetched_at"])
        if age > pd.Timedelta(days=keep_days):
            (folder / Path(about["name"]).name).unlink(missing_ok=True)
            record.unlink()


def _home(work: Path, region: Region) -> Path:
    return work / "fetched" / region.name


def _log(work: Path, region: Region, outcome: Outcome) -> None:
    """Append to the region's log of the month."""
    path = _home(work, region) / "log" / f"{outcome.ended[:7]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome), sort_keys=True) + "\n")


def last_outcomes(work: Path, region: Region, until: Moment, hours: float) -> dict[tuple[str, int], Outcome]:
    """The last outcome of each source among those fetched for a moment or in the hours before it."""
    moment = utc(until)
    first = iso(moment - pd.Timedelta(hours=hours))
    found: dict[tuple[str, int], Outcome] = {}
    for path in sorted((_home(work, region) / "log").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                outcome = Outcome(**{**entry, "sentences": tuple(entry["sentences"])})
            except (ValueError, TypeError, KeyError):  # the line that a killed process was writing
                continue
            if first <= outcome.until <= iso(moment):
                found[outcome.role, outcome.number] = outcome
    return found


def fetch_trouble(
    region: Region, sources: SourcesSettings, *, until: Moment, work: Path, config: Path | None = None
) -> list[str]:
    """Sentences for the plan page on sources that their service did not bring in time.

    Args:
        region: the region.
        sources: its sources.
        until: issue time of the plan.
        work: work folder.
        config: configuration folder, or None for the default.
    """
    wanted = list(fetched_sources(sources))
    if not wanted:
        return []
    hours = web_settings(config).late_h
    known = last_outcomes(work, region, until, hours)
    out = []
    for role, number, source in wanted:
        what = f"{role.replace('_', ' ').capitalize()} ({title_of(source)})"
        last = known.get((role, number))
        if last is None:
            out.append(f"{what} were not fetched in the {hours:g} h before {said(utc(until))}.")
        elif last.outcome in (FAILED, PARTIAL):
            why = last.sentences[-1] if last.sentences else "no reason given"
            word = "could not be fetched" if last.outcome == FAILED else "were fetched in part"
            out.append(f"{what} {word} at {said(utc(last.ended))}: {why}")
    return out
