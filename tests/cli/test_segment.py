"""``oceanclean segment``: a good scene leaves three files, a bad one a clear sentence and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import from_origin
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.errors import InputError, MissingDataError, OceancleanError
from oceanclean.products import BANDS

SPECTRA = yaml.safe_load((Path(__file__).parents[2] / "config" / "models" / "twin.yaml").read_text())["scene"][
    "spectra"
]
#: Far from any coast, north of Honduras.
PLACE = {"crs": "EPSG:32616", "transform": from_origin(480_000, 1_830_000, 10, 10)}


def sea(bands: tuple[str, ...] = BANDS, of: str = "marine_water", size: int = 120) -> np.ndarray:
    """(band, y, x) digital numbers of a calm sea with a little noise."""
    rng = np.random.default_rng(3)
    level = np.array([SPECTRA[of][b] for b in bands])[:, None, None]
    return np.clip(rng.normal(level, 0.0008, (len(bands), size, size)) * 1e4, 1, None).astype("uint16")


def write(path: Path, numbers: np.ndarray, bands: tuple[str, ...] = BANDS, **changes) -> Path:
    """A GeoTIFF as a user might have it."""
    profile = {
        "driver": "GTiff", "dtype": numbers.dtype, "count": len(numbers), "height": numbers.shape[1],
        "width": numbers.shape[2], "nodata": 0, "tiled": True, "blockxsize": 64, "blockysize": 64, **PLACE, **changes,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(numbers)
        target.descriptions = bands
        target.scales = [1e-4] * len(numbers)
        target.update_tags(acquired="2026-06-14T16:32:00Z", radiometry="rhorc", platform="Sentinel-2A")
    return path


def segment(path: Path, out: Path, *options: str) -> dict:
    """Run the command in this process; its JSON, or the error it raised."""
    done = CliRunner().invoke(app, ["segment", str(path), "--out", str(out), "--json", *options])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout[done.stdout.index("{") :])


def test_a_patch_of_debris_on_calm_water_is_found_where_it_lies(tmp_path: Path) -> None:
    """A filament with the published debris spectrum becomes a polygon at its place; the sea around it is observed."""
    numbers = sea()
    numbers[:, 58:60, 40:80] = sea(of="marine_debris", size=80)[:, :2, :40]
    result = segment(write(tmp_path / "a.tif", numbers), tmp_path / "out")
    found = gpd.read_parquet(result["detections"])
    debris = found[found["class_name"] == "marine_debris"].to_crs(PLACE["crs"])
    assert 0.25 < debris["area_m2"].sum() / (2 * 40 * 100) < 1.5
    assert debris.union_all().centroid.distance(gpd.points_from_xy([480_600], [1_829_400])[0]) < 100
    with rasterio.open(result["raster"]) as raster:
        assert raster.count == 3
        assert (raster.read(3) == 0).mean() > 0.95
    assert Path(result["picture"]).stat().st_size > 1000


def test_bands_in_another_order_give_the_same_result(tmp_path: Path) -> None:
    """Bands are found by their names, not by their position."""
    numbers = sea()
    numbers[:, 58:62, 40:80] = sea(of="marine_debris", size=80)[:, :4, :40]
    turned = tuple(reversed(BANDS))
    straight = segment(write(tmp_path / "a.tif", numbers), tmp_path / "a")
    mirrored = segment(write(tmp_path / "b.tif", numbers[::-1], turned), tmp_path / "b")
    with rasterio.open(straight["raster"]) as one, rasterio.open(mirrored["raster"]) as other:
        np.testing.assert_array_equal(one.read(), other.read())


def _truncated(path: Path) -> Path:
    write(path, sea(size=600))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


BAD: dict[str, tuple[Callable[[Path], Path], type[OceancleanError], str]] = {
    "missing band": (lambda p: write(p, sea(BANDS[:7]), BANDS[:7]), InputError, "B8"),
    "bands without names": (lambda p: write(p, sea(BANDS[:7]), (None,) * 7), InputError, "band"),
    "no crs": (lambda p: write(p, sea(), crs=None), InputError, "crs"),
    "no data at all": (lambda p: write(p, np.zeros((11, 120, 120), "uint16")), MissingDataError, "no"),
    "all nan": (lambda p: write(p, np.full((11, 120, 120), np.nan, "float32"), nodata=np.nan), MissingDataError, "no"),
    "truncated": (_truncated, InputError, "truncated"),
    "text": (lambda p: (p.write_text("not a picture"), p)[1], InputError, "a.tif"),
    "unscaled": (lambda p: write(p, sea() * 60), InputError, "scale"),
}


@pytest.mark.parametrize(("make", "error", "word"), BAD.values(), ids=BAD.keys())
def test_a_bad_scene_is_named_and_nothing_is_left(tmp_path: Path, make, error, word: str) -> None:
    """The error names the file and the fault, has its exit status, and no folder stands half-written."""
    path = make(tmp_path / "a.tif")
    with pytest.raises(error) as caught:
        segment(path, tmp_path / "out")
    assert "a.tif" in str(caught.value)
    assert word.lower() in str(caught.value).lower()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif"]


def test_a_clouded_scene_is_a_result_that_says_so(tmp_path: Path) -> None:
    """Cloud from edge to edge: nothing observed, a sentence for the plan, no debris; not a clean sea."""
    numbers = np.full((11, 240, 240), 6500, "uint16") + sea(size=240)
    result = segment(write(tmp_path / "a.tif", numbers), tmp_path / "out")
    assert result["degraded"]
    with rasterio.open(result["raster"]) as raster:
        assert (raster.read(3) == 0).mean() < 0.05
        assert (raster.read(1) == 255).mean() > 0.95


def test_fewer_bands_are_accepted_when_asked_for(tmp_path: Path) -> None:
    """With --reduced-bands the six bands of a small download are enough, and the result says what was missing."""
    some = ("B2", "B3", "B4", "B6", "B8", "B11")
    path = write(tmp_path / "a.tif", sea(some), some)
    result = segment(path, tmp_path / "out", "--reduced-bands")
    assert any("B12" in sentence for sentence in result["degraded"])


@pytest.mark.real
def test_the_real_scene_of_accra_shows_a_filament_not_a_flood(real_data, tmp_path: Path) -> None:
    """31 October 2018: floating matter along the river front, over a small share of the sea."""
    folder = real_data("accra_20181031_l2a")
    result = segment(
        next(folder.glob("*.tif")), tmp_path / "out", "--radiometry", "l2a", "--acquired", "2018-10-31T10:20:00Z"
    )
    found = gpd.read_parquet(result["detections"])
    floating = found[
        found["class_name"].isin(["marine_debris", "dense_sargassum", "sparse_sargassum", "natural_organic"])
    ]
    share = floating["area_m2"].sum() / 1e6 / result["statistics"]["observed_km2"]
    assert 1e-5 < share < 0.05


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path: Path) -> None:
    """Results are never written over a folder that is not an earlier result."""
    path = write(tmp_path / "a.tif", sea())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("three years of work")
    with pytest.raises(InputError, match="output folder"):
        segment(path, tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "three years of work"
