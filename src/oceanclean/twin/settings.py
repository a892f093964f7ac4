"""Settings of the twin: the numbers of the simulated sea, with unit and source in ``config/models/twin.yaml``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from oceanclean.products.names import BANDS
from oceanclean.settings import Settings, load_model_settings


class OceanSettings(Settings):
    """Currents of the truth."""

    grid_step_deg: float = Field(default=0.01, gt=0, le=0.2, description="finer than the region's grid")
    spin_up_h: int = Field(default=72, ge=6, description="debris drifts this long before the first thing is seen")
    coast_taper_m: float = Field(default=8000, gt=0, description="length over which the flow dies towards the coast")
    eddies_per_10000_km2: float = Field(default=7.0, ge=0, description="of sea, alive at some time in ten days")
    eddy_radius_m: tuple[float, float] = (9_000.0, 32_000.0)
    eddy_speed_m_s: tuple[float, float] = (0.10, 0.38)
    small_eddies_per_10000_km2: float = Field(default=11.0, ge=0, description="4-8 km, absent from every forecast")
    small_eddy_radius_m: tuple[float, float] = (4_000.0, 8_000.0)
    small_eddy_speed_m_s: tuple[float, float] = (0.03, 0.10)
    gyre_speed_m_s: float = Field(default=0.07, ge=0)
    jet_speed_m_s: float = Field(default=0.20, description="coastal jet, positive with the land on its right")
    jet_width_m: float = Field(default=14_000, gt=0)
    tide_speed_m_s: dict[str, float] = Field(default={"M2": 0.07, "K1": 0.05})
    front_convergence_m_s: float = Field(default=0.03, ge=0)
    mixed_layer_m: float = Field(default=25.0, gt=0, description="depth of the slab that turns inertially")
    slab_damping_h: float = Field(default=60.0, gt=0)


class WeatherSettings(Settings):
    """Wind and waves of the truth."""

    wind_step_deg: float = Field(default=0.25, gt=0)
    wave_step_deg: float = Field(default=1 / 12, gt=0)
    trade_u_m_s: float = -5.2
    trade_v_m_s: float = -1.6
    sea_breeze_m_s: float = 1.0
    gust_std_m_s: float = Field(default=1.2, ge=0)
    gust_memory_h: float = Field(default=20.0, gt=0)
    gust_length_deg: float = Field(default=0.6, gt=0)
    front_every_h: float = Field(default=84.0, gt=0, description="mean time between wind events")
    front_peak_m_s: float = Field(default=4.0, ge=0)
    front_duration_h: float = Field(default=16.0, gt=0)
    wave_lag_h: float = Field(default=4.0, gt=0)
    stokes_share: float = Field(default=0.013, ge=0, le=0.03, description="surface Stokes drift over wind speed")


class DebrisClass(Settings):
    """One kind of debris."""

    share: float = Field(ge=0, le=1, description="share of all mass")
    windage: float = Field(ge=0, le=0.08)
    windage_std: float = Field(ge=0, le=0.03)
    kg_m2: float = Field(gt=0, le=50, description="mass an area of full cover")
    stokes: float = Field(default=1.0, ge=0, le=2, description="share of the surface Stokes drift felt")
    sinks_d: float | None = Field(default=None, gt=0, description="mean days afloat before it sinks; None: it floats")


class DebrisSettings(Settings):
    """Truth debris."""

    rafts: int = Field(default=150, ge=1, description="rafts afloat at any time")
    raft_mass_kg: tuple[float, float] = (50.0, 1500.0)
    raft_mass_median_kg: float = Field(default=300.0, gt=0)
    member_kg: float = Field(default=9.0, gt=0, description="mean mass of a particle of a raft")
    loose_particles: int = Field(default=2500, ge=0, description="debris that no raft holds")
    loose_mass_kg: float = Field(default=4.0, gt=0)
    residence_h: float = Field(default=96.0, gt=0, description="mean life of a raft before another is born")
    river_share: float = Field(default=0.3, ge=0, le=1, description="share of rafts born at river mouths")
    river_pulse_d: float | None = Field(
        default=None, gt=0, description="mean days between floods, in which rivers bring what they bring; None: evenly"
    )
    river_pulse_h: float = Field(default=18.0, gt=0, description="length of a flood, one standard deviation")
    shore_scale_m: float = Field(default=45_000, gt=0, description="births at fronts thin out with distance to land")
    shed_h: float = Field(default=150.0, gt=0, description="mean time that a particle stays with its raft")
    core_cover: tuple[float, float] = (0.30, 0.75)
    filament_width_m: tuple[float, float] = (7.0, 14.0)
    stretch_h: float = Field(default=48.0, gt=0, description="a filament doubles its length in this time")
    step_s: float = Field(default=600.0, gt=0, le=3600)
    subgrid_speed_m_s: float = Field(default=0.035, ge=0)
    subgrid_memory_h: float = Field(default=4.0, gt=0)
    stranding_probability: float = Field(default=1.0, ge=0, le=1)
    classes: dict[str, DebrisClass]

    @model_validator(mode="after")
    def _whole(self) -> DebrisSettings:
        total = sum(c.share for c in self.classes.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"shares of the classes add up to {total}, not to 1")
        return self


class SceneSettings(Settings):
    """How a scene is rendered."""

    size_px: int = Field(default=3000, ge=60, le=12_000, description="10 m pixels a side, a multiple of 60")
    strip_px: int = Field(default=600, ge=60)
    crs: str = "EPSG:32616"
    acquired_utc: str = "16:32:00"
    delay_h: float = Field(default=4.0, ge=0, description="hours from the overpass until the file can be read")
    platforms: tuple[str, ...] = ("Sentinel-2A", "Sentinel-2B")
    centres: list[tuple[float, float]] = Field(min_length=1, description="(lon, lat) of the areas ordered")
    cloud_cover: tuple[float, float] = (0.08, 0.22)
    ships: tuple[int, int] = (2, 7)
    sargassum_filaments: tuple[int, int] = (3, 8)
    foam_streaks: tuple[int, int] = (1, 4)
    foam_cover: tuple[float, float] = (0.05, 0.30)
    whitecaps_at_7_m_s: float = Field(default=5e-5, ge=0, description="breaking crests a pixel, grows as U^3.41")
    edge_nodata_share: float = Field(default=0.12, ge=0, le=0.9, description="first scene of a day: swath edge")
    sun_azimuth_deg: float = 75.0
    sun_zenith_deg: float = 26.0
    reference_cover: float = Field(gt=0, le=1, description="cover that the published debris spectrum stands for")
    fill_20m: float = Field(gt=0, le=1, description="share of a 20 m block that an annotated 10 m target fills")
    fill_60m: float = Field(gt=0, le=1)
    brightness_std: float = Field(default=0.18, ge=0, description="log spread of a raft's own brightness")
    tilt_std: float = Field(default=0.12, ge=0, description="spread of a raft's own spectral slope")
    noise: dict[str, float] = Field(description="sensor noise (1 std) by band, reflectance")
    spectra: dict[str, dict[str, float]] = Field(description="reflectance by class and band")
    land_spectra: dict[str, dict[str, float]]

    @model_validator(mode="after")
    def _bands(self) -> SceneSettings:
        if self.size_px % 60 or self.strip_px % 60:
            raise ValueError("size_px and strip_px must be multiples of 60, so that 60 m blocks are whole")
        for name, spectrum in {**self.spectra, **self.land_spectra, "noise": self.noise}.items():
            if tuple(spectrum) != BANDS:
                raise ValueError(f"{name}: bands {tuple(spectrum)}; expected {BANDS}")
        return self


class ForecastSettings(Settings):
    """How wrong a forecast is; errors grow with lead time."""

    history_h: int = Field(default=48, ge=0)
    horizon_h: int = Field(default=84, ge=1)
    step_deg: float = Field(default=1 / 12, gt=0, description="grid of currents and waves")
    wind_step_deg: float = Field(default=0.25, gt=0)
    wind_every_h: int = Field(default=3, ge=1)
    delay_h: float = Field(default=1.0, ge=0, description="the file is there this long before the issue time")
    eddy_shift_m: float = Field(default=3_000, ge=0)
    eddy_shift_m_day: float = Field(default=2_500, ge=0)
    eddy_amplitude_std: float = Field(default=0.15, ge=0)
    jet_amplitude_std: float = Field(default=0.2, ge=0)
    tide_phase_h: float = Field(default=0.7, ge=0)
    inertial_phase_h: float = Field(default=4.0, ge=0)
    wind_std_m_s: float = Field(default=0.6, ge=0)
    wind_std_m_s_day: float = Field(default=0.45, ge=0)
    front_shift_h: float = Field(default=2.0, ge=0)
    wave_bias: float = Field(default=0.08, ge=0)


class ReportSettings(Settings):
    """Buoys, sightings and vessels' messages."""

    drifters: int = Field(default=8, ge=0)
    drogued_share: float = Field(default=0.4, ge=0, le=1)
    gps_noise_m: float = Field(default=15.0, ge=0)
    gap_share: float = Field(default=0.05, ge=0, le=0.9)
    drifter_delay_h: float = Field(default=1.0, ge=0)
    undrogued_windage: float = Field(default=0.01, ge=0)
    sightings_a_day: int = Field(default=5, ge=0)
    sighting_error_m: float = Field(default=900.0, ge=0)
    sighting_delay_h: float = Field(default=2.0, ge=0)


class ScoreSettings(Settings):
    """How a plan is executed in the truth."""

    sight_m: float = Field(default=1500.0, gt=0, description="how far a crew sees a raft by day")
    search_speed_factor: float = Field(default=2.5, ge=1, description="search speed over collecting speed")
    step_s: float = Field(default=60.0, gt=0, le=600)


class TwinSettings(Settings):
    """Everything that makes the simulated sea of one region."""

    rivers: dict[str, tuple[float, float]] = Field(description="name to (lon, lat) of the mouth")
    ocean: OceanSettings = OceanSettings()
    weather: WeatherSettings = WeatherSettings()
    debris: DebrisSettings
    scene: SceneSettings
    forecast: ForecastSettings = ForecastSettings()
    reports: ReportSettings = ReportSettings()
    score: ScoreSettings = ScoreSettings()


def load_twin_settings(config: Path | None = None, name: str = "twin") -> TwinSettings:
    """Settings from ``config/models/<name>.yaml``.

    Raises:
        SettingsError: a wrong key or value; names file, key and what was expected.
    """
    return load_model_settings(name, TwinSettings, config)
