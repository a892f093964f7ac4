"""Errors that oceanclean raises on purpose: few, typed, each says what to do next."""

from __future__ import annotations

from pathlib import Path


class OceancleanError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is the process's exit status."""

    exit_code = 1


class InputError(OceancleanError):
    """An input file or value cannot be used.

    Args:
        source: file or place the value came from.
        field: variable, key, band or column at fault.
        found: what stood there.
        expected: what would have been right.
        action: what the reader can do about it.
    """

    exit_code = 2

    def __init__(self, source: str | Path, field: str, found: object, expected: str, action: str) -> None:
        self.source, self.field, self.found = str(source), field, found
        self.expected, self.action = expected, action
        super().__init__(f"{source}: {field}: found {found}; expected {expected}. {action}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Keep the five parts when the error crosses a process boundary."""
        return type(self), (self.source, self.field, self.found, self.expected, self.action)


class SettingsError(InputError):
    """A YAML setting has a wrong key, type, unit or value."""


class ProductError(InputError):
    """A product breaks its contract at a door between two rooms."""


class MissingDataError(InputError):
    """Nothing usable exists where the run cannot go on without it."""

    exit_code = 3


class BusyError(OceancleanError):
    """Another process holds the same region and day."""

    exit_code = 4


class StorageError(OceancleanError):
    """Nothing more can be written: the disk is full, over its quota, or read-only."""

    exit_code = 7


class CorruptStoreError(OceancleanError):
    """A stored product no longer has the digest with which it was written."""

    exit_code = 5


class RefusedError(OceancleanError):
    """A gate was not passed: a challenger that does not win, a threshold that is crossed, a check that fails."""

    exit_code = 6
