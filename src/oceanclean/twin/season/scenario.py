"""Scenarios: a stretch of sea, a fleet, a sky and the operations in it (``config/twin/<name>.yaml``)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from oceanclean.region import Region
from oceanclean.settings import (
    FleetSettings,
    RegionSettings,
    Settings,
    config_root,
    load,
    load_yaml,
    named,
)
from oceanclean.store import digest_record, write_aside
from oceanclean.twin.settings import TwinSettings


class OperationSettings(Settings):
    """What the sea does to vessels, beyond their own limits."""

    step_s: float = Field(default=120.0, gt=0, le=600, description="time step of the work on a patch")
    transit_step_s: float = Field(default=180.0, gt=0, le=3600, description="time step of everything else")
    least_speed: float = Field(default=0.4, gt=0, le=1, description="share of the transit speed kept in any sea")
    transit_wave_factor: float = Field(default=1.5, ge=1, description="no way is made above this times the limit")
    downtime_a_day: float = Field(default=0.05, ge=0, le=1, description="chance of a breakdown, a vessel and day")
    downtime_h: float = Field(default=8.0, gt=0, description="its mean length, exponential")
    reserve_h: float = Field(default=1.0, ge=0, description="endurance with which a crew wants to be home")
    sight_m: float = Field(default=1500.0, gt=0, description="how far a crew sees a raft by day")
    drone_sight_m: float = Field(default=4000.0, gt=0, description="the same with a drone on board")
    search_speed_factor: float = Field(default=2.0, ge=1, description="search speed over collecting speed")
    worth_kg: float = Field(default=50.0, gt=0, description="a raft for which a crew stops on its way")


class SkySettings(Settings):
    """When the satellite passes and how much it may see."""

    every_days: int = Field(default=5, ge=1, le=30, description="days from pass to pass, both satellites together")
    first_day: int = Field(default=0, ge=0, description="day of the first pass; 0: the day before the first plan")


class EarlierSettings(Settings):
    """Earlier seasons of the same sea whose maps the chain has as an archive; years of 0: none."""

    years: int = Field(default=8, ge=0, le=50, description="seasons before this one, each of another seed")
    days: int = Field(default=12, ge=1, le=60, description="length of each")
    every_days: int = Field(default=3, ge=1, le=30, description="days from survey to survey")


class Variant(Settings):
    """What is otherwise in a what-if: parts of a scenario that are laid over it."""

    title: str
    changes: dict[str, Any]


class Scenario(Settings):
    """One scenario.

    Attributes:
        name: of the file.
        title: for people.
        start: local day of the first plan.
        region: as in ``config/regions``, without ``fleet`` and ``sources``.
        fleet: vessels as in ``config/fleets``.
        twin: what differs from ``config/models/twin.yaml``.
        models: file of ``config/models`` to what differs from it in the chain of this scenario.
        operations: see :class:`OperationSettings`.
        sky: see :class:`SkySettings`.
        earlier: see :class:`EarlierSettings`.
        what_if: name to :class:`Variant`.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    title: str
    start: str
    region: dict[str, Any]
    fleet: list[dict[str, Any]]
    twin: dict[str, Any] = Field(default_factory=dict)
    models: dict[str, dict[str, Any]] = Field(default_factory=dict)
    operations: OperationSettings = OperationSettings()
    sky: SkySettings = SkySettings()
    earlier: EarlierSettings = EarlierSettings()
    what_if: dict[str, Variant] = Field(default_factory=dict)

    def with_changes(self, changes: Mapping[str, Any]) -> Scenario:
        """The scenario with other values laid over it; a fleet is changed vessel by vessel (``null``: taken away).

        Raises:
            ValidationError: a changed value is not valid.
        """
        record = self.model_dump(mode="json")
        fleet = {v["id"]: v for v in record["fleet"]}
        for name, vessel in dict(changes.get("fleet", {})).items():
            if vessel is None:
                fleet.pop(name, None)
            else:
                fleet[name] = {**fleet.get(name, {"id": name}), **vessel}
        rest = {k: v for k, v in changes.items() if k != "fleet"}
        return Scenario.model_validate({**laid_over(record, rest), "fleet": list(fleet.values())})

    def region_settings(self) -> RegionSettings:
        """The region as the chain's configuration has it."""
        return RegionSettings.model_validate(
            {**self.region, "name": self.name, "title": self.title, "simulated": True, "fleet": self.name,
             "sources": self.name}
        )  # fmt: skip

    def make_region(self) -> Region:
        """The region."""
        return Region(self.region_settings())

    def fleet_settings(self) -> FleetSettings:
        """The fleet."""
        return FleetSettings.model_validate({"name": self.name, "vessels": self.fleet})

    def twin_settings(self, config: Path | None = None) -> TwinSettings:
        """The simulated sea."""
        return TwinSettings.model_validate(laid_over(load_yaml(named("models", "twin", config)), self.twin))

    def digest(self, config: Path | None = None) -> str:
        """Digest of all that the sea and the operations depend on."""
        return digest_record({**self.model_dump(mode="json", exclude={"what_if"}),
                              "sea": self.twin_settings(config).model_dump(mode="json")})  # fmt: skip


def load_scenario(name: str, config: Path | None = None) -> Scenario:
    """The scenario ``name`` of ``config/twin``.

    Raises:
        SettingsError: unknown, or a wrong value; names file, key and what was expected.
    """
    return load(named("twin", name, config), Scenario)


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings joined key by key; where both hold a mapping, these are joined too."""
    out = dict(under)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = laid_over(out[key], value) if both else value
    return out


def write_config(
    scenario: Scenario, folder: Path, config: Path | None = None, models: Mapping[str, Any] | None = None
) -> Path:
    """Write the configuration folder that the chain of one planner runs with; nothing of the simulated sea is in it.

    Args:
        scenario: region, fleet and settings.
        folder: written whole or not at all.
        config: where the project's own settings stand.
        models: what differs for this planner, over the scenario's ``models``.
    """
    root = config_root(config)
    changed = laid_over(scenario.models, models or {})
    with write_aside(folder) as aside:
        (aside / "models").mkdir(parents=True)
        for path in sorted((root / "models").rglob("*")):
            to = aside / path.relative_to(root)
            if path.is_dir():
                to.mkdir(exist_ok=True)
            elif path.name != "twin.yaml":
                shutil.copy(path, to)
        for name, values in changed.items():
            _write(aside / "models" / f"{name}.yaml", laid_over(load_yaml(named("models", name, config)), values))
        _write(aside / "regions" / f"{scenario.name}.yaml", scenario.region_settings().model_dump(mode="json"))
        _write(aside / "fleets" / f"{scenario.name}.yaml", scenario.fleet_settings().model_dump(mode="json"))
        _write(aside / "sources" / f"{scenario.name}.yaml", _sources(scenario.name))
    return folder


def _sources(name: str) -> dict[str, Any]:
    """Where the chain finds what is seen: in the planner's own work folder."""
    seen = "${OCEANCLEAN_WORK}/seen"

    def one(kind: str, path: str, **more: Any) -> list[dict[str, Any]]:
        return [{"kind": kind, "path": f"{seen}/{path}", "licence": "simulated, no rights", **more}]

    return {
        "name": name,
        "scenes": one("scene_folder", "scenes/*.tif", latency_h=4),
        "currents": one("gridded", "currents/*.nc", required=True),
        "wind": one("gridded", "wind/*.nc"), "waves": one("gridded", "waves/*.nc"),
        "drifters": one("drifter_csv", "drifters.csv", latency_h=1),
        "sightings": one("sightings_csv", "sightings.csv", latency_h=2),
        "fleet_status": one("fleet_csv", "fleet_status.csv"),
    }  # fmt: skip


def _write(path: Path, record: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(record), sort_keys=False, allow_unicode=True), encoding="utf-8")
