"""Currents of the truth: eddies, a coastal jet, fronts, tides and inertial motion along a real coast.

The flow is the curl of a stream function that is constant along the coast (no flow through it), plus small parts that
converge at fronts and die towards the coast. Everything is a function of coefficients and of time, so that a forecast
is the same sea with other coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.region import Grid, Region, metres_per_degree
from oceanclean.settings import Box
from oceanclean.twin.fields import between, regrid, sample
from oceanclean.twin.weather import Weather, make_weather

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.twin.settings import OceanSettings, TwinSettings

#: Periods of the tidal constituents in hours (Doodson; Pugh 1987, table 4:1).
TIDE_PERIOD_H = {"M2": 12.4206012, "K1": 23.9344696, "S2": 12.0, "O1": 25.8193417}
EARTH_ROTATION = 7.292115e-5
AIR_DENSITY, WATER_DENSITY, DRAG = 1.22, 1025.0, 1.3e-3


@dataclass(frozen=True)
class Basin:
    """The stretch of sea: fine grid, land, distance to land.

    Attributes:
        grid: fine grid.
        land: (lat, lon).
        mainland: (lat, lon), the largest body of land.
        shore_m: (lat, lon) distance to land, 0 on land.
        mainland_m: (lat, lon) distance to the mainland.
        dx: metres a column at the middle latitude.
        dy: metres a row.
    """

    grid: Grid
    land: NDArray[np.bool_]
    shore_m: NDArray[np.float32]
    mainland_m: NDArray[np.float32]
    dx: float
    dy: float

    @property
    def x(self) -> NDArray[np.float64]:
        """Metres east of the western edge (lon)."""
        return (self.grid.lon - self.grid.west) / self.grid.step * self.dx

    @property
    def y(self) -> NDArray[np.float64]:
        """Metres north of the southern edge (lat)."""
        return (self.grid.lat - self.grid.south) / self.grid.step * self.dy


def make_basin(region: Region, step: float) -> Basin:
    """Fine grid over the region's waters and density grid, with the real coast on it."""
    from scipy import ndimage

    a, b = region.grid.bounds, region.routing_grid.bounds
    box = Box(west=min(a[0], b[0]) - 0.05, south=min(a[1], b[1]) - 0.05, east=max(a[2], b[2]) + 0.05,
              north=max(a[3], b[3]) + 0.05)  # fmt: skip
    grid = Grid.of(box, step)
    land = land_on(region, grid, all_touched=True)  # so that the flow comes to rest before the coast, cays too
    east, north = metres_per_degree(float(grid.lat.mean()))
    dx, dy = float(east) * step, float(north) * step
    labels, count = ndimage.label(land)
    sizes = ndimage.sum_labels(land, labels, range(1, count + 1)) if count else []
    mainland = labels == 1 + int(np.argmax(sizes)) if count else land
    return Basin(grid, land, distance_to(land, dx, dy), distance_to(mainland, dx, dy), dx, dy)


def land_on(region: Region, grid: Grid, *, all_touched: bool = False) -> NDArray[np.bool_]:
    """(lat, lon) of any grid: True where the cell's centre, or with ``all_touched`` any part of it, is land."""
    from rasterio.features import rasterize
    from rasterio.transform import from_origin

    if region.land.is_empty:
        return np.zeros(grid.shape, dtype=bool)
    north_up = rasterize(
        [(region.land, 1)], out_shape=grid.shape, dtype="uint8", all_touched=all_touched,
        transform=from_origin(grid.west, grid.bounds[3], grid.step, grid.step),
    )  # fmt: skip
    return north_up[::-1].astype(bool)


def distance_to(mask: NDArray[np.bool_], dx: float, dy: float) -> NDArray[np.float32]:
    """Distance in metres to the nearest True cell (far away where there is none)."""
    from scipy import ndimage

    if not mask.any():
        return np.full(mask.shape, 1e7, dtype=np.float32)
    return ndimage.distance_transform_edt(~mask, sampling=(dy, dx)).astype(np.float32)


@dataclass(frozen=True)
class Eddies:
    """Gaussian eddies that drift; a forecast has them displaced by an error that grows from its issue hour.

    Attributes:
        x: (eddy) metres east at hour 0, with y, drift (m/s), radius (m) and signed swirl speed (m/s).
        born_h: hour of greatest strength; ``life_h`` its e-folding half-width.
        shift_x: (eddy) displacement at the issue hour, m; ``rate_x`` its growth, m/h; likewise in y.
        issue_h: hour from which the displacement grows.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    drift_x: NDArray[np.float64]
    drift_y: NDArray[np.float64]
    radius: NDArray[np.float64]
    swirl: NDArray[np.float64]
    born_h: NDArray[np.float64]
    life_h: NDArray[np.float64]
    small: NDArray[np.bool_]
    shift_x: NDArray[np.float64]
    shift_y: NDArray[np.float64]
    rate_x: NDArray[np.float64]
    rate_y: NDArray[np.float64]
    issue_h: float = 0.0

    def stream_function(self, hour: float, basin: Basin) -> NDArray[np.float64]:
        """ψ (lat, lon) in m²/s; an eddy near a coast is squeezed so that its rim stays off it."""
        lead = max(0.0, hour - self.issue_h)
        x = self.x + 3600 * hour * self.drift_x + self.shift_x + lead * self.rate_x
        y = self.y + 3600 * hour * self.drift_y + self.shift_y + lead * self.rate_y
        lon = basin.grid.west + x / basin.dx * basin.grid.step
        lat = basin.grid.south + y / basin.dy * basin.grid.step
        room = sample(basin.shore_m[None], basin.grid, lon, lat)[0]
        squeezed = np.minimum(self.radius, np.maximum(room / 2.0, 3000.0))
        strength = np.exp(-(((hour - self.born_h) / self.life_h) ** 2)) * np.sqrt(squeezed / self.radius)
        height = self.swirl * strength * squeezed * np.exp(0.5)  # ψ0 for which the greatest speed is the swirl
        along_x = np.exp(-0.5 * ((basin.x[None] - x[:, None]) / squeezed[:, None]) ** 2)
        along_y = np.exp(-0.5 * ((basin.y[None] - y[:, None]) / squeezed[:, None]) ** 2)
        return (height[:, None] * along_y).T @ along_x


@dataclass(frozen=True)
class Waves2D:
    """A few long plane waves of the stream function: the slow gyre that the eddies sit in."""

    amplitude: NDArray[np.float64]
    kx: NDArray[np.float64]
    ky: NDArray[np.float64]
    omega_h: NDArray[np.float64]
    phase: NDArray[np.float64]

    def stream_function(self, hour: float, basin: Basin) -> NDArray[np.float64]:
        """ψ (lat, lon) in m²/s."""
        total = np.zeros(basin.grid.shape)
        for a, kx, ky, w, p in zip(self.amplitude, self.kx, self.ky, self.omega_h, self.phase, strict=True):
            along_x, along_y = np.exp(1j * kx * basin.x), np.exp(1j * (ky * basin.y + p - w * hour))
            total += a * np.outer(along_y, along_x).real
        return total


@dataclass(frozen=True)
class Tide:
    """One constituent: (amplitude, phase) of each component, rotating."""

    period_h: float
    u: complex
    v: complex


@dataclass(frozen=True)
class Ocean:
    """The sea at any hour after ``start``.

    Attributes:
        basin: grid and coast.
        start: first hour, UTC.
        hours: number of hourly fields of the weather.
        weather: wind and waves.
        eddies: eddies.
        gyre: slow gyre.
        jet_amplitude: factor on the coastal jet.
        tides: constituents.
        slab: (time, component, lat, lon) of the wind grid: inertial and wind-driven current, m/s.
        settings: strengths and scales.
    """

    basin: Basin
    start: np.datetime64
    hours: int
    weather: Weather
    eddies: Eddies
    gyre: Waves2D
    jet_amplitude: float
    tides: tuple[Tide, ...]
    slab: NDArray[np.float32]
    settings: OceanSettings

    @cached_property
    def taper(self) -> NDArray[np.float64]:
        """(lat, lon): 0 at the coast, 1 away from it."""
        return 1 - np.exp(-((self.basin.shore_m / self.settings.coast_taper_m) ** 2))

    def time(self, hour: float) -> np.datetime64:
        """UTC of an hour of the run."""
        return self.start + np.timedelta64(round(hour * 3600), "s")

    def stream_function(self, hour: float) -> NDArray[np.float64]:
        """ψ (lat, lon) in m²/s: constant along the coast."""
        s = self.settings
        open_sea = self.eddies.stream_function(hour, self.basin) + self.gyre.stream_function(hour, self.basin)
        swell = 1 + 0.25 * np.sin(2 * np.pi * hour / 130.0)
        jet = 1 - np.exp(-((self.basin.mainland_m / s.jet_width_m) ** 2))
        peak = s.jet_speed_m_s * s.jet_width_m / 0.858  # max of d/dx (1 - exp(-x²)) is 0.858
        return np.asarray(open_sea * self.taper - self.jet_amplitude * swell * peak * jet)

    def current(self, hour: float) -> NDArray[np.float32]:
        """Surface current (component, lat, lon) in m/s; zero on land."""
        psi = self.stream_function(hour)
        u = -np.gradient(psi, self.basin.dy, axis=0)
        v = np.gradient(psi, self.basin.dx, axis=1)
        taper = self.taper
        front = self._front(psi) * taper
        flow = np.stack([u, v]) + front + self._tide(hour)[:, None, None] * taper
        flow += self._slab(hour) * taper
        flow[:, self.basin.land] = 0
        return flow.astype(np.float32)

    def front_level(self, psi: NDArray[np.float64]) -> NDArray[np.float64]:
        """(lat, lon), zero on the streamline that parts the eddies: where fronts are and debris gathers."""
        return np.asarray((psi - np.median(psi[~self.basin.land])) / 3000.0)

    def _front(self, psi: NDArray[np.float64]) -> NDArray[np.float64]:
        """Flow towards the front: the small divergence of the surface current."""
        level = self.front_level(psi)
        gy, gx = np.gradient(level, self.basin.dy, self.basin.dx)
        steep = np.hypot(gx, gy) + 1e-9
        pull = -self.settings.front_convergence_m_s * 2.33 * level * np.exp(-(level**2))
        return np.stack([pull * gx / steep, pull * gy / steep])

    def _tide(self, hour: float) -> NDArray[np.float64]:
        turn = [np.exp(2j * np.pi * hour / t.period_h) for t in self.tides]
        u = sum(((t.u * r).real for t, r in zip(self.tides, turn, strict=True)), 0.0)
        v = sum(((t.v * r).real for t, r in zip(self.tides, turn, strict=True)), 0.0)
        return np.array([u, v])

    def _slab(self, hour: float) -> NDArray[np.float32]:
        return regrid(between(self.slab, hour), self.weather.wind_grid, self.basin.grid)


def make_ocean(region: Region, start: np.datetime64, hours: int, settings: TwinSettings, seed: int) -> Ocean:
    """Simulate the sea of a region.

    Args:
        region: coast and extent.
        start: first hour, UTC.
        hours: number of hourly fields.
        settings: strengths and scales.
        seed: the same seed gives the same sea.
    """
    s = settings.ocean
    rng = np.random.default_rng([seed, 1])
    basin = make_basin(region, s.grid_step_deg)
    clock = float((start - start.astype("datetime64[D]")) / np.timedelta64(1, "h"))
    weather = make_weather(basin.grid, basin.land, hours, clock, settings.weather, np.random.default_rng([seed, 2]))
    latitude = float(basin.grid.lat.mean())
    slab = slab_of(weather.wind, latitude, s)
    gyre = make_gyre(s, rng)
    eddies = make_eddies(basin, hours, s, rng)
    tides = make_tides(s, rng)
    return Ocean(basin, start, hours, weather, eddies, gyre, 1.0, tides, slab, s)


def make_eddies(basin: Basin, hours: int, s: OceanSettings, rng: np.random.Generator) -> Eddies:
    """Draw large and small eddies over the basin; more than fit, for each lives only a while."""
    stretches = max(1.0, hours / 240.0) * float((~basin.land).sum()) * basin.dx * basin.dy / 1e10
    large, small = round(s.eddies_per_10000_km2 * stretches), round(s.small_eddies_per_10000_km2 * stretches)
    n = large + small
    is_small = np.arange(n) >= large
    radius = np.where(is_small, rng.uniform(*s.small_eddy_radius_m, n), rng.uniform(*s.eddy_radius_m, n))
    speed = np.where(is_small, rng.uniform(*s.small_eddy_speed_m_s, n), rng.uniform(*s.eddy_speed_m_s, n))
    born = rng.uniform(-40, hours + 40, n)
    x, y = _spread_out(basin, born, rng)
    zero = np.zeros(n)
    return Eddies(
        x=x, y=y, drift_x=rng.normal(-0.03, 0.03, n),
        drift_y=rng.normal(0, 0.02, n), radius=radius, swirl=speed * rng.choice([-1.0, 1.0], n),
        born_h=born, life_h=np.where(is_small, 60.0, 150.0), small=is_small,
        shift_x=zero, shift_y=zero, rate_x=zero, rate_y=zero,
    )  # fmt: skip


def _spread_out(
    basin: Basin, born_h: NDArray[np.float64], rng: np.random.Generator, candidates: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places at sea, each the farthest of some candidates from all before it; an hour counts as 300 m.

    Eddies drawn blindly pile up, and their speeds would add up to what no shelf sea has.
    """
    row, column = np.nonzero(basin.shore_m > min(6_000, 0.5 * basin.shore_m.max()))
    placed = np.empty((len(born_h), 3))
    for k, born in enumerate(born_h):
        pick = rng.choice(len(row), candidates)
        offered = np.stack([basin.x[column[pick]], basin.y[row[pick]], np.full(candidates, 300.0 * born)], axis=1)
        gap = np.linalg.norm(offered[:, None] - placed[None, :k], axis=2).min(axis=1) if k else np.zeros(candidates)
        placed[k] = offered[np.argmax(gap)]
    return placed[:, 0], placed[:, 1]


def make_gyre(s: OceanSettings, rng: np.random.Generator, modes: int = 4) -> Waves2D:
    """Draw the plane waves of the gyre, 80 to 160 km long, their speeds adding up to the set rms."""
    length = rng.uniform(80e3, 160e3, modes)
    heading = rng.uniform(0, 2 * np.pi, modes)
    k = 2 * np.pi / length
    amplitude = s.gyre_speed_m_s * np.sqrt(2 / modes) / k
    return Waves2D(amplitude, k * np.cos(heading), k * np.sin(heading), 2 * np.pi / rng.uniform(200, 500, modes),
                   rng.uniform(0, 2 * np.pi, modes))  # fmt: skip


def make_tides(s: OceanSettings, rng: np.random.Generator) -> tuple[Tide, ...]:
    """Draw a flat ellipse along the coast for each constituent."""
    tides = []
    for name, speed in s.tide_speed_m_s.items():
        phase, tilt = rng.uniform(0, 2 * np.pi), rng.normal(0.0, 0.3)
        major, minor = speed * np.exp(1j * phase), 0.25 * speed * np.exp(1j * (phase - np.pi / 2))
        tides.append(Tide(TIDE_PERIOD_H[name], complex(major * np.cos(tilt) - minor * np.sin(tilt)),
                          complex(major * np.sin(tilt) + minor * np.cos(tilt))))  # fmt: skip
    return tuple(tides)


def slab_of(wind: NDArray[np.float32], latitude: float, s: OceanSettings, phase_h: float = 0.0) -> NDArray[np.float32]:
    """Inertial and wind-driven current (time, component, lat, lon) of a mixed-layer slab.

    dU/dt = -i f U + τ / (ρ H) - r U (Pollard and Millard 1970), stepped exactly for a wind constant within the hour.

    Args:
        wind: (time, component, lat, lon) m/s.
        latitude: of the basin, degrees.
        s: depth and damping of the slab.
        phase_h: by how many hours the rotation is late (a forecast's error).
    """
    coriolis = 2 * EARTH_ROTATION * np.sin(np.radians(latitude))
    rate = -1j * coriolis - 1 / (s.slab_damping_h * 3600)
    w = wind[:, 0] + 1j * wind[:, 1]
    push = AIR_DENSITY / WATER_DENSITY * DRAG * np.abs(w) * w / s.mixed_layer_m
    state = -push[0] / rate
    step = np.exp(rate * 3600)
    out = np.empty(wind.shape, dtype=np.float32)
    late = np.exp(1j * coriolis * phase_h * 3600)
    steady = -push.mean(axis=0) / rate
    for hour in range(len(wind)):
        turned = steady + (state - steady) * late
        out[hour, 0], out[hour, 1] = turned.real, turned.imag
        state = state * step + push[hour] * (step - 1) / rate
    return out
