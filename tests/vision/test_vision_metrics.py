"""Scores from a confusion matrix, calibration, thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.vision.calibration import choose_threshold, fit_calibration, softmax
from oceanclean.vision.metrics import average_precision, calibration_error, confusion, scores, with_intervals


def _example():
    truth = np.zeros((100, 100), np.uint8)
    truth[:10] = 1
    truth[10:20] = 7
    predicted = np.full((100, 100), 7, np.uint8)
    predicted[:8] = 1
    predicted[10:12] = 1
    predicted[50] = 1
    return truth, predicted


def test_debris_scores_match_hand_computation():
    """800 hits, 200 misses, 200 false alarms among annotated water; unlabelled pixels count as painted only."""
    s = scores(confusion(*_example()))
    assert s["debris_precision"] == pytest.approx(0.8)
    assert s["debris_recall"] == pytest.approx(0.8)
    assert s["debris_iou"] == pytest.approx(800 / 1200)
    assert s["miou"] == pytest.approx((800 / 1200 + 800 / 1200) / 2)
    assert s["false_debris_per_100km2"] == pytest.approx(1100 / 10_000 * 1e6)
    assert s["unconfirmed_debris_per_100km2"] == pytest.approx(300 / 10_000 * 1e6)


def test_unlabelled_pixels_never_enter_a_class_score():
    """Painting unlabelled pixels changes false alarms alone."""
    truth, predicted = _example()
    before = scores(confusion(truth, predicted))
    predicted[60:90] = 1
    after = scores(confusion(truth, predicted))
    for key in ("debris_f1", "miou", "floating_iou"):
        assert before[key] == after[key]
    assert after["false_debris_per_100km2"] > before["false_debris_per_100km2"]


def test_interval_of_one_scene_has_no_width_and_of_unlike_scenes_has():
    """The bootstrap draws scenes, not pixels."""
    matrix = confusion(*_example())
    one = with_intervals(matrix[None], np.random.default_rng(0), 50)
    assert one["debris_f1_low"] == one["debris_f1"] == one["debris_f1_high"]
    other = matrix.copy()
    other[1] = 0
    other[1, 7] = 1000
    two = with_intervals(np.stack([matrix, other]), np.random.default_rng(0), 200)
    assert two["debris_recall_low"] < two["debris_recall"] < two["debris_recall_high"]


def test_average_precision_of_perfect_and_of_inverted_ranking():
    """1 when every positive ranks first; the tail's precision when every one ranks last."""
    positive = np.array([True, True, False, False])
    assert average_precision(positive, np.array([0.9, 0.8, 0.2, 0.1], np.float32)) == 1.0
    assert average_precision(positive, np.array([0.1, 0.2, 0.8, 0.9], np.float32)) == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_calibration_error_sees_overconfidence():
    """Saying 0.9 where half is right errs by 0.4."""
    positive = np.arange(1000) % 2 == 0
    assert calibration_error(positive, np.full(1000, 0.9, np.float32)) == pytest.approx(0.4, abs=1e-6)


def test_calibration_cools_overconfident_logits():
    """Logits that are three times too large get a temperature near three."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20_000, 11)).astype(np.float32)
    label = (softmax(logits).cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1).astype(np.uint8) + 1
    fit = fit_calibration(3 * logits, label, np.ones(len(label), np.float32), ridge=1e-4)
    assert fit.temperature == pytest.approx(3.0, rel=0.1)


def test_threshold_paints_no_more_than_allowed_when_recall_permits():
    """Among thresholds that find enough, one that paints little is taken."""
    rng = np.random.default_rng(0)
    label = np.concatenate([np.ones(200), np.full(2000, 7), np.zeros(20_000)]).astype(np.uint8)
    debris = np.concatenate([rng.beta(8, 2, 200), rng.beta(1, 30, 2000), rng.beta(1, 12, 20_000)]).astype(np.float32)
    stands_for = np.where(label == 0, 50.0, 1.0).astype(np.float32)
    loose = choose_threshold(debris, label, stands_for, 1e9)
    tight = choose_threshold(debris, label, stands_for, 300.0)
    assert tight >= loose
    assert (
        stands_for[(label == 0) & (debris >= tight)].sum() + (debris[:200] >= tight).sum()
    ) / stands_for.sum() * 1e6 <= 330
    assert (debris[:200] >= tight).mean() >= 0.75
