"""Litter of known cover on open water: bands of a spectrum, and the linear mixture."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BANDS
from oceanclean.vision.mixing import mix_litter, read_litter_spectra
from oceanclean.vision.model import BOXES, SPREAD_BOXES, Statistics
from oceanclean.vision.pixels import PixelSet

LITTER = np.linspace(0.2, 0.3, len(BANDS), dtype=np.float32)[None]


def _table(folder, columns):
    nm = np.arange(350, 2501)
    rows = ["Reflectance\t" + "\t".join(columns)]
    rows += [f"{n}\t" + "\t".join(f"{n * 1e-4 * (k + 1):.5f}" for k in range(len(columns))) for n in nm]
    (folder / "litter.tsv").write_text("\n".join(rows))


@pytest.fixture
def sea():
    """Four pixels of calm water."""
    water = np.full(len(BANDS), 0.02, np.float32)
    spread = np.full(6, 0.001, np.float32)
    one = Statistics(water, dict.fromkeys(BOXES, water), dict.fromkeys(SPREAD_BOXES, spread), water).join()
    return PixelSet(
        np.tile(one, (4, 1)).astype(np.float16), np.zeros(4, np.uint8), np.zeros(4, np.int32), np.ones(4, np.float32),
        np.ones(4, bool), ["a"], water[None],
    )  # fmt: skip


def test_wet_samples_alone_are_read_and_averaged_over_the_bands(tmp_path):
    """A spectrum that rises with wavelength has each band's centre as its mean; dry samples and wood are left out."""
    _table(tmp_path, ["Net_d", "Net_w", "Net_s_2.5_0", "Wood1_w", "Net_s_32_0"])
    spectra = read_litter_spectra(tmp_path)
    assert spectra.shape == (2, len(BANDS))
    assert spectra[0, BANDS.index("B4")] == pytest.approx(2 * 0.0665, rel=0.01)
    assert spectra[1, BANDS.index("B11")] == pytest.approx(3 * 0.161, rel=0.01)


def test_a_folder_without_spectra_or_without_wet_ones_is_named(tmp_path):
    """What is missing stands in the error."""
    with pytest.raises(MissingDataError, match=r"\.tsv"):
        read_litter_spectra(tmp_path)
    _table(tmp_path, ["Net_d"])
    with pytest.raises(InputError, match="0 wet samples"):
        read_litter_spectra(tmp_path)


def test_ten_metre_bands_hold_the_cover_and_coarser_ones_no_more(sea):
    """What stands above the water is cover × (litter − water) at 10 m, and that share or less at 20 and 60 m."""
    cover = (0.25, 0.25)
    values, water = mix_litter(sea, np.arange(4), LITTER, 200, cover, np.random.default_rng(0))
    s = Statistics.split(values)
    above = (s.pixel - s.background) / (LITTER - 0.02)
    fine = [BANDS.index(b) for b in ("B2", "B3", "B4", "B8")]
    assert np.allclose(above[:, fine], above[:, fine[:1]], rtol=1e-2)
    assert (above <= 0.25 + 1e-3).all()
    assert (above[:, BANDS.index("B11")] <= above[:, fine[0]] + 1e-4).all()
    assert above[:, fine[0]].max() == pytest.approx(0.25, rel=0.02)
    assert np.allclose(s.background, 0.02, atol=1e-4)
    assert (s.means[3] > s.background - 1e-4).all()
    assert water.shape == (200, len(BANDS))
