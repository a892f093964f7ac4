"""Augmentation: what happens to the image happens to its mask and its boxes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oceanclean.vision.augmentation import (
    IGNORE,
    AugmentationSettings,
    Augmented,
    augment,
    copy_paste,
    flip,
    quarter_turns,
    resize,
    zoom_crop,
)

PLAIN = {"brightness": 0.0, "contrast": 0.0, "colour": 0.0, "noise": 0.0}


def painted(rng, shape=(40, 56)):
    """An image whose first band is 100 exactly where its mask is 1: a rectangle, which is also its box."""
    y0, x0 = (int(rng.integers(2, n // 2)) for n in shape)
    y1, x1 = y0 + int(rng.integers(6, shape[0] - y0)), x0 + int(rng.integers(6, shape[1] - x0))
    mask = np.zeros(shape, np.uint8)
    mask[y0:y1, x0:x1] = 1
    image = np.zeros((*shape, 3), np.float32)
    image[..., 0] = 100.0 * mask
    return Augmented(image, mask, np.asarray([[x0, y0, x1, y1]], np.float32), np.arange(1))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_mask_and_box_follow_the_image(seed):
    rng = np.random.default_rng(seed)
    item = painted(rng)
    how = AugmentationSettings(size=(48, 48), scale=(0.8, 1.5), aspect=1.3, keep_box=0.0, **PLAIN)
    out = augment(*item[:3], how, rng)
    assert out.image.shape == (48, 48, 3)
    assert set(np.unique(out.mask)) <= {0, 1, IGNORE}
    inside = out.mask != IGNORE
    # Off the edges, where interpolation mixes, the band still tells the mask.
    agree = (out.image[..., 0] > 50) == (out.mask == 1)
    assert agree[inside].mean() > 0.9
    ys, xs = np.nonzero(out.mask == 1)
    if len(ys) > 4 and len(out.boxes):
        np.testing.assert_allclose(out.boxes[0], [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], atol=1.6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_two_flips_and_four_turns_change_nothing(seed):
    item = painted(np.random.default_rng(seed))
    for out in (flip(flip(item)), quarter_turns(item, 4), quarter_turns(quarter_turns(item, 1), 3)):
        np.testing.assert_array_equal(out.image, item.image)
        np.testing.assert_array_equal(out.mask, item.mask)
        np.testing.assert_allclose(out.boxes, item.boxes)


def test_beyond_the_edge_is_ignored_and_a_box_cut_away_is_dropped():
    item = Augmented(np.ones((20, 20, 3), np.float32), np.zeros((20, 20), np.uint8),
                     np.asarray([[0, 0, 4, 4], [12, 12, 18, 18]], np.float32), np.arange(2))  # fmt: skip
    out = zoom_crop(item, (10.0, 10.0, 20.0, 20.0), (20, 20))
    assert (out.mask[:10, :10] == 0).all()
    assert (out.mask[10:] == IGNORE).all()
    assert out.kept.tolist() == [1]


def test_shrinking_averages_instead_of_skipping_pixels():
    board = np.indices((64, 64)).sum(0)[..., None] % 2 * 200.0
    small = resize(board, (16, 16))
    np.testing.assert_allclose(small, 100.0)


def test_pasting_takes_the_named_classes_alone():
    image, other = np.zeros((4, 4, 3), np.float32), np.full((4, 4, 3), 9, np.float32)
    mask, other_mask = np.zeros((4, 4), np.uint8), np.asarray([[1, 1, 2, 0]] * 4, np.uint8)
    out, classes = copy_paste(image, mask, other, other_mask, (1,))
    np.testing.assert_array_equal(classes, [[1, 1, 0, 0]] * 4)
    np.testing.assert_array_equal(out[..., 0], [[9, 9, 0, 0]] * 4)


def test_the_same_seed_gives_the_same_image():
    item = painted(np.random.default_rng(1))
    how = AugmentationSettings(size=(32, 32), scale=(0.8, 1.5), blur=1.0, glint=1.0)
    first, second = (augment(*item[:3], how, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.image.min() >= 0
    assert first.image.max() <= 255
