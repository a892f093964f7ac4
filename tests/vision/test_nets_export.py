"""The second half of the zoo's contract: every network leaves as INT8, each family as SavedModel."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.vision import nets
from oceanclean.vision.compression import convert_many

NAMES = nets.names()
#: The widest of the decoders, a classifier, the detector: a SavedModel takes some eight seconds to write
#: and read, and every network already leaves as a graph for INT8 below.
SAVED = ["deeplabv3plus", "resnet18", "centre_detector"]
#: Odd edges; the detector's windows are squares of a multiple of 32.
SHAPES = {name: (64, 64, 3) if name in nets.names("detector") else (45, 67, 3) for name in NAMES}


def draw(name):
    return np.random.default_rng(0).uniform(0, 255, (2, *SHAPES[name])).astype(np.float32)


@pytest.fixture(scope="module")
def models():
    return {name: nets.build(name, SHAPES[name], 5, 0.25) for name in NAMES}


@pytest.fixture(scope="module")
def reports(models, tmp_path_factory):
    """All networks converted in one process of its own."""
    folder = tmp_path_factory.mktemp("int8")
    made = convert_many([(models[n], draw(n), folder / f"{n}.tflite") for n in NAMES])
    return dict(zip(NAMES, made, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_int8_is_small_and_close_to_float(name, models, reports):
    # One byte a weight, and what describes the graph.
    assert reports[name].bytes < 1.15 * models[name].count_params() + 120_000
    assert reports[name].mean_difference < 0.12


@pytest.mark.parametrize("name", SAVED)
def test_savedmodel_gives_the_same_answers(name, models, tmp_path):
    import tensorflow as tf

    models[name].export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(str(tmp_path / "saved"))
    truth = np.asarray(models[name](draw(name), training=False))
    np.testing.assert_allclose(np.asarray(saved.serve(draw(name))), truth, rtol=1e-3, atol=1e-3)
