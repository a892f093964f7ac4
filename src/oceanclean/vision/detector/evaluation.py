"""Evaluation as a feature: the shipped detector as it is, or networks trained without the scenes they are scored on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision.detector.boxes import suppress
from oceanclean.vision.detector.boxsets import BoxSet, read_box_sets
from oceanclean.vision.detector.canvases import canvases
from oceanclean.vision.detector.finders import finder_of, load_detector
from oceanclean.vision.detector.scoring import (
    ScoredImage,
    best_threshold,
    detection_scores,
    recall_by_size,
    tally,
    with_intervals,
)
from oceanclean.vision.detector.settings import DetectorSettings
from oceanclean.vision.detector.tiles import score_canvases, score_in_scene
from oceanclean.vision.detector.training import IOU, LAX_IOU, Folds

if TYPE_CHECKING:
    from oceanclean.vision.models import StoredModel

Progress = Callable[[str, float], None]
PROTOCOLS = ("shipped", "grouped-folds")


def _silent(what: str, share: float) -> None:
    """Progress of which nobody wants to hear."""
    del what, share


def evaluate_detector(
    data: Path | Sequence[Path],
    model: str | Path | None = None,
    protocol: str = "shipped",
    *,
    settings: DetectorSettings | None = None,
    folder: Path | None = None,
    material: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score boxes on labelled images.

    Args:
        data: folders of :func:`~oceanclean.vision.detector.boxsets.read_box_sets`.
        model: ``.keras`` file or its folder; default the one that ships.
        protocol: ``shipped`` scores the model as it is; ``grouped-folds`` trains networks without each part of the
            scenes and scores them on that part, with the threshold of the other parts.
        settings: how maps are read and, for folds, how networks are trained.
        folder: where folds keep their runs, so that a killed one goes on; default a temporary folder.
        material: in ``grouped-folds``, learn the set's classes, which adds figures by material.
        seed: of the bootstrap over scenes.
        progress: called with (what, share done).

    Returns:
        Flat figures: ``precision recall f1 average_precision`` at ``iou_threshold`` with ``_low`` and ``_high``, each
        tile seen alone; the same with ``_iou30`` at overlap .3 and with ``_in_scene`` where tiles of a scene are put
        together first; ``recall_SIZE`` and ``objects_SIZE``; ``material_…`` where the model tells materials apart.

    Raises:
        InputError: unknown protocol, or a model that is no detector.
        MissingDataError: no labelled images.
    """
    if protocol not in PROTOCOLS:
        raise InputError("evaluate detector", "protocol", repr(protocol), f"one of {PROTOCOLS}", "Choose one of them.")
    folders = [Path(data)] if isinstance(data, str | Path) else [Path(d) for d in data]
    images = read_box_sets(folders).with_images()
    if not images.images:
        raise MissingDataError(
            folders[0], "images", "none of the files named", "images beside their boxes", "Copy them."
        )
    settings, tell = settings or DetectorSettings(), progress or _silent
    if protocol == "shipped":
        return _shipped(images, model or settings.model, settings, seed, tell)
    with TemporaryDirectory() as temporary:
        return _folds(images if material else images.one_class(), folder or Path(temporary), settings, seed, tell)


def _shipped(
    images: BoxSet, model: str | Path, settings: DetectorSettings, seed: int, tell: Progress
) -> dict[str, Any]:
    stored = load_detector(model)
    detector = finder_of(stored.model, settings.decoding)
    threshold = settings.threshold or float(stored.card["threshold"])
    truth = _named_as(images, stored)
    scale = float(stored.card.get("image_scale", 1.0))
    tell("tiles alone", 0.0)
    alone = score_canvases(detector, canvases(truth.images, alone=True, scale=scale))
    tell("tiles in their scenes", 0.5)
    joined = score_in_scene(detector, truth.images, alone, scale)
    out = _figures(alone, joined, [threshold], [0] * len(alone), [0] * len(joined), truth.classes, seed)
    return {"protocol": "shipped", "model": f"{stored.card['name']} {stored.card['sha256'][:12]}", **out}


def _named_as(images: BoxSet, stored: StoredModel) -> BoxSet:
    """Labels in the model's classes; all one class where the model knows one only or other names."""
    if len(stored.classes) == 1 or not set(images.classes) <= set(stored.classes):
        return BoxSet(images.one_class().images, tuple(stored.classes[:1]))
    number = np.array([stored.classes.index(c) for c in images.classes])
    return BoxSet(tuple(replace(i, labels=number[i.labels]) for i in images.images), tuple(stored.classes))


def _folds(images: BoxSet, folder: Path, settings: DetectorSettings, seed: int, tell: Progress) -> dict[str, Any]:
    folds = Folds(images, folder, settings.training, settings.decoding, tell)
    alone, joined = [], []
    for k in range(len(folds.parts)):
        detector = folds.finder(k)
        alone.append(folds.findings(k, detector))
        joined.append(score_in_scene(detector, folds.parts[k], alone[k], settings.training.image_scale))
    thresholds = []
    for k in range(len(alone)):
        others = [i for j, part in enumerate(alone) if j != k for i in part]
        thresholds.append(best_threshold(tally(litter_only(others), IOU)))
    part_alone = [k for k, part in enumerate(alone) for _ in part]
    part_joined = [k for k, part in enumerate(joined) for _ in part]
    out = _figures([i for p in alone for i in p], [i for p in joined for i in p], thresholds, part_alone, part_joined,
                   images.classes, seed)  # fmt: skip
    return {"protocol": "grouped-folds", "folds": len(alone), **out}


def _figures(
    alone: Sequence[ScoredImage], joined: Sequence[ScoredImage], thresholds: Sequence[float],
    part_alone: Sequence[int], part_joined: Sequence[int], classes: Sequence[str], seed: int,
) -> dict[str, Any]:  # fmt: skip
    """All figures; scores are divided by their fold's threshold, so that 1 is everyone's threshold."""
    alone, joined = _against(alone, thresholds, part_alone), _against(joined, thresholds, part_joined)
    litter, in_scene = litter_only(alone), litter_only(joined)
    counts = tally(litter, IOU)
    out: dict[str, Any] = {
        "images": len(litter), "scenes": counts.scenes, "objects": len(counts.found_at), "iou_threshold": IOU,
        "threshold": float(np.mean(thresholds)),
    }  # fmt: skip
    for ending, images, iou in (("", litter, IOU), ("_iou30", litter, LAX_IOU), ("_in_scene", in_scene, IOU),
                                ("_in_scene_iou30", in_scene, LAX_IOU)):  # fmt: skip
        scores = with_intervals(tally(images, iou), 1.0, np.random.default_rng(seed))
        out |= {_ended(key, ending): value for key, value in scores.items()}
    out |= recall_by_size(counts, 1.0)
    if len(classes) > 1:
        out |= _by_material(alone, classes)
    return out


def _ended(key: str, ending: str) -> str:
    for tail in ("_low", "_high"):
        if key.endswith(tail):
            return key.removesuffix(tail) + ending + tail
    return key + ending


def _against(images: Sequence[ScoredImage], thresholds: Sequence[float], parts: Sequence[int]) -> list[ScoredImage]:
    return [replace(i, scores=i.scores / np.float32(thresholds[k])) for i, k in zip(images, parts, strict=True)]


def litter_only(images: Sequence[ScoredImage]) -> list[ScoredImage]:
    """The same findings with one class: of boxes of several materials on one object the best stays."""
    out = []
    for image in images:
        kept = suppress(image.boxes, image.scores, 0.6) if len(image.boxes) else np.zeros(0, np.intp)
        out.append(
            ScoredImage(image.scene, image.truth, np.zeros_like(image.truth_labels), image.boxes[kept],
                        image.scores[kept], np.zeros(len(kept), np.int64))
        )  # fmt: skip
    return out


def _by_material(images: Sequence[ScoredImage], classes: Sequence[str]) -> dict[str, float]:
    """Scores of every class and their plain mean over the classes that the truth has."""
    out: dict[str, float] = {}
    rows = []
    for k, name in enumerate(classes):
        part = [replace(i, truth=i.truth[i.truth_labels == k], truth_labels=i.truth_labels[i.truth_labels == k],
                        boxes=i.boxes[i.labels == k], scores=i.scores[i.labels == k], labels=i.labels[i.labels == k])
                for i in images]  # fmt: skip
        counts = tally(part, IOU)
        if len(counts.found_at):
            scores = detection_scores(counts, 1.0)
            rows.append(scores)
            out |= {f"material_{name}_{key}": value for key, value in scores.items()}
            out[f"material_{name}_objects"] = len(counts.found_at)
    for key in ("precision", "recall", "f1", "average_precision"):
        values = np.nan_to_num([r[key] for r in rows])
        out[f"material_{key}"] = float(values.mean())
    return out


def detector_table(figures: dict[str, Any]) -> str:
    """The figures as a table for people."""
    head = f"protocol {figures['protocol']}: {figures['images']} images of {figures['scenes']} scenes"
    lines = [f"{head}, {figures['objects']} objects", "", f"{'':32} {'value':>7} {'95 % interval':>17}"]
    for ending, words in (("", "tiles alone, IoU .5"), ("_iou30", "tiles alone, IoU .3"),
                          ("_in_scene", "tiles in their scene, IoU .5"),
                          ("_in_scene_iou30", "tiles in their scene, IoU .3")):  # fmt: skip
        lines.append(words)
        for key in ("precision", "recall", "f1", "average_precision"):
            low, high = figures[f"{key}{ending}_low"], figures[f"{key}{ending}_high"]
            lines.append(f"  {key.replace('_', ' '):30} {figures[key + ending]:7.3f} {low:8.3f} – {high:.3f}")
    lines.append("recall by size (IoU .5, tiles alone)")
    for key, value in figures.items():
        if key.startswith("recall_") and key.endswith("px"):
            size = key.removeprefix("recall_")
            lines.append(f"  {size.replace('_', ' '):30} {value:7.3f}   of {figures['objects_' + size]}")
    if "material_f1" in figures:
        lines.append("by material, mean over classes (IoU .5)")
        lines += [
            f"  {key.replace('_', ' '):30} {figures['material_' + key]:7.3f}"
            for key in ("precision", "recall", "f1", "average_precision")
        ]
    return "\n".join(lines)
