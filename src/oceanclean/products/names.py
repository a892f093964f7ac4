"""Names that every room shares: Sentinel-2 bands, debris classes, gate reasons, forcing variables."""

from __future__ import annotations

from enum import IntEnum

#: Sentinel-2 bands a Scene carries, in this order (B9 and B10 see the air, not the sea).
BANDS: tuple[str, ...] = (
    "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12",
)  # fmt: skip

#: Native ground sampling distance of each band in metres (ESA Sentinel-2 User Handbook).
BAND_RESOLUTION_M: dict[str, int] = {
    "B1": 60, "B2": 10, "B3": 10, "B4": 10, "B5": 20, "B6": 20,
    "B7": 20, "B8": 10, "B8A": 20, "B11": 20, "B12": 20,
}  # fmt: skip

#: Atmospheric correction of a scene: Rayleigh-corrected (ACOLITE rhorc), ACOLITE surface (rhos), Sen2Cor L2A, and
#: Level 1C less molecular scattering as ``oceanclean fetch`` writes it (l1c_rc).
RADIOMETRIES: tuple[str, ...] = ("rhorc", "rhos", "l2a", "l1c_rc")

#: The eleven classes of MARIDA (Kikaki et al. 2022, doi 10.1371/journal.pone.0262247); id = position + 1.
CLASSES: tuple[str, ...] = (
    "marine_debris",
    "dense_sargassum",
    "sparse_sargassum",
    "natural_organic",
    "ship",
    "cloud",
    "marine_water",
    "sediment_laden_water",
    "foam",
    "turbid_water",
    "shallow_water",
)
CLASS_ID: dict[str, int] = {name: i + 1 for i, name in enumerate(CLASSES)}
#: Classes that float: the "floating matter" score joins them.
FLOATING: tuple[str, ...] = (
    "marine_debris", "dense_sargassum", "sparse_sargassum", "natural_organic", "foam",
)  # fmt: skip


#: Kinds of reasons why a patch is not served (``Tasks.left_for``); the first two: some vessel could have worked it.
LEFT_FOR: dict[str, str] = {
    "worth": "worth less than what is done instead, or than the way to it",
    "small": "too little debris to be offered to the search",
    "doubt": "too few forecasts have it within reach",
    "reach": "beyond endurance, fuel, crew hours or the end of the forecast",
    "hold": "no room in the hold of a vessel in reach",
    "sea": "waves or wind above the limits",
    "dark": "no window of daylight",
    "lost": "strands, leaves the region or drifts faster than the vessels",
    "closed": "in a closed area",
    "barred": "no vessel may be sent, or may work there",
}


class Gate(IntEnum):
    """Why a pixel counts as observed or not. A cloud is not a clean sea."""

    OBSERVED = 0
    NO_DATA = 1
    LAND = 2
    CLOUD = 3
    CLOUD_SHADOW = 4
    GLINT = 5
    SHORE = 6
    SHIP = 7


#: uint8 code of a pixel without an observation in a segmentation raster.
NOT_OBSERVED = 255
#: uint8 scale of probability in a segmentation raster: value = round(250 p).
PROBABILITY_SCALE = 250

EASTWARD_CURRENT = "eastward_sea_water_velocity"
NORTHWARD_CURRENT = "northward_sea_water_velocity"
EASTWARD_WIND = "eastward_wind"
NORTHWARD_WIND = "northward_wind"
EASTWARD_STOKES = "sea_surface_wave_stokes_drift_eastward_velocity"
NORTHWARD_STOKES = "sea_surface_wave_stokes_drift_northward_velocity"
WAVE_HEIGHT = "sea_surface_wave_significant_height"

DENSITY = "debris_density"
DENSITY_STD = "debris_density_std"
