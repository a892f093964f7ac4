"""Where a source's files are: environment variables filled in, globs resolved, files fingerprinted."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.errors import SettingsError
from oceanclean.settings import SourceSettings, SourcesSettings
from oceanclean.sources.registry import ROLES
from oceanclean.store import digest_file, digest_record

if TYPE_CHECKING:
    from oceanclean.products.scene import SceneRef

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(text: str, work: Path | None = None) -> str:
    """Fill in ``${NAME}`` from the environment.

    ``OCEANCLEAN_WORK`` is ``work`` where given; ``OCEANCLEAN_DATA`` is ``../shared/data`` where unset.

    Raises:
        SettingsError: an environment variable that is not set.
    """
    values = {"OCEANCLEAN_DATA": "../shared/data", "OCEANCLEAN_WORK": "var", **os.environ}
    if work is not None:
        values["OCEANCLEAN_WORK"] = str(work)

    def fill(match: re.Match[str]) -> str:
        if match.group(1) not in values:
            raise SettingsError("config/sources", "path", text, f"environment variable {match.group(1)} to be set",
                                "Set it, or write the path out.")  # fmt: skip
        return values[match.group(1)]

    return _NAME.sub(fill, text)


def resolved(source: SourceSettings, work: Path | None = None) -> SourceSettings:
    """The settings with the path filled in, so that every message names the place that was looked at.

    Raises:
        SettingsError: an environment variable that is not set.
    """
    return source.model_copy(update={"path": expand(source.path, work)})


def how_to_fetch(path: str) -> str:
    """What to do where no file is at a path: files of the twin's are made, all others fetched."""
    folders = Path(path).parts[:-1]
    below = [folders[k + 1] for k in range(len(folders) - 1) if folders[k] == "twin"]
    if below:
        region = below[-1]
        return (
            f"Make the day's data (oceanclean twin observe --region {region} --date YYYY-MM-DD), or correct the path."
        )
    return "Fetch the data, or correct the path (OCEANCLEAN_DATA, OCEANCLEAN_WORK)."


def files_of(path: str, work: Path | None = None, suffixes: Sequence[str] = ()) -> list[Path]:
    """Files that a source's path names, sorted by name.

    Args:
        path: a file, a Zarr store, a folder, or a glob, with ``${NAME}`` to be filled in.
        work: work folder of the run.
        suffixes: in a folder, take files with these suffixes only.

    Returns:
        Existing files; empty where nothing matches. Files being written aside (``.name``) are passed over.
    """
    place = expand(path, work)
    folder = Path(place)
    if folder.is_dir() and not place.endswith(".zarr"):
        found: Iterable[Path] = folder.iterdir()
    elif folder.exists():
        return [folder]
    else:
        found = [Path(p) for p in glob.glob(place, recursive=True)]  # noqa: PTH207  (absolute patterns)
    return sorted(
        p for p in found
        if not p.name.startswith(".") and (not suffixes or p.suffix.lower() in suffixes)
        and (p.is_file() or p.suffix == ".zarr")
    )  # fmt: skip


def _all_files(sources: SourcesSettings, work: Path | None) -> list[Path]:
    found: set[Path] = set()
    for role in ROLES:
        for source in getattr(sources, role):
            extra = [v for v in source.options.values() if isinstance(v, str) and ("/" in v or "${" in v)]
            for path in (source.path, *extra):
                found.update(files_of(path, work))
    return sorted(found)


def fingerprint(sources: SourcesSettings, work: Path | None = None) -> str:
    """Digest of name, size and time of change of every file the sources name, sidecars included.

    It changes when a file arrives, leaves or is rewritten; no file is read.
    """
    files = _all_files(sources, work)
    files += [p.with_suffix(".json") for p in files if p.suffix != ".json" and p.with_suffix(".json").is_file()]
    stats = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return digest_record(sorted(stats))


def inputs_used(sources: SourcesSettings, work: Path | None, scenes: Sequence[SceneRef]) -> list[dict[str, str]]:
    """What the page's list of inputs says: one entry a source, with role, kind, title and files.

    Args:
        sources: settings of the region's sources.
        work: work folder of the run.
        scenes: scenes that were taken.
    """
    entries = [
        {"role": "scenes", "kind": scene.platform, "title": scene.scene_id, "files": Path(scene.path).name}
        for scene in scenes
    ]
    for role in ROLES[1:]:
        source: SourceSettings
        for source in getattr(sources, role):
            names = [p.name for p in files_of(source.path, work)]
            listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            title = str(source.options.get("title", source.kind))
            entries.append({"role": role, "kind": source.kind, "title": title, "files": listed or "none"})
    return entries


def digests(sources: SourcesSettings, work: Path | None = None) -> dict[str, str]:
    """SHA-256 of every file that the sources name, by ``folder/name``: what the ledger says went in."""
    return {f"{p.parent.name}/{p.name}": digest_file(p) for p in sorted(set(_all_files(sources, work)))}
