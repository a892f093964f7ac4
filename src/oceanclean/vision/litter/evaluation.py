"""Scores of a litter segmenter; the reduction is in the name of every figure.

One confusion matrix an image. ``miou_foreground`` and ``miou_all`` sum pixels over the whole data set first, then
take the plain mean over the classes that occur in the truth. ``per_image_iou`` is the mean over images of the mean
over the classes in that image's truth (false alarms of absent classes go free, as in several published figures);
``per_image_iou_strict`` counts those classes as 0. Litter as one class and litter by material are separate figures.
Intervals are of a bootstrap over groups of images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.vision.augmentation import IGNORE
from oceanclean.vision.litter.data import MaskSet, read_mask_sets, split_groups
from oceanclean.vision.litter.segmenter import LitterSegmenter, Predict, segment_images
from oceanclean.vision.litter.settings import LitterSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.fitting import Progress
    from oceanclean.vision.litter.training import LoadedSet

PROTOCOLS = ("shipped", "grouped-folds")
#: Edges of the bins of object size: square root of the area, in pixels of the image as stored.
SIZE_BINS = (0, 16, 32, 96, 100_000)


@dataclass
class ImageScore:
    """Counts of one image.

    Attributes:
        matrix: pixels (truth, predicted).
        objects: (object, 2): size (square root of area) and share of its pixels found; litter alone.
    """

    matrix: NDArray[np.int64]
    objects: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


def score_image(truth: NDArray[np.uint8], predicted: NDArray[np.uint8], data: MaskSet) -> ImageScore:
    """Counts of one image's classes (y, x); ignored pixels do not count."""
    count = len(data.classes)
    known = truth != IGNORE
    pairs = truth[known].astype(np.int64) * count + predicted[known]
    matrix = np.bincount(pairs, minlength=count * count).reshape(count, count)
    if data.kind != "litter":
        return ImageScore(matrix)
    from scipy import ndimage

    # Objects of different material that touch are objects of their own.
    found = []
    for k in range(1, count):
        labels, number = ndimage.label(truth == k)
        if number:
            area = np.bincount(labels.ravel(), minlength=number + 1)[1:]
            hit = np.bincount(labels[predicted > 0], minlength=number + 1)[1:]
            found.append(np.stack([np.sqrt(area), hit / area], axis=1)[area >= 4])
    return ImageScore(matrix, np.concatenate(found) if found else np.zeros((0, 2)))


def figures(parts: Sequence[ImageScore], data: MaskSet) -> dict[str, float]:
    """Flat figures of some images."""
    matrix = np.sum([p.matrix for p in parts], axis=0).astype(float)
    iou, present = _iou(matrix), matrix.sum(axis=1) > 0
    foreground = [k for k in data.foreground if present[k]]
    out = {
        "miou_foreground": float(iou[foreground].mean()) if foreground else float("nan"),
        "miou_all": float(iou[present].mean()),
        "pixel_accuracy": float(np.trace(matrix) / matrix.sum()),
        "per_image_iou": float(np.mean([_per_image(p.matrix, strict=False) for p in parts])),
        "per_image_iou_strict": float(np.mean([_per_image(p.matrix, strict=True) for p in parts])),
    }
    if data.kind == "litter":
        out |= _litter_figures(matrix) | _object_figures(parts)
    return out | {f"{data.classes[k]}_iou": float(iou[k]) for k in np.flatnonzero(present)}


def _iou(matrix: NDArray[np.floating] | NDArray[np.int64]) -> NDArray[np.float64]:
    hit = np.diag(matrix).astype(float)
    return hit / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1) - hit, 1)


def _per_image(matrix: NDArray[np.int64], strict: bool) -> float:
    counted = matrix.sum(axis=1) > 0
    if strict:
        counted |= matrix.sum(axis=0) > 0
    return float(_iou(matrix)[counted].mean()) if counted.any() else 1.0


def _litter_figures(matrix: NDArray[np.float64]) -> dict[str, float]:
    """Litter of any material against background."""
    hit, truth, painted = matrix[1:, 1:].sum(), matrix[1:].sum(), matrix[:, 1:].sum()
    return {
        "litter_iou": float(hit / max(truth + painted - hit, 1)),
        "litter_precision": float(hit / max(painted, 1)),
        "litter_recall": float(hit / max(truth, 1)),
    }


def _object_figures(parts: Sequence[ImageScore]) -> dict[str, float]:
    """Share of objects of which at least half of the pixels are called litter, by size."""
    objects = np.concatenate([p.objects for p in parts])
    out = {"object_recall": float((objects[:, 1] >= 0.5).mean()) if len(objects) else float("nan")}
    for low, high in pairwise(SIZE_BINS):
        some = objects[(objects[:, 0] >= low) & (objects[:, 0] < high)]
        name = f"{low}_to_{high}_px" if high < SIZE_BINS[-1] else f"from_{low}_px"
        out[f"object_recall_{name}"] = float((some[:, 1] >= 0.5).mean()) if len(some) else float("nan")
    return out


def score_set(
    loaded: LoadedSet, predict: Predict, side: int, fill: NDArray[np.float32], batch: int = 8
) -> list[ImageScore]:
    """Counts of every image of a set."""
    predicted = (z.argmax(-1).astype(np.uint8) for z in segment_images(loaded.images, predict, side, fill, batch))
    return [score_image(mask, classes, loaded.data) for mask, classes in zip(loaded.masks, predicted, strict=True)]


def summarise(parts: Sequence[ImageScore], data: MaskSet, seed: int = 0, resamples: int = 500) -> dict[str, Any]:
    """Figures with their 95 % intervals over groups of images."""
    from oceanclean.vision.metrics import bootstrap

    groups = [i.group for i in data.images]
    out: dict[str, Any] = bootstrap(
        parts, groups, lambda some: figures(some, data), np.random.default_rng(seed), resamples
    )
    # A size of object that the images do not hold has no recall; JSON has no word for it.
    out = {k: v for k, v in out.items() if np.isfinite(v) or not k.startswith("object_recall")}
    return out | {"images": len(parts), "groups": len(set(groups)),
                  "objects": int(sum(len(p.objects) for p in parts))}  # fmt: skip


def evaluate_litter_segmenter(
    data_dirs: str | Path | Iterable[str | Path],
    model: str | Path | None = None,
    protocol: str = "shipped",
    *,
    settings: LitterSettings | None = None,
    folder: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score a litter segmenter on images with masks.

    Args:
        data_dirs: folders of one kind of masks.
        model: ``shipped``: a ``.keras`` file or a training's folder, default the one that ships;
            ``grouped-folds``: the name of a network of the zoo, default that of the settings.
        protocol: ``shipped`` scores a model as it is; ``grouped-folds`` trains anew without each part.
        settings: of the retraining.
        folder: where the folds keep their state, so that a killed run goes on; default: a temporary folder.
        seed: of folds and bootstrap.
        progress: called with (what, share done).

    Returns:
        Flat figures, each with ``_low`` and ``_high``; ``images``, ``groups``, ``seen_in_training``.

    Raises:
        InputError: unknown protocol, or a model whose classes are not those of the folders.
    """
    if protocol not in PROTOCOLS:
        raise InputError("evaluate litter-segmenter", "protocol", repr(protocol), f"one of {PROTOCOLS}", "Choose one.")
    data = read_mask_sets(data_dirs)
    if protocol == "shipped":
        segmenter = LitterSegmenter(model)
        parts = _score_model(segmenter, data)
        known = set(segmenter.card["trained_on"])
    else:
        settings = settings or LitterSettings()
        if model:
            settings = settings.model_copy(update={"network": str(model)})
        parts, known = _score_folds(data, settings, folder, seed, progress), set()
    seen = sum(i.name in known for i in data.images)
    return {"protocol": protocol, "masks": data.kind, **summarise(parts, data, seed), "seen_in_training": seen}


def _score_model(segmenter: LitterSegmenter, data: MaskSet) -> list[ImageScore]:
    if segmenter.classes != list(data.classes):
        raise InputError(segmenter.stored.path, "classes", segmenter.classes[:6], f"those of the masks: {data.classes}",
                         "Train a model on masks of this kind.")  # fmt: skip
    logits = segmenter.logits(data.pixels(i) for i in data.images)
    return [
        score_image(data.mask(i), z.argmax(-1).astype(np.uint8), data) for i, z in zip(data.images, logits, strict=True)
    ]


def _score_folds(
    data: MaskSet, settings: LitterSettings, folder: Path | None, seed: int, progress: Progress | None
) -> list[ImageScore]:
    from tempfile import TemporaryDirectory

    from oceanclean.vision.litter.training import LoadedSet, fit_segmenter

    folds = split_groups([i.group for i in data.images], settings.folds, np.random.default_rng(seed))
    parts: dict[int, ImageScore] = {}
    with TemporaryDirectory() as temporary:
        for f, test in enumerate(folds):
            rest = np.setdiff1d(np.arange(len(data.images)), test)
            loaded = LoadedSet.of(data.part(rest))
            model, _ = fit_segmenter(loaded, settings, (folder or Path(temporary)) / f"fold_{f}")
            held = LoadedSet.of(data.part(test))
            side = settings.scales[data.kind].side
            parts |= dict(zip(test.tolist(), score_set(held, model.predict_on_batch, side, loaded.mean), strict=True))
            if progress is not None:
                progress(f"fold {f + 1} of {len(folds)}", (f + 1) / len(folds))
    return [parts[i] for i in range(len(data.images))]


def litter_table(record: dict[str, Any]) -> str:
    """The figures as a table for people."""
    head = f"protocol {record['protocol']}: {record['images']} images in {record['groups']} groups ({record['masks']})"
    lines = [head]
    if record.get("seen_in_training"):
        lines.append(
            f"{record['seen_in_training']} of these images were in the training: their score says nothing of new ones"
        )
    lines += ["", f"{'':28} {'value':>7}   {'95 % interval':>16}"]
    for key, value in record.items():
        if f"{key}_low" in record:
            low, high = record[f"{key}_low"], record[f"{key}_high"]
            lines.append(f"{key:28} {value:7.3f}   {low:7.3f} – {high:6.3f}")
    return "\n".join(lines)
