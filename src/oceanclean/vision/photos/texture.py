"""Training of the branch of Fisher vectors: words without labels, a head with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.store import digest_record, write_aside
from oceanclean.vision.photos import fisher
from oceanclean.vision.photos.kernel_head import KernelHead, fit_kernel_head

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import TextureSettings
    from oceanclean.vision.photos.training import Material


def train_branch(
    material: Material, train: NDArray[np.intp], held: NDArray[np.intp], settings: TextureSettings, seed: int,
    folder: Path,
) -> tuple[keras.Model, KernelHead, NDArray[np.float32]]:  # fmt: skip
    """Learn words and head, and ask the held-out photos.

    The head is learned twice: from the training photos, for an opinion on the held-out ones, and from all of them, to
    be kept. Mirror images count as photos of their own.

    Args:
        material: photos with labels.
        train: rows to learn from.
        held: rows that are only asked.
        settings: of the branch.
        seed: of words and sample.
        folder: keeps words and vectors, so that a run that was cut goes on.

    Returns:
        Photo to Fisher vectors, the head that is kept, and the opinion (held-out photo, class) of the other head.
    """
    model, straight, mirrored = texture_of(material, train, settings, seed, folder / "texture.npz")
    classes = len(material.task.classes)

    def head(rows: NDArray[np.intp]) -> KernelHead:
        vectors = np.concatenate([straight[rows], mirrored[rows]])
        return fit_kernel_head(vectors, np.tile(material.targets[rows], 2), classes, settings)

    return model, head(np.arange(len(material.photos))), head(train)(straight[held])


def texture_of(
    material: Material, train: NDArray[np.intp], settings: TextureSettings, seed: int, path: Path
) -> tuple[keras.Model, NDArray[np.float32], NDArray[np.float32]]:
    """Words learned from the training photos, and the vectors of all photos and of their mirror images."""
    key = digest_record([[[str(p.folder), p.file, p.label, p.box] for p in material.photos], train.tolist(), seed,
                         settings.model_dump(mode="json", exclude={"axes", "gamma", "regularisation"})])  # fmt: skip
    model = fisher.build_texture(settings)
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                model.set_weights([kept[f"weight_{i}"] for i in range(len(model.weights))])
                return model, kept["straight"].astype(np.float32), kept["mirrored"].astype(np.float32)
    photos = material.at(settings.edge)
    fisher.learn_texture(model, photos[train], settings, seed)
    straight = fisher.texture_vectors(model, photos)
    mirrored = fisher.texture_vectors(model, np.ascontiguousarray(photos[:, :, ::-1]))
    with write_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, key=np.array(key), straight=straight.astype(np.float16), mirrored=mirrored.astype(np.float16),
                 **{f"weight_{i}": w for i, w in enumerate(model.get_weights())})  # fmt: skip
    return model, straight, mirrored
