"""Files and folders that appear whole or not at all: filled aside, then given their name in one step."""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

#: What is being filled starts with this; what a killed run left behind is swept by the next run.
ASIDE = ".aside-"
#: Of Linux' ``renameat2``: both names exist before and after, each with the other's content.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def write_aside(target: Path) -> Iterator[Path]:
    """Write a file or folder aside; it takes its name only when the block ends without an error.

    Yields:
        A path in the target's folder with the target's suffixes, to be written by the block as file or folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = _beside(target, target.name)
    try:
        yield aside
        put(aside, target)
    finally:
        remove(aside)


def put(aside: Path, target: Path) -> None:
    """Give what was filled aside its name; a folder that has it already is exchanged for it, then removed.

    Who looks at ``target`` meanwhile finds the old folder or the new one. Where the file system cannot exchange two
    names (other than Linux, some network disks) there is a moment with neither.
    """
    if not target.is_dir():
        aside.replace(target)
        return
    if _exchanged(aside, target):
        remove(aside)
        return
    old = _beside(target, f"old-{target.name}")
    target.rename(old)
    aside.rename(target)
    remove(old)


def remove(path: Path) -> None:
    """Remove a file or folder that may be there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _beside(target: Path, name: str) -> Path:
    return target.parent / f"{ASIDE}{os.getpid()}-{time.monotonic_ns()}-{name}"


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where this cannot be done here."""
    call = _renameat2()
    if call is None:
        return False
    return call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


@cache
def _renameat2() -> Any:
    """The C library's ``renameat2``, or None (it is glibc's since 2.28)."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call
