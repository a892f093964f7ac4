"""The converter's own process: ``python -m oceanclean.vision.compression.convert JOBS.json``.

TensorFlow Lite's converter keeps memory of every call (tensorflow issue 122598) and prints pages; a process of its
own gives both back. The file of jobs is a list of ``{"model", "calibration", "out"}``, paths, and
``integer``: whether weights and activations become 8-bit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from oceanclean.store import read_json, write_aside


def main(path: Path) -> None:
    """Convert every job of the file."""
    import oceanclean.vision.nets
    import oceanclean.vision.photos.fusion  # noqa: F401

    for job in read_json(path)["jobs"]:
        content = convert(Path(job["model"]), Path(job["calibration"]), job["integer"], job.get("activations", True))
        with write_aside(Path(job["out"])) as aside:
            aside.write_bytes(content)


def convert(model: Path, calibration: Path, integer: bool, activations: bool = True) -> bytes:
    """A ``.keras`` file to a LiteRT model, float32 at its doors.

    Args:
        model: the network, of a fixed input shape; its normalisation is inside.
        calibration: ``.npy`` of images (image, y, x, band) as the network will meet them.
        integer: 8-bit weights and activations; else all stays float32.
        activations: False keeps the activations float32 beside 8-bit weights.
    """
    import keras
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    network = keras.saving.load_model(model, compile=False, safe_mode=True)
    images = np.load(calibration, allow_pickle=False)
    shape = (1, *network.input.shape[1:])
    call = tf.function(lambda x: network(x, training=False), input_signature=[tf.TensorSpec(shape, tf.float32)])
    # The calibrator cannot read variables: they become constants first.
    frozen = convert_variables_to_constants_v2(call.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if not integer:
        return bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if not activations:
        return bytes(converter.convert())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]

    def examples() -> Any:
        for image in images:
            yield [image[None].astype(np.float32)]

    converter.representative_dataset = examples
    return bytes(converter.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
