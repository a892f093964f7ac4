"""Ground positions: tile names, world files, GeoTIFFs, cameras, and their doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Geod
from rasterio.transform import from_origin

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision.detector.camera import Camera, CameraDoubt, CameraGround, camera_of, taken_at
from oceanclean.vision.detector.ground import box_polygons, ground_of, observed_at

_NADIR = Camera(lon=-87.5, lat=16.2, height_m=50, yaw_deg=0, pitch_deg=-90, roll_deg=0, focal_px=1000,
                width=2000, height=1500)  # fmt: skip
_CENTRE = np.array([[1000.0, 750.0]])


def test_a_tile_lies_where_its_name_says(tmp_path):
    ground = ground_of(tmp_path / "20180224_162902_0f2b_17140-29726-16.jpg", 256)
    n = 2**16
    north = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * 29726 / n))))
    south = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * 29727 / n))))
    west, east = 17140 / n * 360 - 180, 17141 / n * 360 - 180
    np.testing.assert_allclose(ground.lonlat(np.array([[0, 0], [256, 256]])), [[west, north], [east, south]], atol=1e-9)
    assert observed_at(tmp_path / "20180224_162902_0f2b_17140-29726-16.jpg") == datetime(
        2018, 2, 24, 16, 29, 2, tzinfo=UTC
    )


def test_geotiff_and_world_file_agree(tmp_path):
    tif = tmp_path / "frame.tif"
    with rasterio.open(tif, "w", driver="GTiff", width=100, height=80, count=3, dtype="uint8", crs="EPSG:32616",
                       transform=from_origin(400_000, 1_800_000, 0.5, 0.5)) as file:  # fmt: skip
        file.write(np.zeros((3, 80, 100), np.uint8))
        wkt = file.crs.to_wkt()
    Image.new("RGB", (100, 80)).save(tmp_path / "copy.png")
    (tmp_path / "copy.pgw").write_text("0.5\n0\n0\n-0.5\n400000.25\n1799999.75\n")
    (tmp_path / "copy.prj").write_text(wkt)
    points = np.array([[0, 0], [37.5, 61]])
    np.testing.assert_allclose(
        ground_of(tif, 100).lonlat(points), ground_of(tmp_path / "copy.png", 100).lonlat(points), atol=1e-9
    )
    (tmp_path / "copy.pgw").write_text("0.5 0 0")
    with pytest.raises(InputError, match="six numbers"):
        ground_of(tmp_path / "copy.png", 100)


def test_looking_straight_down_the_scale_is_height_over_focal_length():
    points = _CENTRE + np.array([[0, 0], [100, 0], [0, -100]])
    np.testing.assert_allclose(_NADIR.offsets(points), [[0, 0], [5, 0], [0, 5]], atol=1e-9)
    east = replace(_NADIR, yaw_deg=90)
    np.testing.assert_allclose(east.offsets(points), [[0, 0], [0, -5], [5, 0]], atol=1e-9)


def test_an_oblique_camera_sees_the_sea_at_height_over_tangent():
    camera = replace(_NADIR, pitch_deg=-30, yaw_deg=60)
    offset = camera.offsets(_CENTRE)[0]
    assert np.hypot(*offset) == pytest.approx(50 / np.tan(np.radians(30)))
    assert np.degrees(np.arctan2(*offset)) == pytest.approx(60)
    # 15° lower in the frame is 45° below the horizon.
    below = camera.offsets(_CENTRE + np.array([[0, 1000 * np.tan(np.radians(15))]]))[0]
    assert np.hypot(*below) == pytest.approx(50)
    turned = replace(camera, roll_deg=180).offsets(_CENTRE - np.array([[0, 1000 * np.tan(np.radians(15))]]))[0]
    np.testing.assert_allclose(turned, below, atol=1e-9)


def test_a_position_is_measured_on_the_ellipsoid_and_ends_near_the_horizon():
    ground = CameraGround(replace(_NADIR, pitch_deg=-30, yaw_deg=60))
    place = ground.lonlat(_CENTRE)[0]
    azimuth, _, distance = Geod(ellps="WGS84").inv(-87.5, 16.2, *place)
    assert (azimuth, distance) == (pytest.approx(60, abs=1e-6), pytest.approx(86.6025, abs=1e-3))
    shapes, _ = box_polygons(np.array([[0, 0, 50, 50], [900, 700, 950, 750]], np.float32), ground)
    assert shapes[0] is None
    assert shapes[1].is_valid


def test_the_doubt_is_that_of_drawn_cameras():
    camera = replace(_NADIR, pitch_deg=-35, yaw_deg=20)
    doubt = CameraDoubt(position_m=2, altitude_m=2, yaw_deg=2, tilt_deg=0.5, pixel=2)
    rng = np.random.default_rng(1)
    point = np.array([[1200.0, 600.0]])
    drawn = []
    for _ in range(4000):
        other = replace(
            camera, height_m=50 + 2 * rng.normal(), yaw_deg=20 + 2 * rng.normal(),
            pitch_deg=-35 + 0.5 * rng.normal(), roll_deg=0.5 * rng.normal(),
        )  # fmt: skip
        drawn.append(other.offsets(point + 2 * rng.normal(size=2))[0] + 2 * rng.normal(size=2))
    longest = np.sqrt(np.linalg.eigvalsh(np.cov(np.array(drawn).T))[-1])
    assert CameraGround(camera, doubt).doubt_m(point)[0] == pytest.approx(longest, rel=0.06)
    straight = CameraGround(_NADIR, doubt).doubt_m(_CENTRE)[0]
    assert straight < CameraGround(camera, doubt).doubt_m(point)[0]


def _photo(path, *, gimbal=True):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({37386: 8.8, 41989: 24})
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (16.0, 12.0, 0.0), 3: "W", 4: (87.0, 30.0, 0.0), 5: b"\x00", 6: 61.0,
         7: (9.0, 30.0, 15.0), 29: "2026:06:15"}
    )  # fmt: skip
    xmp = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description drone-dji:RelativeAltitude="+48.50" '
           b'drone-dji:GimbalRollDegree="+0.00" drone-dji:GimbalYawDegree="-90.10" '
           b'drone-dji:GimbalPitchDegree="-45.00"/></x:xmpmeta>')  # fmt: skip
    Image.new("RGB", (400, 300)).save(path, exif=exif, **({"xmp": xmp} if gimbal else {}))
    return path


def test_the_camera_of_a_drone_frame(tmp_path):
    path = _photo(tmp_path / "drone.jpg")
    camera = camera_of(path)
    assert (camera.lat, camera.lon) == (pytest.approx(16.2), pytest.approx(-87.5))
    assert (camera.height_m, camera.yaw_deg, camera.pitch_deg) == (48.5, -90.1, -45.0)
    assert camera.focal_px == pytest.approx(24 / np.hypot(36, 24) * 500)
    assert camera_of(path, {"sensor_width_mm": 13.2}).focal_px == pytest.approx(8.8 / 13.2 * 400)
    assert taken_at(path) == datetime(2026, 6, 15, 9, 30, 15, tzinfo=UTC)


def test_what_a_photo_lacks_is_named_and_can_be_given(tmp_path):
    path = _photo(tmp_path / "phone.jpg", gimbal=False)
    with pytest.raises(MissingDataError, match="yaw_deg"):
        camera_of(path)
    camera = camera_of(path, {"yaw_deg": 10, "pitch_deg": -90})
    assert camera.height_m == 61.0
