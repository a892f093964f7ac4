"""Settings of the room: ``config/models/learning.yaml``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from oceanclean.settings import Settings, config_root, load


class Gate(Settings):
    """What a challenger of a kind must win on."""

    metric: str
    larger_is_better: bool
    minimum_gain: float = Field(default=0.0, ge=0, description="in the metric's unit")


class BootstrapSettings(Settings):
    """Interval of a paired difference."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=2000, ge=200, le=100_000)
    minimum_groups: int = Field(default=8, ge=2)


class ShadowSettings(Settings):
    """How a challenger is tried on daily runs."""

    share: float = Field(default=0.0, ge=0, le=1, description="share of region-days on which its answer is used")
    salt: str = "2026"
    haul_radius_km: float = Field(default=3.0, gt=0, le=100)
    haul_hours: float = Field(default=24.0, gt=0, le=240)
    presence_kg: float = Field(default=1.0, gt=0)
    probability_floor: float = Field(default=0.02, gt=0, lt=0.5)
    drifter_leads_h: list[int] = Field(default=[6, 12, 24, 48], min_length=1)
    score_lead_h: int = Field(default=24, ge=1)

    @model_validator(mode="after")
    def _scored(self) -> ShadowSettings:
        if self.score_lead_h not in self.drifter_leads_h:
            raise ValueError(f"score_lead_h {self.score_lead_h} is not among drifter_leads_h {self.drifter_leads_h}")
        return self


class SequentialSettings(Settings):
    """The test that may be looked at every day."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    effect_sd: float = Field(default=0.5, gt=0, le=10)
    minimum_pairs: int = Field(default=5, ge=2)


class Threshold(Settings):
    """Bounds of a watched figure: beyond ``warn`` people look, beyond ``alarm`` they act."""

    warn: float
    alarm: float

    def state(self, value: float) -> str:
        """``ok``, ``warn`` or ``alarm``; where ``alarm`` lies below ``warn``, low values are the bad ones."""
        low = self.alarm < self.warn
        if value <= self.alarm if low else value >= self.alarm:
            return "alarm"
        return "warn" if (value <= self.warn if low else value >= self.warn) else "ok"


class MonitoringSettings(Settings):
    """What is watched, and from where on it is said."""

    reference_days: int = Field(default=14, ge=1, le=366)
    recent_days: int = Field(default=7, ge=1, le=366)
    bins: int = Field(default=10, ge=2, le=100)
    psi: Threshold = Threshold(warn=0.1, alarm=0.25)
    ks: Threshold = Threshold(warn=0.15, alarm=0.3)
    catch_ratio: Threshold = Threshold(warn=2.0, alarm=4.0)
    interval_coverage: Threshold = Threshold(warn=0.6, alarm=0.4)
    detection_brier: Threshold = Threshold(warn=0.25, alarm=0.35)
    separation_24h_km: Threshold = Threshold(warn=20.0, alarm=40.0)
    run_seconds: Threshold = Threshold(warn=1800, alarm=3600)
    peak_mib: Threshold = Threshold(warn=6000, alarm=12000)
    age_h: dict[str, Threshold] = Field(default_factory=dict)


_GATES = {
    "segmenter": Gate(metric="debris_f1", larger_is_better=True),
    "forecaster": Gate(metric="separation_24h_km", larger_is_better=False),
    "classifier": Gate(metric="macro_f1", larger_is_better=True),
    "cleanliness": Gate(metric="macro_f1", larger_is_better=True),
}


class LearningSettings(Settings):
    """All of the room's settings."""

    gates: dict[str, Gate] = Field(default_factory=lambda: dict(_GATES))
    bootstrap: BootstrapSettings = BootstrapSettings()
    shadow: ShadowSettings = ShadowSettings()
    sequential: SequentialSettings = SequentialSettings()
    monitoring: MonitoringSettings = MonitoringSettings()


def load_learning_settings(config: Path | None = None) -> LearningSettings:
    """Settings of ``config/models/learning.yaml``, or the defaults where there is no such file."""
    path = config_root(config) / "models" / "learning.yaml"
    return load(path, LearningSettings) if path.is_file() else LearningSettings()
