"""Fixtures of the readers' tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from service_server import Site, served
from source_files import make_region


@pytest.fixture
def region():
    """A box of open sea in the North Pacific."""
    return make_region()


@pytest.fixture
def site():
    with served(Site()) as here:
        yield here


@pytest.fixture
def config(tmp_path) -> Path:
    (tmp_path / "config" / "regions").mkdir(parents=True)
    return tmp_path / "config"
