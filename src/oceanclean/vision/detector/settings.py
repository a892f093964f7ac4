"""Settings of the detector: which model, how maps are read, how well positions are known, how it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from oceanclean.errors import InputError
from oceanclean.settings import Settings, config_root, load
from oceanclean.vision.detector.camera import CameraDoubt
from oceanclean.vision.detector.decoding import DecodingSettings
from oceanclean.vision.detector.tree_training import TreeSettings
from oceanclean.vision.detector.windows import WindowSettings
from oceanclean.vision.fitting import FitSettings


class TrainingSettings(Settings):
    """How the detector is trained.

    Attributes:
        family: what finds boxes: trees (one class, any litter) or the network.
        trees: how trees are grown.
        fit: the loop of the network that is kept.
        windows: how training windows are cut.
        width: factor on the network's channels.
        image_scale: pixels of a window for each pixel of an image: below 1 for close-up photos, whose objects are
            larger than a window.
        folds: parts into which groups of scenes are dealt; one is held out for the threshold.
        refine_epochs: epochs on every scene after those without the part held out.
        refine_rate: peak learning rate of these.
    """

    family: Literal["trees", "network"] = "trees"
    trees: TreeSettings = TreeSettings()
    fit: FitSettings = FitSettings(epochs=300, steps=10, batch=8, learning_rate=3e-3, weight_decay=2e-2, ema=0.985)
    windows: WindowSettings = WindowSettings()
    width: float = Field(default=0.75, gt=0, le=4)
    image_scale: float = Field(default=1.0, gt=0, le=4)
    folds: int = Field(default=3, ge=2, le=20)
    refine_epochs: int = Field(default=100, ge=1)
    refine_rate: float = Field(default=2e-3, gt=0)

    def by(self, model: str) -> TrainingSettings:
        """The settings with another family: ``trees``, the zoo's ``centre_detector``, or "" for their own.

        Raises:
            InputError: no such detector.
        """
        families: dict[str, Literal["trees", "network"]] = {"trees": "trees", "centre_detector": "network"}
        if not model:
            return self
        if model not in families:
            raise InputError("command line", "--model", repr(model), f"one of {list(families)}", "Choose one of them.")
        return self.model_copy(update={"family": families[model]})


class DetectorSettings(Settings):
    """How litter is detected as boxes.

    Attributes:
        model: path of a ``.keras`` file; empty: the model that ships.
        threshold: score of a box that is reported; None: the one tuned on held-out scenes.
        map_accuracy_m: standard error of the position of georeferenced imagery.
        decoding: how maps are read.
        camera: standard errors of a drone's camera.
        training: how ``oceanclean train detector`` trains.
    """

    model: str = ""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    map_accuracy_m: float = Field(default=10.0, ge=0)
    decoding: DecodingSettings = DecodingSettings()
    camera: CameraDoubt = CameraDoubt()
    training: TrainingSettings = TrainingSettings()


def load_detector_settings(config: Path | None = None) -> DetectorSettings:
    """Settings of ``config/models/detector.yaml``, or the defaults where there is no such file.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    path = config_root(config) / "models" / "detector.yaml"
    return load(path, DetectorSettings) if path.is_file() else DetectorSettings()
