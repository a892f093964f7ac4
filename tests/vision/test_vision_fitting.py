"""The training loop: resumes where it was killed, keeps the best averaged weights, refuses nonsense."""

from __future__ import annotations

import json

import numpy as np
import pytest

from oceanclean.errors import InputError, MissingDataError, ProductError
from oceanclean.vision.fitting import FitSettings, fit
from oceanclean.vision.metrics import bootstrap
from oceanclean.vision.models import load_model, save_model


def network():
    import keras

    keras.utils.set_random_seed(1)
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.Dense(1)(keras.layers.Dense(8, activation="silu")(x)))


def batches(epoch, rng):
    for _ in range(10):
        x = rng.normal(size=(16, 3)).astype("float32")
        yield x, (x @ [[1.0], [-2.0], [0.5]]).astype("float32")


def validate(model):
    x = np.random.default_rng(9).normal(size=(200, 3)).astype("float32")
    error = np.asarray(model(x)) - x @ np.array([[1.0], [-2.0], [0.5]])
    return {"closeness": -float((error**2).mean())}


SETTINGS = FitSettings(epochs=6, steps=10, learning_rate=0.05, weight_decay=0.0, ema=0.9)


def test_training_learns_and_keeps_the_best_epoch(tmp_path):
    model = network()
    before = validate(model)["closeness"]
    result = fit(model, "mse", batches, SETTINGS, tmp_path, validate=validate, monitor="closeness")
    assert result.best > before / 10
    assert result.best == max(h["closeness"] for h in result.history)
    assert validate(model)["closeness"] == pytest.approx(result.best, rel=1e-5)


def test_a_run_that_was_cut_ends_as_one_that_was_not(tmp_path):
    whole = network()
    fit(whole, "mse", batches, SETTINGS, tmp_path / "whole", validate=validate, monitor="closeness")

    def dies(epoch, rng):
        if epoch == 4:
            raise KeyboardInterrupt
        return batches(epoch, rng)

    cut = network()
    with pytest.raises(KeyboardInterrupt):
        fit(cut, "mse", dies, SETTINGS, tmp_path / "cut", validate=validate, monitor="closeness")
    again = network()
    result = fit(again, "mse", batches, SETTINGS, tmp_path / "cut", validate=validate, monitor="closeness")
    assert len(result.history) == 6
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_another_identity_starts_anew(tmp_path):
    fit(network(), "mse", batches, SETTINGS, tmp_path, identity="one")
    seen = []
    fit(network(), "mse", lambda e, r: seen.append(e) or batches(e, r), SETTINGS, tmp_path, identity="two")
    assert seen == [1, 2, 3, 4, 5, 6]


def test_patience_ends_early(tmp_path):
    settings = SETTINGS.model_copy(update={"patience": 2})
    result = fit(network(), "mse", batches, settings, tmp_path, validate=lambda _: {"f": 1.0}, monitor="f")
    assert result.best_epoch == 1
    assert len(result.history) == 3


def test_a_loss_that_is_not_finite_is_named(tmp_path):
    def bad(*_):
        return [(np.full((4, 3), np.nan, "float32"), np.zeros((4, 1), "float32"))]

    with pytest.raises(InputError, match="loss"):
        fit(network(), "mse", bad, SETTINGS, tmp_path)


def test_a_figure_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="monitor"):
        fit(network(), "mse", batches, SETTINGS, tmp_path, validate=validate, monitor="f1")


CARD = {"kind": "toy", "name": "toy", "classes": ["a"], "licence": "none", "trained_on": "noise"}


def test_a_model_comes_back_as_it_was_saved(tmp_path):
    model = network()
    path = save_model(model, CARD, tmp_path / "toy.keras")
    loaded = load_model(tmp_path, "toy")
    x = np.ones((2, 3), "float32")
    np.testing.assert_allclose(np.asarray(model(x)), np.asarray(loaded.model(x)), rtol=1e-6)
    assert loaded.path == path
    assert loaded.classes == ["a"]
    assert loaded.card["parameters"] == model.count_params()


def test_the_loss_that_a_model_was_trained_with_is_left_out(tmp_path):
    def own_loss(truth, predicted):
        return ((truth - predicted) ** 2).mean()

    model = network()
    model.compile("sgd", own_loss)
    loaded = load_model(save_model(model, CARD, tmp_path / "toy.keras"), "toy")
    assert not loaded.model.compiled


def test_a_model_that_was_touched_or_is_of_another_kind_is_refused(tmp_path):
    path = save_model(network(), CARD, tmp_path / "toy.keras")
    with pytest.raises(ProductError, match="kind"):
        load_model(path, "other")
    card = json.loads(path.with_suffix(".json").read_text())
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ProductError, match="sha256"):
        load_model(path, "toy")
    with pytest.raises(MissingDataError):
        load_model(tmp_path / "absent.keras", "toy")
    from oceanclean.store import digest_file, write_json

    write_json(path.with_suffix(".json"), {**card, "sha256": digest_file(path)})
    with pytest.raises(ProductError, match="model"):
        load_model(path, "toy")


def test_bootstrap_resamples_groups_not_images():
    parts = [0.0] * 50 + [1.0] * 50
    mean = lambda some: {"mean": float(np.mean(some))}  # noqa: E731
    wide = bootstrap(parts, [0] * 50 + [1] * 50, mean, np.random.default_rng(0), 200)
    narrow = bootstrap(parts, range(100), mean, np.random.default_rng(0), 200)
    assert wide["mean"] == narrow["mean"] == 0.5
    assert wide["mean_high"] - wide["mean_low"] == 1.0
    assert narrow["mean_high"] - narrow["mean_low"] < 0.3
