"""Where the pixels of an image lie on the earth: its own georeference, its tile's name, or its camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from oceanclean.errors import InputError
from oceanclean.vision.detector.boxsets import TILE_NAME
from oceanclean.vision.detector.camera import CameraDoubt, CameraGround, camera_of, taken_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: World files: first and last letter of the image's suffix and a w, or the whole suffix and a w.
_WORLD = {".jpg": (".jgw", ".jpgw"), ".jpeg": (".jgw", ".jpegw"), ".png": (".pgw", ".pngw"),
          ".tif": (".tfw", ".tifw"), ".tiff": (".tfw", ".tiffw")}  # fmt: skip


class Ground(Protocol):
    """Positions of an image's pixels."""

    def lonlat(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Longitude and latitude (point, 2), degrees, of pixels (point, 2) x, y; NaN where there is none."""
        ...

    def doubt_m(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Standard error (point,) of these positions, metres."""
        ...


@dataclass(frozen=True)
class MapGround:
    """An image on a map grid.

    Attributes:
        matrix: (2, 3): easting and northing of a pixel x, y are ``matrix @ (x, y, 1)``, counted from the outer corner
            of the first pixel.
        crs: of these.
        accuracy_m: standard error of the whole image's position.
    """

    matrix: NDArray[np.float64]
    crs: str
    accuracy_m: float

    def lonlat(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Longitude and latitude (point, 2) of pixels (point, 2)."""
        from pyproj import Transformer

        points = np.asarray(xy, float) @ self.matrix[:, :2].T + self.matrix[:, 2]
        lon, lat = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform(points[:, 0], points[:, 1])
        return np.stack([lon, lat], axis=1)

    def doubt_m(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """The same everywhere."""
        return np.full(len(xy), self.accuracy_m)


def tile_ground(x: int, y: int, zoom: int, pixels: int, accuracy_m: float) -> MapGround:
    """Ground of a Web-Mercator ("slippy map") tile.

    Args:
        x: column of the tile.
        y: row, from the north.
        zoom: 2^zoom tiles around the earth.
        pixels: of the tile's edge.
        accuracy_m: standard error of the imagery's position.
    """
    half = np.pi * 6378137.0  # half the equator of WGS 84, metres: the edge of EPSG:3857
    edge = 2 * half / 2**zoom
    step = edge / pixels
    matrix = np.array([[step, 0, x * edge - half], [0, -step, half - y * edge]])
    return MapGround(matrix, "EPSG:3857", accuracy_m)


def ground_of(
    path: Path,
    width: int,
    *,
    accuracy_m: float = 10.0,
    doubt: CameraDoubt | None = None,
    camera: dict[str, float] | None = None,
) -> Ground:
    """Positions of an image, from the first of these that it has: GeoTIFF keys, world file, tile name, camera.

    Args:
        path: the image.
        width: pixels.
        accuracy_m: standard error of a map image's position; PlanetScope is specified to less than 10 m.
        doubt: standard errors of a camera.
        camera: what is known of the camera beyond the file's EXIF.

    Raises:
        MissingDataError: none of them tells enough.
        InputError: a world file that cannot be read.
    """
    sources: tuple[Callable[[], Ground | None], ...] = (
        lambda: _geotiff(path, accuracy_m),
        lambda: _world_file(path, accuracy_m),
        lambda: _tile_name(path, width, accuracy_m),
    )
    for source in sources:
        ground = source()
        if ground is not None:
            return ground
    return CameraGround(camera_of(path, camera), doubt)


def _geotiff(path: Path, accuracy_m: float) -> MapGround | None:
    if path.suffix.lower() not in (".tif", ".tiff"):
        return None
    import rasterio

    try:
        with rasterio.open(path) as file:
            if file.crs is None:
                return None
            t = file.transform
            return MapGround(np.array([[t.a, t.b, t.c], [t.d, t.e, t.f]]), file.crs.to_wkt(), accuracy_m)
    except rasterio.errors.RasterioIOError as error:
        raise InputError(path, "GeoTIFF", error, "a readable TIFF", "Copy it anew.") from error


def _world_file(path: Path, accuracy_m: float) -> MapGround | None:
    """Six numbers that place the centre of the first pixel; the system stands in a ``.prj``, else it is EPSG:4326."""
    endings = (*_WORLD.get(path.suffix.lower(), ()), ".wld")
    file = next((p for p in (path.with_suffix(e) for e in endings) if p.is_file()), None)
    if file is None:
        return None
    try:
        a, d, b, e, c, f = (float(v) for v in file.read_text("utf-8").split())
    except ValueError as error:
        raise InputError(file, "world file", "other than six numbers", "x scale, two shears, y scale, x and y of the "
                         "first pixel's centre", "Export it anew.") from error  # fmt: skip
    matrix = np.array([[a, b, c - (a + b) / 2], [d, e, f - (d + e) / 2]])
    prj = path.with_suffix(".prj")
    return MapGround(matrix, prj.read_text("utf-8") if prj.is_file() else "EPSG:4326", accuracy_m)


def _tile_name(path: Path, width: int, accuracy_m: float) -> MapGround | None:
    name = TILE_NAME.match(path.stem)
    if name is None:
        return None
    return tile_ground(int(name["x"]), int(name["y"]), int(name["zoom"]), width, accuracy_m)


def observed_at(path: Path, given: datetime | None = None) -> datetime | None:
    """When an image was taken: as given, by the name of a satellite tile, by its GPS block; None where nothing says."""
    if given is not None:
        return given.astimezone(UTC)
    name = TILE_NAME.match(path.stem)
    if name:
        stamp = "".join(name["scene"].split("_")[:2])
        try:
            return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None
    return taken_at(path)


def box_polygons(boxes: NDArray[np.float32], ground: Ground) -> tuple[list[Any], NDArray[np.float64]]:
    """Outlines on the earth (None where a corner lies near the horizon) and the doubt of their centres, metres.

    Args:
        boxes: (box, 4) pixels.
        ground: of the image.
    """
    from shapely import Polygon

    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    places = ground.lonlat(corners).reshape(-1, 4, 2)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    doubt = ground.doubt_m(centres) if len(boxes) else np.zeros(0)
    return [Polygon(p) if np.isfinite(p).all() else None for p in places], doubt
