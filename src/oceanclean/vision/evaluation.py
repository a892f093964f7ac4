"""Evaluation as a feature: one command scores the segmenter on labelled scenes, the published U-Net beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BANDS, CLASS_ID, CLASSES
from oceanclean.vision.calibration import CalibrationFit
from oceanclean.vision.data import Patch, find_patches, read_image, read_labels, reference_predictions
from oceanclean.vision.features import water_reference
from oceanclean.vision.inference import decide
from oceanclean.vision.metrics import confusion, probability_scores, with_intervals
from oceanclean.vision.pixels import thin_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.folds import Folds
    from oceanclean.vision.training import TrainingSettings

Progress = Callable[[str, float], None]
PROTOCOLS = ("shipped", "leave-scene-out")
_DEBRIS = CLASS_ID["marine_debris"]


def _silent(what: str, share: float) -> None:
    """Progress of which nobody wants to hear."""
    del what, share


@dataclass
class _Tally:
    """What the scores are made of, gathered scene by scene."""

    matrices: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    positive: dict[str, list[NDArray[np.bool_]]] = field(default_factory=dict)
    probability: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)

    def add(self, scene: str, truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
        """Count the pixels of one patch."""
        self.matrices[scene] = self.matrices.get(scene, 0) + confusion(truth, predicted)

    def add_debris(self, scene: str, truth: NDArray[np.uint8], debris: NDArray[np.float32]) -> None:
        """Keep the debris probability of the labelled pixels of one patch."""
        self.positive.setdefault(scene, []).append(truth[truth > 0] == _DEBRIS)
        self.probability.setdefault(scene, []).append(debris[truth > 0])

    def figures(self, seed: int) -> dict[str, Any]:
        """Scores with intervals, and the numbers of pixels and scenes."""
        matrices = np.stack([self.matrices[s] for s in sorted(self.matrices)])
        out: dict[str, Any] = with_intervals(matrices, np.random.default_rng(seed))
        out["pixels"], out["scenes"] = int(matrices[:, 1:].sum()), len(matrices)
        out["debris_pixels"], out["patch_pixels"] = int(matrices[:, _DEBRIS].sum()), int(matrices.sum())
        if self.positive:
            scenes = sorted(self.positive)
            out |= probability_scores(
                [np.concatenate(self.positive[s]) for s in scenes],
                [np.concatenate(self.probability[s]) for s in scenes], np.random.default_rng(seed),
            )  # fmt: skip
        return out


def evaluate_segmenter(
    data_dirs: Path | Sequence[Path],
    model: str | Path | None = None,
    protocol: str = "shipped",
    *,
    folder: Path | None = None,
    settings: TrainingSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score the segmenter on labelled scenes laid out like MARIDA.

    Args:
        data_dirs: one or more folders.
        model: path of a ``.keras`` file; default the one that ships.
        protocol: ``shipped`` scores the model as it is; ``leave-scene-out`` retrains without each scene, with
            calibration and threshold fitted to the other scenes' out-of-fold logits.
        folder: where leave-scene-out keeps its folds, so that a killed run goes on; default: a temporary folder.
        settings: of the retraining; default those of the shipped model.
        seed: of the bootstrap.
        progress: called with (what, share done).

    Returns:
        Flat figures (see :mod:`~oceanclean.vision.metrics`), with ``reference`` holding the published U-Net's where
        the folders have its predictions.

    Raises:
        InputError: unknown protocol.
        MissingDataError: a folder without labelled patches.
    """
    if protocol not in PROTOCOLS:
        raise InputError("evaluate segmenter", "protocol", repr(protocol), f"one of {PROTOCOLS}", "Choose one of them.")
    folders = [Path(data_dirs)] if isinstance(data_dirs, str | Path) else [Path(d) for d in data_dirs]
    patches = find_patches(folders)
    tell = progress or _silent
    if protocol == "shipped":
        tally = _score_shipped(patches, model, tell)
    else:
        tally = _score_left_out(patches, folder, settings, tell)
    out = {"protocol": protocol, **tally.figures(seed)}
    reference = _score_reference(folders, patches)
    if reference is not None:
        out["reference"] = {"protocol": "published U-Net, trained on MARIDA's train split", **reference.figures(seed)}
    return out


def scene_matrices(
    data_dirs: Path | Sequence[Path], model: str | Path | None, leave_out: Collection[str] = (),
    progress: Progress | None = None,
) -> dict[str, NDArray[np.int64]]:  # fmt: skip
    """Confusion matrices (truth, predicted) of a segmenter by scene, for comparing two on the same scenes.

    Args:
        data_dirs: folders laid out like MARIDA.
        model: path of a ``.keras`` file; None for the one that ships.
        leave_out: scenes not looked at, because a model was trained on them.
        progress: called with (what, share done).

    Raises:
        MissingDataError: a folder without labelled patches, or all scenes are left out.
    """
    folders = [Path(data_dirs)] if isinstance(data_dirs, str | Path) else [Path(d) for d in data_dirs]
    found = find_patches(folders)
    patches = [p for p in found if p.scene not in leave_out]
    if not patches:
        raise MissingDataError(folders[0], "scenes", f"{len({p.scene for p in found})}, all of them trained on",
                               "scenes that no model was trained on",
                               "Label other scenes; figures on known ones flatter.")  # fmt: skip
    return _score_shipped(patches, model, progress or _silent).matrices


def score_folds(folds: Folds, progress: Progress | None = None) -> dict[str, Any]:
    """Leave-scene-out figures of a training run, over whole patches."""
    return _tally_folds(folds, progress or _silent).figures(0)


def _score_shipped(patches: Sequence[Patch], model: str | Path | None, tell: Progress) -> _Tally:
    from oceanclean.vision.zoo import load_segmenter

    segmenter = load_segmenter(str(model) if model else None)
    tally = _Tally()
    scenes = sorted({p.scene for p in patches})
    for i, scene in enumerate(scenes):
        _score_scene(tally, [p for p in patches if p.scene == scene], segmenter.model, segmenter.threshold)
        tell(scene, (i + 1) / len(scenes))
    return tally


def _score_left_out(
    patches: Sequence[Patch], folder: Path | None, settings: TrainingSettings | None, tell: Progress
) -> _Tally:
    from tempfile import TemporaryDirectory

    from oceanclean.vision.folds import Folds
    from oceanclean.vision.training import TrainingSettings

    with TemporaryDirectory() as temporary:
        return _tally_folds(Folds(patches, folder or Path(temporary), settings or TrainingSettings()), tell)


def _tally_folds(folds: Folds, tell: Progress) -> _Tally:
    from oceanclean.vision.training import whole_model

    tally = _Tally()
    for k, scene in enumerate(folds.scenes):
        folds.fold(k)
        tell(f"trained without {scene}", (k + 1) / (2 * len(folds.scenes)))
    for k, scene in enumerate(folds.scenes):
        fit: CalibrationFit = folds.calibration(k)
        model = whole_model(folds.network(k), fit, folds.trees(k), folds.settings.deciding.floor)
        _score_scene(tally, [p for p in folds.patches if p.scene == scene], model, fit.threshold)
        tell(f"scored {scene}", 0.5 + (k + 1) / (2 * len(folds.scenes)))
    return tally


def _score_scene(tally: _Tally, patches: Sequence[Patch], model: Any, threshold: float) -> None:
    water = water_reference(np.concatenate([thin_sample(read_image(p)) for p in patches])).array()
    for patch, probability in _predictions(patches, model, water):
        truth = read_labels(patch)
        tally.add(patch.scene, truth, decide(probability, threshold))
        tally.add_debris(patch.scene, truth, probability[..., _DEBRIS - 1])


def _predictions(
    patches: Sequence[Patch], model: Any, water: NDArray[np.float32]
) -> Iterator[tuple[Patch, NDArray[np.float32]]]:
    """Probabilities (y, x, class) of each patch, seen whole."""
    from oceanclean.vision.runner import Runner

    run = Runner(model, water, np.ones(len(BANDS), np.float32))
    for patch in patches:
        yield patch, run(read_image(patch))


def _score_reference(folders: Iterable[Path], patches: Sequence[Patch]) -> _Tally | None:
    tally = _Tally()
    by_name = {p.name: p for p in patches}
    for folder in folders:
        for name, classes in reference_predictions(folder, patches).items():
            tally.add(by_name[name].scene, read_labels(by_name[name]), classes)
    return tally if tally.matrices else None


#: Rows of the table's lower part: figure, words.
_SUMMARY = (
    ("debris_precision", "debris precision"), ("debris_recall", "debris recall"), ("debris_f1", "debris F1"),
    ("debris_iou", "debris IoU"), ("floating_f1", "floating matter F1"), ("floating_iou", "floating matter IoU"),
    ("miou", "mean IoU over classes"), ("macro_f1", "mean F1 over classes"),
    ("false_debris_per_100km2", "debris px painted / 100 km²"),
    ("debris_average_precision", "debris average precision"), ("debris_calibration_error", "debris calibration error"),
)  # fmt: skip


def evaluation_table(figures: dict[str, Any]) -> str:
    """The figures as a table for people: classes, then the summary with intervals, the U-Net's beside them."""
    reference = figures.get("reference", {})
    head = (
        f"protocol {figures['protocol']}: {figures['scenes']} scenes, {figures['pixels']} annotated pixels "
        f"({figures['debris_pixels']} debris), scores from pixels of all scenes together"
    )
    lines = [head, "",
             f"{'class':22} {'IoU':>6} {'prec.':>6} {'recall':>6} {'F1':>6}   {'U-Net IoU':>9}"]  # fmt: skip
    for name in CLASSES:
        if f"{name}_iou" in figures:
            cells = " ".join(f"{figures[f'{name}_{k}']:6.3f}" for k in ("iou", "precision", "recall", "f1"))
            lines.append(f"{name:22} {cells}   {_cell(reference.get(f'{name}_iou')):>9}")
    lines += ["", f"{'':28} {'value':>8} {'95 % interval':>18}   {'U-Net':>8}"]
    for key, words in _SUMMARY:
        if key in figures:
            span = f"{_cell(figures.get(key + '_low'))} – {_cell(figures.get(key + '_high'))}"
            lines.append(f"{words:28} {_cell(figures[key]):>8} {span:>18}   {_cell(reference.get(key)):>8}")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.3f}"
