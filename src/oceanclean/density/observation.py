"""What a look tells about mass: one observation model a sensor, from ``config/models/density.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oceanclean.errors import InputError
from oceanclean.settings import Settings, load_model_settings


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
        source: where the figures come from.
    """

    cover: float = Field(gt=0, le=1)
    std_cover: float = Field(ge=0, le=1)
    limit_cover: float = Field(ge=0, le=1)
    found: float = Field(gt=0, le=1)
    visible_share: float = Field(gt=0, le=1)
    false_per_km2: float = Field(ge=0)
    false_shape: float = Field(default=1.0, gt=0)
    looks: bool
    source: str


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


class DensitySettings(Settings):
    """Settings of the density room.

    Attributes:
        mass: debris class to its mass at full cover; classes that are not named weigh nothing.
        sensors: sensor to its model.
        windrows: the prior's dense tail.
        look_scale_h: age at which a look has lost 63 % of its weight.
        forecast_doubt: relative doubt that a forecast cell without a look gains.
        forecast_floor: doubt that it has at least, as a share of the background's.
        least_fraction: share of a cell that must have been seen for its figure to rest on observation.
        pass_minutes: scenes within this time are one pass: where they overlap they count once.
        subcells: a cell is split into this many parts along each side where scenes of a pass are joined.
        hot_spots: see :class:`HotSpotSettings`.
    """

    mass: dict[str, MassPerArea]
    sensors: dict[str, SensorModel]
    windrows: Windrows
    look_scale_h: float = Field(gt=0)
    forecast_doubt: float = Field(ge=0)
    forecast_floor: float = Field(ge=0)
    least_fraction: float = Field(gt=0, le=1)
    pass_minutes: float = Field(ge=0)
    subcells: int = Field(ge=1, le=16)
    hot_spots: HotSpotSettings


def load_settings(config: Path | None = None) -> DensitySettings:
    """Settings of ``config/models/density.yaml``.

    Raises:
        SettingsError: names key, value and what was expected.
    """
    return load_model_settings("density", DensitySettings, config)


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
    cover: NDArray[np.float64], known_kg: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """Mass (n) in kg of detected targets, if they are what they were taken for.

    Args:
        settings: masses at full cover.
        sensor: gives the cover where a target has none.
        class_name: (n) class of each target; a class without a mass weighs nothing.
        area_m2: (n) area of each target.
        cover: (n) share of it that is covered, NaN where unknown.
        known_kg: (n) mass that the report itself gives, NaN where it does not.
    """
    per_m2: Mapping[str, float] = {name: m.kg_m2 for name, m in settings.mass.items()}
    full = np.array([per_m2.get(str(c), 0.0) for c in class_name])
    estimated = area_m2 * np.where(np.isnan(cover), sensor.cover, cover) * full
    return np.where(np.isnan(known_kg), estimated, known_kg)
