"""Particles carried through a Forcing: the loop over time, and the door for plain trajectories."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift import kernel, noise
from oceanclean.drift.fates import Fates
from oceanclean.drift.fields import HOUR_NS, Levels, check_window, utc_ns
from oceanclean.drift.kernel import AFLOAT, LEFT, STRANDED, Raster
from oceanclean.drift.settings import ResidualSettings
from oceanclean.errors import InputError, SettingsError

Floats = NDArray[np.float64]
Time = datetime | str | np.datetime64
_SECOND_NS = 1_000_000_000
#: Below this number of particles a second thread costs more than it gives.
_WORTH_A_THREAD = 20_000


@dataclass
class Coast:
    """Where particles strand.

    Attributes:
        land: (lat, lon) True on land.
        raster: geometry of the cells (lower left edges).
    """

    land: NDArray[np.bool_]
    raster: Raster

    @classmethod
    def of(cls, land: xr.DataArray) -> Coast:
        """Coast of a mask on a regular grid; ``land`` (lat, lon) is True on land, cells are named by their centres."""
        lat, lon = land["lat"].to_numpy().astype(float), land["lon"].to_numpy().astype(float)
        dlat, dlon = (lat[-1] - lat[0]) / (lat.size - 1), (lon[-1] - lon[0]) / (lon.size - 1)
        periodic = bool(abs(lon.size * dlon - 360.0) < 0.5 * dlon)
        mask = land.transpose("lat", "lon").to_numpy().astype(bool)
        return cls(mask, Raster(lat[0] - dlat / 2, dlat, lon[0] - dlon / 2, dlon, periodic))


@dataclass
class Doubt:
    """State of the velocity error of an ensemble, see :mod:`oceanclean.drift.noise`.

    Attributes:
        settings: its statistics.
        key: key of the run's random numbers.
        ids: (particle) identifiers.
        member: (particle) member of each particle.
        box: (south, north, west, east) over which the coherent part is laid, degrees.
        node: number of the next node.
        velocity: (particle, 2) own part at the last node, m s-1.
        shared: (member * row * column, 2) coherent part at the last node, m s-1.
        mean: (particle, 2) error held until the next node, m s-1.
    """

    settings: ResidualSettings
    key: np.uint64
    ids: NDArray[np.uint64]
    member: NDArray[np.int32]
    box: tuple[float, float, float, float]
    node: int = 0
    velocity: Floats = field(init=False)
    shared: Floats = field(init=False)
    mean: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Draw the error at the first node."""
        share = self.settings.coherent_share
        self._own = self.settings.sigma_m_s * math.sqrt(1.0 - share)
        self._common = self.settings.sigma_m_s * math.sqrt(share)
        self._memory = noise.Memory.over(self.settings.interval_s, self.settings.tau_h * 3600.0)
        south, north, west, east = self.box
        self._dlat = self.settings.coherent_km / 111.0
        self._dlon = self._dlat / max(math.cos(math.radians(0.5 * (south + north))), 0.05)
        rows, columns = (
            max(2, math.ceil((b - a) / d) + 2) for a, b, d in ((south, north, self._dlat), (west, east, self._dlon))
        )
        self._patches = (int(self.member.max(initial=0)) + 1, rows, columns, 2)
        self._patch_ids = np.arange(np.prod(self._patches[:3]), dtype=np.uint64)
        self._patch_key = np.uint64(int(self.key) ^ 0x5DEECE66D)
        self.velocity = noise.start_velocity(self.key, self.ids, 0, self._own)
        self.shared = noise.start_velocity(self._patch_key, self._patch_ids, 0, self._common)
        self.mean = np.zeros_like(self.velocity)

    def advance(self, lon: Floats, lat: Floats, compiled: bool) -> None:
        """Set ``mean`` for the next interval."""
        draw, spread = _noise_functions(compiled)
        draw(self.key, self.ids, self.node, self.velocity, self.mean, self._memory, self._own)
        if self._common > 0:
            held = np.empty_like(self.shared)
            noise.advance_velocity(
                self._patch_key, self._patch_ids, self.node, self.shared, held, self._memory, self._common
            )
            patches = held.reshape(self._patches)
            spread(lon, lat, self.member, patches, self.box[0], self._dlat, self.box[2], self._dlon, self.mean)
        self.node += 1


@dataclass
class Particles:
    """What drifts; arrays are changed in place as time goes on.

    Attributes:
        lon: (particle) degrees east.
        lat: (particle) degrees north.
        status: (particle) 0 afloat, 1 stranded, 2 left the forcing, 3 no forcing, 4 sunk.
        windage: (particle or 1, 2) downwind and crosswind fraction of the wind; unused where the levels carry it.
        doubt: velocity error, or None.
        epoch: ns since the epoch at which the run began; nodes of the error are counted from here.
    """

    lon: Floats
    lat: Floats
    status: NDArray[np.int8]
    windage: Floats
    doubt: Doubt | None = None
    epoch: int | None = None


def place(lon: Floats, lat: Floats, levels: Levels, coast: Coast | None) -> tuple[Floats, Floats, NDArray[np.int8]]:
    """Put particles into the forcing's longitudes and mark those that start ashore or outside.

    Returns:
        ``lon``, ``lat``, ``status``; copies.
    """
    east = np.array(lon, dtype=np.float64)
    east += 360.0 * np.rint((levels.middle_lon - east) / 360.0)
    north = np.array(lat, dtype=np.float64)
    status = np.zeros(east.size, dtype=np.int8)
    if coast is not None:
        status[kernel.on_land(east, north, coast.land, coast.raster)] = STRANDED
    return east, north, status


def drive(
    levels: Levels, particles: Particles, start_ns: int, outputs: Sequence[int], *,
    dt_s: float = 900.0, coast: Coast | None = None, backend: str = "numba", threads: int = 1,
    fates: Fates | None = None,
) -> Iterator[int]:  # fmt: skip
    """Carry particles from ``start_ns`` through all output times.

    Steps are cut where the forcing has a level, where the error has a node and where output is due, so that the
    scheme keeps its order and the positions at an output time are those at that time. Particles are changed in place.

    Args:
        levels: the forcing.
        particles: what drifts.
        start_ns: ns since the epoch.
        outputs: ns since the epoch, in the order of travel, none before the start.
        dt_s: longest step, seconds.
        coast: where particles strand; None: at the forcing's own dry nodes.
        backend: ``numba`` or ``numpy``.
        threads: slices advanced at once.
        fates: what becomes of particles beside drifting, drawn at the nodes of the error.

    Yields:
        Position in ``outputs``, when the particles stand at that time.
    """
    if backend not in ("numba", "numpy"):
        raise SettingsError("drift", "backend", backend, "'numba' or 'numpy'", "Choose one of them.")
    mover = _Mover(levels, particles, dt_s, coast, backend, threads)
    particles.epoch = start_ns if particles.epoch is None else particles.epoch
    now = start_ns
    for position, target in enumerate(outputs):
        while now != target:
            if particles.doubt is not None and _at_node(now, particles):
                _at(particles, fates, backend == "numba")
            until = _next_stop(now, target, particles, levels)
            mover.go(now, until)
            now = until
        yield position


def _at_node(now: int, particles: Particles) -> bool:
    """Whether the next node of the error is due."""
    if particles.doubt is None or particles.epoch is None:
        return False
    due = particles.doubt.node * round(particles.doubt.settings.interval_s * _SECOND_NS)
    return abs(now - particles.epoch) >= due


def _at(particles: Particles, fates: Fates | None, compiled: bool) -> None:
    """Draw the error until the next node, and what becomes of the particles."""
    doubt = particles.doubt
    if doubt is None:
        return
    doubt.advance(particles.lon, particles.lat, compiled)
    if fates is not None and not fates.idle:
        fates.draw(particles.lon, particles.lat, particles.status, doubt.key, doubt.ids, doubt.node,
                   doubt.settings.interval_s / 3600.0)  # fmt: skip


def _next_stop(now: int, target: int, particles: Particles, levels: Levels) -> int:
    """The next time at which something changes: a level of the forcing, a node of the error, or an output."""
    forward = target > now
    pair = levels.pair(now, forward)
    stops = [target, pair.t1 if forward else pair.t0]
    if particles.doubt is not None and particles.epoch is not None:
        due = particles.doubt.node * round(particles.doubt.settings.interval_s * _SECOND_NS)
        stops.append(particles.epoch + due if forward else particles.epoch - due)
    return min(stops) if forward else max(stops)


class _Mover:
    """Advances particles between two stops."""

    def __init__(self, levels: Levels, particles: Particles, dt_s: float, coast: Coast | None, backend: str,
                 threads: int) -> None:  # fmt: skip
        self.levels, self.particles, self.dt_s, self.coast = levels, particles, dt_s, coast
        self.step: Callable[..., None] = kernel.compiled_step() if backend == "numba" else kernel.numpy_step
        self.fields = [np.empty(levels.shape) for _ in range(3)]
        count = particles.lon.size
        slices = max(1, min(threads, count // _WORTH_A_THREAD))
        edges = np.linspace(0, count, slices + 1).astype(int)
        self.slices = [slice(a, b) for a, b in pairwise(edges)]
        self.still = np.zeros((count, 2)) if particles.doubt is None else particles.doubt.mean

    def go(self, now: int, until: int) -> None:
        """Advance from ``now`` to ``until`` (ns), which one pair of levels holds."""
        pair = self.levels.pair(now, until > now)
        steps = max(1, math.ceil(abs(until - now) / _SECOND_NS / self.dt_s - 1e-9))
        land, shore = self._shore(pair.dry)
        h_ns = (until - now) / steps
        f0, f1, f2 = self.fields
        pair.at(now, f0)
        with ThreadPoolExecutor(len(self.slices)) as pool:
            for k in range(steps):
                pair.at(now + (k + 0.5) * h_ns, f1)
                pair.at(until if k == steps - 1 else now + (k + 1) * h_ns, f2)
                rest = (f0, f1, f2, pair.wet, pair.cell, self.levels.grid, land, shore, self.levels.dry_status,
                        h_ns / _SECOND_NS)  # fmt: skip
                self._step(pool, rest)
                f0, f2 = f2, f0

    def _step(self, pool: ThreadPoolExecutor, rest: tuple[Any, ...]) -> None:
        p = self.particles
        if len(self.slices) == 1:
            self.step(p.lon, p.lat, p.status, self.still, p.windage, self.levels.use_wind, *rest)
            return
        whole = p.windage.shape[0] == 1
        jobs = [
            pool.submit(self.step, p.lon[s], p.lat[s], p.status[s], self.still[s], p.windage if whole else p.windage[s],
                        self.levels.use_wind, *rest)
            for s in self.slices
        ]  # fmt: skip
        for job in jobs:
            job.result()

    def _shore(self, dry: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Raster]:
        """Land raster: the coast given, else the cells around the forcing's dry nodes."""
        if self.coast is not None:
            return self.coast.land, self.coast.raster
        g = self.levels.grid
        width = dry.shape[1] - 1 if g.periodic else dry.shape[1]
        return np.ascontiguousarray(dry[:, :width]), g._replace(lat0=g.lat0 - g.dlat / 2, lon0=g.lon0 - g.dlon / 2)


def advect(
    forcing: xr.Dataset, lon: Floats, lat: Floats, start: Time, hours: float, *,
    windage: float | Floats = 0.0, stokes_factor: float = 1.0, dt_s: float = 900.0, output_every_h: float = 1.0,
    noise: ResidualSettings | None = None, rng: np.random.Generator | None = None, land: xr.DataArray | None = None,
    relative_to_current: bool = False, land_extension_cells: int = 0, backend: str = "numba", threads: int = 1,
    source: str = "forcing",
) -> xr.Dataset:  # fmt: skip
    """Trajectories of particles.

    Args:
        forcing: a Forcing (time, lat, lon); wind and Stokes drift may be absent.
        lon: (particle) start, degrees east in any convention.
        lat: (particle) start, degrees north.
        start: UTC, anywhere within the forcing.
        hours: how long, negative for backward.
        windage: fraction of the 10 m wind, one number, (particle) or (particle, 2) downwind and crosswind.
        stokes_factor: share of the forcing's Stokes drift; give windage without its wave part when not 0.
        dt_s: longest integration step, seconds.
        output_every_h: spacing of the output, hours.
        noise: velocity error with memory; None for none.
        rng: source of randomness, needed with ``noise``.
        land: (lat, lon) True on land, on a regular grid of cell centres; None: the forcing's own dry nodes.
        relative_to_current: windage acts on wind minus current.
        land_extension_cells: cells by which currents are continued towards ``land``.
        backend: ``numba`` or ``numpy``.
        threads: slices advanced at once.
        source: name of the forcing, for errors.

    Returns:
        ``lon``, ``lat`` (particle, time), ``status`` (particle, time) int8: 0 afloat, 1 stranded, 2 left the forcing,
        3 no forcing. Positions are those at the time they carry. ``attrs['degraded']`` says what was lacking.

    Raises:
        InputError: positions or forcing that cannot be used; names variable and time.
    """
    _check_positions(lon, lat)
    start_ns = utc_ns(start)
    times = start_ns + _output_offsets(hours, output_every_h)
    check_window(forcing, start_ns, int(times[-1]), source)
    push = np.atleast_1d(np.asarray(windage, dtype=np.float64))
    one = (float(push[0]), 0.0) if push.ndim == 1 and push.size == 1 else None
    levels = Levels(
        forcing, source, stokes_factor=stokes_factor, relative=relative_to_current, windage=one,
        extend=land_extension_cells, has_coast=land is not None,
    )  # fmt: skip
    coast = None if land is None else Coast.of(land)
    order = _by_cell(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64), levels.grid)
    east, north, status = place(np.asarray(lon)[order], np.asarray(lat)[order], levels, coast)
    doubt = None
    if noise is not None and noise.sigma_m_s > 0:
        if rng is None:
            raise SettingsError("advect", "rng", None, "a numpy.random.Generator with noise", "Pass rng.")
        key = np.uint64(rng.integers(2**63))
        box = (north.min(), north.max(), east.min(), east.max())
        ids = order.astype(np.uint64)
        doubt = Doubt(noise, key, ids, np.zeros(east.size, dtype=np.int32), box)
    columns = _windage_columns(push)
    particles = Particles(east, north, status, columns if len(columns) == 1 else columns[order], doubt)
    return _recorded(levels, particles, order, start_ns, times, dt_s, coast, backend, threads)


def _by_cell(lon: Floats, lat: Floats, grid: Raster) -> NDArray[np.int64]:
    """Order of particles by the forcing's cells: neighbours read the same memory, which is a third of the time."""
    return np.lexsort((np.floor((lon - grid.lon0) / grid.dlon), np.floor((lat - grid.lat0) / grid.dlat)))


def _recorded(
    levels: Levels, particles: Particles, order: NDArray[np.int64], start_ns: int, times: NDArray[np.int64],
    dt_s: float, coast: Coast | None, backend: str, threads: int,
) -> xr.Dataset:  # fmt: skip
    """Drive the particles and put every output back into the caller's order."""
    shape = (particles.lon.size, times.size)
    lon, lat, status = np.empty(shape), np.empty(shape), np.empty(shape, dtype=np.int8)
    for k in drive(
        levels, particles, start_ns, times.tolist(), dt_s=dt_s, coast=coast, backend=backend, threads=threads
    ):
        lon[order, k], lat[order, k], status[order, k] = particles.lon, particles.lat, particles.status
    dims = ("particle", "time")
    return xr.Dataset(
        {
            "lon": (dims, lon, {"units": "degrees_east", "standard_name": "longitude"}),
            "lat": (dims, lat, {"units": "degrees_north", "standard_name": "latitude"}),
            "status": (dims, status, {"units": "1", "flag_values": [0, 1, 2, 3],
                                      "flag_meanings": "afloat stranded left_the_forcing no_forcing"}),
        },
        coords={"time": times.astype("datetime64[ns]")},
        attrs={"degraded": "; ".join(levels.degraded), "step_s": dt_s},
    )  # fmt: skip


def _output_offsets(hours: float, every_h: float) -> NDArray[np.int64]:
    """Output times in ns after the start: 0, every, 2 every ..., and always the end."""
    if not math.isfinite(hours) or every_h <= 0:
        raise SettingsError("advect", "hours, output_every_h", (hours, every_h), "finite hours and a positive spacing",
                            "Correct them.")  # fmt: skip
    count = math.floor(abs(hours) / every_h + 1e-9)
    offsets = np.arange(count + 1) * every_h
    if abs(hours) - offsets[-1] > 1e-9:
        offsets = np.append(offsets, abs(hours))
    return np.rint(np.copysign(offsets, hours) * HOUR_NS).astype(np.int64)


def _windage_columns(push: Floats) -> Floats:
    """(particle or 1, 2) from a number, (particle) or (particle, 2)."""
    if push.ndim == 2:
        return np.ascontiguousarray(push)
    return np.stack([push, np.zeros_like(push)], axis=1)


def _check_positions(lon: Floats, lat: Floats) -> None:
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    if lon.shape != lat.shape or lon.ndim != 1:
        raise InputError("particles", "lon, lat", f"shapes {lon.shape} and {lat.shape}", "two equal 1-D arrays",
                         "Give one longitude and one latitude for every particle.")  # fmt: skip
    if not (np.isfinite(lon).all() and np.isfinite(lat).all() and (np.abs(lat) <= 90).all()):
        raise InputError("particles", "lon, lat", "NaN or a latitude beyond 90 degrees", "finite degrees",
                         "Drop or mend those particles.")  # fmt: skip


def _noise_functions(compiled: bool):  # type: ignore[no-untyped-def] # noqa: ANN202
    if compiled:
        from oceanclean.drift import compiled as fast

        return fast.advance_velocity, fast.add_coherent
    return noise.advance_velocity, noise.add_coherent


__all__ = ["AFLOAT", "LEFT", "STRANDED", "Coast", "Doubt", "Particles", "advect", "drive", "place"]
