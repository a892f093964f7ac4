"""The photo model: its branches, their blend, few examples, explanation, and the commands end to end."""

from __future__ import annotations

import json
import re

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.errors import InputError, MissingDataError, ProductError
from oceanclean.vision.explain.gradcam import grad_cam
from oceanclean.vision.photos import fisher, fusion
from oceanclean.vision.photos.deploy import PhotoModel
from oceanclean.vision.photos.fewshot import PrototypeHead, learn_prototypes
from oceanclean.vision.photos.kernel_head import fit_kernel_head
from oceanclean.vision.photos.pretraining import twins_loss
from oceanclean.vision.photos.scores import calibration_error, scores_with_intervals
from oceanclean.vision.photos.settings import TextureSettings, ViewSettings, load_photo_settings
from oceanclean.vision.photos.training import STARTS, beginning, train_photo_model
from oceanclean.vision.photos.views import mixed, smoothed, view
from tests.vision.photo_factory import SURFACES, surface, write_set

SMALL = TextureSettings(edge=64, components=8, dimensions=16, samples=4000, axes=24)


def photos_of(each, seed=0, edge=64):
    rng = np.random.default_rng(seed)
    images = np.stack([surface(label, rng, edge) for label in SURFACES for _ in range(each)])
    return images, np.repeat(np.arange(len(SURFACES)), each)


# -- texture branch ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texture():
    images, targets = photos_of(12)
    model = fisher.build_texture(SMALL)
    fisher.learn_texture(model, images, SMALL, seed=1)
    return model, images, targets


def test_texture_tells_surfaces_apart_wherever_they_lie(texture):
    model, images, targets = texture
    head = fit_kernel_head(fisher.texture_vectors(model, images), targets, 5, SMALL)
    unseen, truth = photos_of(6, seed=9)
    assert (head(fisher.texture_vectors(model, unseen)).argmax(1) == truth).mean() > 0.9
    moved = np.roll(unseen, 16, axis=2)
    assert (head(fisher.texture_vectors(model, moved)).argmax(1) == truth).mean() > 0.85


def test_a_fisher_vector_is_the_gradient_of_the_mixture(texture):
    """Against the definition (Perronnin et al. 2010, eq. 7), computed place by place in NumPy."""
    layer = fisher.FisherVector(3)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1, 4, 5, 2)).astype(np.float32)
    layer.build([z.shape])
    prior, mean = np.array([0.2, 0.3, 0.5], np.float32), rng.normal(size=(3, 2)).astype(np.float32)
    scale = rng.uniform(0.5, 2, (3, 2)).astype(np.float32)
    layer.set_weights([prior, mean, scale])
    found = np.asarray(layer([z]))[0]
    points = z.reshape(-1, 2)
    density = np.stack([p * np.prod(np.exp(-0.5 * ((points - m) / s) ** 2) / s, axis=1)
                        for p, m, s in zip(prior, mean, scale, strict=True)], axis=1)  # fmt: skip
    share = density / density.sum(axis=1, keepdims=True)
    rows = []
    for k in range(3):
        u = (points - mean[k]) / scale[k]
        first = (share[:, k, None] * u).mean(axis=0) / np.sqrt(prior[k])
        second = (share[:, k, None] * (u**2 - 1)).mean(axis=0) / np.sqrt(2 * prior[k])
        rows.append(np.concatenate([first, second]))
    expected = np.concatenate(rows)
    expected = np.sign(expected) * np.sqrt(np.abs(expected))
    assert np.allclose(found, expected / np.linalg.norm(expected), atol=1e-4)


def test_the_graph_of_a_photo_model_says_what_its_parts_say(texture, tmp_path):
    model, images, targets = texture
    vectors = fisher.texture_vectors(model, images)
    head = fit_kernel_head(vectors, targets, 5, SMALL)
    whole = fusion.fuse(None, model, head, np.array([2.0]), np.arange(5) / 10, 64)
    logits = 2 * head(vectors) + np.arange(5) / 10
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(fusion.probabilities(whole, images), expected, atol=1e-4)
    whole.save(tmp_path / "whole.keras")
    again = keras.saving.load_model(tmp_path / "whole.keras", safe_mode=True)
    assert np.allclose(fusion.probabilities(again, images), expected, atol=1e-4)


def test_the_blend_trusts_the_branch_that_knows():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    knows = 4.0 * np.eye(3)[truth] + rng.normal(size=(200, 3))
    guesses = 30 * rng.normal(size=(200, 3))
    shares, offset = fusion.fit_blend([guesses, knows], truth)
    assert shares[0] * guesses.std() < 0.1 * shares[1] * knows.std()
    assert (fusion.blended([guesses, knows], shares, offset).argmax(1) == truth).mean() > 0.9


# -- views and losses --------------------------------------------------------------------------------------------------


def test_a_view_stays_a_photo_and_a_mixture_keeps_its_shares():
    rng = np.random.default_rng(0)
    images, targets = photos_of(2)
    views = np.stack([view(i, 48, ViewSettings(turn=True, erase=1.0), rng) for i in images])
    assert views.shape == (10, 48, 48, 3)
    assert (views.min(), views.max()) >= (0, 0)
    assert views.max() <= 255
    for _ in range(8):
        both, shares = mixed(views, smoothed(targets, 5, 0.1), rng)
        assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)
        assert both.shape == views.shape


def test_twins_that_agree_cost_less_than_strangers():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(64, 16)).astype(np.float32)
    same = float(twins_loss(None, keras.ops.convert_to_tensor(np.concatenate([first, first]))))
    other = float(twins_loss(None, keras.ops.convert_to_tensor(np.concatenate([first, first[::-1].copy()]))))
    assert same < 0.1 < other


# -- scores ------------------------------------------------------------------------------------------------------------


def test_scores_match_a_count_by_hand_and_their_interval_holds_them():
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    found = scores_with_intervals(truth, predicted, range(6), ["a", "b", "c"], np.random.default_rng(0))
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["macro_f1"] == pytest.approx((2 * 2 / 6 + 2 * 2 / 5 + 0) / 3)
    assert found["macro_f1_low"] <= found["macro_f1"] <= found["macro_f1_high"]


def test_calibration_error_is_the_gap_between_word_and_deed():
    probability = np.tile([0.85, 0.15], (100, 1))
    assert calibration_error(probability, np.r_[np.zeros(60, int), np.ones(40, int)]) == pytest.approx(0.25)


# -- few examples ------------------------------------------------------------------------------------------------------


def test_five_examples_of_a_new_class_suffice(texture, tmp_path):
    model, *_ = texture
    images, targets = photos_of(5, seed=3)
    head = learn_prototypes(fisher.texture_vectors(model, images), [SURFACES[t] for t in targets], "abc")
    again = PrototypeHead.load(head.save(tmp_path / "head.npz"))
    unseen, truth = photos_of(6, seed=4)
    found = again(fisher.texture_vectors(model, unseen))
    assert (np.array(again.classes)[found.argmax(1)] == np.array(SURFACES)[truth]).mean() > 0.9
    with pytest.raises(InputError, match="5 photos"):
        learn_prototypes(np.zeros((6, 3), np.float32), ["a"] * 5 + ["b"])


# -- explanation -------------------------------------------------------------------------------------------------------


def test_grad_cam_looks_where_the_class_is():
    """A network whose class 1 is brightness: the bright corner speaks for it, the dark one does not."""
    image = keras.layers.Input((32, 32, 3))
    plane = keras.layers.Conv2D(2, 3, strides=4, padding="same", activation="relu", name="plane")(image)
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(plane)))
    model.get_layer("plane").set_weights([np.stack([np.full((3, 3, 3), -1 / 27), np.full((3, 3, 3), 1 / 27)], -1),
                                          np.array([255.0, 0.0])])  # fmt: skip
    model.get_layer("logits").set_weights([np.eye(2), np.zeros(2)])
    photo = np.zeros((32, 32, 3), np.uint8)
    photo[:12, :12] = 255
    heat = grad_cam(model, photo, 1)
    assert heat.shape == (32, 32)
    assert heat[:10, :10].mean() > 10 * max(float(heat[20:, 20:].mean()), 1e-3)
    with pytest.raises(InputError, match="class"):
        grad_cam(model, photo, 2)


def test_grad_cam_of_a_segmenter_follows_its_mask():
    from oceanclean.vision import nets

    model = nets.build("unet", (64, 64, 3), 3, width=0.125)
    heat = grad_cam(model, np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8), 2)
    assert heat.shape == (64, 64)
    assert np.isfinite(heat).all()
    assert heat.max() <= 1


# -- the commands ------------------------------------------------------------------------------------------------------


def small_settings(kind, **more):
    settings = load_photo_settings(kind)
    fit = settings.training.fit.model_copy(update={"epochs": 1, "steps": 3, "batch": 8})
    given = {"network": "resnet18", "width": 0.07, "edge": 48, "train_edge": 32, "fit": fit, "texture": SMALL,
             "phase_epochs": 1, "validation": 4, "pretraining_epochs": 1} | more  # fmt: skip
    return settings.model_copy(update={"training": settings.training.model_copy(update=given)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier trained on made photos, both branches, from scratch and in two phases after pretraining."""
    folder = tmp_path_factory.mktemp("photos")
    data = write_set(folder / "data", 12)
    path = train_photo_model("classifier", [data], folder / "model", small_settings("classifier"), pretrain=[data])
    return folder, data, path


def test_training_leaves_models_card_and_both_starts_side_by_side(trained):
    folder, _, path = trained
    card = json.loads(path.with_suffix(".json").read_text())
    assert set(STARTS) <= {k.rsplit(", ", 1)[1] for k in card["scores"]}
    assert card["int8_bytes"] == path.with_suffix(".tflite").stat().st_size < 3_000_000
    assert (folder / "model" / "manifest.csv").is_file()


def test_the_eight_bit_model_says_what_the_float_model_says(trained):
    _, _, path = trained
    images, _ = photos_of(6, seed=5)
    exact, lite = PhotoModel(path, "classifier", exact=True), PhotoModel(path, "classifier")
    assert lite.file.suffix == ".tflite"
    assert (exact(images).argmax(1) == lite(images).argmax(1)).mean() > 0.9


def test_evaluate_gives_the_flat_record_that_is_promised(trained):
    folder, _, path = trained
    unseen = write_set(folder / "unseen", 5, seed=7)
    done = CliRunner().invoke(app, ["evaluate", "classifier", "--data", str(unseen), "--model", str(path.parent),
                                    "--json", str(folder / "figures.json")])  # fmt: skip
    assert done.exit_code == 0, done.output
    figures = json.loads((folder / "figures.json").read_text())
    assert {"accuracy", "macro_f1", "images", "bytes", "macro_f1_low", "macro_f1_high"} <= set(figures)
    assert figures["images"] == 25
    assert figures["macro_f1"] > 0.8


def test_explain_writes_one_page_that_needs_nothing_else(trained):
    folder, data, path = trained
    done = CliRunner().invoke(app, ["explain", "classifier", "--data", str(data), "--model", str(path),
                                    "--out", str(folder / "page")])  # fmt: skip
    assert done.exit_code == 0, done.output
    page = (folder / "page" / "index.html").read_text()
    assert len(re.findall('src="data:image/png;base64,', page)) >= 3
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert (folder / "page" / "confusion.png").is_file()


def test_few_shot_is_learned_by_its_command(trained):
    folder, data, path = trained
    done = CliRunner().invoke(app, ["train", "few-shot", "--data", str(data), "--model", str(path),
                                    "--out", str(folder / "few.npz")])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert PrototypeHead.load(folder / "few.npz").classes == tuple(sorted(SURFACES))


def test_a_model_that_is_not_the_cards_is_refused(trained, tmp_path):
    _, _, path = trained
    for suffix in (".keras", ".json", ".tflite"):
        (tmp_path / f"classifier{suffix}").write_bytes(path.with_suffix(suffix).read_bytes())
    with (tmp_path / "classifier.tflite").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ProductError, match="int8_sha256"):
        PhotoModel(tmp_path, "classifier")
    with pytest.raises(MissingDataError, match="oceanclean train"):
        PhotoModel(tmp_path / "none.keras", "classifier")


def test_an_unknown_label_names_the_file_to_mend(tmp_path):
    data = write_set(tmp_path / "data", 1)
    (data / "paper").rename(data / "lava")
    with pytest.raises(InputError, match=r"lava.*classifier\.yaml"):
        train_photo_model("classifier", [data], tmp_path / "out", small_settings("classifier"))


def test_a_two_phase_start_without_weights_is_refused_when_asked_for_and_left_out_by_default():
    training = small_settings("cleanliness", width=0.33).training
    assert beginning(training, None, None) == (("scratch",), None)
    with pytest.raises(InputError, match="--weights"):
        beginning(training, ["two-phase"], None)


def test_a_two_phase_start_opens_the_last_block_alone():
    from oceanclean.vision import nets
    from oceanclean.vision.photos.network import last_block

    model = nets.build("resnet18", (64, 64, 3), 3, width=0.125)
    block = last_block(model)
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert convolutions[-1] in block
    assert convolutions[-2] in block
    assert not set(convolutions[:-2]) & block


def test_band_importance_finds_the_band_that_alone_tells_debris(tmp_path, monkeypatch):
    """With a segmenter that calls bright B8 debris and all else water, only B8 costs when it is exchanged."""
    import rasterio

    from oceanclean.products.names import BANDS, CLASS_ID, CLASSES
    from oceanclean.vision.explain import bands

    rng = np.random.default_rng(0)
    label = np.where(rng.random((40, 40)) < 0.2, CLASS_ID["marine_debris"], CLASS_ID["marine_water"]).astype(np.uint8)
    image = rng.uniform(0.01, 0.03, (11, 40, 40)).astype(np.float32)
    image[BANDS.index("B8")] += 0.1 * (label == CLASS_ID["marine_debris"])
    (tmp_path / "patches").mkdir()
    for suffix, plane in (("", image), ("_cl", label[None])):
        with rasterio.open(tmp_path / "patches" / f"S2_1-2-19_16PCC_0{suffix}.tif", "w", driver="GTiff", width=40,
                           height=40, count=len(plane), dtype=plane.dtype) as file:  # fmt: skip
            file.write(plane)

    def judge(images, *_):
        bright = np.asarray(images)[..., BANDS.index("B8")] > 0.06
        out = np.zeros((*bright.shape, len(CLASSES)), np.float32)
        out[..., CLASS_ID["marine_debris"] - 1], out[..., CLASS_ID["marine_water"] - 1] = bright, ~bright
        return out

    class Stand:
        model, threshold = None, 0.5

    monkeypatch.setattr(bands, "load_segmenter", lambda _: Stand())
    monkeypatch.setattr(bands, "Runner", lambda *_: judge)
    table = bands.band_importance([tmp_path]).set_index("band")
    assert table.loc["none", "score_debris_f1"] == 1
    assert table.loc["B8", "exchanged_debris_f1"] > 0.5
    assert (table.drop(["none", "B8"])["exchanged_debris_f1"] == 0).all()
