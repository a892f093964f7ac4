"""Training of the branch of Fisher vectors: words without labels, a head with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.photos import fisher
from oceanclean.vision.photos.kernel_head import KernelHead, fit_kernel_head

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import TextureSettings
    from oceanclean.vision.photos.training import Material


def train_branch(
    material: Material, train: NDArray[np.intp], held: NDArray[np.intp], settings: TextureSettings, seed: int
) -> tuple[keras.Model, KernelHead, NDArray[np.float32]]:
    """Learn words and head, and ask the held-out photos.

    The head is learned twice: from the training photos, for an opinion on the held-out ones, and from all of them, to
    be kept. Mirror images count as photos of their own.

    Args:
        material: photos with labels.
        train: rows to learn from.
        held: rows that are only asked.
        settings: of the branch.
        seed: of words and sample.

    Returns:
        Photo to Fisher vectors, the head that is kept, and the opinion (held-out photo, class) of the other head.
    """
    photos = material.at(settings.edge)
    model = fisher.build_texture(settings)
    fisher.learn_texture(model, photos[train], settings, seed)
    straight = fisher.texture_vectors(model, photos)
    mirrored = fisher.texture_vectors(model, np.ascontiguousarray(photos[:, :, ::-1]))
    classes = len(material.task.classes)

    def head(rows: NDArray[np.intp]) -> KernelHead:
        vectors = np.concatenate([straight[rows], mirrored[rows]])
        return fit_kernel_head(vectors, np.tile(material.targets[rows], 2), classes, settings)

    return model, head(np.arange(len(photos))), head(train)(straight[held])
