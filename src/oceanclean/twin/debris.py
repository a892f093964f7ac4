"""Truth debris: rafts that drift, turn, stretch and shed, and loose pieces, each with a windage of its own.

The scheme is deliberately not the chain's (another time step, Heun instead of Runge-Kutta 4, a windage and a leeway
angle a particle, unresolved motion with memory, wind relative to the ground): a twin that drifts by the forecaster's
own kernel would flatter it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.region import Grid, Region, metres_per_degree
from oceanclean.twin.fields import between, sample
from oceanclean.twin.ocean import Ocean, land_on

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.twin.settings import DebrisSettings, TwinSettings

#: Status of a particle.
UNBORN, AFLOAT, STRANDED, GONE, SUNK = 0, 1, 2, 3, 4


@dataclass
class Rafts:
    """Rafts: a drifting centre and the shape of the filament around it.

    Attributes:
        born_h: (raft) hour of birth.
        axis: (raft) direction of the filament, radians from east; turns with wind or current.
        length_m: (raft) length at birth.
        width_m: (raft) width.
        wave: (raft, 3) meander: amplitude m, wavelength m, phase.
        follows_wind: (raft) lies along the wind (a windrow), else along the current (a front).
        brightness: (raft, 2) log brightness and spectral tilt, for the eye of the satellite.
        stretch_h: hours in which a filament grows by its length at birth.
    """

    born_h: NDArray[np.float64]
    axis: NDArray[np.float64]
    length_m: NDArray[np.float64]
    width_m: NDArray[np.float64]
    wave: NDArray[np.float64]
    follows_wind: NDArray[np.bool_]
    brightness: NDArray[np.float64]
    stretch_h: float


@dataclass
class Particles:
    """Everything that floats. The first ``len(rafts)`` of them are the centres of rafts and weigh nothing.

    Attributes:
        lon: (particle) birth position, with ``lat``.
        release_h: hour of birth.
        detach_h: hour at which it leaves its raft (0 for loose ones).
        raft: index of its raft, -1 for loose ones.
        along: place along the raft's filament, -0.5 to 0.5; ``across`` metres off its middle.
        mass_kg: mass.
        area_m2: sea that it covers when packed in one layer.
        kind: index into the settings' classes.
        windage: share of the wind; ``leeway`` angle in radians; ``stokes`` share of the Stokes drift.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    release_h: NDArray[np.float64]
    detach_h: NDArray[np.float64]
    raft: NDArray[np.int64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]
    mass_kg: NDArray[np.float64]
    area_m2: NDArray[np.float64]
    kind: NDArray[np.int64]
    windage: NDArray[np.float64]
    leeway: NDArray[np.float64]
    stokes: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of particles."""
        return len(self.lon)


@dataclass(frozen=True)
class DebrisTruth:
    """Where all debris is, hour by hour.

    Attributes:
        lon: (time, particle) degrees, with ``lat``; only what has mass.
        status: (time, particle).
        mass_kg: (particle); ``area_m2``, ``kind``, ``raft``, ``windage``, ``brightness`` (particle, 2) likewise.
    """

    lon: NDArray[np.float32]
    lat: NDArray[np.float32]
    status: NDArray[np.int8]
    mass_kg: NDArray[np.float64]
    area_m2: NDArray[np.float64]
    kind: NDArray[np.int64]
    raft: NDArray[np.int64]
    windage: NDArray[np.float64]
    brightness: NDArray[np.float64]

    def at(self, hour: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Longitudes, latitudes and whether afloat, at any hour, linear between the hours."""
        low = int(np.clip(np.floor(hour), 0, len(self.lon) - 2))
        share = float(np.clip(hour - low, 0, 1))
        afloat = (self.status[low] == AFLOAT) & (self.status[low + 1] == AFLOAT)
        lon = (1 - share) * self.lon[low] + share * self.lon[low + 1]
        lat = (1 - share) * self.lat[low] + share * self.lat[low + 1]
        return lon, lat, afloat


def make_debris(
    ocean: Ocean, region: Region, settings: TwinSettings, seed: int, progress: Callable[[float], None] | None = None
) -> DebrisTruth:
    """Release debris and let it drift over the whole run.

    Args:
        ocean: the sea.
        region: for the coast.
        settings: the twin's settings.
        seed: the same seed gives the same debris.
        progress: called with the share done, 0 to 1.
    """
    rng = np.random.default_rng([seed, 3])
    rafts, particles = make_particles(ocean, settings, rng)
    lon, lat, status = drift(ocean, region, rafts, particles, settings.debris, rng, progress)
    real = slice(len(rafts.born_h), None)
    loose = rng.normal(0, 1, (len(particles), 2)) * [settings.scene.brightness_std, settings.scene.tilt_std]
    own = np.where(particles.raft[:, None] >= 0, rafts.brightness[particles.raft], loose)
    return DebrisTruth(
        lon[:, real], lat[:, real], status[:, real], particles.mass_kg[real], particles.area_m2[real],
        particles.kind[real], particles.raft[real], particles.windage[real], own[real],
    )  # fmt: skip


def make_particles(ocean: Ocean, settings: TwinSettings, rng: np.random.Generator) -> tuple[Rafts, Particles]:
    """Draw rafts with their members and loose pieces, with times and places of birth."""
    s = settings.debris
    ahead = rng.poisson(s.rafts * ocean.hours / s.residence_h)
    born = np.concatenate([np.zeros(s.rafts), np.sort(rng.uniform(0, ocean.hours, ahead))])
    n = len(born)
    lon, lat = birthplaces(ocean, settings, born, s.river_share, 600.0, rng)
    low, high = np.log(s.raft_mass_kg[0]), np.log(s.raft_mass_kg[1])
    mass = np.exp(np.clip(rng.normal(np.log(s.raft_mass_median_kg), 0.8, n), low, high))
    count = np.maximum(8, np.round(mass / s.member_kg).astype(int))
    raft = np.repeat(np.arange(n), count)
    share = rng.gamma(2.0, 1.0, len(raft))
    member_mass = mass[raft] * share / np.bincount(raft, share)[raft]
    shares = np.array([c.share for c in s.classes.values()])
    leading = rng.choice(len(shares), n, p=shares)
    kind = np.where(rng.random(len(raft)) < 0.7, leading[raft], rng.choice(len(shares), len(raft), p=shares))
    loose_n = round(s.loose_particles * (1 + ocean.hours / s.residence_h))
    loose_born = np.concatenate([np.zeros(s.loose_particles), rng.uniform(0, ocean.hours, loose_n - s.loose_particles)])
    loose_lon, loose_lat = birthplaces(ocean, settings, loose_born, 0.4, 4000.0, rng)
    loose_kind = rng.choice(len(shares), loose_n, p=shares)
    loose_mass = rng.gamma(2.0, s.loose_mass_kg / 2, loose_n)
    particles = _particles(s, rng, n, born, raft, member_mass, kind, (lon, lat),
                           loose_born, loose_mass, loose_kind, (loose_lon, loose_lat))  # fmt: skip
    return make_rafts(settings, particles, born, rng), particles


def _particles(
    s: DebrisSettings, rng: np.random.Generator, n: int, born: NDArray, raft: NDArray, mass: NDArray, kind: NDArray,
    place: tuple[NDArray, NDArray], loose_born: NDArray, loose_mass: NDArray, loose_kind: NDArray,
    loose_place: tuple[NDArray, NDArray],
) -> Particles:  # fmt: skip
    """Put centres, members and loose pieces into one table; draw windage and place in the filament."""
    classes = list(s.classes.values())
    members, loose = len(raft), len(loose_born)
    kinds = np.concatenate([np.zeros(n, dtype=int), kind, loose_kind])

    def of(field: str) -> NDArray[np.float64]:
        return np.array([getattr(c, field) for c in classes])[kinds]

    windage = np.maximum(0.0, of("windage") + of("windage_std") * rng.standard_normal(len(kinds)))
    stokes = of("stokes")
    masses = np.concatenate([np.zeros(n), mass, loose_mass])
    weight = np.bincount(raft, mass)
    windage[:n] = np.bincount(raft, mass * windage[n : n + members]) / weight  # an entangled raft sails as one
    stokes[:n] = np.bincount(raft, mass * stokes[n : n + members]) / weight
    total = n + members + loose
    return Particles(
        lon=np.concatenate([place[0], place[0][raft], loose_place[0]]),
        lat=np.concatenate([place[1], place[1][raft], loose_place[1]]),
        release_h=np.concatenate([born, born[raft], loose_born]),
        detach_h=np.concatenate([np.zeros(n), born[raft] + rng.exponential(s.shed_h, members), np.zeros(loose)]),
        raft=np.concatenate([np.full(n, -1), raft, np.full(loose, -1)]),
        along=np.concatenate([np.zeros(n), rng.beta(1.4, 1.4, members) - 0.5, np.zeros(loose)]),
        across=rng.standard_normal(total), mass_kg=masses, area_m2=masses / of("kg_m2"), kind=kinds,
        windage=windage, leeway=rng.normal(0, np.radians(12), total), stokes=stokes,
    )  # fmt: skip


def make_rafts(settings: TwinSettings, particles: Particles, born: NDArray, rng: np.random.Generator) -> Rafts:
    """Shape of each raft: long enough that its debris covers the share of the filament that was drawn."""
    s, n = settings.debris, len(born)
    held = particles.raft >= 0
    area = np.bincount(particles.raft[held], particles.area_m2[held], minlength=n)
    width = rng.uniform(*s.filament_width_m, n)
    length = area / (rng.uniform(*s.core_cover, n) * width)
    wave = np.stack([rng.uniform(0.02, 0.12, n) * length, rng.uniform(0.5, 1.5, n) * length,
                     rng.uniform(0, 2 * np.pi, n)], axis=1)  # fmt: skip
    look = rng.normal(0, 1, (n, 2)) * [settings.scene.brightness_std, settings.scene.tilt_std]
    return Rafts(born, rng.uniform(0, np.pi, n), length, width, wave, rng.random(n) < 0.5, look,
                 s.stretch_h)  # fmt: skip


def birthplaces(
    ocean: Ocean, settings: TwinSettings, born: NDArray, river_share: float, scatter_m: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where debris is born: river mouths, or fronts of that half-day, thinning out away from land.

    Returns:
        Longitudes and latitudes, at least 3 km off the coast.
    """
    basin = ocean.basin
    lon, lat = np.empty(len(born)), np.empty(len(born))
    block = (born // 12).astype(int)
    for half_day in np.unique(block):
        here = np.nonzero(block == half_day)[0]
        level = ocean.front_level(ocean.stream_function(12.0 * half_day))
        chance = np.exp(-((level / 0.25) ** 2)) * np.exp(-basin.shore_m / settings.debris.shore_scale_m)
        chance[basin.shore_m < min(5_000, 0.5 * basin.shore_m.max())] = 0
        cell = rng.choice(chance.size, len(here), p=(chance / chance.sum()).ravel())
        row, column = np.unravel_index(cell, chance.shape)
        lon[here] = basin.grid.lon[column] + basin.grid.step * rng.uniform(-0.5, 0.5, len(here))
        lat[here] = basin.grid.lat[row] + basin.grid.step * rng.uniform(-0.5, 0.5, len(here))
    west, south, east_edge, north_edge = basin.grid.bounds
    mouths = np.array([
        off_coast(ocean, lon_m, lat_m) for lon_m, lat_m in settings.rivers.values()
        if west <= lon_m <= east_edge and south <= lat_m <= north_edge
    ])  # fmt: skip
    if len(mouths):
        from_river = rng.random(len(born)) < river_share * flood(settings.debris, born, ocean.hours, rng)
        chosen = mouths[rng.integers(len(mouths), size=len(born))]
        east, north = metres_per_degree(float(basin.grid.lat.mean()))
        lon = np.where(from_river, chosen[:, 0] + rng.normal(0, scatter_m / 3, len(born)) / float(east), lon)
        lat = np.where(from_river, chosen[:, 1] + rng.normal(0, scatter_m / 3, len(born)) / float(north), lat)
    return lon, lat


def flood(s: DebrisSettings, born_h: NDArray, hours: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(birth) how much more than on the mean rivers bring at an hour: floods come at random, little between them."""
    if s.river_pulse_d is None:
        return np.ones(len(born_h))
    peaks = rng.uniform(0, hours, max(1, rng.poisson(hours / 24 / s.river_pulse_d)))

    def height(at: NDArray) -> NDArray[np.float64]:
        return 0.1 + np.exp(-0.5 * ((at[:, None] - peaks) / s.river_pulse_h) ** 2).sum(axis=1)

    return np.asarray(height(np.asarray(born_h, dtype=float)) / height(np.arange(float(hours))).mean())


def off_coast(ocean: Ocean, lon: float, lat: float, distance_m: float = 4_000.0) -> tuple[float, float]:
    """Nearest cell of the sea at least that far from land: where a river's water leaves the shore."""
    basin = ocean.basin
    rows, columns = np.nonzero(basin.shore_m >= min(distance_m, 0.5 * basin.shore_m.max()))
    dx = (basin.grid.lon[columns] - lon) * basin.dx / basin.grid.step
    dy = (basin.grid.lat[rows] - lat) * basin.dy / basin.grid.step
    best = int(np.argmin(dx**2 + dy**2))
    return float(basin.grid.lon[columns[best]]), float(basin.grid.lat[rows[best]])


@dataclass
class _State:
    """Positions, status and unresolved velocity of all particles at one time."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    status: NDArray[np.int8]
    wobble: NDArray[np.float64]


def drift(
    ocean: Ocean, region: Region, rafts: Rafts | None, particles: Particles, settings: DebrisSettings,
    rng: np.random.Generator, progress: Callable[[float], None] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:  # fmt: skip
    """Drift particles through the truth with Heun's scheme.

    v = current + windage R(leeway) wind + stokes × Stokes drift + unresolved velocity (first-order autoregressive).

    Returns:
        ``lon``, ``lat`` (time, particle) each hour of the run, and ``status``.
    """
    n = len(particles)
    state = _State(particles.lon.copy(), particles.lat.copy(), np.zeros(n, dtype=np.int8),
                   settings.subgrid_speed_m_s * rng.standard_normal((2, n)))  # fmt: skip
    shore = _shore(ocean, region)
    sinks = _sinks(settings, particles)
    lon, lat = np.empty((ocean.hours, n), np.float32), np.empty((ocean.hours, n), np.float32)
    status = np.empty((ocean.hours, n), np.int8)
    now = ocean.current(0)
    for hour in range(ocean.hours):
        state.status[(state.status == UNBORN) & (particles.release_h <= hour)] = AFLOAT
        attached = (particles.raft >= 0) & (particles.detach_h > hour)
        if sinks.any():
            attached &= state.status != SUNK
            state.status[(state.status == AFLOAT) & (rng.random(n) < sinks)] = SUNK
        if rafts is not None:
            _carry(rafts, particles, state, attached, hour)
        lon[hour], lat[hour], status[hour] = state.lon, state.lat, state.status
        if hour + 1 < ocean.hours:
            later = ocean.current(hour + 1)
            moving = np.nonzero((state.status == AFLOAT) & ~attached)[0]
            _advance(ocean, particles, state, moving, (now, later), hour, settings, rng, shore)
            if rafts is not None:
                _turn(rafts, ocean, state, now, hour)
            now = later
        if progress:
            progress((hour + 1) / ocean.hours)
    return lon, lat, status


def _sinks(settings: DebrisSettings, particles: Particles) -> NDArray[np.float64]:
    """(particle) chance to sink within an hour; what weighs nothing (centres of rafts, buoys) never does."""
    rate = np.array([1 / (24 * c.sinks_d) if c.sinks_d else 0.0 for c in settings.classes.values()])
    return np.where(particles.mass_kg > 0, -np.expm1(-rate[particles.kind]), 0.0)


def _shore(ocean: Ocean, region: Region) -> tuple[Grid, NDArray[np.bool_]]:
    """Land at a quarter of the sea's step, for stranding."""
    grid = ocean.basin.grid
    fine = Grid(grid.west, grid.south, grid.step / 4, grid.nx * 4, grid.ny * 4)
    return fine, land_on(region, fine)


def _advance(
    ocean: Ocean, p: Particles, state: _State, i: NDArray[np.int64], frames: tuple[NDArray, NDArray], hour: int,
    s: DebrisSettings, rng: np.random.Generator, shore: tuple[Grid, NDArray[np.bool_]],
) -> None:  # fmt: skip
    """One hour of Heun steps for the particles ``i``; who reaches land strands, who leaves the basin is gone."""
    steps = max(1, round(3600 / s.step_s))
    dt = 3600 / steps
    keep = float(np.exp(-dt / (s.subgrid_memory_h * 3600)))
    kick = s.subgrid_speed_m_s * np.sqrt(1 - keep**2)
    lon, lat, wobble = state.lon[i], state.lat[i], state.wobble[:, i]
    afloat = np.ones(len(i), dtype=bool)
    east, north = metres_per_degree(lat)
    for step in range(steps):
        first = _velocity(ocean, p, i, frames, hour, step / steps, lon, lat) + wobble
        x, y = lon + first[0] * dt / east, lat + first[1] * dt / north
        second = _velocity(ocean, p, i, frames, hour, (step + 1) / steps, x, y) + wobble
        move = 0.5 * (first + second) * dt
        x, y = lon + move[0] / east, lat + move[1] / north
        row, column, inside = shore[0].index(x, y)
        ashore = afloat & inside & shore[1][row, column]
        stuck = ashore & (rng.random(len(i)) < s.stranding_probability)
        state.status[i[stuck]] = STRANDED
        state.status[i[afloat & ~inside]] = GONE
        afloat &= inside & ~stuck
        free = afloat & ~ashore
        lon[free], lat[free] = x[free], y[free]
        wobble = keep * wobble + kick * rng.standard_normal(wobble.shape)
    state.lon[i], state.lat[i], state.wobble[:, i] = lon, lat, wobble


def _velocity(
    ocean: Ocean, p: Particles, i: NDArray[np.int64], frames: tuple[NDArray, NDArray], hour: int, share: float,
    lon: NDArray[np.float64], lat: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """Resolved velocity (component, particle) in m/s at ``hour + share``."""
    field = np.asarray((1 - share) * frames[0] + share * frames[1], dtype=np.float32)
    total = sample(field, ocean.basin.grid, lon, lat)
    weather = ocean.weather
    wind = sample(between(weather.wind, hour + share), weather.wind_grid, lon, lat)
    stokes = sample(between(weather.waves[:, :2], hour + share), weather.wave_grid, lon, lat)
    cos, sin = np.cos(p.leeway[i]), np.sin(p.leeway[i])
    total += p.windage[i] * np.stack([wind[0] * cos - wind[1] * sin, wind[0] * sin + wind[1] * cos])
    return np.asarray(total + p.stokes[i] * stokes)


def _carry(rafts: Rafts, p: Particles, state: _State, attached: NDArray[np.bool_], hour: int) -> None:
    """Put the members of each raft on its filament; they share its fate."""
    i = np.nonzero(attached & (state.status != UNBORN))[0]
    r = p.raft[i]
    age = np.maximum(0.0, hour - rafts.born_h[r])
    along = p.along[i] * rafts.length_m[r] * (1 + age / rafts.stretch_h)
    amplitude, wavelength, phase = rafts.wave[r].T
    across = p.across[i] * rafts.width_m[r] / 4 + amplitude * np.sin(2 * np.pi * along / wavelength + phase)
    cos, sin = np.cos(rafts.axis[r]), np.sin(rafts.axis[r])
    east, north = metres_per_degree(state.lat[r])
    state.lon[i] = state.lon[r] + (along * cos - across * sin) / east
    state.lat[i] = state.lat[r] + (along * sin + across * cos) / north
    state.status[i] = state.status[r]


def _turn(rafts: Rafts, ocean: Ocean, state: _State, current: NDArray[np.float32], hour: int) -> None:
    """Let each filament turn towards the wind (windrow) or the current (front) over about six hours."""
    n = len(rafts.born_h)
    lon, lat = state.lon[:n], state.lat[:n]
    wind = sample(between(ocean.weather.wind, hour), ocean.weather.wind_grid, lon, lat)
    flow = sample(current, ocean.basin.grid, lon, lat)
    along = np.where(rafts.follows_wind, np.arctan2(wind[1], wind[0]), np.arctan2(flow[1], flow[0]))
    off = (along - rafts.axis + np.pi / 2) % np.pi - np.pi / 2  # a filament has no head: nearest of the two ways
    rafts.axis += off / 6.0
