"""Scenes of the twin: band blocks, spectra and mixing as in the published patches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from oceanclean.products.names import BAND_RESOLUTION_M, BANDS, CLASS_ID
from oceanclean.twin import scene
from oceanclean.twin.debris import make_debris
from oceanclean.twin.paint import Cover, cover_of


@pytest.fixture(scope="module")
def scene_path(twin):
    return f"{twin['out']}/{twin['paths']['scenes'][0]}"


@pytest.fixture(scope="module")
def pixels(scene_path):
    with rasterio.open(scene_path) as file:
        return file.read()


@pytest.fixture(scope="module")
def truth(scene_path):
    with rasterio.open(scene_path.replace("/seen/", "/truth/")) as file:
        return file.read()


@pytest.fixture
def flat(settings):
    """A flat calm of pure marine water, 120 × 120 pixels, on which a test lays what it wants."""
    n = 120
    frame = scene.Frame("EPSG:32616", 400_020.0, 1_779_960.0, n)
    quiet = settings.scene.model_copy(update={"noise": dict.fromkeys(BANDS, 0.0), "size_px": n})
    layers = scene.Layers(
        frame=frame, swell=np.zeros((n, n), np.float32), slow=np.zeros((5, 20, 20), np.float32),
        clouds=np.zeros((3, 40, 40), np.float32), land=np.zeros((n, n), bool), ground=np.zeros((20, 20), np.float32),
        covers=(), nodata=np.full(n, n),
    )  # fmt: skip
    return layers, quiet


def one_pixel(layers, row, column, share):
    pixel = np.array([row * layers.frame.size + column])
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    return replace(layers, covers=(Cover("marine_debris", pixel, one * share, one, zero),))


def rendered(layers, quiet):
    return scene.render_strip(layers, slice(0, 120), quiet, np.random.default_rng(0)) * 1e-4


def test_bands_of_20_and_60_m_are_exact_blocks(pixels):
    """2 × 2 and 6 × 6 blocks hold one number each, on an even grid; 10 m bands do not."""
    for index, band in enumerate(BANDS):
        factor = BAND_RESOLUTION_M[band] // 10
        data = pixels[index].astype(int)
        whole = (data > 0).reshape(100, 6, 100, 6).all(axis=(1, 3)).repeat(6, 0).repeat(6, 1)
        first = data[::factor, ::factor].repeat(factor, 0).repeat(factor, 1)
        assert (data[whole] == first[whole]).all()
    fine = pixels[BANDS.index("B8")].astype(int)
    assert (fine[::2, ::2] != fine[1::2, 1::2])[fine[::2, ::2] > 0].mean() > 0.9


def test_file_is_what_the_reader_of_real_scenes_expects(scene_path):
    """Eleven named uint16 bands, scale 1e-4, nodata 0, UTM, tiles; tags that say only what a real file says."""
    with rasterio.open(scene_path) as file:
        assert file.descriptions == BANDS
        assert set(file.dtypes) == {"uint16"}
        assert set(file.scales) == {1e-4}
        assert set(file.offsets) == {0.0}
        assert file.nodata == 0
        assert file.crs.to_epsg() == 32616
        assert file.profile["tiled"]
        assert file.transform.c % 60 == file.transform.f % 60 == 0
        tags = {k: v for k, v in file.tags().items() if k != "AREA_OR_POINT"}
    assert tags == {"acquired": "2026-06-14T16:32:00Z", "available_at": "2026-06-14T20:32:00Z",
                    "platform": "Sentinel-2A", "radiometry": "rhorc"}  # fmt: skip


def test_calm_water_has_the_published_spectrum(flat):
    """Clear water without noise, swell or colour is the published median to the digit, in every pixel."""
    layers, quiet = flat
    image = rendered(layers, quiet)
    for index, band in enumerate(BANDS):
        assert np.ptp(image[index]) == 0
        assert image[index, 0, 0] == pytest.approx(quiet.spectra["marine_water"][band], abs=1e-6)


def test_water_varies_around_the_published_spectrum(pixels, truth, settings):
    """The median of water off a river mouth lies between clear and half turbid, and it is not constant."""
    water = (truth[0] == CLASS_ID["marine_water"]) & (pixels[0] > 0)
    for index, band in enumerate(BANDS):
        seen = pixels[index][water] * 1e-4
        clear, turbid = (settings.scene.spectra[name][band] for name in ("marine_water", "turbid_water"))
        assert clear - 1e-3 < np.median(seen) < 0.5 * (clear + turbid) + 1e-3
        assert seen.std() > 0.5 * settings.scene.noise[band]


def test_debris_at_the_reference_cover_has_the_published_spectrum(flat, settings):
    """A 10 m band over debris of the reference cover shows the published debris reflectance, to the digit."""
    layers, quiet = flat
    image = rendered(one_pixel(layers, 61, 43, quiet.reference_cover), quiet)
    for band in ("B2", "B3", "B4", "B8"):
        assert image[BANDS.index(band), 61, 43] == pytest.approx(quiet.spectra["marine_debris"][band], abs=6e-5)
    assert image[BANDS.index("B8"), 61, 43] > image[BANDS.index("B8A"), 61, 43]


def test_coarse_bands_mix_over_their_own_pixel(flat):
    """A covered 10 m pixel adds a quarter of the contrast to its 20 m block, a 36th to its 60 m block, none beyond."""
    layers, quiet = flat
    image = rendered(one_pixel(layers, 61, 43, 0.8), quiet)
    pure, water = scene.pure_debris(quiet), quiet.spectra["marine_water"]
    for band, parts in (("B4", 1), ("B6", 4), ("B11", 4), ("B1", 36)):
        here = image[BANDS.index(band)]
        assert here[61, 43] - water[band] == pytest.approx(0.8 * (pure[band] - water[band]) / parts, abs=6e-5)
        factor = BAND_RESOLUTION_M[band] // 10
        assert np.count_nonzero(np.abs(here - water[band]) > 6e-5) == factor**2


def test_pure_debris_is_smooth_from_blue_to_near_infrared(settings):
    """The step of the published spectrum from B8 to B8A comes from resolution: the pure spectrum has none."""
    pure = scene.pure_debris(settings.scene)
    water = settings.scene.spectra["marine_water"]
    contrast = [pure[b] - water[b] for b in BANDS[:9]]
    assert max(contrast) / min(contrast) < 1.5


def test_bits_of_material_add_up_to_their_area(flat):
    """Cover times pixel area is the area laid down, until a pixel is full."""
    layers, _quiet = flat
    rng = np.random.default_rng(1)
    x = layers.frame.west + rng.uniform(200, 900, 500)
    y = layers.frame.north - rng.uniform(200, 900, 500)
    cover = cover_of("marine_debris", layers.frame, x, y, np.full(500, 1.5))
    assert 100 * cover.share.sum() == pytest.approx(750, rel=1e-5)
    assert (np.diff(cover.pixel) > 0).all()


def test_clouds_edge_and_land_are_there(pixels, truth, settings):
    """Clouds cover a realistic share, the swath's edge has no data in any band, and no measurement is zero."""
    assert 0.02 < (truth[0] == CLASS_ID["cloud"]).mean() < 0.4
    empty = pixels == 0
    assert (empty.all(axis=0) == empty.any(axis=0)).all()
    assert empty.all(axis=0).mean() == pytest.approx(settings.scene.edge_nodata_share, abs=0.03)


def test_truth_of_a_scene_agrees_with_its_debris(ocean, region, settings, tmp_path):
    """Over a raft under a clear sky the near infrared is brighter than nearly all water, where the truth says so."""
    debris = make_debris(ocean, region, settings, 5)
    lon, lat, afloat = debris.at(10.0)
    held = afloat & (debris.raft >= 0)
    heaviest = held & (debris.raft == np.argmax(np.bincount(debris.raft[held], debris.mass_kg[held])))
    clear = settings.scene.model_copy(update={"cloud_cover": (0.01, 0.02), "edge_nodata_share": 0.0})
    frame = scene.frame_at(float(lon[heaviest].mean()), float(lat[heaviest].mean()), clear)
    rng = np.random.default_rng(1)
    under = settings.model_copy(update={"scene": clear})
    layers = scene.compose(frame, ocean, debris, region, under, 10.0, rng, swath_edge=False)
    scene.write_scene(tmp_path / "s.tif", tmp_path / "t.tif", layers, clear, {}, rng)
    with rasterio.open(tmp_path / "s.tif") as seen, rasterio.open(tmp_path / "t.tif") as hidden:
        b8, (kind, cover) = seen.read(BANDS.index("B8") + 1), hidden.read()
    dense = (cover >= 50) & (kind == CLASS_ID["marine_debris"])
    assert dense.sum() > 3
    assert np.median(b8[dense]) > np.percentile(b8[kind == CLASS_ID["marine_water"]], 99)
