"""Boxes of a detector as a source: each once, of their time and place, with outline and kind."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from oceanclean.errors import InputError, SettingsError
from oceanclean.region import load_region
from oceanclean.settings import SourceSettings
from oceanclean.sources import read_sightings

NOW = "2026-06-15T06:00Z"


def boxes(places, **columns) -> gpd.GeoDataFrame:
    n = len(places)
    seen = pd.Series([pd.Timestamp("2026-06-15T00:00Z")] * n).astype("datetime64[ns, UTC]")
    table = pd.DataFrame({
        "detection_id": [f"tile-{k}" for k in range(n)], "source_id": "tile", "sensor": "planetscope",
        "class_name": "marine_debris", "probability": 0.7, "area_m2": 900.0, "cover": np.nan, "observed_at": seen,
        "available_at": seen, "model": "detector", "kind": "litter", **columns,
    })  # fmt: skip
    shapes = [shapely.box(x, y, x + 3e-4, y + 3e-4) for x, y in places]
    return gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")


def read(path, **source):
    region = load_region("demo")
    wanted = SourceSettings(kind="detections", path=str(path), required=True, **source)
    return read_sightings(region, [wanted], issue_time=NOW, history_h=36)


def test_boxes_come_with_outline_and_kind_and_count_once(tmp_path):
    """GeoParquet and GeoJSON of the same tile are one; what lies elsewhere is said."""
    table = boxes([(-87.0, 16.3), (-87.1, 16.4), (-60.0, 16.4)])
    table.to_parquet(tmp_path / "a.parquet")
    table.to_file(tmp_path / "b.geojson")
    found, said = read(tmp_path)
    assert sorted(found["detection_id"]) == ["tile-0", "tile-1"]
    assert set(found.geom_type) == {"Polygon"}
    assert set(found["kind"]) == {"litter"}
    assert "2 detections outside the region" in " ".join(said)


def test_boxes_of_other_times_are_left_out(tmp_path):
    """Neither what was seen before the history, nor what was not there yet, latency included."""
    seen = pd.Series(pd.to_datetime(["2026-06-13T00:00Z", "2026-06-15T05:00Z", "2026-06-15T00:00Z"]))
    seen = seen.astype("datetime64[ns, UTC]")
    boxes([(-87.0, 16.3)] * 3, observed_at=seen, available_at=seen).to_parquet(tmp_path / "a.parquet")
    found, _ = read(tmp_path, latency_h=2)
    assert found["detection_id"].tolist() == ["tile-2"]
    assert found["available_at"][0] == pd.Timestamp("2026-06-15T02:00Z")


def test_what_is_no_detections_file_is_named(tmp_path):
    """Damaged, another table, options that do not exist; an empty folder degrades."""
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"bad\.parquet"):
        read(tmp_path)
    boxes([(-87.0, 16.3)]).drop(columns="model").to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(InputError, match="model"):
        read(tmp_path)
    with pytest.raises(SettingsError, match="options"):
        read(tmp_path, options={"trust": 1})
    (tmp_path / "bad.parquet").unlink()
    found, said = read(tmp_path)
    assert len(found) == 0
    assert "No detections" in said[0]
