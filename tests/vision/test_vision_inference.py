"""A scene through the segmenter: gates keep their reasons, tiles leave no seam, bad input is refused in words."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from painted_scene import paint

from oceanclean.errors import InputError, MissingDataError, SettingsError
from oceanclean.products import BANDS, CLASS_ID, CLASSES, Gate, Segmentation
from oceanclean.products.files import load_table
from oceanclean.vision.features import CORE_BANDS
from oceanclean.vision.inference import decide, segment
from oceanclean.vision.settings import GateSettings, SegmenterSettings

SETTINGS = SegmenterSettings(tile=128, gates=GateSettings(shore_pixels=2))


def _raster(result: Segmentation) -> np.ndarray:
    with rasterio.open(result.raster) as source:
        return source.read()


@pytest.fixture
def painted(write_scene, tmp_path):
    """A painted scene and its segmentation without a coastline."""
    scene = write_scene(paint())
    return scene, segment(scene, tmp_path / "out", land=None, settings=SETTINGS)


def test_what_was_painted_is_found_where_it_was_painted(painted):
    """Debris, sargassum, cloud, land and open sea each come out as themselves."""
    _, result = painted
    probability, classes, gate = _raster(result)
    assert (probability[90:93, 92:148] >= 250 * result.threshold).mean() > 0.6
    assert np.isin(classes[152:168, 102:128], [CLASS_ID["dense_sargassum"], CLASS_ID["sparse_sargassum"]]).mean() > 0.8
    assert (gate[24:56, 164:206] == Gate.CLOUD).mean() > 0.95
    assert (gate[:, :36] == Gate.LAND).mean() > 0.95
    sea = (slice(100, 140), slice(60, 220))
    assert (gate[sea] == Gate.OBSERVED).mean() > 0.99
    assert (classes[sea] == CLASS_ID["marine_debris"]).mean() < 0.01


def test_gated_pixels_have_no_probability_and_no_class_but_a_reason(painted):
    """Not observed is not clean: 255, class 0, and the gate says why."""
    probability, classes, gate = _raster(painted[1])
    seen = gate == Gate.OBSERVED
    assert (probability[~seen] == 255).all()
    assert (classes[~seen] == 0).all()
    assert (probability[seen] <= 250).all()
    assert ((classes[seen] >= 1) & (classes[seen] <= len(CLASSES))).all()


def test_statistics_add_up_to_the_scene(painted):
    """Every pixel is counted once, and areas are pixels times 100 m²."""
    figures = painted[1].statistics
    assert sum(figures[f"gate_{g.name.lower()}"] for g in Gate) == figures["pixels"] == 200 * 230
    assert sum(figures[f"class_{c}"] for c in CLASSES) == figures["gate_observed"]
    assert figures["marine_debris_km2"] == pytest.approx(figures["class_marine_debris"] * 1e-4)


def test_detections_keep_their_contract_and_the_raster_s_area(painted):
    """Polygons hold exactly the pixels of their class; look-alikes are reported under their own name."""
    scene, result = painted
    table = load_table("Detections", Path(result.detections))
    assert {"marine_debris"} < set(table["class_name"])
    assert (table["source_id"] == scene.scene_id).all()
    debris = table[table["class_name"] == "marine_debris"]
    assert debris["area_m2"].sum() == pytest.approx(result.statistics["class_marine_debris"] * 100)
    metric = debris.to_crs(32616).area.sum()
    assert metric == pytest.approx(debris["area_m2"].sum(), rel=1e-3)
    assert debris["probability"].min() >= result.threshold - 1e-6
    assert (debris["cover"] > 0).all()


def test_tiles_leave_no_seam(write_scene, tmp_path):
    """Many small tiles give the same raster as one that holds the scene."""
    scene = write_scene(paint())
    small = segment(scene, tmp_path / "a", land=None, settings=SegmenterSettings(tile=64))
    whole = segment(scene, tmp_path / "b", land=None, settings=SegmenterSettings(tile=256))
    a, b = _raster(small), _raster(whole)
    assert abs(a[0].astype(int) - b[0]).max() <= 1  # rounding of float sums in another order
    assert (a[1] == b[1]).mean() > 0.9999


def test_same_input_same_files(write_scene, tmp_path):
    """Two runs differ in nothing."""
    scene = write_scene(paint())
    first, second = (segment(scene, tmp_path / n, land=None, settings=SETTINGS) for n in "ab")
    assert (_raster(first) == _raster(second)).all()
    a, b = (load_table("Detections", Path(r.detections)) for r in (first, second))
    assert a.equals(b)
    assert first.statistics == second.statistics


def test_result_is_a_cloud_optimised_geotiff_on_the_scene_s_grid(painted):
    """Same grid, uint8, tiled, with the layout that GDAL calls COG."""
    scene, result = painted
    with rasterio.open(result.raster) as raster, rasterio.open(scene.path) as source:
        assert raster.transform == source.transform
        assert raster.crs == source.crs
        assert raster.dtypes == ("uint8",) * 3
        assert raster.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
    assert Path(result.picture).read_bytes()[:4] == b"\x89PNG"
    assert Segmentation.from_json(result.to_json()) == result


def test_coastline_gates_inland_pixels_and_leaves_the_shore_to_the_colour(write_scene, tmp_path):
    """A polygon over open water gates what lies beyond its accuracy; near its edge the water has the last word."""
    image = paint()
    image[:, :, :40] = image[:, :, 60:100]  # no land in the picture
    scene = write_scene(image)
    box = gpd.GeoSeries([shapely.box(300_000, 1_698_000, 301_000, 1_700_000)], crs=32616).to_crs(4326)
    settings = SegmenterSettings(tile=128, gates=GateSettings(coast_accuracy_m=300, shore_pixels=0))
    gate = _raster(segment(scene, tmp_path / "out", land=box.iloc[0], settings=settings))[2]
    assert (gate[60:140, 30:65] == Gate.LAND).all()
    assert (gate[60:85, 75:100] == Gate.OBSERVED).all()


def test_missing_band_is_refused_by_name_and_allowed_on_request(write_scene, tmp_path):
    """Without permission the message names the bands; with it the result says that it is less certain."""
    kept = [b for b in BANDS if b in CORE_BANDS]
    scene = write_scene(paint()[[BANDS.index(b) for b in kept]], bands=kept, offset=-0.1)
    with pytest.raises(InputError, match="B1, B5, B7, B8A, B12"):
        segment(scene, tmp_path / "no", land=None, settings=SETTINGS)
    result = segment(scene, tmp_path / "yes", land=None, settings=SETTINGS, allow_missing=True)
    assert any("B8A" in sentence for sentence in result.degraded)
    probability, _, gate = _raster(result)
    # Six bands leave the network alone and less sure: two of the line's three rows fall below the shipped threshold.
    assert (probability[90:93, 92:148] >= 125).mean() > 0.6
    assert (probability[90:93, 92:148] >= 250 * result.threshold).mean() > 0.3
    assert (gate[24:56, 164:206] == Gate.CLOUD).mean() > 0.9


def test_missing_core_band_is_refused_even_on_request(write_scene, tmp_path):
    """Nothing stands in for SWIR."""
    kept = [b for b in BANDS if b != "B11"]
    scene = write_scene(paint()[[BANDS.index(b) for b in kept]], bands=kept)
    with pytest.raises(InputError, match="B11"):
        segment(scene, tmp_path / "out", land=None, settings=SETTINGS, allow_missing=True)


def test_scene_without_crs_is_refused(write_scene, tmp_path):
    """A raster that lies nowhere cannot send a boat anywhere."""
    with pytest.raises(InputError, match="crs"):
        segment(write_scene(paint(), crs=None), tmp_path / "out", land=None, settings=SETTINGS)


def test_truncated_scene_is_refused_and_leaves_nothing(write_scene, tmp_path):
    """A file that breaks off names itself; no half-written result stands."""
    scene = write_scene(paint())
    whole = Path(scene.path).read_bytes()
    Path(scene.path).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"scene\.tif"):
        segment(scene, tmp_path / "out", land=None, settings=SETTINGS)
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_scene_of_no_data_is_missing_data(write_scene, tmp_path):
    """All NaN is not an empty sea."""
    with pytest.raises(MissingDataError, match="no-data"):
        segment(write_scene(np.full((11, 80, 80), np.nan, np.float32)), tmp_path / "out", land=None, settings=SETTINGS)
    assert not list((tmp_path / "out").glob("*"))


def test_scene_of_cloud_is_a_result_that_observed_nothing(write_scene, tmp_path):
    """All cloud is a valid result with a sentence for the plan, no detection, and no clean sea."""
    from painted_scene import SPECTRA

    image = np.tile(np.float32(SPECTRA["cloud"])[:, None, None], (1, 90, 90))
    result = segment(write_scene(image), tmp_path / "out", land=None, settings=SETTINGS)
    assert result.statistics["observed_share"] == 0
    assert result.statistics["detections"] == 0
    assert any("nothing was observed" in s for s in result.degraded)


def test_scene_classification_gates_cloud_shadow_and_no_data(write_scene, tmp_path):
    """Sen2Cor's classes are used where the file has them."""
    scl = np.full((200, 230), 6, np.uint8)
    scl[120:140, 180:200] = 3
    scl[180:, :] = 0
    gate = _raster(segment(write_scene(paint(), scl=scl), tmp_path / "out", land=None, settings=SETTINGS))[2]
    assert (gate[122:138, 182:198] == Gate.CLOUD_SHADOW).all()
    assert (gate[180:] == Gate.NO_DATA).all()


def test_overlap_smaller_than_the_model_s_view_is_refused(write_scene, tmp_path):
    """It would leave seams."""
    with pytest.raises(SettingsError, match="overlap"):
        segment(write_scene(paint()), tmp_path / "out", land=None, settings=SegmenterSettings(overlap=8))


def test_raising_the_threshold_never_adds_debris():
    """The operating point is one number."""
    p = np.random.default_rng(0).dirichlet(np.ones(11), (50, 50)).astype(np.float32)
    low, high = decide(p, 0.2) == 1, decide(p, 0.4) == 1
    assert high.sum() < low.sum()
    assert not (high & ~low).any()


def test_a_called_cloud_that_is_as_dark_as_water_in_the_swir_is_not_believed():
    """Swell off a coast was called cloud: a cloud, thin as it may be, reflects in the SWIR and water does not."""
    from oceanclean.vision.gates import gate_window

    image = np.full((40, 40, len(BANDS)), 0.02, np.float32)
    image[5:15, 5:15, BANDS.index("B11")] = 0.04
    classes = np.full((40, 40), CLASS_ID["marine_water"], np.uint8)
    classes[5:15, 5:15] = classes[25:35, 25:35] = CLASS_ID["cloud"]
    settings = GateSettings(cloud_swir_excess=0.01, cloud_margin=0)
    gate = gate_window(image, np.ones((40, 40), bool), classes, settings, dark_swir=0.015)
    assert (gate[5:15, 5:15] == Gate.CLOUD).all()
    assert (gate[25:35, 25:35] == Gate.OBSERVED).all()


def test_debris_called_beside_a_ship_is_not_believed_and_the_ship_keeps_its_name():
    """Compact and bright in B11 and B12: calls of debris on its rim are gated; a wide bright area is no ship."""
    from oceanclean.vision.gates import gate_window

    image = paint(height=120, width=160).transpose(1, 2, 0)[:, 45:].copy()
    image[40:43, 20:32] = [0.058, 0.091, 0.093, 0.1, 0.082, 0.081, 0.09, 0.088, 0.095, 0.065 + 0.02, 0.039 + 0.01]
    image[70:110, 60:100, BANDS.index("B11")] = 0.09
    classes = np.full(image.shape[:2], CLASS_ID["marine_water"], np.uint8)
    classes[40:43, 20:32] = CLASS_ID["ship"]
    classes[43, 20:32] = classes[60, 20:32] = classes[90, 70:80] = CLASS_ID["marine_debris"]
    gate = gate_window(image, np.ones(classes.shape, bool), classes, GateSettings())
    assert (gate[43, 20:32] == Gate.SHIP).all()
    assert (gate[40:43, 20:32] == Gate.OBSERVED).all()
    assert (gate[60, 20:32] == Gate.OBSERVED).all()
    assert not (gate == Gate.SHIP)[60:].any()
