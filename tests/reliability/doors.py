"""Doors where files of others come in: a good file of each, made small here or real, and its reader."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.conftest import ROOT, real_data_root
from tests.reliability import mutants, packed
from tests.reliability.mutants import Mutant

ISSUE = "2026-06-15T06:00Z"
_LIMASSOL = real_data_root() / "s2_demo_chips" / "limassol.tif"


@dataclass(frozen=True)
class Door:
    """One kind of file.

    Attributes:
        name: of the door.
        suffix: of its files.
        make: the mutants, given a folder that nothing may be written into but by the reader's own choice.
        read: reads a file; the folder of the work is the second argument.
    """

    name: str
    suffix: str
    make: Callable[[Path], Iterator[Mutant]]
    read: Callable[[Path, Path], object]


def _region() -> object:
    from oceanclean.region import load_region

    return load_region("demo", ROOT / "config")


def _source(kind: str, path: Path, **options: object) -> object:
    from oceanclean.settings import SourceSettings

    return SourceSettings(kind=kind, path=str(path), required=True, options=options)


def _field_file(folder: Path, suffix: str) -> Path:
    import pandas as pd
    import xarray as xr

    lon, lat = np.arange(-89.0, -85.4, 0.25), np.arange(15.0, 17.6, 0.25)
    times = pd.Timestamp("2026-06-15T06:00") + pd.to_timedelta(np.arange(-36, 85, 3), unit="h")
    shape = (times.size, lat.size, lon.size)
    rng = np.random.default_rng(1)
    data = xr.Dataset(
        {n: (("time", "lat", "lon"), 0.2 * rng.standard_normal(shape), {"units": "m s-1"}) for n in ("uo", "vo")},
        {"time": times, "lat": ("lat", lat, {"units": "degrees_north"}),
         "lon": ("lon", lon, {"units": "degrees_east"})},
        {"available_at": "2026-06-15T05:00Z"},
    )  # fmt: skip
    path = folder / f"good{suffix}"
    if suffix == ".zarr":
        data.to_zarr(path, consolidated=False)
    else:
        data.to_netcdf(path)
    return path


def _read_field(path: Path, work: Path) -> object:
    from oceanclean.settings import SourcesSettings
    from oceanclean.sources import read_forcing

    sources = SourcesSettings(name="x", currents=[_source("gridded", path)])
    forcing, _ = read_forcing(_region(), sources, start="2026-06-14T00:00Z", end="2026-06-17T00:00Z", issue_time=ISSUE,
                              work=work)  # fmt: skip
    return forcing.load()


def _netcdf(folder: Path) -> Iterator[Mutant]:
    import xarray as xr

    path = _field_file(folder, ".nc")
    yield from mutants.of_bytes(path.read_bytes(), 1)
    with xr.open_dataset(path) as opened:
        good = opened.load()
    changes = {
        "no units": lambda d: d.assign(uo=d.uo.drop_attrs()),
        "units of furlongs": lambda d: d.assign(uo=d.uo.assign_attrs(units="furlong fortnight-1")),
        "all NaN": lambda d: d * np.nan,
        "infinite": lambda d: d.where(d.lat > 16, np.inf),
        "fill as numbers": lambda d: d.where(d.lat > 16, 9.97e36),
        "times backwards": lambda d: d.isel(time=slice(None, None, -1)),
        "times twice": lambda d: d.isel(time=np.repeat(np.arange(d.sizes["time"]), 2)),
        "one time": lambda d: d.isel(time=slice(0, 1)),
        "no time": lambda d: d.isel(time=0, drop=True),
        "a gap": lambda d: d.isel(time=[0, 1, 2, 30, 31]),
        "axes of NaN": lambda d: d.assign_coords(lat=d.lat * np.nan),
        "latitudes of 500": lambda d: d.assign_coords(lat=d.lat + 500),
        "axes swapped by name": lambda d: d.rename(lat="lon", lon="lat"),
        "another ocean": lambda d: d.assign_coords(lon=d.lon + 150),
        "half of the region": lambda d: d.isel(lon=slice(0, 5)),
        "one variable": lambda d: d.drop_vars("vo"),
        "text for numbers": lambda d: d.assign(uo=d.uo.astype(str)),
        "hostile name": lambda d: d.assign_attrs(title="<script>alert(1)</script>", available_at="../../etc"),
        "available tomorrow": lambda d: d.assign_attrs(available_at="2026-06-20T00:00Z"),
        "centimetres said as metres": lambda d: d * 100,
    }
    for name, change in changes.items():
        out = folder / "mutant.nc"
        change(good.copy(deep=True)).to_netcdf(out)
        yield name, out.read_bytes()
        out.unlink()


def _zarr(folder: Path) -> Iterator[Mutant]:
    yield from packed.of_zarr(_field_file(folder, ".zarr"), folder.parent / "touched")


def _scene(folder: Path) -> Iterator[Mutant]:
    import rasterio
    from rasterio.transform import from_origin

    from oceanclean.products.names import BANDS

    path = folder / "good.tif"

    def write(**changes: object) -> bytes:
        profile = {
            "driver": "GTiff", "dtype": "uint16", "count": len(BANDS), "width": 64, "height": 64, "nodata": 0,
            "transform": from_origin(400_000, 1_780_000, 10, 10), "crs": "EPSG:32616", "tiled": True,
            "blockxsize": 64, "blockysize": 64,
        }  # fmt: skip
        tags = {"acquired": "2026-06-14T16:00Z", "radiometry": "rhorc", **changes.pop("tags", {})}
        value = changes.pop("value", 500)
        with rasterio.open(path, "w", **(profile | changes)) as target:
            for k in range(1, target.count + 1):
                target.write(np.full((target.height, target.width), value, target.dtypes[0]), k)
                target.set_band_description(k, BANDS[k - 1] if k <= len(BANDS) else f"x{k}")
            target.scales = (1e-4,) * target.count
            target.update_tags(**tags)
        return path.read_bytes()

    yield from mutants.of_bytes(write(), 3)
    yield "no CRS", write(crs=None)
    yield "no transform", write(transform=None)
    yield "pixels of NaN metres", write(transform=from_origin(np.nan, np.nan, 10, 10))
    yield "one band", write(count=1)
    yield "values of 65535", write(value=65535)
    yield "all no data", write(value=0)
    yield "complex numbers", write(dtype="complex64")
    yield "a radiometry of markup", write(tags={"radiometry": "<img src=x onerror=alert(1)>"})
    yield "acquired in year 9999", write(tags={"acquired": "9999-12-31T23:59:59Z"})
    yield "acquired never", write(tags={"acquired": "yesterday"})
    yield "a name that climbs", write(tags={"scene_id": "../../../etc/passwd"})
    # a header that promises 2^31 columns: ImageWidth is the first entry of the first directory of a classic TIFF
    good = bytearray(write())
    place = int.from_bytes(good[4:8], "little") + 2
    good[place + 8 : place + 12] = (2**31 - 1).to_bytes(4, "little")
    yield "two thousand million columns", bytes(good)


def _real_scene(_folder: Path) -> Iterator[Mutant]:
    yield from mutants.of_bytes(_LIMASSOL.read_bytes(), 2)


def _read_real_scene(path: Path, work: Path) -> object:
    """A scene with the record that its publisher wrote beside it."""
    beside = path.with_suffix(".json")
    beside.write_text(_LIMASSOL.with_suffix(".json").read_text(encoding="utf-8"), encoding="utf-8")
    try:
        return _read_scene(path, work)
    finally:
        beside.unlink()


def _read_scene(path: Path, work: Path) -> object:
    from oceanclean.sources.scenes import open_scene

    return open_scene(path)


_DRIFTERS = "drifter_id,time,latitude,longitude\n" + "".join(
    f"b{k},2026-06-14T{h:02d}:00Z,{16 + 0.01 * h:.3f},{-87 + 0.01 * k:.3f}\n" for k in range(3) for h in range(24)
)
_SIGHTINGS = "time,latitude,longitude,observer,description,area_m2\n" + "".join(
    f"2026-06-14T{h:02d}:00Z,{16 + 0.01 * h:.3f},-87.1,crew,raft of bottles,{40 + h}\n" for h in range(12)
)
_STATUS = "vessel_id,time,latitude,longitude,hold_used_kg\n" + "".join(
    f"{v},2026-06-15T0{h}:00Z,16.05,-87.3,0\n" for v in ("manati", "garza") for h in range(5)
)
_CATCHES = "vessel_id,started_at,ended_at,latitude,longitude,mass_kg\n" + "".join(
    f"manati,2026-06-14T{h:02d}:00Z,2026-06-14T{h:02d}:40Z,16.{h:02d},-87.1,{10 * h}\n" for h in range(1, 9)
)


def _read_drifters(path: Path, work: Path) -> object:
    from oceanclean.sources.drifters import read_drifters

    return read_drifters(_region(), [_source("drifter_csv", path)], issue_time=ISSUE, work=work)


def _read_sightings(path: Path, work: Path) -> object:
    from oceanclean.sources.sightings import read_sightings

    return read_sightings(_region(), [_source("sightings_csv", path)], issue_time=ISSUE, history_h=48, work=work)


def _read_status(path: Path, work: Path) -> object:
    from oceanclean.settings import load_fleet_settings
    from oceanclean.sources.fleet import read_fleet

    fleet = load_fleet_settings("demo", ROOT / "config")
    return read_fleet(_region(), fleet, [_source("fleet_csv", path)], issue_time=ISSUE, work=work)


def _read_catches(path: Path, work: Path) -> object:
    from oceanclean.sources.catches import read_catches

    return read_catches([path], issue_time=ISSUE)


def _detections(folder: Path) -> Iterator[Mutant]:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry import box

    count = 6
    place = [box(-87 + 0.01 * k, 16, -86.999 + 0.01 * k, 16.001) for k in range(count)]
    table = gpd.GeoDataFrame(
        {"detection_id": [f"d{k}" for k in range(count)], "sensor": "aerial", "class_name": "marine_debris",
         "observed_at": pd.Timestamp("2026-06-14T12:00Z"), "available_at": pd.Timestamp("2026-06-14T13:00Z"),
         "source_id": "frame-1", "model": "detector 1", "cover": 0.5,
         "probability": 0.8, "area_m2": 10.0}, geometry=place, crs="EPSG:4326")  # fmt: skip  # fmt: skip
    changes = {
        "another system": lambda t: t.to_crs(32616),
        "no system": lambda t: t.set_crs(None, allow_override=True),
        "probability 5": lambda t: t.assign(probability=5.0), "negative area": lambda t: t.assign(area_m2=-1.0),
        "no place": lambda t: t.set_geometry([None] * count),
        "unknown sensor": lambda t: t.assign(sensor="crystal ball"),
        "hostile id": lambda t: t.assign(detection_id="<script>../../x"), "text": lambda t: t.assign(area_m2="ten"),
        "the same id": lambda t: t.assign(detection_id="d"), "no rows": lambda t: t.iloc[:0],
    }  # fmt: skip
    for name, change in changes.items():
        out = folder / "mutant.parquet"
        change(table).to_parquet(out)
        yield name, out.read_bytes()
    table.to_parquet(folder / "mutant.parquet")
    yield from mutants.of_bytes((folder / "mutant.parquet").read_bytes(), 4)


def _read_detections(path: Path, work: Path) -> object:
    import pandas as pd

    from oceanclean.sources.detections import read_detections

    return read_detections(_region(), _source("detections", path), pd.Timestamp(ISSUE), 48.0, work)


def _photos(folder: Path) -> Iterator[Mutant]:
    from PIL import Image

    real = sorted((real_data_root() / "trashnet").glob("*/*.jpg"))[:1]
    rng = np.random.default_rng(5)
    picture = Image.fromarray(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8))

    def jpeg(**options: object) -> bytes:
        out = io.BytesIO()
        picture.save(out, "JPEG", **options)
        return out.getvalue()

    yield from mutants.of_bytes(real[0].read_bytes() if real else jpeg(), 6)
    for name, gps in mutants.hostile_exif():
        exif = Image.Exif()
        exif[0x8825] = gps
        try:
            yield name, jpeg(exif=exif)
        except (TypeError, ValueError, ZeroDivisionError):  # some of it cannot even be written
            continue
    for orientation in (0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif[0x9003] = "0000:00:00 99:99:99"
        yield f"orientation {orientation}, no such day", jpeg(exif=exif)
    yield "60,000 × 60,000 pixels in 200 kB", mutants.png_bomb(60_000, 60_000)
    yield "a PNG that promises more than it holds", mutants.png_bomb(4000, 4000)
    yield "a GIF", b"GIF89a" + bytes(100)
    yield "an SVG", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def _read_photo(path: Path, work: Path) -> object:
    from oceanclean.vision.photos.exif import read_facts
    from oceanclean.vision.photos.pictures import as_square, open_photo

    read_facts(path)
    return as_square(open_photo(path), 96)


def _settings(kind: str) -> Callable[[Path], Iterator[Mutant]]:
    def make(folder: Path) -> Iterator[Mutant]:
        text = (ROOT / "config" / kind / "demo.yaml").read_text(encoding="utf-8")
        yield from mutants.of_yaml(text, folder.parent / "touched")

    return make


def _read_settings(kind: str) -> Callable[[Path, Path], object]:
    def read(path: Path, work: Path) -> object:
        from oceanclean import settings
        from oceanclean.region import Region

        model = {"regions": settings.RegionSettings, "fleets": settings.FleetSettings,
                 "sources": settings.SourcesSettings}[kind]  # fmt: skip
        found = settings.load(path, model)
        return Region(found).grid if kind == "regions" else found

    return read


def _decisions(folder: Path) -> Iterator[Mutant]:
    text = (
        "by: A. Planner\nholds:\n  - {vessel: manati, reason: crew}\nclosed_ports:\n  - {port: Utila, reason: swell}\n"
    )
    yield from mutants.of_yaml(text, folder.parent / "touched")


def _read_decisions(path: Path, work: Path) -> object:
    from oceanclean.decisions import load_decisions

    return load_decisions(path)


def _keras(folder: Path) -> Iterator[Mutant]:
    from oceanclean.vision.models import shipped

    data = shipped("segmenter").read_bytes()
    yield from mutants.of_archive(data, folder.parent / "touched")
    yield from mutants.of_bytes(data, 7, flips=4)


def _read_keras(path: Path, work: Path) -> object:
    """The worst case: whoever brings the model brings a card with its digest too."""
    from oceanclean.store import digest_file
    from oceanclean.vision.models import shipped
    from oceanclean.vision.zoo import load_segmenter

    card = json.loads(shipped("segmenter").with_suffix(".json").read_text(encoding="utf-8"))
    path.with_suffix(".json").write_text(json.dumps({**card, "sha256": digest_file(path)}), encoding="utf-8")
    try:
        return load_segmenter(path)
    finally:
        path.with_suffix(".json").unlink()


def _forecaster(folder: Path) -> Iterator[Mutant]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    from oceanclean.drift.displacement_doubt import published_doubt
    from oceanclean.drift.residual import Residual

    rng = np.random.default_rng(8)
    trees = HistGradientBoostingRegressor(max_iter=3).fit(rng.standard_normal((200, 3)), rng.standard_normal(200))
    path = folder / "good.skops"
    Residual({"": 0.02 + 0j}, 0.5, np.zeros(3, np.complex128), [trees, trees], published_doubt(), {}, 1.0, {}).save(
        path
    )
    data = path.read_bytes()
    yield from mutants.of_bytes(data, 9, flips=4)
    yield from mutants.of_archive(data, folder.parent / "touched")


def _read_forecaster(path: Path, work: Path) -> object:
    from oceanclean.drift.residual import load_forecaster

    return load_forecaster(path)


def _tracks(folder: Path) -> Iterator[Mutant]:
    rows = [
        f"a,0,2020-04-0{1 + k // 24}T{k % 24:02d}:00Z,{-88 + 0.01 * k:.4f},{27 + 0.01 * k:.4f},0.1,0.05,4.0,-3.0"
        for k in range(72)
    ]
    text = "\n".join(["buoy,seg,time,lon,lat,u_model,v_model,ueast_atmos,vnorth_atmos", *rows]) + "\n"
    real = real_data_root() / "trex_drifters" / "trex2020_hourly.csv.gz"
    if real.exists():
        import gzip

        with gzip.open(real, "rt", encoding="utf-8") as file:
            text = "".join(next(file) for _ in range(200))
    names = text.splitlines()[0].split(",")
    column = next(n for n in names if n in {"lon", "longitude"})
    yield from mutants.of_table(text, column)


def _read_tracks(path: Path, work: Path) -> object:
    from oceanclean.drift.drifters import load_tracks

    return load_tracks(path.parent)


def _sidecar(folder: Path) -> Iterator[Mutant]:
    record = {"acquired": "2026-06-14T16:00Z", "radiometry": "rhorc", "scale": 1e-4, "offset": 0.0, "nodata": 0,
              "bands": ["B2", "B3", "B4"], "scene_id": "s"}  # fmt: skip
    yield from mutants.of_json(json.dumps(record))
    yield from mutants.of_bytes(json.dumps(record).encode(), 10, flips=4)


def _read_sidecar(path: Path, work: Path) -> object:
    import rasterio
    from rasterio.transform import from_origin

    from oceanclean.sources.scenes import open_scene

    raster = path.with_suffix(".tif")
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "width": 64, "height": 64, "crs": "EPSG:32616",
               "transform": from_origin(400_000, 1_780_000, 10, 10)}  # fmt: skip
    with rasterio.open(raster, "w", **profile) as target:
        target.write(np.full((3, 64, 64), 500, np.uint16))
    try:
        return open_scene(raster)
    finally:
        raster.unlink()


_BOXES = "image,width,height,x_min,y_min,x_max,y_max,label\n" + "".join(
    f"{k}.jpg,100,100,{10 + k},10,50,60,plastic\n" for k in range(6)
)


def _read_boxes(path: Path, work: Path) -> object:
    from oceanclean.vision.detector.boxsets import box_table

    return box_table(path)


def _table(text: str, column: str) -> Callable[[Path], Iterator[Mutant]]:
    return lambda _folder: mutants.of_table(text, column)


DOORS = (
    *((Door("real scene (GeoTIFF)", ".tif", _real_scene, _read_real_scene),) if _LIMASSOL.exists() else ()),
    Door("scene (GeoTIFF)", ".tif", _scene, _read_scene),
    Door("scene's sidecar (JSON)", ".json", _sidecar, _read_sidecar),
    Door("currents (NetCDF)", ".nc", _netcdf, _read_field),
    Door("currents (Zarr)", ".zip", _zarr, packed.read_zarr(_read_field)),
    Door("archive (zip, tar)", ".zip", packed.of_archives, packed.read_archive),
    Door("drifters (CSV)", ".csv", _table(_DRIFTERS, "latitude"), _read_drifters),
    Door("sightings (CSV)", ".csv", _table(_SIGHTINGS, "area_m2"), _read_sightings),
    Door("vessels' status (CSV)", ".csv", _table(_STATUS, "hold_used_kg"), _read_status),
    Door("catch reports (CSV)", ".csv", _table(_CATCHES, "mass_kg"), _read_catches),
    Door("hourly tracks (CSV)", ".csv", _tracks, _read_tracks),
    Door("boxes (CSV)", ".csv", _table(_BOXES, "x_min"), _read_boxes),
    Door("detections (GeoParquet)", ".parquet", _detections, _read_detections),
    Door("photo (JPEG, PNG)", ".jpg", _photos, _read_photo),
    Door("region (YAML)", ".yaml", _settings("regions"), _read_settings("regions")),
    Door("fleet (YAML)", ".yaml", _settings("fleets"), _read_settings("fleets")),
    Door("sources (YAML)", ".yaml", _settings("sources"), _read_settings("sources")),
    Door("decisions (YAML)", ".yaml", _decisions, _read_decisions),
    Door("network (.keras)", ".keras", _keras, _read_keras),
    Door("forecaster (skops)", ".skops", _forecaster, _read_forecaster),
)
