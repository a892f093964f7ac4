"""Indices, radiometry and absent bands."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.errors import InputError
from oceanclean.products.names import BANDS
from oceanclean.vision.features import (
    CORE_BANDS,
    FDI_VARIANTS,
    INDEX_NAMES,
    by_band,
    fai,
    fdi,
    fill_absent_bands,
    indices,
    ndvi,
    normalised_difference,
    stand_in_matrix,
    water_reference,
)

#: Median marine debris of MARIDA, reflectance × 1e4.
DEBRIS = np.array([367, 472, 384, 366, 236, 250, 265, 349, 262, 122, 65], np.float32) * 1e-4


def test_fdi_variants_differ_and_have_their_published_factors():
    """The three indices that go by the name FDI are told apart by their slope."""
    assert FDI_VARIANTS["biermann2020"][1] == pytest.approx(1.778, abs=5e-4)
    assert FDI_VARIANTS["marida"][1] == pytest.approx(1.064, abs=5e-4)
    r = by_band(DEBRIS)
    assert fdi(r) == pytest.approx(0.0349 - (0.0250 + (0.0122 - 0.0250) * 1.7778), abs=1e-5)
    assert fdi(r, "marida") == pytest.approx(0.0349 - (0.0250 + (0.0122 - 0.0250) * 1.06407), abs=1e-5)
    assert fdi(r, "tsdataclinic") == pytest.approx(0.0349 - (0.0236 + (0.0122 - 0.0236) * 1.636), abs=1e-5)
    with pytest.raises(KeyError):
        fdi(r, "omdena")


def test_fai_and_ndvi_of_debris_match_hand_computation():
    """FAI has slope 0.1778; NDVI of debris is slightly negative, which separates it from sargassum."""
    r = by_band(DEBRIS)
    assert fai(r) == pytest.approx(0.0349 - (0.0366 + (0.0122 - 0.0366) * 168 / 945), abs=1e-6)
    assert ndvi(r) == pytest.approx((349 - 366) / (349 + 366), abs=1e-4)


def test_ratios_stay_finite_on_black_and_negative_water():
    """A ratio of two near-zero or opposite reflectances neither explodes nor becomes NaN."""
    a = np.array([0.0, 1e-9, -0.003, 0.01], np.float32)
    b = np.array([0.0, -1e-9, 0.003, -0.0099], np.float32)
    value = normalised_difference(a, b)
    assert np.isfinite(value).all()
    assert (abs(value) <= 2).all()
    assert indices(np.zeros((2, len(BANDS)), np.float32)).shape == (2, len(INDEX_NAMES))


def test_indices_computed_together_match_each_by_itself():
    """The product of matrices is the same as the named functions."""
    x = np.random.default_rng(3).uniform(0, 0.2, (20, len(BANDS))).astype(np.float32)
    r = by_band(x)
    together = dict(zip(INDEX_NAMES, indices(x).T, strict=True))
    assert np.allclose(together["ndvi"], ndvi(r), atol=1e-6)
    assert np.allclose(together["fdi_biermann2020"], fdi(r), atol=1e-6)
    assert np.allclose(together["fdi_marida"], fdi(r, "marida"), atol=1e-6)
    assert np.allclose(together["fai"], fai(r), atol=1e-6)
    assert np.allclose(together["nir_peak"], r["B8"] - (r["B7"] + r["B8A"]) / 2, atol=1e-6)


def test_indices_are_the_same_in_numpy_and_in_keras():
    """One code computes features for notebooks and for the model."""
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(0).uniform(0, 0.2, (5, len(BANDS))).astype(np.float32)
    assert np.allclose(indices(x), np.asarray(indices(keras.ops.convert_to_tensor(x), keras.ops)), atol=1e-6)


def test_filling_absent_bands_keeps_those_present_and_commutes_with_means():
    """Filling is linear: the mean of filled pixels is the filled mean."""
    x = np.random.default_rng(1).uniform(0, 0.2, (50, len(BANDS))).astype(np.float32)
    filled = fill_absent_bands(x, CORE_BANDS)
    kept = [BANDS.index(b) for b in CORE_BANDS]
    assert np.allclose(filled[:, kept], x[:, kept], atol=1e-7)
    assert np.allclose(filled.mean(axis=0), fill_absent_bands(x.mean(axis=0)[None], CORE_BANDS)[0], atol=1e-6)
    x[:, BANDS.index("B5")] = np.nan
    assert np.isfinite(fill_absent_bands(x, CORE_BANDS)).all()


def test_absent_core_band_is_refused_by_name():
    """Nothing stands in for a core band."""
    with pytest.raises(InputError, match="B11"):
        stand_in_matrix(["B2", "B3", "B4", "B6", "B8"])


@pytest.mark.parametrize("offset", [0.0, 0.02])
def test_dark_water_follows_a_constant_offset_of_the_radiometry(offset):
    """rhorc, rhos and L2A differ by an offset, and so do their dark waters: the anomaly does not."""
    rng = np.random.default_rng(2)
    water = np.linspace(0.04, 0.005, len(BANDS)) + rng.normal(0, 0.001, (3000, len(BANDS)))
    land = np.full((1000, len(BANDS)), 0.25)
    plain = water_reference(np.concatenate([water, land]).astype(np.float32))
    shifted = water_reference((np.concatenate([water, land]) + offset).astype(np.float32))
    assert np.allclose(shifted.array() - plain.array(), offset, atol=1e-4)
    assert plain.water_share == pytest.approx(0.75, abs=0.01)


def test_dark_water_of_an_empty_sample_says_so():
    """A scene without a measurement gives no level and no pixel, not an exception deep inside."""
    empty = water_reference(np.full((10, len(BANDS)), np.nan, np.float32))
    assert (empty.pixels, empty.water_share) == (0, 0.0)
