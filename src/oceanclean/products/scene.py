"""A satellite scene by reference: where its file is and how its numbers become reflectance.

Files travel between stages, arrays do not: a :class:`SceneRef` is a small, frozen, JSON-ready record, and
:meth:`SceneRef.read` fetches any window of it as reflectance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.products.names import BANDS, RADIOMETRIES

if TYPE_CHECKING:
    import rasterio
    import xarray as xr
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SceneRef:
    """A scene on disk.

    Attributes:
        scene_id: identifier, unique within a run.
        path: GeoTIFF or COG with one raster band for each spectral band.
        bands: spectral band name to 1-based raster band index, e.g. ``{"B2": 2}``.
        scale: reflectance = digital number × scale + offset.
        offset: see ``scale`` (−0.1 from Sentinel-2 processing baseline 04.00 on).
        nodata: digital number that means "no measurement", or None (NaN always means it).
        radiometry: one of :data:`~oceanclean.products.names.RADIOMETRIES`.
        acquired: when the satellite passed, ISO 8601 UTC.
        available_at: when the file could be read, ISO 8601 UTC.
        platform: for example ``Sentinel-2A``.
        scl_band: raster band of Sen2Cor's scene classification, or None.
        sha256: digest of the file.
        notes: facts about the file that the plan must show (``{"degraded": "..."}``).
    """

    scene_id: str
    path: str
    bands: dict[str, int]
    scale: float
    offset: float
    nodata: float | None
    radiometry: str
    acquired: str
    available_at: str
    platform: str
    scl_band: int | None = None
    sha256: str = ""
    notes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a radiometry or a band that nobody knows."""
        if self.radiometry not in RADIOMETRIES:
            raise InputError(self.path, "radiometry", self.radiometry, f"one of {RADIOMETRIES}",
                             "Tag the scene with the correction it went through.")  # fmt: skip
        unknown = set(self.bands) - set(BANDS)
        if unknown:
            raise InputError(self.path, "bands", sorted(unknown), f"names among {BANDS}", "Correct the band map.")

    @property
    def missing_bands(self) -> tuple[str, ...]:
        """Bands of the contract that the file lacks."""
        return tuple(b for b in BANDS if b not in self.bands)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> SceneRef:
        """Inverse of :meth:`to_json`."""
        return cls(**record)

    @contextmanager
    def open(self) -> Iterator[rasterio.io.DatasetReader]:
        """Open the raster; the caller reads windows from it and hands it to :meth:`read`."""
        import rasterio

        with rasterio.open(self.path) as source:
            yield source

    def read(
        self, source: rasterio.io.DatasetReader, window: rasterio.windows.Window | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a window as reflectance.

        Args:
            source: the raster, opened by :meth:`open`.
            window: part of it, or None for all.

        Returns:
            ``reflectance`` (band, y, x) float32 in the order of :data:`~oceanclean.products.names.BANDS`, NaN where
            a band is missing or carries no data; ``valid`` (y, x), True where every present band has a number.

        Raises:
            InputError: the file breaks off or cannot be decoded.
        """
        import rasterio

        present = [b for b in BANDS if b in self.bands]
        try:
            raw = source.read([self.bands[b] for b in present], window=window)
        except rasterio.errors.RasterioError as error:
            raise InputError(self.path, "raster", f"unreadable ({error})", "a whole GeoTIFF",
                             "Fetch the file again; it is truncated or damaged.") from error  # fmt: skip
        numbers = raw.astype(np.float32)
        good = np.isfinite(numbers)
        if self.nodata is not None and np.isfinite(self.nodata):
            good &= raw != self.nodata
        numbers *= np.float32(self.scale)
        numbers += np.float32(self.offset)
        numbers[~good] = np.nan
        reflectance = np.full((len(BANDS), *numbers.shape[1:]), np.nan, dtype=np.float32)
        reflectance[[BANDS.index(b) for b in present]] = numbers
        return reflectance, good.all(axis=0)

    def to_dataset(self) -> xr.Dataset:
        """Load the whole scene as a ``Scene`` product; for small scenes and notebooks."""
        import rioxarray  # noqa: F401  (registers the accessor)
        import xarray as xr

        from oceanclean.products.contracts import describe

        with self.open() as source:
            reflectance, valid = self.read(source)
            crs, transform = source.crs, source.transform
        height, width = valid.shape
        scene = xr.Dataset(
            {"reflectance": (("band", "y", "x"), reflectance), "valid": (("y", "x"), valid)},
            coords={
                "band": list(BANDS),
                "y": transform.f + transform.e * (np.arange(height) + 0.5),
                "x": transform.c + transform.a * (np.arange(width) + 0.5),
            },
            attrs={
                "scene_id": self.scene_id, "platform": self.platform, "radiometry": self.radiometry,
                "acquired": self.acquired, "available_at": self.available_at,
            },
        )  # fmt: skip
        return describe("Scene", scene.rio.write_crs(crs).rio.write_transform(transform))


@dataclass(frozen=True)
class Segmentation:
    """What the vision room hands on for one scene: files, not arrays.

    Attributes:
        scene: the scene it came from.
        raster: COG, uint8, three bands: 1 ``debris_probability`` (round(250 p); 255 not observed), 2 ``class``
            (1..11 of :data:`~oceanclean.products.names.CLASSES`; 0 not observed), 3 ``gate`` (:class:`Gate`).
        detections: GeoParquet, the ``Detections`` contract, polygons.
        picture: PNG, true colour beside what was found, or "".
        model: model name and version.
        model_sha256: digest of the model file.
        threshold: probability from which a pixel counts as debris.
        statistics: pixels by gate and class, debris area, plain numbers.
        degraded: sentences for the plan page (reduced bands, mostly cloud, ...).
    """

    scene: SceneRef
    raster: str
    detections: str
    picture: str
    model: str
    model_sha256: str
    threshold: float
    statistics: dict[str, float]
    degraded: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Segmentation:
        """Inverse of :meth:`to_json`."""
        record = dict(record)
        scene = SceneRef.from_json(record.pop("scene"))
        return cls(scene=scene, degraded=tuple(record.pop("degraded")), **record)
