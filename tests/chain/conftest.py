"""A small stretch of sea that a whole day can be planned for in seconds, and its finished day."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from oceanclean.store import lock

ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-06-15"


@dataclass(frozen=True)
class Place:
    """A configuration and a work folder in which the region ``cove`` can be planned."""

    config: Path
    work: Path

    @property
    def runs(self) -> Path:
        return self.work / "runs" / "cove"

    @property
    def day(self) -> Path:
        return self.runs / "2026-06-15T1100Z"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if k != "PREFECT_HOME"}  # a test may have imported the flows
        return {**inherited, "OCEANCLEAN_CONFIG": str(self.config), "OCEANCLEAN_WORK": str(self.work)}

    def command(self, *arguments: str, date: str = DAY) -> list[str]:
        return [sys.executable, "-m", "oceanclean", *arguments, "--region", "cove", "--date", date]

    def oceanclean(self, *arguments: str, date: str = DAY, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line in a process of its own."""
        done = subprocess.run(
            self.command(*arguments, date=date),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done

    def plan(self, **options) -> dict:
        """Plan the day; the command's JSON."""
        return json.loads(self.oceanclean("plan", "--json", **options).stdout)


def change_yaml(path: Path, change: Callable[[dict], None]) -> None:
    """Edit a settings file in place."""
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _small_region(content: dict) -> None:
    content.update(
        name="cove", bbox={"west": -87.5, "east": -86.9, "south": 15.8, "north": 16.3}, fleet="cove", sources="cove",
        horizon_h=36, minimum_horizon_h=12, history_h=48, exclusion_zones=[],
    )  # fmt: skip


def _small_sea(content: dict) -> None:
    content["scene"].update(centres=[[-87.2, 16.05]], size_px=1200, strip_px=600)
    content["debris"].update(rafts=40, loose_particles=500)
    content["ocean"].update(spin_up_h=24)


def _quick(config: Path) -> None:
    """Fewer draws and iterations: what is tested here is the chain, not the solver's last kilogram."""
    change_yaml(config / "models" / "drift.yaml", lambda c: c.update(members=8, particles_per_member=800))
    change_yaml(config / "models" / "drift.yaml", lambda c: c["tracks"].update(members=8, particles=400))
    change_yaml(config / "models" / "allocation.yaml", lambda c: c["search"].update(iterations=600, bound_rounds=0))
    change_yaml(config / "models" / "allocation.yaml", lambda c: c["tasks"].update(max_patches=20, max_shares=60))
    change_yaml(
        config / "models" / "planning.yaml",
        lambda c: c.update(
            what_if_iterations=0, decided_iterations=300, price_iterations=300, papers=False, frame_step_h=24,
            overview_dpi=60, max_detections=50,
        ),
    )  # fmt: skip


def made_once(tmp_path_factory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process of the test run to ask for it fills, and all others find filled."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, done = root / name, root / f".{name}.done"
    with lock(root / f".{name}.lock", f"the tests' {name}", wait_s=900):
        if not done.is_file():  # filled where it stays: a day remembers where its scenes lie
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def small_config(tmp_path_factory) -> Path:
    """The project's configuration with the region ``cove``: 66 km × 55 km, one scene of 12 km."""
    return made_once(tmp_path_factory, "cove-config", _small_config)


def _small_config(config: Path) -> None:
    shutil.copytree(ROOT / "config", config, dirs_exist_ok=True)
    for kind in ("regions", "fleets", "sources"):
        text = (config / kind / "demo.yaml").read_text().replace("twin/demo", "twin/cove")
        (config / kind / "cove.yaml").write_text(text)
    change_yaml(config / "regions" / "cove.yaml", _small_region)
    change_yaml(config / "fleets" / "cove.yaml", lambda c: c.update(name="cove"))
    change_yaml(config / "sources" / "cove.yaml", lambda c: c.update(name="cove"))
    change_yaml(config / "models" / "twin.yaml", _small_sea)
    _quick(config)


@pytest.fixture(scope="session")
def seen(small_config: Path, tmp_path_factory) -> Path:
    """A work folder that holds only what was seen of the cove: the truth is gone from it."""

    def observe(work: Path) -> None:
        Place(small_config, work).oceanclean("twin", "observe")
        shutil.move(work / "twin" / "cove" / "truth", work / "truth-elsewhere")

    return made_once(tmp_path_factory, "cove-seen", observe)


@pytest.fixture
def fresh(small_config: Path, seen: Path, tmp_path: Path) -> Place:
    """A place of its own for one test, with what was seen and nothing else."""
    shutil.copytree(small_config, tmp_path / "config")
    shutil.copytree(seen / "twin", tmp_path / "work" / "twin")
    return Place(tmp_path / "config", tmp_path / "work")


@pytest.fixture(scope="session")
def planned(small_config: Path, seen: Path, tmp_path_factory) -> Place:
    """The cove with a finished day; tests must not change it."""

    def plan(work: Path) -> None:
        shutil.copytree(seen / "twin", work / "twin")
        Place(small_config, work).plan()

    return Place(small_config, made_once(tmp_path_factory, "cove-planned", plan))


@pytest.fixture
def continued(planned: Place, tmp_path: Path) -> Place:
    """A copy of the finished day for one test to change; only what depends on the change is computed anew."""
    shutil.copytree(planned.config, tmp_path / "config")
    shutil.copytree(planned.work, tmp_path / "work")
    return Place(tmp_path / "config", tmp_path / "work")
