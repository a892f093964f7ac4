"""The region and the settings that tests of the density map share."""

from __future__ import annotations

import pytest
from density_files import make_region

from oceanclean.density import load_settings


@pytest.fixture(scope="module")
def region():
    return make_region()


@pytest.fixture(scope="module")
def model(config_dir):
    return load_settings(config_dir)
