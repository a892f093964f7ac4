"""The segmenter for small devices: INT8, kept only where it scores as its float model does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from oceanclean.store import digest_file, write_json
from oceanclean.vision.compression import LiteModel, to_int8
from oceanclean.vision.compression.int8 import CALIBRATION_IMAGES
from oceanclean.vision.litter.data import read_mask_sets
from oceanclean.vision.litter.evaluation import figures, score_set
from oceanclean.vision.litter.segmenter import LitterSegmenter, prepare
from oceanclean.vision.litter.training import LoadedSet

#: Mean foreground IoU that an INT8 model may lose against its float model, and still be passed on.
LARGEST_LOSS = 0.01


@dataclass(frozen=True)
class EdgeReport:
    """What the INT8 model came to against its float model, on the same images.

    Attributes:
        path: the ``.tflite`` file; None where it lost too much and was taken away.
        float_miou: ``miou_foreground`` of the float model.
        int8_miou: of the INT8 model.
        bytes: size of the INT8 model.
        agreement: share of pixels whose class is the float model's.
        images: how many were scored.
    """

    path: Path | None
    float_miou: float
    int8_miou: float
    bytes: int
    agreement: float
    images: int


def export_edge(model: str | Path, data_dirs: str | Path | Iterable[str | Path]) -> EdgeReport:
    """Convert a trained segmenter to INT8 beside its ``.keras`` file, if it loses at most :data:`LARGEST_LOSS`.

    The comparison is of two forms of one model on the same images; whether these were in the training does not
    matter to it. ``NAME.tflite.json`` beside the file keeps the digest, what the device must know, and the parity.

    Args:
        model: ``.keras`` file or the folder of a training.
        data_dirs: images with masks: the first calibrate, all are scored.
    """
    segmenter = LitterSegmenter(model)
    loaded = LoadedSet.of(read_mask_sets(data_dirs))
    step = max(1, len(loaded.images) // CALIBRATION_IMAGES)
    tiles = np.stack([prepare(i, segmenter.side, segmenter.fill)[0] for i in loaded.images[::step]])
    network = segmenter.stored.model
    report = to_int8(network, tiles, segmenter.stored.path.with_suffix(".tflite"))
    scores = [
        figures(score_set(loaded, predict, segmenter.side, segmenter.fill), loaded.data)["miou_foreground"]
        for predict in (network.predict_on_batch, LiteModel(report.path))
    ]
    made = EdgeReport(report.path, scores[0], scores[1], report.bytes, report.agreement, len(loaded.images))
    if scores[0] - scores[1] > LARGEST_LOSS:
        report.path.unlink()
        return EdgeReport(None, *(v for k, v in asdict(made).items() if k != "path"))
    device = {k: segmenter.card[k] for k in ("kind", "name", "classes", "side", "fill", "licence")}
    write_json(report.path.with_suffix(".tflite.json"),
               {**device, **asdict(made), "path": report.path.name, "sha256": digest_file(report.path)})  # fmt: skip
    return made
