"""Detectors: the centre-heat-map network stands with its targets and its decoding in ``vision.detector``."""

from __future__ import annotations

import keras

from oceanclean.errors import InputError
from oceanclean.vision.nets.registry import register_model


@register_model("centre_detector", "detector")
def centre_detector(input_shape: tuple[int, int, int], classes: int, width: float) -> keras.Model:
    """Maps of centres and boxes at stride 8 after "Objects as Points" (Zhou et al. 2019, arXiv:1904.07850)."""
    from oceanclean.vision.detector.network import build_detector

    rows, columns, bands = input_shape
    if rows != columns or rows % 32 or bands != 3:
        raise InputError("model centre_detector", "input_shape", input_shape, "a square RGB window of a multiple of 32",
                         "Cut windows of that size.")  # fmt: skip
    return build_detector(rows, classes, width)
