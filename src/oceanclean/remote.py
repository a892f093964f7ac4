"""Files in object stores, by address: ``s3://``, ``gs://``, ``az://`` and whatever else fsspec knows.

Credentials and endpoints come from the environment, as each store's own tools read them (``AWS_ACCESS_KEY_ID``,
``AWS_ENDPOINT_URL``, ``GOOGLE_APPLICATION_CREDENTIALS``, ``AZURE_STORAGE_ACCOUNT_NAME`` …); no address or message of
oceanclean holds one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from oceanclean.errors import InputError, MissingDataError

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://")
#: Stores that obstore reaches; everything else is fsspec's own.
_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
_WILD = re.compile(r"[*?\[]")


def is_remote(place: str) -> bool:
    """Whether a place is an address rather than a path of this machine."""
    return bool(_ADDRESS.match(place))


def join(place: str, name: str) -> str:
    """A name below a place."""
    return f"{place.rstrip('/')}/{name}"


def shown(place: str) -> str:
    """An address as messages show it: without query, and without what stands before an ``@``."""
    return re.sub(r"//[^/@]*@", "//", place.partition("?")[0])


@lru_cache(maxsize=1)
def _stores_known() -> None:
    """Let fsspec reach object stores through obstore."""
    try:
        from obstore.fsspec import register
    except ImportError as error:
        raise MissingDataError("object store", "package", "obstore is not installed", "obstore",
                               "pip install 'oceanclean[objects]'.") from error  # fmt: skip
    register(list(_STORES))


@contextmanager
def _opened(place: str, doing: str) -> Iterator[tuple[Any, str]]:
    """File system and path of an address; what goes wrong on it ends in an error of ours."""
    import fsspec

    scheme = place.partition("://")[0]
    if scheme in _STORES:
        _stores_known()
    try:
        yield fsspec.core.url_to_fs(place)
    except FileNotFoundError as error:
        raise InputError(
            shown(place), doing, "nothing there", "an object that exists", "Correct the address."
        ) from error
    except (ValueError, ImportError) as error:
        raise InputError(shown(place), "address", f"{type(error).__name__}: {error}", "s3://, gs://, az:// or https://",
                         "Correct the address, or install what it needs.") from error  # fmt: skip
    except Exception as error:
        if isinstance(error, InputError):
            raise
        if not isinstance(error, OSError) and not type(error).__module__.startswith("obstore"):
            raise
        raise MissingDataError(shown(place), doing, type(error).__name__, "an answer of the store", "Look at the "
                               "store's credentials, endpoint and region in the environment.") from error  # fmt: skip


def listed(pattern: str) -> list[str]:
    """Addresses that a pattern names, sorted; a plain address is itself.

    Raises:
        InputError: nothing matches.
        MissingDataError: the store does not answer.
    """
    if not _WILD.search(pattern):
        return [pattern]
    scheme = pattern.partition("://")[0]
    with _opened(pattern, "list") as (system, path):
        found = sorted(f"{scheme}://{name.lstrip('/')}" for name in system.glob(path))
    if not found:
        raise InputError(shown(pattern), "pattern", "nothing", "files that match", "Correct the pattern.")
    return found


def exists(place: str) -> bool:
    """Whether an object stands at an address."""
    with _opened(place, "look") as (system, path):
        return bool(system.exists(path))


def stamp(place: str) -> str:
    """What changes when an object is replaced: its entity tag, or size and time.

    Raises:
        InputError: nothing there.
    """
    with _opened(place, "look") as (system, path):
        facts = system.info(path)
    told = [facts[k] for k in ("e_tag", "ETag", "etag", "last_modified", "LastModified", "mtime") if facts.get(k)]
    return f"{facts.get('size')} {told[0] if told else ''}"


def read(place: str) -> bytes:
    """A small object's content."""
    with _opened(place, "read") as (system, path):
        return bytes(system.cat_file(path))


def fetch(place: str, folder: Path) -> Path:
    """Copy an object into a folder, and the JSON file of the same name beside it where there is one.

    Raises:
        InputError: nothing there.
        MissingDataError: the store does not answer.
    """
    target = folder / place.partition("?")[0].rsplit("/", 1)[-1]
    with _opened(place, "read") as (system, path):
        system.get_file(path, str(target))
        beside = str(Path(path).with_suffix(".json"))
        if beside != path and system.exists(beside):
            system.get_file(beside, str(target.with_suffix(".json")))
    return target


def put_file(path: Path, place: str) -> None:
    """Copy a file to an address."""
    with _opened(place, "write") as (system, target):
        system.put_file(str(path), target)


def put(folder: Path, place: str, *, last: Sequence[str] = ()) -> None:
    """Copy a folder's files to below an address.

    Args:
        folder: without folders in it.
        place: address.
        last: names that are written after all others, in order: who sees them sees all.
    """
    names = [p.name for p in sorted(folder.iterdir()) if p.name not in last]
    for name in [*names, *(n for n in last if (folder / n).is_file())]:
        put_file(folder / name, join(place, name))
