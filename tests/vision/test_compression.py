"""Compression: zeros arrive on schedule and stay, LiteRT runs what was converted, a teacher is heard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision import losses, nets
from oceanclean.vision.compression import LiteModel, Pruning, distilled, sparsity, to_int8
from oceanclean.vision.compression.pruning import PruningSettings, prunable
from oceanclean.vision.fitting import FitSettings, fit


def batches(_epoch, rng):
    while True:
        images = rng.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
        yield images, (images[..., 0] > 127).astype(np.int32)


def test_pruning_follows_its_schedule_and_zeros_stay(tmp_path):
    model = nets.build("unet", (32, 32, 3), 2, 0.0625)
    hook = Pruning(PruningSettings(sparsity=0.6, begin=2, end=8, every=2))
    assert [hook.target(s) for s in (0, 2)] == [0, 0]
    assert hook.target(5) == pytest.approx(0.6 * (1 - 0.5**3))
    seen = []

    def after(model, step):
        hook(model, step)
        seen.append(sparsity(model))

    loop = FitSettings(epochs=2, steps=6, batch=2, ema=0.0, learning_rate=1e-3)
    fit(model, losses.cross_entropy(), batches, loop, tmp_path, after_step=after)
    assert seen[1] < 0.05
    assert all(b >= a - 1e-6 for a, b in pairwise(seen))
    assert seen[-1] == pytest.approx(0.6, abs=0.02)
    assert sparsity(model) == pytest.approx(0.6, abs=0.02)
    # No kernel is emptied: a layer of zeros would cut the network in two.
    assert all((np.asarray(k) != 0).any() for k in prunable(model))


def test_a_converted_model_runs_and_says_what_does_not_fit(tmp_path):
    model = nets.build("mobilenet", (48, 48, 3), 4, 0.25)
    images = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 3)).astype(np.float32)
    report = to_int8(model, images, tmp_path / "model.tflite")
    lite = LiteModel(report.path)
    assert lite(images).shape == (4, 4)
    assert report.bytes == report.path.stat().st_size
    with pytest.raises(InputError, match="tiles of that size"):
        lite(images[:, :40])
    with pytest.raises(InputError, match="calibrat"):
        to_int8(model, images[:, :40], tmp_path / "other.tflite")
    with pytest.raises(MissingDataError):
        LiteModel(tmp_path / "none.tflite")
    (tmp_path / "bad.tflite").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"bad\.tflite"):
        LiteModel(tmp_path / "bad.tflite")


def test_batches_of_a_student_carry_the_teachers_logits_of_the_same_image():
    teacher = nets.build("enet", (32, 32, 3), 2, 0.25)
    images, target = next(iter(distilled(batches, teacher)(1, np.random.default_rng(3))))
    np.testing.assert_array_equal(target[..., 0], images[..., 0] > 127)
    np.testing.assert_allclose(target[..., 1:], np.asarray(teacher(images, training=False)), atol=1e-4)
