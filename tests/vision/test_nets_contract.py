"""One contract for every network of the zoo: odd sizes, gradients, files, size; exports are in test_nets_export."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision import nets

SHAPE, CLASSES, WIDTH = (45, 67, 3), 5, 0.25
NAMES = nets.names()
#: The detector's windows are squares of a multiple of 32.
SHAPES = {name: (64, 64, 3) if name in nets.names("detector") else SHAPE for name in NAMES}
#: Parameters in millions at width 1 and 6 classes, as published for the network (or for the kin named in its words).
PUBLISHED = {"unet": 31.03, "unetpp": 9.04, "linknet": 11.53, "enet": 0.37, "icnet": 12.42, "bisenet": 13.32,
             "bisenetv2": 2.27, "resnet18": 11.18, "mobilenet": 2.26}  # fmt: skip


def draw(name):
    return np.random.default_rng(0).uniform(0, 255, (2, *SHAPES[name])).astype(np.float32)


class _Models(dict):
    """Each network built when it is first asked for."""

    def __missing__(self, name):
        self[name] = nets.build(name, SHAPES[name], CLASSES, WIDTH)
        return self[name]


@pytest.fixture(scope="module")
def models():
    return _Models()


def expected(name):
    if name in nets.names("detector"):
        return (2, SHAPES[name][0] // 8, SHAPES[name][1] // 8, CLASSES + 5)
    return (2, *SHAPE[:2], CLASSES) if name in nets.names("segmenter") else (2, CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_odd_size_gives_logits_and_every_weight_a_finite_gradient(name, models):
    import tensorflow as tf

    model, images = models[name], draw(name)
    with tf.GradientTape() as tape:
        out = model(images, training=True)
        loss = tf.reduce_mean(tf.square(out - 1.0))
    assert tuple(out.shape) == expected(name)
    for weight, gradient in zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(np.asarray(gradient)).all(), weight.path


@pytest.mark.parametrize("name", NAMES)
def test_a_keras_file_rebuilds_the_network_from_its_config_and_gives_the_same_answers(name, models, tmp_path):
    import keras

    model, images = models[name], draw(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert [(type(a), a.name) for a in loaded.layers] == [(type(a), a.name) for a in model.layers]
    truth = np.asarray(model(images, training=False))
    np.testing.assert_allclose(np.asarray(loaded(images, training=False)), truth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_at_width_one_a_network_has_about_its_published_size(name):
    model = nets.build(name, (64, 64, 3), 6)
    assert model.count_params() / 1e6 == pytest.approx(PUBLISHED[name], rel=0.35)


def test_auxiliary_heads_train_and_are_dropped_for_use():
    images = draw("icnet")
    from oceanclean.vision.losses import cross_entropy, with_auxiliary

    model = nets.build("icnet", SHAPE, CLASSES, WIDTH, auxiliary=True)
    assert model.output.shape[-1] == 3 * CLASSES
    target = np.random.default_rng(1).integers(0, CLASSES, (2, *SHAPE[:2]))
    loss = with_auxiliary(cross_entropy(), CLASSES, 0.4)(target, model(images))
    assert np.isfinite(float(loss))
    used = nets.deployed(model)
    assert used.output.shape[1:] == (*SHAPE[:2], CLASSES)
    np.testing.assert_allclose(np.asarray(used(images)), np.asarray(model(images))[..., :CLASSES], atol=1e-4)


def test_resized_keeps_the_weights(models):
    larger = nets.resized(models["unet"], (64, 96))
    assert larger.output.shape[1:] == (64, 96, CLASSES)
    for a, b in zip(larger.get_weights(), models["unet"].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["mobilenet", "resnet18"])
def test_a_backbone_halves_the_plane_at_each_map(name):
    import keras

    image = keras.layers.Input((64, 96, 3))
    maps = nets.backbone(name, image, 0.25)
    assert [m.shape[1:3] for m in maps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert nets.backbone(name, image, 0.25, output_stride=16)[-1].shape[1:3] == (4, 6)


def test_weights_of_a_user_are_taken_where_they_fit(tmp_path):
    first = nets.build("enet", (64, 64, 3), 5, 0.5)
    first.save(tmp_path / "user.keras")
    second = nets.build("enet", (64, 64, 3), 9, 0.5, weights=tmp_path / "user.keras")
    same = [np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True) if a.ndim > 1]
    assert sum(same) == len(same) - 1  # all kernels but the head's


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="one of"):
        nets.build("vgg", SHAPE, 2)
    with pytest.raises(InputError, match="32 pixels"):
        nets.build("unet", (16, 64, 3), 2)
    with pytest.raises(MissingDataError, match="no such file"):
        nets.build("enet", SHAPE, 2, weights=tmp_path / "none.keras")
    (tmp_path / "bad.keras").write_bytes(b"not a model")
    with pytest.raises(InputError, match=r"bad\.keras"):
        nets.build("enet", SHAPE, 2, weights=tmp_path / "bad.keras")
