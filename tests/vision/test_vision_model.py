"""The network: what its layers compute, what ships, and that it learns."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from oceanclean.errors import MissingDataError, ProductError
from oceanclean.products.names import BANDS, CLASSES
from oceanclean.vision.features import CORE_BANDS, fill_absent_bands
from oceanclean.vision.model import (
    BOXES,
    FEATURES,
    RADIUS,
    STATISTICS,
    LocalStatistics,
    SegmenterConfig,
    SpectralFeatures,
    Statistics,
    build_pixel_model,
    build_segmenter,
)
from oceanclean.vision.pixels import Augmentation, through_bands
from oceanclean.vision.zoo import SHIPPED, load_segmenter


@pytest.fixture(scope="module")
def image():
    """Reflectance (1, y, x, band) of noise."""
    return np.random.default_rng(0).uniform(0.005, 0.1, (1, 80, 90, len(BANDS))).astype(np.float32)


def test_box_means_match_a_plain_loop(image):
    """Means over boxes, cut at the edge and divided by what is inside."""
    s = Statistics.split(np.asarray(LocalStatistics()(image))[0])
    for k in BOXES:
        r = k // 2
        for y, x in ((0, 0), (40, 45), (79, 10)):
            window = image[0, max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1]
            assert np.allclose(s.means[k][y, x], window.mean(axis=(0, 1)), atol=1e-5)
    window = image[0, 37:44, 42:49][..., [BANDS.index(b) for b in CORE_BANDS]]
    assert np.allclose(s.spreads[7][40, 45], window.std(axis=(0, 1)), atol=1e-4)


def test_pixels_without_a_measurement_do_not_touch_their_neighbours(image):
    """NaN is left out of every mean and comes out as its surroundings."""
    holed = image.copy()
    holed[0, 30:34, 30:34] = np.nan
    s = Statistics.split(np.asarray(LocalStatistics()(holed))[0])
    assert np.isfinite(s.join()).all()
    window = holed[0, 28:31, 28:31]
    assert np.allclose(s.means[3][29, 29], np.nanmean(window, axis=(0, 1)), atol=1e-5)


def test_model_sees_no_further_than_its_radius(image):
    """What lies beyond the radius changes nothing: tiles join without a seam."""
    far = image.copy()
    far[0, :, 40 + RADIUS + 1 :] = 0.9
    a, b = (Statistics.split(np.asarray(LocalStatistics()(i))[0]).join()[:, 40] for i in (image, far))
    inner = slice(RADIUS, 80 - RADIUS)
    assert np.allclose(
        a[inner][:, : len(BANDS) * (1 + len(BOXES))], b[inner][:, : len(BANDS) * (1 + len(BOXES))], atol=1e-5
    )


def test_filling_bands_before_or_after_the_statistics_is_the_same(image):
    """So the network is trained for six bands exactly as it will meet them."""
    filled = fill_absent_bands(image, CORE_BANDS)
    before = np.asarray(LocalStatistics()(filled))[0].reshape(-1, STATISTICS)
    after = through_bands(np.asarray(LocalStatistics()(image))[0].reshape(-1, STATISTICS), CORE_BANDS)
    assert np.allclose(before, after, atol=1e-5)


def test_shifting_scene_and_water_together_changes_no_feature(image):
    """A constant offset of the radiometry is invisible to the network."""
    values = np.asarray(LocalStatistics()(image))[0, ::20, ::20].reshape(-1, STATISTICS)
    moved = np.asarray(LocalStatistics()(image + 0.02))[0, ::20, ::20].reshape(-1, STATISTICS)
    water = np.full((len(values), len(BANDS)), 0.01, np.float32)
    assert np.allclose(SpectralFeatures.raw(values, water), SpectralFeatures.raw(moved, water + 0.02), atol=2e-3)


@pytest.fixture(scope="module")
def untrained():
    """A whole model of random weights, its features standardised, its calibration not trivial."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    features = SpectralFeatures(name="features", compression="sqrt")
    features.adapt(rng.uniform(0.005, 0.1, (500, STATISTICS)), np.full((500, len(BANDS)), 0.01))
    model = build_segmenter(build_pixel_model(SegmenterConfig((24, 12), members=2), features))
    model.get_layer("calibration").set_weights([np.float32(1.3), rng.normal(0, 0.2, len(CLASSES))])
    return model


@pytest.mark.parametrize("present", [BANDS, CORE_BANDS])
def test_compiled_loops_say_what_the_layers_say(untrained, image, present):
    """One set of weights, two ways to run it: the tiles' and Keras's."""
    from oceanclean.vision.runner import Runner, pixel_statistics

    holed = fill_absent_bands(image[0], present).copy()
    holed[20:26, 30:33] = np.nan
    holed[:, 85:] = np.nan
    water = np.linspace(0.03, 0.005, len(BANDS)).astype(np.float32)
    presence = np.asarray([b in present for b in BANDS], np.float32)
    layers = np.asarray(untrained([holed[None], water[None], presence[None]]))[0]
    loops = Runner(untrained, water, presence, tolerance=0)(holed)
    seen = np.isfinite(holed).all(axis=-1)
    assert np.abs(loops - layers)[seen].max() < 1e-4
    statistics = np.asarray(LocalStatistics()(holed[None]))[0]
    assert np.allclose(pixel_statistics(holed)[seen], statistics[seen], atol=1e-5)
    inner = Runner(untrained, water, presence, trim=10, tolerance=0)(holed)
    assert np.allclose(inner, loops[10:-10, 10:-10], atol=1e-6)


@pytest.fixture(scope="module")
def forested(untrained, tmp_path_factory):
    """The model of random weights with trees that decide, saved and loaded; and the trees as scikit-learn has them."""
    import keras
    from sklearn.ensemble import ExtraTreesClassifier

    from oceanclean.vision.deciding import Forest
    from oceanclean.vision.forest import ForestTables

    rng = np.random.default_rng(3)
    values = rng.uniform(0.005, 0.1, (300, STATISTICS)).astype(np.float32)
    raw = SpectralFeatures.raw(values, np.full((300, len(BANDS)), 0.01, np.float32))
    trees = ExtraTreesClassifier(5, min_samples_leaf=2, random_state=0).fit(raw, rng.choice([1, 3, 7, 11], 300))
    forest = Forest(0.5, name="forest")
    forest.tables = ForestTables.of(trees.estimators_, trees.classes_)
    model = build_segmenter(untrained.get_layer("pixel"), forest)
    model.get_layer("calibration").set_weights(untrained.get_layer("calibration").get_weights())
    path = tmp_path_factory.mktemp("forest") / "model.keras"
    model.save(path)
    return keras.saving.load_model(path, compile=False, safe_mode=True), trees


def test_trees_decide_about_candidates_alone_and_say_what_they_were_fitted_to_say(forested):
    """Where the network sees a small bright target the class shares are scikit-learn's; elsewhere the network's."""
    from oceanclean.vision.forest import CANDIDATES, LEAST

    model, trees = forested
    forest = model.get_layer("forest")
    rng = np.random.default_rng(5)
    values = rng.uniform(0.005, 0.1, (1, 20, 20, STATISTICS)).astype(np.float32)
    water, presence = np.full((1, 1, 1, len(BANDS)), 0.01, np.float32), np.ones((1, 1, 1, len(BANDS)), np.float32)
    alone = rng.normal(0, 1, (1, 20, 20, len(CLASSES))).astype(np.float32)
    found = np.asarray(forest((alone, values, water, presence))).reshape(-1, len(CLASSES))
    flat = alone.reshape(-1, len(CLASSES))
    share = np.exp(flat) / np.exp(flat).sum(axis=1, keepdims=True)
    asked = share[:, np.asarray(CANDIDATES) - 1].sum(axis=1) > 0.5
    assert 20 < asked.sum() < 380
    assert np.allclose(found[~asked], flat[~asked], atol=1e-5)
    raw = SpectralFeatures.raw(values.reshape(-1, STATISTICS), np.full((400, len(BANDS)), 0.01, np.float32))
    expected = trees.predict_proba(raw[asked])
    shares = np.exp(found[asked][:, trees.classes_ - 1]) - LEAST
    # A feature within rounding of a threshold may fall to the other side.
    assert (np.abs(shares - expected).max(axis=1) < 2e-3).mean() > 0.98
    fewer = presence * (np.arange(len(BANDS)) != 0)
    assert np.allclose(forest((alone, values, water, fewer)), alone, atol=1e-5)


def test_tables_of_trees_survive_a_file_and_say_what_the_trees_say(forested, tmp_path):
    """Saved, loaded and walked by the compiled loop, the shares are scikit-learn's."""
    from oceanclean.vision.forest import LEAST, ForestTables

    model, trees = forested
    model.get_layer("forest").tables.save(tmp_path / "trees.npz")
    raw = np.random.default_rng(8).normal(0, 0.3, (200, trees.n_features_in_)).astype(np.float32)
    shares = np.exp(ForestTables.load(tmp_path / "trees.npz").logits(raw)) - LEAST
    assert np.allclose(shares[:, trees.classes_ - 1], trees.predict_proba(raw), atol=2e-3)


@pytest.mark.parametrize("present", [BANDS, CORE_BANDS])
def test_compiled_trees_say_what_the_layer_says(forested, image, present):
    """The tiles' way through the trees is Keras's."""
    from oceanclean.vision.runner import Runner

    model, water = forested[0], np.linspace(0.03, 0.005, len(BANDS)).astype(np.float32)
    presence = np.asarray([b in present for b in BANDS], np.float32)
    layers = np.asarray(model([image, water[None], presence[None]]))[0]
    loops = Runner(model, water, presence, tolerance=0)(image[0])
    assert (np.abs(loops - layers).max(axis=-1) < 1e-3).mean() > 0.99


def test_pixels_like_their_surroundings_share_a_classification_and_no_other_does(untrained):
    """Striking pixels keep their own figures, calm ones stay close to theirs."""
    from oceanclean.vision.runner import Runner

    rng = np.random.default_rng(1)
    scene = (np.linspace(0.04, 0.01, len(BANDS)) + rng.normal(0, 2e-4, (96, 96, len(BANDS)))).astype(np.float32)
    scene[40:42, 30:60] += 0.03
    water, presence = np.full(len(BANDS), 0.01, np.float32), np.ones(len(BANDS), np.float32)
    each = Runner(untrained, water, presence, 32, tolerance=0)(scene)
    shared = Runner(untrained, water, presence, 32)(scene)
    striking = np.abs(scene[32:-32, 32:-32, 7] - 0.02) > 0.015
    assert np.allclose(each[8:10, :28], shared[8:10, :28], atol=1e-5)
    assert (shared[8:10, :28] != shared[20, 20]).any()
    assert np.abs(each - shared)[~striking].max() < 0.2
    assert len(np.unique(shared[16:20, 16:20].reshape(-1, len(CLASSES)), axis=0)) == 1


def test_background_is_the_calm_water_and_its_target_has_one_colour_at_any_cover():
    """A target that covers a fifth or all of its pixel has one direction above the water."""
    from oceanclean.vision.features import target_spectrum

    water, target = np.linspace(0.03, 0.01, 11, dtype=np.float32), np.linspace(0.05, 0.3, 11, dtype=np.float32)
    image = np.tile(water, (1, 70, 70, 1))
    for row, cover in ((20, 0.2), (50, 1.0)):
        image[0, row, 30:40] = water + cover * (target - water)
    s = Statistics.split(np.asarray(LocalStatistics()(image))[0])
    above = (s.pixel - s.background)[[20, 50], 35]
    assert np.allclose(s.background[[20, 50], 35], water, atol=1e-5)
    direction, length, ratios = target_spectrum(above)
    assert np.allclose(direction[0], direction[1], atol=0.03)
    assert np.abs(ratios[0] - ratios[1]).max() < 0.1
    assert length[1] - length[0] == pytest.approx(np.log(5), abs=0.1)


def test_pixel_model_has_the_shape_that_it_says():
    """Statistics, water and presence in; one logit a class out."""
    model = build_pixel_model(SegmenterConfig((16,), members=2), SpectralFeatures(name="features"))
    out = model.predict_on_batch([np.zeros((2, 3, 4, STATISTICS)), np.zeros((2, 11)), np.ones((2, 11))])
    assert out.shape == (2, 3, 4, len(CLASSES))
    assert model.get_layer("features").compute_output_shape([(None, None, None, STATISTICS)])[-1] == FEATURES


def test_shipped_model_is_small_loads_safely_and_matches_its_card():
    """Under 10 MB and a million weights, no code in the file, probabilities that add up to one."""
    assert SHIPPED.stat().st_size < 10e6
    segmenter = load_segmenter()
    assert segmenter.model.count_params() < 1e6
    assert segmenter.radius == RADIUS
    assert 0 < segmenter.threshold < 1
    out = np.asarray(
        segmenter.model([np.full((1, 64, 64, 11), 0.02, np.float32), np.full((1, 11), 0.01), np.ones((1, 11))])
    )
    assert np.allclose(out.sum(axis=-1), 1, atol=1e-5)


def test_model_file_of_another_digest_is_refused(tmp_path):
    """A model and its card travel together."""
    path = tmp_path / "segmenter.keras"
    with pytest.raises(MissingDataError, match="no such file"):
        load_segmenter(str(path))
    path.write_bytes(SHIPPED.read_bytes() + b" ")
    path.with_suffix(".json").write_text(SHIPPED.with_suffix(".json").read_text())
    with pytest.raises(ProductError, match="sha256"):
        load_segmenter(str(path))


def test_vision_opens_without_tensorflow():
    """The room's doors are light: TensorFlow loads when a scene is segmented."""
    code = (
        "import sys; import oceanclean.vision as v; v.load_settings; v.model_digest(v.SegmenterSettings());"
        "raise SystemExit(any(m.split('.')[0] in ('tensorflow', 'keras') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_augmentation_draws_from_the_generator_alone():
    """Same seed, same pixels."""
    from oceanclean.vision.pixels import PixelSet, augment

    rng = np.random.default_rng(0)
    n = 200
    pixels = PixelSet(
        rng.uniform(0.01, 0.1, (n, STATISTICS)).astype(np.float16), rng.integers(0, 12, n).astype(np.uint8),
        np.zeros(n, np.int32), np.ones(n, np.float32), rng.random(n) < 0.5, ["s"], np.full((1, 11), 0.01, np.float32),
    )  # fmt: skip
    rows = np.arange(n)
    one, two = (augment(pixels, rows, rows, Augmentation(), np.random.default_rng(7)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert np.isfinite(one[0]).all()
    assert (one[2].min(axis=1) == 0).any()
