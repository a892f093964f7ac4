"""Champion against challenger on labelled data that neither was trained on: the evidence for a promotion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.learning import LearningSettings
from oceanclean.learning.gates import Evidence, compare
from oceanclean.learning.registry import ModelVersion
from oceanclean.learning.settings import Gate
from oceanclean.store import read_json

Progress = Callable[[str, float], None]
#: Figures that a gate may be set on, by kind; of the forecaster ``separation_<lead>h_km``.
_SEGMENTER_METRICS = ("debris_f1", "debris_iou", "floating_f1", "floating_iou", "miou", "macro_f1")


def held_out_evidence(
    challenger: ModelVersion, champion: ModelVersion | None, data: Sequence[Path], settings: LearningSettings,
    config: Path | None = None, progress: Progress | None = None,
) -> Evidence:  # fmt: skip
    """Compare two registered models of a kind on a user's labelled data.

    Args:
        challenger: the version on trial.
        champion: the version in use; None is what ships (of the forecaster: plain physics).
        data: folders, as ``oceanclean evaluate`` reads them.
        settings: gate of the kind and interval.
        config: configuration folder.
        progress: told what is being done and the share done.

    Raises:
        InputError: a kind without a gate, or a gate on an unknown metric.
        MissingDataError: nothing is left that neither model was trained on.
    """
    kind = challenger.kind
    gate = settings.gates.get(kind)
    if gate is None or kind not in _BY_KIND:
        raise InputError("learning.yaml", f"gates.{kind}", "no gate", f"one of {', '.join(_BY_KIND)}",
                         "This kind has no agreed metric and cannot be promoted.")  # fmt: skip
    if not data:
        raise InputError("command line", "--data", "nothing", "folders of labelled data", "Name at least one.")
    return _BY_KIND[kind](challenger, champion, data, gate, settings, config, progress)


def _segmenter(
    challenger: ModelVersion, champion: ModelVersion | None, data: Sequence[Path], gate: Gate,
    settings: LearningSettings, config: Path | None, progress: Progress | None,
) -> Evidence:  # fmt: skip
    from oceanclean.vision.evaluation import scene_matrices
    from oceanclean.vision.metrics import scores
    from oceanclean.vision.zoo import model_path

    del config
    if gate.metric not in _SEGMENTER_METRICS:
        raise _unknown(gate, _SEGMENTER_METRICS)
    old = model_path(champion.path if champion else None)
    cards = (challenger.card, read_json(old.with_suffix(".json")))
    known = {scene for card in cards for scene in card.get("trained_on", {}).get("scenes", [])}
    by_model = [scene_matrices(data, path, known, progress) for path in (old, challenger.path)]
    scenes = sorted(by_model[0])
    before, after = (np.stack([m[s] for s in scenes]) for m in by_model)
    words = f"{len(scenes)} labelled scenes that neither model was trained on"
    return compare(before, after, lambda m: scores(m)[gate.metric], gate=gate, settings=settings.bootstrap,
                   rests_on=words)  # fmt: skip


def _forecaster(
    challenger: ModelVersion, champion: ModelVersion | None, data: Sequence[Path], gate: Gate,
    settings: LearningSettings, config: Path | None, progress: Progress | None,
) -> Evidence:  # fmt: skip
    from oceanclean.drift.paired import paired_separations
    from oceanclean.drift.settings import load_settings

    del progress
    head, _, tail = gate.metric.partition("_")
    if head != "separation" or not tail.endswith("h_km") or not tail.removesuffix("h_km").isdecimal():
        raise _unknown(gate, ("separation_24h_km", "separation_48h_km"))
    if len(data) != 1:
        raise InputError("command line", "--data", f"{len(data)} folders", "one folder of drifter tracks", "Join them.")
    models = (champion.path if champion else None, challenger.path)
    found = paired_separations(data[0], models, int(tail.removesuffix("h_km")), load_settings(config))
    number = np.unique(found.drifter, return_inverse=True)[1]
    # sum of separations and count of starts, by drifter
    sums = [np.stack([np.bincount(number, weights=d), np.bincount(number)], axis=1) for d in found.distance]
    words = f"{found.drifter.size} starts of {number.max() + 1} drifters on days that no forecaster was fitted on"
    return compare(sums[0], sums[1], lambda s: float(s[0] / s[1]), gate=gate, settings=settings.bootstrap,
                   rests_on=words)  # fmt: skip


def _photos(
    challenger: ModelVersion, champion: ModelVersion | None, data: Sequence[Path], gate: Gate,
    settings: LearningSettings, config: Path | None, progress: Progress | None,
) -> Evidence:  # fmt: skip
    from oceanclean.vision.photos.evaluation import paired_confusions
    from oceanclean.vision.photos.scores import class_f1
    from oceanclean.vision.photos.settings import load_photo_settings

    figures: dict[str, Callable[[Any], float]] = {
        "macro_f1": lambda m: float(np.nanmean(class_f1(m))),
        "accuracy": lambda m: float(np.trace(m) / m.sum()),
    }
    if gate.metric not in figures:
        raise _unknown(gate, tuple(figures))
    models = (champion.path if champion else None, challenger.path)
    before, after = paired_confusions(challenger.kind, data, models, load_photo_settings(challenger.kind, config),
                                      progress or (lambda *_: None))  # fmt: skip
    words = f"{int(before.sum())} photos in {len(before)} groups; that no model has seen them is the user's word"
    return compare(before, after, figures[gate.metric], gate=gate, settings=settings.bootstrap, rests_on=words)


def _unknown(gate: Gate, known: Sequence[str]) -> InputError:
    return InputError("learning.yaml", "metric", repr(gate.metric), f"one of {tuple(known)}", "Choose one of them.")


_BY_KIND: dict[str, Callable[..., Evidence]] = {
    "segmenter": _segmenter, "forecaster": _forecaster, "classifier": _photos, "cleanliness": _photos,
}  # fmt: skip
