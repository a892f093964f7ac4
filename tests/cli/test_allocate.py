"""``oceanclean allocate`` on files: a plan from a forecast, a fleet and decisions, and words on what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.errors import InputError
from oceanclean.products import Plan
from tests.allocation.days import fleet, forcing, region, tracks

PORTS = [{"name": "West", "lat": 0.7, "lon": -29.9, "unload_h": 1}]


@pytest.fixture
def day(tmp_path) -> Path:
    """A folder with tracks, forcing and fleet in open ocean, and a configuration that knows the region."""
    folder = tmp_path / "day"
    folder.mkdir()
    tracks([(-29.6, 0.6, 900.0)]).to_netcdf(folder / "tracks.nc", engine="h5netcdf")
    forcing().to_netcdf(folder / "forcing.nc", engine="h5netcdf")
    fleet({"lon": -29.9}).to_parquet(folder / "fleet.parquet")
    config = tmp_path / "config"
    shutil.copytree(Path(__file__).parents[2] / "config" / "models", config / "models")
    settings = region(bbox={"west": -30, "east": -28, "south": 0, "north": 1}, ports=PORTS).settings
    (config / "regions").mkdir()
    (config / "regions" / "cape.yaml").write_text(yaml.safe_dump(json.loads(settings.model_dump_json())))
    search = config / "models" / "allocation.yaml"
    search.write_text(search.read_text().replace("iterations: 12000", "iterations: 300"))
    return folder


def test_a_plan_from_files_obeys_decisions_and_is_written(day, tmp_path):
    """FORECAST and FLEET in, a plan out; a banned patch is left, and the reason is printed as JSON."""
    config, out = str(tmp_path / "config"), tmp_path / "plan"
    call = ["allocate", str(day), str(day / "fleet.parquet"), "--config", config, "--json"]
    done = CliRunner().invoke(app, [*call, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["expected_kg"] > 0
    assert record["bound_kg"] >= record["expected_kg"]
    assert Plan.load(out).expected_kg == pytest.approx(record["expected_kg"])
    decided = tmp_path / "decided.yaml"
    decided.write_text("bans: [{task: T01, reason: a wreck}]\n")
    banned = CliRunner().invoke(app, [*call, "--decisions", str(decided)], catch_exceptions=False)
    assert json.loads(banned.stdout)["expected_kg"] == 0


def test_absent_files_and_options_without_files_are_named(day):
    """A folder without forcing, and decisions without a forecast, end in words."""
    (day / "forcing.nc").unlink()
    with pytest.raises(InputError, match="--forcing"):
        CliRunner().invoke(app, ["allocate", str(day)], catch_exceptions=False)
    with pytest.raises(InputError, match="FORECAST"):
        CliRunner().invoke(app, ["allocate", "--decisions", "x.yaml"], catch_exceptions=False)
