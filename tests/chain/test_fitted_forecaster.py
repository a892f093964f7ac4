"""A forecaster that the settings name: used where it can be, said where it cannot."""

from __future__ import annotations

from oceanclean.chain.stages import fitted_forecaster


def test_none_is_named_and_nothing_is_said():
    """As shipped: physics, and no sentence about it."""
    assert fitted_forecaster(None) == (None, [])


def test_one_that_cannot_be_read_is_said(tmp_path):
    """An absent and a damaged file leave physics and one sentence that names the file."""
    for name, content in (("absent.skops", None), ("torn.skops", b"PK\x03\x04 nothing")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        forecaster, said = fitted_forecaster(tmp_path / name)
        assert forecaster is None
        assert len(said) == 1
        assert "plain physics instead" in said[0]
        assert name in said[0]
