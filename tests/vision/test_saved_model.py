"""A model served by others answers as it does here."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.errors import InputError
from oceanclean.products.names import BANDS, CLASSES
from oceanclean.vision.saved_model import export_saved_model
from oceanclean.vision.zoo import load_segmenter


def test_the_segmenter_as_saved_model_gives_the_same_probabilities(tmp_path) -> None:
    import tensorflow as tf

    made = export_saved_model("segmenter", None, tmp_path / "segmenter")
    served = tf.saved_model.load(made["folder"]).signatures["serving_default"]
    rng = np.random.default_rng(0)
    given = [rng.uniform(0, 0.1, (1, 40, 52, len(BANDS))), rng.uniform(0, 0.02, (1, len(BANDS))),
             np.ones((1, len(BANDS)))]  # fmt: skip
    given = [tf.constant(v, tf.float32) for v in given]
    names = list(made["inputs"])
    (answer,) = served(**dict(zip(names, given, strict=True))).values()
    expected = np.asarray(load_segmenter(None).model(given))
    assert answer.shape == (1, 40, 52, len(CLASSES))
    np.testing.assert_allclose(answer.numpy(), expected, atol=1e-5)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        export_saved_model("segmenter", None, tmp_path / "other")
    with pytest.raises(InputError, match="kind"):
        export_saved_model("forecaster", None, tmp_path / "new")
