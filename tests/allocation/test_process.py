"""The allocation in a process of its own: same plan, typed errors."""

from __future__ import annotations

import pytest

from oceanclean.allocation.options import AllocationSettings, SearchSettings
from oceanclean.allocation.plan import allocate
from oceanclean.allocation.process import Job, allocate_in_process
from oceanclean.errors import InputError
from oceanclean.region import Region
from tests.allocation.days import ISSUE, fleet, forcing, region, tracks

SETTINGS = AllocationSettings(search=SearchSettings(iterations=300, rounds=1, bound_rounds=0))


#: Open ocean west of Africa: the spawned process reads the real coast.
ATLANTIC = Region(region(bbox={"west": -30, "east": -28, "south": 0, "north": 1}, ports=[
    {"name": "West", "lat": 0.7, "lon": -29.9, "unload_h": 1}]).settings)  # fmt: skip


def _inputs():
    return tracks([(-29.6, 0.6, 900.0)]), forcing(), fleet({"lon": -29.9})


def _job(folder) -> Job:
    data, weather, boats = _inputs()
    data.to_netcdf(folder / "tracks.nc", engine="h5netcdf")
    weather.to_netcdf(folder / "forcing.nc", engine="h5netcdf")
    boats.to_parquet(folder / "fleet.parquet")
    (folder / "out").mkdir()
    return Job(str(folder / "tracks.nc"), str(folder / "forcing.nc"), str(folder / "fleet.parquet"), ATLANTIC.settings,
               str(ISSUE), 48.0, str(folder / "out"), settings=SETTINGS.model_dump())  # fmt: skip


def test_the_spawned_process_writes_the_plan_that_this_process_would_make(tmp_path):
    """File names in, files out, and the plan is the same as in-process."""
    plan = allocate_in_process(_job(tmp_path), timeout_s=200)
    data, weather, boats = _inputs()
    here = allocate(data, None, weather, boats, ATLANTIC, issue_time=ISSUE, horizon_h=48, settings=SETTINGS)
    assert plan.expected_kg == pytest.approx(here.expected_kg)
    assert list(plan.orders["action"]) == list(here.orders["action"])
    assert "collect" in list(plan.orders["action"])


def test_errors_come_back_typed(tmp_path):
    """What the process raises on purpose arrives as the same error with its five parts."""
    job = _job(tmp_path)
    (tmp_path / "fleet.parquet").write_bytes(b"not a table")
    with pytest.raises(InputError) as caught:
        allocate_in_process(job, timeout_s=200)
    assert caught.value.field == "file"
    assert "GeoParquet" in str(caught.value)
