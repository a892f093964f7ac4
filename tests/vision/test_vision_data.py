"""Readers of labelled patches."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BANDS, CLASS_ID
from oceanclean.vision.data import band_order, find_patches, merge_classes, read_image, read_labels


def test_water_look_alikes_join_marine_water_and_unlabelled_stays_unlabelled():
    """Classes 12–15 become 7; 0 is ignored, never water."""
    merged = merge_classes(np.arange(16), "x")
    assert merged.tolist() == [*range(12), 7, 7, 7, 7]
    assert CLASS_ID["marine_water"] == 7


def test_unknown_class_number_is_refused():
    """A label outside MARIDA's range is a mistake of the file."""
    with pytest.raises(InputError, match="0 to 15"):
        merge_classes(np.array([16]), "x")


def test_bands_are_found_by_name_not_by_place():
    """A file with another band order is read in ours; one without a band is refused by name."""
    names = [*reversed(BANDS)]
    assert band_order(names, "x") == list(range(11, 0, -1))
    assert band_order([n.replace("B", "B0") if len(n) == 2 else n for n in BANDS], "x") == list(range(1, 12))
    with pytest.raises(InputError, match="B8A"):
        band_order([b for b in BANDS if b != "B8A"], "x")


def test_scene_of_a_patch_comes_from_its_name(tmp_path):
    """Patches of one date and tile form a group, so that no split crosses it."""
    folder = tmp_path / "patches"
    folder.mkdir()
    for name in ("S2_1-2-19_16PCC_0", "S2_1-2-19_16PCC_11", "S2_1-2-19_48PZC_0"):
        for suffix, count, dtype in (("", 11, "float32"), ("_cl", 1, "uint8")):
            with rasterio.open(folder / f"{name}{suffix}.tif", "w", driver="GTiff", width=8, height=8, count=count,
                               dtype=dtype) as file:  # fmt: skip
                file.write(np.ones((count, 8, 8), dtype))
    patches = find_patches(tmp_path)
    assert [p.scene for p in patches] == ["1-2-19_16PCC", "1-2-19_16PCC", "1-2-19_48PZC"]
    assert read_image(patches[0]).shape == (8, 8, 11)
    assert (read_labels(patches[0]) == 1).all()
    with pytest.raises(InputError, match="twice"):
        find_patches([tmp_path, tmp_path])


def test_folder_without_patches_is_missing_data(tmp_path):
    """An empty folder is named, with what was expected in it."""
    with pytest.raises(MissingDataError, match="MARIDA"):
        find_patches(tmp_path)


@pytest.mark.real
def test_every_scene_of_the_real_set_is_read(real_data):
    """The ten scenes of MARIDA that are here are found, and their debris pixels counted."""
    patches = find_patches(real_data("marida"))
    assert len(patches) == 222
    assert len({p.scene for p in patches}) == 10
    assert sum(int((read_labels(p) == 1).sum()) for p in patches) == 233
