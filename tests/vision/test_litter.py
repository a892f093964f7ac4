"""The litter segmenter: readers, splits, scores by definition, a run from folder to figures."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision.augmentation import IGNORE
from oceanclean.vision.fitting import FitSettings
from oceanclean.vision.litter.data import LITTER_CLASSES, MaskSet, read_mask_sets, split_groups
from oceanclean.vision.litter.evaluation import evaluate_litter_segmenter, figures, litter_table, score_image
from oceanclean.vision.litter.segmenter import LitterSegmenter, prepare, restore, segment_images
from oceanclean.vision.litter.settings import LitterSettings, ScaleSettings
from oceanclean.vision.litter.training import train_litter_segmenter

LITTER = MaskSet("litter", LITTER_CLASSES, tuple(range(1, 6)))


def write_photos(folder, count=6, ids=None, suffix=".jpg"):
    """Photos of one bright square each, whose mask it is."""
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rows = []
    for k in range(count):
        shape = (70, 90) if k % 2 else (96, 64)
        mask = np.zeros(shape, np.uint8)
        y, x = (int(v) for v in rng.integers(4, 30, 2))
        mask[y : y + 24, x : x + 24] = 1 + k % 3
        image = rng.integers(20, 90, (*shape, 3)).astype(np.uint8)
        image[mask > 0] = 230
        Image.fromarray(image).save(folder / "images" / f"{k:03d}{suffix}")
        Image.fromarray(mask).save(folder / "masks" / f"{k:03d}.png")
        rows.append({"image": f"{k:03d}{suffix}", "mask": f"{k:03d}.png", "taco_image_id": (ids or range(count))[k]})
    with (folder / "masks_index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def quick(**changes):
    scale = {"litter": ScaleSettings(side=64, crop=48)}
    loop = FitSettings(epochs=2, steps=2, batch=2)
    return LitterSettings(network="unet", width=0.0625, scales=scale, fit=loop, folds=2, **changes)


def test_photos_taken_one_after_another_are_one_group(tmp_path):
    data = read_mask_sets(write_photos(tmp_path, 6, ids=[10, 11, 12, 20, 30, 31]))
    groups = [i.group for i in data.images]
    assert groups[0] == groups[1] == groups[2]
    assert groups[4] == groups[5]
    assert len(set(groups)) == 3
    for test in split_groups(groups, 3, np.random.default_rng(0)):
        inside = {groups[i] for i in test}
        assert not inside & {g for i, g in enumerate(groups) if i not in test}


def test_drone_frames_name_their_own_classes_and_odd_files_are_passed_over(tmp_path):
    write_photos(tmp_path)
    (tmp_path / "classes.txt").write_text("0 unlabeled (0, 0, 0)\n1 grass (0, 1, 0)\n2 car (1, 0, 0)\n3 conflicting\n")
    (tmp_path / "masks" / "of_no_image.png").write_bytes((tmp_path / "masks" / "000.png").read_bytes())
    data = read_mask_sets(tmp_path)
    assert (data.kind, data.classes, data.foreground) == ("drone", ("unlabeled", "grass", "car", "conflicting"), (1, 2))
    assert len(data.images) == 6


def test_errors_name_file_and_way_out(tmp_path):
    with pytest.raises(MissingDataError, match="AquaTrash"):
        read_mask_sets(tmp_path)
    data = read_mask_sets(write_photos(tmp_path / "a"))
    with pytest.raises(InputError, match="twice"):
        read_mask_sets([tmp_path / "a", tmp_path / "a"])
    Image.fromarray(np.full((96, 64), 9, np.uint8)).save(data.images[0].mask)
    with pytest.raises(InputError, match=r"000\.png.*found 9.*0 to 6"):
        data.mask(data.images[0])
    data.images[1].image.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"001\.jpg"):
        data.pixels(data.images[1])
    with pytest.raises(InputError, match="groups"):
        split_groups(["a", "a"], 2, np.random.default_rng(0))


def test_scores_are_what_their_names_say():
    truth = np.zeros((10, 10), np.uint8)
    truth[:4, :5] = 1  # 20 px of plastic
    truth[9] = IGNORE
    guess = np.zeros_like(truth)
    guess[:4, :3] = 1  # 12 px right
    guess[6, :4] = 2  # 4 px of metal where there is nothing
    got = figures([score_image(truth, guess, LITTER)], LITTER)
    background = 66 / 78
    assert got["plastic_iou"] == got["miou_foreground"] == pytest.approx(12 / 20)
    assert got["miou_all"] == got["per_image_iou"] == pytest.approx((12 / 20 + background) / 2)
    assert got["per_image_iou_strict"] == pytest.approx((12 / 20 + background + 0) / 3)
    assert got["litter_iou"] == pytest.approx(12 / 24)
    assert got["litter_precision"] == pytest.approx(12 / 16)
    assert got["pixel_accuracy"] == pytest.approx((12 + 66) / 90)
    assert got["object_recall_0_to_16_px"] == 1.0


def test_an_object_counts_as_found_from_half_of_its_pixels():
    truth = np.zeros((40, 40), np.uint8)
    truth[:20, :20], truth[30:34, 30:34] = 1, 3
    guess = np.where(truth == 1, 4, 0).astype(np.uint8)
    guess[:11, :20] = 0
    got = figures([score_image(truth, guess, LITTER)], LITTER)
    assert got["object_recall"] == 0.0
    guess[30:34, 30:32] = 1
    got = figures([score_image(truth, guess, LITTER)], LITTER)
    assert (got["object_recall_0_to_16_px"], got["object_recall_16_to_32_px"]) == (1.0, 0.0)


def test_an_image_comes_back_from_its_square_at_its_own_size():
    image = np.zeros((50, 80, 3), np.float32)
    image[10:30, 20:60] = 200.0
    square, _ = prepare(image, 64)
    assert square.shape == (64, 64, 3)
    assert (square[41:] == 127.5).all()
    (out,) = segment_images([image], lambda batch: batch, 64, 127.5, batch=2)
    assert out.shape == image.shape
    assert ((out[..., 0] > 100) == (image[..., 0] > 100)).mean() > 0.97
    _, place = prepare(np.full((4, 4, 1), np.nan), 4, 3.0)
    assert restore(np.ones((4, 4, 2), np.float32), place.__class__((4, 4), (4, 4))).shape == (4, 4, 2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder of photos, and the model trained on them in two times two steps."""
    root = tmp_path_factory.mktemp("litter")
    folder = write_photos(root / "data")
    return folder, train_litter_segmenter(folder, root / "out", settings=quick())


def test_from_folder_to_model_to_figures(trained):
    folder, path = trained
    segmenter = LitterSegmenter(path.parent)
    assert segmenter.card["trained_on"] == [f"{k:03d}.jpg" for k in range(6)]
    assert segmenter.segment(np.zeros((30, 77, 3), np.uint8)).shape == (30, 77)
    record = evaluate_litter_segmenter(folder, path)
    assert record["seen_in_training"] == record["images"] == 6
    for key in ("miou_foreground", "miou_all", "pixel_accuracy", "per_image_iou"):
        assert record[f"{key}_low"] <= record[key] <= record[f"{key}_high"]
    assert "were in the training" in litter_table(record)
    with pytest.raises(InputError, match="protocol"):
        evaluate_litter_segmenter(folder, path, "random")


def test_the_train_command_passes_on_what_it_was_told(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from oceanclean.cli.train import app
    from oceanclean.vision.litter import training

    told = {}

    def train(data, out, model, settings, **more):
        told.update(data=data, out=out, model=model, settings=settings, **more)
        return out / "litter-segmenter.keras"

    monkeypatch.setattr(training, "train_litter_segmenter", train)
    done = CliRunner().invoke(
        app, ["litter-segmenter", "--data", "a", "--data", "b", "--model", "enet", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    assert "litter-segmenter.keras" in done.output
    assert [p.name for p in told["data"]] == ["a", "b"]
    assert (told["out"], told["model"], told["weights"]) == (tmp_path, "enet", None)
    assert told["settings"] == LitterSettings.model_validate(told["settings"].model_dump())


def test_the_evaluate_command_writes_flat_figures(trained, tmp_path):
    import json

    from typer.testing import CliRunner

    from oceanclean.cli.evaluate import app

    folder, path = trained
    figures_file = tmp_path / "figures.json"
    done = CliRunner().invoke(
        app, ["litter-segmenter", "--data", str(folder), "--model", str(path), "--json", str(figures_file)]
    )
    assert done.exit_code == 0, done.output
    record = json.loads(figures_file.read_text())
    for key in ("miou_foreground", "miou_all", "pixel_accuracy", "per_image_iou"):
        assert {key, f"{key}_low", f"{key}_high"} <= set(record)
    assert record["images"] == 6
    assert "NaN" not in figures_file.read_text()


def test_an_int8_model_is_kept_only_where_it_scores_as_its_float_model(trained, monkeypatch):
    from oceanclean.vision.litter import edge

    folder, path = trained
    monkeypatch.setattr(edge, "LARGEST_LOSS", 1.0)
    report = edge.export_edge(path, folder)
    assert report.path is not None
    assert report.bytes == report.path.stat().st_size
    assert report.path.with_suffix(".tflite.json").is_file()
    monkeypatch.setattr(edge, "LARGEST_LOSS", -1.0)
    report = edge.export_edge(path, folder)
    assert report.path is None
    assert not path.with_suffix(".tflite").exists()


def test_grouped_folds_score_every_image_by_a_model_that_never_saw_it(tmp_path, monkeypatch):
    from oceanclean.vision.litter import evaluation, training

    folder = write_photos(tmp_path / "data", 6, ids=[1, 2, 10, 11, 20, 21])
    seen, real = [], training.fit_segmenter

    def spy(loaded, *rest, **more):
        seen.append({i.group for i in loaded.data.images})
        return real(loaded, *rest, **more)

    monkeypatch.setattr(training, "fit_segmenter", spy)
    record = evaluation.evaluate_litter_segmenter(folder, protocol="grouped-folds", settings=quick())
    assert record["images"] == 6
    assert record["seen_in_training"] == 0
    assert len(seen) == 2
    assert len(seen[0]) < 3
    assert seen[0] | seen[1] == {"000", "002", "004"}


@pytest.mark.real
def test_the_real_sets_are_read_whole(real_data):
    litter = read_mask_sets(real_data("aquatrash"))
    assert litter.kind == "litter"
    assert {int(v) for i in litter.images[:20] for v in np.unique(litter.mask(i))} <= set(range(7))
    drone = read_mask_sets(real_data("semantic_drone80"))
    assert len(drone.classes) == 24
    assert drone.pixels(drone.images[0]).shape == (*drone.mask(drone.images[0]).shape, 3)
