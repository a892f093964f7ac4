"""Files that nobody thought of: good ones with pieces cut out and put in, found by hypothesis, through every door."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reliability.doors import DOORS, Door
from tests.reliability.harness import REFUSED, ReadingRoom
from tests.reliability.mutants import GOOD
from tests.reliability.promises import keep

#: `make test` tries few a door, `make reliability` many.
TRIES = 300 if os.environ.get("OCEANCLEAN_RELIABILITY") == "all" else 12
#: Doors whose files are small and read in milliseconds; a Zarr store is carried as a zip only here.
_SUFFIXES = {".csv", ".yaml", ".json", ".parquet", ".nc", ".zip", ".jpg"}
QUICK = [d for d in DOORS if d.suffix in _SUFFIXES and "Zarr" not in d.name]
#: What parsers trip over.
PIECES = (
    b"", b"\x00", b",", b"\n", b"\r", b'"', b"'", b"{", b"}", b"[", b":", b"&a", b"*a", b"!!", b"-", b"1e999", b"nan",
    b"-0", b"\xff\xfe", b"\xef\xbb\xbf", "٣".encode(), b"\x80", b"0" * 400, b"../", b"<script>", b"9" * 19,
    b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"2026-02-30", b"~", b"%s", b"null",
)  # fmt: skip
EDIT = st.tuples(st.floats(0, 1), st.integers(0, 64), st.one_of(st.sampled_from(PIECES), st.binary(max_size=24)))


def _edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Pieces cut out and put in; places are shares of the length, so that a shrunk case stays one."""
    for where, cut, piece in edits:
        place = int(where * len(data))
        data = data[:place] + piece + data[place + cut :]
    return data


@pytest.mark.parametrize("door", QUICK, ids=lambda d: d.name)
def test_no_edit_of_a_good_file_ends_in_anything_but_data_or_words(door: Door, room: ReadingRoom) -> None:
    """Whatever the edit, the file is read or refused by name, in its bounds, and leaves nothing behind."""
    good = next(data for name, data in door.make(room.places["made"]) if name == GOOD)
    count = {"tried": 0, "refused": 0}

    @settings(max_examples=TRIES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(EDIT, min_size=1, max_size=6))
    def tried(edits: list[tuple[float, int, bytes]]) -> None:
        found = room.read(door, ("an edit", _edited(good, edits)))
        count["tried"] += 1
        count["refused"] += found.what == REFUSED
        assert found.well, found

    tried()
    keep("fuzz", door.name, count)
