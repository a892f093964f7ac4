"""Training of the branch of Fisher vectors: words without labels, a linear head with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.photos import fisher

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import TextureSettings
    from oceanclean.vision.photos.training import Material

Head = tuple["NDArray[np.float32]", "NDArray[np.float32]"]


def train_branch(
    material: Material, train: NDArray[np.intp], held: NDArray[np.intp], settings: TextureSettings, seed: int
) -> tuple[keras.Model, Head, NDArray[np.float32]]:
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

    def head(rows: NDArray[np.intp]) -> Head:
        vectors = np.concatenate([straight[rows], mirrored[rows]])
        return fisher.fit_head(vectors, np.tile(material.targets[rows], 2), classes, settings.regularisation)

    kernel, bias = head(train)
    opinion = straight[held] @ kernel + bias
    return model, head(np.arange(len(photos))), opinion.astype(np.float32)
