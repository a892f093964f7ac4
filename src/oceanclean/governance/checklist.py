"""What a compliance officer asks, answered from the files: each check is kept, to be looked at, or broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean import chained_log
from oceanclean.chain import audit
from oceanclean.errors import OceancleanError
from oceanclean.governance.retention import overdue, removals
from oceanclean.governance.settings import GovernanceSettings, load_governance_settings
from oceanclean.learning.labels import LabelStore
from oceanclean.learning.registry import Registry
from oceanclean.settings import ZoneSettings, config_root, load_region_settings, load_sources_settings
from oceanclean.store import read_json

if TYPE_CHECKING:
    from oceanclean.planning.runs import Run

KEPT, LOOK, BROKEN = "kept", "look", "BROKEN"
# A key that ends in _env names the variable that holds the secret, one that ends in _url the place that gives a token.
_SECRET = re.compile(
    r"^\s*(?![\w-]*_(?:env|url)\s*:)[\w-]*(password|passwd|secret|token|api_?key|credential)[\w-]*\s*:\s*[\"']?(?!\$\{)\S",
    re.IGNORECASE,
)
_SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        check: what was asked.
        state: :data:`KEPT`, :data:`LOOK` (a person must look) or :data:`BROKEN`.
        said: what was found.
    """

    check: str
    state: str
    said: str


@dataclass(frozen=True)
class _Case:
    work: Path
    config: Path | None
    now: datetime
    rules: GovernanceSettings
    runs: list[Run]


Check = Callable[[_Case], Iterator[tuple[str, str]]]


def run_checklist(work: Path, config: Path | None, now: datetime) -> list[Finding]:
    """Go through all checks.

    Args:
        work: folder of runs, registry, labels, intake and tokens.
        config: configuration folder.
        now: the moment that ages are counted to.

    Returns:
        One finding a check; the worst of its parts decides its state.
    """
    from oceanclean.planning.runs import read_runs

    case = _Case(work, config, now, load_governance_settings(config), read_runs(work)[0])
    found = []
    for question, check in _CHECKS.items():
        parts = list(check(case))
        state = next((s for s in (BROKEN, LOOK) if any(p[0] == s for p in parts)), KEPT)
        words = [text for s, text in parts if s == state]
        more = f" … and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
        found.append(Finding(question, state, "; ".join(words[:_SHOWN]) + more))
    return found


def _approvals(case: _Case) -> Iterator[tuple[str, str]]:
    logs = sorted((case.work / "runs").glob(f"*/*/{audit.FILE}"))
    for path in logs:
        try:
            audit.read(path)
        except OceancleanError as error:
            yield BROKEN, str(error)
    yield KEPT, f"{len(logs)} logs, every chain of digests whole"


def _registry(case: _Case) -> Iterator[tuple[str, str]]:
    registry = Registry.of(case.work)
    try:
        for state in registry.state().values():
            for version in state.versions.values():
                version.checked()
        yield KEPT, f"{len(registry.events())} events, every file is the one that was registered"
    except OceancleanError as error:
        yield BROKEN, str(error)


def _labels(case: _Case) -> Iterator[tuple[str, str]]:
    try:
        lines = LabelStore.of(case.work).lines()
    except OceancleanError as error:
        yield BROKEN, str(error)
        return
    without = sum(not x.licence for x in lines)
    if without:
        yield LOOK, f"{without} of {len(lines)} labels state no licence"
    yield KEPT, f"{len(lines)} lines, chain of digests whole"


def _approved(case: _Case) -> Iterator[tuple[str, str]]:
    last = {run.region: run for run in case.runs if run.plan}
    for region, run in last.items():
        try:
            held = audit.approval(audit.read(run.folder / audit.FILE), _plan_digest(run))
        except OceancleanError:
            continue  # said where the logs are checked
        if held is None:
            yield LOOK, f"{region}: the last plan ({run.issue_time}) is a draft"
    yield KEPT, f"{len(last)} regions, the last plan of each is approved" if last else "no plan stands"


def _plan_digest(run: Run) -> str:
    from oceanclean.store import digest_record

    return digest_record(run.stages.get("allocate", {}).get("outputs", {}))


def _closed_areas(case: _Case) -> Iterator[tuple[str, str]]:
    orders = 0
    for run in case.runs:
        zones = [ZoneSettings.model_validate(z) for z in run.ledger.get("settings", {}).get("exclusion_zones", [])]
        zones += _decided_zones(run)
        for vessel, order in _collects(run):
            orders += 1
            for zone in zones:
                if _inside(zone, order):
                    yield BROKEN, f"{run.region} {run.issue_time}: {vessel} collects in {zone.name} ({zone.reason})"
    yield KEPT, f"{orders} collect orders, none in an area while it is closed"


def _decided_zones(run: Run) -> list[ZoneSettings]:
    decided = run.stages.get("allocate", {}).get("facts", {}).get("decided") or {}
    return [ZoneSettings.model_validate({k: z[k] for k in ZoneSettings.model_fields if k in z})
            for z in decided.get("record", {}).get("closed_areas", [])]  # fmt: skip


def _collects(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    for vessel in (run.plan or {}).get("vessels", []):
        for order in vessel["orders"]:
            if order["action"] == "collect":
                yield vessel["vessel_id"], order


def _inside(zone: ZoneSettings, order: dict[str, Any]) -> bool:
    """Whether the work's place lies in the zone at any time of the work."""
    from shapely import Point, Polygon

    begins, ends = (datetime.fromisoformat(order[k]) for k in ("arrive", "leave"))
    starts, stops = (t.replace(tzinfo=t.tzinfo or UTC) if t else None for t in (zone.starts, zone.ends))
    if (starts is not None and ends < starts) or (stops is not None and begins > stops):
        return False
    shape = Polygon(zone.polygon)
    return any(shape.contains(Point(order["lon"] + turn, order["lat"])) for turn in (-360, 0, 360))


def _zones_kept(case: _Case) -> Iterator[tuple[str, str]]:
    known: dict[str, set[str]] = {}
    for run in case.runs:
        known.setdefault(run.region, set()).update(
            z["name"] for z in run.ledger.get("settings", {}).get("exclusion_zones", [])
        )
    total = 0
    for region, names in known.items():
        try:
            present = {z.name for z in load_region_settings(region, case.config).exclusion_zones}
        except OceancleanError:
            continue  # the region is no longer planned for
        total += len(present)
        for name in sorted(names - present):
            yield LOOK, f"{region}: {name} was closed in earlier plans and is not in the region's file"
    yield KEPT, f"{total} closed areas stand in the regions' files"


def _data_licences(case: _Case) -> Iterator[tuple[str, str]]:
    count = 0
    for path in sorted((config_root(case.config) / "sources").glob("*.yaml")):
        settings = load_sources_settings(path.stem, case.config)
        for role in ("scenes", "currents", "wind", "waves", "drifters", "sightings", "fleet_status"):
            for source in getattr(settings, role):
                count += 1
                if not source.licence:
                    yield LOOK, f"{path.name}: {role} {source.kind} states no licence"
    yield KEPT, f"{count} sources, each with its licence"


def _software(case: _Case) -> Iterator[tuple[str, str]]:
    from oceanclean.planning.season.compliance import software_licences

    table = software_licences()
    for row in table.itertuples():
        words = str(row.licence)
        for fine in case.rules.licences_that_are_fine:
            words = words.replace(fine, "")
        if any(word.lower() in words.lower() for word in case.rules.licences_to_look_at):
            yield LOOK, f"{row.package} {row.version}: {row.licence}"
    yield KEPT, f"{len(table)} distributions; `oceanclean sbom` lists them"


def _models(case: _Case) -> Iterator[tuple[str, str]]:
    from oceanclean.vision.models import WEIGHTS

    try:
        registered = [v.path.with_suffix(".json") for s in Registry.of(case.work).state().values()
                      for v in s.versions.values() if v.kind != "forecaster"]  # fmt: skip
    except OceancleanError:
        registered = []
    cards = [*sorted(WEIGHTS.glob("*.json")), *registered]
    for card in cards:
        if card.is_file() and not read_json(card).get("licence"):
            yield LOOK, f"{card.parent.name}/{card.name} states no licence"
    yield KEPT, f"{len(cards)} models, each card states its licence"


def _consents(case: _Case) -> Iterator[tuple[str, str]]:
    photos = sorted((case.work / "intake" / "photos").glob("*.jpg"))
    log, given = case.work / "intake" / "consent.jsonl", set()
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else []:
        given.add(json.loads(line).get("photo"))
    for photo in photos:
        if photo.name not in given:
            yield BROKEN, f"{photo.name} is kept without a consent"
    yield KEPT, f"{len(photos)} photos, each with the consent of who sent it"


def _stripped(case: _Case) -> Iterator[tuple[str, str]]:
    from PIL import Image

    photos = sorted((case.work / "intake" / "photos").glob("*.jpg"))
    for photo in photos:
        with Image.open(photo) as picture:
            if len(picture.getexif()):
                yield BROKEN, f"{photo.name} still says where and with what it was taken"
    yield KEPT, f"{len(photos)} photos hold pixels alone"


def _retention(case: _Case) -> Iterator[tuple[str, str]]:
    for item in overdue(case.work, case.config, case.now):
        yield LOOK, f"{item.kind} {item.name} of {item.since:%Y-%m-%d}"
    try:
        removed = chained_log.read(removals(case.work))
    except OceancleanError as error:
        yield BROKEN, str(error)
        return
    yield KEPT, f"nothing is older than it may be; {len(removed)} removals on record"


def _tokens(case: _Case) -> Iterator[tuple[str, str]]:
    path, rules = case.work / "serving" / "tokens.json", case.rules.tokens
    if not path.is_file():
        yield KEPT, "no token was given out"
        return
    if path.stat().st_mode & 0o077:
        yield BROKEN, "the token file can be read by others than its owner"
    held = [t for t in read_json(path).values() if datetime.fromisoformat(t["expires"]) > case.now]
    admins = [t["owner"] for t in held if t["role"] == "admin"]
    if len(admins) > rules.most_admins:
        yield LOOK, f"{len(admins)} admins: {', '.join(admins)}"
    for t in held:
        span = datetime.fromisoformat(t["expires"]) - datetime.fromisoformat(t["made"])
        if span > timedelta(days=rules.longest_days):
            yield LOOK, f"the token of {t['owner']} lives {span.days} days"
    yield KEPT, f"{len(held)} tokens in force"


def _secrets(case: _Case) -> Iterator[tuple[str, str]]:
    files = sorted(config_root(case.config).rglob("*.y*ml"))
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if _SECRET.match(line) and path.name != "governance.yaml" and not _number(line):
                yield BROKEN, f"{path.name}:{number} looks like a secret"
    yield KEPT, f"{len(files)} settings files, none holds a secret"


def _number(line: str) -> bool:
    return bool(re.search(r":\s*[\d.{\[]", line))


def _ledgers(case: _Case) -> Iterator[tuple[str, str]]:
    for run in case.runs:
        age = case.now - datetime.fromisoformat(run.issue_time)
        if run.outcome == "running" and age > timedelta(days=1):
            yield LOOK, f"run {run.region} {run.issue_time} was begun and never ended"
    yield KEPT, f"{len(case.runs)} runs, each with its ledger"


_CHECKS: dict[str, Check] = {
    "Approvals: the logs were not changed": _approvals,
    "Approvals: the last plan of each region is approved": _approved,
    "Models: the log was not changed, the files are those registered": _registry,
    "Models: every card states a licence": _models,
    "Labels: the store was not changed, licences are stated": _labels,
    "Protected areas: no order in a closed area": _closed_areas,
    "Protected areas: none was dropped": _zones_kept,
    "Data: every source states its licence": _data_licences,
    "Software: licences": _software,
    "People: photos are kept with consent": _consents,
    "People: photos are stripped": _stripped,
    "People: nothing is kept too long, removals are on record": _retention,
    "Access: tokens": _tokens,
    "Access: no secret in the settings": _secrets,
    "Runs: every run has ended": _ledgers,
}


def worst(findings: Sequence[Finding]) -> str:
    """The worst state."""
    return max((f.state for f in findings), key=(KEPT, LOOK, BROKEN).index, default=KEPT)
