"""Self-supervised pretraining of a backbone on photos without labels (Barlow Twins).

Two views of a photo should be described alike, and no two numbers of a description should say the same: the
cross-correlation of the descriptions of both views, over a batch, is driven to the identity (Zbontar et al. 2021,
arXiv:2103.03230, equation 1). It needs neither negative pairs nor large batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.vision.fitting import fit
from oceanclean.vision.models import save_model
from oceanclean.vision.photos.sets import pixels_of, read_photos
from oceanclean.vision.photos.views import view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import PhotoTraining, ViewSettings

#: Weight of the off-diagonal terms (λ of the paper), and length of the projected description.
_REDUNDANCY, _PROJECTION = 5e-3, 256


def twins_loss(_: Any, projected: Any) -> Any:
    """Barlow Twins' loss of projections (2 · photo, value): the first half of one view, the second of the other."""
    from keras import ops

    half = projected.shape[0] // 2 if projected.shape[0] else ops.shape(projected)[0] // 2
    first, second = (_standardised(part) for part in (projected[:half], projected[half:]))
    correlation = ops.matmul(ops.transpose(first), second) / ops.cast(half, first.dtype)
    eye = ops.eye(projected.shape[1])
    invariance = ops.sum((1.0 - correlation) ** 2 * eye)
    redundancy = ops.sum(correlation**2 * (1.0 - eye))
    return (invariance + _REDUNDANCY * redundancy) / projected.shape[1]


def _standardised(values: Any) -> Any:
    from keras import ops

    return (values - ops.mean(values, axis=0)) / (ops.std(values, axis=0) + 1e-3)


def pretrain(
    folders: Sequence[Path], settings: PhotoTraining, folder: Path, progress: Callable[[str, float], None]
) -> Path:
    """Pretrain the recipe's backbone on all photos of folders; labels are not looked at.

    Args:
        folders: of photos, of any layout.
        settings: network, width, crops, and ``pretraining_epochs``.
        folder: where the state of the run and the result are kept.
        progress: told after every epoch.

    Returns:
        A ``.keras`` file from which training can start.
    """
    import keras

    from oceanclean.vision import nets
    from oceanclean.vision.nets.classifiers import EMBEDDING

    photos = pixels_of(read_photos(folders), settings.edge)
    keras.utils.set_random_seed(settings.fit.seed)
    edge = settings.train_edge
    network = nets.build(settings.network, (edge, edge, 3), 2, settings.width)
    x = keras.layers.Dense(_PROJECTION, use_bias=False)(network.get_layer(EMBEDDING).output)
    x = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(x))
    model = keras.Model(network.input, keras.layers.Dense(_PROJECTION, use_bias=False)(x))
    fitting = settings.fit.model_copy(update={
        "epochs": settings.pretraining_epochs, "steps": max(1, len(photos) // settings.fit.batch),
    })  # fmt: skip
    fit(model, twins_loss, _pairs(photos, edge, settings.views, fitting.batch), fitting, folder / "pretraining",
        identity={"photos": len(photos), "network": settings.network}, progress=progress)  # fmt: skip
    card = {"kind": "pretrained", "name": f"{settings.network} × {settings.width:g}, Barlow Twins", "classes": [],
            "licence": "as the data's", "trained_on": [str(f) for f in folders]}  # fmt: skip
    return save_model(network, card, folder / "pretrained.keras")


def _pairs(
    photos: NDArray[np.uint8], edge: int, settings: ViewSettings, batch: int
) -> Callable[[int, np.random.Generator], Iterator[tuple[Any, ...]]]:
    """Batches (2 · photo, y, x, 3): one view of each photo, then another; the targets are not used."""

    def of(_: int, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        order = rng.permutation(len(photos))
        for start in range(0, max(len(order) - batch, 0) + 1, batch):
            rows = np.resize(order[start : start + batch], batch)
            both = [view(photos[i], edge, settings, rng) for _ in range(2) for i in rows]
            yield np.stack(both), np.zeros((2 * batch, 1), np.float32)

    return of
