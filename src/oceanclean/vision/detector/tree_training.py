"""Growing the trees that find boxes; the later ones learn from heat maps of trees that never saw the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.settings import Settings
from oceanclean.store import digest_record
from oceanclean.vision.detector.boosting import BoostedTables
from oceanclean.vision.detector.box_features import TURNS, TurnedMaps, box_features, turned_boxes
from oceanclean.vision.detector.box_maps import CELL, WINDOW
from oceanclean.vision.detector.boxes import inside, overlaps
from oceanclean.vision.detector.boxsets import LabelledImage, deal, read_image
from oceanclean.vision.detector.canvases import resized
from oceanclean.vision.detector.tree_finder import WindowView, judged_boxes, window_corners

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.detector.tree_model import BoxTrees

Progress = Callable[[str, float], None]


class TreeSettings(Settings):
    """How the trees that find boxes are grown.

    Attributes:
        trees: of the ensembles for heat, sides and fit.
        leaves: most leaves of a tree.
        depth: most steps from its root to a leaf.
        rate: share of a tree's correction that is taken.
        features: share of the features tried at a node.
        cells: cells that the heat learns from.
        sides: about how many sides the ensemble of sides learns from.
        fits: about how many boxes, as seen in one turn, the ensemble of fit learns from.
        parts: parts into which groups of scenes are dealt for heat maps of scenes never seen.
        close: overlap with a drawn box from which a candidate is taught where that box's sides are.
        drawn: shaken copies of each drawn box that are taught too.
        seed: of what is drawn.
    """

    trees: tuple[int, int, int] = (120, 100, 100)
    leaves: int = Field(default=24, ge=2)
    depth: int = Field(default=8, ge=1)
    rate: float = Field(default=0.08, gt=0, le=1)
    features: float = Field(default=0.15, gt=0, le=1)
    cells: int = Field(default=120_000, ge=100)
    sides: int = Field(default=32_000, ge=100)
    fits: int = Field(default=40_000, ge=100)
    parts: int = Field(default=3, ge=2)
    close: float = Field(default=0.3, gt=0, lt=1)
    drawn: int = Field(default=6, ge=0)
    seed: int = 0


@dataclass
class TileViews:
    """What trees look at in labelled images, made once and kept: 1 MB a window.

    Attributes:
        progress: told how far it is.
        scale: pixels looked at for each pixel of an image.
        kept: by path, views of an image's windows with the boxes in them.
    """

    progress: Progress
    scale: float = 1.0
    kept: dict[Path, list[tuple[WindowView, NDArray[np.float32]]]] = field(default_factory=dict)

    def of(self, image: LabelledImage) -> list[tuple[WindowView, NDArray[np.float32]]]:
        """Views of an image's windows with the boxes (box, 4) that they show; a tile is one window."""
        if image.path not in self.kept:
            pixels, boxes = resized(read_image(image.path), self.scale), image.boxes * np.float32(self.scale)
            windows = [(x, y, x + WINDOW, y + WINDOW) for x, y in window_corners(pixels, 0)]
            shown = [inside(boxes, w, 2.0)[0] if len(windows) > 1 else boxes for w in windows]
            # Of a large frame the windows with boxes, and as many without: most of a frame is open water.
            empty = [k for k, b in enumerate(shown) if not len(b)]
            used = [k for k, b in enumerate(shown) if len(b)]
            used += empty[:: max(1, len(empty) // max(1, len(used)))][: max(1, len(used))]
            cut = [pixels[y0:y1, x0:x1] for x0, y0, x1, y1 in windows]
            self.kept[image.path] = [(WindowView.of(cut[k]), shown[k]) for k in used]
        return self.kept[image.path]


@dataclass
class _Lesson:
    """A labelled view.

    Attributes:
        view: what is seen.
        truth: (object, 4) pixels.
        part: of the groups' parts.
        maps: turned copies, once there is a heat map.
        candidates: (box, 4).
    """

    view: WindowView
    truth: NDArray[np.float32]
    part: int
    maps: list[TurnedMaps] = field(default_factory=list)
    candidates: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def train_trees(images: Sequence[LabelledImage], views: TileViews, folder: Path, settings: TreeSettings) -> keras.Model:
    """Grow the three ensembles on labelled images, or read those that an earlier call in the folder grew.

    Args:
        images: to learn from; all their boxes are litter.
        views: of the images.
        folder: where the grown trees are kept.
        settings: how.
    """
    from oceanclean.vision.detector.tree_model import tree_network

    identity = digest_record({"images": [[i.path.name, i.boxes.tolist()] for i in images], "scale": views.scale,
                              "settings": settings.model_dump(mode="json")})  # fmt: skip
    return tree_network(_grown(images, views, settings, _Kept(folder / identity[:16], settings.seed)))


@dataclass(frozen=True)
class _Kept:
    """Ensembles of one run on disk: a run that was cut goes on with the next one.

    Attributes:
        folder: of the run.
        seed: of what each ensemble draws.
    """

    folder: Path
    seed: int

    def of(self, name: str, grow: Callable[[np.random.Generator], BoostedTables]) -> BoostedTables:
        """The ensemble of a name, grown if it is not there."""
        path = self.folder / f"{name}.npz"
        if not path.is_file():
            grow(np.random.default_rng([self.seed, *name.encode()])).save(path)
        return BoostedTables.load(path)


def _grown(images: Sequence[LabelledImage], views: TileViews, settings: TreeSettings, kept: _Kept) -> BoxTrees:
    from oceanclean.vision.detector.tree_model import BoxTrees

    tell, parts, lessons = views.progress, _parts(images, settings.parts), []
    for number, (image, part) in enumerate(zip(images, parts, strict=True)):
        lessons += [_Lesson(view, boxes, part) for view, boxes in views.of(image)]
        tell("looking at the tiles", number / len(images))
    for part in np.unique(parts):
        tell("heat of scenes not seen", part / settings.parts)
        others = [le for le in lessons if le.part != part]
        table = kept.of(f"heat_without_{part}", lambda rng, others=others: _heat(others, settings, rng))  # type: ignore[misc]
        for lesson in (le for le in lessons if le.part == part):
            lesson.candidates, lesson.maps = lesson.view.candidates(lesson.view.heat(table))
    tell("heat", 0.0)
    heat = kept.of("heat", lambda rng: _heat(lessons, settings, rng))
    tell("sides", 0.3)
    side = kept.of("side", lambda rng: _sides(lessons, settings, rng))
    tell("fit", 0.6)
    return BoxTrees(heat, side, kept.of("fit", lambda rng: _fit(lessons, side, settings, rng)))


def _parts(images: Sequence[LabelledImage], count: int) -> list[int]:
    """Part of every image, of as many parts as there are groups at most; images of a group share one."""
    dealt = deal(images, min(count, len({i.group for i in images})))
    part_of = {id(image): k for k, part in enumerate(dealt) for image in part}
    return [part_of[id(image)] for image in images]


def inside_boxes(shape: tuple[int, int], truth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether the middles of a view's cells (row, column) lie in a drawn box; ``shape``: (y, x), pixels."""
    y, x = (np.arange(n // CELL) * CELL + CELL / 2 for n in shape)
    out = np.zeros((len(y), len(x)), bool)
    for x0, y0, x1, y1 in truth:
        out |= np.logical_and.outer((y >= y0) & (y < y1), (x >= x0) & (x < x1))
    return out


def _heat(lessons: Sequence[_Lesson], settings: TreeSettings, rng: np.random.Generator) -> BoostedTables:
    each = -(-settings.cells // len(lessons))
    rows, targets = [], []
    for lesson in lessons:
        target = inside_boxes(lesson.view.shape, lesson.truth).ravel()
        drawn = rng.choice(len(target), min(each, len(target)), replace=False)
        rows.append(lesson.view.cells.reshape(len(target), -1)[drawn])
        targets.append(target[drawn])
    return _boosted(np.concatenate(rows), np.concatenate(targets), settings, 0)


def _sides(lessons: Sequence[_Lesson], settings: TreeSettings, rng: np.random.Generator) -> BoostedTables:
    """Where the left side of the drawn box is, from candidates near it and shaken copies of it, in four turns."""
    pairs = []
    for lesson in lessons:
        boxes = np.concatenate([lesson.candidates, _shaken(lesson, settings.drawn, rng)])
        table = overlaps(boxes, lesson.truth)
        near = np.flatnonzero(table.max(axis=1, initial=0.0) >= settings.close)
        pairs.append((boxes[near], lesson.truth[table[near].argmax(axis=1)] if len(near) else boxes[near]))
    share = settings.sides / max(1, TURNS * sum(len(boxes) for boxes, _ in pairs))
    rows, targets = [], []
    for lesson, (boxes, aim) in zip(lessons, pairs, strict=True):
        taken = rng.random(len(boxes)) < share
        for turn in range(TURNS if taken.any() else 0):
            seen, want = (turned_boxes(b[taken], turn, lesson.view.shape) for b in (boxes, aim))
            rows.append(box_features(lesson.maps[turn], seen))
            targets.append(np.clip((want[:, 0] - seen[:, 0]) / (seen[:, 2] - seen[:, 0]), -1.5, 0.8))
    return _boosted(np.concatenate(rows), np.concatenate(targets), settings, 1)


def _shaken(lesson: _Lesson, copies: int, rng: np.random.Generator) -> NDArray[np.float32]:
    drawn = np.repeat(lesson.truth, copies, axis=0)
    edges = np.tile(drawn[:, 2:] - drawn[:, :2], 2)
    limit = np.array([lesson.view.shape[1], lesson.view.shape[0]] * 2)
    boxes = np.clip(drawn + rng.normal(0, 0.18, drawn.shape) * edges, 0, limit).astype(np.float32)
    return boxes[np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) > 3]


def _fit(
    lessons: Sequence[_Lesson], side: BoostedTables, settings: TreeSettings, rng: np.random.Generator
) -> BoostedTables:
    """How well a box fits: its overlap with a drawn one, from .2 to .7 as 0 to 1; each box in two turns."""
    judged = [judged_boxes(side, le.maps, le.candidates, le.view.shape) for le in lessons]
    share = settings.fits / max(1, 2 * sum(map(len, judged)))
    rows, targets = [], []
    for lesson, every in zip(lessons, judged, strict=True):
        boxes = every[rng.random(len(every)) < share]
        if not len(boxes):
            continue
        best = overlaps(boxes, lesson.truth).max(axis=1, initial=0.0)
        first = int(rng.integers(TURNS))
        for turn in (first, (first + 1) % TURNS):
            rows.append(box_features(lesson.maps[turn], turned_boxes(boxes, turn, lesson.view.shape)))
            targets.append(np.clip((best - 0.2) / 0.5, 0, 1))
    return _boosted(np.concatenate(rows), np.concatenate(targets), settings, 2)


def _boosted(features: NDArray[np.float32], target: NDArray[Any], settings: TreeSettings, which: int) -> BoostedTables:
    """An ensemble for yes and no (boolean target) or for numbers."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if target.dtype == bool else HistGradientBoostingRegressor
    least = max(1, min((300, 40, 80)[which], len(features) // 40))
    grown = kind(max_iter=settings.trees[which], learning_rate=settings.rate, max_leaf_nodes=settings.leaves,
                 max_depth=settings.depth, min_samples_leaf=least, l2_regularization=10.0,
                 max_features=settings.features, early_stopping=False, random_state=settings.seed)  # fmt: skip
    return BoostedTables.of(grown.fit(features, target))
