"""Running the detector on files: boxes in pixels become a Detections product on the earth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean import moments
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.contracts import validate_table
from oceanclean.products.files import save_table
from oceanclean.store import write_aside
from oceanclean.vision.detector.boxsets import TILE_NAME, read_image
from oceanclean.vision.detector.canvases import resized
from oceanclean.vision.detector.decoding import Found
from oceanclean.vision.detector.finders import Finder, finder_of, load_detector
from oceanclean.vision.detector.ground import Ground, box_polygons, ground_of, observed_at
from oceanclean.vision.detector.instances import Segmenter, covers, instance_masks, litter_probability
from oceanclean.vision.detector.settings import DetectorSettings
from oceanclean.vision.detector.training import logit

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

Progress = Callable[[str, float], None]
_CLASS = "marine_debris"
#: What may be told of a camera.
CAMERA_FACTS = ("lon", "lat", "height_m", "yaw_deg", "pitch_deg", "roll_deg", "focal_px", "sensor_width_mm")
_FORMATS = (".parquet", ".geojson")


@dataclass(frozen=True)
class FindingResult:
    """What a run over image files gave.

    Attributes:
        table: the Detections product, with ``score``, ``position_doubt_m``, ``x_min`` … ``y_max`` besides.
        degraded: sentences about what could not be used.
        path: file written.
    """

    table: gpd.GeoDataFrame
    degraded: list[str]
    path: Path


def detect_objects(
    images: Sequence[Path],
    out: Path,
    settings: DetectorSettings | None = None,
    *,
    model: str | Path | None = None,
    camera: dict[str, float] | None = None,
    taken: datetime | None = None,
    segmenter: Segmenter | None = None,
    progress: Progress | None = None,
) -> FindingResult:
    """Find litter in image files and write where it lies.

    Args:
        images: files of any size: georeferenced (GeoTIFF, world file, Web-Mercator tile name) or drone frames with
            EXIF position and gimbal angles.
        out: ``.parquet`` (GeoParquet) or ``.geojson``.
        settings: threshold, reading of maps, doubts.
        model: ``.keras`` file; default the settings', else the one that ships.
        camera: facts of the camera that the files lack, see :func:`~oceanclean.vision.detector.camera.camera_of`.
        taken: when, if the files do not say.
        segmenter: of litter's pixels; with it ``cover`` is the share of each box that its instance covers.
        progress: called with (what, share done).

    Returns:
        Detections of all images. Boxes that reach to the horizon have no position: they are counted in a sentence.

    Raises:
        InputError: unknown ending of ``out``, an unreadable image.
        MissingDataError: no position or no time for an image.
    """
    import geopandas as gpd
    import pandas as pd

    settings = settings or DetectorSettings()
    if out.suffix.lower() not in _FORMATS:
        raise InputError(out, "ending", out.suffix or "none", f"one of {_FORMATS}", "Name the file so.")
    stored = load_detector(model or settings.model)
    detector = finder_of(stored.model, settings.decoding)
    threshold = settings.threshold or float(stored.card["threshold"])
    parts, degraded = [], []
    for number, path in enumerate(map(Path, images)):
        if not path.is_file():
            raise MissingDataError(path, "image", "no such file", "an image file", "Check the path.")
        pixels = read_image(path)
        ground = ground_of(path, pixels.shape[1], accuracy_m=settings.map_accuracy_m, doubt=settings.camera,
                           camera=camera)  # fmt: skip
        moment = observed_at(path, taken)
        if moment is None:
            raise MissingDataError(path, "time", "neither in its name nor in its GPS block", "a time with zone",
                                   "Give it with --taken, e.g. 2026-06-15T09:30Z.")  # fmt: skip
        found = find(detector, pixels, float(stored.card.get("image_scale", 1.0)), threshold)
        rows, lost = locate(found, ground, path, moment, stored.card, _cover(found, pixels, segmenter))
        parts.append(rows)
        if lost:
            degraded.append(f"{path.name}: {lost} box(es) reach to the horizon and have no position.")
        if progress is not None:
            progress(path.name, (number + 1) / len(images))
    table = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs="EPSG:4326")
    return FindingResult(table, degraded, write_findings(table, out))


def find(detector: Finder, pixels: NDArray[np.uint8], scale: float, threshold: float) -> Found:
    """Objects of at least a score in an image, in its pixels."""
    found = detector.detect(resized(pixels, scale))
    kept = found.scores >= threshold
    return Found((found.boxes[kept] / scale).astype(np.float32), found.scores[kept], found.labels[kept])


def _cover(found: Found, pixels: NDArray[np.uint8], segmenter: Segmenter | None) -> NDArray[np.float64]:
    """Share of each box that its instance covers; NaN without a segmenter."""
    if segmenter is None or not len(found.boxes):
        return np.full(len(found.boxes), np.nan)
    owner = instance_masks(found.boxes, litter_probability(segmenter, pixels), scores=found.scores)
    return covers(owner, found.boxes)


def locate(
    found: Found, ground: Ground, path: Path, moment: datetime, card: dict[str, Any], cover: NDArray[np.float64]
) -> tuple[gpd.GeoDataFrame, int]:
    """Rows of the Detections contract for what was found in one image, and how many boxes have no position."""
    import geopandas as gpd
    import pandas as pd
    from pyproj import Geod

    shapes, doubt = box_polygons(found.boxes, ground)
    kept = [k for k, s in enumerate(shapes) if s is not None and np.isfinite(doubt[k])]
    geod = Geod(ellps="WGS84")
    calibration = card.get("calibration", {"slope": 1.0, "intercept": 0.0})
    odds = calibration["slope"] * logit(found.scores[kept]) + calibration["intercept"]
    name = TILE_NAME.match(path.stem)
    stamp = pd.Timestamp(moment)
    columns: dict[str, Any] = {
        "detection_id": [_identifier(path, k) for k in kept],
        "source_id": path.stem,
        "sensor": "planetscope" if name else "aerial",
        "class_name": _CLASS,
        "probability": 1 / (1 + np.exp(-odds)),
        "area_m2": [abs(geod.geometry_area_perimeter(shapes[k])[0]) for k in kept],
        "cover": cover[kept],
        "observed_at": pd.Series([stamp] * len(kept), dtype="datetime64[ns, UTC]"),
        "available_at": pd.Series([stamp] * len(kept), dtype="datetime64[ns, UTC]"),
        "model": f"{card['name']} {card['sha256'][:12]}",
        "kind": [str(card["classes"][found.labels[k]]) for k in kept],
        "score": found.scores[kept].astype(float),
        "position_doubt_m": doubt[kept],
        **{c: found.boxes[kept, i].astype(float) for i, c in enumerate(("x_min", "y_min", "x_max", "y_max"))},
    }
    frame = pd.DataFrame(columns, index=range(len(kept)))
    return gpd.GeoDataFrame(frame, geometry=[shapes[k] for k in kept], crs="EPSG:4326"), len(shapes) - len(kept)


def _identifier(path: Path, number: int) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:10]
    return f"{path.stem}-{digest}-{number:03d}"


def write_findings(table: gpd.GeoDataFrame, out: Path) -> Path:
    """Write a Detections product as GeoParquet or, checked alike, as GeoJSON."""
    with write_aside(out) as aside:
        if out.suffix.lower() == ".parquet":
            save_table("Detections", table, aside)
        else:
            checked = validate_table("Detections", table, out.name)
            text = checked.to_json(drop_id=True, to_wgs84=True, default=lambda time: time.isoformat())
            aside.write_text(text, encoding="utf-8")
    return out


def camera_facts(pairs: Sequence[str]) -> dict[str, float]:
    """Facts of a camera from ``KEY=VALUE`` texts.

    Raises:
        InputError: an unknown key, or a value that is no number.
    """
    out: dict[str, float] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if key not in CAMERA_FACTS or not np.isfinite(number):
            raise InputError("command line", "--camera", repr(pair), f"KEY=VALUE with a key of {CAMERA_FACTS}",
                             "For example --camera height_m=40.")  # fmt: skip
        out[key] = number
    return out


def parse_moment(text: str) -> datetime | None:
    """A time with zone in ISO 8601; None for no text.

    Raises:
        InputError: no such time.
    """
    taken = moments.moment(text, "command line", "--taken")
    return None if taken is None else taken.astimezone(UTC)
