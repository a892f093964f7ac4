"""Where a pixel of a drone frame lies on the sea: a pinhole camera above a flat sea, and how far to trust it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.errors import InputError, MissingDataError
from oceanclean.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Diagonal of a 36 × 24 mm frame, mm: what "focal length in 35 mm film" refers to (CIPA DC-008, tag 0xA405).
_FULL_FRAME_DIAGONAL_MM = float(np.hypot(36, 24))
_GPS, _EXIF = 0x8825, 0x8769
_XMP_ANGLES = {"yaw": "GimbalYawDegree", "pitch": "GimbalPitchDegree", "roll": "GimbalRollDegree"}


class CameraDoubt(Settings):
    """Standard errors of what a frame says of its camera.

    Attributes:
        position_m: horizontal, metres.
        altitude_m: metres.
        yaw_deg: degrees; compasses are the weakest sensor of small drones.
        tilt_deg: of pitch and roll, degrees.
        pixel: of a box's edge, pixels.
        lowest_angle_deg: angle below the horizon under which a pixel has no position: there the error grows without
            bound.
    """

    position_m: float = Field(default=3.0, ge=0)
    altitude_m: float = Field(default=3.0, ge=0)
    yaw_deg: float = Field(default=3.0, ge=0)
    tilt_deg: float = Field(default=0.5, ge=0)
    pixel: float = Field(default=3.0, ge=0)
    lowest_angle_deg: float = Field(default=5.0, gt=0, lt=90)


@dataclass(frozen=True)
class Camera:
    """A camera above the sea.

    Attributes:
        lon: degrees east.
        lat: degrees north.
        height_m: above the sea.
        yaw_deg: direction in which it looks (or, looking straight down, of the frame's upper edge), clockwise from
            true north.
        pitch_deg: above the horizon: −90 straight down, 0 level.
        roll_deg: turned clockwise about the line of sight.
        focal_px: focal length in pixels of the frame.
        width: of the frame, pixels.
        height: of the frame, pixels.
    """

    lon: float
    lat: float
    height_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    focal_px: float
    width: int
    height: int

    def rays(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Directions (point, 3) east, north, up of pixels (point, 2) x, y from the upper left corner."""
        yaw, pitch, roll = np.radians([self.yaw_deg, self.pitch_deg, self.roll_deg])
        level = np.array([np.sin(yaw), np.cos(yaw), 0.0])
        up = np.array([0.0, 0.0, 1.0])
        right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
        forward = np.cos(pitch) * level + np.sin(pitch) * up
        down = np.sin(pitch) * level - np.cos(pitch) * up
        right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
        offset = (np.asarray(xy, float) - [self.width / 2, self.height / 2]) / self.focal_px
        return forward + offset[:, :1] * right + offset[:, 1:] * down

    def offsets(self, xy: NDArray[np.floating], lowest_angle_deg: float = 0.0) -> NDArray[np.float64]:
        """Metres east and north (point, 2) of where pixels (point, 2) meet the sea; NaN at or above the limit.

        Args:
            xy: pixels.
            lowest_angle_deg: angle below the horizon that a ray must have.
        """
        ray = self.rays(xy)
        fall = -ray[:, 2] / np.linalg.norm(ray, axis=1)
        reach = np.full(len(ray), np.nan)
        seen = fall > max(np.sin(np.radians(lowest_angle_deg)), 1e-6)
        reach[seen] = -self.height_m / ray[seen, 2]
        return ray[:, :2] * reach[:, None]


class CameraGround:
    """Ground positions of a frame's pixels.

    Args:
        camera: where it was and how it looked.
        doubt: standard errors.
    """

    def __init__(self, camera: Camera, doubt: CameraDoubt | None = None) -> None:
        self.camera, self.doubt = camera, doubt or CameraDoubt()

    def lonlat(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Longitude and latitude (point, 2) of pixels (point, 2) on the WGS 84 ellipsoid; NaN near the horizon."""
        from pyproj import Geod

        offset = self.camera.offsets(xy, self.doubt.lowest_angle_deg)
        azimuth, distance = np.degrees(np.arctan2(offset[:, 0], offset[:, 1])), np.hypot(offset[:, 0], offset[:, 1])
        start = np.full(len(offset), self.camera.lon), np.full(len(offset), self.camera.lat)
        lon, lat, _ = Geod(ellps="WGS84").fwd(*start, azimuth, distance)
        return np.stack([lon, lat], axis=1)

    def doubt_m(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Standard error of the position (point,), metres, along the longest axis of its ellipse.

        First-order propagation of independent errors of position, height, yaw, pitch, roll and pixel.
        """
        d = self.doubt
        here = self.camera.offsets(xy)
        covariance = np.zeros((len(here), 2, 2)) + np.eye(2) * d.position_m**2
        moved = [
            (d.altitude_m, replace(self.camera, height_m=self.camera.height_m + 0.01), 0.01),
            (d.yaw_deg, replace(self.camera, yaw_deg=self.camera.yaw_deg + 0.01), 0.01),
            (d.tilt_deg, replace(self.camera, pitch_deg=self.camera.pitch_deg + 0.01), 0.01),
            (d.tilt_deg, replace(self.camera, roll_deg=self.camera.roll_deg + 0.01), 0.01),
        ]
        slopes = [error * (camera.offsets(xy) - here) / step for error, camera, step in moved]
        slopes += [d.pixel * (self.camera.offsets(np.asarray(xy) + shift) - here) for shift in ([1, 0], [0, 1])]
        for slope in slopes:
            covariance += slope[:, :, None] * slope[:, None, :]
        out = np.full(len(here), np.nan)
        finite = np.isfinite(covariance).all(axis=(1, 2))
        out[finite] = np.sqrt(np.linalg.eigvalsh(covariance[finite])[:, -1])
        return out


def camera_of(path: Path, overrides: dict[str, float] | None = None) -> Camera:
    """Camera of a frame from its EXIF and, for the gimbal, its XMP.

    Args:
        path: JPEG, TIFF or PNG.
        overrides: ``lon``, ``lat``, ``height_m``, ``yaw_deg``, ``pitch_deg``, ``roll_deg``, ``focal_px``,
            ``sensor_width_mm`` that are known better (or not recorded).

    Raises:
        MissingDataError: something is neither in the file nor given.
    """
    from PIL import Image

    given = dict(overrides or {})
    try:
        with Image.open(path) as image:
            exif, (width, height) = image.getexif(), image.size
            xmp = _xmp_text(image)
    except OSError as error:
        raise InputError(path, "image", type(error).__name__, "a readable image", "Copy it anew.") from error
    found = _gps(dict(exif.get_ifd(_GPS))) | _gimbal(xmp)
    focal = _focal_px(dict(exif.get_ifd(_EXIF)), width, height, given.pop("sensor_width_mm", None))
    if focal is not None:
        found["focal_px"] = focal
    found |= given
    for key in ("lon", "lat", "height_m", "yaw_deg", "pitch_deg", "focal_px"):
        if key not in found:
            raise MissingDataError(path, key, "neither in EXIF nor in XMP", "position, height, yaw, pitch and focal "
                                   "length of the camera", f"Give it: --camera {key}=VALUE.")  # fmt: skip
    camera = Camera(**({"roll_deg": 0.0} | found), width=width, height=height)
    if not (camera.height_m > 0 and camera.focal_px > 0 and abs(camera.lat) <= 90 and abs(camera.pitch_deg) <= 180):
        raise InputError(path, "camera", camera, "height and focal length above 0, latitude to 90°",
                         "Correct it with --camera KEY=VALUE.")  # fmt: skip
    return camera


def taken_at(path: Path) -> datetime | None:
    """UTC time of a photo's GPS fix, None where it has none; the camera's own clock has no zone and is not used."""
    from PIL import Image

    with Image.open(path) as image:
        gps = dict(image.getexif().get_ifd(_GPS))
    try:
        day = [int(v) for v in re.split(r"[:\-/]", str(gps[29]))]
        hour, minute, second = (float(v) for v in gps[7])
        return datetime(day[0], day[1], day[2], int(hour), int(minute), int(second), tzinfo=UTC)
    except (KeyError, ValueError, TypeError, IndexError, ZeroDivisionError):
        return None


def _xmp_text(image: Any) -> str:
    raw = image.info.get("xmp", b"")
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _gps(gps: dict[int, Any]) -> dict[str, float]:
    """Position of the GPS block: tags 1–4, and 6 with reference 5 (0 above the sea, 1 below) for the height."""
    out: dict[str, float] = {}
    for key, value, reference, minus in (("lat", 2, 1, "S"), ("lon", 4, 3, "W")):
        try:
            degrees, minutes, seconds = (float(v) for v in gps[value])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        angle = degrees + minutes / 60 + seconds / 3600
        out[key] = -angle if str(gps.get(reference, "")).upper().startswith(minus) else angle
    try:
        below = gps.get(5) in (1, b"\x01")
        out["height_m"] = -float(gps[6]) if below else float(gps[6])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        pass
    return {k: v for k, v in out.items() if np.isfinite(v)}


def _gimbal(xmp: str) -> dict[str, float]:
    """Angles of the gimbal, and the height above take-off, which is better than GPS's: DJI's XMP names."""
    out = {}
    for key, tag in [*((f"{k}_deg", t) for k, t in _XMP_ANGLES.items()), ("height_m", "RelativeAltitude")]:
        value = re.search(rf'{tag}(?:="|>)\s*([+-]?\d+(?:\.\d+)?)', xmp)
        if value:
            out[key] = float(value[1])
    return out


def _focal_px(exif: dict[int, Any], width: int, height: int, sensor_width_mm: float | None) -> float | None:
    """Focal length in pixels: from focal length and sensor width, else from the 35 mm equivalent."""
    try:
        focal_mm = float(exif.get(37386, 0) or 0)
        equivalent = float(exif.get(41989, 0) or 0)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if sensor_width_mm and focal_mm > 0:
        return focal_mm / sensor_width_mm * max(width, height)
    if equivalent > 0:
        return equivalent / _FULL_FRAME_DIAGONAL_MM * float(np.hypot(width, height))
    return None
