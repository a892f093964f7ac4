"""Detections reach the page with their pixels, and a scene that cannot be read does not stop the plan."""

from __future__ import annotations

import base64
import io
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from PIL import Image
from plan_factory import make_day
from rasterio.transform import from_origin

from oceanclean.planning import PlanningSettings, publish
from oceanclean.planning.sightings import thumbnail
from oceanclean.products import BANDS, SceneRef, Segmentation, validate_table

#: A 10 m scene in UTM 16N over P01 of the factory.
EAST, NORTH, SIDE = 460_000, 1_796_000, 400


def make_scene(folder) -> SceneRef:
    """Dark water with a bright red block of 20 by 10 pixels whose upper left pixel is (100, 200)."""
    numbers = np.full((len(BANDS), SIDE, SIDE), 300, np.uint16)
    numbers[BANDS.index("B4"), 200:210, 100:120] = 3000
    path = folder / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=len(BANDS), dtype="uint16", crs="EPSG:32616",
        transform=from_origin(EAST, NORTH, 10, 10),
    ) as target:  # fmt: skip
        target.write(numbers)
    bands = {b: i + 1 for i, b in enumerate(BANDS)}
    return SceneRef(
        "S2A_demo", str(path), bands, 1e-4, 0.0, 0, "l2a", "2026-06-15T16:36:00Z", "2026-06-15T20:00:00Z", "S2A"
    )


def block() -> shapely.Polygon:
    """Outline of the red block in EPSG:4326."""
    outline = shapely.box(EAST + 1000, NORTH - 2100, EAST + 1200, NORTH - 2000)
    return gpd.GeoSeries([outline], crs="EPSG:32616").to_crs(4326).iloc[0]


@pytest.fixture
def segmentation(tmp_path) -> Segmentation:
    """What the detection hands on for the scene: the block, and a ship elsewhere."""
    picture = tmp_path / "scene.png"
    Image.new("RGB", (1800, 900), (10, 40, 80)).save(picture)
    rows = {
        "detection_id": ["a", "b"], "source_id": "S2A_demo", "sensor": "sentinel2",
        "class_name": ["marine_debris", "ship"], "probability": [0.83, 0.6], "area_m2": [20_000.0, 900.0],
        "cover": [0.4, np.nan], "observed_at": pd.Timestamp("2026-06-15T16:36:00Z"),
        "available_at": pd.Timestamp("2026-06-15T20:00:00Z"), "model": "<b>unet</b> 0.1",
    }  # fmt: skip
    table = gpd.GeoDataFrame(rows, geometry=[block(), shapely.Point(-86.9, 16.4)], crs=4326)
    path = tmp_path / "detections.parquet"
    validate_table("Detections", table, "test").to_parquet(path)
    scene = make_scene(tmp_path)
    return Segmentation(
        scene, "", str(path), str(picture), "unet 0.1", "ab" * 32, 0.5, {}, ("Half the scene is cloud.",)
    )


def pixels_of(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2]))).convert("RGB")).astype(int)


def test_a_thumbnail_shows_the_detection_in_its_middle(tmp_path):
    """The bright block fills the middle of the picture, its corners are water, and the outline runs around it."""
    picture = pixels_of(thumbnail(make_scene(tmp_path), block(), 800))
    height, width, _ = picture.shape
    middle, corner = picture[height // 2, width // 2], picture[5, 5]
    assert middle[0] - middle[1] > 100
    assert abs(corner[0] - corner[1]) < 40


def test_a_thumbnail_at_the_scenes_edge_is_cut_not_refused(tmp_path):
    """A detection in the corner has a smaller picture; one outside has none."""
    scene = make_scene(tmp_path)
    corner = gpd.GeoSeries([shapely.box(EAST, NORTH - 50, EAST + 50, NORTH)], crs=32616).to_crs(4326).iloc[0]
    assert min(pixels_of(thumbnail(scene, corner, 800)).shape[:2]) > 30
    assert thumbnail(scene, shapely.box(0, 0, 0.001, 0.001), 800) == ""


def test_the_page_shows_what_was_seen(segmentation, tmp_path):
    """Detections, thumbnails and the scene's picture are in the page, escaped; patches name their nearest detection."""
    day = make_day()
    folder = tmp_path / "plan"
    folder.mkdir()
    made = publish(day.plan, folder=folder, **{**day.arguments(), "segmentations": [segmentation]})
    html = made["page"].read_text(encoding="utf-8")
    assert "What was seen" in html
    assert html.count('alt="True-colour pixels') == 1  # the ship is a point outside the scene: no pixels
    assert "&lt;b&gt;unet&lt;/b&gt; 0.1" in html
    assert "<b>unet" not in html
    assert "Half the scene is cloud." in html
    assert "No satellite scene today" not in html
    plan = json.loads(made["plan"].read_text(encoding="utf-8"))
    first = next(t for t in plan["tasks"] if t["task_id"] == "P01")
    assert "detection of debris" in first["evidence"]
    assert "probability 0.83" in first["evidence"]
    assert "18 h old" in first["evidence"]
    assert ["detection", "unet 0.1", "abababababab"] in [[m["stage"], m["name"], m["version"]] for m in plan["models"]]
    assert any(s["cut_off"] == "2026-06-15T16:36:00Z" for s in plan["sources"])


def test_a_scene_that_is_gone_costs_only_its_pixels(segmentation, tmp_path):
    """The scene's file has vanished since the detection: the plan is published without thumbnails."""
    (tmp_path / "scene.tif").unlink()
    day = make_day(sail=False)
    folder = tmp_path / "plan"
    folder.mkdir()
    made = publish(day.plan, folder=folder, **{**day.arguments(), "segmentations": [segmentation]})
    html = made["page"].read_text(encoding="utf-8")
    assert "True-colour pixels" not in html
    assert "2 detections in today" in html


def test_only_the_largest_detections_are_drawn(segmentation, tmp_path):
    """Beyond the limit the largest by expected debris area stay, and the page says how many there are."""
    day = make_day(sail=False)
    folder = tmp_path / "plan"
    folder.mkdir()
    arguments = {**day.arguments(), "segmentations": [segmentation], "settings": PlanningSettings(max_detections=1)}
    html = publish(day.plan, folder=folder, **arguments)["page"].read_text(encoding="utf-8")
    assert "2 detections in today" in html
    assert "the 1 largest" in html
    assert '"title":"Marine debris, probability 0.83"' in html
    assert '"title":"Ship' not in html
