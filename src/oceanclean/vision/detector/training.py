"""Training: a network that never sees a part of the scenes, for threshold and honest figures; then all scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import MissingDataError
from oceanclean.vision.detector.boxsets import BoxSet, LabelledImage, deal, read_box_sets
from oceanclean.vision.detector.canvases import Canvas, canvases
from oceanclean.vision.detector.decoding import DecodingSettings
from oceanclean.vision.detector.finders import Finder, finder_of
from oceanclean.vision.detector.network import build_detector
from oceanclean.vision.detector.scoring import ScoredImage, best_threshold, tally, with_intervals
from oceanclean.vision.detector.settings import TrainingSettings
from oceanclean.vision.detector.targets import make_loss
from oceanclean.vision.detector.tiles import score_canvases
from oceanclean.vision.detector.tree_training import TileViews, train_trees
from oceanclean.vision.detector.windows import WindowSampler
from oceanclean.vision.fitting import fit
from oceanclean.vision.models import save_model

if TYPE_CHECKING:
    import keras

Progress = Callable[[str, float], None]
#: Overlap at which a box counts as a find in the main figures, and the laxer one for "there is litter here".
IOU, LAX_IOU = 0.5, 0.3


def _silent(what: str, share: float) -> None:
    """Progress of which nobody wants to hear."""
    del what, share


@dataclass
class Folds:
    """Trees or networks trained without one part of the scenes each, and what they find in that part.

    Attributes:
        images: the labelled images.
        classes: names.
        folder: where the runs keep their state.
        settings: of training.
        decoding: of reading the maps.
        progress: told what is going on.
    """

    images: BoxSet
    folder: Path
    settings: TrainingSettings
    decoding: DecodingSettings
    progress: Progress = _silent
    parts: list[list[LabelledImage]] = field(init=False)
    views: TileViews = field(init=False)

    def __post_init__(self) -> None:
        self.parts = deal(self.images.images, self.settings.folds)
        self.views = TileViews(self.progress, self.settings.image_scale)

    def network(self, number: int) -> keras.Model:
        """The network that never saw part ``number``."""
        seen = [i for k, part in enumerate(self.parts) if k != number for i in part]
        images = BoxSet(tuple(seen), self.images.classes)
        return train_network(images, self.folder / f"without_{number}", self.settings, self.progress)

    def trees(self, number: int | None = None) -> keras.Model:
        """Trees that never saw part ``number``; of every scene for None."""
        seen = [i for k, part in enumerate(self.parts) if k != number for i in part]
        folder = self.folder / ("trees_all" if number is None else f"trees_without_{number}")
        return train_trees(seen, self.views, folder, self.settings.trees)

    def finder(self, number: int) -> Finder:
        """What finds objects without having seen part ``number``."""
        model = self.trees(number) if self.by_trees else self.network(number)
        return finder_of(model, self.decoding)

    @property
    def by_trees(self) -> bool:
        """Whether trees find: they know one class only."""
        return self.settings.family == "trees" and len(self.images.classes) == 1

    def findings(self, number: int, detector: Finder) -> list[ScoredImage]:
        """What a network finds in the tiles of part ``number``, each seen alone."""
        return score_canvases(detector, canvases(self.parts[number], alone=True, scale=self.settings.image_scale))


def train_network(
    images: BoxSet,
    folder: Path,
    settings: TrainingSettings,
    progress: Progress = _silent,
    *,
    start: keras.Model | None = None,
) -> keras.Model:
    """Train one network, or take it up where an earlier call in the folder was cut.

    Args:
        images: to learn from.
        folder: of the run's state.
        settings: how.
        progress: told after every epoch.
        start: a network to go on from, for the refining part of the schedule.
    """
    classes = len(images.classes)
    how = settings.fit
    model = build_detector(settings.windows.size, classes, settings.width)
    if start is not None:
        model.set_weights(start.get_weights())
        how = how.model_copy(update={"epochs": settings.refine_epochs, "learning_rate": settings.refine_rate})
    scenes: list[Canvas] = []

    def batches(epoch: int, rng: np.random.Generator) -> Any:
        del epoch
        if not scenes:
            scenes.extend(canvases(images.images, scale=settings.image_scale))
        return WindowSampler(scenes, classes, settings.windows).batches(how.steps, how.batch, rng)

    identity = {
        "images": [i.path.name for i in images.images], "boxes": sum(len(i.boxes) for i in images.images),
        "classes": images.classes, "windows": settings.windows.model_dump(), "scale": settings.image_scale,
        "refines": start is not None,
    }  # fmt: skip
    fit(model, make_loss(classes), batches, how, folder, identity=identity,
        progress=lambda what, done: progress(f"{folder.name}: {what}", done))  # fmt: skip
    return _uncompiled(model, settings, classes)


def _uncompiled(model: keras.Model, settings: TrainingSettings, classes: int) -> keras.Model:
    """The same network without the loss it was compiled with, which a file could not name."""
    plain = build_detector(settings.windows.size, classes, settings.width)
    plain.set_weights(model.get_weights())
    return plain


def train_detector(
    data: Path | Sequence[Path],
    out: Path,
    settings: TrainingSettings | None = None,
    decoding: DecodingSettings | None = None,
    *,
    name: str = "detector",
    material: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Train a detector and write ``out/detector.keras`` with its card.

    Trees are grown without each part of the scenes in turn, and what they find there gives threshold, probabilities
    and the figures of the card; the trees that are kept saw every scene. The network (``family: network``, and always
    with ``material``) learns without one part, which gives the same, and goes on, at a lower rate, with every scene.

    Args:
        data: folders of :func:`~oceanclean.vision.detector.boxsets.read_box_sets`.
        out: folder for model, card and the state of the runs, so that a killed run goes on.
        settings: of training.
        decoding: of reading maps.
        name: in the card.
        material: learn the set's classes; else all is litter.
        progress: called with (what, share of the part done).

    Returns:
        The ``.keras`` file.

    Raises:
        MissingDataError: no labelled images, or too few groups of scenes.
    """
    folders = [Path(data)] if isinstance(data, str | Path) else [Path(d) for d in data]
    settings, decoding = settings or TrainingSettings(), decoding or DecodingSettings()
    images = read_box_sets(folders).with_images()
    if not images.images:
        raise MissingDataError(
            folders[0], "images", "none of the files named", "images beside their boxes", "Copy them."
        )
    images = images if material else images.one_class()
    folds = Folds(images, out / "runs", settings, decoding, progress or _silent)
    if folds.by_trees:
        found = [i for k in range(len(folds.parts)) for i in folds.findings(k, folds.finder(k))]
        model = folds.trees()
    else:
        held = folds.network(0)
        found = folds.findings(0, finder_of(held, decoding))
        model = train_network(images, out / "runs" / "all", settings, progress or _silent, start=held)
    card = _card(name, folders, images, found, settings) | {"family": "trees" if folds.by_trees else "network"}
    return save_model(model, card, out / "detector.keras")


def _card(
    name: str, folders: Sequence[Path], images: BoxSet, found: Sequence[ScoredImage], settings: TrainingSettings
) -> dict[str, Any]:
    counts = tally(found, IOU)
    threshold = best_threshold(counts)
    scores = with_intervals(counts, threshold, np.random.default_rng(0))
    lax = with_intervals(tally(found, LAX_IOU), threshold, np.random.default_rng(0))
    scores |= {f"{key}_iou30": value for key, value in lax.items()}
    return {
        "kind": "detector", "name": name, "classes": list(images.classes), "licence": "that of the training images",
        "trained_on": [f.name for f in folders], "scenes": sorted({i.scene for i in images.images}),
        "images": len(images.images), "boxes": int(sum(len(i.boxes) for i in images.images)),
        "input": f"RGB 0–255, windows of {settings.windows.size} px", "image_scale": settings.image_scale,
        "scenes_held_out": sorted({i.scene for i in found}),
        "threshold": threshold, "calibration": fit_calibration(found),
        "scores": {k: round(v, 4) for k, v in scores.items()},
        "protocol": f"a model that never saw them, on {len(found)} images of {len({i.scene for i in found})} scenes; "
                    "threshold of the best F1 on the same images",
        "settings": settings.model_dump(mode="json"),
    }  # fmt: skip


def fit_calibration(found: Sequence[ScoredImage]) -> dict[str, float]:
    """Logistic fit of "there is litter at this box" (overlap above .3) to the logit of the score (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    counts = tally(found, LAX_IOU)
    if len(np.unique(counts.hits)) < 2:
        return {"slope": 1.0, "intercept": 0.0}
    fitted = LogisticRegression(C=100.0).fit(logit(counts.scores)[:, None], counts.hits)
    return {"slope": round(float(fitted.coef_[0, 0]), 4), "intercept": round(float(fitted.intercept_[0]), 4)}


def logit(scores: Any) -> Any:
    """Log odds of scores, kept finite."""
    p = np.clip(np.asarray(scores, float), 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))
