"""A small twin of the demo region: one small scene, fewer rafts, a shorter run."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.region import load_region
from oceanclean.settings import load_fleet_settings
from oceanclean.twin.observe import observe
from oceanclean.twin.ocean import make_ocean
from oceanclean.twin.settings import load_twin_settings

ISSUE = "2026-06-15T06:00:00Z"


@pytest.fixture(scope="session")
def region(config_dir):
    return load_region("demo", config_dir)


@pytest.fixture(scope="session")
def fleet(config_dir):
    return load_fleet_settings("demo", config_dir)


@pytest.fixture(scope="session")
def settings(config_dir):
    """The shipped settings, made small: 6 × 6 km at a river mouth, a day of spin-up, a day of horizon."""
    full = load_twin_settings(config_dir)
    return full.model_copy(
        update={
            "ocean": full.ocean.model_copy(update={"spin_up_h": 24, "grid_step_deg": 0.02}),
            "debris": full.debris.model_copy(update={"rafts": 120, "loose_particles": 300}),
            "scene": full.scene.model_copy(
                update={"size_px": 600, "strip_px": 300, "centres": [(-87.70, 15.95)], "cloud_cover": (0.1, 0.2)}
            ),
            "forecast": full.forecast.model_copy(update={"history_h": 24, "horizon_h": 36}),
        }
    )


@pytest.fixture(scope="session")
def ocean(region, settings):
    return make_ocean(region, np.datetime64("2026-06-14T06:00:00"), 61, settings, 5)


@pytest.fixture(scope="session")
def twin(region, settings, fleet, tmp_path_factory):
    """What observe() wrote for two days."""
    out = tmp_path_factory.mktemp("twin") / "demo"
    return observe(region, ISSUE, out, settings, 5, days=2, fleet=fleet)
