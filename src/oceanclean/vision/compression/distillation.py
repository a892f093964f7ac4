"""Distillation: a small network learns labels and a larger one's opinion of every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

    from oceanclean.vision.fitting import Batches


def distilled(batches: Batches, teacher: keras.Model) -> Batches:
    """Batches whose targets carry the teacher's logits, for :func:`oceanclean.vision.losses.distillation`.

    The teacher sees the same varied image as the student, so that its opinion is of what the student is shown.

    Args:
        batches: (images (batch, y, x, band), classes (batch, y, x)).
        teacher: images to logits (batch, y, x, class).
    """

    def of(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        for images, target in batches(epoch, rng):
            opinion = np.asarray(teacher.predict_on_batch(images), np.float32)
            yield images, np.concatenate([np.asarray(target, np.float32)[..., None], opinion], axis=-1)

    return of
