"""One reading process for all tests of hostile input."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability.harness import ReadingRoom


@pytest.fixture(scope="session")
def room(tmp_path_factory) -> Iterator[ReadingRoom]:
    opened = ReadingRoom(tmp_path_factory.mktemp("reading-room") / "room")
    yield opened
    opened.end()
