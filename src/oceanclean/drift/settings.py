"""Settings of the drift room: ``config/models/drift.yaml``; the defaults are the same figures."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from oceanclean.settings import Settings, load_model_settings


class ClassWindage(Settings):
    """Windage of one debris class, Stokes drift included; fractions of the 10 m wind."""

    mean: float = Field(ge=0, le=0.1)
    spread: float = Field(ge=0, le=0.05, description="standard deviation from item to item")
    crosswind: float = Field(default=0.0, ge=0, le=0.05, description="standard deviation across the wind")
    source: str = Field(min_length=3)


class WindageSettings(Settings):
    """How the wind carries debris."""

    stokes_equivalent: float = Field(default=0.013, ge=0, le=0.03)
    stokes_factor: float = Field(default=1.0, ge=0, le=2)
    relative_to_current: bool = False
    class_doubt: float = Field(default=0.2, ge=0, le=1)
    mixture: dict[str, float] = Field(default_factory=lambda: {"unknown": 1.0})
    classes: dict[str, ClassWindage] = Field(
        default_factory=lambda: {
            "unknown": ClassWindage(mean=0.025, spread=0.008, crosswind=0.004, source="Wagner et al. 2022")
        }
    )

    @model_validator(mode="after")
    def _known_classes(self) -> WindageSettings:
        unknown = set(self.mixture) - set(self.classes)
        if unknown:
            raise ValueError(f"mixture names {sorted(unknown)}, which classes does not describe")
        if abs(sum(self.mixture.values()) - 1.0) > 1e-6 or min(self.mixture.values()) < 0:
            raise ValueError(f"shares of the mixture must be positive and sum to 1, not {sum(self.mixture.values()):g}")
        return self


class ResidualSettings(Settings):
    """Velocity error with memory: an Ornstein-Uhlenbeck process for each component."""

    tau_h: float = Field(default=18.0, gt=0, le=1000)
    sigma_m_s: float = Field(default=0.25, ge=0, le=2)
    interval_s: float = Field(default=3600.0, gt=0, le=86400)
    coherent_share: float = Field(default=0.0, ge=0, le=1)
    coherent_km: float = Field(default=40.0, gt=0, le=2000)


class MassSettings(Settings):
    """How the doubt of the density map enters the ensemble."""

    correlation_km: float = Field(default=10.0, gt=0, le=1000)
    largest_cv: float = Field(default=3.0, gt=0, le=10)


class DensitySettings(Settings):
    """How particles become a density."""

    neighbours: float = Field(default=12.0, ge=0, le=1000)
    widest_cells: float = Field(default=2.5, ge=0, le=20)
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    exceedance_kg_km2: float = Field(default=50.0, ge=0)


class TracksSettings(Settings):
    """Size of the thinned sample of particles."""

    members: int = Field(default=20, ge=1)
    particles: int = Field(default=1500, ge=1)


class DriftSettings(Settings):
    """Everything that a person may want to change about the drift forecast."""

    step_s: float = Field(default=900.0, gt=0, le=7200)
    members: int = Field(default=24, ge=2, le=1000)
    particles_per_member: int = Field(default=5000, ge=10, le=1_000_000)
    threads: int = Field(default=2, ge=1, le=64)
    land_extension_cells: int = Field(default=3, ge=0, le=50)
    refloat_h: float | None = Field(default=None, gt=0)
    windage: WindageSettings = Field(default_factory=WindageSettings)
    residual: ResidualSettings = Field(default_factory=lambda: ResidualSettings(coherent_share=0.7))
    mass: MassSettings = Field(default_factory=MassSettings)
    density: DensitySettings = Field(default_factory=DensitySettings)
    tracks: TracksSettings = Field(default_factory=TracksSettings)


def load_drift_settings(name: str = "drift", config: Path | None = None) -> DriftSettings:
    """Settings of ``config/models/<name>.yaml``.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    return load_model_settings(name, DriftSettings, config)
