"""What a service is: something that can be searched, fetched from, and whose answers become files a reader takes."""

from __future__ import annotations

import importlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from oceanclean.errors import SettingsError
from oceanclean.region import Region
from oceanclean.settings import ServiceSettings, SourceSettings
from oceanclean.sources.services.settings import WebSettings
from oceanclean.sources.services.web import Web

_SERVICES: dict[str, type[Service]] = {}
#: Modules whose import registers the services that ship with the package.
_SHIPPED = ("stac", "safe", "fields", "erddap", "positions", "intake")


@dataclass(frozen=True)
class Want:
    """What is asked of a service.

    Attributes:
        region: the region.
        role: role of the source, such as ``scenes``.
        start: oldest time wanted.
        end: last time wanted; after ``until`` for forecasts.
        until: the moment for which is fetched; no later observation is asked for.
        now: the clock.
        live: ``now`` is so near ``until`` that what the service gives now is what it gave then.
        config: configuration folder, or None for the default.
    """

    region: Region
    role: str
    start: pd.Timestamp
    end: pd.Timestamp
    until: pd.Timestamp
    now: pd.Timestamp
    live: bool
    config: Path | None = None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in degrees; ``east`` exceeds 180 across the date line.

        Of the density grid for scenes, which are mapped there; of grid and waters for all else.
        """
        west, south, east, north = self.region.grid.bounds
        if self.role == "scenes":
            return west, south, east, north
        w, s, e, n = self.region.routing_grid.bounds
        turn = 360.0 * round(((west + east) - (w + e)) / 720.0)
        return min(west, w + turn), min(south, s), max(east, e + turn), max(north, n)


@dataclass(frozen=True)
class Found:
    """Something that a service has.

    Attributes:
        name: name of the file it becomes.
        version: changes when the service's content changes; the same version is not fetched twice.
        observed: when it was observed or issued, ISO 8601 UTC, or empty.
        available_at: when it could be read, ISO 8601 UTC, or empty where nothing says it.
        origin: where it comes from, without secrets.
        facts: what the service needs to fetch it.
        notes: sentences about it.
    """

    name: str
    version: str
    observed: str = ""
    available_at: str = ""
    origin: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Service(ABC):
    """One service of one source.

    Args:
        source: the source that is filled, its path resolved.
        settings: its service, with the preset filled in.
        web: settings of calls.
        want: what is asked of it.
    """

    #: Options that the kind takes, beside ``web`` and ``licence``.
    options: frozenset[str] = frozenset()
    #: Options that it cannot go without.
    needed: frozenset[str] = frozenset()

    def __init__(self, source: SourceSettings, settings: ServiceSettings, web: WebSettings, want: Want) -> None:
        self.source, self.settings, self.web_settings, self.want = source, settings, web, want
        #: Of ``time.monotonic()``: when the source's time is spent, whatever it was spent on.
        self.deadline = time.monotonic() + web.budget_s
        unknown = set(settings.options) - self.options - {"web"}
        if unknown:
            raise SettingsError("config/sources", f"fetch.options.{sorted(unknown)[0]}", "an unknown option",
                                f"one of {sorted(self.options)}", "Correct or remove it.")  # fmt: skip
        missing = self.needed - set(settings.options)
        if missing:
            raise SettingsError("config/sources", f"fetch.options.{sorted(missing)[0]}", "nothing",
                                f"a value, as service {settings.service!r} needs it", "Give it.")  # fmt: skip

    def option(self, name: str, default: Any = None) -> Any:
        """An option's value."""
        return self.settings.options.get(name, default)

    def web(self, **given: Any) -> Web:
        """Calls to the configured address and the hosts it may hand over to."""
        hosts = [f"https://{h}" if "://" not in h else h for h in self.option("asset_hosts", [])]
        endpoints = [self.option("url", ""), *hosts, self.option("token_url", "")]
        return Web(endpoints, self.web_settings, deadline=self.deadline, **given)

    @abstractmethod
    def search(self) -> list[Found]:
        """What the service has; an empty list is an answer, not a fault.

        Raises:
            MissingDataError: the service does not answer.
        """

    @abstractmethod
    def fetch(self, found: Found, scratch: Path) -> None:
        """Bring the raw data into a folder; what stands there from a broken try is carried on.

        Raises:
            MissingDataError: the service does not answer, or what came is damaged.
        """

    @abstractmethod
    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """Write the raw data as a file of the form that the source's reader takes.

        Raises:
            InputError: the data cannot be used.
        """

    def accept(self, found: Found) -> None:  # noqa: B027  (most services need not be told)
        """Told when a file stands: an intake puts the originals away."""


def from_environment(settings: ServiceSettings, key: str, *, needed: bool = True) -> str:
    """A secret: the value of the environment variable that option ``<key>_env`` names.

    Raises:
        SettingsError: the option names a variable that is not set; the message names the variable, never a value.
    """
    name = str(settings.options.get(f"{key}_env", ""))
    value = os.environ.get(name, "") if name else ""
    if not value and name and needed:
        raise SettingsError("environment", name, "nothing", f"the service's {key}", "Set the variable.")
    return value


def service(kind: str) -> Callable[[type[Service]], type[Service]]:
    """Register a class as the service of a kind."""

    def register(cls: type[Service]) -> type[Service]:
        _SERVICES[kind] = cls
        return cls

    return register


def service_of(kind: str) -> type[Service]:
    """The class of a kind of service.

    Raises:
        SettingsError: no such kind; lists those there are.
    """
    for module in _SHIPPED:
        importlib.import_module(f"oceanclean.sources.services.{module}")
    if kind not in _SERVICES:
        raise SettingsError("config/sources", "fetch.service", repr(kind), f"one of {sorted(_SERVICES)}",
                            "Correct the kind.")  # fmt: skip
    return _SERVICES[kind]


def needs(package: str, extra: str = "services") -> Any:
    """A package of an extra.

    Raises:
        SettingsError: it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise SettingsError("environment", package, "not installed", f"the extra {extra!r}",
                            f"pip install 'oceanclean[{extra}]'") from error  # fmt: skip
