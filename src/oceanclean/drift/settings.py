"""Settings of the drift room: ``config/models/drift.yaml``; the defaults are the same figures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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
            "unknown": ClassWindage(mean=0.025, spread=0.008, crosswind=0.004, source="Wagner et al. 2022"),
            "drifter": ClassWindage(mean=0.03, spread=0.01, crosswind=0.004, source="Wagner et al. 2022"),
            "drogued": ClassWindage(mean=0.0007, spread=0.0007, source="Niiler and Paduan 1995"),
            "surface_drogue": ClassWindage(mean=0.005, spread=0.003, source="Novelli et al. 2017"),
        }
    )
    makes: dict[str, str] = Field(
        default_factory=lambda: {"carthe": "surface_drogue", "code": "surface_drogue", "davis": "surface_drogue"},
        description="word in a drifter's type: class of its windage, where classes has it",
    )

    @model_validator(mode="after")
    def _known_classes(self) -> WindageSettings:
        unknown = set(self.mixture) - set(self.classes)
        if unknown:
            raise ValueError(f"mixture names {sorted(unknown)}, which classes does not describe")
        if not {"unknown", "drifter"} & set(self.classes):
            raise ValueError("classes must describe 'drifter' or 'unknown': the windage of drifters of unknown make")
        if abs(sum(self.mixture.values()) - 1.0) > 1e-6 or min(self.mixture.values()) < 0:
            raise ValueError(f"shares of the mixture must be positive and sum to 1, not {sum(self.mixture.values()):g}")
        return self


class ResidualSettings(Settings):
    """Velocity error with memory: an Ornstein-Uhlenbeck process for each component."""

    tau_h: float = Field(default=18.0, gt=0, le=1000)
    sigma_m_s: float = Field(default=0.275, ge=0, le=2)
    interval_s: float = Field(default=3600.0, gt=0, le=86400)
    coherent_share: float = Field(default=0.0, ge=0, le=1)
    coherent_km: float = Field(default=40.0, gt=0, le=2000)
    drifter_windage: float = Field(default=0.01, ge=0, le=0.05, description="of a drifter without drogue")
    prior_samples: float = Field(default=1.0, gt=0, description="independent samples that the prior is worth")
    least_drifter_hours: float = Field(default=48.0, ge=0, description="fewer say nothing")


class CarriedSettings(Settings):
    """Shares and memories of a drifter's own residual, see :mod:`oceanclean.drift.carried`."""

    slow_share: float = Field(default=0.05, ge=0, le=1, description="of the variance that fades with slow_h")
    slow_h: float = Field(default=120.0, gt=0, description="e-folding time of fronts and eddies in a wrong place")
    fast_h: float = Field(default=8.0, gt=0, description="e-folding time of the rest: tide, waves, shear")
    inertial_share: float = Field(default=0.1, ge=0, le=1, description="of the variance that turns inertially")
    inertial_h: float = Field(default=48.0, gt=0, description="e-folding time of inertial motion")
    white_share: float = Field(default=0.03, gt=0, le=1, description="error of an hourly velocity, of the variance")

    @model_validator(mode="after")
    def _parts(self) -> CarriedSettings:
        if self.slow_share + self.inertial_share > 1.0:
            raise ValueError("slow_share and inertial_share together are at most 1")
        return self


class RecentSettings(Settings):
    """How the forecast follows drifters that report, see :mod:`oceanclean.drift.recent`."""

    memory_h: float = Field(default=72.0, gt=0, description="e-folding time of what drifters showed")
    ahead_h: float = Field(default=144.0, gt=0, description="e-folding time ahead of what the fleet showed")
    independent_share: float = Field(default=0.04, gt=0, le=1, description="independent samples in a drifter-hour")
    sigma_m_s: float = Field(default=0.3, gt=0, le=2, description="error of one hour's velocity, a component")
    wind: float = Field(default=0.01, gt=0, le=0.1, description="doubt of the windage")
    current: float = Field(default=0.3, gt=0, le=2, description="doubt of the current's strength and turn")
    products: float = Field(default=0.5, gt=0, le=2, description="doubt of the weight between two current products")
    stokes: float = Field(default=1.0, gt=0, le=3, description="doubt of the Stokes drift's share and turn")
    learned: float = Field(default=0.5, gt=0, le=2, description="doubt of the weight of a fitted correction")
    own_share: float = Field(
        default=0.3, gt=0, le=2, description="doubt of a drifter's own coefficients beyond the fleet's, of the above"
    )
    carried: CarriedSettings = Field(default_factory=CarriedSettings)
    carried_without_current: CarriedSettings = Field(
        default_factory=lambda: CarriedSettings(slow_share=0.6, inertial_share=0.2),
        description="the same where there is no current product: the residual is then the current itself",
    )


class MassSettings(Settings):
    """How the doubt of the density map enters the ensemble."""

    correlation_km: float = Field(default=10.0, gt=0, le=1000)
    largest_cv: float = Field(default=3.0, gt=0, le=10)


class InflowSettings(Settings):
    """Debris that the water brings in through the open boundary of the map, see :mod:`oceanclean.drift.inflow`."""

    particles_share: float = Field(default=0.1, ge=0, le=1, description="kept for it, of a member's; 0: none comes in")
    batch_share: float = Field(default=0.15, gt=0, le=1, description="of those, in the strip at one time")
    strip_m_s: float = Field(default=2.0, gt=0, le=5, description="fastest inflow that the strip's width allows for")


class FateSettings(Settings):
    """What becomes of debris beside drifting, see :mod:`oceanclean.drift.fates`; None: it does not happen."""

    beaching_d: float | None = Field(default=None, gt=0, description="mean days near a coast before it beaches")
    beach_km: float = Field(default=10.0, gt=0, le=100, description="how near")
    sinking_d: float | None = Field(default=None, gt=0, description="mean days afloat before it sinks")
    biofouling_d: tuple[float, float] | None = Field(default=None, description="days at sea after which it sinks")
    age_d: float = Field(default=0.0, ge=0, description="days at sea before the map")


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


class ForecasterSettings(Settings):
    """How the residual of drifters over physics is learned, and which fitted file corrects the daily forecast."""

    file: Path | None = Field(default=None, description="fitted forecaster, relative to the configuration folder")
    ridge: float = Field(
        default=3.0, gt=0, description="penalty of the linear part, relative to the features' variance"
    )
    trees: int = Field(default=200, ge=1, le=5000)
    leaves: int = Field(default=15, ge=2, le=1000)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    rows_per_leaf: int = Field(default=200, ge=1)
    l2: float = Field(default=10.0, ge=0)
    weights: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    extras: tuple[Literal["shear", "depth", "coast", "class"], ...] = Field(
        default=(), description="numbers offered to the trees beside the vectors"
    )
    extras_gain: float = Field(
        default=0.005, ge=0, le=1, description="least gain on later days for which they are taken"
    )
    inner_share: float = Field(default=0.6, gt=0.1, lt=0.9, description="earlier share of the time that fits")
    gap_h: float = Field(default=25.0, ge=0, description="hours left out between blocks: two tides")
    season_windows: float = Field(
        default=8.0, ge=0, description="windows of 72 h of later days at which half of what was learned is believed"
    )
    doubt_prior_windows: float = Field(default=8.0, ge=0, description="windows of a lead's length the prior is worth")
    domain_lat_deg: float = Field(default=2.0, ge=0, description="beyond the training box it is not used")
    domain_lon_deg: float = Field(default=3.0, ge=0)


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
    recent: RecentSettings = Field(default_factory=RecentSettings)
    mass: MassSettings = Field(default_factory=MassSettings)
    inflow: InflowSettings = Field(default_factory=InflowSettings)
    fates: FateSettings = Field(default_factory=FateSettings)
    density: DensitySettings = Field(default_factory=DensitySettings)
    tracks: TracksSettings = Field(default_factory=TracksSettings)
    forecaster: ForecasterSettings = Field(default_factory=ForecasterSettings)


def load_settings(config: Path | None = None) -> DriftSettings:
    """Settings of the room, ``models/drift.yaml`` of a configuration folder, by default the one in use.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    return load_model_settings("drift", DriftSettings, config)
