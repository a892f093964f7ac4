"""Segment a scene of any size: probability raster with gates, polygons, a picture, and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.files import save_table
from oceanclean.products.names import BANDS, CLASS_ID, CLASSES, NOT_OBSERVED, PROBABILITY_SCALE, Gate
from oceanclean.products.scene import SceneRef, Segmentation
from oceanclean.store import write_aside
from oceanclean.vision.features import CORE_BANDS, WaterReference, sample_scene, water_reference
from oceanclean.vision.gates import INLAND, NEAR_SHORE, gate_window
from oceanclean.vision.picture import Overview
from oceanclean.vision.runner import Runner
from oceanclean.vision.settings import SegmenterSettings
from oceanclean.vision.targets import TARGETS, TargetPixels, detections
from oceanclean.vision.tiling import HALO, Tile, TileView, check_overlap, predict_tiles, tiles, worker_count
from oceanclean.vision.zoo import LoadedSegmenter, load_segmenter

if TYPE_CHECKING:
    import geopandas as gpd
    import rasterio
    from numpy.typing import NDArray

Progress = Callable[[str, float], None]

_DEBRIS = CLASS_ID["marine_debris"]
_B8, _B11 = BANDS.index("B8"), BANDS.index("B11")
#: Below this share of observed pixels the plan says that the scene showed little sea.
_LITTLE_SEEN = 0.2


def segment(
    scene: SceneRef,
    folder: Path,
    *,
    land: gpd.GeoDataFrame | Any | None,
    settings: SegmenterSettings,
    model: str | Path | None = None,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> Segmentation:
    """Find debris and its look-alikes in one scene.

    Args:
        scene: the scene; any size, read tile by tile.
        folder: where ``segmentation.tif``, ``detections.parquet`` and ``picture.png`` go; the caller publishes it.
        land: land polygons in EPSG:4326 (GeoDataFrame or shapely geometry), or None.
        settings: tiles, gates, threshold.
        model: path of a ``.keras`` file; by default the settings' model, else the one that ships.
        allow_missing: fill bands that are absent (never the six core ones) and say so, instead of refusing.
        progress: called with (scene, share done).

    Returns:
        References to the files, and figures.

    Raises:
        InputError: a band is missing, there is no CRS, or the file is damaged.
        MissingDataError: no pixel of the scene carries a measurement.
        SettingsError: the overlap is smaller than the model needs.
    """
    degraded = _check_bands(scene, allow_missing)
    segmenter = load_segmenter(str(model or settings.model) or None)
    check_overlap(settings.overlap, segmenter.radius)
    with _opened(scene) as source:
        _check_raster(scene, source)
        water = water_reference(sample_scene(scene))
        job = _Job(scene, source, segmenter, settings, water, land)
        folder.mkdir(parents=True, exist_ok=True)
        with write_aside(folder / "segmentation.tif") as aside:
            job.run(aside, progress)
            figures = job.statistics()
            _require_measurement(scene, figures)
        table = detections(
            job.found, scene, source.transform, source.crs, source.width, model=segmenter.name,
            minimum_pixels=settings.minimum_pixels,
            full_cover_contrast=settings.full_cover_b8 - water.array()[_B8],
        )  # fmt: skip
    degraded += _degradations(scene, figures, water)
    with write_aside(folder / "detections.parquet") as aside:
        save_table("Detections", table, aside)
    with write_aside(folder / "picture.png") as aside:
        job.overview.save(aside, scene, job.threshold)
    figures["detections"] = float(len(table))
    return Segmentation(
        scene=scene, raster=str(folder / "segmentation.tif"), detections=str(folder / "detections.parquet"),
        picture=str(folder / "picture.png"), model=segmenter.name, model_sha256=segmenter.sha256,
        threshold=job.threshold, statistics=figures, degraded=tuple(degraded),
    )  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """What was seen in the kept part of one tile.

    Attributes:
        debris: (y, x) probability × 250, or not observed.
        classes: (y, x) 1–11, 0 not observed.
        gate: (y, x) reason.
        own: (y, x) probability of the class.
        contrast: (y, x) in B8.
        colour: (y, x, 3) thinned for the picture.
    """

    debris: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    gate: NDArray[np.uint8]
    own: NDArray[np.float32]
    contrast: NDArray[np.float32]
    colour: NDArray[np.float32]


class _Job:
    """One scene on its way through the network."""

    def __init__(
        self, scene: SceneRef, source: rasterio.io.DatasetReader, segmenter: LoadedSegmenter,
        settings: SegmenterSettings, water: WaterReference, land: Any,
    ) -> None:  # fmt: skip
        self.scene, self.source, self.settings = scene, source, settings
        self.threshold = settings.threshold or segmenter.threshold
        presence = np.asarray([b in scene.bands for b in BANDS], np.float32)
        self.dark_swir = float(water.array()[_B11])
        self.trim = max(0, settings.overlap - HALO)
        self.network = Runner(segmenter.model, water.array(), presence, self.trim)
        self.coast = _Coast(land, source, settings.gates.coast_accuracy_m)
        self.found = TargetPixels()
        self.overview = Overview(source.height, source.width, settings.picture_width)
        self.gates: Counter[int] = Counter()
        self.classes: Counter[int] = Counter()

    def run(self, path: Path, progress: Progress | None) -> None:
        """Predict every tile and write the raster."""
        import rasterio
        from rasterio.shutil import copy

        plain = path.with_suffix(".plain.tif")
        profile = {
            "driver": "GTiff", "dtype": "uint8", "count": 3, "width": self.source.width, "height": self.source.height,
            "crs": self.source.crs, "transform": self.source.transform, "tiled": True, "blockxsize": 256,
            "blockysize": 256, "compress": "deflate", "zlevel": 1, "bigtiff": "if_safer", "num_threads": "all_cpus",
        }  # fmt: skip
        try:
            with rasterio.open(plain, "w", **profile) as target:
                self._fill(target, progress)
            copy(plain, path, driver="COG", compress="DEFLATE", overview_resampling="nearest", blocksize=256,
                 num_threads="all_cpus")  # fmt: skip
        finally:
            plain.unlink(missing_ok=True)

    def _fill(self, target: rasterio.io.DatasetWriter, progress: Progress | None) -> None:
        from rasterio.windows import Window

        s = self.settings
        wanted = tiles(self.source.height, self.source.width, s.tile)
        results = predict_tiles(
            self.scene, self._classify, wanted, size=s.tile, overlap=s.overlap, workers=worker_count(s.workers)
        )
        target.descriptions = ("debris_probability", "class", "gate")
        target.update_tags(1, not_observed=NOT_OBSERVED, scale=1 / PROBABILITY_SCALE)
        for done, (tile, seen) in enumerate(results, 1):
            self._gather(tile, seen)
            planes = np.stack([seen.debris, seen.classes, seen.gate])
            target.write(planes, window=Window(tile.column, tile.row, tile.width, tile.height))
            if progress is not None:
                progress(self.scene.scene_id, done / len(wanted))

    def _classify(self, view: TileView) -> _Seen:
        """What is seen in one tile; called from several threads, changes nothing of the job."""
        tile, o = view.tile, self.settings.overlap
        kept = (slice(o, o + tile.height), slice(o, o + tile.width))
        probability = self._probability(view)
        classes = decide(probability, self.threshold)
        coast = self.coast.window(tile.row - o, tile.column - o, view.valid.shape)
        gate = gate_window(view.reflectance, view.valid, classes, self.settings.gates, coast, view.scl, self.dark_swir)[
            kept
        ]
        observed = gate == Gate.OBSERVED
        classes, probability = np.where(observed, classes[kept], 0).astype(np.uint8), probability[kept]
        debris = np.round(PROBABILITY_SCALE * probability[..., _DEBRIS - 1]).astype(np.uint8)
        own = np.take_along_axis(probability, np.maximum(classes, 1)[..., None].astype(np.int64) - 1, axis=-1)[..., 0]
        return _Seen(np.where(observed, debris, NOT_OBSERVED).astype(np.uint8), classes, gate, own,
                     _contrast(view)[kept], self.overview.thinned(tile, view.reflectance[kept]))  # fmt: skip

    def _probability(self, view: TileView) -> NDArray[np.float32]:
        """(y, x, class) of a tile with its surroundings, 0 where the surroundings were incomplete."""
        probability = np.zeros((*view.valid.shape, len(CLASSES)), np.float32)
        if view.valid.any():
            t = self.trim
            inner = slice(t, view.valid.shape[0] - t), slice(t, view.valid.shape[1] - t)
            probability[inner] = self.network(view.reflectance)
        return probability

    def _gather(self, tile: Tile, seen: _Seen) -> None:
        """Count a tile and keep its targets and its part of the picture."""
        self.found.add(tile.row, tile.column, seen.classes, seen.own, seen.contrast)
        self.gates.update(dict(enumerate(np.bincount(seen.gate.ravel(), minlength=len(Gate)))))
        self.classes.update(dict(enumerate(np.bincount(seen.classes.ravel(), minlength=len(CLASSES) + 1))))
        self.overview.add(tile, seen.colour, seen.classes, seen.gate)

    def statistics(self) -> dict[str, float]:
        """Pixels by gate and class, shares and areas, as plain numbers."""
        total = self.source.width * self.source.height
        pixel_km2 = _pixel_area_m2(self.source) / 1e6
        figures = {"pixels": float(total), "observed_share": self.gates[Gate.OBSERVED] / total}
        figures |= {f"gate_{g.name.lower()}": float(self.gates[g]) for g in Gate}
        figures |= {f"class_{name}": float(self.classes[i + 1]) for i, name in enumerate(CLASSES)}
        figures["observed_km2"] = self.gates[Gate.OBSERVED] * pixel_km2
        figures |= {f"{name}_km2": self.classes[CLASS_ID[name]] * pixel_km2 for name in TARGETS}
        return {name: float(value) for name, value in figures.items()}


def decide(probability: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """Class 1–11 of probabilities (..., class): debris from the threshold on, else the most probable other class."""
    others = probability.copy()
    others[..., _DEBRIS - 1] = -1.0
    return np.where(probability[..., _DEBRIS - 1] >= threshold, _DEBRIS, others.argmax(axis=-1) + 1).astype(np.uint8)


def _contrast(view: TileView) -> NDArray[np.float32]:
    """B8 above the mean of its surroundings (310 m), reflectance, 0 where there is no measurement."""
    from scipy.ndimage import uniform_filter

    b8 = np.where(view.valid, view.reflectance[..., _B8], 0).astype(np.float32)
    share = np.maximum(uniform_filter(view.valid.astype(np.float32), 31, mode="constant"), 1e-3)
    return np.where(view.valid, np.maximum(b8 - uniform_filter(b8, 31, mode="constant") / share, 0), 0).astype(
        np.float32
    )


class _Coast:
    """Land polygons on the scene's grid, tile by tile: inland beyond doubt, or near the shore."""

    def __init__(self, land: Any, source: rasterio.io.DatasetReader, accuracy_m: float) -> None:
        self._transform = source.transform
        self._all: list[Any] = []
        self._inner: list[Any] = []
        if land is None:
            return
        import geopandas as gpd
        import shapely
        from rasterio.warp import transform_bounds

        table = land if hasattr(land, "geometry") and hasattr(land, "crs") else gpd.GeoSeries([land], crs=4326)
        metre = 1.0 if source.crs.is_projected else 1.0 / 111_320.0
        box = transform_bounds(source.crs, 4326, *source.bounds)
        # Clip generously, so that the cut itself is not taken for a shore.
        beyond = 0.05 + accuracy_m / 50_000
        clipped = table.geometry.clip(shapely.box(box[0] - beyond, box[1] - beyond, box[2] + beyond, box[3] + beyond))
        shapes = shapely.union_all(clipped.to_crs(source.crs).make_valid().to_numpy())
        if shapes.is_empty:
            return
        inner = shapes.buffer(-accuracy_m * metre) if accuracy_m else shapes
        self._all, self._inner = [shapes], [] if inner.is_empty else [inner]

    def window(self, row: int, column: int, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """(y, x) codes of :mod:`~oceanclean.vision.gates`, or None where no land was given."""
        if not self._all:
            return None
        from rasterio.features import rasterize

        transform = self._transform @ self._transform.translation(column, row)
        codes = [(g, NEAR_SHORE) for g in self._all] + [(g, INLAND) for g in self._inner]
        return rasterize(codes, out_shape=shape, transform=transform, dtype="uint8")


def _check_bands(scene: SceneRef, allow_missing: bool) -> list[str]:
    missing = scene.missing_bands
    core = [b for b in missing if b in CORE_BANDS]
    if core or (missing and not allow_missing):
        action = "Fetch the scene with all of its bands."
        if not core:
            action = "Fetch them, or allow missing bands (allow_missing=True) and accept a less certain result."
        raise InputError(scene.path, "bands", f"without {', '.join(missing)}", ", ".join(BANDS), action)
    if not missing:
        return []
    filled = f"Scene {scene.scene_id} lacks {', '.join(missing)}"
    return [filled + ": they were filled from their neighbours, so that classes are less certain."]


def _opened(scene: SceneRef) -> Any:
    """The raster as a context manager, with a clear error for a file that cannot be opened."""
    from contextlib import contextmanager

    import rasterio

    @contextmanager
    def opened() -> Any:
        try:
            source = rasterio.open(scene.path)
        except rasterio.errors.RasterioError as error:
            raise InputError(scene.path, "raster", f"unreadable ({error})", "a whole GeoTIFF",
                             "Fetch the file again; it is absent, truncated or damaged.") from error  # fmt: skip
        with source:
            yield source

    return opened()


def _check_raster(scene: SceneRef, source: rasterio.io.DatasetReader) -> None:
    if source.crs is None:
        raise InputError(scene.path, "crs", "none", "a georeferenced raster",
                         "Give the file its coordinate reference system (for example gdal_edit -a_srs).")  # fmt: skip
    highest = max([*scene.bands.values(), scene.scl_band or 0])
    if highest > source.count:
        raise InputError(scene.path, "bands", f"{source.count} raster bands", f"at least {highest}",
                         "Correct the scene's band map, or fetch the whole file.")  # fmt: skip


def _require_measurement(scene: SceneRef, figures: dict[str, float]) -> None:
    if figures["gate_no_data"] == figures["pixels"]:
        raise MissingDataError(scene.path, "reflectance", "no-data in every pixel", "a measurement somewhere",
                               "Fetch the scene again, or plan without it.")  # fmt: skip


def _degradations(scene: SceneRef, figures: dict[str, float], water: WaterReference) -> list[str]:
    """Sentences for the plan page."""
    name, total = scene.scene_id, figures["pixels"]
    said = [scene.notes["degraded"]] if "degraded" in scene.notes else []
    measured = total - figures["gate_no_data"]
    cloud = (figures["gate_cloud"] + figures["gate_cloud_shadow"]) / measured
    if figures["gate_observed"] == 0:
        said.append(f"Scene {name} shows no sea at all ({100 * cloud:.0f} % of it is cloud): nothing was observed.")
    elif figures["gate_observed"] / measured < _LITTLE_SEEN:
        said.append(f"Scene {name} shows little sea: {100 * figures['gate_observed'] / measured:.0f} % of it was "
                    f"observed, {100 * cloud:.0f} % is cloud.")  # fmt: skip
    if water.water_share < 0.02:
        said.append(f"Scene {name} has hardly any clear water to compare with: its classes are less certain.")
    return said


def _pixel_area_m2(source: rasterio.io.DatasetReader) -> float:
    t = source.transform
    area = abs(t.a * t.e - t.b * t.d)
    if source.crs.is_projected:
        return area
    from pyproj import Geod

    x, y = t @ (source.width / 2, source.height / 2)
    ring_x, ring_y = [x, x + t.a, x + t.a, x], [y, y, y + t.e, y + t.e]
    return abs(Geod(ellps="WGS84").polygon_area_perimeter(ring_x, ring_y)[0])
