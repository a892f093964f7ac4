"""How often a detector finds what is there and what is not: read from the evaluation of the model, by conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from oceanclean.errors import SettingsError
from oceanclean.settings import Settings


class Condition(Settings):
    """Rates of the scenes on one side of a limit.

    Attributes:
        measure: ``cloud_share``, ``glint_share``, ``wind_m_s`` or ``off_nadir_deg`` of a scene.
        below: the rates hold for scenes below this value, and at or above the next smaller limit of the measure.
        found: probability that visible debris is found.
        false_per_km2: false clumps a km².
        scenes: on how many scenes it was measured.
    """

    measure: str
    below: float
    found: float = Field(gt=0, le=1)
    false_per_km2: float = Field(ge=0)
    scenes: int = Field(ge=1)


class DetectionRates(Settings):
    """What an evaluation measured.

    Attributes:
        model_sha256: of the model's file.
        threshold: probability from which a pixel was taken for debris.
        protocol: on what, in words.
        scenes: number of scenes.
        area_km2: looked at in all.
        found: probability that debris above the sensor's limit is found.
        visible_share: share of the mass above the limit; None: not measured.
        false_per_km2: false alarms, in clumps of ``windrows.clump_kg``.
        false_shape: of their negative binomial distribution.
        precision: share of detections that are right; None: not measured.
        conditions: see :class:`Condition`.
    """

    model_sha256: str
    threshold: float
    protocol: str
    scenes: int = Field(ge=1)
    area_km2: float | None = None
    found: float = Field(gt=0, le=1)
    visible_share: float | None = Field(default=None, gt=0, le=1)
    false_per_km2: float = Field(default=0.0, ge=0)
    false_shape: float = Field(default=1.0, gt=0)
    precision: float | None = Field(default=None, ge=0, le=1)
    conditions: tuple[Condition, ...] = ()

    def under(self, conditions: Mapping[str, float], notes: list[str], what: str) -> tuple[float, float]:
        """Probability of detection and false clumps a km² for a scene.

        For each measure that was both evaluated and is known of the scene, the class of scenes that it falls in scales
        the overall rates; beyond the worst class evaluated the worst holds, and a sentence says so.

        Args:
            conditions: what is known of the scene, by measure.
            notes: sentences are appended.
            what: the scene, for the sentence.
        """
        found, false = self.found, self.false_per_km2
        for measure in dict.fromkeys(c.measure for c in self.conditions):
            if measure not in conditions:
                continue
            classes = sorted((c for c in self.conditions if c.measure == measure), key=lambda c: c.below)
            value = conditions[measure]
            inside = [c for c in classes if value < c.below]
            chosen = inside[0] if inside else classes[-1]
            if not inside:
                notes.append(f"{what}: {measure} {value:.2f} is beyond what its rates were measured at "
                             f"({classes[-1].below:g}).")  # fmt: skip
            found *= chosen.found / self.found
            false *= chosen.false_per_km2 / self.false_per_km2 if self.false_per_km2 > 0 else 1.0
        return min(max(found, 1e-3), 1.0), false


class RatesSource(Settings):
    """Where a sensor's rates stand: a file of an evaluation, or the card of a model that ships.

    Attributes:
        file: JSON of :class:`DetectionRates`, relative to ``config/models``.
        card: name of a model whose card (JSON beside its weights) has ``scores``.
        found: key of the card's scores for ``found``, and ``precision`` likewise.
        measured: filled in on load.
    """

    file: Path | None = None
    card: str | None = Field(default=None, pattern=r"^[a-z_]+$")
    found: str = "recall"
    precision: str = "precision"
    measured: DetectionRates | None = None

    @model_validator(mode="after")
    def _one(self) -> RatesSource:
        if (self.file is None) == (self.card is None):
            raise ValueError("give either file or card")
        return self


def detection_rates(source: RatesSource, root: Path, sensor: str) -> DetectionRates:
    """Read the rates that a sensor's model names.

    Args:
        source: where they stand.
        root: folder that ``file`` is relative to.
        sensor: for the error.

    Raises:
        SettingsError: no such file, or it lacks a figure.
    """
    key = f"sensors.{sensor}.rates"
    try:
        if source.file is not None:
            where = str(root / source.file)
            return DetectionRates.model_validate_json((root / source.file).read_bytes())
        card = files("oceanclean") / "vision" / "weights" / f"{source.card}.json"
        where = str(card)
        return _of_card(json.loads(card.read_text(encoding="utf-8")), source)
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise SettingsError(where, key, f"{type(error).__name__}: {str(error)[:200]}", "the figures of an evaluation",
                            "Evaluate the model and write its figures there.") from error  # fmt: skip


def _of_card(card: Mapping[str, Any], source: RatesSource) -> DetectionRates:
    scores = card["scores"]
    return DetectionRates(
        model_sha256=card["sha256"], threshold=card["threshold"], protocol=card["protocol"],
        scenes=len(card.get("scenes_held_out", [])) or 1, found=scores[source.found],
        precision=scores[source.precision],
    )  # fmt: skip
