"""Settings that people edit: YAML under ``config/``, validated on load.

An error names the file, the key, the value that stood there and what was expected.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from oceanclean.errors import SettingsError

KNOT_M_S = 1852.0 / 3600.0
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Settings(BaseModel):
    """Base of every settings class: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S", bound=Settings)


#: Cells of a region's density grid and of the grid on which ways are found: more do not fit into a few gigabytes.
_MOST_CELLS, _MOST_WAYS = 2_000_000, 20_000_000


class Box(Settings):
    """Bounding box in degrees; ``west > east`` means that it crosses the date line."""

    west: float = Field(ge=-180, le=360)
    east: float = Field(ge=-180, le=360)
    south: float = Field(ge=-90, le=90)
    north: float = Field(ge=-90, le=90)

    @model_validator(mode="after")
    def _ordered(self) -> Box:
        if self.south >= self.north:
            raise ValueError(f"south {self.south} must be less than north {self.north}")
        if self.width <= 0 or self.width > 180:
            raise ValueError(f"the box spans {self.width}°; it must span more than 0 and at most 180")
        return self

    @property
    def width(self) -> float:
        """Extent in longitude, degrees; a box across the date line counts eastwards."""
        width = self.east - self.west
        return width + 360 if width <= 0 else width


class PortSettings(Settings):
    """A port where vessels start, unload and end."""

    name: str = Field(min_length=1, max_length=80)
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=360)
    unload_h: float = Field(default=2.0, ge=0, le=72, description="hours alongside to unload a full hold")
    opens: str = Field(default="", description="local time from which vessels are let in and served, e.g. '06:00'")
    closes: str = Field(default="", description="local time until which they are; both empty: always")
    closed_days: list[Weekday] = Field(default_factory=list, description="days on which nobody is let in")
    bunkers: bool = Field(default=True, description="fuel can be had")

    @model_validator(mode="after")
    def _hours(self) -> PortSettings:
        if bool(self.opens) != bool(self.closes):
            raise ValueError("give both opens and closes, or neither")
        for name in ("opens", "closes"):
            if (value := getattr(self, name)) and not _CLOCK.fullmatch(value):
                raise ValueError(f"{name} {value!r} must be a time such as '06:00', at most '24:00'")
        if self.opens and self.opens >= self.closes:
            raise ValueError(f"opens {self.opens} must be before closes {self.closes}; use '24:00' for midnight")
        if len(set(self.closed_days)) == 7:
            raise ValueError("closed_days names all seven days; leave the port out instead")
        return self


class ZoneSettings(Settings):
    """An area where no vessel collects."""

    name: str = Field(min_length=1, max_length=120)
    reason: str = Field(min_length=1, max_length=300)
    polygon: list[tuple[float, float]] = Field(min_length=3, description="(lon, lat) corners")
    starts: datetime | None = None
    ends: datetime | None = None
    no_passage: bool = Field(default=False, description="vessels sail round it too: shallows, wind farms, reserves")


class HarmZone(ZoneSettings):
    """An area where debris does more harm than elsewhere: what is there counts ``weight`` times in the plan's aim."""

    weight: float = Field(ge=0.1, le=100, description="value of a kilogram there against one elsewhere")


class BackgroundSettings(Settings):
    """What is assumed where neither a look nor a forecast exists."""

    mean_kg_km2: float = Field(ge=0)
    std_kg_km2: float = Field(ge=0)
    source: str


class RegionSettings(Settings):
    """A stretch of sea that is planned for as one."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")
    title: str
    simulated: bool = Field(default=False, description="the page says so when the sea is not real")
    timezone: str = "UTC"
    bbox: Box
    waters: Box | None = Field(default=None, description="box in which vessels sail, ports included; default: bbox")
    grid_step_deg: float = Field(gt=0, le=2)
    routing_step_deg: float = Field(default=0.01, gt=0, le=0.5)
    horizon_h: int = Field(default=72, ge=6, le=240)
    minimum_horizon_h: int = Field(default=12, ge=1, description="a shorter forecast is refused")
    history_h: int = Field(default=36, ge=0, le=240, description="how far back observations are taken")
    plan_hour: int = Field(default=5, ge=0, le=23, description="local hour at which the day's plan is issued")
    fleet: str
    sources: str
    ports: list[PortSettings] = Field(min_length=1)
    exclusion_zones: list[ZoneSettings] = Field(default_factory=list)
    harm_zones: list[HarmZone] = Field(default_factory=list)
    background: BackgroundSettings

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {value!r}; use a name such as 'Europe/Rome'") from error
        return value

    @model_validator(mode="after")
    def _unique_ports(self) -> RegionSettings:
        names = [p.name for p in self.ports]
        if len(set(names)) != len(names):
            raise ValueError("two ports have the same name")
        if self.minimum_horizon_h > self.horizon_h:
            raise ValueError("minimum_horizon_h exceeds horizon_h")
        return self

    @model_validator(mode="after")
    def _not_too_fine(self) -> RegionSettings:
        boxes = {"grid_step_deg": (self.bbox, _MOST_CELLS), "routing_step_deg": (self.waters or self.bbox, _MOST_WAYS)}
        for name, (box, most) in boxes.items():
            area, step = box.width * (box.north - box.south), getattr(self, name)
            if area / step**2 > most:
                raise ValueError(f"{name} {step:g} makes {area / step**2:.3g} cells of this box; at most {most:,}: "
                                 f"choose {(area / most) ** 0.5:.2g} or more, or a smaller box")  # fmt: skip
        return self


class VesselSettings(Settings):
    """A vessel as the fleet file describes it; speeds in knots because skippers write them so."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    name: str = Field(min_length=1, max_length=500)
    home_port: str
    transit_speed_kn: float = Field(gt=0, le=50)
    collect_speed_kn: float = Field(gt=0, le=15)
    endurance_h: float = Field(gt=0, le=5000)
    hold_kg: float = Field(gt=0, le=1e7)
    hold_used_kg: float = Field(default=0, ge=0)
    hold_m3: float | None = Field(default=None, gt=0, le=1e5, description="room in the hold; None: the mass decides")
    swath_m: float = Field(gt=0, le=5000, description="effective mouth width")
    efficiency: float = Field(gt=0, le=1, description="share of the debris in the swath that is kept")
    max_wave_height_m: float = Field(gt=0, le=20)
    max_wind_kn: float = Field(gt=0, le=100)
    daylight_only: bool = True
    drone: bool = Field(default=False, description="a drone on board sees windrows from farther off")
    wave_speed_loss_per_m: float = Field(
        default=0, ge=0, le=0.5, description="part of the transit speed lost for each metre of significant wave height"
    )
    alternative_ports: list[str] = Field(default_factory=list, description="where a trip may end, beside the home port")
    max_work_h: float | None = Field(default=None, ge=4, le=200, description="hours on duty before the crew must rest")
    rest_h: float | None = Field(default=None, gt=0, le=48, description="hours of that rest, hove to or in port")
    fuel_capacity_l: float | None = Field(default=None, gt=0, le=1e7, description="usable; None: only endurance counts")
    fuel_l: float | None = Field(default=None, ge=0, le=1e7, description="on board; default: full")
    fuel_transit_l_h: float = Field(default=0, ge=0, le=1e5)
    fuel_collect_l_h: float = Field(default=0, ge=0, le=1e5)
    fuel_idle_l_h: float = Field(default=0, ge=0, le=1e5, description="hove to, waiting or resting")
    bunker_h: float = Field(default=0, ge=0, le=48, description="hours alongside to take fuel, beside unloading")
    tows_with: str | None = Field(default=None, description="vessel that holds the net's other end; this one leads")
    pair_swath_m: float | None = Field(default=None, gt=0, le=5000, description="mouth of the net between the two")
    available: bool = True
    reason: str = ""
    lat: float | None = Field(default=None, ge=-90, le=90, description="position if not in the home port")
    lon: float | None = Field(default=None, ge=-180, le=360)
    mmsi: str | None = Field(default=None, pattern=r"^[2-7][0-9]{8}$")
    callsign: str | None = Field(default=None, max_length=16)
    master: str | None = Field(default=None, max_length=80, description="who commands it, for the assignment sheet")
    contact: str | None = Field(default=None, max_length=120, description="telephone, mail or channel it is reached on")

    @model_validator(mode="after")
    def _consistent(self) -> VesselSettings:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("give both lat and lon, or neither")
        if self.hold_used_kg > self.hold_kg:
            raise ValueError(f"hold_used_kg {self.hold_used_kg} exceeds hold_kg {self.hold_kg}")
        if not self.available and not self.reason:
            raise ValueError("a vessel that is not available needs a reason")
        self._equipped()
        return self

    def _equipped(self) -> None:
        """Fields that go together."""
        if (self.max_work_h is None) != (self.rest_h is None):
            raise ValueError("give both max_work_h and rest_h, or neither")
        if (self.tows_with is None) != (self.pair_swath_m is None):
            raise ValueError("give both tows_with and pair_swath_m, or neither")
        if self.tows_with == self.id:
            raise ValueError("tows_with names the vessel itself")
        if self.fuel_capacity_l is None:
            if self.fuel_l is not None:
                raise ValueError("fuel_l needs fuel_capacity_l")
            return
        if self.fuel_l is not None and self.fuel_l > self.fuel_capacity_l:
            raise ValueError(f"fuel_l {self.fuel_l} exceeds fuel_capacity_l {self.fuel_capacity_l}")
        if self.fuel_transit_l_h <= 0 or self.fuel_collect_l_h <= 0:
            raise ValueError("fuel_capacity_l needs fuel_transit_l_h and fuel_collect_l_h")


class FleetSettings(Settings):
    """A fleet of unlike vessels."""

    name: str
    vessels: list[VesselSettings]

    @model_validator(mode="after")
    def _unique(self) -> FleetSettings:
        ids = [v.id for v in self.vessels]
        doubled = {i for i in ids if ids.count(i) > 1}
        if doubled:
            raise ValueError(f"vessel id {sorted(doubled)[0]!r} is used twice")
        towing = [name for v in self.vessels if v.tows_with for name in (v.id, v.tows_with)]
        for v in self.vessels:
            if v.tows_with is not None and v.tows_with not in ids:
                raise ValueError(f"{v.id} tows with {v.tows_with!r}, which the fleet does not have")
        if twice := sorted({i for i in towing if towing.count(i) > 1}):
            raise ValueError(f"{twice[0]} tows in two pairs")
        return self


class ServiceSettings(Settings):
    """The service that brings a source's files; ``options`` are those of its kind (see ``docs/sources.md``)."""

    service: str = Field(default="", description="kind of service; may come from the preset")
    preset: str = Field(default="", description="a file of config/services, whose options hold where none is given")
    options: dict[str, Any] = Field(default_factory=dict)


class SourceSettings(Settings):
    """One source of data; ``options`` are those of its kind (see ``oceanclean.sources``)."""

    kind: str = Field(description="reader, e.g. 'scene_folder', 'gridded', 'nemo_c_grid', 'drifter_csv'")
    path: str = Field(description="file, folder or glob; ${OCEANCLEAN_DATA} and ${OCEANCLEAN_WORK} are filled in")
    latency_h: float = Field(default=0, ge=0, le=240, description="hours from observation until it can be read")
    required: bool = False
    licence: str = Field(default="", max_length=300, description="licence or permission of the data, for reports")
    options: dict[str, Any] = Field(default_factory=dict)
    fetch: ServiceSettings | None = Field(default=None, description="the service that fills the folder of ``path``")


class SourcesSettings(Settings):
    """Where a region's data come from."""

    name: str
    scenes: list[SourceSettings] = Field(default_factory=list)
    currents: list[SourceSettings] = Field(default_factory=list)
    wind: list[SourceSettings] = Field(default_factory=list)
    waves: list[SourceSettings] = Field(default_factory=list)
    drifters: list[SourceSettings] = Field(default_factory=list)
    sightings: list[SourceSettings] = Field(default_factory=list)
    fleet_status: list[SourceSettings] = Field(default_factory=list)


def config_root(config: Path | None = None) -> Path:
    """Find the configuration folder.

    Order: the argument, ``OCEANCLEAN_CONFIG``, ``./config``, the checkout's own, the copy inside the wheel.

    Raises:
        SettingsError: the folder named does not exist.
    """
    named = config or (Path(os.environ["OCEANCLEAN_CONFIG"]) if os.environ.get("OCEANCLEAN_CONFIG") else None)
    if named is not None:
        if not named.is_dir():
            raise SettingsError(named, "config", "no such folder", "a folder with regions/, fleets/ and sources/",
                                "Give an existing folder.")  # fmt: skip
        return named
    package = Path(__file__).resolve().parent
    for candidate in (Path("config"), package.parents[1] / "config", package / "_config"):
        if (candidate / "regions").is_dir():
            return candidate
    raise SettingsError("config", "config", "no configuration folder", "a folder with regions/",
                        "Run from the project's folder or pass --config.")  # fmt: skip


#: The compiled safe loader is forty times quicker than the other, where it was built.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Largest settings file in bytes, and lists and mappings within each other.
_MOST_BYTES, _MOST_DEPTH = 2_000_000, 32


def load_yaml(path: Path) -> Mapping[str, Any]:
    """Read a YAML mapping.

    Raises:
        SettingsError: the file is absent, is not YAML, holds an alias (they can blow up a small file into gigabytes),
            is too large or nested too deep, or is not a mapping.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SettingsError(path, "size", f"{path.stat().st_size} bytes", f"at most {_MOST_BYTES}", "Split it.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(path, "file", error, "a readable UTF-8 file", "Check the path.") from error
    try:
        _check_structure(path, text)
        content = yaml.load(text, Loader=_LOADER)  # noqa: S506  # nosec B506
    except yaml.YAMLError as error:
        raise SettingsError(path, "YAML", str(error).replace("\n", " "), "valid YAML", "Correct the syntax.") from error
    except ValueError as error:  # a date that no calendar has
        raise SettingsError(
            path, "YAML", error, "values that exist", "Correct the value, or put it in quotes."
        ) from error
    if not isinstance(content, dict):
        raise SettingsError(path, "file", type(content).__name__, "a mapping of keys", "See config/ for examples.")
    return content


def _check_structure(path: Path, text: str) -> None:
    """Refuse aliases and deep nesting while the text is read, before anything is built from it."""
    if max(text.count("["), text.count("{")) > _MOST_BYTES // 100:
        raise SettingsError(path, "YAML", "too many brackets", "a settings file", "See config/ for examples.")
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise SettingsError(path, "alias", "a YAML alias (*name)", "plain values", "Write the value out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise SettingsError(path, "YAML", f"more than {_MOST_DEPTH} levels", "plain settings", "Flatten it.")


def load(path: Path, model: type[S]) -> S:
    """Load and validate one settings file.

    Raises:
        SettingsError: names the file, the key, its value, and what was expected.
    """
    content = load_yaml(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        action = "Correct the value."
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(first["loc"][-1]), _keys(model), n=1)
            action = f"Did you mean {near[0]!r}?" if near else "Remove the key; it is not known."
        raise SettingsError(path, key, repr(first.get("input"))[:200], first["msg"], action) from error


def _keys(model: type[BaseModel]) -> list[str]:
    """Names of all fields of a settings class and of those nested in it."""
    found: list[str] = []
    for name, info in model.model_fields.items():
        found.append(name)
        for inner in (info.annotation, *getattr(info.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found += _keys(inner)
    return found


def named(kind: str, name: str, config: Path | None = None) -> Path:
    """Path of ``config/<kind>/<name>.yaml``.

    Raises:
        SettingsError: no such file; lists those there are.
    """
    folder = config_root(config) / kind
    path = folder / f"{name}.yaml"
    present = sorted(p.stem for p in folder.glob("*.yaml"))
    if name not in present:  # compared with the listing, so that '../x' is never opened
        near = difflib.get_close_matches(name, present, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(folder, kind.rstrip("s"), repr(name), f"one of {present}", f"Choose one of them.{hint}")
    return path


def load_region_settings(name: str, config: Path | None = None) -> RegionSettings:
    """Settings of the region ``name``."""
    return load(named("regions", name, config), RegionSettings)


def load_fleet_settings(name: str, config: Path | None = None) -> FleetSettings:
    """Settings of the fleet ``name``."""
    return load(named("fleets", name, config), FleetSettings)


def load_sources_settings(name: str, config: Path | None = None) -> SourcesSettings:
    """Settings of the set of sources ``name``."""
    return load(named("sources", name, config), SourcesSettings)


def load_model_settings(name: str, model: type[S], config: Path | None = None) -> S:
    """Settings of a room's model (``config/models/<name>.yaml``) as the room's own settings class."""
    return load(named("models", name, config), model)
