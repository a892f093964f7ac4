"""Which reader reads which kind of source: one table, open to new kinds."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from oceanclean.errors import SettingsError

#: Roles of a source, as the keys of :class:`~oceanclean.settings.SourcesSettings`.
ROLES = ("scenes", "currents", "wind", "waves", "drifters", "sightings", "fleet_status")

_READERS: dict[tuple[str, str], Callable[..., Any]] = {}
#: Modules whose import registers the readers that ship with the package.
_SHIPPED = ("scenes", "gridded", "nemo", "drifters", "sightings", "windrows", "detections", "fleet")

F = TypeVar("F", bound=Callable[..., Any])


def reader(kind: str, *roles: str) -> Callable[[F], F]:
    """Register a function as the reader of ``kind`` for some roles.

    Args:
        kind: value of ``kind`` in a source's settings.
        roles: among :data:`ROLES`.

    Returns:
        A decorator that leaves the function as it is.
    """
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"roles {sorted(unknown)} of reader {kind!r} are not among {ROLES}")

    def register(function: F) -> F:
        for role in roles:
            _READERS[role, kind] = function
        return function

    return register


def kinds(role: str) -> list[str]:
    """Kinds of source that can be read for a role."""
    _load()
    return sorted(kind for r, kind in _READERS if r == role)


def reader_of(role: str, kind: str) -> Callable[..., Any]:
    """The reader of a kind.

    Raises:
        SettingsError: no such kind for the role; lists those there are.
    """
    _load()
    if (role, kind) not in _READERS:
        raise SettingsError("config/sources", f"{role}.kind", repr(kind), f"one of {kinds(role)}",
                            "Correct the kind, or register a reader for it.")  # fmt: skip
    return _READERS[role, kind]


def _load() -> None:
    for module in _SHIPPED:
        importlib.import_module(f"oceanclean.sources.{module}")
