"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def real_data_root() -> Path:
    """Folder of the real data sets: OCEANCLEAN_DATA, by default ../shared/data beside the checkout."""
    return Path(os.environ.get("OCEANCLEAN_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data():
    """Return a function that finds a real data set or skips the test by the set's name."""

    def find(name: str) -> Path:
        folder = real_data_root() / name
        if not folder.exists():
            pytest.skip(f"real data set {name!r} is absent (set OCEANCLEAN_DATA)")
        return folder

    return find


@pytest.fixture(scope="session")
def config_dir() -> Path:
    """The project's own configuration folder."""
    return ROOT / "config"


#: Folders whose tests share an expensive fixture: they stay in one process.
_TOGETHER = ("twin", "flows")
#: The longest go first, so that no process waits for the other at the end.
_LONGEST = ("chain/test_day.py", "chain/test_hand.py", "chain/", "twin", "flows", "test_documents.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests for running side by side (``make test``): by file, or by folder where a fixture is dear."""

    def group(item: pytest.Item) -> str:
        inside = item.path.relative_to(ROOT / "tests")
        return inside.parts[0] if inside.parts[0] in _TOGETHER else inside.as_posix()

    def rank(item: pytest.Item) -> int:
        return next((i for i, start in enumerate(_LONGEST) if group(item).startswith(start)), len(_LONGEST))

    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=rank)
