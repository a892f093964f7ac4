"""Audit of photo folders, and the split that it guards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision.audit import AuditSettings, audit_folders, require_grouped, unite, write_manifest
from oceanclean.vision.photos.settings import load_photo_settings
from oceanclean.vision.photos.training import gather, given_split, grouped_split
from tests.vision.photo_factory import write_set


@pytest.fixture
def messy(tmp_path):
    """Ten unlike photos; one copied, one re-compressed under another label, one mirrored."""
    folder = write_set(tmp_path / "set", 2)
    first = folder / "paper" / "paper0.jpg"
    (folder / "paper" / "copy.jpg").write_bytes(first.read_bytes())
    Image.open(folder / "glass" / "glass0.jpg").resize((80, 80)).save(folder / "plastic" / "other.jpg", quality=60)
    Image.open(folder / "trash" / "trash0.jpg").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        folder / "trash" / "mirror.jpg", quality=95
    )
    return folder


def test_a_copy_a_recompression_and_a_mirror_image_join_their_group(messy):
    audit = audit_folders([messy])
    group = dict(zip(audit.manifest["file"], audit.groups, strict=True))
    assert group["paper/paper0.jpg"] == group["paper/copy.jpg"]
    assert group["glass/glass0.jpg"] == group["plastic/other.jpg"]
    assert group["trash/trash0.jpg"] == group["trash/mirror.jpg"]
    assert audit.summary()["groups"] == 10


def test_one_thing_under_two_labels_is_a_conflict(messy):
    conflicts = audit_folders([messy]).conflicts()
    assert set(conflicts["file"]) == {"glass/glass0.jpg", "plastic/other.jpg"}


def test_groups_that_came_with_the_data_are_kept_and_a_crossed_split_is_said(tmp_path):
    folder = write_set(tmp_path / "set", 2, labels=("paper", "glass"))
    files = ["paper/paper0.jpg", "paper/paper1.jpg", "glass/glass0.jpg", "glass/glass1.jpg"]
    pd.DataFrame({"file": files, "label": ["paper", "paper", "glass", "glass"],
                  "split": ["train", "test", "train", "test"], "dup_group": ["7", "7", "8", "9"]}).to_csv(
        folder / "index.csv", index=False)  # fmt: skip
    audit = audit_folders([folder])
    assert audit.groups.tolist() == [0, 0, 1, 2]
    assert set(audit.leaks()["file"]) == set(files[:2])


def test_a_chain_of_pairs_is_one_group():
    assert unite(5, np.array([0, 3]), np.array([3, 4])).tolist() == [0, 1, 2, 0, 0]


def test_training_refuses_a_split_that_a_group_crosses(messy, tmp_path):
    material = gather([messy], load_photo_settings("classifier"), tmp_path / "out")
    manifest = pd.read_csv(tmp_path / "out" / "manifest.csv", keep_default_na=False)
    manifest["split"] = ["validation" if "copy" in f else "train" for f in manifest["file"]]
    path = tmp_path / "split.csv"
    manifest.to_csv(path, index=False)
    with pytest.raises(InputError, match="more than one side"):
        given_split(material, path)
    manifest["split"] = np.where(manifest["group"] == manifest["group"].iloc[0], "validation", "train")
    manifest.to_csv(path, index=False)
    train, held = given_split(material, path)
    assert len(train) + len(held) == len(manifest)


def test_no_fold_is_crossed_by_a_group(messy):
    material = gather([messy], load_photo_settings("classifier"))
    for train, held in grouped_split(material, 2, seed=1):
        assert not set(material.groups[train]) & set(material.groups[held])
        require_grouped(material.groups.tolist(),
                        ["a" if i in set(train) else "b" for i in range(len(material.groups))], "fold")  # fmt: skip


def test_the_manifest_names_every_photo_once(messy, tmp_path):
    table = pd.read_csv(write_manifest(audit_folders([messy]), tmp_path / "m.csv"))
    assert len(table) == 13
    assert not table["file"].duplicated().any()


def test_an_index_may_not_point_out_of_its_folder(tmp_path):
    folder = write_set(tmp_path / "set", 1, labels=("paper",))
    write_set(tmp_path / "else", 1, labels=("glass",))
    (folder / "index.csv").write_text("file,label\n../else/glass/glass0.jpg,glass\n")
    with pytest.raises(InputError, match="within the folder"):
        audit_folders([folder])


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(MissingDataError, match="no photo"):
        audit_folders([tmp_path])


@pytest.mark.real
def test_the_street_set_leaks_as_its_card_says(real_data):
    audit = audit_folders([real_data("street_cleanliness")], AuditSettings())
    table = audit.manifest
    given = pd.read_csv(real_data("street_cleanliness") / "index.csv", dtype=str)
    ours = dict(zip(table["file"], table["group"], strict=True))
    for _, rows in given.groupby("dup_group"):
        assert len({ours[f] for f in rows["file"]}) == 1
    assert audit.summary()["groups_across_the_given_split"] > 20
