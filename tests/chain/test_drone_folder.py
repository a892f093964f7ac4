"""A folder of drone images as a source: orthomosaics and frames become sightings, a bad one keeps nobody out."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from oceanclean import chain
from oceanclean.errors import SettingsError
from oceanclean.products.files import load_table
from oceanclean.region import load_region
from oceanclean.settings import load_sources_settings
from oceanclean.sources import read_sightings
from tests.chain.conftest import change_yaml

NOW = datetime(2026, 6, 15, 11, tzinfo=UTC)


def litter(edge: int = 256) -> np.ndarray:
    """(y, x, 3) water with bright things on it."""
    picture = np.full((edge, edge, 3), (22, 58, 74), np.uint8)
    picture += np.random.default_rng(3).integers(0, 8, picture.shape, dtype=np.uint8)
    for x, y, size in ((40, 60, 14), (120, 150, 22), (200, 90, 18)):
        picture[y : y + size, x : x + size] = (235, 232, 225)
    return picture


@pytest.fixture
def place(small_config: Path, tmp_path: Path) -> Path:
    """A configuration whose sightings come from a drone folder with an orthomosaic, a frame and a broken file."""
    shutil.copytree(small_config, tmp_path / "config")
    drone = tmp_path / "drone"
    drone.mkdir()
    picture = litter()
    with rasterio.open(
        drone / "bay_20260615T093000Z.tif", "w", driver="GTiff", width=256, height=256, count=3, dtype="uint8",
        crs="EPSG:32616", transform=from_origin(478_000, 1_775_000, 0.1, 0.1),
    ) as target:  # fmt: skip
        target.write(np.moveaxis(picture, -1, 0))
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({37386: 8.8, 41989: 24})
    exif.get_ifd(0x8825).update({
        1: "N", 2: (16.0, 3.0, 0.0), 3: "W", 4: (87.0, 12.0, 0.0), 5: b"\x00", 6: 60.0,
        7: (9.0, 30.0, 0.0), 29: "2026:06:15",
    })  # fmt: skip
    Image.fromarray(picture).save(drone / "frame.jpg", exif=exif, quality=95)
    (drone / "broken.tif").write_bytes(b"II*\x00")
    came = pd.Timestamp("2026-06-15T10:00Z").timestamp()
    for path in drone.iterdir():
        os.utime(path, (came, came))
    fetching = {"service": "drone_folder", "options": {"folder": str(drone), "settle_s": 0,
                "camera": {"yaw_deg": 0, "pitch_deg": -90}}}  # fmt: skip
    source = {"kind": "detections", "path": "${OCEANCLEAN_WORK}/drone/*.parquet", "licence": "own", "fetch": fetching}
    change_yaml(tmp_path / "config" / "sources" / "cove.yaml", lambda c: c.update(sightings=[source]))
    change_yaml(tmp_path / "config" / "models" / "detector.yaml", lambda c: c.update(threshold=0.02))
    return tmp_path


def test_drone_images_become_sightings(place: Path) -> None:
    """Good images are searched and lie where their files say, the broken one is named, a second fetch keeps all."""
    config, work = place / "config", place / "work"
    now = datetime.now(UTC)
    (outcome,) = chain.fetch("cove", now=now, work=work, config=config, roles=("sightings",))
    assert (outcome.new, outcome.outcome) == (2, "partial"), outcome
    assert any("broken.tif" in sentence for sentence in outcome.sentences)
    tables = {p.stem.split("-")[0]: load_table("Detections", p) for p in (work / "drone").glob("*.parquet")}
    mosaic, frame = tables["bay_20260615T093000Z"], tables["frame"]
    assert len(mosaic)
    assert len(frame)
    assert mosaic.geometry.representative_point().x.between(-87.21, -87.20).all()
    assert np.abs(frame.geometry.representative_point().x + 87.2).max() < 0.001
    assert np.abs(frame.geometry.representative_point().y - 16.05).max() < 0.001
    assert (mosaic["observed_at"] == pd.Timestamp("2026-06-15T09:30Z")).all()
    assert (mosaic["available_at"] >= pd.Timestamp(now).floor("D") - pd.Timedelta(days=1)).all()
    (again,) = chain.fetch("cove", now=datetime.now(UTC), work=work, config=config, roles=("sightings",))
    assert (again.new, again.kept) == (0, 2)
    region, wanted = load_region("cove", config), load_sources_settings("cove", config)
    later = (now + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:00Z")  # the images came now
    read, _ = read_sightings(region, wanted.sightings, issue_time=later, history_h=24 * 4000, work=work)
    assert set(read["sensor"]) == set(pd.concat(tables.values())["sensor"])
    early, _ = read_sightings(region, wanted.sightings, issue_time="2026-06-15T09:45:00Z", history_h=48, work=work)
    assert not len(early)


def test_a_wrong_camera_is_refused_by_name(place: Path) -> None:
    change_yaml(place / "config" / "sources" / "cove.yaml",
                lambda c: c["sightings"][0]["fetch"]["options"].update(camera="high"))  # fmt: skip
    with pytest.raises(SettingsError, match="camera"):
        chain.fetch("cove", now=NOW, work=place / "work", config=place / "config", roles=("sightings",))
