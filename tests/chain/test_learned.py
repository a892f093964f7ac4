"""What the daily chain learns from catch reports, and from which forecast."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from oceanclean.chain import DailyRun
from oceanclean.chain.learned import fleet_file, forecast_density, learned_fleet
from oceanclean.products.files import load_table, save_grid, save_table
from oceanclean.products.names import DENSITY, DENSITY_STD
from oceanclean.sources.fleet import read_fleet
from oceanclean.store import StageRecord

HEAD = "started_at,ended_at,available_at,latitude,longitude,vessel_id,caught_kg,swept_m\n"


@pytest.fixture
def run(tmp_path: Path, small_config: Path) -> DailyRun:
    return DailyRun("cove", "2026-06-16T11:00:00Z", tmp_path, small_config)


def forecast(run: DailyRun, issued: str, kg_km2: float) -> None:
    """A forecast of the region of the same density everywhere for two days, in the run folder of its issue time."""
    folder = run.folder.root.parent / issued.replace(":", "") / "forecast"
    folder.mkdir(parents=True)
    (folder / "stage.json").write_text(json.dumps({"facts": {"issue_time": issued}}))
    grid = run.region.grid
    time = pd.Timestamp(issued).tz_convert(None) + pd.to_timedelta(np.arange(49), unit="h")
    shape = (49, *grid.shape)
    values = {n: (("time", "lat", "lon"), np.full(shape, kg_km2)) for n in (DENSITY, DENSITY_STD)}
    values["debris_density_quantile"] = (("quantile", "time", "lat", "lon"), np.full((1, *shape), kg_km2))
    west, south, _, _ = grid.bounds
    data = xr.Dataset(
        values,
        coords={"time": time.to_numpy().astype("datetime64[ns]"), "quantile": [0.5],
                "lat": south + (np.arange(grid.shape[0]) + 0.5) * grid.step,
                "lon": west + (np.arange(grid.shape[1]) + 0.5) * grid.step},
        attrs={"issue_time": issued, "map_time": issued, "region": "cove", "members": 1, "seed": 1},
    )  # fmt: skip
    save_grid("DensityForecast", data, folder / "forecast.nc")


def ingest(run: DailyRun) -> StageRecord:
    from oceanclean.settings import load_fleet_settings

    folder = run.folder.root / "ingest"
    folder.mkdir(parents=True)
    fleet, _ = read_fleet(
        run.region, load_fleet_settings(run.region.settings.fleet, run.config), [], issue_time=run.issue_time
    )
    save_table("FleetState", fleet, folder / "fleet.parquet")
    return StageRecord("ingest", folder, "", {}, {}, 0.0, 0.0, False)


def reports(run: DailyRun, hauls: int, kg: float, vessel: str) -> None:
    folder = run.work / "catches" / "cove"
    folder.mkdir(parents=True, exist_ok=True)
    at = run.region.settings.bbox
    lat, lon = (at.south + at.north) / 2, (at.west + at.east) / 2
    rows = [
        f"2026-06-15T{6 + k // 2:02d}:{30 * (k % 2):02d}Z,2026-06-15T{6 + k // 2:02d}:{30 * (k % 2) + 20:02d}Z,"
        f"2026-06-15T20:00Z,{lat:.3f},{lon:.3f},{vessel},{kg},5000\n"
        for k in range(hauls)
    ]
    (folder / f"{vessel}.csv").write_text(HEAD + "".join(rows), encoding="utf-8")


def test_the_plan_believes_what_the_hauls_say(run: DailyRun) -> None:
    """Twelve poor hauls take the efficiency down; who reported nothing stays; the sentence has the numbers."""
    record = ingest(run)
    before = load_table("FleetState", record.path("fleet.parquet")).set_index("vessel_id")["efficiency"]
    assert learned_fleet(run, record) == (None, [])
    assert fleet_file(run, record, run.work) == record.path("fleet.parquet")
    forecast(run, "2026-06-15T00:00:00Z", 500.0)
    reports(run, 12, 10.0, "manati")
    fleet, (said,) = learned_fleet(run, record)
    after = fleet.set_index("vessel_id")["efficiency"]
    assert after["manati"] < 0.6 * before["manati"]
    assert (after.drop("manati") == before.drop("manati")).all()
    assert "Manati" in said
    assert "12 hauls" in said
    written = load_table("FleetState", fleet_file(run, record, run.work))
    assert written.set_index("vessel_id")["efficiency"]["manati"] == pytest.approx(after["manati"])


def test_a_haul_is_held_against_the_youngest_forecast_made_before_it(run: DailyRun) -> None:
    """Not the one made after it, and nothing where no forecast was made before."""
    from oceanclean.sources.catches import read_catches

    reports(run, 2, 10.0, "manati")
    hauls, _ = read_catches([run.work / "catches" / "cove" / "manati.csv"])
    assert np.isnan(forecast_density(run, hauls)).all()
    for issued, kg in (("2026-06-14T06:00:00Z", 1.0), ("2026-06-15T05:00:00Z", 2.0), ("2026-06-15T09:00:00Z", 3.0)):
        forecast(run, issued, kg)
    assert forecast_density(run, hauls).tolist() == [2.0, 2.0]


def test_reports_that_cannot_be_read_teach_nothing_and_say_so(run: DailyRun) -> None:
    record = ingest(run)
    reports(run, 2, -10.0, "manati")
    fleet, (said,) = learned_fleet(run, record)
    assert fleet is None
    assert "manati.csv" in said
