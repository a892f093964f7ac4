"""What people decide over the planner: pins, bans, closures, limits. A YAML file that a planner edits or a page writes.

The ground floor of two rooms: allocation obeys, planning shows what was decided, by whom, and what it costs.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

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


T = TypeVar("T", Pin, Ban)


def _exactly_one(decision: T) -> T:
    if bool(decision.task) == (decision.place is not None):
        raise ValueError("name the patch by 'task' or by 'place', not by both or neither")
    return decision


def load_decisions(path: Path) -> Decisions:
    """Decisions of a YAML file.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    return load(path, Decisions)
