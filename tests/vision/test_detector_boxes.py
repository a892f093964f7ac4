"""Boxes: overlap, duplicates, readers of box sets, scenes put together, scores."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision.detector.boxes import inside, overlaps, suppress
from oceanclean.vision.detector.boxsets import read_box_sets
from oceanclean.vision.detector.canvases import canvases
from oceanclean.vision.detector.instances import covers, instance_masks, mask_overlaps
from oceanclean.vision.detector.scoring import (
    ScoredImage,
    best_threshold,
    detection_scores,
    match,
    recall_by_size,
    tally,
    with_intervals,
)

_EDGE = st.integers(0, 12)
_BOX = st.tuples(_EDGE, _EDGE, st.integers(1, 8), st.integers(1, 8))


def _boxes(*rows) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


@given(_BOX, _BOX)
def test_overlap_is_that_of_counted_pixels(first, second):
    a, b = (_boxes((x, y, x + w, y + h)) for x, y, w, h in (first, second))
    grid = np.zeros((2, 24, 24), bool)
    for k, (x, y, w, h) in enumerate((first, second)):
        grid[k, y : y + h, x : x + w] = True
    expected = (grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum()
    assert overlaps(a, b)[0, 0] == pytest.approx(expected, abs=1e-6)


def test_suppression_keeps_the_better_of_two_and_the_lone():
    boxes = _boxes((0, 0, 10, 10), (1, 0, 11, 10), (30, 30, 40, 40), (2, 2, 5, 5))
    scores = np.array([0.5, 0.9, 0.3, 0.4], np.float32)
    assert suppress(boxes, scores, 0.5).tolist() == [1, 3, 2]
    assert suppress(boxes, scores, 0.5, contained=0.8).tolist() == [1, 2]


def test_a_window_shows_what_is_left_of_a_box():
    cut, kept = inside(_boxes((0, 0, 10, 10), (90, 90, 99, 99), (18, 5, 30, 9)), (5, 0, 20, 10), 3.0)
    assert kept.tolist() == [0]
    assert cut.tolist() == [[0, 0, 5, 10]]


def _image(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(path)


def test_the_three_layouts_tell_the_same_boxes(tmp_path):
    truth = [[10.0, 20.0, 50.0, 60.0], [0.0, 0.0, 8.0, 100.0]]
    for name in ("yolo", "coco", "csv"):
        _image(tmp_path / name / "images" / "a.png", 200, 100)
    (tmp_path / "yolo/labels").mkdir()
    lines = [f"{k} {(x0 + x1) / 400} {(y0 + y1) / 200} {(x1 - x0) / 200} {(y1 - y0) / 100}"
             for k, (x0, y0, x1, y1) in enumerate(truth)]  # fmt: skip
    (tmp_path / "yolo/labels/a.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "yolo/classes.txt").write_text("glass\npaper\n")
    record = {
        "images": [{"id": 7, "file_name": "a.png", "width": 200, "height": 100}],
        "categories": [{"id": 3, "name": "glass"}, {"id": 9, "name": "paper"}],
        "annotations": [{"image_id": 7, "category_id": c, "bbox": [x0, y0, x1 - x0, y1 - y0]}
                        for c, (x0, y0, x1, y1) in zip((3, 9), truth, strict=True)],
    }  # fmt: skip
    (tmp_path / "coco/annotations.json.gz").write_bytes(gzip.compress(json.dumps(record).encode()))
    rows = [f"a.png,200,100,{x0},{y0},{x1},{y1},{c}"
            for c, (x0, y0, x1, y1) in zip(("glass", "paper"), truth, strict=True)]  # fmt: skip
    (tmp_path / "csv/boxes.csv").write_text("\n".join(["image,width,height,x_min,y_min,x_max,y_max,label", *rows]))
    for name in ("yolo", "coco", "csv"):
        boxes = read_box_sets([tmp_path / name])
        assert boxes.classes == ("glass", "paper")
        np.testing.assert_allclose(boxes.images[0].boxes, truth, atol=1e-4)
        assert boxes.images[0].labels.tolist() == [0, 1]
    assert len(read_box_sets([tmp_path / n for n in ("yolo", "coco", "csv")]).images) == 3


def test_a_label_line_that_is_none_is_named(tmp_path):
    _image(tmp_path / "images/a.png", 20, 20)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 .5 .5 .1 .1\n0 .5 .5 .1\n")
    with pytest.raises(InputError, match=r"a\.txt: line 2"):
        read_box_sets([tmp_path])
    with pytest.raises(MissingDataError, match="layout"):
        read_box_sets([tmp_path / "images"])


def _tile_folder(folder: Path, boxes: dict[tuple[int, int], list[list[float]]]) -> Path:
    (folder / "labels").mkdir(parents=True)
    for (x, y), rows in boxes.items():
        name = f"20200101_120000_0f0f_{x}-{y}-16"
        _image(folder / "images" / f"{name}.png", 64, 64)
        lines = [f"0 {(a + c) / 128} {(b + d) / 128} {(c - a) / 64} {(d - b) / 64}" for a, b, c, d in rows]
        (folder / "labels" / f"{name}.txt").write_text("\n".join(lines))
    return folder


def test_tiles_of_a_scene_make_one_canvas_and_cut_boxes_are_one_again(tmp_path):
    folder = _tile_folder(
        tmp_path / "set", {(10, 5): [[40, 20, 63, 40]], (11, 5): [[0, 20, 30, 40], [50, 50, 60, 60]], (20, 5): []}
    )
    images = read_box_sets([folder]).images
    assert {i.group for i in images} == {"20200101"}
    joined = canvases(images)
    assert sorted(c.pixels.shape[1] for c in joined) == [64, 128]
    scene = max(joined, key=lambda c: c.pixels.shape[1])
    assert sorted(scene.boxes.tolist()) == [[40, 20, 94, 40], [114, 50, 124, 60]]
    assert sum(len(c.boxes) for c in canvases(images, alone=True)) == 3


def _scored(truth, boxes, scores, scene="s") -> ScoredImage:
    t, b = _boxes(*truth), _boxes(*boxes)
    return ScoredImage(scene, t, np.zeros(len(t), int), b, np.array(scores, np.float32), np.zeros(len(b), int))


def test_an_object_is_hit_once_and_by_the_best_box():
    image = _scored([(0, 0, 10, 10)], [(0, 0, 10, 9), (0, 0, 10, 10), (50, 50, 60, 60)], [0.6, 0.9, 0.8])
    assert match(image, 0.5).tolist() == [-1, 0, -1]


def test_scores_by_hand():
    images = [
        _scored([(0, 0, 10, 10), (20, 20, 60, 60)], [(0, 0, 10, 10), (80, 80, 90, 90)], [0.9, 0.8], "a"),
        _scored([(0, 0, 20, 20)], [(0, 0, 20, 20)], [0.7], "b"),
    ]
    counts = tally(images, 0.5)
    at = detection_scores(counts, 0.75)
    assert (at["precision"], at["recall"]) == (0.5, pytest.approx(1 / 3))
    # Ranked: hit, miss, hit of three objects: precision 1 up to recall 1/3, 2/3 up to 2/3.
    assert at["average_precision"] == pytest.approx((1 + 2 / 3) / 3)
    assert best_threshold(counts) < 0.7
    assert recall_by_size(counts, 0.5) == {
        "objects_below_16px": 1, "recall_below_16px": 1.0, "objects_16_32px": 1, "recall_16_32px": 1.0,
        "objects_32_64px": 1, "recall_32_64px": 0.0, "objects_64_128px": 0, "objects_above_128px": 0,
    }  # fmt: skip
    spread = with_intervals(counts, 0.5, np.random.default_rng(0), 200)
    assert spread["recall_low"] <= spread["recall"] <= spread["recall_high"]
    assert spread["recall_low"] == 0.5
    assert spread["recall_high"] == 1.0


def test_a_pixel_goes_to_the_box_whose_middle_it_is_nearer_to():
    litter = np.zeros((40, 60))
    litter[10:20, 5:50] = 1
    boxes = _boxes((5, 10, 30, 20), (25, 10, 50, 20))
    owner = instance_masks(boxes, litter)
    assert (owner[10:20, 5:25] == 0).all()
    assert (owner[10:20, 31:50] == 1).all()
    assert (owner >= 0).sum() == (litter > 0).sum()
    assert covers(owner, boxes).sum() == pytest.approx(450 / 250)


@pytest.mark.real
def test_true_boxes_and_true_litter_give_back_the_instances_of_aquatrash(real_data):
    folder = real_data("aquatrash")
    found = read_box_sets([folder]).images
    shares = []
    for image in found[:80]:
        path = folder / "masks" / f"{image.path.stem}.png"
        if path.is_file() and len(image.boxes):
            litter = (np.asarray(Image.open(path)) > 0).astype(float)
            owner = instance_masks(image.boxes, litter)
            inside_any = np.zeros(litter.shape, bool)
            for x0, y0, x1, y1 in np.concatenate(
                [np.floor(image.boxes[:, :2]), np.ceil(image.boxes[:, 2:])], axis=1
            ).astype(int):
                inside_any[y0:y1, x0:x1] = True
            assert not ((owner >= 0) & ~inside_any).any()
            shares.append((owner >= 0)[inside_any].sum() / max(1, (litter > 0)[inside_any].sum()))
            if len(image.boxes) == 1:
                assert mask_overlaps(owner, owner)[0, 0] in (0.0, 1.0)
    assert len(shares) > 20
    assert np.mean(shares) > 0.98
