"""Fixtures of the readers' tests."""

from __future__ import annotations

import pytest
from source_files import make_region


@pytest.fixture
def region():
    """A box of open sea in the North Pacific."""
    return make_region()
