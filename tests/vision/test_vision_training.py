"""Training: folds that never look at the scene left out, a run that goes on after a kill, an honest table."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from painted_scene import SPECTRA
from rasterio.transform import from_origin

from oceanclean import vision
from oceanclean.errors import InputError
from oceanclean.products.names import BANDS, CLASS_ID
from oceanclean.vision.data import find_patches
from oceanclean.vision.folds import Folds
from oceanclean.vision.forest import DecidingTrees, fit_forest
from oceanclean.vision.training import TrainingSettings, sampling_weights

QUICK = TrainingSettings(
    steps=40, batch=128, hidden=(16,), teacher_trees=10, mixtures=500, learning_rate=0.01,
    deciding=DecidingTrees(trees=10),
)  # fmt: skip


def _write_patch(folder, name, rng):
    image = np.tile(np.float32(SPECTRA["water"])[:, None, None], (1, 64, 64))
    labels = np.zeros((1, 64, 64), np.uint8)
    for row, (kind, class_id) in enumerate((("debris", 1), ("sargassum", 2), ("cloud", 6))):
        image[:, 10 + 16 * row : 16 + 16 * row, 10:40] = np.float32(SPECTRA[kind])[:, None, None]
        labels[0, 12 + 16 * row : 14 + 16 * row, 12:38] = class_id
    labels[0, 58:, :] = CLASS_ID["marine_water"]
    image = image + rng.normal(0, 0.001, image.shape).astype(np.float32)
    for suffix, values in (("", image), ("_cl", labels)):
        with rasterio.open(folder / f"S2_{name}{suffix}.tif", "w", driver="GTiff", width=64, height=64,
                           count=len(values), dtype=values.dtype, crs=32616,
                           transform=from_origin(0, 0, 10, 10)) as file:  # fmt: skip
            file.write(values)


@pytest.fixture(scope="module")
def patches_folder(tmp_path_factory):
    """Three scenes of two patches each."""
    root = tmp_path_factory.mktemp("marida")
    (root / "patches").mkdir()
    rng = np.random.default_rng(0)
    for scene in ("1-1-20_16PCC", "2-1-20_16PCC", "3-1-20_16PCC"):
        for number in range(2):
            _write_patch(root / "patches", f"{scene}_{number}", rng)
    return root


@pytest.fixture(scope="module")
def trained(patches_folder, tmp_path_factory):
    """A quickly trained model."""
    return vision.train_segmenter(patches_folder, tmp_path_factory.mktemp("run"), QUICK)


def test_trained_model_finds_what_it_was_shown(trained, patches_folder):
    """Out-of-fold debris on clean synthetic patches is found nearly everywhere."""
    card = json.loads(trained.with_suffix(".json").read_text())
    assert card["leave_scene_out"]["debris_recall"] > 0.9
    assert card["leave_scene_out"]["scenes"] == 3
    assert card["bands"] == list(BANDS)
    figures = vision.evaluate_segmenter(patches_folder, model=trained)
    assert figures["protocol"] == "shipped"
    assert figures["debris_f1"] > 0.9
    for key in (
        "debris_precision",
        "debris_iou",
        "miou",
        "macro_f1",
        "floating_f1",
        "floating_iou",
        "false_debris_per_100km2",
    ):
        assert figures[f"{key}_low"] <= figures[key] + 1e-9
        assert figures[key] <= figures[f"{key}_high"] + 1e-9
    assert "debris F1" in vision.evaluation_table(figures)


def test_killed_run_goes_on_with_the_folds_that_stand(trained, patches_folder, monkeypatch):
    """Folds on disk are not trained again; other settings start anew."""
    calls = []
    import oceanclean.vision.training as training

    real = training.fit_pixel_model
    monkeypatch.setattr(training, "fit_pixel_model", lambda *a, **k: calls.append(1) or real(*a, **k))
    (trained.parent / "folds" / "logits_1.npz").unlink()
    vision.train_segmenter(patches_folder, trained.parent, QUICK)
    assert len(calls) == 2  # the fold that was missing, and the final model
    Folds(find_patches(patches_folder), trained.parent, QUICK.model_copy(update={"steps": 41}))
    assert not (trained.parent / "folds" / "logits_0.npz").exists()


def test_fold_learns_from_no_pixel_of_the_scene_left_out(patches_folder, tmp_path, monkeypatch):
    """The rows drawn for training all belong to other scenes."""
    import oceanclean.vision.training as training

    folds = Folds(find_patches(patches_folder), tmp_path, QUICK)
    pixels = folds.pixels()
    batches = training._Batches.of(pixels, np.array([0, 2]), QUICK, np.random.default_rng(0))
    for rows in (batches.labelled, batches.unlabelled, batches.ground, batches.draw(500)):
        assert not (pixels.scene[rows] == 1).any()
    assert np.isnan(batches.opinion[pixels.scene == 1]).all()
    altered = replace(pixels, label=np.where(pixels.scene == 1, 3, pixels.label).astype(np.uint8))
    one, other = (fit_forest(p, np.array([0, 2]), QUICK) for p in (pixels, altered))
    assert (one.threshold == other.threshold).all()
    assert (one.share == other.share).all()


def test_rare_classes_are_drawn_more_often_than_they_come():
    """Balanced sampling lifts the rare class; power 1 leaves shares as they are."""
    label = np.repeat([1, 7], [10, 1000]).astype(np.uint8)
    scene = np.zeros(len(label), np.int32)
    assert sampling_weights(label, scene, 0.0, 1.0)[label == 1].sum() == pytest.approx(0.5)
    assert sampling_weights(label, scene, 1.0, 1.0)[label == 1].sum() == pytest.approx(10 / 1010)


def test_unknown_protocol_is_refused(patches_folder):
    """A protocol is named, not guessed."""
    with pytest.raises(InputError, match="leave-scene-out"):
        vision.evaluate_segmenter(patches_folder, protocol="random-pixels")


@pytest.mark.real
def test_reference_figures_of_the_published_net_are_reproduced(real_data):
    """MARIDA's U-Net on the ten scenes here: debris IoU .370, F1 .540, mean IoU .592, floating .818, 446 painted."""
    from oceanclean.vision.evaluation import _score_reference

    folder = real_data("marida")
    figures = _score_reference([folder], find_patches(folder)).figures(0)
    assert figures["debris_iou"] == pytest.approx(0.370, abs=5e-4)
    assert figures["debris_f1"] == pytest.approx(0.540, abs=5e-4)
    assert figures["miou"] == pytest.approx(0.592, abs=5e-4)
    assert figures["floating_iou"] == pytest.approx(0.818, abs=5e-4)
    assert figures["false_debris_per_100km2"] == pytest.approx(445.7, abs=0.1)


@pytest.mark.real
def test_shipped_card_carries_leave_scene_out_figures_above_the_published_net(real_data):
    """What ships was better than the published U-Net on scenes that it had not seen."""
    from oceanclean.vision.zoo import load_segmenter

    real_data("marida")
    figures = load_segmenter().card["leave_scene_out"]
    assert figures["scenes"] == 10
    assert figures["pixels"] == 157_662
    assert figures["debris_f1"] > 0.75
    assert figures["false_debris_per_100km2"] < 150


def test_a_few_pixels_teach_the_trees_a_site_and_leave_the_model_they_came_from(trained, patches_folder, tmp_path):
    """Examples raise their class in the leaves that they fall into; the new file loads and names where it is from."""
    from oceanclean.vision.few_shot import leaves_of, taught
    from oceanclean.vision.teacher import raw_features
    from oceanclean.vision.zoo import load_segmenter

    pixels = Folds(find_patches(patches_folder), trained.parent, QUICK).pixels()
    rows = np.flatnonzero(pixels.label == CLASS_ID["marine_water"])[:5]
    features = raw_features(pixels.statistics[rows], pixels.water[pixels.scene[rows]])
    tables = load_segmenter(str(trained)).model.get_layer("forest").tables
    leaves = leaves_of(tables, features)
    shares = tables.share[leaves].astype(float).mean(axis=0)
    assert np.allclose(np.log(shares + 0.005), tables.logits(features), atol=1e-3)
    ships = taught(tables, features, np.full(5, CLASS_ID["ship"], np.uint8)).logits(features)
    assert (ships.argmax(axis=1) + 1 == CLASS_ID["ship"]).all()

    # At the site what looks like sargassum is ships.
    site = tmp_path / "site"
    shutil.copytree(patches_folder, site)
    for path in (site / "patches").glob("*_cl.tif"):
        with rasterio.open(path, "r+") as file:
            file.write(np.where(file.read() == CLASS_ID["dense_sargassum"], CLASS_ID["ship"], file.read()))
    used = vision.few_shot_segmenter(site, tmp_path / "site.keras", shots=5, model=trained)
    assert used["marine_debris"] == used["ship"] == 5
    assert used["dense_sargassum"] == 0
    learned = load_segmenter(str(tmp_path / "site.keras"))
    assert learned.card["few_shot"]["from"] == load_segmenter(str(trained)).sha256
    assert "leave_scene_out" not in learned.card
    assert load_segmenter(str(trained)).model.get_layer("forest").tables is tables
    before, after = (
        vision.evaluate_segmenter(site, model=m)["ship_recall"] for m in (trained, tmp_path / "site.keras")
    )
    assert before < 0.1
    assert after > 0.8


def test_search_goes_on_where_it_stopped_and_leaves_settings_that_load(patches_folder, tmp_path, monkeypatch):
    """Trials are counted over calls; the file it leaves is what training reads."""
    from oceanclean.settings import load
    from oceanclean.vision import search

    scored = []
    monkeypatch.setattr(search, "trial_score", lambda trial, *_: scored.append(search.suggest(trial)) or len(scored))
    vision.search_settings(patches_folder, tmp_path, 2, QUICK)
    path = vision.search_settings(patches_folder, tmp_path, 3, QUICK)
    assert len(scored) == 3
    best = load(path, TrainingSettings)
    assert best.dropout == pytest.approx(scored[-1]["dropout"])
    assert best.steps == QUICK.steps


def test_a_trial_is_scored_on_scenes_left_out_and_pruned_when_poor(patches_folder, tmp_path, monkeypatch):
    """Every group is left out once, never learned from; a trial below the median ends early."""
    optuna = pytest.importorskip("optuna")
    from oceanclean.vision import search

    pixels = Folds(find_patches(patches_folder), tmp_path, QUICK).pixels()
    learned: list[set[int]] = []
    monkeypatch.setattr(search, "fit_pixel_model", lambda *given: learned.append(set(given[1])))
    monkeypatch.setattr(search, "_group_score", lambda *_: 1.0 - 0.1 * len(learned))
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(1, 0))
    study.optimize(lambda trial: search.trial_score(trial, pixels, QUICK), n_trials=2)
    assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED"]
    assert [len(scenes) for scenes in learned[:3]] == [2, 2, 2]
    assert set.union(*({0, 1, 2} - s for s in learned[:3])) == {0, 1, 2}


def test_explanation_shows_places_reliability_and_bands(trained, patches_folder, tmp_path):
    """One page that holds its figures; a scene's debris is among its hits."""
    from oceanclean.vision.explain.page import explain_segmenter
    from oceanclean.vision.explain.scenes import scene_gallery

    page = explain_segmenter([patches_folder], tmp_path, model=trained, progress=lambda *_: None)
    assert page.read_text().count("data:image/png") == 5
    assert (tmp_path / "gallery.png").read_bytes()[:4] == b"\x89PNG"
    gallery = scene_gallery([patches_folder], trained)
    hits = [words for _, words in gallery.pictures if "hit" in words]
    assert {w.split("\n")[0] for w in hits} == {"1-1-20_16PCC", "2-1-20_16PCC", "3-1-20_16PCC"}
    assert sum(p.sum() for p in gallery.positive) == 6 * 2 * 26


def test_eight_bit_network_scores_as_the_float_one_or_is_not_kept(trained, patches_folder, tmp_path, monkeypatch):
    """Parity on the same pixels decides; the record beside the file says what it was."""
    from oceanclean.vision import edge

    report = edge.export_edge(patches_folder, tmp_path / "segmenter.tflite", trained)
    assert report.path is not None
    assert report.agreement > 0.97
    assert report.float_debris_iou - report.int8_debris_iou <= edge.LARGEST_LOSS
    assert json.loads((tmp_path / "segmenter.tflite.json").read_text())["pixels"] == report.pixels
    # The same network again, at a limit that nothing keeps; converted once is enough.
    monkeypatch.setattr(edge, "LARGEST_LOSS", -1.0)
    monkeypatch.setattr(edge, "to_int8", lambda *given: SimpleNamespace(bytes=shutil.copy(report.path, given[2]) and 1))
    assert edge.export_edge(patches_folder, tmp_path / "b.tflite", trained).path is None
    assert not (tmp_path / "b.tflite").exists()
