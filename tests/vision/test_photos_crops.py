"""Things and places cut out of a litter set."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from oceanclean.vision.photos.crops import MEDIUM_SHARE, grade_of, places, things
from oceanclean.vision.photos.sets import pixels_of, read_photos


@pytest.fixture
def litter(tmp_path):
    """A photo of grass with a can (boxed), food waste (masked) and a speck too small to tell."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[:] = (40, 140, 40)
    photo[20:80, 200:260] = (200, 200, 210)
    photo[120:170, 20:90] = (150, 90, 30)
    mask = np.zeros((200, 300), np.uint8)
    mask[20:80, 200:260], mask[120:170, 20:90], mask[5:9, 5:9] = 2, 5, 6
    Image.fromarray(photo).save(tmp_path / "images" / "a.jpg", quality=95)
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    row = {"image": "a.jpg", "width": 300, "height": 200, "x_min": 200, "y_min": 20, "x_max": 260, "y_max": 80}
    pd.DataFrame([row | {"label": "metal"}, row | {"image": "gone.jpg", "label": "glass"}]).to_csv(
        tmp_path / "boxes.csv", index=False
    )
    return tmp_path


def test_things_come_from_boxes_and_masks_and_plants_beside_the_litter(litter):
    found = things(litter)
    assert [p.label for p in found] == ["metal", "biodegradable", "biodegradable"]
    can, waste, plants = pixels_of(found, 64)
    assert np.abs(can[32, 32].astype(int) - (200, 200, 210)).max() < 12
    assert np.abs(waste[32, 32].astype(int) - (150, 90, 30)).max() < 20
    assert (plants[..., 1] > plants[..., 0] + 60).all()


def test_places_are_graded_by_the_share_of_litter_in_them(litter):
    for photo in places(litter, seed=3, each=12):
        mask = np.asarray(Image.open(litter / "masks" / "a.png"))
        left, top, right, bottom = (round(v) for v in photo.box)
        share = (mask[top:bottom, left:right] > 0).mean()
        assert photo.label == ("clean" if share == 0 else "medium" if share <= MEDIUM_SHARE else "litter")
    assert grade_of(np.zeros((4, 4), np.uint8)) == "clean"


def test_the_task_decides_what_a_litter_set_gives(litter):
    assert {p.label for p in read_photos([litter], "classifier")} == {"metal", "biodegradable"}
    assert {p.label for p in read_photos([litter], "cleanliness")} <= {"clean", "medium", "litter"}
    assert [p.file for p in read_photos([litter])] == ["images/a.jpg"]
