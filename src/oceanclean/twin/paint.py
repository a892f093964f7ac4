"""Things that stand out of the water in a scene: debris, sargassum, foam, ships and wakes, as covered pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.region import metres_per_degree
from oceanclean.twin.fields import sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.twin.debris import DebrisTruth
    from oceanclean.twin.ocean import Ocean

PIXEL_M = 10.0


@dataclass(frozen=True)
class Frame:
    """The 10 m pixel grid of a scene: ``west`` and ``north`` edge in metres of ``crs``, multiples of 60 m."""

    crs: str
    west: float
    north: float
    size: int

    def pixel(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
        """Row, column, and whether the point lies in the frame."""
        row = np.floor((self.north - y) / PIXEL_M).astype(np.int64)
        column = np.floor((x - self.west) / PIXEL_M).astype(np.int64)
        return row, column, (row >= 0) & (row < self.size) & (column >= 0) & (column < self.size)

    def project(self, lon: NDArray | float, lat: NDArray | float) -> tuple[NDArray, NDArray]:
        """Degrees to metres of the frame's system."""
        from pyproj import Transformer

        return Transformer.from_crs("EPSG:4326", self.crs, always_xy=True).transform(lon, lat)

    def unproject(self, x: NDArray | float, y: NDArray | float) -> tuple[NDArray, NDArray]:
        """Metres to degrees."""
        from pyproj import Transformer

        return Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform(x, y)


@dataclass(frozen=True)
class Cover:
    """Pixels partly covered by one material.

    Attributes:
        material: name of its spectrum.
        pixel: (n) flat index into the frame, increasing.
        share: (n) share of the pixel that is covered, 0 to 1.
        gain: (n) factor on the spectrum.
        tilt: (n) relative change of the spectrum from the first band (minus) to the last (plus).
    """

    material: str
    pixel: NDArray[np.int64]
    share: NDArray[np.float32]
    gain: NDArray[np.float32]
    tilt: NDArray[np.float32]


def cover_of(
    material: str, frame: Frame, x: NDArray, y: NDArray, area: NDArray, gain: NDArray | float = 1.0,
    tilt: NDArray | float = 0.0, most: float = 0.95,
) -> Cover:  # fmt: skip
    """Gather bits of material (metres, m²) into pixels."""
    row, column, inside = frame.pixel(x, y)
    area, gain, tilt = (np.broadcast_to(np.asarray(a, dtype=float), x.shape)[inside] for a in (area, gain, tilt))
    flat = row[inside] * frame.size + column[inside]
    pixel, where = np.unique(flat, return_inverse=True)
    total = np.bincount(where, area, minlength=len(pixel))
    safe = np.maximum(total, 1e-9)
    return Cover(
        material, pixel, np.minimum(total / PIXEL_M**2, most).astype(np.float32),
        (np.bincount(where, area * gain, minlength=len(pixel)) / safe).astype(np.float32),
        (np.bincount(where, area * tilt, minlength=len(pixel)) / safe).astype(np.float32),
    )  # fmt: skip


def debris(frame: Frame, truth: DebrisTruth, hour: float, rng: np.random.Generator, bits: int = 14) -> Cover:
    """True debris afloat at that hour; each particle is spread over a few metres."""
    lon, lat, afloat = truth.at(hour)
    x, y = frame.project(lon[afloat], lat[afloat])
    spread = np.where(truth.raft[afloat] >= 0, 3.5, 8.0)[:, None]
    x = x[:, None] + spread * rng.standard_normal((len(x), bits))
    y = y[:, None] + spread * rng.standard_normal((len(y), bits))
    area = np.repeat(truth.area_m2[afloat] / bits, bits)
    look = np.repeat(truth.brightness[afloat], bits, axis=0)
    return cover_of("marine_debris", frame, x.ravel(), y.ravel(), area, np.exp(look[:, 0]), look[:, 1])


def filaments(
    material: str, frame: Frame, ocean: Ocean, hour: float, count: int, rng: np.random.Generator,
    length_m: tuple[float, float], width_m: tuple[float, float], share: tuple[float, float],
    near: NDArray[np.float64] | None = None,
) -> Cover:  # fmt: skip
    """Patchy filaments along streamlines of the true current.

    Args:
        material: name of the spectrum.
        frame: of the scene.
        ocean: the truth.
        hour: of the overpass.
        count: how many.
        rng: source of randomness.
        length_m: range of lengths.
        width_m: range of widths.
        share: range of cover in the densest patches.
        near: (n, 2) metres, starting points to choose from; anywhere by default.
    """
    step = 4.0
    flow = ocean.current(hour)
    xs, ys, areas, gains = [], [], [], []
    for _ in range(count):
        span = rng.uniform(0, frame.size * PIXEL_M, 2)
        start = np.array([frame.west + span[0], frame.north - span[1]])
        if near is not None and len(near):
            start = near[rng.integers(len(near))] + rng.normal(0, 900, 2)
        path = streamline(frame, ocean, flow, start, rng.uniform(*length_m), step, rng)
        n = len(path)
        if n < 20:
            continue
        patchy = _patches(n, max(6, int(rng.uniform(60, 260) / step)), rng)
        width = rng.uniform(*width_m) * (0.5 + patchy)
        lanes = max(3, int(width_m[1] / 4))
        across = rng.standard_normal((n, lanes)) * (width / 4)[:, None]
        along = np.gradient(path, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / (np.hypot(*along.T)[:, None] + 1e-9)
        points = path[:, None, :] + across[:, :, None] * normal[:, None, :]
        area = (rng.uniform(*share) * patchy * width * step / lanes)[:, None] * np.ones(lanes)
        xs.append(points[..., 0].ravel())
        ys.append(points[..., 1].ravel())
        areas.append(area.ravel())
        gains.append(np.full(area.size, np.exp(rng.normal(0, 0.12))))
    if not xs:
        return cover_of(material, frame, np.empty(0), np.empty(0), np.empty(0))
    x, y, area, gain = (np.concatenate(a) for a in (xs, ys, areas, gains))
    return cover_of(material, frame, x, y, area, gain)


def _patches(n: int, length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Patchiness 0 to 1 along a line of ``n`` steps."""
    from scipy.ndimage import gaussian_filter1d

    wave = gaussian_filter1d(rng.standard_normal(n + 6 * length), length)[3 * length : 3 * length + n]
    return np.clip(0.35 + 0.6 * wave / (wave.std() + 1e-9), 0, 1)


def streamline(
    frame: Frame, ocean: Ocean, flow: NDArray[np.float32], start: NDArray[np.float64], length: float, step: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:  # fmt: skip
    """Points (n, 2) in metres every ``step`` along the current, ending at a coast; with small meanders."""
    coarse, grid = 100.0, ocean.basin.grid
    lon, lat = (float(v) for v in frame.unproject(start[0], start[1]))
    knots = [start]
    east, north = (float(v) for v in metres_per_degree(lat))
    for _ in range(int(length / coarse)):
        u, v = sample(flow, grid, np.array([lon]), np.array([lat]))[:, 0]
        speed = float(np.hypot(u, v))
        if speed < 0.01:
            break
        heading = np.arctan2(v, u) + rng.normal(0, 0.12)
        dx, dy = coarse * np.cos(heading), coarse * np.sin(heading)
        lon, lat = lon + dx / east, lat + dy / north
        knots.append(knots[-1] + [dx, dy])
    points = np.array(knots)
    if len(points) < 3:
        return np.empty((0, 2))
    fine = np.arange(0, len(points) - 1, step / coarse)
    at = np.arange(len(points))
    return np.stack([np.interp(fine, at, points[:, 0]), np.interp(fine, at, points[:, 1])], axis=1)


def whitecaps(frame: Frame, wind_m_s: float, at_7_m_s: float, rng: np.random.Generator) -> Cover:
    """Breaking crests, too small for a pixel; their number grows as U^3.41 (Monahan and O'Muircheartaigh 1980)."""
    count = rng.poisson(at_7_m_s * (wind_m_s / 7.0) ** 3.41 * frame.size**2)
    x = frame.west + PIXEL_M * frame.size * rng.random(count)
    y = frame.north - PIXEL_M * frame.size * rng.random(count)
    return cover_of("foam", frame, x, y, PIXEL_M**2 * rng.beta(1.2, 10.0, count))


def ships(frame: Frame, water: NDArray[np.bool_], count: int, rng: np.random.Generator) -> tuple[Cover, Cover]:
    """Ships (hull) and their wakes, on the water only.

    Args:
        frame: of the scene.
        water: (row, column) of the frame at 60 m.
        count: how many.
        rng: source of randomness.
    """
    hull: list[tuple[NDArray, ...]] = []
    wake: list[tuple[NDArray, ...]] = []
    rows, columns = np.nonzero(water)
    for _ in range(count if len(rows) else 0):
        k = rng.integers(len(rows))
        x = frame.west + 60 * (columns[k] + rng.random())
        y = frame.north - 60 * (rows[k] + rng.random())
        heading, long = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(np.log(18), np.log(200))))
        hull.append(_strip(x, y, heading, 0, long, max(5.0, long / 6.5), 1.0, 1.0, np.exp(rng.normal(0.1, 0.45))))
        if rng.random() < 0.7:
            trail = long * rng.uniform(6, 18) + 200
            wake.append(_strip(x, y, heading + np.pi, long / 2, trail, 0.35 * long + 12, 0.75, 0.05, 1.0, spread=2.2))
    return _gathered("ship", frame, hull, 1.0), _gathered("wakes", frame, wake, 0.9)


def _gathered(material: str, frame: Frame, strips: list[tuple[NDArray, ...]], most: float) -> Cover:
    """Cover of several strips of one material."""
    none = (np.empty(0),) * 4
    x, y, area, gain = (np.concatenate(a) for a in zip(none, *strips, strict=True))
    return cover_of(material, frame, x, y, area, gain, most=most)


def _strip(
    x: float, y: float, heading: float, skip: float, long: float, wide: float, first: float, last: float, gain: float,
    spread: float = 1.0,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:  # fmt: skip
    """Bits every 3 m of a strip that starts ``skip`` metres ahead of a point; cover falls from first to last."""
    step = 3.0
    along, across = np.meshgrid(np.arange(0, long, step), np.arange(-wide / 2, wide / 2, step))
    part = along / long
    across = across * (1 + (spread - 1) * part)
    share = first * (last / first) ** part
    a = along + skip
    return (
        (x + a * np.cos(heading) - across * np.sin(heading)).ravel(),
        (y + a * np.sin(heading) + across * np.cos(heading)).ravel(),
        (step**2 * share * (1 + (spread - 1) * part)).ravel(),
        np.full(a.size, gain),
    )
