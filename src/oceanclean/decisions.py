"""What people decide over the planner: pins, bans, closures, limits. A YAML file that a planner edits or a page writes.

The ground floor of two rooms: allocation obeys, planning shows what was decided, by whom, and what it costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field, model_validator

from oceanclean.settings import Settings, ZoneSettings, load

_TEXT = Field(default="", max_length=300)


class Place(Settings):
    """A position that names a patch across days: the task nearest to it, within ``within_km``, is meant."""

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=360)
    within_km: float = Field(default=10.0, gt=0, le=500)


class Pin(Settings):
    """A vessel must work a patch.

    Attributes:
        vessel: vessel id.
        task: task id of the last plan, or
        place: where the patch is at the issue time; exactly one of the two.
        first: the patch must be the vessel's first.
        not_before: earliest start of the work.
    """

    vessel: str = Field(min_length=1, max_length=32)
    task: str = ""
    place: Place | None = None
    first: bool = False
    not_before: datetime | None = None
    reason: str = _TEXT

    @model_validator(mode="after")
    def _one_target(self) -> Pin:
        return _exactly_one(self)


class Ban(Settings):
    """A patch that a vessel (none named: any vessel) must not work; the patch is named as in :class:`Pin`."""

    vessel: str = Field(default="", max_length=32)
    task: str = ""
    place: Place | None = None
    reason: str = _TEXT

    @model_validator(mode="after")
    def _one_target(self) -> Ban:
        return _exactly_one(self)


class Hold(Settings):
    """A vessel that stays."""

    vessel: str = Field(min_length=1, max_length=32)
    reason: str = Field(min_length=1, max_length=300)


class ClosedPort(Settings):
    """A port that no vessel calls at; a vessel lying there may still leave."""

    port: str = Field(min_length=1, max_length=80)
    reason: str = Field(min_length=1, max_length=300)


class Limit(Settings):
    """Limits of one vessel for this day only; what is not given stays as the fleet file says."""

    vessel: str = Field(min_length=1, max_length=32)
    max_wave_height_m: float | None = Field(default=None, gt=0, le=20)
    max_wind_kn: float | None = Field(default=None, gt=0, le=100)
    endurance_h: float | None = Field(default=None, gt=0, le=5000)
    hold_kg: float | None = Field(default=None, gt=0, le=1e7)
    transit_speed_kn: float | None = Field(default=None, gt=0, le=50)
    collect_speed_kn: float | None = Field(default=None, gt=0, le=15)
    reason: str = _TEXT


class Decisions(Settings):
    """All decisions for one plan; an empty file decides nothing.

    Attributes:
        by: who decided.
        pins: vessels sent to patches.
        bans: patches not to be worked.
        holds: vessels that stay.
        closed_ports: ports not called at.
        closed_areas: areas where nobody collects, beside those of the region.
        limits: other limits of single vessels.
    """

    by: str = Field(default="", max_length=120)
    pins: list[Pin] = Field(default_factory=list, max_length=500)
    bans: list[Ban] = Field(default_factory=list, max_length=500)
    holds: list[Hold] = Field(default_factory=list, max_length=500)
    closed_ports: list[ClosedPort] = Field(default_factory=list, max_length=100)
    closed_areas: list[ZoneSettings] = Field(default_factory=list, max_length=100)
    limits: list[Limit] = Field(default_factory=list, max_length=500)

    @property
    def empty(self) -> bool:
        """Nothing was decided."""
        return not (self.pins or self.bans or self.holds or self.closed_ports or self.closed_areas or self.limits)

    def entries(self) -> list[Entry]:
        """Each decision with its sentence, in the order of the file."""
        return [
            Entry(kind, i, _SENTENCES[kind](d), d.reason) for kind in KINDS for i, d in enumerate(getattr(self, kind))
        ]

    def without(self, entry: Entry) -> Decisions:
        """All decisions but one."""
        kept = [d for i, d in enumerate(getattr(self, entry.kind)) if i != entry.index]
        return self.model_copy(update={entry.kind: kept})

    def joined(self, other: Decisions) -> Decisions:
        """These decisions and then others; who decided is the other's, if it says so."""
        both = {kind: [*getattr(self, kind), *getattr(other, kind)] for kind in KINDS}
        return self.model_copy(update={**both, "by": other.by or self.by})


@dataclass(frozen=True)
class Entry:
    """One decision in words.

    Attributes:
        kind: the list of :class:`Decisions` in which it stands.
        index: its place there.
        text: what was decided.
        reason: why; may be empty.
    """

    kind: str
    index: int
    text: str
    reason: str


KINDS = ("pins", "bans", "holds", "closed_ports", "closed_areas", "limits")


T = TypeVar("T", Pin, Ban)


def _exactly_one(decision: T) -> T:
    if bool(decision.task) == (decision.place is not None):
        raise ValueError("name the patch by 'task' or by 'place', not by both or neither")
    return decision


def _patch(decision: Pin | Ban) -> str:
    if decision.place is None:
        return f"patch {decision.task}"
    place = decision.place
    return f"the patch nearest to {place.lat:.4f}, {place.lon:.4f} (within {place.within_km:g} km)"


def _pin(pin: Pin) -> str:
    first = " first" if pin.first else ""
    when = f", not before {_utc(pin.not_before)}" if pin.not_before else ""
    return f"{pin.vessel} works {_patch(pin)}{first}{when}"


def _utc(when: datetime) -> str:
    moment = when.astimezone(UTC) if when.tzinfo else when
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _area(area: ZoneSettings) -> str:
    span = "".join(f" {word} {_utc(when)}" for word, when in (("from", area.starts), ("until", area.ends)) if when)
    return f"Nobody collects in {area.name}{span}"


#: Field of :class:`Limit`, how it is said, unit.
LIMITS = (
    ("max_wave_height_m", "waves to", "m"), ("max_wind_kn", "wind to", "kn"), ("endurance_h", "endurance", "h"),
    ("hold_kg", "hold", "kg"), ("transit_speed_kn", "transit speed", "kn"),
    ("collect_speed_kn", "collecting speed", "kn"),
)  # fmt: skip


def _limit(limit: Limit) -> str:
    said = [
        f"{words} {getattr(limit, name):g} {unit}" for name, words, unit in LIMITS if getattr(limit, name) is not None
    ]
    return f"{limit.vessel}: {', '.join(said) or 'no other limit'}"


_SENTENCES: dict[str, Callable[[Any], str]] = {
    "pins": _pin,
    "bans": lambda ban: f"{ban.vessel or 'No vessel'} {'does not work' if ban.vessel else 'works'} {_patch(ban)}",
    "holds": lambda hold: f"{hold.vessel} stays",
    "closed_ports": lambda port: f"No call at {port.port}",
    "closed_areas": _area,
    "limits": _limit,
}


def as_yaml(decisions: Decisions) -> str:
    """Decisions as YAML that a planner can edit; values at their defaults are left out."""
    record = decisions.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True)


def load_decisions(path: Path) -> Decisions:
    """Decisions of a YAML file.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    return load(path, Decisions)
