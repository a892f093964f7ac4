"""The picture of a segmented scene: true colour beside what was found and what was gated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.products.names import BANDS, CLASS_ID, Gate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.products.scene import SceneRef
    from oceanclean.vision.tiling import Tile

#: Colour of each target class; debris last, so that it lies on top.
TARGET_COLOURS: dict[str, str] = {
    "foam": "#9ecae1",
    "ship": "#6a51a3",
    "natural_organic": "#8c6d31",
    "sparse_sargassum": "#c7e26a",
    "dense_sargassum": "#4d9221",
    "marine_debris": "#e3131b",
}
#: Colour and words of each gate.
GATE_COLOURS: dict[Gate, tuple[str, str]] = {
    Gate.NO_DATA: ("#2b2b2b", "no data"),
    Gate.LAND: ("#b8ad97", "land"),
    Gate.SHORE: ("#d9d2bf", "shore"),
    Gate.CLOUD: ("#f4f4f4", "cloud: not observed"),
    Gate.CLOUD_SHADOW: ("#bdbdbd", "cloud shadow: not observed"),
    Gate.GLINT: ("#ffe9a8", "sun glint: not observed"),
    Gate.SHIP: ("#c7b6e0", "beside a ship: not observed"),
}
_SEA = "#dcebf5"
_RGB = [BANDS.index(b) for b in ("B4", "B3", "B2")]


class Overview:
    """A scene at the size of a picture, gathered tile by tile.

    True colour is thinned; a cell of the findings shows the rarest thing in it, so that a line one pixel wide
    does not vanish.
    """

    def __init__(self, height: int, width: int, limit: int) -> None:
        self.step = max(1, int(np.ceil(max(height, width) / limit)))
        shape = (-(-height // self.step), -(-width // self.step))
        self.colour = np.full((*shape, 3), np.nan, np.float32)
        self.gate = np.full(shape, Gate.NO_DATA, np.uint8)
        self.found = np.zeros(shape, np.uint8)
        self.counts: dict[str, int] = dict.fromkeys(TARGET_COLOURS, 0)

    def thinned(self, tile: Tile, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Colours (y, x, 3) of the cells of the kept part of a tile, of reflectance (y, x, band)."""
        return reflectance[self._thin(tile)][..., _RGB]

    def _thin(self, tile: Tile) -> tuple[slice, slice]:
        s = self.step
        return slice(-tile.row % s, None, s), slice(-tile.column % s, None, s)

    def add(self, tile: Tile, colour: NDArray[np.float32], classes: NDArray[np.uint8], gate: NDArray[np.uint8]) -> None:
        """Add the kept part of a tile: colours of :meth:`thinned`, classes (y, x), gate (y, x)."""
        s = self.step
        top, left = -(-tile.row // s), -(-tile.column // s)
        part = gate[self._thin(tile)]
        inside = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))
        self.gate[inside] = part
        self.colour[inside] = colour
        for rank, name in enumerate(TARGET_COLOURS, 1):
            y, x = np.nonzero(classes == CLASS_ID[name])
            self.counts[name] += len(y)
            cells = ((y + tile.row) // s, (x + tile.column) // s)
            self.found[cells] = np.maximum(self.found[cells], rank)

    def save(self, path: Path, scene: SceneRef, threshold: float) -> None:
        """Write the picture as PNG."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch

        height, width = self.gate.shape
        beside = height >= 0.8 * width
        panel = 7.5
        size = (
            (2 * panel, panel * height / width + 1.3) if beside else (1.3 * panel, 2.6 * panel * height / width + 1.6)
        )
        figure = Figure(figsize=size, dpi=130, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2) if beside else figure.subplots(2, 1)
        left.imshow(self._true_colour(), interpolation="nearest")
        left.set_title("True colour (B4 B3 B2)", fontsize=10)
        right.imshow(self._findings(), interpolation="nearest")
        right.set_title(f"Found (debris from probability {threshold:.2f}) and not observed", fontsize=10)
        for axes in (left, right):
            axes.set_xticks([])
            axes.set_yticks([])
        present = [g for g in GATE_COLOURS if (self.gate == g).any()]
        handles = [Patch(color=c, label=f"{n.replace('_', ' ')}: {self.counts[n]} px")
                   for n, c in reversed(TARGET_COLOURS.items()) if self.counts[n]]  # fmt: skip
        handles += [Patch(facecolor=GATE_COLOURS[g][0], edgecolor="#999999", label=GATE_COLOURS[g][1]) for g in present]
        handles.append(Patch(facecolor=_SEA, edgecolor="#999999", label="sea, observed"))
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
        figure.suptitle(f"{scene.scene_id} · {scene.platform} · {scene.acquired} · {scene.radiometry}", fontsize=10)
        figure.savefig(path, format="png", metadata={"Software": None})

    def _true_colour(self) -> NDArray[np.float32]:
        """Colour stretched to the sea, not to the clouds."""
        sea = self.gate == Gate.OBSERVED
        sample = self.colour[sea] if sea.any() else self.colour.reshape(-1, 3)
        sample = sample[np.isfinite(sample).all(axis=1)]
        if not len(sample):
            return np.zeros_like(self.colour)
        low, high = np.quantile(sample, 0.005, axis=0), np.quantile(sample, 0.995, axis=0)
        span = np.maximum(1.6 * (high - low), 0.02)
        stretched = np.clip((self.colour - low) / span, 0, 1) ** 0.8
        return np.nan_to_num(stretched, nan=0.17).astype(np.float32)

    def _findings(self) -> NDArray[np.float32]:
        from matplotlib.colors import to_rgb

        image = np.empty((*self.gate.shape, 3), np.float32)
        image[:] = to_rgb(_SEA)
        for gate, (colour, _) in GATE_COLOURS.items():
            image[self.gate == gate] = to_rgb(colour)
        # A target two pixels wide would be lost on a page: spread each by one cell, the rarest on top.
        from scipy.ndimage import maximum_filter

        spread = maximum_filter(self.found, 3) if max(self.gate.shape) > 600 else self.found
        for rank, colour in enumerate(TARGET_COLOURS.values(), 1):
            image[spread == rank] = to_rgb(colour)
        return image
