"""Satellite scenes: GeoTIFF or COG files become :class:`~oceanclean.products.scene.SceneRef`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import rasterio
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from oceanclean.errors import InputError, OceancleanError
from oceanclean.products.names import BANDS
from oceanclean.products.scene import SceneRef
from oceanclean.settings import SourceSettings
from oceanclean.sources import scene_tags
from oceanclean.sources.places import files_of, resolved
from oceanclean.sources.registry import reader, reader_of
from oceanclean.sources.times import Moment, iso, said, utc
from oceanclean.store import digest_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.region import Region

#: What a plan says of a scene that was Level 1C.
_LEVEL_1C = ("{} is Level 1C less the light that the air scatters: gases and haze are still in it, the models were "
             "trained on other corrections, and their scores were not measured on such scenes.")  # fmt: skip
#: Edge of the decimated picture of a scene on which its reflectances are checked.
_SAMPLE_PX = 192


def open_scene(path: str | Path, *, options: Mapping[str, Any] | None = None, latency_h: float = 0.0) -> SceneRef:
    """Describe a scene file and check that it can be used.

    What the file does not say itself (band descriptions and tags, or a JSON file of the same name beside it) is
    taken from ``options``, which win where both speak: ``radiometry``, ``acquired``, ``available_at``, ``platform``,
    ``scene_id``, ``scale``, ``offset``, ``nodata``, ``bands`` (names in file order, or name to raster band).

    Args:
        path: GeoTIFF or COG with one raster band for each spectral band.
        options: see above.
        latency_h: hours from acquisition until the file could be read, where nothing says when it was available.

    Returns:
        The scene; a band of the contract may be missing from it (``missing_bands``).

    Raises:
        InputError: unreadable or truncated, no CRS, bands that cannot be told apart, unknown radiometry or time, or
            numbers that are no reflectances under the scale and offset.
    """
    path = Path(path)
    scene = describe_scene(path, options or {}, latency_h)
    verify_scene(scene, offset_given=scene_tags.offset_stated(path, options or {}))
    return replace(scene, sha256=digest_file(path))


def describe_scene(path: Path, options: Mapping[str, Any], latency_h: float) -> SceneRef:
    """Describe a scene from its header and sidecar, without reading a pixel.

    Raises:
        InputError: see :func:`open_scene`.
    """
    unknown = set(options) - scene_tags.OPTIONS
    if unknown:
        raise InputError(path, "options", sorted(unknown), f"names among {sorted(scene_tags.OPTIONS)}",
                         "Correct the option.")  # fmt: skip
    try:
        with rasterio.open(path) as source:
            facts = scene_tags.gather(path, source, options)
            if source.crs is None:
                raise InputError(path, "CRS", "none", "a georeferenced raster",
                                 "Write the reference system into the file (gdal_edit.py -a_srs).")  # fmt: skip
            bands, scl = scene_tags.bands_of(path, source, facts)
            scale, offset = scene_tags.scaling_of(path, source, facts, list(bands.values()))
            nodata = scene_tags.nodata_of(path, source, facts)
    except rasterio.errors.RasterioError as error:
        raise InputError(path, "file", f"unreadable ({error})", "a whole GeoTIFF",
                         "Fetch the file again; it is truncated, damaged or no raster.") from error  # fmt: skip
    acquired = scene_tags.acquired_of(path, facts)
    given, radiometry = facts.get("available_at"), scene_tags.radiometry_of(path, facts)
    name = str(facts.get("scene_id") or path.stem)
    available = utc(given, path, "available_at") if given else acquired + pd.Timedelta(hours=latency_h)
    if available < acquired:
        raise InputError(path, "available_at", iso(available), f"a time after acquisition ({iso(acquired)})",
                         "Correct acquired or available_at.")  # fmt: skip
    return SceneRef(
        scene_id=name, path=str(path), bands=bands, scale=scale, offset=offset,
        nodata=nodata, radiometry=radiometry,
        acquired=iso(acquired), available_at=iso(available), platform=str(facts.get("platform") or "unknown"),
        scl_band=scl, notes={"degraded": _LEVEL_1C.format(name)} if radiometry == "l1c_rc" else {},
    )  # fmt: skip


def verify_scene(scene: SceneRef, *, offset_given: bool) -> None:
    """Read the file's last block and a decimated picture, and check that the numbers are reflectances.

    Args:
        scene: the scene.
        offset_given: the offset was stated, not assumed.

    Raises:
        InputError: truncated, or numbers outside what water, land and cloud reflect.
    """
    try:
        with scene.open() as source:
            _read_last_block(source)
            sample = _sample(scene, source)
    except rasterio.errors.RasterioError as error:
        raise InputError(scene.path, "raster", f"unreadable ({error})", "a whole GeoTIFF",
                         "Fetch the file again; it is truncated or damaged.") from error  # fmt: skip
    _check_reflectances(scene, sample, offset_given=offset_given)


def _read_last_block(source: rasterio.io.DatasetReader) -> None:
    """Read the last block of every band: where a file breaks off, this is what is missing."""
    height, width = source.block_shapes[-1]
    left, top = (source.width - 1) // width * width, (source.height - 1) // height * height
    source.read(window=Window(left, top, source.width - left, source.height - top))


def _sample(scene: SceneRef, source: rasterio.io.DatasetReader) -> NDArray[np.float32]:
    """Reflectances of a decimated picture (band, n) in the order of ``BANDS``; no-data pixels dropped."""
    present = [b for b in BANDS if b in scene.bands]
    shape = (min(source.height, _SAMPLE_PX), min(source.width, _SAMPLE_PX))
    raw = source.read([scene.bands[b] for b in present], out_shape=(len(present), *shape)).reshape(len(present), -1)
    good = np.isfinite(raw.astype(np.float32)).all(axis=0)
    if scene.nodata is not None and np.isfinite(scene.nodata):
        good &= (raw != scene.nodata).all(axis=0)
    sample = np.full((len(BANDS), int(good.sum())), np.nan, dtype=np.float32)
    sample[[BANDS.index(b) for b in present]] = raw[:, good] * np.float32(scene.scale) + np.float32(scene.offset)
    return sample


def _check_reflectances(scene: SceneRef, sample: NDArray[np.float32], *, offset_given: bool) -> None:
    """Refuse numbers that no surface reflects; a scene without any valid pixel is the vision room's to judge."""
    if sample.shape[1] < 100:
        return
    rows = [i for i, b in enumerate(BANDS) if b in scene.bands]
    low, middle, high = np.percentile(sample[rows], [1, 50, 99], axis=1)
    stated = f"scale {scene.scale:g} and offset {scene.offset:g}"
    if high.max() > 2.0 or middle.max() > 1.2:
        raise InputError(scene.path, "reflectance", f"{high.max():.4g} at the 99th percentile with {stated}",
                         "0 to about 1", "Give the scale and offset that turn numbers into reflectance "
                         "(--scale 0.0001 for Sentinel-2 digital numbers).")  # fmt: skip
    if middle.min() < -0.03 or low.min() < -0.15:
        raise InputError(scene.path, "reflectance", f"a median of {middle.min():.4g} with {stated}", "0 to about 1",
                         "Give the right offset (--offset 0 before processing baseline 04.00).")  # fmt: skip
    infrared = [rows.index(BANDS.index(b)) for b in ("B8", "B8A", "B11", "B12") if b in scene.bands]
    if not offset_given and scene.offset == 0 and infrared and low.min() >= 0.095 and low[infrared].min() <= 0.125:
        raise InputError(scene.path, "reflectance", f"no pixel darker than {low.min():.3f} in any band with {stated}",
                         "near-infrared of water near 0", "Give the offset: −0.1 from processing baseline 04.00 on "
                         "(--offset -0.1), or 0 if the scene is that bright.")  # fmt: skip
    if high.max() < 1e-3 and middle.max() < 5e-4 and np.ptp(sample[rows]) > 0:
        raise InputError(scene.path, "reflectance", f"{high.max():.2g} at the 99th percentile with {stated}",
                         "0 to about 1", "Give the right scale (--scale); the numbers were scaled twice.")  # fmt: skip


def scene_bounds(scene: SceneRef) -> tuple[float, float, float, float]:
    """(west, south, east, north) of a scene in degrees; ``east`` exceeds 180 across the date line."""
    with scene.open() as source:
        west, south, east, north = transform_bounds(source.crs, "EPSG:4326", *source.bounds, densify_pts=21)
    return west, south, east + 360 if east < west else east, north


def _overlaps(scene: SceneRef, region: Region) -> bool:
    west, south, east, north = region.grid.bounds
    w, s, e, n = scene_bounds(scene)
    # the scene may be written a whole turn away from the region's longitudes
    apart = all(e + turn <= west or w + turn >= east for turn in (-360, 0, 360))
    return not apart and s < north and n > south


def read_scenes(
    region: Region, sources: Sequence[SourceSettings], *, issue_time: Moment, history_h: float,
    work: Path | None = None,
) -> tuple[list[SceneRef], list[str]]:  # fmt: skip
    """Scenes over the region that could be read at the issue time.

    Args:
        region: the region.
        sources: settings of its scene sources.
        issue_time: nothing acquired or available later is seen.
        history_h: scenes acquired longer ago are left out.
        work: work folder of the run.

    Returns:
        Scenes in order of acquisition, and sentences on files that were passed over because they cannot be used.

    Raises:
        InputError: a scene of a required source cannot be used.
    """
    now = utc(issue_time)
    found: dict[str, SceneRef] = {}
    degraded: list[str] = []
    for source in sources:
        scenes, sentences = reader_of("scenes", source.kind)(region, resolved(source, work), now, history_h, work)
        for scene in scenes:
            if scene.scene_id in found and found[scene.scene_id].sha256 != scene.sha256:
                scene = replace(scene, scene_id=f"{scene.scene_id}-{scene.sha256[:8]}")
            found[scene.scene_id] = scene
        degraded += sentences
    return sorted(found.values(), key=lambda s: (s.acquired, s.scene_id)), degraded


@reader("scene_folder", "scenes")
def read_scene_folder(
    region: Region, source: SourceSettings, issue_time: pd.Timestamp, history_h: float, work: Path | None
) -> tuple[list[SceneRef], list[str]]:
    """Scenes among the ``*.tif`` of a folder or glob; see :func:`read_scenes`.

    ``options`` are those of :func:`open_scene`; ``options.files`` gives some by file name.
    """
    options = dict(source.options)
    options.pop("title", None)
    by_name = options.pop("files", {})
    scenes, degraded = [], []
    for path in files_of(source.path, work, (".tif", ".tiff")):
        try:
            ours = {**options, **by_name.get(path.name, {})}
            scene = describe_scene(path, ours, source.latency_h)
            acquired, available = utc(scene.acquired), utc(scene.available_at)
            if acquired > issue_time or available > issue_time:
                continue  # not there yet: a replayed day sees only what was available then
            if acquired < issue_time - pd.Timedelta(hours=history_h) or not _overlaps(scene, region):
                continue
            verify_scene(scene, offset_given=scene_tags.offset_stated(path, ours))
        except OceancleanError as error:
            if source.required:
                raise
            degraded.append(f"Scene {path.name} was not used: {error}")
            continue
        scenes.append(replace(scene, sha256=digest_file(path)))
    if not scenes and source.required:
        start = issue_time - pd.Timedelta(hours=history_h)
        degraded.append(f"No usable scene {Path(source.path).name} between {said(start)} and {said(issue_time)}.")
    return scenes, degraded
