"""Scenes and photos that are sent: received within bounds, looked at, forgotten; photos of an intake are kept."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from oceanclean.errors import InputError
from oceanclean.learning.registry import Registry
from oceanclean.moments import moment, zone
from oceanclean.serving.gate import may
from oceanclean.serving.settings import ServingSettings
from oceanclean.serving.shelf import read_geojson
from oceanclean.serving.tokens import Token
from oceanclean.store import lock

#: First bytes of TIFF and BigTIFF: no other format is handed to the raster reader, for some read other files.
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PICTURE = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")
Text = Annotated[str, Query(max_length=120)]
Latitude = Annotated[float | None, Query(ge=-90, le=90)]
Longitude = Annotated[float | None, Query(ge=-180, le=360)]
#: Bodies are told by their first bytes, whatever content type a caller names.
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BODY: dict[str, Any] = {"requestBody": {"content": _BINARY, "required": True}}


@dataclass
class Bench:
    """Where heavy work is done: so many at once, so many waiting, more are told to come again.

    Attributes:
        work: work folder.
        config: configuration folder.
        settings: bounds.
    """

    work: Path
    config: Path | None
    settings: ServingSettings
    waiting: int = 0
    _turns: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.settings.heavy_at_once)

    async def do(self, work: Callable[[], Any]) -> Any:
        """Do it in a thread when a place is free.

        Raises:
            HTTPException: 429, too many wait already.
        """
        if self.waiting >= self.settings.heavy_at_once + self.settings.heavy_waiting:
            raise HTTPException(429, "Too many detections are waiting.", headers={"Retry-After": "30"})
        self.waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self.waiting -= 1

    def champion(self, kind: str) -> Path | None:
        """File of the kind's champion; None is what ships."""
        found = Registry.of(self.work).model(kind)
        return found.path if found else None


@asynccontextmanager
async def received(request: Request, limit: int, kinds: tuple[bytes, ...], suffix: str) -> AsyncIterator[Path]:
    """The body as a file of a temporary folder.

    Raises:
        HTTPException: 413, more bytes than the limit; 415, other first bytes than those of the kinds.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise HTTPException(413, f"At most {limit} bytes are taken.")
    with tempfile.TemporaryDirectory(prefix="oceanclean-") as place:
        path, size = Path(place) / f"upload{suffix}", 0
        with path.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise HTTPException(413, f"At most {limit} bytes are taken.")
                await asyncio.to_thread(file.write, part)
        with path.open("rb") as file:
            if not file.read(8).startswith(kinds):
                raise HTTPException(415, "The body is not a file of the kind that is taken here.")
        yield path


def router(bench: Bench) -> APIRouter:
    """Detection and intake."""
    api = APIRouter(tags=["detection"])
    settings = bench.settings

    @api.post("/detect/scene", openapi_extra=_BODY)
    async def scene(
        request: Request, _holder: Annotated[Token, Depends(may("planner"))], radiometry: Text = "",
        acquired: Text = "", scale: float | None = None, offset: float | None = None, reduced_bands: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """Debris and its look-alikes in a GeoTIFF with the Sentinel-2 bands, as GeoJSON with figures."""
        given = {"radiometry": radiometry, "acquired": acquired, "scale": scale, "offset": offset}
        options = {k: v for k, v in given.items() if v not in ("", None)}
        async with received(request, settings.max_scene_bytes, _TIFF, ".tif") as path:
            found: dict[str, Any] = await bench.do(lambda: _segmented(bench, path, options, reduced_bands))
        return found

    @api.post("/detect/photo", openapi_extra=_BODY)
    async def photo(request: Request, _holder: Annotated[Token, Depends(may("planner"))]) -> dict[str, Any]:
        """Grade of cleanliness and material of a photo; nothing of it is kept."""
        async with received(request, settings.max_photo_bytes, _PICTURE, ".img") as path:
            found: dict[str, Any] = await bench.do(lambda: _judged(bench, path))
        return found

    @api.post("/intake/photo", status_code=201, openapi_extra=_BODY)
    async def intake(
        request: Request, _holder: Annotated[Token, Depends(may("planner"))],
        observer: Annotated[str, Query(min_length=1, max_length=120)], consent: bool,
        purpose: Annotated[list[str] | None, Query(max_length=2)] = None, licence: Text = "", lat: Latitude = None,
        lon: Longitude = None, time: Text = "", zone: Text = "",
        area_m2: Annotated[float | None, Query(gt=0, le=1e9)] = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Take a person's photo in as a sighting: EXIF is used, then stripped; without consent it is not opened."""
        if not consent:
            raise HTTPException(422, "Without the person's consent a photo is not taken.")
        told = {"lat": lat, "lon": lon, "time": time, "zone": zone, "area_m2": area_m2}
        async with received(request, settings.max_photo_bytes, _PICTURE, ".img") as path:
            found: dict[str, Any] = await bench.do(
                lambda: _taken_in(bench, path, observer, tuple(purpose or ()), licence, told)
            )
        return found

    return api


def _segmented(bench: Bench, path: Path, options: dict[str, Any], reduced: bool) -> dict[str, Any]:
    from oceanclean.chain import segment_file

    _small_enough(path, bench.settings.max_scene_pixels)
    folder = path.parent / "found"
    result = segment_file(path, folder, config=bench.config, options=options, allow_missing=reduced, progress=None,
                          model=bench.champion("segmenter"))  # fmt: skip
    features = read_geojson(Path(result.detections))
    figures = {k: v for k, v in result.statistics.items() if math.isfinite(v)}
    return {"type": "FeatureCollection", "features": features, "model": result.model,
            "model_sha256": result.model_sha256, "threshold": result.threshold, "statistics": figures,
            "degraded": list(result.degraded)}  # fmt: skip


def _small_enough(path: Path, most: int) -> None:
    import rasterio

    try:
        with rasterio.open(path, driver="GTiff") as source:
            pixels = source.width * source.height
    except rasterio.errors.RasterioError as error:
        raise InputError("upload", "file", "unreadable as GeoTIFF", "a whole GeoTIFF", "Send it again.") from error
    if pixels > most:
        raise HTTPException(413, f"At most {most} pixels are taken; the scene has {pixels}.")


@lru_cache(maxsize=4)
def _judge(kind: str, path: Path | None) -> Any:
    from oceanclean.vision.photos.deploy import PhotoModel

    return PhotoModel(path, kind)


def _judged(bench: Bench, path: Path) -> dict[str, Any]:
    from oceanclean.vision.photos.intake import load_intake_settings
    from oceanclean.vision.photos.pictures import open_photo

    bounds = load_intake_settings(bench.config)
    picture = open_photo(path, max_bytes=bounds.max_bytes, max_pixels=bounds.max_pixels)
    judges = {k: _judge(k, bench.champion(k)) for k in ("cleanliness", "classifier")}
    return {"pixels": list(picture.size), **{
        name: {"model_sha256": judges[kind].card.get("sha256", ""), "probabilities": dict(judges[kind].judge(picture))}
        for name, kind in (("grade", "cleanliness"), ("material", "classifier"))
    }}  # fmt: skip


def _taken_in(
    bench: Bench, path: Path, observer: str, purposes: tuple[str, ...], licence: str, told: dict[str, Any]
) -> dict[str, Any]:
    from oceanclean.vision.photos.intake import Consent, Place, load_intake_settings, take_in

    now = datetime.now(UTC)  # the time of receipt
    folder = bench.work / "intake"
    place = Place(
        told["lat"],
        told["lon"],
        moment(told["time"], "query", "time"),
        zone(told["zone"], "query", "zone"),
        told["area_m2"],
    )
    with lock(folder / ".lock", "The intake", wait_s=60):
        result = take_in(
            [path], Consent(observer, now, purposes, licence), folder, now=now, place=place,
            grade=_judge("cleanliness", bench.champion("cleanliness")).judge,
            material=_judge("classifier", bench.champion("classifier")).judge,
            settings=load_intake_settings(bench.config),
        )  # fmt: skip
    if not result.rows:
        raise HTTPException(422, next(iter(result.refused.values())).replace(str(path), "photo"))
    return {k: v for k, v in result.rows[0].items() if k != "observer"}
