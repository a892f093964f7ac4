"""Training of the litter segmenter: crops about what is rare, pasted objects, averaged weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.store import digest_file, write_json
from oceanclean.vision.augmentation import IGNORE, augment, copy_paste
from oceanclean.vision.litter.data import MaskSet, read_mask_sets
from oceanclean.vision.litter.segmenter import KIND
from oceanclean.vision.litter.settings import LitterSettings

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.fitting import FitResult, Progress

_LICENCE = {
    "litter": "Apache-2.0; trained on TACO photos, CC BY 4.0",
    "marida": "Apache-2.0; trained on MARIDA, CC BY 4.0",
    "drone": "not to be passed on: the Semantic Drone set allows non-commercial research only",
}


@dataclass
class LoadedSet:
    """Images and masks of a set in memory, with the bands' mean and spread."""

    data: MaskSet
    images: list[NDArray[Any]]
    masks: list[NDArray[np.uint8]]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @classmethod
    def of(cls, data: MaskSet) -> LoadedSet:
        """Read every image of a set; NaN becomes the band's mean.

        Raises:
            InputError: an image and its mask differ in size.
        """
        images, masks = [data.pixels(i) for i in data.images], [data.mask(i) for i in data.images]
        for item, image, mask in zip(data.images, images, masks, strict=True):
            if image.shape[:2] != mask.shape:
                raise InputError(item.mask, "size", mask.shape, f"{image.shape[:2]} as the image", "Resize the mask.")
        sample = np.concatenate([i[::7, ::7].reshape(-1, i.shape[-1]).astype(np.float32) for i in images])
        sample = sample[np.isfinite(sample).all(axis=1)]
        mean, std = sample.mean(0), np.maximum(sample.std(0), 1e-6)
        if data.kind == "marida":
            images = [np.where(np.isfinite(i), i, mean.astype(np.float16)) for i in images]
        return cls(data, images, masks, mean.astype(np.float32), std.astype(np.float32))

    def class_pixels(self) -> NDArray[np.int64]:
        """Pixels of each class (class)."""
        count = len(self.data.classes)
        return np.sum([np.bincount(m[m != IGNORE], minlength=count)[:count] for m in self.masks], axis=0)


def crops(
    loaded: LoadedSet, settings: LitterSettings
) -> Callable[[int, np.random.Generator], Iterator[tuple[Any, Any]]]:
    """Batches of varied crops: images (batch, y, x, band) and classes (batch, y, x)."""
    scale, base = settings.scales[loaded.data.kind], settings.augmentation(loaded.data.kind)

    changed = {"size": (scale.crop, scale.crop), "focus": scale.focus}
    count, batch = len(loaded.images), settings.fit.batch

    def one(k: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
        image, mask = loaded.images[k], loaded.masks[k]
        whole = scale.side / max(image.shape[:2])
        how = base.model_copy(update={**changed, "scale": tuple(whole * z for z in scale.zoom)})
        out = augment(image, mask, None, how, rng)
        assert out.mask is not None  # noqa: S101  (a mask went in)
        return out.image, out.mask

    def batches(_epoch: int, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        while True:
            images, masks = [], []
            for k in rng.choice(count, batch, replace=count < batch):
                image, mask = one(int(k), rng)
                if loaded.data.kind == "litter" and rng.random() < settings.paste:
                    image, mask = copy_paste(image, mask, *one(int(rng.integers(count)), rng), tuple(range(1, 7)))
                images.append(image)
                masks.append(mask)
            yield np.stack(images), np.stack(masks).astype(np.int32)

    return batches


def segmentation_loss(loaded: LoadedSet, settings: LitterSettings) -> Any:
    """Cross-entropy of weighted classes and soft IoU."""
    from oceanclean.vision import losses

    weights = losses.class_weights(loaded.class_pixels(), settings.class_power)
    parts = [(1.0, losses.cross_entropy(weights, settings.focal))]
    if settings.overlap_weight:
        parts.append((settings.overlap_weight, losses.soft_iou(0 if loaded.data.kind == "marida" else 1)))
    return losses.weighted_sum(parts)


def fit_segmenter(
    loaded: LoadedSet,
    settings: LitterSettings,
    folder: Path,
    *,
    weights: Path | None = None,
    progress: Progress | None = None,
) -> tuple[keras.Model, FitResult]:
    """Train one network on all images given, and return it for whole images (side × side), auxiliary heads dropped.

    Args:
        loaded: images and masks.
        settings: how.
        folder: keeps the run's state, so that a killed one goes on.
        weights: a ``.keras`` file to start from.
        progress: told after every epoch.
    """
    import keras

    from oceanclean.vision import losses, nets
    from oceanclean.vision.fitting import fit

    keras.utils.set_random_seed(settings.fit.seed)  # of the first weights
    scale, classes = settings.scales[loaded.data.kind], len(loaded.data.classes)
    model = nets.build(settings.network, (scale.crop, scale.crop, loaded.images[0].shape[-1]), classes, settings.width,
                       weights, mean=loaded.mean.tolist(), std=loaded.std.tolist(), auxiliary=True)  # fmt: skip
    loss = losses.with_auxiliary(segmentation_loss(loaded, settings), classes, settings.auxiliary_weight)
    identity = {"settings": settings.to_json(), "images": sorted(i.name for i in loaded.data.images),
                "weights": digest_file(weights) if weights else None}  # fmt: skip
    result = fit(model, loss, crops(loaded, settings), settings.fit, folder, identity=identity, progress=progress)
    return nets.resized(nets.deployed(model), (scale.side, scale.side)), result


def train_litter_segmenter(
    data_dirs: str | Path | Iterable[str | Path],
    out_dir: Path,
    model: str = "",
    settings: LitterSettings | None = None,
    *,
    weights: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train on every image of the folders and write ``litter-segmenter.keras`` with its card.

    The last averaged weights are kept: with so few images a part held out to choose an epoch costs more than it tells.
    Scores on photos never seen come from ``evaluate … --protocol grouped-folds``, which trains without them.

    Args:
        data_dirs: folders of one kind of masks (see :mod:`oceanclean.vision.litter.data`).
        out_dir: where model, card and the run's state go.
        model: name in the zoo; default that of the settings.
        settings: how.
        weights: a ``.keras`` file to start from.
        progress: told after every epoch.

    Returns:
        Path of the ``.keras`` file.
    """
    from oceanclean.vision.models import save_model

    settings = settings or LitterSettings()
    if model:
        settings = settings.model_copy(update={"network": model})
    data = read_mask_sets(data_dirs)
    loaded = LoadedSet.of(data)
    out_dir.mkdir(parents=True, exist_ok=True)
    network, result = fit_segmenter(loaded, settings, out_dir / "state", weights=weights, progress=progress)
    write_json(out_dir / "history.json", {"epochs": result.history})
    return save_model(network, card(loaded, settings), out_dir / f"{KIND}.keras")


def card(loaded: LoadedSet, settings: LitterSettings) -> dict[str, Any]:
    """What a reader of the model must know."""
    data = loaded.data
    return {
        "kind": KIND, "name": settings.network, "width": settings.width, "masks": data.kind,
        "classes": list(data.classes), "foreground": list(data.foreground),
        "side": settings.scales[data.kind].side, "fill": [float(v) for v in loaded.mean],
        "licence": _LICENCE[data.kind], "trained_on": sorted(i.name for i in data.images),
        "settings": settings.to_json(),
    }  # fmt: skip
