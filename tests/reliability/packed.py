"""Doors where many files come in as one: Zarr stores (carried as a zip, read as a folder) and archives."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.reliability import mutants
from tests.reliability.mutants import GOOD, Mutant, Touch

Files = dict[str, bytes]


def of_zarr(folder: Path, touched: Path) -> Iterator[Mutant]:
    """Stores whose metadata lie, whose chunks are damaged, and whose codecs would run code.

    Args:
        folder: a good store, format 3.
        touched: written by whoever unpickles what is in it.
    """
    good = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    yield GOOD, _zipped(good)
    for name in sorted(n for n in good if n.endswith("zarr.json")):
        yield f"without {name}", _zipped({k: v for k, v in good.items() if k != name})
        for what, body in (("empty", b""), ("a list", b"[]"), ("noise", bytes(range(256))), ("deep", b"[" * 50_000)):
            yield f"{name}: {what}", _zipped({**good, name: body})
    for what, change in _LIES.items():
        yield what, _zipped({**good, "uo/zarr.json": _changed(good["uo/zarr.json"], change)})
    harmful = pickle.dumps(Touch(str(touched)))
    for codec in ("pickle", "numcodecs.pickle", "json2", "nosuch", "../../etc/passwd"):
        changed = _changed(good["uo/zarr.json"], {"codecs": [{"name": codec, "configuration": {}}]})
        yield f"codec {codec}", _zipped({**good, "uo/zarr.json": changed, **_chunks(good, lambda _: harmful)})
    yield "format 2 with a pickle filter", _zipped(_second_format(harmful))
    rng = np.random.default_rng(11)
    for what, damage in _DAMAGE.items():
        yield f"chunks {what}", _zipped({**good, **_chunks(good, lambda body, d=damage: d(body, rng))})
    yield "no chunks", _zipped({k: v for k, v in good.items() if "/c/" not in k and not k.endswith("/c")})
    yield "no store at all", _zipped({})


#: What the metadata of an array may say that is not so.
_LIES: dict[str, dict[str, Any]] = {
    "a shape of 10^12 hours": {"shape": [10**12, 11, 15]},
    "a shape of 10^9 in each direction": {"shape": [10**9] * 3},
    "a negative shape": {"shape": [-1, 11, 15]},
    "another number of dimensions": {"shape": [1, 2]},
    "chunks of 10^12": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10**6, 10**4, 10**3]}}},
    "chunks of nothing": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 0, 0]}}},
    "text for numbers": {"data_type": "string"},
    "a type that is none": {"data_type": "float7"},
    "half as many bytes": {"data_type": "float32"},
    "integers": {"data_type": "int64", "fill_value": 0},
    "a fill of text": {"fill_value": "<script>"},
    "format 9": {"zarr_format": 9},
    "a group where an array should be": {"node_type": "group"},
    "names of other dimensions": {"dimension_names": ["../..", "lat", "lon"]},
    "units of furlongs": {"attributes": {"units": "furlong fortnight-1"}},
    "no units": {"attributes": {}},
    "attributes that are a list": {"attributes": []},
    "a hundred thousand attributes": {"attributes": {f"a{k}": k for k in range(100_000)} | {"units": "m s-1"}},
}
_DAMAGE: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "empty": lambda _body, _rng: b"",
    "cut": lambda body, _rng: body[: len(body) // 2],
    "of noise": lambda body, rng: rng.bytes(len(body)),
    "with a bit flipped": lambda body, rng: _flipped(body, rng),
    "too long": lambda body, _rng: body * 3,
    "that are pages of a proxy": lambda _body, _rng: b"<!DOCTYPE html><html>502</html>",
}


def _flipped(body: bytes, rng: np.random.Generator) -> bytes:
    copy = bytearray(body)
    copy[int(rng.integers(0, len(copy)))] ^= 1 << int(rng.integers(0, 8))
    return bytes(copy)


def _chunks(good: Files, change: Callable[[bytes], bytes]) -> Files:
    return {k: change(v) for k, v in good.items() if k.startswith("uo/c")}


def _changed(text: bytes, change: dict[str, Any]) -> bytes:
    return json.dumps({**json.loads(text), **change}).encode()


def _second_format(harmful: bytes) -> Files:
    """A store of format 2: an array of objects whose filter unpickles them."""
    array = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": None, "fill_value": 0,
             "order": "C", "filters": [{"id": "pickle", "protocol": 5}]}  # fmt: skip
    files = {".zgroup": b'{"zarr_format": 2}', ".zattrs": b"{}"}
    for name in ("uo", "vo", "time", "lat", "lon"):
        files |= {f"{name}/.zarray": json.dumps(array).encode(), f"{name}/0": harmful,
                  f"{name}/.zattrs": json.dumps({"_ARRAY_DIMENSIONS": [name]}).encode()}  # fmt: skip
    return files


def _zipped(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def read_zarr(read: Callable[[Path, Path], object]) -> Callable[[Path, Path], object]:
    """A reader of the folder that a zip carries; the folder lies beside it while it is read."""

    def reader(path: Path, work: Path) -> object:
        folder = path.with_name(f"{path.stem}.zarr")
        folder.mkdir()
        try:
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(folder)  # noqa: S202  (made above; what it holds is what is tried)
            return read(folder, work)
        finally:
            shutil.rmtree(folder)

    return reader


def of_archives(folder: Path) -> Iterator[Mutant]:
    """Zip and tar files that climb, link, lie about their size, or are damaged."""
    touched = str(folder.parent / "touched")
    good = _zipped({"a/b.txt": b"x" * 2000, "c.txt": b"y"})
    yield from mutants.of_bytes(good, 12)
    for name in ("../climbed", "a/../../climbed", touched, "..\\climbed", "C:\\climbed", "a\x00b", ".", "x" * 5000):
        yield f"zip: {name[:20]!r}", _zipped({name: b"x"})
    for name, bits in (("an encrypted member", 1), ("a patched member", 32)):
        copy = bytearray(_zipped({"a.txt": b"x" * 100}))
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            copy[copy.index(mark) + offset] |= bits
        yield name, bytes(copy)
    copy = bytearray(_zipped({"a.txt": b"x" * 100}))
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        copy[copy.index(mark) + offset] = 99
    yield "a compression that is none", bytes(copy)
    yield "a member of 60 GB by its header", _lying()
    yield from _tars(touched)


def _lying() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for k in range(15):
            archive.writestr(f"{k}.txt", b"x" * 100)
    copy, place = bytearray(out.getvalue()), 0
    while (place := copy.find(b"PK\x01\x02", place + 1)) > 0:
        copy[place + 24 : place + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    return bytes(copy)


def _tars(touched: str) -> Iterator[Mutant]:
    def tarred(kind: str, **facts: Any) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=f"w:{kind}") as archive:
            member = tarfile.TarInfo(facts.pop("name", "a.txt"))
            body = facts.pop("body", b"")
            member.size = len(body)
            for key, value in facts.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(body))
        return out.getvalue()

    yield from ((f"tar: {what}", data) for what, data in mutants.of_bytes(tarred("gz", body=b"x" * 3000), 13, flips=6))
    yield "tar: climbs", tarred("", name="../climbed", body=b"x")
    yield "tar: absolute", tarred("", name=touched, body=b"x")
    for what, kind in (("a link", tarfile.SYMTYPE), ("a hard link", tarfile.LNKTYPE)):
        yield f"tar: {what} out", tarred("", type=kind, linkname=touched)
        yield f"tar: {what} up", tarred("", type=kind, linkname="../../climbed")
    for what, kind in (("a device", tarfile.CHRTYPE), ("a pipe", tarfile.FIFOTYPE)):
        yield f"tar: {what}", tarred("", type=kind)
    yield "tar: 60 MB of nothing in 60 kB", tarred("gz", body=bytes(60_000_000))
    yield "tar: owned by root, may be run as root", tarred("", body=b"x", mode=0o6777, uid=0)


def read_archive(path: Path, work: Path) -> object:
    """Unpack into a folder that goes again; what is written beside it stays and is found."""
    from oceanclean.vision.fetch import unpack

    folder = work / "unpacked" / "deep"
    folder.mkdir(parents=True)
    try:
        unpack(path, folder)
    finally:
        path.with_name(path.name + ".unpacked").unlink(missing_ok=True)
        odd = [p for p in folder.rglob("*") if p.is_symlink() or not (p.is_file() or p.is_dir())]
        modes = [p for p in folder.rglob("*") if p.is_file() and p.stat().st_mode & 0o6022]
        shutil.rmtree(folder)
        folder.parent.rmdir()  # fails where something stands beside it
    if odd or modes:
        raise AssertionError(f"links, devices or pipes {odd}, rights {modes}")
    return folder
