"""The model zoo: networks by name, built for an input shape, a number of classes and a width.

``build(name, input_shape, classes, width, weights)`` makes one, ``names(task)`` lists them. Every network takes pixel
values as they are stored (photos 0–255) and normalises inside, so that what is trained, exported and quantised sees
the same numbers.
"""

from __future__ import annotations

from oceanclean.vision.nets.backbones import backbone
from oceanclean.vision.nets.registry import build, deployed, names, register, resized
from oceanclean.vision.nets.transfer import transfer

__all__ = ["backbone", "build", "deployed", "names", "register", "resized", "transfer"]
