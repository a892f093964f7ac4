"""Which model a day uses: what the settings name, else the registry's champion or challenger, else what ships."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain.run import DailyRun
from oceanclean.errors import CorruptStoreError, InputError
from oceanclean.learning import load_learning_settings
from oceanclean.learning.registry import SHIPPED, ModelVersion, Registry, arm_of
from oceanclean.settings import config_root
from oceanclean.store import digest_file

if TYPE_CHECKING:
    from oceanclean.drift.residual import Residual
    from oceanclean.vision import SegmenterSettings

#: Kinds that a challenger of shadows the champion on every daily run.
SHADOWED = ("segmenter", "forecaster")


@dataclass(frozen=True)
class Chosen:
    """A model that a day uses.

    Attributes:
        kind: of the model.
        arm: ``champion``, ``challenger``, or ``settings`` where a file of ``config/models`` names it.
        version: of the registry; 0 is what ships, or the settings' file.
        path: the model file; None is what ships (for the forecaster: plain physics).
        said: sentences about a model that could not be used.
    """

    kind: str
    arm: str
    version: int
    path: Path | None
    said: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the file, "" for what ships."""
        return digest_file(self.path) if self.path and self.path.is_file() else str(self.path or "")

    @property
    def facts(self) -> dict[str, Any]:
        """What the ledger says; empty where neither registry nor settings have a say."""
        return {} if self.arm == "champion" and self.version == SHIPPED else {"arm": self.arm, "version": self.version}


def chosen(run: DailyRun, kind: str) -> Chosen:
    """The model whose answer the day's plan uses.

    A registry that cannot be trusted does not end the day: what ships is used, and a sentence says so.
    """
    try:
        arms = candidates(run, kind)
    except CorruptStoreError as error:
        return Chosen(kind, "champion", SHIPPED, None, (f"The registered {kind} was not used: {error}",))
    settings = load_learning_settings(run.config).shadow
    arm = arm_of(kind, run.region_name, run.issue_time, settings.share, settings.salt)
    return arms.get(arm) or arms["champion"]


def candidates(run: DailyRun, kind: str) -> dict[str, Chosen]:
    """Champion, and challenger where one is on trial, by arm; a file that the settings name stands alone.

    Raises:
        CorruptStoreError: the registry's log or a model was changed.
    """
    named = _named(run, kind)
    if named is not None:
        return {"champion": Chosen(kind, "settings", SHIPPED, named)}
    registry = Registry.of(run.work)
    found = {"champion": _as_chosen(kind, "champion", registry.model(kind, "champion"))}
    challenger = registry.model(kind, "challenger")
    if challenger is not None:
        found["challenger"] = _as_chosen(kind, "challenger", challenger)
    return found


def _named(run: DailyRun, kind: str) -> Path | None:
    """The model file that ``config/models`` names for a shadowed kind, or None."""
    if kind == "segmenter":
        from oceanclean import vision

        model = vision.load_settings(run.config).model
        return Path(model) if model else None
    from oceanclean.drift.settings import load_settings

    file = load_settings(run.config).forecaster.file
    return config_root(run.config) / file if file else None


def _as_chosen(kind: str, arm: str, model: ModelVersion | None) -> Chosen:
    return Chosen(kind, arm, model.version if model else SHIPPED, model.path if model else None)


def segmenter_of(run: DailyRun) -> tuple[SegmenterSettings, Chosen]:
    """Settings of the segmenter with the day's model in them, and which one it is."""
    from oceanclean import vision

    model = chosen(run, "segmenter")
    return vision.load_settings(run.config).model_copy(update={"model": str(model.path or "")}), model


def fitted_forecaster(file: Path | None) -> tuple[Residual | None, list[str]]:
    """The forecaster in a file; None, and why in a sentence, where there is none that can be used."""
    if file is None:
        return None, []
    from oceanclean.drift.residual import load_forecaster

    try:
        return load_forecaster(file), []
    except InputError as error:
        return None, [f"The fitted drift forecaster was not used, plain physics instead: {error}"]
