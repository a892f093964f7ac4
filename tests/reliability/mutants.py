"""Mutants of good files: what happens to files on the way, and what somebody means to do with them."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

Mutant = tuple[str, bytes]
#: Name of the file that nobody touched: it must be read, or refusing everything would pass.
GOOD = "as it is"


class Touch:
    """Unpickled, it writes a file: whoever unpickles a mutant is found out."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def of_bytes(data: bytes, seed: int, flips: int = 12) -> Iterator[Mutant]:
    """Cut, flipped, blanked, repeated, padded and foreign bytes, of any format."""
    rng = np.random.default_rng(seed)
    size = len(data)
    yield GOOD, data
    for share in (0.0, 0.01, 0.1, 0.5, 0.9, 0.999):
        yield f"cut to {share:.1%}", data[: int(size * share)]
    yield "last byte gone", data[:-1]
    for k in range(flips):
        where = rng.integers(0, min(size, 4096) if k % 2 else size, 1 << (k % 4 * 2))
        copy = bytearray(data)
        for place in where:
            copy[place] ^= 1 << int(rng.integers(0, 8))
        yield f"{len(where)} bits flipped {'near the head' if k % 2 else 'anywhere'} ({k})", bytes(copy)
    for name, low in (("head", 0), ("middle", size // 2), ("tail", max(size - 512, 0))):
        yield f"512 bytes of the {name} zero", data[:low] + bytes(min(512, size - low)) + data[low + 512 :]
    yield "first half twice", data[: size // 2] * 2
    yield "garbage before", b"\x00\xff<html>" + data
    yield "garbage behind", data + bytes(rng.integers(0, 256, 4096, dtype=np.uint8))
    yield "a page of a proxy instead", b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"
    yield "noise", bytes(rng.integers(0, 256, 65536, dtype=np.uint8))


def of_table(text: str, column: str) -> Iterator[Mutant]:
    """What spreadsheets, loggers and people do to a CSV; ``column`` is one with numbers."""
    head, *rows = text.splitlines()
    names = head.split(",")
    at = names.index(column)
    yield GOOD, text.encode()

    def with_cell(value: str, row: int = 0) -> bytes:
        out = [r.split(",") for r in rows]
        out[row][at] = value
        return "\n".join([head, *(",".join(r) for r in out)]).encode()

    for value in ("", "nan", "inf", "-inf", "1e999", "-99999", "9.97e36", "1,5", "0x10", "abc", "=1+1", "\x00",
                  "1" * 5000, "<script>alert(1)</script>", "'; DROP TABLE x;--", "../../etc/passwd", "٣"):  # fmt: skip
        yield f"{column}: {value[:20]!r}", with_cell(value)
    for k, name in enumerate(names):
        out = [[c for i, c in enumerate(r.split(",")) if i != k] for r in (head, *rows)]
        yield f"without {name}", "\n".join(",".join(r) for r in out).encode()
    yield "header alone", (head + "\n").encode()
    yield "header twice in a row", "\n".join([head, head, *rows]).encode()
    yield "header again at the end", "\n".join([head, *rows, head]).encode()
    yield "a column twice", "\n".join(r + "," + r.split(",")[at] for r in (head, *rows)).encode()
    yield "semicolons", text.replace(",", ";").encode()
    yield "tabs", text.replace(",", "\t").encode()
    yield "UTF-16", text.encode("utf-16")
    yield "Latin-1", (text + "ñandú".join(rows[-1].split(",", 1))).encode("latin-1")
    yield "carriage returns alone", text.replace("\n", "\r").encode()
    yield "an open quote", (text + '"' + rows[0]).encode()
    yield "a line too long", (text + rows[0] + ",1,2,3,4,5\n").encode()
    yield "one line of 5 MB", (text + "9" * 5_000_000 + "\n").encode()
    yield "200,000 empty lines", (text + "\n" * 200_000).encode()


def of_yaml(text: str, touched: Path) -> Iterator[Mutant]:
    """Wrong types and hostile tags in a settings file."""
    lines = text.splitlines()
    yield GOOD, text.encode()
    for k, line in enumerate(lines):
        if ":" not in line or line.lstrip().startswith("#") or line.endswith(":") or "{" in line:
            continue
        key = line.split(":", 1)[0]
        for value in ("", "[1, 2]", "{a: b}", ".nan", ".inf", "-1e300", "'\\u202e<b>x'", "2026-13-45", "null"):
            yield (
                f"line {k + 1}: {value or 'nothing'}",
                "\n".join([*lines[:k], f"{key}: {value}", *lines[k + 1 :]]).encode(),
            )
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)]
    yield "a bomb of aliases", "\n".join(bomb).encode()
    yield "an object tag", f"name: !!python/object/apply:builtins.open ['{touched}', w]\n".encode()
    yield "another object tag", f"name: !!python/object/new:os.system ['touch {touched}']\n".encode()
    yield "nested 20,000 deep", ("name: " + "[" * 20_000 + "]" * 20_000).encode()
    yield "a key twice", (text + "\n" + lines[1]).encode()
    yield "tabs", text.replace("  ", "\t").encode()
    yield "a list", b"- 1\n- 2\n"
    yield "nothing", b""
    yield "UTF-16", text.encode("utf-16")
    yield "NUL", text.encode() + b"\x00"
    yield "an unknown key", (text + "\nlaunch_missiles: true\n").encode()


def of_json(text: str) -> Iterator[Mutant]:
    """Values of another type in a JSON object, one key after the other."""
    record = json.loads(text)
    yield GOOD, text.encode()
    for key in record:
        for value in (None, -1, 1e308, "x" * 10, [], {}, float("nan")):
            yield f"{key}: {str(value)[:12]}", json.dumps({**record, key: value}).encode()
        yield f"without {key}", json.dumps({k: v for k, v in record.items() if k != key}).encode()
    yield "nested 50,000 deep", b'{"a":' * 50_000 + b"1" + b"}" * 50_000


def png_bomb(width: int, height: int) -> bytes:
    """A small PNG that unpacks to a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(3 * min(width, 60_000) + 1) * 50, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def hostile_exif() -> Iterator[tuple[str, dict[int, object]]]:
    """EXIF entries that cameras never write, by GPS tag."""
    yield "a latitude over zero", {1: "N", 2: ((1, 0), (0, 0), (0, 0)), 3: "W", 4: ((9, 1), (0, 1), (0, 1))}
    yield "a latitude of 500", {1: "N", 2: ((500, 1), (0, 1), (0, 1)), 3: "W", 4: ((9, 1), (0, 1), (0, 1))}
    yield "one number for three", {1: "N", 2: ((5, 1),), 3: "W", 4: ((9, 1),)}
    yield "text for numbers", {1: "N", 2: "north", 3: "W", 4: "west"}
    yield "a reference of markup", {1: "<b>", 2: ((5, 1), (0, 1), (0, 1)), 3: "<i>", 4: ((9, 1), (0, 1), (0, 1))}


def of_archive(data: bytes, touched: Path) -> Iterator[Mutant]:
    """A zip (``.keras``, skops) with foreign, climbing, huge or executable members."""

    def rebuilt(change: dict[str, bytes], extra: dict[str, bytes]) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, change.get(name, old.read(name)))
            for name, body in extra.items():
                new.writestr(name, body)
        return out.getvalue()

    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        names = [n for n in opened.namelist() if n.endswith(".json")]
    harmful = pickle.dumps(Touch(str(touched)))
    yield "a pickle instead", harmful
    yield "a member that climbs out", rebuilt({}, {"../../climbed.txt": b"x"})
    yield "an absolute member", rebuilt({}, {str(touched): b"x"})
    yield "a member of 200 MB of zeros", rebuilt({}, {"zeros.bin": bytes(200_000_000)})
    for name in names:
        yield f"{name}: a pickle", rebuilt({name: harmful}, {})
        yield f"{name}: empty", rebuilt({name: b""}, {})
        yield f"{name}: another object", rebuilt({name: b'{"class_name": "Lambda", "module": "os", "config": {}}'}, {})
        yield f"{name}: nested", rebuilt({name: b"[" * 100_000}, {})
