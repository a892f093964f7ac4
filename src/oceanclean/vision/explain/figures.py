"""Figures of an explanation: confusion, reliability, galleries and bands, each as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.vision.photos.scores import calibration_error, reliability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_BLUE, _ORANGE = "#0b5394", "#d55e00"


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own: pyplot keeps figures of a process that serves pages."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def to_png(figure: Figure) -> bytes:
    """PNG bytes of a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def confusion_figure(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> bytes:
    """Confusion matrix (truth, predicted): counts, coloured by the share of the truth's row."""
    counts = np.asarray(matrix)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(1.1 * len(names) + 2, 0.9 * len(names) + 1.6)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center",
                  color="white" if share[row, column] > 0.5 else "black")  # fmt: skip
    words = [n.replace("_", "/\n") for n in names]
    axes.set(xlabel="predicted", ylabel="truth")
    axes.set_xticks(range(len(names)), words, rotation=30)
    axes.set_yticks(range(len(names)), words)
    return to_png(figure)


def reliability_figure(probability: NDArray[np.floating], truth: NDArray[np.int64], bins: int = 10) -> bytes:
    """Share right over stated confidence, and how many photos stand behind each point."""
    edges, mean, hit, count = reliability(probability, truth, bins)
    figure = new_figure(5, 5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    seen = count > 0
    upper.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    upper.plot(mean[seen], hit[seen], "o-", color=_BLUE)
    upper.set(ylabel="share right", ylim=(0, 1), xlim=(0, 1),
              title=f"calibration error {calibration_error(probability, truth, bins):.3f}")  # fmt: skip
    lower.bar(edges[:-1], count, width=1 / bins, align="edge", color=_BLUE, edgecolor="white")
    lower.set(xlabel="stated probability of the answer", ylabel="photos")
    return to_png(figure)


def gallery_figure(
    photos: Sequence[NDArray[np.uint8]], heats: Sequence[NDArray[np.uint8] | None], titles: Sequence[str],
    columns: int = 4,
) -> bytes:  # fmt: skip
    """Photos (y, x, 3), each with its Grad-CAM overlay below where there is one, and a line of words."""
    rows = -(-len(photos) // columns)
    tall = 2 if any(h is not None for h in heats) else 1
    figure = new_figure(2.1 * columns, 2.35 * rows * tall)
    grid = figure.subplots(rows * tall, columns, squeeze=False)
    for axes in grid.ravel():
        axes.axis("off")
    for i, (photo, heat, title) in enumerate(zip(photos, heats, titles, strict=True)):
        row, column = divmod(i, columns)
        grid[row * tall, column].imshow(photo)
        grid[row * tall, column].set_title(title, fontsize=7)
        if heat is not None:
            grid[row * tall + 1, column].imshow(heat)
    return to_png(figure)


def band_figure(table: pd.DataFrame, key: str = "debris_f1") -> bytes:
    """Loss of F1 by band, exchanged and absent side by side."""
    bands = table[table["band"] != "none"]
    at = np.arange(len(bands))
    figure = new_figure(8, 3.6)
    axes = figure.subplots()
    axes.bar(at - 0.2, bands[f"exchanged_{key}"], 0.4, color=_BLUE, label="band exchanged among pixels")
    axes.bar(at + 0.2, bands[f"absent_{key}"], 0.4, color=_ORANGE, label="sensor without the band")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(at, list(bands["band"]))
    axes.set(ylabel=f"loss of {key.replace('_', ' ')}")
    axes.legend(frameon=False)
    return to_png(figure)


def data_uri(png: bytes) -> str:
    """PNG bytes as the address of an image inside a page."""
    import base64

    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def rounded(value: Any) -> str:
    """A number as a page shows it."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
