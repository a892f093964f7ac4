"""From boxes to maps and back: targets, seams, turned copies."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.vision.detector.boxes import overlaps
from oceanclean.vision.detector.decoding import DecodingSettings, Detector, _Plan, decode
from oceanclean.vision.detector.network import STRIDE, build_detector
from oceanclean.vision.detector.targets import make_loss, target_maps

_SETTINGS = DecodingSettings(quality=0.0)


def _maps(boxes, size=256, labels=None, classes=1) -> np.ndarray:
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    kinds = np.zeros(len(boxes), int) if labels is None else np.array(labels)
    maps = target_maps(boxes, kinds, size, classes)
    maps[..., -1] = 1.0
    return maps


@pytest.mark.parametrize(
    "box", [(10, 20, 60, 90), (0, 0, 3, 200), (100, 100, 121, 121), (0, 0, 256, 256), (250, 250, 256, 256)]
)
def test_a_box_survives_the_maps(box):
    found = decode(_maps([box]), (256, 256), _SETTINGS)
    assert len(found.boxes) == 1
    np.testing.assert_allclose(found.boxes[0], box, atol=0.01)
    assert found.scores[0] == pytest.approx(1)


def test_boxes_of_several_classes_keep_their_labels():
    boxes = [(10, 10, 50, 50), (120, 30, 180, 70), (60, 180, 220, 240)]
    found = decode(_maps(boxes, labels=[1, 0, 1], classes=2), (256, 256), _SETTINGS)
    order = overlaps(np.array(boxes, np.float32), found.boxes).argmax(axis=1)
    np.testing.assert_allclose(found.boxes[order], boxes, atol=0.01)
    assert found.labels[order].tolist() == [1, 0, 1]


def test_the_windows_of_an_image_cover_it_and_their_mean_is_a_mean():
    pixels = np.full((700, 300, 3), 90, np.uint8)
    plan = _Plan(pixels, 256, 128, 6)
    one = np.ones((32, 32, 6), np.float32)
    for corner in plan.corners:
        plan.add(corner, one)
    assert plan.result().shape == (-(-700 // STRIDE), -(-300 // STRIDE), 6)
    np.testing.assert_allclose(plan.result(), 1, atol=1e-5)
    pixels[:300] = 0
    assert min(y for _, y in _Plan(pixels, 256, 128, 6).corners) > 40
    assert not _Plan(np.zeros_like(pixels), 256, 128, 6).corners


class _Bright:
    """Stands for a network that knows exactly where the bright rectangles of its window are."""

    input_shape = (None, 256, 256, 3)
    output_shape = (None, 32, 32, 6)


def _see(batch: np.ndarray) -> np.ndarray:
    from scipy.ndimage import find_objects, label

    out = []
    for window in batch:
        areas, _ = label(window[..., 0] > 128)
        boxes = [(s[1].start, s[0].start, s[1].stop, s[0].stop) for s in find_objects(areas)]
        maps = _maps(boxes)
        heat = np.clip(maps[..., 0], 1e-4, 1 - 1e-4)
        maps[..., 0] = np.log(heat / (1 - heat))
        maps[..., -1] = 9.0
        out.append(maps)
    return np.array(out, np.float32)


@pytest.mark.parametrize("copies", [1, 4, 8])
def test_an_object_on_a_seam_is_found_once_whatever_way_it_is_turned(monkeypatch, copies):
    import oceanclean.vision.detector.decoding as module

    monkeypatch.setattr(module, "_compiled", lambda _: _see)
    pixels = np.full((400, 610, 3), 40, np.uint8)
    truth = [(20, 30, 90, 60), (230, 100, 282, 118), (370, 240, 400, 300), (500, 350, 600, 395)]
    for x0, y0, x1, y1 in truth:
        pixels[y0:y1, x0:x1] = 220
    detector = Detector(_Bright(), DecodingSettings(copies=copies, overlap=128, quality=0.0))
    found = detector.detect(pixels)
    shown = found.boxes[found.scores > 0.5]
    assert len(shown) == len(truth)
    assert overlaps(np.array(truth, np.float32), shown).max(axis=1).min() > 0.8


def test_the_loss_falls_to_nothing_for_true_maps_and_rises_for_a_shifted_box():
    loss = make_loss(1)
    target = target_maps(np.array([[40, 40, 120, 90]], np.float32), np.array([0]), 256, 1)[None]
    right = target.copy()
    right[..., 0] = np.where(target[..., 0] > 0.999, 20.0, -20.0)
    right[..., -1] = 20.0
    shifted = right.copy()
    shifted[..., 1] += 2.0
    assert float(loss(target, right)) < 0.05
    assert float(loss(target, shifted)) > float(loss(target, right)) + 0.5


def test_the_network_gives_maps_of_every_window_and_ignores_the_sun():
    model = build_detector(64, 3, width=0.25)
    assert model.output_shape == (None, 8, 8, 8)
    image = np.random.default_rng(0).uniform(20, 120, (1, 64, 64, 3)).astype(np.float32)
    assert np.isfinite(np.asarray(model(image))).all()
    assert np.isfinite(np.asarray(model(np.zeros_like(image)))).all()
