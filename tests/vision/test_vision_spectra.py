"""Single spectra: a place left out is never learned from, and what is the same everywhere is recognised there."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BANDS
from oceanclean.vision.spectra import evaluate_spectra, read_spectra, spectral_features

_WATER = np.linspace(0.03, 0.01, len(BANDS))
_PLASTIC = _WATER + np.array([0.01, 0.03, 0.03, 0.03, 0.015, 0.02, 0.02, 0.04, 0.02, 0.004, 0.0])
_WEED = _WATER + np.array([0.0, 0.0, 0.005, 0.003, 0.04, 0.06, 0.07, 0.08, 0.07, 0.002, 0.0])


def _table(folder, places, spectra=((1, _WATER), (2, _PLASTIC), (4, _WEED)), seed=0):
    rng = np.random.default_rng(seed)
    lines = ["Location," + ",".join(BANDS) + ",label"]
    for place in places:
        for label, spectrum in spectra:
            noisy = spectrum + rng.normal(0, 0.0008, (12, len(BANDS)))
            lines += [f"{place}," + ",".join(f"{v:.5f}" for v in values) + f",{label}" for values in noisy]
    (folder / "table.csv").write_text("\n".join(lines))
    return folder


def test_plastic_is_recognised_at_a_place_left_out_and_weed_is_not_plastic(tmp_path):
    """Three places with the same physics: recall is high at each, weed and water stay what they are."""
    figures = evaluate_spectra([_table(tmp_path, ("One", "Two Isles", "Three"))])
    assert figures["locations"] == 3
    assert min(figures[f"plastic_recall_{n}"] for n in ("one", "two_isles", "three")) > 0.9
    assert figures["false_share_seaweed"] < 0.1
    assert figures["plastic_precision"] > 0.9


def test_haze_that_is_the_same_in_all_bands_changes_no_feature():
    """Glint and haze are taken off with the SWIR."""
    spectrum = np.float32(_PLASTIC)[None]
    assert np.allclose(spectral_features(spectrum), spectral_features(spectrum + 0.02), atol=2e-3)


def test_damaged_tables_are_refused_by_line(tmp_path):
    """No table, no column, no number: each said by name."""
    with pytest.raises(MissingDataError, match="no CSV"):
        read_spectra([tmp_path])
    _table(tmp_path, ("One",))
    with pytest.raises(InputError, match="two places"):
        evaluate_spectra([tmp_path])
    text = (tmp_path / "table.csv").read_text()
    (tmp_path / "table.csv").write_text(text.replace("0.0", "x", 1))
    with pytest.raises(InputError, match="line 2"):
        read_spectra([tmp_path])
    (tmp_path / "table.csv").write_text(text.replace("B8A", "B9", 1))
    with pytest.raises(InputError, match="B8A"):
        read_spectra([tmp_path])


@pytest.mark.real
def test_plastic_of_real_places_left_out(real_data):
    """Durban's and the Caribbean's plastic is recognised without them; the Gulf of Gera's is not (documented)."""
    figures = evaluate_spectra([real_data("duarte_spectra")])
    assert figures["plastic_recall_durban"] > 0.75
    assert figures["plastic_recall_caribbean_sea"] > 0.75
    assert figures["plastic_precision"] > 0.5
