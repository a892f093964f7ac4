"""Settings of the photo models: classes, how labels of data folders map to them, and how a model is trained."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from oceanclean.settings import Settings, config_root, load
from oceanclean.vision.fitting import FitSettings

#: Kinds of photo models: what a thing is made of, and how clean a place is.
KINDS = ("classifier", "cleanliness")


class PhotoTask(Settings):
    """What is told apart.

    Attributes:
        kind: one of :data:`KINDS`; names the model's file and its commands.
        classes: names of the outputs, in order.
        label_of: label of a data folder to class.
    """

    kind: str = Field(pattern="^(classifier|cleanliness)$")
    classes: tuple[str, ...] = Field(min_length=2)
    label_of: dict[str, str] = Field(min_length=2)

    @model_validator(mode="after")
    def _labels_known(self) -> PhotoTask:
        wrong = sorted(set(self.label_of.values()) - set(self.classes))
        if wrong:
            raise ValueError(f"label_of names {wrong[0]!r}, which is none of {list(self.classes)}")
        return self


class ViewSettings(Settings):
    """How far a photo is varied while a network learns from it.

    Attributes:
        area: smallest share of the photo that a crop shows.
        aspect: largest factor by which one edge is stretched against the other.
        turn: quarter turns too, not only mirror images.
        brightness: largest factor of the brightness, e.g. 1.4.
        colour: largest factor of a channel's gain.
        mix: chance that a batch is mixed: mixup (Zhang et al. 2018) or CutMix (Yun et al. 2019), half each.
        erase: chance that a rectangle of a photo is blanked.
    """

    area: float = Field(default=0.35, gt=0, le=1)
    aspect: float = Field(default=1.33, ge=1, le=2)
    turn: bool = False
    brightness: float = Field(default=1.4, ge=1, le=3)
    colour: float = Field(default=1.1, ge=1, le=2)
    mix: float = Field(default=0.5, ge=0, le=1)
    erase: float = Field(default=0.2, ge=0, le=1)


class TextureSettings(Settings):
    """The branch of Fisher vectors over local descriptors; see :mod:`oceanclean.vision.photos.fisher`.

    Attributes:
        edge: edge of the square that it looks at, pixels.
        scales: factors of the edge at which descriptors are taken.
        components: words of the mixture.
        dimensions: length to which a descriptor is reduced.
        mirror: mirror images count as photos of their own; twice the time for about .003 of macro-F1.
        samples: descriptors from which reduction and mixture are learned.
        axes: principal axes on which the head works.
        gamma: of the head's Gaussian, in units of the mean squared length on those axes.
        regularisation: inverse strength C of the head.
    """

    edge: int = Field(default=160, ge=48, le=512)
    scales: tuple[float, ...] = (1.0, 0.707, 0.5)
    components: int = Field(default=64, ge=2, le=512)
    dimensions: int = Field(default=64, ge=4, le=256)
    mirror: bool = True
    samples: int = Field(default=60_000, ge=1000)
    axes: int = Field(default=128, ge=2, le=1024)
    gamma: float = Field(default=1.0, gt=0)
    regularisation: float = Field(default=10.0, gt=0)


class PhotoTraining(Settings):
    """How a photo model is trained; the defaults are the best recipe measured.

    Attributes:
        network: classifier of the zoo; ``none`` leaves the network out.
        width: factor of its channels.
        edge: edge of the square it looks at, pixels.
        train_edge: edge of the crops that it learns from; smaller than ``edge``, since a crop shows things larger
            (Touvron et al. 2019, arXiv:1906.06423).
        smoothing: label smoothing.
        balance: power of a class's inverse frequency in drawing photos; 0 as they come, 1 all alike.
        validation: one of this many folds of duplicate groups selects the epoch.
        starts: of the network, ``scratch`` and ``two-phase``; the better on the validation photos is kept.
        head_rate: learning rate of the first phase, which trains the head on a frozen backbone.
        block_rate: learning rate of the second phase, which trains the last block too.
        phase_epochs: epochs of each phase.
        pretraining_epochs: epochs of self-supervised pretraining, where folders for it are given.
        fit: the optimiser's.
        views: augmentation.
        texture: the branch of Fisher vectors; None leaves it out.
    """

    network: str = "resnet18"
    width: float = Field(default=0.25, gt=0, le=2)
    edge: int = Field(default=96, ge=32, le=512)
    train_edge: int = Field(default=80, ge=32, le=512)
    smoothing: float = Field(default=0.1, ge=0, lt=1)
    balance: float = Field(default=0.5, ge=0, le=1)
    validation: int = Field(default=8, ge=2, le=50)
    starts: tuple[str, ...] = Field(default=("scratch",), min_length=1)
    head_rate: float = Field(default=1e-3, gt=0)
    block_rate: float = Field(default=1e-4, gt=0)
    phase_epochs: int = Field(default=10, ge=1)
    pretraining_epochs: int = Field(default=10, ge=1)
    fit: FitSettings = Field(default_factory=FitSettings)
    views: ViewSettings = Field(default_factory=ViewSettings)
    texture: TextureSettings | None = Field(default_factory=TextureSettings)


class PhotoSettings(Settings):
    """A photo model's file under ``config/models``."""

    task: PhotoTask
    training: PhotoTraining = Field(default_factory=PhotoTraining)

    def varied(self, network: str = "", epochs: int | None = None) -> PhotoSettings:
        """The settings with another network or other epochs, where they are given."""
        training = self.training
        if network:
            training = training.model_copy(update={"network": network})
        if epochs is not None:
            training = training.model_copy(update={"fit": training.fit.model_copy(update={"epochs": epochs})})
        return self.model_copy(update={"training": training})


def load_photo_settings(kind: str, config: Path | None = None) -> PhotoSettings:
    """Settings of ``config/models/KIND.yaml``.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    return load(config_root(config) / "models" / f"{kind}.yaml", PhotoSettings)
