"""Trees that find boxes: tables against the library, features against plain sums, turned copies, candidates, sides."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from oceanclean.vision.detector.boosting import ABSENT, BoostedTables
from oceanclean.vision.detector.box_features import box_features, turned_boxes, turned_maps
from oceanclean.vision.detector.box_maps import WINDOW_FEATURES, cell_features, padded, window_maps
from oceanclean.vision.detector.boxes import overlaps
from oceanclean.vision.detector.candidates import candidate_boxes, distinct
from oceanclean.vision.detector.tree_finder import WindowView, moved, window_corners
from oceanclean.vision.detector.tree_model import BoxTrees, is_tree_network, tree_network, trees_of
from oceanclean.vision.detector.tree_training import inside_boxes
from oceanclean.vision.models import load_model, save_model


@pytest.fixture(scope="module")
def grown():
    """A classifier, a regressor, their features and what the library predicts."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rng = np.random.default_rng(0)
    features = rng.integers(0, 6, (600, 5)).astype(np.float32) / 7
    value = features[:, 0] * 2 - features[:, 3] * features[:, 1]
    features[rng.random(features.shape) < 0.1] = ABSENT
    how = {"max_iter": 15, "max_leaf_nodes": 8, "min_samples_leaf": 5}
    return (
        HistGradientBoostingClassifier(**how).fit(features, value > 0.4),
        HistGradientBoostingRegressor(**how).fit(features, value),
        features,
    )


def test_tables_say_what_the_library_says(grown):
    yes, number, features = grown
    probability = BoostedTables.of(yes).probability(features)
    np.testing.assert_allclose(probability, yes.predict_proba(features)[:, 1], atol=1e-5)
    np.testing.assert_allclose(BoostedTables.of(number).predict(features), number.predict(features), atol=1e-5)
    assert len(BoostedTables.of(number).predict(features[:0])) == 0


def test_trees_travel_as_a_keras_model_with_its_card(grown, tmp_path):
    yes, number, features = grown
    trees = BoxTrees(BoostedTables.of(yes), BoostedTables.of(number), BoostedTables.of(number))
    card = {"kind": "detector", "name": "t", "classes": ["litter"], "licence": "none", "trained_on": []}
    stored = load_model(save_model(tree_network(trees), card, tmp_path / "detector.keras"), "detector")
    assert is_tree_network(stored.model)
    heat, side, _ = (np.asarray(v)[:, 0] for v in stored.model([features, features, features]))
    np.testing.assert_allclose(side, number.predict(features), atol=1e-5)
    back = trees_of(stored.model)
    np.testing.assert_allclose(back.heat.predict(features), heat, atol=1e-5)
    assert (back.side.depth, back.side.features) == (trees.side.depth, 5)


def _maps(shape=(30, 44), seed=0):
    rng = np.random.default_rng(seed)
    bright, red = rng.normal(3, 4, shape), rng.normal(0, 3, shape)
    return bright, red, rng.random(shape), np.arange(3.0)


def test_a_turned_box_in_a_turned_window_has_the_features_of_a_window_that_came_so():
    bright, red, heat, window = _maps()
    maps = turned_maps(bright, red, heat, window)
    boxes = np.array([[10, 6, 40, 30], [0, 0, 88, 60], [60, 41, 88, 60]], float)
    for turn in range(4):
        turned = turned_maps(*(np.rot90(m, turn) for m in (bright, red, heat)), window)
        own = turned_boxes(boxes, turn, (60, 88))
        np.testing.assert_allclose(box_features(maps[turn], own), box_features(turned[0], own), atol=1e-4)
    assert turned_boxes(boxes, 1, (60, 88))[0].tolist() == [6, 48, 30, 78]
    np.testing.assert_array_equal(turned_boxes(turned_boxes(boxes, 1, (60, 88)), 3, (88, 60)), boxes)


def test_features_are_means_and_distances_within_the_box():
    bright = np.zeros((40, 40))
    bright[10:14, 12:20] = 10.0
    maps = turned_maps(bright, bright * 0, bright * 0, np.zeros(0))[0]
    features = box_features(maps, np.array([[16.0, 12.0, 48.0, 36.0]]))[0]
    # 8 facts of the box, then 36 parts of the first map, then its mean over the box.
    assert features[:4] == pytest.approx([16, 12, np.log(16 / 12), np.sqrt(192)], rel=1e-5)
    assert features[8 + 36] == pytest.approx(bright[6:18, 8:24].mean())
    per_map = [parts**2 + 1 + 28 for parts in (6, 4, 6, 4, 6, 4, 4, 4)]
    distances = features[8 + sum(per_map) :].reshape(4, 2, 4)
    assert distances[0, 0].tolist() == [4, 4, ABSENT, ABSENT]
    assert distances[0, 1].tolist() == [4, 4, ABSENT, ABSENT]
    assert distances[2].max() == ABSENT
    outside = box_features(maps, np.array([[60.0, 60.0, 80.0, 80.0]]))[0]
    assert ABSENT in outside[8 : 8 + 36]


def test_candidates_hold_a_box_near_every_patch_and_no_two_alike():
    bright = np.random.default_rng(0).normal(0, 1, (128, 128)).astype(np.float32)
    truth = np.array([[20, 30, 60, 60], [150, 160, 210, 190]], np.float32)
    for x0, y0, x1, y1 in (truth / 2).astype(int):
        bright[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5] = 15
    boxes = candidate_boxes(bright, np.zeros((128, 128), np.float32))
    assert overlaps(truth, boxes).max(axis=1).min() > 0.6
    table = overlaps(boxes, boxes) - np.eye(len(boxes))
    assert table.max() <= 0.8
    assert len(candidate_boxes(np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32))) == 0
    assert len(distinct(np.array([[0, 0, 9, 1.0]]), 0.5, 2.0, np.random.default_rng(0))) == 0


def test_every_side_is_moved_its_own_way():
    maps = turned_maps(*_maps((50, 50)))
    inwards = SimpleNamespace(predict=lambda rows: np.full(len(rows), 0.1))
    boxes = np.array([[20, 30, 60, 50]], np.float32)
    assert moved(inwards, maps, boxes, (100, 100))[0].tolist() == pytest.approx([24, 32, 56, 48])
    # Told by the width of the turned copy: only the sides across the long axis are moved.
    long = SimpleNamespace(predict=lambda rows: np.where(rows[:, 0] > rows[:, 1], -0.1, 0.0))
    assert moved(long, maps, boxes, (100, 100))[0].tolist() == pytest.approx([16, 30, 64, 50])


def test_maps_know_no_sun_and_every_size_of_image_has_cells():
    rng = np.random.default_rng(0)
    pixels = rng.normal(60, 5, (61, 90, 3)).clip(0, 255)
    pixels[20:40, 30:60] += 80
    maps = window_maps(padded(pixels.astype(np.uint8)))
    brighter = window_maps(padded((pixels + 30).astype(np.uint8)))
    assert np.median(np.abs(maps.bright - brighter.bright)[:56, :88]) < 0.3
    assert maps.bright[22:38, 32:58].min() > 5
    assert cell_features(maps).shape[:2] == (16, 23)
    view = WindowView.of(pixels.astype(np.uint8))
    assert (view.shape, view.bright.shape, len(view.window)) == ((64, 92), (32, 46), WINDOW_FEATURES)
    assert np.isfinite(WindowView.of(np.zeros((8, 8, 3), np.uint8)).cells).all()
    inside = inside_boxes((64, 92), np.array([[30, 20, 60, 40]], np.float32))
    assert inside.sum() == pytest.approx(30 * 20 / 16, abs=5)
    assert window_corners(np.full((300, 500, 3), 9, np.uint8), 96) == [(0, 0), (160, 0), (244, 0), (0, 44), (160, 44),
                                                                      (244, 44)]  # fmt: skip
