"""The detector end to end on painted tiles: trained, stored, scored, run on files."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.files import load_table
from oceanclean.vision.detector import camera_facts, detect_objects, evaluate_detector, parse_moment, train_detector
from oceanclean.vision.detector.boxes import overlaps
from oceanclean.vision.detector.boxsets import deal, read_box_sets
from oceanclean.vision.detector.canvases import canvases
from oceanclean.vision.detector.finders import finder_of
from oceanclean.vision.detector.settings import DetectorSettings, TrainingSettings, load_detector_settings
from oceanclean.vision.detector.tree_training import TreeSettings
from oceanclean.vision.detector.windows import WindowSampler, WindowSettings
from oceanclean.vision.fitting import FitSettings
from oceanclean.vision.models import load_model

_SIZE = 64
_TRAINING = TrainingSettings(family="trees", trees=TreeSettings(trees=(20, 20, 20), leaves=8))
_NETWORK = TrainingSettings(
    family="network",
    fit=FitSettings(epochs=6, steps=16, batch=8, learning_rate=4e-3, ema=0.9),
    windows=WindowSettings(size=_SIZE, zoom=1.1, quartered=0.0),
    width=0.25,
    refine_epochs=2,
    refine_rate=1e-3,
)


def _paint(folder: Path, tiles: int = 9, seed: int = 3) -> Path:
    """Tiles of three days with one or two bright patches of at least 12 pixels on dark, rough water."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for k in range(tiles):
        pixels = rng.normal(50, 4, (_SIZE, _SIZE, 3)) + rng.uniform(-10, 10, 3)
        lines = []
        for half in range(1 + k % 2):
            wide, high = rng.integers(12, 26, 2)
            x, y = rng.integers(0, _SIZE - wide), half * 32 + rng.integers(0, 33 - high)
            pixels[y : y + high, x : x + wide] += 110
            lines.append(f"0 {(x + wide / 2) / _SIZE} {(y + high / 2) / _SIZE} {wide / _SIZE} {high / _SIZE}")
        name = f"2020010{k % 3 + 1}_120000_0f0f_{17000 + 3 * k}-29700-16"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"{name}.png")
        (folder / "labels" / f"{name}.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> Path:
    return _paint(tmp_path_factory.mktemp("detector") / "set")


@pytest.fixture(scope="module")
def trained(painted, tmp_path_factory) -> Path:
    return train_detector(painted, tmp_path_factory.mktemp("model"), _TRAINING, name="painted")


def test_days_never_cross_parts_and_windows_keep_their_boxes(painted):
    images = read_box_sets([painted]).images
    parts = deal(images, 3)
    assert [len({i.group for i in part}) for part in parts] == [1, 1, 1]
    assert sum(map(len, parts)) == len(images)
    with pytest.raises(MissingDataError, match="folds"):
        deal(images, 4)
    sampler = WindowSampler(canvases(images), 1, _NETWORK.windows)
    rng = np.random.default_rng(0)
    bright = []
    for _ in range(60):
        window, boxes, labels = sampler.draw(rng)
        assert window.shape == (_SIZE, _SIZE, 3)
        assert len(boxes) == len(labels)
        assert boxes.min(initial=0) >= 0
        assert boxes.max(initial=0) <= _SIZE
        for x0, y0, x1, y1 in boxes.round().astype(int):
            if min(x1 - x0, y1 - y0) > 6:
                bright.append(window[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].mean() - np.median(window))
    assert len(bright) > 30
    assert np.quantile(bright, 0.1) > 20
    water = WindowSampler(canvases(images), 1, _NETWORK.windows.model_copy(update={"water": 1.0}))
    empty = [water.draw(rng) for _ in range(10)]
    assert sum(not len(b) for _, b, _ in empty) >= 6
    assert max(np.ptp(w.mean(axis=-1)) for w, b, _ in empty if not len(b)) < 60


def test_a_trained_detector_finds_what_it_was_shown(painted, trained):
    figures = evaluate_detector(painted, trained, settings=DetectorSettings())
    assert figures["images"] == 9
    assert figures["iou_threshold"] == 0.5
    assert figures["f1"] > 0.6
    assert figures["f1_iou30"] >= figures["f1"]
    assert figures["f1_low"] <= figures["f1"] <= figures["f1_high"]
    assert {"precision", "recall", "average_precision", "recall_16_32px", "f1_in_scene"} <= set(figures)
    card = load_model(trained, "detector").card
    assert card["classes"] == ["litter"]
    assert 0 < card["threshold"] < 1
    assert card["family"] == "trees"
    assert card["scenes_held_out"] == card["scenes"]
    assert card["scores"]["recall_iou30"] >= card["scores"]["recall"] > 0.5


def test_detections_of_files_lie_inside_their_tile(painted, trained, tmp_path):
    paths = sorted((painted / "images").glob("*.png"))[:3]
    result = detect_objects(paths, tmp_path / "found.parquet", model=trained)
    table = load_table("Detections", result.path)
    assert len(table) > 0
    assert set(table["source_id"]) <= {p.stem for p in paths}
    assert (table["position_doubt_m"] == 10.0).all()
    west, south, east, north = table.total_bounds
    assert -86.7 < west < east < -86.4
    # Row 29700 of the Web Mercator grid at zoom 16; a box may end on the tile's very edge.
    edges = [math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**16)))) for row in (29701, 29700)]
    assert edges[0] - 1e-6 < south < north < edges[1] + 1e-6
    assert result.table["observed_at"].min() >= datetime(2020, 1, 1, 12, tzinfo=UTC)
    geojson = detect_objects(paths, tmp_path / "found.geojson", model=trained).path
    assert '"FeatureCollection"' in geojson.read_text()
    with pytest.raises(InputError, match="ending"):
        detect_objects(paths, tmp_path / "found.csv", model=trained)


def test_the_network_of_the_zoo_trains_in_place_of_trees(painted, tmp_path):
    path = train_detector(painted, tmp_path, _NETWORK.by("centre_detector"), name="network")
    assert load_model(path, "detector").card["family"] == "network"
    assert evaluate_detector(painted, path)["f1"] > 0.6
    with pytest.raises(InputError, match="--model"):
        _TRAINING.by("guess")


def test_trees_find_an_object_on_a_seam_once_and_are_grown_once(painted, trained):
    grown = {p: p.stat().st_mtime_ns for p in (trained.parent / "runs").rglob("*.npz")}
    before = load_model(trained, "detector").card
    again = load_model(train_detector(painted, trained.parent, _TRAINING, name="painted"), "detector").card
    assert grown == {p: p.stat().st_mtime_ns for p in (trained.parent / "runs").rglob("*.npz")}
    assert (again["threshold"], again["scores"]) == (before["threshold"], before["scores"])
    pixels = np.random.default_rng(1).normal(50, 4, (300, 420, 3))
    truth = np.array([(150, 60, 176, 84), (300, 220, 322, 244)], np.float32)
    for x0, y0, x1, y1 in truth.astype(int):
        pixels[y0:y1, x0:x1] += 110
    stored = load_model(trained, "detector")
    found = finder_of(stored.model).detect(pixels.clip(0, 255).astype(np.uint8))
    shown = found.boxes[found.scores > stored.card["threshold"]]
    assert overlaps(truth, shown).max(axis=1).min() > 0.5
    assert (overlaps(truth, shown) > 0.5).sum() == 2
    assert not len(finder_of(stored.model).detect(np.zeros((64, 64, 3), np.uint8)).boxes)


class _BrightIsLitter:
    def logits(self, images):
        for image in images:
            bright = image.mean(axis=-1) > 100
            yield np.stack([np.where(bright, -9, 9), np.where(bright, 9, -9)], axis=-1).astype(np.float32)


def test_masks_tell_how_much_of_a_box_is_litter(painted, trained, tmp_path):
    paths = sorted((painted / "images").glob("*.png"))
    plain = detect_objects(paths, tmp_path / "a.parquet", model=trained).table
    masked = detect_objects(paths, tmp_path / "b.parquet", model=trained, segmenter=_BrightIsLitter()).table
    assert plain["cover"].isna().all()
    assert masked["cover"].between(0, 1).all()
    assert masked["cover"].median() > 0.5


def test_the_command_line_says_what_it_did(painted, trained, tmp_path):
    runner = CliRunner()
    image = str(min((painted / "images").glob("*.png")))
    done = runner.invoke(app, ["detect-objects", image, "--out", str(tmp_path / "a.geojson"), "--model", str(trained)])
    assert done.exit_code == 0, done.output
    assert "detections in 1 image" in done.output
    figures = str(tmp_path / "s.json")
    scored = runner.invoke(
        app, ["evaluate", "detector", "--data", str(painted), "--model", str(trained), "--json", figures]
    )
    assert scored.exit_code == 0, scored.output
    assert '"average_precision_low"' in (tmp_path / "s.json").read_text()


def test_facts_of_a_camera_and_times_are_checked():
    assert camera_facts(["height_m=40", "yaw_deg=-10"]) == {"height_m": 40, "yaw_deg": -10}
    with pytest.raises(InputError, match="--camera"):
        camera_facts(["height=40"])
    with pytest.raises(InputError, match="--taken"):
        parse_moment("2026-06-15")
    with pytest.raises(InputError, match="protocol"):
        evaluate_detector(Path("nowhere"), protocol="guess")


def test_the_settings_that_ship_are_the_defaults(config_dir):
    assert load_detector_settings(config_dir) == DetectorSettings()
