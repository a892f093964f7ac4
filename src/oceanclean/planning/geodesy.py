"""Distances, courses and sunlight on the ellipsoid, for the words beside an order."""

from __future__ import annotations

import math
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from oceanclean.planning.notation import METRES_PER_NM, signed_lon

if TYPE_CHECKING:
    from pyproj import Geod

#: Upper limb of the sun on the horizon with standard refraction (Meeus 1998, Astronomical Algorithms, ch. 15).
SUNRISE_ELEVATION_DEG = -0.833


@lru_cache(maxsize=1)
def _geod() -> Geod:
    from pyproj import Geod

    return Geod(ellps="WGS84")


def leg(lat1: float, lon1: float, lat2: float, lon2: float) -> tuple[float, float]:
    """Geodesic on WGS84 from one point to another.

    Returns:
        ``(course_deg, distance_nm)``: initial true course in [0, 360) and length in nautical miles.
    """
    azimuth, _back, metres = _geod().inv(lon1, lat1, lon2, lat2)
    return azimuth % 360.0, metres / METRES_PER_NM


def sun_elevation(when: datetime, lat: float, lon: float) -> float:
    """Elevation of the sun's centre in degrees, without refraction.

    Low-precision formulae of the Astronomical Almanac (section C, "Low precision formulas for the Sun"), good to
    about 0.01° in the years 1950–2050.

    Args:
        when: aware datetime.
        lat: degrees north.
        lon: degrees east.
    """
    days = when.timestamp() / 86400.0 + 2440587.5 - 2451545.0
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    obliquity = math.radians(23.439 - 4e-7 * days)
    ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    sidereal = math.radians((280.46061837 + 360.98564736629 * days + lon) % 360.0)
    hour_angle = sidereal - ascension
    phi = math.radians(lat)
    sine = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def is_daylight(when: datetime, lat: float, lon: float) -> bool:
    """Whether the sun is up."""
    return sun_elevation(when, lat, lon) > SUNRISE_ELEVATION_DEG


def rounded(lat: float, lon: float) -> tuple[float, float]:
    """(lat, lon) as the model keeps them: 1e-6 degrees, longitude in [−180, 180)."""
    return round(float(lat), 6), round(signed_lon(round(float(lon), 6)), 6)
