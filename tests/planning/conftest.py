"""One published day for the tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from plan_factory import Day, make_day

from oceanclean.planning import publish


class Published:
    """A day, its files, and the model they were written from."""

    def __init__(self, day: Day, folder: Path) -> None:
        self.day, self.folder = day, folder
        folder.mkdir(parents=True)
        self.paths = publish(day.plan, folder=folder, **day.arguments())

    def text(self, name: str) -> str:
        """A file's text."""
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> Published:
    """An ordinary day."""
    return Published(make_day(), tmp_path_factory.mktemp("day") / "plan")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Published:
    """A day whose vessels have hostile names and whose run says hostile things."""
    return Published(make_day(hostile=True), tmp_path_factory.mktemp("hostile") / "plan")


@pytest.fixture
def publish_day(tmp_path):
    """Publish a day made to order."""

    def make(**changes) -> Published:
        return Published(make_day(**changes), tmp_path / "plan")

    return make
