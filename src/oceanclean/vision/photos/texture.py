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
    model, views = texture_of(material, train, settings, seed, folder / "texture.npz")
    classes = len(material.task.classes)

    def head(rows: NDArray[np.intp]) -> KernelHead:
        targets = np.tile(material.targets[rows], len(views))
        return fit_kernel_head(np.concatenate([v[rows] for v in views]), targets, classes, settings)

    return model, head(np.arange(len(material.photos))), head(train)(views[0][held])


def texture_of(
    material: Material, train: NDArray[np.intp], settings: TextureSettings, seed: int, path: Path
) -> tuple[keras.Model, list[NDArray[np.float32]]]:
    """Words learned from the training photos, and the vectors of all photos and, where asked, of their mirror images.

    Args:
        material: the photos.
        train: rows from which words are learned, without labels.
        settings: of the branch.
        seed: of words and sample.
        path: keeps words and vectors; what was made of other photos or settings is made anew.
    """
    key = digest_record([[[str(p.folder), p.file, p.label, p.box] for p in material.photos], train.tolist(), seed,
                         settings.model_dump(mode="json", exclude={"axes", "gamma", "regularisation"})])  # fmt: skip
    model = fisher.build_texture(settings)
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                model.set_weights([kept[f"weight_{i}"] for i in range(len(model.weights))])
                return model, [kept[f"view_{i}"].astype(np.float32) for i in range(1 + settings.mirror)]
    photos = material.at(settings.edge)
    fisher.learn_texture(model, photos[train], settings, seed)
    views = [fisher.texture_vectors(model, photos)]
    if settings.mirror:
        views.append(fisher.texture_vectors(model, np.ascontiguousarray(photos[:, :, ::-1])))
    arrays = {f"weight_{i}": w for i, w in enumerate(model.get_weights())}
    arrays |= {f"view_{i}": v.astype(np.float16) for i, v in enumerate(views)}
    with write_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, key=np.array(key), **arrays)
    return model, views
