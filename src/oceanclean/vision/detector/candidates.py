"""Candidate boxes of a window: what hangs together above the water's noise, or on the heat map, with several margins.

People drew one box around several specks here and several boxes along one filament there; so every grouping is a
candidate, and trees that saw many such boxes judge which one a person would have drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.vision.detector.boxes import overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

#: Pixels from one grid point of the maps used here to the next.
GRID = 2
#: Anomalies (in noise) above which pixels belong to a candidate, and grid points across which they hang together.
_LEVELS, _GAPS = (2.5, 4.0, 7.0, 12.0, 22.0), (1, 3, 6, 10)
#: Grid points added around what hangs together: people draw loosely.
_MARGINS = (3, 7, 12)
#: Probabilities at which the heat map is cut.
_HEATS = (0.15, 0.25, 0.35, 0.5, 0.65, 0.8)
#: Levels whose long groups are also cut into pieces, and the pieces' edges in grid points.
_PIECE_LEVELS, _PIECES, _MOST_PIECES = (4.0, 12.0), (14, 22, 34, 54), 60
_MOST_GROUPS = 40
#: Share of a window above the lowest anomaly beyond which the level says nothing.
_FLOODED = 0.6
#: Overlap of two candidates above which one is enough.
_SAME = 0.8


def candidate_boxes(bright: NDArray[np.float32], heat: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Boxes (box, 4) in pixels of a window.

    Args:
        bright: (row, column) anomaly at every second pixel.
        heat: (row, column) probability of being inside of a box, on the same grid.
        seed: of the order in which near duplicates are dropped.
    """
    found = [*_groups(bright), *_hot(heat)]
    boxes = np.concatenate(found) if found else np.zeros((0, 4))
    limit = np.array([bright.shape[1], bright.shape[0]] * 2)
    boxes = np.unique(np.round(np.clip(boxes, 0, limit) * GRID), axis=0)
    return distinct(boxes, _SAME, 4.0, np.random.default_rng(seed))


def distinct(
    boxes: NDArray[np.floating], overlap: float, shortest: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Boxes of at least an edge, of which no two overlap more than this; which of two stays is left to chance."""
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    boxes = boxes[sides >= shortest].astype(np.float32)
    table, dropped, kept = overlaps(boxes, boxes), np.zeros(len(boxes), bool), []
    for i in rng.permutation(len(boxes)):
        if not dropped[i]:
            kept.append(i)
            dropped |= table[i] > overlap
    return boxes[np.array(kept, np.intp)]


def _groups(bright: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    """Groups at every level and gap, with every margin, and pieces of them."""
    from scipy.ndimage import binary_opening, distance_transform_edt

    for level in _LEVELS:
        core = bright > level
        if level < 5:
            core = binary_opening(core)
        if not core.any() or core.mean() > _FLOODED:
            continue
        away = distance_transform_edt(~core)
        for gap in _GAPS:
            boxes = _extents(core, away <= gap)
            area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            largest = boxes[np.argsort(-area, kind="stable")[:_MOST_GROUPS]]
            yield from (_wider(largest, m) for m in _MARGINS)
        if level in _PIECE_LEVELS:
            yield from _cut_pieces(core)


def _hot(heat: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    from scipy.ndimage import binary_opening

    for level in _HEATS:
        mask = heat > level
        opened = binary_opening(mask, iterations=3)
        yield _extents(mask, mask)
        yield _extents(opened, opened)


def _extents(core: Mask, joined: Mask) -> NDArray[np.float64]:
    """Extents (group, 4) of the core pixels that hang together in a wider mask."""
    from scipy.ndimage import find_objects, label

    groups, _ = label(joined, np.ones((3, 3)))
    slices = [s for s in find_objects(groups * core) if s is not None]
    return np.array([(s[1].start, s[0].start, s[1].stop, s[0].stop) for s in slices], float).reshape(-1, 4)


def _cut_pieces(core: Mask) -> Iterator[NDArray[np.float64]]:
    """Extents of the core within squares of several edges, laid where the core is."""
    from scipy.ndimage import maximum_filter

    places = np.argwhere(maximum_filter(core, 8)[4::8, 4::8]) * 8 + 4
    if len(places) > _MOST_PIECES:
        places = places[np.linspace(0, len(places) - 1, _MOST_PIECES).astype(int)]
    for edge in _PIECES:
        within = [_within(core, y - edge / 2, x - edge / 2, edge) for y, x in places]
        tight = np.array([w for w in within if w is not None], float).reshape(-1, 4)
        yield from (_wider(tight, m) for m in _MARGINS[:2])


def _within(core: Mask, top: float, left: float, edge: float) -> tuple[int, int, int, int] | None:
    y, x = max(0, int(top)), max(0, int(left))
    part = core[y : int(top + edge), x : int(left + edge)]
    if not part.any():
        return None
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1


def _wider(boxes: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    return boxes + np.array([-margin, -margin, margin, margin])
