"""What was seen: detections for the map, their pixels as thumbnails, the scenes' pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.planning import geodesy, notation
from oceanclean.planning.colour import data_uri
from oceanclean.planning.settings import PlanningSettings
from oceanclean.products import BANDS

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from oceanclean.products import SceneRef, Segmentation

_RED, _GREEN, _BLUE = (BANDS.index(b) for b in ("B4", "B3", "B2"))
#: Longest outline drawn on the map.
_MOST_CORNERS = 60


@dataclass(frozen=True)
class Sighting:
    """A detection as the page shows it; ``shot`` is a data URI or ""."""

    title: str
    lines: list[str]
    lat: float
    lon: float
    debris: bool
    ring: list[tuple[float, float]]
    shot: str

    def to_map(self) -> dict[str, Any]:
        """As the page's script wants it."""
        return {**self.__dict__, "ring": self.ring or None}


@dataclass(frozen=True)
class ScenePicture:
    """A scene's picture and what it is."""

    title: str
    text: str
    picture: str


@dataclass(frozen=True)
class Sightings:
    """Detections drawn (largest first), how many there are in all, and the scenes."""

    shown: list[Sighting] = field(default_factory=list)
    total: int = 0
    scenes: list[ScenePicture] = field(default_factory=list)

    @property
    def shots(self) -> list[Sighting]:
        """Those with pixels to show."""
        return [s for s in self.shown if s.shot]


def sightings_of(
    detections: gpd.GeoDataFrame | None, segmentations: Sequence[Segmentation], settings: PlanningSettings
) -> Sightings:
    """Make the detections and the scenes fit to be shown.

    Args:
        detections: all detections, largest first, or None.
        segmentations: what was detected in each scene.
        settings: how many are drawn, how large.
    """
    scenes = [_scene(s, settings) for s in segmentations[: settings.max_pictures] if _picture_file(s)]
    if detections is None:
        return Sightings(scenes=scenes)
    refs = {s.scene.scene_id: s.scene for s in segmentations}
    shown = []
    for index, row in enumerate(detections.head(settings.max_detections).to_dict("records")):
        scene = refs.get(row["_scene"]) if index < settings.max_thumbnails else None
        shown.append(_sighting(row, scene, settings))
    return Sightings(shown, len(detections), scenes)


def _sighting(row: Mapping[str, Any], scene: SceneRef | None, settings: PlanningSettings) -> Sighting:
    geometry = row["geometry"]
    centre = geometry.representative_point()
    lat, lon = geodesy.rounded(centre.y, centre.x)
    kind = notation.plain(row["class_name"], 40).replace("_", " ")
    cover = "" if row["cover"] is None or row["cover"] != row["cover"] else f", {row['cover']:.0%} covered"
    observed = notation.iso(row["observed_at"].round("s").to_pydatetime())
    return Sighting(
        title=f"{kind.capitalize()}, probability {row['probability']:.2f}",
        lines=[
            f"{notation.thousands(row['area_m2'])} m²{cover}", notation.position(lat, lon),
            f"Seen {notation.utc(observed)} by {notation.plain(row['sensor'], 40)}", notation.plain(row["model"], 80),
        ],
        lat=lat, lon=lon, debris=row["class_name"] == "marine_debris", ring=_ring(geometry),
        shot=thumbnail(scene, geometry, settings.thumbnail_m) if scene is not None else "",
    )  # fmt: skip


def _ring(geometry: Any) -> list[tuple[float, float]]:
    """Outline (lat, lon) of a detection's largest part; empty for a point."""
    parts = [p for p in getattr(geometry, "geoms", [geometry]) if p.geom_type == "Polygon"]
    if not parts:
        return []
    outline = max(parts, key=lambda p: p.area).exterior
    tolerance = 1e-5
    while len(outline.coords) > _MOST_CORNERS:
        tolerance *= 2
        outline = outline.simplify(tolerance)
    return [geodesy.rounded(y, x) for x, y in outline.coords]


def thumbnail(scene: SceneRef, geometry: Any, side_m: float) -> str:
    """True colour of the ground around a detection with its outline, as a JPEG data URI; "" if it cannot be read."""
    import geopandas as gpd
    import rasterio

    try:
        with scene.open() as source:
            shape = gpd.GeoSeries([geometry], crs="EPSG:4326").to_crs(source.crs).iloc[0]
            window = _window(source, shape, side_m)
            if window is None:
                return ""
            inverse = ~source.window_transform(window)
            reflectance, _valid = scene.read(source, window)
    except (rasterio.errors.RasterioError, rasterio.errors.CRSError, InputError, OSError):
        return ""
    return _jpeg(_stretched(reflectance[[_RED, _GREEN, _BLUE]]), shape, inverse)


def _window(source: Any, shape: Any, side_m: float) -> Any:
    """Window of the raster around a shape of its CRS, cut to the raster; None where the shape lies outside."""
    from rasterio.windows import Window

    centre = shape.representative_point()
    if shape.is_empty or not np.isfinite([centre.x, centre.y]).all():
        return None
    pixel = abs(source.transform.a) * (111_320.0 if source.crs.is_geographic else 1.0)
    half = max(8, round(side_m / pixel / 2))
    column, row = _pixel(~source.transform, centre.x, centre.y)
    if not (0 <= column < source.width and 0 <= row < source.height):
        return None
    wanted = Window(int(column) - half, int(row) - half, 2 * half, 2 * half)
    return wanted.intersection(Window(0, 0, source.width, source.height))


def _pixel(inverse: Any, x: float, y: float) -> tuple[float, float]:
    """(column, row) of a ground point by the inverse of a raster's affine transform."""
    a, b, c, d, e, f = tuple(inverse)[:6]
    return a * x + b * y + c, d * x + e * y + f


def _stretched(rgb: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Reflectance (3, y, x) as bytes (y, x, 3), stretched over the window's own range; gaps are grey."""
    good = np.isfinite(rgb)
    low, high = np.percentile(rgb[good], [1, 99.5]) if good.any() else (0.0, 1.0)
    share = np.clip((rgb - low) / max(float(high - low), 1e-4), 0, 1)
    filled = np.where(good, share, 0.5)
    made: NDArray[np.uint8] = np.rint(255 * np.moveaxis(filled, 0, -1) ** 0.8).astype(np.uint8)
    return made


def _jpeg(rgb: NDArray[np.uint8], shape: Any, inverse: Any) -> str:
    """Pixels enlarged so that each can be seen, with the detection's outline."""
    from PIL import Image, ImageDraw

    factor = max(1, 240 // max(rgb.shape[:2]))
    picture = Image.fromarray(rgb).resize((rgb.shape[1] * factor, rgb.shape[0] * factor), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(picture)
    for part in getattr(shape, "geoms", [shape]):
        if part.geom_type == "Polygon":
            corners = [_pixel(inverse, x, y) for x, y, *_ in part.exterior.coords]
            pen.line([(factor * u, factor * v) for u, v in corners], fill=(255, 60, 60), width=2)
    return _encoded(picture)


def _encoded(picture: Any) -> str:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=82)
    return data_uri(out.getvalue(), "image/jpeg")


def _picture_file(segmentation: Segmentation) -> Path | None:
    path = Path(segmentation.picture) if segmentation.picture else None
    return path if path is not None and path.is_file() else None


def _scene(segmentation: Segmentation, settings: PlanningSettings) -> ScenePicture:
    from PIL import Image

    scene, path = segmentation.scene, _picture_file(segmentation)
    assert path is not None  # noqa: S101  (the caller asked)
    with Image.open(path) as picture:
        picture.thumbnail((settings.picture_px, settings.picture_px))
        uri = _encoded(picture)
    return ScenePicture(
        title=f"{notation.plain(scene.platform, 40)} {notation.plain(scene.scene_id, 80)}",
        text=f"Acquired {notation.utc(scene.acquired)}, read by {notation.plain(segmentation.model, 80)} at threshold "
        f"{segmentation.threshold:g}.",
        picture=uri,
    )  # fmt: skip
