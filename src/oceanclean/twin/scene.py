"""Sentinel-2-like scenes of the truth: eleven bands, each mixed at its own resolution, written strip by strip.

A 20 m (60 m) band sees the mean of 2 × 2 (6 × 6) pixels of 10 m and is then repeated, so that its blocks are exact, as
in the published patches whose class spectra are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.products.names import BAND_RESOLUTION_M, BANDS, CLASS_ID
from oceanclean.twin import paint
from oceanclean.twin.fields import between, sample, smooth_noise
from oceanclean.twin.paint import PIXEL_M, Cover, Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.region import Region
    from oceanclean.twin.debris import DebrisTruth
    from oceanclean.twin.ocean import Ocean
    from oceanclean.twin.settings import SceneSettings, TwinSettings

COARSE = 6  # slow layers are kept at 60 m
SCALE = 1e-4
CLOUD_PX = 3  # clouds are kept at 30 m


@dataclass(frozen=True)
class Layers:
    """What a scene shows besides water.

    Attributes:
        frame: pixel grid.
        swell: (row, column) at 10 m, unit variance.
        slow: (layer, row, column) at 60 m: colour, turbid, sediment, shallow, glint strength.
        clouds: (layer, row, column) at 30 m: opacity, brightness, shadow.
        land: (row, column) at 10 m.
        ground: (row, column) at 60 m: 0 vegetation to 1 sand.
        covers: materials on the water.
        nodata: (row) first column without data of the swath's edge; the frame's size where there is none.
    """

    frame: Frame
    swell: NDArray[np.float32]
    slow: NDArray[np.float32]
    clouds: NDArray[np.float32]
    land: NDArray[np.bool_]
    ground: NDArray[np.float32]
    covers: tuple[Cover, ...]
    nodata: NDArray[np.int64]


def frame_at(lon: float, lat: float, settings: SceneSettings) -> Frame:
    """Frame centred on a place, its corner on a multiple of 60 m."""
    plain = Frame(settings.crs, 0.0, 0.0, settings.size_px)
    x, y = (float(v) for v in plain.project(lon, lat))
    half = settings.size_px * PIXEL_M / 2
    return Frame(settings.crs, round((x - half) / 60) * 60.0, round((y + half) / 60) * 60.0, settings.size_px)


def pure_debris(settings: SceneSettings) -> dict[str, float]:
    """Spectrum of full cover that gives the published debris spectrum at the reference cover.

    The published pixel is water + cover × fill × (pure - water), with ``fill`` the share of the band's block that a
    10 m target fills (1 for 10 m bands).
    """
    water, seen = settings.spectra["marine_water"], settings.spectra["marine_debris"]
    fill = {10: 1.0, 20: settings.fill_20m, 60: settings.fill_60m}
    return {b: water[b] + (seen[b] - water[b]) / (settings.reference_cover * fill[BAND_RESOLUTION_M[b]]) for b in BANDS}


def compose(
    frame: Frame, ocean: Ocean, truth: DebrisTruth, region: Region, settings: TwinSettings, hour: float,
    rng: np.random.Generator, *, swath_edge: bool,
) -> Layers:  # fmt: skip
    """Draw everything that the scene shows."""
    s = settings.scene
    n = frame.size // COARSE
    wind = _mean_wind(frame, ocean, hour)
    land = _land(frame, region)
    dry = land.reshape(n, COARSE, n, COARSE).mean(axis=(1, 3)) > 0
    slow, mouths = _slow_layers(frame, ocean, settings, wind, rng)
    wood = int(rng.integers(0, 3)) if len(mouths) else 0  # logs and leaves come from rivers only
    hulls, wakes = paint.ships(frame, ~dry, int(rng.integers(s.ships[0], s.ships[1] + 1)), rng)
    count = int(rng.integers(s.sargassum_filaments[0], s.sargassum_filaments[1] + 1))
    streaks = int(rng.integers(s.foam_streaks[0], s.foam_streaks[1] + 1))
    covers = (
        paint.whitecaps(frame, float(np.hypot(*wind)), s.whitecaps_at_7_m_s, rng),
        paint.filaments("foam", frame, ocean, hour, streaks, rng, (300, 1500), (6, 14), s.foam_cover),
        paint.filaments("natural_organic", frame, ocean, hour, wood, rng, (300, 1500), (8, 18), (0.2, 0.7), mouths),
        paint.filaments("dense_sargassum", frame, ocean, hour, count, rng, (1500, 9000), (10, 40), (0.2, 0.95)),
        paint.debris(frame, truth, hour, rng),
        wakes,
        hulls,
    )
    edge = np.full(frame.size, frame.size, dtype=np.int64)
    if swath_edge and s.edge_nodata_share > 0:
        lean = np.linspace(-0.11, 0.11, frame.size) * frame.size / 2  # the orbit's inclination seen in UTM
        edge = np.clip((1 - s.edge_nodata_share) * frame.size - lean, 0, frame.size).astype(np.int64)
    return Layers(frame, _swell(frame, wind, rng), slow, _clouds(frame, s, rng), land, _ground(n, rng), covers, edge)


def _mean_wind(frame: Frame, ocean: Ocean, hour: float) -> NDArray[np.float64]:
    half = frame.size * PIXEL_M / 2
    lon, lat = frame.unproject(np.array([frame.west + half]), np.array([frame.north - half]))
    return sample(between(ocean.weather.wind, hour), ocean.weather.wind_grid, lon, lat)[:, 0]


def _land(frame: Frame, region: Region) -> NDArray[np.bool_]:
    """(row, column) at 10 m."""
    import geopandas as gpd
    from rasterio.features import rasterize
    from rasterio.transform import from_origin

    shape = (frame.size, frame.size)
    if region.land.is_empty:
        return np.zeros(shape, dtype=bool)
    coast = gpd.GeoSeries([region.land], crs="EPSG:4326").to_crs(frame.crs).iloc[0]
    corner = from_origin(frame.west, frame.north, PIXEL_M, PIXEL_M)
    return rasterize([(coast, 1)], out_shape=shape, transform=corner, dtype="uint8").astype(bool)


def _slow_layers(
    frame: Frame, ocean: Ocean, settings: TwinSettings, wind: NDArray, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Colour, turbid, sediment, shallow and glint strength at 60 m; and the river mouths near the frame in metres."""
    n = frame.size // COARSE
    y, x = np.mgrid[0:n, 0:n].astype(np.float32)
    x, y = frame.west + 60 * (x + 0.5), frame.north - 60 * (y + 0.5)
    corners = np.linspace(0, n - 1, 25).astype(int)
    lon, lat = frame.unproject(x[np.ix_(corners, corners)].ravel(), y[np.ix_(corners, corners)].ravel())
    shore = _enlarge_to(sample(ocean.basin.shore_m[None], ocean.basin.grid, lon, lat)[0].reshape(25, 25), n)
    rough = smooth_noise((n, n), n / 4, rng, slope=2.6)
    turbid, sediment = np.zeros((n, n), np.float32), np.zeros((n, n), np.float32)
    mouths = []
    for place in settings.rivers.values():
        mx, my = (float(v) for v in frame.project(np.array(place[0]), np.array(place[1])))
        reach = float(np.exp(rng.normal(np.log(3200), 0.35)))
        east, north = wind / (np.hypot(*wind) + 1e-9)
        bend = (x - mx) * east + (y - my) * north  # the plume leans with the wind
        away = np.hypot(x - mx, y - my) * (1 - 0.35 * bend / (np.hypot(x - mx, y - my) + 1.0))
        away = away * np.exp(-0.30 * rough)
        turbid = np.maximum(turbid, _ramp((reach * 2.2 - away) / 260.0) * np.exp(-away / (reach * 1.8)))
        sediment = np.maximum(sediment, _ramp((reach * 0.9 - away) / (0.8 * reach)))
        if abs(mx - x.mean()) < 25_000 and abs(my - y.mean()) < 25_000:
            mouths.append((mx, my))
    shallow = np.exp(-np.maximum(shore - 500, 0) / 450.0) * _ramp(0.6 + smooth_noise((n, n), n / 12, rng))
    shallow = shallow * (1 - turbid)
    turbid = np.maximum(turbid, 0.35 * np.exp(-shore / 2500.0)) * (1 - sediment)
    colour = 0.7 * smooth_noise((n, n), n / 2, rng, slope=2.2) + 0.8 * np.exp(-shore / 9000.0)
    glint = 0.075 + 0.025 * smooth_noise((n, n), n / 2, rng, slope=2.0)
    layers = np.stack([colour, turbid, sediment, shallow * (1 - sediment), glint]).astype(np.float32)
    return layers, np.array(mouths).reshape(-1, 2)


def _ramp(x: NDArray) -> NDArray:
    """Smooth step from 0 at x = 0 to 1 at x = 1."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _enlarge_to(field: NDArray, n: int) -> NDArray[np.float32]:
    """Bilinear enlargement of a square field whose corners stay corners."""
    at = np.linspace(0, len(field) - 1, n)
    low = np.minimum(at.astype(int), len(field) - 2)
    share = (at - low).astype(np.float32)
    rows = field[low] * (1 - share)[:, None] + field[low + 1] * share[:, None]
    return (rows[:, low] * (1 - share) + rows[:, low + 1] * share).astype(np.float32)


def _swell(frame: Frame, wind: NDArray, rng: np.random.Generator) -> NDArray[np.float32]:
    """Texture of sea and swell at 10 m: waves of 30 to 300 m that run with the wind, unit variance."""
    from scipy import fft

    n = frame.size
    noise = fft.rfft2(rng.standard_normal((n, n), dtype=np.float32))
    ky = np.fft.fftfreq(n, PIXEL_M).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(n, PIXEL_M).astype(np.float32)[None, :]
    k2 = kx**2 + ky**2
    k2[0, 0] = 1.0
    towards = (kx * np.float32(wind[0]) - ky * np.float32(wind[1])) ** 2 / (k2 * np.float32(wind @ wind + 1e-6))
    peak = 1 / 110.0
    noise *= np.exp(-0.5 * (np.log(np.sqrt(k2) / peak) / 0.7) ** 2) / np.sqrt(k2) * (0.15 + towards**2)
    noise[0, 0] = 0
    texture = fft.irfft2(noise, s=(n, n))
    return np.asarray(texture / texture.std(), dtype=np.float32)


def _clouds(frame: Frame, s: SceneSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    """Opacity, brightness and shadow at 30 m: trade cumulus with soft edges, and a thin veil."""
    n, pad = frame.size // CLOUD_PX, 48
    field = smooth_noise((n + 2 * pad, n + 2 * pad), n / 9, rng, slope=1.75)
    patchy = smooth_noise(field.shape, n / 2, rng, slope=2.2)
    field = field + 0.9 * patchy
    cover = rng.uniform(*s.cloud_cover)
    threshold = np.quantile(field, 1 - cover)
    depth = (field - threshold) / field.std()
    opacity = _ramp((depth + 0.08) / 0.45)
    veil = 0.10 * _ramp((patchy - 1.0) / 1.2)
    height_px = rng.uniform(700, 1300) * np.tan(np.radians(s.sun_zenith_deg)) / (PIXEL_M * CLOUD_PX)
    away = np.radians(s.sun_azimuth_deg + 180)
    drow, dcolumn = round(-np.cos(away) * height_px), round(np.sin(away) * height_px)
    here = slice(pad, pad + n)
    thrown = opacity[pad - drow : pad - drow + n, pad - dcolumn : pad - dcolumn + n]
    bright = 1.0 + 3.2 * np.clip(depth[here, here], 0, 2.0)
    alpha = np.maximum(opacity[here, here], veil[here, here])
    return np.stack([alpha, bright, thrown * (1 - alpha)]).astype(np.float32)


def _ground(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Share of bare ground on land at 60 m."""
    return np.asarray(_ramp(0.25 + 0.35 * smooth_noise((n, n), n / 8, rng, slope=1.4)), dtype=np.float32)


def _upsampled(field: NDArray[np.float32], rows: slice, factor: int) -> NDArray[np.float32]:
    """Rows (of 10 m) of a coarse field, bilinear between cell centres; (…, rows, columns)."""
    n = field.shape[-1]

    def weights(pixels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        at = np.clip((pixels + 0.5) / factor - 0.5, 0, n - 1)
        low = np.minimum(at.astype(np.int64), n - 2)
        return low, (at - low).astype(np.float32)

    low, share = weights(np.arange(rows.start, rows.stop))
    part = field[..., low, :] * (1 - share)[:, None] + field[..., low + 1, :] * share[:, None]
    low, share = weights(np.arange(n * factor))
    return np.asarray(part[..., low] * (1 - share) + part[..., low + 1] * share, dtype=np.float32)


def _blocks(field: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Mean over blocks of ``factor`` × ``factor`` pixels of the last two axes."""
    if factor == 1:
        return field
    *head, height, width = field.shape
    rows = field.reshape(*head, height, width // factor, factor).mean(axis=-1)
    return rows.reshape(*head, height // factor, factor, width // factor).mean(axis=-2)


def render_strip(layers: Layers, rows: slice, s: SceneSettings, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Digital numbers (band, row, column) of some rows (a multiple of 60 m)."""
    slow, cloud = _upsampled(layers.slow, rows, COARSE), _upsampled(layers.clouds, rows, CLOUD_PX)
    land = layers.land[rows].astype(np.float32)
    ground = _upsampled(layers.ground[None], rows, COARSE)[0]
    dense = np.concatenate([slow[:4], (slow[4] * layers.swell[rows])[None], land[None], (land * ground)[None], cloud])
    out = np.empty((len(BANDS), rows.stop - rows.start, layers.frame.size), dtype=np.uint16)
    for factor in (1, 2, 6):
        part = _blocks(dense, factor)
        for index, band in enumerate(BANDS):
            if BAND_RESOLUTION_M[band] != factor * 10:
                continue
            values = _band(part, layers, band, factor, rows, s)
            values += np.float32(s.noise[band]) * rng.standard_normal(values.shape, dtype=np.float32)
            numbers = np.clip(np.rint(values / np.float32(SCALE)), 1, 65535).astype(np.uint16)
            out[index] = numbers.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else numbers
    column = np.arange(layers.frame.size)
    out[:, column[None, :] >= layers.nodata[rows][:, None]] = 0
    return out


def _band(
    part: NDArray[np.float32], layers: Layers, band: str, factor: int, rows: slice, s: SceneSettings
) -> NDArray[np.float32]:
    """Reflectance of one band at its own resolution, before sensor noise."""
    colour, turbid, sediment, shallow, texture, land, sand, opacity, bright, shadow = part
    spectrum = {name: np.float32(values[band]) for name, values in s.spectra.items()}
    water = spectrum["marine_water"]
    hue = np.float32({"B1": 0.0012, "B2": 0.0020, "B3": 0.0024, "B4": 0.0010}.get(band, 0.0003))
    value = water + hue * colour
    for share, name in ((turbid, "turbid_water"), (sediment, "sediment_laden_water"), (shallow, "shallow_water")):
        value += share * (spectrum[name] - water)
    value += texture * (spectrum["waves"] - water)
    for cover in layers.covers:
        _lay(value, cover, layers.frame, rows, factor, band, s)
    green, bare = s.land_spectra["vegetation"][band], s.land_spectra["sand"][band]
    value = value * (1 - land) + (land - sand) * np.float32(green) + sand * np.float32(bare)
    value *= 1 - shadow * (1 - spectrum["cloud_shadow"] / water)
    return value * (1 - opacity) + opacity * bright * spectrum["cloud"]


def _lay(
    value: NDArray[np.float32], cover: Cover, frame: Frame, rows: slice, factor: int, band: str, s: SceneSettings
) -> None:
    """Mix a material into a band: value + Σ share × (material - value) over the band's pixels, in place."""
    first, last = np.searchsorted(cover.pixel, [rows.start * frame.size, rows.stop * frame.size])
    if first == last:
        return
    some = slice(first, last)
    row = (cover.pixel[some] // frame.size - rows.start) // factor
    column = cover.pixel[some] % frame.size // factor
    pure = pure_debris(s)[band] if cover.material == "marine_debris" else s.spectra[cover.material][band]
    slope = 2 * BANDS.index(band) / (len(BANDS) - 1) - 1
    material = pure * cover.gain[some] * (1 + cover.tilt[some] * slope)
    width = value.shape[1]
    flat = row * width + column
    cells, where = np.unique(flat, return_inverse=True)
    share = np.bincount(where, cover.share[some]) / factor**2
    light = np.bincount(where, cover.share[some] * material) / factor**2
    under = value.ravel()[cells]
    value.reshape(-1)[cells] = under * (1 - share) + light


def truth_strip(layers: Layers, rows: slice) -> NDArray[np.uint8]:
    """What stands in some rows: (2, row, column): class (0 land or no data), debris cover × 250."""
    slow, cloud = _upsampled(layers.slow, rows, COARSE), _upsampled(layers.clouds, rows, CLOUD_PX)
    kind = np.full(layers.swell[rows].shape, CLASS_ID["marine_water"], dtype=np.uint8)
    for index, name in ((3, "shallow_water"), (1, "turbid_water"), (2, "sediment_laden_water")):
        kind[slow[index] > 0.4] = CLASS_ID[name]
    cover = np.zeros(kind.shape, dtype=np.uint8)
    least = {"foam": 0.15, "ship": 0.3, "marine_debris": 0.1}
    for layer in layers.covers:
        first, last = np.searchsorted(layer.pixel, [rows.start * layers.frame.size, rows.stop * layers.frame.size])
        pixel, share = layer.pixel[first:last] - rows.start * layers.frame.size, layer.share[first:last]
        if layer.material == "marine_debris":
            cover.ravel()[pixel] = np.rint(250 * share).astype(np.uint8)
        if layer.material in CLASS_ID:
            seen = share >= least.get(layer.material, 0.2)
            kind.ravel()[pixel[seen]] = CLASS_ID[layer.material]
            if layer.material == "dense_sargassum":
                kind.ravel()[pixel[seen & (share < 0.5)]] = CLASS_ID["sparse_sargassum"]
    kind[cloud[0] > 0.3] = CLASS_ID["cloud"]
    kind[layers.land[rows]] = 0
    kind[np.arange(layers.frame.size)[None, :] >= layers.nodata[rows][:, None]] = 0
    return np.stack([kind, cover])


def write_scene(
    path: Path, truth_path: Path, layers: Layers, s: SceneSettings, tags: dict[str, str], rng: np.random.Generator
) -> None:
    """Render a scene to a tiled GeoTIFF, and its hidden truth to another, strip by strip."""
    import rasterio
    from rasterio.transform import from_origin
    from rasterio.windows import Window

    frame = layers.frame
    size = frame.size
    common = {
        "driver": "GTiff", "width": size, "height": size, "crs": frame.crs, "tiled": True, "blockxsize": 256,
        "blockysize": 256, "compress": "deflate", "zlevel": 1,
        "transform": from_origin(frame.west, frame.north, PIXEL_M, PIXEL_M),
    }  # fmt: skip
    for folder in (path.parent, truth_path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with (
        rasterio.Env(GDAL_CACHEMAX=256),
        rasterio.open(
            path, "w", dtype="uint16", count=len(BANDS), nodata=0, predictor=2, interleave="band", **common
        ) as scene,
        rasterio.open(truth_path, "w", dtype="uint8", count=2, **common) as hidden,
    ):
        scene.descriptions, scene.scales, scene.offsets = BANDS, (SCALE,) * len(BANDS), (0.0,) * len(BANDS)
        scene.update_tags(**tags)
        hidden.descriptions = ("class", "debris cover x 250")
        for top in range(0, size, s.strip_px):
            rows = slice(top, min(top + s.strip_px, size))
            window = Window(0, top, size, rows.stop - top)
            scene.write(render_strip(layers, rows, s, rng), window=window)
            hidden.write(truth_strip(layers, rows), window=window)
