"""What a look tells about mass: one observation model a sensor, from ``config/models/density.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oceanclean.density.rates import RatesSource, detection_rates
from oceanclean.errors import InputError
from oceanclean.settings import Settings, config_root, load_model_settings


class MassPerArea(Settings):
    """Mass of debris on fully covered sea."""

    kg_m2: float = Field(ge=0)
    std_kg_m2: float = Field(ge=0)
    source: str


class SensorModel(Settings):
    """What one sensor sees.

    Attributes:
        cover: share of a detected target's area that debris covers, where the detection does not say.
        std_cover: its spread from target to target.
        limit_cover: cover of a pixel (or target) below which the sensor sees nothing.
        found: probability that debris above the limit is detected where the sensor looked.
        visible_share: share of the floating mass that lies in patches above the limit.
        false_per_km2: false alarms in a km² looked at, in clumps of ``windrows.clump_kg``.
        false_shape: of their negative binomial distribution; small: rarely any, but then many.
        looks: the sensor says also where nothing is (a scene does, a report from a ship does not).
        trust: factor on the probability that a detection itself gives.
        least_kg: mass of a detection at least, where mass per area times area gives less: one item weighs something.
        rates: the evaluation that ``found`` and the false alarms are taken from; those typed beside it are not used.
        source: where the figures come from.
    """

    cover: float = Field(gt=0, le=1)
    std_cover: float = Field(ge=0, le=1)
    limit_cover: float = Field(ge=0, le=1)
    found: float = Field(default=1.0, gt=0, le=1)
    visible_share: float = Field(default=1.0, gt=0, le=1)
    false_per_km2: float = Field(default=0.0, ge=0)
    false_shape: float = Field(default=1.0, gt=0)
    looks: bool
    trust: float = Field(default=1.0, ge=0, le=1)
    least_kg: float = Field(default=0.0, ge=0)
    rates: RatesSource | None = None
    source: str

    def under(self, conditions: Mapping[str, float], notes: list[str], what: str) -> SensorModel:
        """The model under conditions (see :meth:`oceanclean.density.rates.DetectionRates.under`)."""
        if self.rates is None or self.rates.file is None or self.rates.measured is None:
            return self
        found, false = self.rates.measured.under(conditions, notes, what)
        return self.model_copy(update={"found": found, "false_per_km2": false})


class Windrows(Settings):
    """The dense tail of the sea's debris: what lies in windrows and patches."""

    share: float = Field(ge=0, lt=1, description="share of the background's mass that lies in dense patches")
    mean_kg_km2: float = Field(gt=0, description="density of a grid cell that holds such a patch, mean")
    std_kg_km2: float = Field(gt=0)
    clump_kg: float = Field(gt=0, description="mass of one independent find; larger makes a look count less")
    source: str


class HotSpotSettings(Settings):
    """What counts as a hot spot."""

    mass_share: float = Field(gt=0, le=1, description="the densest cells that together hold this share of the mass")
    times_background: float = Field(gt=0, description="and are this many times denser than the background")
    least_kg: float = Field(ge=0)
    most: int = Field(gt=0, description="at most so many, the heaviest")


class AssimilationSettings(Settings):
    """How forecast and looks are joined, see :mod:`oceanclean.density.assimilation`."""

    members: int = Field(default=24, ge=2, le=500, description="members where the forecast leaves none")
    regional_doubt: float = Field(default=0.5, ge=0, le=5, description="relative doubt of a forecast's total mass")
    renewal_h: float = Field(default=240.0, gt=0, description="in which what floats is renewed, unknown to forecasts")
    reach_km: float = Field(default=8.0, ge=0, le=500, description="half-width of the taper around what was seen")
    correlation_km: float = Field(default=10.0, ge=0, le=1000, description="of members where no forecast tells")
    least_kg: float = Field(default=1.0, ge=0, le=1000, description="less than this in a cell is none, in a member")
    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)


class CatchSettings(Settings):
    """What a haul measures."""

    efficiency: float = Field(gt=0, le=1, description="share of the debris in the mouth's way that is kept")
    swath_m: float = Field(gt=0, le=5000, description="mouth where the report gives none")
    speed_kn: float = Field(gt=0, le=15, description="through the water, where the report gives no distance")
    steering: float = Field(ge=1, le=100, description="density in the way of a steered mouth over that of the cell")
    std_steering: float = Field(ge=0, description="relative doubt of efficiency and steering together")
    sight_m: float = Field(default=1500.0, ge=0, description="how far a crew sees a windrow by day; 0: no lookout")
    search_kn: float = Field(default=5.0, gt=0, le=30, description="speed while it looks for one")
    windrow_share: float = Field(default=0.7, gt=0, le=1, description="of the debris floats where a lookout finds it")
    widest_km: float = Field(default=4.0, gt=0, le=100, description="radius around a haul's middle that it may tell of")
    source: str


class DensitySettings(Settings):
    """Settings of the density room.

    Attributes:
        mass: debris class to its mass at full cover; classes that are not named weigh nothing.
        kinds: the same of kinds of marine debris, where the detection tells them.
        sensors: sensor to its model.
        windrows: the prior's dense tail.
        look_scale_h: age at which a look has lost 63 % of its weight.
        forecast_doubt: relative doubt that a forecast cell without a look gains.
        forecast_floor: doubt that it has at least, as a share of the background's.
        least_fraction: share of a cell that must have been seen for its figure to rest on observation.
        implausible_share: of the sea looked at; a scene that marks more of it as debris is not used.
        pass_minutes: scenes within this time are one pass: where they overlap they count once.
        subcells: a cell is split into this many parts along each side where scenes of a pass are joined.
        hot_spots: see :class:`HotSpotSettings`.
        assimilation: see :class:`AssimilationSettings`.
        catches: see :class:`CatchSettings`.
    """

    mass: dict[str, MassPerArea]
    kinds: dict[str, MassPerArea] = Field(default_factory=dict)
    sensors: dict[str, SensorModel]
    windrows: Windrows
    look_scale_h: float = Field(gt=0)
    forecast_doubt: float = Field(ge=0)
    forecast_floor: float = Field(ge=0)
    least_fraction: float = Field(gt=0, le=1)
    implausible_share: float = Field(default=0.005, gt=0, le=1)
    pass_minutes: float = Field(ge=0)
    subcells: int = Field(ge=1, le=16)
    hot_spots: HotSpotSettings
    assimilation: AssimilationSettings = Field(default_factory=AssimilationSettings)
    catches: CatchSettings


def load_settings(config: Path | None = None) -> DensitySettings:
    """Settings of ``config/models/density.yaml``, with each sensor's rates from the evaluation that it names.

    Raises:
        SettingsError: names key, value and what was expected.
    """
    settings = load_model_settings("density", DensitySettings, config)
    root = config_root(config) / "models"
    return settings.model_copy(
        update={"sensors": {name: _with_rates(name, one, root) for name, one in settings.sensors.items()}}
    )


def _with_rates(name: str, sensor: SensorModel, root: Path) -> SensorModel:
    if sensor.rates is None:
        return sensor
    rates = detection_rates(sensor.rates, root, name)
    return sensor.model_copy(update={
        "found": rates.found, "visible_share": rates.visible_share or sensor.visible_share,
        "false_per_km2": rates.false_per_km2, "false_shape": rates.false_shape,
        "rates": sensor.rates.model_copy(update={"measured": rates}),
    })  # fmt: skip


def sensor_model(settings: DensitySettings, sensor: str, source: str) -> SensorModel:
    """The model of a sensor.

    Raises:
        InputError: there is none; lists those there are.
    """
    if sensor not in settings.sensors:
        raise InputError(source, "sensor", repr(sensor), f"one of {sorted(settings.sensors)}",
                         "Describe the sensor in config/models/density.yaml.")  # fmt: skip
    return settings.sensors[sensor]


def detection_limit_kg_km2(settings: DensitySettings, sensor: str) -> float:
    """Density inside a target below which a sensor sees nothing (marine debris at the limit of cover)."""
    return settings.sensors[sensor].limit_cover * settings.mass["marine_debris"].kg_m2 * 1e6


def relative_doubt(settings: DensitySettings, sensor: SensorModel, class_name: str = "marine_debris") -> float:
    """Relative standard deviation of the mass that one calibration figure gives, cover and mass per area together."""
    mass = settings.mass[class_name]
    return float(np.hypot(mass.std_kg_m2 / mass.kg_m2, sensor.std_cover / sensor.cover))


def kg_per_detected_m2(settings: DensitySettings, sensor: SensorModel) -> float:
    """Mass of debris for each m² of detected pixels (probability × area)."""
    return sensor.cover * settings.mass["marine_debris"].kg_m2


def target_mass(
    settings: DensitySettings, sensor: SensorModel, class_name: NDArray[np.object_], area_m2: NDArray[np.float64],
    cover: NDArray[np.float64], known_kg: NDArray[np.float64], kind: NDArray[np.object_] | None = None,
) -> NDArray[np.float64]:  # fmt: skip
    """Mass (n) in kg of detected targets, if they are what they were taken for.

    Args:
        settings: masses at full cover.
        sensor: gives the cover where a target has none.
        class_name: (n) class of each target; a class without a mass weighs nothing.
        area_m2: (n) area of each target.
        cover: (n) share of it that is covered, NaN where unknown.
        known_kg: (n) mass that the report itself gives, NaN where it does not.
        kind: (n) kind of each target of marine debris; one that is not in the settings weighs as its class.
    """
    per_m2: Mapping[str, float] = {name: m.kg_m2 for name, m in settings.mass.items()}
    full = np.array([per_m2.get(str(c), 0.0) for c in class_name])
    if kind is not None:
        own = {name: m.kg_m2 for name, m in settings.kinds.items()}
        known = np.array([own.get(str(k), np.nan) for k in kind])
        full = np.where((class_name == "marine_debris") & np.isfinite(known), known, full)
    estimated = area_m2 * np.where(np.isnan(cover), sensor.cover, cover) * full
    estimated = np.where(full > 0, np.maximum(estimated, sensor.least_kg), 0.0)
    return np.where(np.isnan(known_kg), estimated, known_kg)
