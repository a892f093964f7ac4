"""Training of the segmenter: balanced pixels, weak negatives, averaged weights, calibration on scenes left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.products.names import BANDS, CLASS_ID, CLASSES
from oceanclean.settings import Settings, config_root, load
from oceanclean.vision.calibration import CalibrationFit, fit_calibration
from oceanclean.vision.forest import DecidingTrees, ForestTables, fit_forest
from oceanclean.vision.pixels import Augmentation, PixelSet, augment, mix, through_bands, vary
from oceanclean.vision.teacher import Teacher

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.folds import Folds

_DEBRIS = CLASS_ID["marine_debris"]


class TrainingSettings(Settings):
    """What a training run may vary; the defaults are what the shipped model was trained with.

    Attributes:
        hidden: units of the hidden layers.
        dropout: share of hidden units dropped.
        steps: optimiser steps.
        batch: labelled pixels a step; as many unlabelled ones come on top.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: AdamW's.
        ema: momentum of the averaged weights.
        smoothing: label smoothing.
        class_power: a class is drawn in proportion to its pixels to this power (0 balanced, 1 as they come).
        scene_power: the same for scenes within a class.
        unlabelled_weight: weight of "an unlabelled pixel is hardly ever debris" against one labelled pixel.
        mixtures: mixtures of two known pixels that the teacher judges (0: none).
        teacher_trees: extra trees whose probabilities the network also learns (0: none).
        teacher_pixels: most pixels of one class in one scene that the trees learn from.
        teacher_share: share of the teacher's out-of-bag opinion in the target of a labelled pixel.
        teacher_weight: weight of the teacher's opinion on an unlabelled pixel against one labelled pixel.
        deciding: trees that decide above the network's gate.
        augmentation: variation of the pixels.
        seed: of the whole run.
    """

    hidden: tuple[int, ...] = (128, 64)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    members: int = Field(default=1, ge=1, le=16)
    steps: int = Field(default=900, ge=1)
    batch: int = Field(default=1024, ge=16)
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    ema: float = Field(default=0.995, ge=0, lt=1)
    smoothing: float = Field(default=0.03, ge=0, lt=1)
    class_power: float = Field(default=0.25, ge=0, le=1)
    scene_power: float = Field(default=0.5, ge=0, le=1)
    unlabelled_weight: float = Field(default=1.0, ge=0)
    mixtures: int = Field(default=100_000, ge=0)
    teacher_trees: int = Field(default=160, ge=0)
    teacher_pixels: int = Field(default=600, ge=1)
    teacher_share: float = Field(default=0.7, ge=0, le=1)
    teacher_weight: float = Field(default=1.0, ge=0)
    deciding: DecidingTrees = Field(default_factory=DecidingTrees)
    augmentation: Augmentation = Field(default_factory=Augmentation)
    seed: int = 20240101

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.model_dump(mode="json")


def load_training_settings(config: Path | None = None) -> TrainingSettings:
    """Settings of ``config/models/segmenter_training.yaml``, or the defaults where there is no such file."""
    path = config_root(config) / "models" / "segmenter_training.yaml"
    return load(path, TrainingSettings) if path.is_file() else TrainingSettings()


def sampling_weights(
    label: NDArray[np.uint8], scene: NDArray[np.int32], class_power: float, scene_power: float
) -> NDArray[np.float64]:
    """Probability of drawing each labelled pixel, so that rare classes and small scenes are heard."""
    weights = np.zeros(len(label))
    for k in np.unique(label):
        of_class = label == k
        group = np.zeros(len(label))
        for s in np.unique(scene[of_class]):
            rows = of_class & (scene == s)
            group[rows] = rows.sum() ** (scene_power - 1.0)
        weights += group / group.sum() * of_class.sum() ** class_power
    return weights / weights.sum()


def partial_label_loss(target: Any, logits: Any) -> Any:
    """Cross-entropy where the class is known, −log(1 − p(debris)) where only "not debris" is.

    Args:
        target: (..., class + 1): class shares, then the weight of the second term; class shares all 0 there.
        logits: (..., class).
    """
    from keras import ops

    log_p = ops.log_softmax(logits, axis=-1)
    known = -ops.sum(target[..., :-1] * log_p, axis=-1)
    p_debris = ops.exp(log_p[..., _DEBRIS - 1])
    return known - target[..., -1] * ops.log(1.0 - p_debris + 1e-6)


@dataclass
class _Batches:
    """Training batches: labelled pixels, unlabelled ones, and mixtures that the teacher judged."""

    pixels: PixelSet
    settings: TrainingSettings
    rng: np.random.Generator
    labelled: NDArray[np.intp]
    unlabelled: NDArray[np.intp]
    ground: NDArray[np.intp]
    cumulative: NDArray[np.float64]
    opinion: NDArray[np.float32] | None = None
    mixed: tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32]] | None = None

    @classmethod
    def of(
        cls, pixels: PixelSet, train_scenes: NDArray[np.intp], settings: TrainingSettings, rng: np.random.Generator
    ) -> _Batches:
        """Batches of the given scenes; no other scene is looked at."""
        mine = np.isin(pixels.scene, train_scenes)
        labelled = np.flatnonzero(mine & (pixels.label > 0))
        weights = sampling_weights(
            pixels.label[labelled], pixels.scene[labelled], settings.class_power, settings.scene_power
        )
        made = cls(pixels, settings, rng, labelled, np.flatnonzero(mine & (pixels.label == 0)),
                   np.flatnonzero(mine & pixels.background), np.cumsum(weights))  # fmt: skip
        if settings.teacher_trees:
            teacher = Teacher(pixels, labelled, settings, rng)
            made.opinion = teacher.of_rows(pixels, np.flatnonzero(mine))
            first, second = made.draw(settings.mixtures), made.draw(settings.mixtures)
            unknown = rng.random(settings.mixtures) < 0.3
            second[unknown] = rng.choice(made.unlabelled, int(unknown.sum()))
            statistics, water = mix(pixels, first, second, settings.augmentation, rng)
            made.mixed = (statistics, water, teacher.of(statistics, water))
        return made

    def draw(self, count: int) -> NDArray[np.intp]:
        """Labelled rows, rare classes and small scenes more often."""
        return self.labelled[np.searchsorted(self.cumulative, self.rng.random(count) * self.cumulative[-1])]

    def next(self) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
        """Inputs (statistics, water, presence) and targets of one step."""
        s, p = self.settings, self.pixels
        rows = np.concatenate([self.draw(s.batch), self.rng.choice(self.unlabelled, s.batch)])
        values, water, presence = augment(p, rows, self.ground, s.augmentation, self.rng)
        target = _targets(p.label[rows], None if self.opinion is None else self.opinion[rows], s)
        if self.mixed is not None and s.mixtures:
            some = self.rng.integers(0, len(self.mixed[0]), s.batch)
            more = vary(self.mixed[0][some].astype(np.float32), self.mixed[1][some], s.augmentation, self.rng)
            judged = np.concatenate([s.teacher_weight * self.mixed[2][some], np.zeros((s.batch, 1), np.float32)], 1)
            values, water, presence = (
                np.concatenate(pair) for pair in zip((values, water, presence), more, strict=True)
            )
            target = np.concatenate([target, judged])
        return [values[:, None, None], water, presence], target[:, None, None]


def fit_pixel_model(
    pixels: PixelSet,
    train_scenes: NDArray[np.intp],
    settings: TrainingSettings,
    progress: Callable[[int, float], None] | None = None,
) -> keras.Model:
    """Train the pixel model on the given scenes of a pixel table.

    Args:
        pixels: the table.
        train_scenes: indices of the scenes to learn from; no other scene is looked at.
        settings: how.
        progress: called with (step, loss).

    Returns:
        The model with averaged weights.
    """
    import keras

    from oceanclean.vision.model import SegmenterConfig, SpectralFeatures, build_pixel_model

    keras.utils.set_random_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    batches = _Batches.of(pixels, train_scenes, settings, rng)
    features = SpectralFeatures(name="features", compression="sqrt")
    some = np.concatenate([batches.draw(20_000), rng.choice(batches.unlabelled, 20_000)])
    features.adapt(pixels.statistics[some].astype(np.float32), pixels.water[pixels.scene[some]])
    config = SegmenterConfig(settings.hidden, settings.dropout, settings.members)
    model = build_pixel_model(config, features)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-5, settings.steps - settings.steps // 10, alpha=0.01,
        warmup_target=settings.learning_rate, warmup_steps=settings.steps // 10,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, use_ema=True, ema_momentum=settings.ema
    )
    model.compile(optimizer, partial_label_loss)
    for step in range(settings.steps):
        loss = model.train_on_batch(*batches.next())
        if progress is not None and step % 100 == 99:
            progress(step + 1, float(loss))
    optimizer.finalize_variable_values(model.trainable_variables)
    # A fresh copy carries neither optimiser nor loss, so that the file is small and loads in safe mode.
    plain = build_pixel_model(config, features)
    plain.set_weights(model.get_weights())
    return plain


def _targets(
    label: NDArray[np.uint8], opinion: NDArray[np.float32] | None, settings: TrainingSettings
) -> NDArray[np.float32]:
    """(pixel, class + 1) targets of :func:`partial_label_loss`."""
    target = np.zeros((len(label), len(CLASSES) + 1), np.float32)
    known = label > 0
    target[known, :-1] = settings.smoothing / len(CLASSES)
    target[known, label[known] - 1] += 1.0 - settings.smoothing
    if opinion is not None:
        share = settings.teacher_share
        target[known, :-1] = (1 - share) * target[known, :-1] + share * opinion[known]
        target[~known, :-1] = settings.teacher_weight * opinion[~known]
    target[~known, -1] = settings.unlabelled_weight
    return target


def predict_pixels(
    model: keras.Model, pixels: PixelSet, rows: NDArray[np.intp], present: tuple[str, ...] = BANDS
) -> NDArray[np.float32]:
    """Logits (pixel, class) of rows of the table, seen through the bands present."""
    logits = []
    for part in np.array_split(rows, max(1, len(rows) // 65536)):
        values = pixels.statistics[part].astype(np.float32)
        if len(present) < len(BANDS):
            values = through_bands(values, present)
        presence = np.tile(np.asarray([b in present for b in BANDS], np.float32), (len(part), 1))
        water = pixels.water[pixels.scene[part]]
        logits.append(np.asarray(model.predict_on_batch([values[:, None, None], water, presence]))[:, 0, 0])
    return np.concatenate(logits)


def train_segmenter(
    data_dirs: Path | Iterable[Path],
    out_dir: Path,
    settings: TrainingSettings | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Path:
    """Train, calibrate on scenes left out, and write ``segmenter.keras`` with its card ``segmenter.json``.

    Every fold leaves its network and logits in ``out_dir``; a run that was killed goes on at the fold where it
    stood, and a change of settings or data starts anew.

    Args:
        data_dirs: folders laid out like MARIDA.
        out_dir: where the model goes.
        settings: how; defaults are those of the shipped model.
        progress: called with (what, share done).

    Returns:
        Path of the ``.keras`` file.
    """
    from oceanclean.vision.data import find_patches
    from oceanclean.vision.folds import Folds

    settings = settings or TrainingSettings()
    folds = Folds(find_patches(data_dirs), Path(out_dir), settings)
    steps = len(folds.scenes) + 2
    _tell(progress, "local statistics", 0.0)
    pixels = folds.pixels()
    for k in range(len(folds.scenes)):
        _tell(progress, f"without {folds.scenes[k]}", (k + 1) / steps)
        folds.fold(k)
    fit = fit_calibration(folds.logits(), pixels.label, pixels.stands_for)
    _tell(progress, "all scenes", (steps - 1) / steps)
    everywhere = np.arange(len(pixels.scenes))
    network = fit_pixel_model(pixels, everywhere, settings)
    tables = fit_forest(pixels, everywhere, settings) if settings.deciding.trees else None
    model = whole_model(network, fit, tables, settings.deciding.floor)
    path = save_segmenter(model, fit, Path(out_dir) / "segmenter.keras", folds, settings)
    _tell(progress, "done", 1.0)
    return path


def _tell(progress: Callable[[str, float], None] | None, what: str, share: float) -> None:
    if progress is not None:
        progress(what, share)


def whole_model(
    network: keras.Model, fit: CalibrationFit, tables: ForestTables | None = None, floor: float = 0.1
) -> keras.Model:
    """Reflectance to calibrated probabilities: local statistics, the network, trees that decide, calibration."""
    from oceanclean.vision.deciding import Forest
    from oceanclean.vision.model import build_segmenter

    forest = None
    if tables is not None:
        forest = Forest(floor, name="forest")
        forest.tables = tables
    model = build_segmenter(network, forest)
    model.get_layer("calibration").set_weights([np.float32(fit.temperature), np.asarray(fit.offset, np.float32)])
    return model


def save_segmenter(
    model: keras.Model, fit: CalibrationFit, path: Path, folds: Folds, settings: TrainingSettings
) -> Path:
    """Write the whole model, uncompiled, and its card."""
    import keras

    from oceanclean import __version__
    from oceanclean.store import digest_file, write_aside, write_json
    from oceanclean.vision.evaluation import score_folds
    from oceanclean.vision.model import RADIUS

    with write_aside(path) as aside:
        model.save(aside)
    pixels = folds.pixels()
    card = {
        "name": "oceanclean-segmenter", "version": __version__, "sha256": digest_file(path),
        "bands": list(BANDS), "classes": list(CLASSES), "threshold": round(fit.threshold, 4), "radius": RADIUS,
        "parameters": int(model.get_layer("pixel").count_params()),
        "keras": keras.__version__, "backend": keras.backend.backend(),
        "trained_on": {
            "data": "MARIDA layout", "radiometry": "rhorc", "scenes": pixels.scenes,
            "labelled_pixels": {c: int((pixels.label == i + 1).sum()) for i, c in enumerate(CLASSES)},
            "water": {s: [round(float(v), 5) for v in w] for s, w in zip(pixels.scenes, pixels.water, strict=True)},
        },
        "licence": "weights CC BY 4.0 (MARIDA: Kikaki et al. 2022, doi 10.1371/journal.pone.0262247)",
        "calibration": {"temperature": fit.temperature, "offset": list(fit.offset)},
        "settings": settings.to_json(), "leave_scene_out": score_folds(folds),
    }  # fmt: skip
    write_json(path.with_suffix(".json"), card)
    return path
