"""Full-integer models for edge devices: conversion in a process of its own, LiteRT to run them, parity measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.store import write_json

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

#: Calibration images that are asked for; fewer work, but a range seen too narrow clips.
CALIBRATION_IMAGES = 32


@dataclass(frozen=True)
class Int8Report:
    """What a conversion came to.

    Attributes:
        path: the ``.tflite`` file.
        bytes: its size.
        agreement: share of predictions (pixels or images) whose class is the float model's, over the images given.
        mean_difference: mean absolute difference of the outputs, as a share of their standard deviation.
    """

    path: Path
    bytes: int
    agreement: float
    mean_difference: float


class LiteModel:
    """A LiteRT model in memory: a batch (image, y, x, band) of pixel values to outputs, one image at a time.

    Args:
        path: the ``.tflite`` file.
        threads: of the interpreter.

    Raises:
        MissingDataError: no such file.
        InputError: the file is no LiteRT model.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.path = Path(path)
        if not self.path.is_file():
            raise MissingDataError(self.path, "model", "no such file", "a .tflite file", "Convert one with to_int8.")
        try:
            self._interpreter = Interpreter(model_path=str(self.path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputError(self.path, "model", str(error)[:120], "a .tflite file", "Convert it anew.") from error
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(y, x, band) of one image."""
        y, x, band = (int(n) for n in self._input["shape"][1:])
        return y, x, band

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Outputs (image, …) of a batch of pixel values."""
        batch = np.asarray(batch, np.float32)
        if batch.shape[1:] != self.input_shape:
            raise InputError(self.path, "batch", batch.shape, f"(image, {self.input_shape})", "Cut tiles of that size.")
        out = []
        for image in batch:
            self._interpreter.set_tensor(self._input["index"], image[None])
            self._interpreter.invoke()
            out.append(self._interpreter.get_tensor(self._output["index"])[0])
        return np.asarray(out, np.float32)


def to_int8(model: keras.Model, calibration: NDArray[Any], path: Path) -> Int8Report:
    """Convert one model; see :func:`convert_many`."""
    return convert_many([(model, calibration, path)])[0]


def convert_many(
    jobs: Sequence[tuple[keras.Model, NDArray[Any], Path]], integer: bool = True, activations: bool = True
) -> list[Int8Report]:
    """Convert models to 8-bit weights and activations in one process of their own, and measure the parity.

    Args:
        jobs: (model of a fixed input shape, calibration images (image, y, x, band) as it will meet them, ``.tflite``).
        integer: False keeps float32, to compare sizes and times in one runtime.
        activations: False keeps activations float32 beside 8-bit weights, for layers whose values span many powers
            of ten (the texture branch of the photo models).

    Returns:
        One report a job.

    Raises:
        InputError: a model has no fixed input shape, the images do not fit it, or the converter failed.
    """
    for model, images, path in jobs:
        if tuple(images.shape[1:]) != tuple(model.input.shape[1:]) or not len(images):
            raise InputError(path, "calibration", images.shape, f"(image, {model.input.shape[1:]})",
                             "Build the network for a fixed input shape and calibrate on images of it.")  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        records = []
        for k, (model, images, path) in enumerate(jobs):
            files = Path(folder) / f"{k}.keras", Path(folder) / f"{k}.npy"
            model.save(files[0])
            np.save(files[1], np.asarray(images[:CALIBRATION_IMAGES], np.float32))
            records.append({"model": str(files[0]), "calibration": str(files[1]), "out": str(path),
                            "integer": integer, "activations": activations})  # fmt: skip
        write_json(Path(folder) / "jobs.json", {"jobs": records})
        _run_converter(Path(folder) / "jobs.json", jobs[0][2])
    return [_report(*job) for job in jobs]


def _run_converter(jobs: Path, out: Path) -> None:
    command = [sys.executable, "-m", "oceanclean.vision.compression.convert", str(jobs)]
    path = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(out, "conversion", done.stderr.strip().splitlines()[-1:], "a model that LiteRT can carry",
                         "Use layers of the zoo; the converter's own words are above.")  # fmt: skip


def _report(model: keras.Model, images: NDArray[Any], path: Path) -> Int8Report:
    images = np.asarray(images[:CALIBRATION_IMAGES], np.float32)
    exact = np.asarray(model(images, training=False))
    quantised = LiteModel(path)(images)
    agreement = float((exact.argmax(-1) == quantised.argmax(-1)).mean())
    difference = float(np.abs(exact - quantised).mean() / max(float(exact.std()), 1e-9))
    return Int8Report(path, path.stat().st_size, agreement, difference)
