"""``oceanclean evaluate classifier|cleanliness``: scores on labelled photos, duplicates kept together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.vision.audit import AuditSettings, audit_photos
from oceanclean.vision.photos.deploy import PhotoModel
from oceanclean.vision.photos.scores import calibration_error, confusion, scores_with_intervals
from oceanclean.vision.photos.sets import PhotoSet, pixels_of, read_photos

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import PhotoSettings

Progress = Callable[[str, float], None]
PROTOCOLS = ("shipped", "grouped-folds")


def _silent(_: str, __: float) -> None:
    """Default progress."""


def evaluate_photos(
    kind: str, data: Sequence[Path], settings: PhotoSettings, *, model: str | Path | None = None,
    protocol: str = "shipped", exact: bool = False, folds: int = 3, folder: Path | None = None,
    weights: Path | None = None, progress: Progress = _silent,
) -> dict[str, Any]:  # fmt: skip
    """Score a photo model.

    Args:
        kind: ``classifier`` or ``cleanliness``.
        data: folders of labelled photos.
        settings: classes of the labels, and the recipe for ``grouped-folds``.
        model: None for the model that ships, or a path; not used by ``grouped-folds``.
        protocol: ``shipped`` judges with the model as it is; ``grouped-folds`` trains by the recipe on all folds but
            one and scores on that one, duplicates on one side.
        exact: score the float model, even where an 8-bit one is there.
        folds: of ``grouped-folds``.
        folder: keeps the runs of ``grouped-folds``, so that a cut run goes on.
        weights: for a two-phase start of ``grouped-folds``.
        progress: told what is being done and the share done.

    Returns:
        ``accuracy``, ``macro_f1``, the F1 of each class, each with ``_low`` and ``_high`` (95 %, bootstrap over groups
        of duplicates), ``images``, ``groups``, ``bytes`` (of the model file that judged), ``calibration_error``,
        ``confusion`` (truth, predicted), ``classes``, ``protocol``, ``precision`` (int8 or float32).

    Raises:
        InputError: an unknown protocol or label.
    """
    if protocol not in PROTOCOLS:
        raise InputError("command line", "--protocol", protocol, f"one of {PROTOCOLS}", "Choose one of them.")
    photos = read_photos(data, kind)
    truth = photos.targets(settings.task)
    groups = audit_photos(photos, AuditSettings(), progress).groups
    if protocol == "shipped":
        judge = PhotoModel(model, kind, exact=exact)
        probability, size, precision = _asked(judge, photos), judge.bytes, "float32" if judge.exact else "int8"
        names = judge.classes
    else:
        probability, size = _cross_validated(data, settings, folds, folder, weights, progress)
        names, precision = list(settings.task.classes), "float32"
    if names != list(settings.task.classes):
        raise InputError(model or "model", "classes", names, f"{list(settings.task.classes)}", "Give another model.")
    return _figures(truth, probability, groups.tolist(), names) | {
        "protocol": protocol,
        "precision": precision,
        "bytes": size,
    }


def paired_confusions(
    kind: str, data: Sequence[Path], models: Sequence[str | Path | None], settings: PhotoSettings,
    progress: Progress = _silent,
) -> list[NDArray[np.int64]]:  # fmt: skip
    """Confusion matrices (group, truth, predicted) of several photo models on the same groups of duplicates.

    Args:
        kind: ``classifier`` or ``cleanliness``.
        data: folders of labelled photos.
        models: paths; None for the one that ships.
        settings: classes of the labels.
        progress: told what is being done and the share done.

    Raises:
        InputError: a model with other classes.
    """
    photos = read_photos(data, kind)
    truth, classes = photos.targets(settings.task), list(settings.task.classes)
    groups = np.unique(audit_photos(photos, AuditSettings(), progress).groups, return_inverse=True)[1]
    found = []
    for model in models:
        judge = PhotoModel(model, kind)
        if judge.classes != classes:
            raise InputError(model or "model", "classes", judge.classes, f"{classes}", "Give another model.")
        predicted = _asked(judge, photos).argmax(axis=1)
        matrices = np.zeros((groups.max() + 1, len(classes), len(classes)), np.int64)
        np.add.at(matrices, (groups, truth, predicted), 1)
        found.append(matrices)
    return found


def _figures(
    truth: NDArray[np.int64], probability: NDArray[np.floating], groups: list[int], names: list[str]
) -> dict[str, Any]:
    predicted = probability.argmax(axis=1)
    figures: dict[str, Any] = scores_with_intervals(truth, predicted, groups, names, np.random.default_rng(0))
    return figures | {
        "images": len(truth), "groups": len(set(groups)), "classes": names,
        "calibration_error": calibration_error(probability, truth),
        "confusion": confusion(truth, predicted, len(names)).tolist(),
    }  # fmt: skip


def _asked(judge: PhotoModel, photos: PhotoSet, block: int = 256) -> NDArray[np.float32]:
    """Probabilities (photo, class), a block of photos in memory at a time."""
    parts = [judge(pixels_of(photos.photos[i : i + block], judge.edge)) for i in range(0, len(photos), block)]
    return np.concatenate(parts)


def _cross_validated(
    data: Sequence[Path], settings: PhotoSettings, folds: int, folder: Path | None, weights: Path | None,
    progress: Progress,
) -> tuple[NDArray[np.float32], int]:  # fmt: skip
    from oceanclean.vision.photos.fusion import probabilities
    from oceanclean.vision.photos.training import beginning, gather, grouped_split, train_material

    material = gather(data, settings)
    starts, weights = beginning(settings.training, None, weights)
    out = np.zeros((len(material.photos), len(material.task.classes)), np.float32)
    size = 0
    with TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        for k, (train, held) in enumerate(grouped_split(material, folds, settings.training.fit.seed)):

            def tell(what: str, share: float, k: int = k) -> None:
                progress(f"fold {k + 1}: {what}", (k + share) / folds)

            trained = train_material(material.take(train), settings.training, place / f"fold{k}", weights=weights,
                                     starts=starts, progress=tell)  # fmt: skip
            out[held] = probabilities(trained.model, material.pixels[held])
            size = max(size, 4 * trained.model.count_params())
    return out, size


def photo_table(figures: dict[str, Any]) -> str:
    """The figures as a table for people, the confusion matrix below."""
    names, matrix = figures["classes"], figures["confusion"]
    head = (f"protocol {figures['protocol']}: {figures['images']} photos in {figures['groups']} groups of duplicates, "
            f"{figures['precision']} model of {figures['bytes']:,} bytes")  # fmt: skip
    lines = [head, "", f"{'':24} {'value':>6}   {'95 % interval':>13}"]
    keys = [("accuracy", "accuracy"), ("macro_f1", "macro-F1"), *((f"{n}_f1", f"F1 {n}") for n in names)]
    lines += [
        f"{words:24} {figures[key]:6.3f}   {figures[key + '_low']:.3f} – {figures[key + '_high']:.3f}"
        for key, words in keys
    ]
    lines += [f"{'calibration error':24} {figures['calibration_error']:6.3f}", "", "truth (row), predicted (column)",
              f"{'':16}" + "".join(f"{n[:12]:>14}" for n in names)]  # fmt: skip
    lines += [f"{n[:16]:16}" + "".join(f"{c:14d}" for c in row) for n, row in zip(names, matrix, strict=True)]
    return "\n".join(lines)
