"""The satellite segmenter in 8 bits: its network as a LiteRT model, and what that costs in score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products.names import BANDS, CLASSES
from oceanclean.store import digest_file, write_json
from oceanclean.vision.calibration import softmax
from oceanclean.vision.compression import LiteModel, to_int8
from oceanclean.vision.inference import decide
from oceanclean.vision.metrics import confusion, scores
from oceanclean.vision.zoo import LoadedSegmenter, load_segmenter

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

#: Edge of the plane of pixels that the LiteRT model takes at once.
PLANE = 64
#: IoU that the 8-bit model may lose against its float model, and still be passed on.
LARGEST_LOSS = 0.01


@dataclass(frozen=True)
class EdgeReport:
    """What the 8-bit network came to against the float one, on the same labelled pixels.

    Attributes:
        path: the ``.tflite`` file; None where it lost too much and was taken away.
        bytes: its size.
        float_debris_iou: of the float network.
        int8_debris_iou: of the 8-bit one.
        float_miou: over the classes, of the float network.
        int8_miou: of the 8-bit one.
        agreement: share of pixels of the same class.
        pixels: labelled pixels compared.
    """

    path: Path | None
    bytes: int
    float_debris_iou: float
    int8_debris_iou: float
    float_miou: float
    int8_miou: float
    agreement: float
    pixels: int


def export_edge(data_dirs: Path | Iterable[Path], out: Path, model: str | Path | None = None) -> EdgeReport:
    """Write the pixel network as an 8-bit LiteRT model, if it loses at most :data:`LARGEST_LOSS` of IoU.

    It takes standardised features (1, y, x, feature) of :class:`~oceanclean.vision.model.SpectralFeatures` and gives
    logits; local statistics before it, and trees and calibration after it, stay float. The comparison is of two forms
    of one whole model on the same pixels; whether these were in the training does not matter to it.

    Args:
        data_dirs: folders laid out like MARIDA: labelled pixels calibrate and are scored.
        out: the ``.tflite`` file; ``NAME.tflite.json`` beside it keeps the digest and the parity.
        model: a ``.keras`` segmenter; None for the one that ships.
    """
    segmenter = load_segmenter(str(model) if model else None)
    network = segmenter.model.get_layer("pixel")
    features, label = _labelled_features(network, data_dirs)
    planes = _planes(features)
    dense = dense_network(network, PLANE)
    report = to_int8(dense, planes[np.linspace(0, len(planes) - 1, min(32, len(planes))).astype(int)], out)
    exact = np.concatenate([np.asarray(dense(p[None], training=False)) for p in planes])
    coarse = LiteModel(out)(planes)
    found = [_classes(x.reshape(-1, len(CLASSES))[: len(label)], features, segmenter) for x in (exact, coarse)]
    score = [scores(confusion(label, f)) for f in found]
    kept = all(score[0][k] - score[1][k] <= LARGEST_LOSS for k in ("debris_iou", "miou"))
    made = EdgeReport(
        out if kept else None, report.bytes, score[0]["debris_iou"], score[1]["debris_iou"], score[0]["miou"],
        score[1]["miou"], float((found[0] == found[1]).mean()), len(label),
    )  # fmt: skip
    if kept:
        facts = {**asdict(made), "path": str(out), "sha256": digest_file(out), "float_sha256": segmenter.sha256}
        write_json(out.with_name(out.name + ".json"), facts)
    else:
        out.unlink()
    return made


def dense_network(network: keras.Model, plane: int) -> keras.Model:
    """The trained layers alone: standardised features (y, x, feature) to logits, of fixed shape."""
    import keras

    names = [layer.name for layer in network.layers]
    hidden = [n for n in names if n.startswith("member0_hidden")]
    width = int(network.get_layer(hidden[0]).kernel.shape[0])
    taken = keras.Input((plane, plane, width), name="features")
    ends = []
    for k in range(sum(n.startswith("member") and n.endswith("_logits") for n in names)):
        x: Any = taken
        for name in (n for n in names if n.startswith(f"member{k}_") and "dropout" not in n):
            x = network.get_layer(name)(x)
        ends.append(x)
    return keras.Model(taken, ends[0] if len(ends) == 1 else keras.layers.Average()(ends))


def _labelled_features(
    network: keras.Model, data_dirs: Path | Iterable[Path]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Standardised features (pixel, feature) and classes of all labelled pixels."""
    from oceanclean.vision.data import find_patches
    from oceanclean.vision.pixels import collect_pixels

    pixels = collect_pixels(find_patches(data_dirs), np.random.default_rng(0), unlabelled=0, striking=0)
    layer = network.get_layer("features")
    parts = []
    for rows in np.array_split(np.arange(len(pixels.label)), max(1, len(pixels.label) // 65536)):
        values = pixels.statistics[rows].astype(np.float32)
        flags = np.ones((len(rows), len(BANDS)), np.float32)
        parts.append(np.asarray(layer((values, pixels.water[pixels.scene[rows]], flags))))
    return np.concatenate(parts), pixels.label


def _planes(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(plane, y, x, feature) of (pixel, feature); the last plane repeats pixels."""
    size = PLANE * PLANE
    padded = np.resize(np.arange(len(features)), -(-len(features) // size) * size)
    return features[padded].reshape(-1, PLANE, PLANE, features.shape[-1])


def _classes(
    logits: NDArray[np.float32], features: NDArray[np.float32], segmenter: LoadedSegmenter
) -> NDArray[np.uint8]:
    """Classes (pixel,) of the network's logits (pixel, class), after the trees that decide and the calibration."""
    layers = {layer.name: layer for layer in segmenter.model.layers}
    if "forest" in layers:
        standard = layers["pixel"].get_layer("features")
        raw = features[:, : len(standard.mean)] * np.float32(standard.scale) + np.float32(standard.mean)
        logits = layers["forest"].tables.decide(logits, raw, layers["forest"].floor)
    temperature, offset = layers["calibration"].get_weights()
    return decide(softmax(logits / temperature + offset), segmenter.threshold)
