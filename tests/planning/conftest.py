"""One published day for the tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from plan_factory import Day, make_day

from oceanclean.planning import PlanningSettings, publish


class Published:
    """A day, its files, and the model they were written from."""

    def __init__(self, day: Day, folder: Path, **settings: object) -> None:
        self.day, self.folder = day, folder
        folder.mkdir(parents=True)
        self.paths = publish(day.plan, folder=folder, settings=PlanningSettings(**settings), **day.arguments())

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
    """Publish a day made to order, without papers unless they are wanted."""

    def make(papers: bool = False, **changes) -> Published:
        return Published(make_day(**changes), tmp_path / "plan", papers=papers)

    return make
