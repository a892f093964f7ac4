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


#: Files that take longest go first, so that no process waits for the other at the end. The first compiles
#: every loop of numba for all that follow (two minutes, kept on disk); the others at the top need none of them.
_LONGEST = (
    "test_documents.py", "vision/test_nets", "vision/test_photos_model.py", "vision/test_detector_training.py",
    "chain/test_day.py", "chain/", "twin", "flows",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; ``make test`` deals files, whole, to processes side by side."""

    def rank(item: pytest.Item) -> int:
        inside = item.path.relative_to(ROOT / "tests").as_posix()
        return next((i for i, start in enumerate(_LONGEST) if inside.startswith(start)), len(_LONGEST))

    items.sort(key=rank)
