"""Public data sets from their own hosts: named in ``config/datasets.yaml``, resumed where cut, checked, unpacked.

A file is written as ``NAME.part`` and gets its name when it is whole and, where its digest is known, right. A host that
answers a range request is asked only for what is missing.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import lzma
import shutil
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from oceanclean.errors import InputError, MissingDataError
from oceanclean.guard import Guard
from oceanclean.settings import Settings, config_root, load
from oceanclean.store import write_aside, write_json

_BLOCK = 1 << 20
#: Content of an archive beyond which it is taken for a bomb.
_MAX_UNPACKED = 50_000_000_000
#: Errors of a file system that come of a member's name.
_OF_A_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, None)
Progress = Callable[[str, float], None]


class RemoteFile(Settings):
    """One file of a data set.

    Attributes:
        url: where it is.
        path: where it goes within the set's folder.
        sha256: its digest, "" where the host gives none.
        md5: the same, where the host gives only that.
        unpack: it is a zip or tar archive whose content goes beside it.
        images: it is COCO annotations whose images are fetched too, each from the address in this field.
    """

    url: str = Field(pattern="^https?://")
    path: str = Field(min_length=1)
    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    md5: str = Field(default="", pattern="^([0-9a-f]{32})?$")
    unpack: bool = False
    images: str = ""


class DataSet(Settings):
    """A public data set."""

    title: str
    licence: str
    cite: str
    files: tuple[RemoteFile, ...] = Field(min_length=1)


class DataSets(Settings):
    """Content of ``config/datasets.yaml``."""

    datasets: dict[str, DataSet]


@dataclass
class Fetched:
    """What a fetch came to: files that are there, and images that could not be had, with the reason."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def load_datasets(config: Path | None = None) -> dict[str, DataSet]:
    """Data sets that can be fetched, by name."""
    return load(config_root(config) / "datasets.yaml", DataSets).datasets


def fetch(name: str, datasets: dict[str, DataSet], out: Path, progress: Progress, timeout_s: float = 60) -> Fetched:
    """Fetch a data set into ``out/NAME``; what is there and whole is not fetched again.

    Args:
        name: one of ``datasets``.
        datasets: see :func:`load_datasets`.
        out: folder of data sets.
        progress: told the file and its share.
        timeout_s: of each answer of the host, seconds.

    Raises:
        InputError: unknown name, a path that leaves the folder, or a digest that is not the expected one.
        MissingDataError: a host does not give a file.
    """
    if name not in datasets:
        raise InputError("data sets", "name", repr(name), f"one of {', '.join(sorted(datasets))}", "Choose one.")
    made = Fetched(out / name)
    for remote in datasets[name].files:
        path = _within(made.folder, remote.path)
        download(remote.url, path, sha256=remote.sha256, md5=remote.md5, progress=progress, timeout_s=timeout_s)
        made.files.append(path)
        if remote.unpack:
            unpack(path, made.folder)
        if remote.images:
            _fetch_images(path, remote, made, progress, timeout_s)
    source = datasets[name].model_dump(mode="json") | {"missing": made.missing}
    write_json(made.folder / "source.json", source)
    return made


def download(
    url: str, path: Path, *, sha256: str = "", md5: str = "", progress: Progress | None = None, timeout_s: float = 60,
    guard: Guard | None = None,
) -> Path:  # fmt: skip
    """Fetch one file, going on with a part that is there.

    Args:
        url: where it is.
        path: what it is to be called.
        sha256: its digest, "" where it is not known.
        md5: the same, where the host gives only that.
        progress: told the file and its share.
        timeout_s: of each answer of the host, seconds.
        guard: says which hosts may be called; None where a person named the address: its own and public ones.

    Raises:
        InputError: the whole file has another digest (it is kept as ``.part`` no longer), or the address, or one that
            it leads to, may not be called.
        MissingDataError: the host does not answer or refuses.
    """
    if path.is_file() and _right(path, sha256, md5):
        return path
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.is_file() else 0
    try:
        _receive(url, part, have, progress, timeout_s, guard or Guard([url]))
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is missing
            raise _no_answer(url, f"HTTP {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _no_answer(url, error) from error
    if not _right(part, sha256, md5):
        part.unlink()
        raise InputError(url, "digest", "another file than expected", sha256 or md5, "Fetch again; if it stays so, "
                         "the host has changed the file: check it and update config/datasets.yaml.")  # fmt: skip
    part.replace(path)
    return path


def _no_answer(url: str, why: object) -> MissingDataError:
    return MissingDataError(url, "download", str(why)[:200], "the file", "Check the connection and start again: what "
                            "was received is kept.")  # fmt: skip


def _opener(guard: Guard) -> urllib.request.OpenerDirector:
    """Calls that are judged before a byte is sent: by their address, each redirect's too, and by whom they reach."""
    proxies = Guard(urllib.request.getproxies().values())

    def judged(base: type) -> Any:
        class Judged(base):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                if not proxies.owns(f"http://{self.host}:{self.port}"):
                    guard.check_peer(self.host, self.port, self.sock.getpeername()[0])

        return Judged

    class Connections(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(judged(http.client.HTTPConnection), req)

        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(judged(http.client.HTTPSConnection), req)

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: Any) -> urllib.request.Request | None:
            guard.check(args[-1])
            return super().redirect_request(*args)

    return urllib.request.build_opener(Connections, Redirects)


def _receive(url: str, part: Path, have: int, progress: Progress | None, timeout_s: float, guard: Guard) -> None:
    """Write the rest of a file behind what is there; from the start where the host gives no ranges."""
    request = urllib.request.Request(guard.check(url), headers={"User-Agent": "oceanclean"} | (  # noqa: S310  (http by its pattern)
        {"Range": f"bytes={have}-"} if have else {}))  # fmt: skip
    with _opener(guard).open(request, timeout=timeout_s) as answer:
        goes_on = have and answer.status == 206
        rest = int(answer.headers.get("Content-Length") or 0)
        done, total = (have if goes_on else 0), rest + (have if goes_on else 0)
        with part.open("ab" if goes_on else "wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                done += len(block)
                if progress is not None and total:
                    progress(part.stem, done / total)
    if total and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _right(path: Path, sha256: str, md5: str) -> bool:
    """Whether a file has the digest that is known of it; True where none is."""
    for expected, algorithm in ((sha256, "sha256"), (md5, "md5")):
        if expected:
            with path.open("rb") as file:
                if hashlib.file_digest(file, algorithm).hexdigest() != expected:
                    return False
    return True


def _within(folder: Path, name: str, source: Path | None = None) -> Path:
    """Path of a member of ``source``; never outside the folder."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise InputError(
            source or folder, "path", repr(name)[:200], "a path within the folder", "Do not use this archive or list."
        )
    return folder / Path(*parts.parts)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive; links, devices and paths that leave the folder are refused.

    Raises:
        InputError: damaged, too large when unpacked, or a member that would leave the folder.
    """
    done = archive.with_name(archive.name + ".unpacked")
    if done.is_file():
        return
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                members = opened.infolist()
                _bounded(archive, sum(m.file_size for m in members))
                for member in members:
                    target = _within(folder, member.filename, archive)
                    if not member.is_dir():
                        with write_aside(target) as aside, opened.open(member) as source, aside.open("wb") as file:
                            shutil.copyfileobj(source, file)
        else:
            with tarfile.open(archive) as opened_tar:
                _bounded(archive, sum(m.size for m in opened_tar.getmembers()))
                opened_tar.extractall(folder, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, ValueError, zlib.error, lzma.LZMAError,
            OSError) as error:  # fmt: skip
        if isinstance(error, OSError) and error.errno not in _OF_A_NAME:
            raise
        raise InputError(archive, "archive", str(error)[:200], "a whole zip or tar file", "Fetch it again.") from error
    done.touch()


def _bounded(archive: Path, size: int) -> None:
    if size > _MAX_UNPACKED:
        raise InputError(archive, "size", f"{size} bytes unpacked", f"at most {_MAX_UNPACKED}", "Unpack it by hand.")


def _fetch_images(annotations: Path, remote: RemoteFile, made: Fetched, progress: Progress, timeout_s: float) -> None:
    """Images of COCO annotations; photos that their owners took down are noted, not an error.

    Nor are links of the annotations that lead into this machine or its network: they are not followed.
    """
    guard = Guard([remote.url])
    for i, (name, url) in enumerate(listed := list(_listed(annotations, remote.images))):
        path = _within(made.folder / "images", name)
        try:
            download(url, path, timeout_s=timeout_s, guard=guard)
            made.files.append(path)
        except InputError as error:
            made.missing[name] = str(error.found)
        progress(name, (i + 1) / len(listed))


def _listed(annotations: Path, address: str) -> Iterator[tuple[str, str]]:
    try:
        images = json.loads(annotations.read_text(encoding="utf-8"))["images"]
        for image in images:
            url = str(image.get(address) or "")
            if urllib.parse.urlsplit(url).scheme in ("http", "https"):
                yield str(image["file_name"]), url
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(annotations, "images", type(error).__name__, "COCO annotations", "Fetch it again.") from error
