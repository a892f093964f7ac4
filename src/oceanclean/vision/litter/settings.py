"""Settings of the litter segmenter: which network, at what scale, how it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from oceanclean.settings import Settings, config_root, load
from oceanclean.vision.augmentation import AugmentationSettings
from oceanclean.vision.fitting import FitSettings


class ScaleSettings(Settings):
    """At what size a kind of image is seen.

    Attributes:
        side: edge of the square that a whole image is brought to, pixels.
        crop: edge of the training crops, pixels.
        zoom: range of the training crops' zoom about that of a whole image.
        focus: chance that a crop is centred on something.
    """

    side: int = Field(default=256, ge=64, le=2048)
    crop: int = Field(default=128, ge=32, le=1024)
    zoom: tuple[float, float] = (0.7, 1.8)
    focus: float = Field(default=0.7, ge=0, le=1)


def _augmentation(kind: str) -> AugmentationSettings:
    if kind == "marida":
        return AugmentationSettings(peak=1.0, brightness=0.003, contrast=0.1, colour=0.05, noise=0.001)
    return AugmentationSettings(
        aspect=1.25, brightness=0.12, contrast=0.3, colour=0.12, blur=0.8, noise=0.03, glint=0.1
    )


class LitterSettings(Settings):
    """Everything that a training run may vary.

    Attributes:
        network: name in the zoo.
        width: factor of its channels.
        scales: by kind of mask.
        class_power: power of the class weights (0: all alike).
        focal: focusing parameter of the cross-entropy; 0 is plain.
        overlap_weight: weight of the soft IoU term.
        auxiliary_weight: weight of the auxiliary heads.
        paste: chance that objects of another image are laid over a crop (litter alone).
        folds: of the grouped protocol.
        fit: the training loop.
    """

    network: str = "litternet"
    width: float = Field(default=0.5, gt=0, le=4)
    scales: dict[str, ScaleSettings] = Field(
        default_factory=lambda: {
            "litter": ScaleSettings(),
            "drone": ScaleSettings(zoom=(0.7, 1.6), focus=0.5),
            "marida": ScaleSettings(crop=64, zoom=(0.9, 1.12), focus=0.9),
        }
    )
    class_power: float = Field(default=0.5, ge=0, le=2)
    focal: float = Field(default=0.0, ge=0, le=5)
    overlap_weight: float = Field(default=0.5, ge=0)
    auxiliary_weight: float = Field(default=0.4, ge=0)
    paste: float = Field(default=0.3, ge=0, le=1)
    folds: int = Field(default=3, ge=2, le=20)
    fit: FitSettings = Field(
        default_factory=lambda: FitSettings(epochs=40, steps=50, batch=8, learning_rate=3e-3, ema=0.98)
    )

    def augmentation(self, kind: str) -> AugmentationSettings:
        """How images of a kind are varied; sizes and zoom are set by whoever crops."""
        return _augmentation(kind)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.model_dump(mode="json")


def load_litter_settings(config: Path | None = None) -> LitterSettings:
    """Settings of ``config/models/litter.yaml``, or the defaults where there is no such file.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    path = config_root(config) / "models" / "litter.yaml"
    return load(path, LitterSettings) if path.is_file() else LitterSettings()
