"""The forecast: a density map carried forward by an ensemble, with a doubt that comes from map, windage and forcing."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift.engine import Doubt, Particles, drive, place
from oceanclean.drift.fates import Fates
from oceanclean.drift.fields import HOUR_NS, Levels, check_window, coverage_hours, has_stokes, utc_ns
from oceanclean.drift.forcing_members import blocks, members_of, rest_of_error
from oceanclean.drift.gridding import MapGrid, Statistics, bin_mass, kernel_width, smooth_mass
from oceanclean.drift.inflow import WAITING, Inflow, Strip, background
from oceanclean.drift.kernel import AFLOAT, LEFT, NO_FORCING
from oceanclean.drift.settings import DriftSettings, FateSettings, MassSettings
from oceanclean.drift.windage import draw_windage
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import describe, names, validate_grid

if TYPE_CHECKING:
    from oceanclean.region import Region

Floats = NDArray[np.float64]
#: Share of the mass without forcing from which a forecast is flagged, and from which it is refused.
_FLAGGED, _REFUSED = 0.02, 0.5
#: Accounts of mass by status, in the order of the codes.
_ACCOUNTS = ("afloat", "stranded", "left", "no_forcing", "sunk")
#: Seconds between two fillings of the strip outside the open boundary.
REFILL_S = 3600.0


class Forecaster(Protocol):
    """What can correct the forcing before particles move, see :mod:`oceanclean.drift.residual`."""

    def correct(self, forcing: xr.Dataset) -> tuple[xr.Dataset, tuple[str, ...]]:
        """Return the corrected forcing and what to tell the reader of the plan."""
        ...


@dataclass(frozen=True)
class Seeded:
    """The ensemble's particles at the start, member by member; in each the map's first, then those kept for inflow.

    Attributes:
        lon: (member * particle) degrees east.
        lat: (member * particle) degrees north.
        mass: (member * particle) kg; 0 for those that wait.
        member: (member * particle) member.
        waiting: (member, slot) indices of the particles that wait to come in.
        strip: ring around the map in which they are laid.
        expected: (member, cell of the ring) kg that the background has there.
    """

    lon: Floats
    lat: Floats
    mass: Floats
    member: NDArray[np.int32]
    waiting: NDArray[np.int64]
    strip: Strip
    expected: Floats


def forecast(
    density_map: xr.Dataset, forcing: xr.Dataset, *, issue_time: datetime | str | np.datetime64, horizon_h: float,
    settings: DriftSettings | None = None, seed: int = 0, region: Region | None = None,
    forecaster: Forecaster | None = None,
) -> tuple[xr.Dataset, xr.Dataset]:  # fmt: skip
    """Carry a density map forward.

    The run starts at the map's ``valid_time`` and is written hourly from ``issue_time`` to the horizon. Each member
    has its own masses (the map's doubt: a lognormal factor per cell with the map's coefficient of variation,
    correlated in space, whose mean over the members is 1), its own windage (class mixture, item spread, doubt about
    the class mean) and its own velocity error (with memory, in part shared by neighbours).

    Args:
        density_map: a DensityMap.
        forcing: a Forcing from ``valid_time`` or earlier to the horizon or later; with a dimension ``member`` (of
            all its variables or of some) each member of the drift ensemble takes one member of it, and the drawn
            velocity error is lessened by the spread of its currents.
        issue_time: UTC.
        horizon_h: hours after the issue time.
        settings: of the room; default figures if None.
        seed: of all random numbers; the same inputs and seed give the same forecast.
        region: gives its name; else the map's.
        forecaster: corrects the currents, or None for physics with published priors.

    Returns:
        ``(DensityForecast, DebrisTracks)``. Beside the contract's variables the forecast has
        ``exceedance_probability`` and the mean mass (time) ``mass_afloat``, ``mass_stranded``, ``mass_left``,
        ``mass_no_forcing``, ``mass_sunk`` in kg, whose sum is that of the map and of what came in through the open
        boundary (``mass_entered``); ``attrs['degraded']`` says what was lacking.

    Raises:
        InputError: forcing that does not hold the window, or a map from after the issue time.
        MissingDataError: forcing that leaves out most of the debris.
    """
    settings = settings or DriftSettings()
    issue_ns, map_ns = utc_ns(issue_time), utc_ns(density_map.attrs["valid_time"])
    if map_ns > issue_ns:
        raise InputError("density map", "valid_time", density_map.attrs["valid_time"], f"{_iso(issue_ns)} or earlier",
                         "Use the map that was known at the issue time.")  # fmt: skip
    times = issue_ns + np.arange(int(np.floor(horizon_h + 1e-9)) + 1, dtype=np.int64) * HOUR_NS
    check_window(forcing, map_ns, int(times[-1]), str(forcing.attrs.get("source", "forcing")))
    notes: list[str] = []
    runs = members_of(forcing, settings.members)
    if forecaster is not None:
        corrected = [forecaster.correct(run) for run in runs]
        runs, notes = [run for run, _ in corrected], [note for _, said in corrected for note in said]
    grid = MapGrid.of(density_map)
    seeded = seed_particles(density_map, grid, settings, seed)
    error = rest_of_error(settings.residual, forcing)
    streams = _prepared(runs, seeded, grid, settings.model_copy(update={"residual": error}), seed)
    notes += streams.forcings[0].degraded
    density, tracks = _run(streams, seeded, grid, map_ns, times, settings, seed)
    notes += _coverage_notes(density, density_map, grid)
    attributes = {
        "issue_time": _iso(issue_ns), "map_time": _iso(map_ns), "seed": seed,
        "degraded": json.dumps(list(dict.fromkeys(notes))),
        "region": region.name if region is not None else str(density_map.attrs["region"]),
        "members": settings.members, "particles_per_member": settings.particles_per_member,
        "forcing_members": len(runs),
        "forcing": str(forcing.attrs.get("source", "")),
    }  # fmt: skip
    return _described("DensityForecast", density, attributes), _described("DebrisTracks", tracks, attributes)


def _described(product: str, data: xr.Dataset, attributes: dict[str, object]) -> xr.Dataset:
    data.attrs.update(attributes)
    return validate_grid(product, describe(product, data), "drift forecast")


def seed_particles(density_map: xr.Dataset, grid: MapGrid, settings: DriftSettings, seed: int) -> Seeded:
    """Lay the map's mass on particles.

    Particles of a member carry equal shares of the map's mean mass: systematic sampling (Madow 1949) along a path
    that winds through the rows, so that neighbours on the map are neighbours in the order and no area is missed by
    chance. Each particle's mass is multiplied by its member's factor for the cell.

    Args:
        density_map: a DensityMap.
        grid: its grid.
        settings: numbers of members and particles.
        seed: of the run.

    Returns:
        The particles; the mean over members of the members' masses is the map's.
    """
    mean = np.where(grid.sea, np.nan_to_num(density_map[names.DENSITY].to_numpy().astype(np.float64)), 0.0)
    std = np.where(grid.sea, np.nan_to_num(density_map[names.DENSITY_STD].to_numpy().astype(np.float64)), 0.0)
    factor = mass_factors(mean, std, grid, settings.mass, settings.members, np.random.default_rng([seed, 2]))
    members, count, kept = settings.members, settings.particles_per_member, waiting_particles(settings)
    lon, lat, share = (np.zeros((members, count + kept)) for _ in range(3))
    lon[:, :count], lat[:, :count], share[:, :count] = _laid_out(mean, factor, grid, count, seed)
    lon[:, count:], lat[:, count:] = grid.lon[0], grid.lat[0]
    strip = Strip(grid, settings.inflow.strip_m_s * REFILL_S, 2 * settings.mass.correlation_km)
    around = background(mean, grid, strip, settings.mass.correlation_km) * strip.area_km2
    index = np.arange(lon.size).reshape(lon.shape)
    return Seeded(
        lon.ravel(), lat.ravel(), share.ravel(), np.repeat(np.arange(members, dtype=np.int32), count + kept),
        index[:, count:], strip, around * factor[:, strip.row, strip.column],
    )  # fmt: skip


def waiting_particles(settings: DriftSettings) -> int:
    """Particles of each member that are kept for what flows in."""
    return round(settings.particles_per_member * settings.inflow.particles_share)


def _laid_out(mean: Floats, factor: Floats, grid: MapGrid, count: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Longitude, latitude and mass (member, particle) of the map's particles."""
    rng = np.random.default_rng([seed, 1])
    mass, members = mean * grid.area_km2, len(factor)
    weights = mass if mass.sum() > 0 else grid.sea * grid.area_km2
    path = np.arange(mass.size).reshape(mass.shape)
    path[1::2] = path[1::2, ::-1]
    order = path.ravel()
    filled = np.cumsum(weights.ravel()[order]) / weights.sum()
    marks = (np.arange(count) + rng.random((members, 1))) / count
    cell = order[np.minimum(np.searchsorted(filled, marks * filled[-1], side="right"), order.size - 1)]
    share = np.take_along_axis(factor.reshape(members, -1), cell, axis=1) * mass.sum() / count
    if mass.sum() > 0:  # sampling keeps the map's mass in expectation; one number for all particles makes it exact
        share *= mass.sum() * members / share.sum()
    row, column = np.divmod(cell, mass.shape[1])
    r, jitter = grid.coast.raster, rng.random((2, *cell.shape))
    return r.lon0 + (column + jitter[0]) * r.dlon, r.lat0 + (row + jitter[1]) * r.dlat, share


def mass_factors(mean: Floats, std: Floats, grid: MapGrid, settings: MassSettings, members: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
    """What each member believes about the mass of each cell, relative to the map.

    Args:
        mean: (lat, lon) kg km-2.
        std: (lat, lon) kg km-2.
        grid: the map's grid.
        settings: correlation length and largest coefficient of variation.
        members: number of members.
        rng: source of randomness.

    Returns:
        (member, lat, lon) lognormal factors with the map's coefficient of variation, mean over members exactly 1.
    """
    from scipy.ndimage import gaussian_filter

    variation = np.minimum(np.divide(std, mean, out=np.zeros_like(std), where=mean > 0), settings.largest_cv)
    cell_km = np.sqrt(grid.area_km2.mean())
    # white noise through a Gaussian of width s is correlated over s * sqrt(2): exp(-d^2 / (4 s^2))
    width = settings.correlation_km / cell_km / np.sqrt(2.0)
    noise = gaussian_filter(rng.standard_normal((members, *mean.shape)), width, axes=(1, 2), mode="wrap")
    noise /= noise.std() if noise.std() > 0 else 1.0
    sigma = np.sqrt(np.log1p(variation**2))
    factor = np.exp(sigma * noise - 0.5 * sigma**2)
    return factor / factor.mean(axis=0)


@dataclass(frozen=True)
class _Streams:
    """The ensemble's particles, and the parts of them that one forcing carries.

    Attributes:
        whole: all particles, member by member.
        forcings: (stream) levels of each forcing.
        parts: (stream) its particles, views of the whole.
    """

    whole: Particles
    forcings: list[Levels]
    parts: list[Particles]


def _prepared(runs: list[xr.Dataset], seeded: Seeded, grid: MapGrid, settings: DriftSettings,
              seed: int) -> _Streams:  # fmt: skip
    """Forcing levels and particles with windage and velocity error of their own."""
    push = settings.windage
    explicit = has_stokes(runs[0]) and push.stokes_factor > 0
    forcings = [
        Levels(run, str(run.attrs.get("source", "forcing")), stokes_factor=push.stokes_factor,
               relative=push.relative_to_current, extend=settings.land_extension_cells, has_coast=True,
               rim=_rim_nodes(run, seeded.strip))
        for run in runs
    ]  # fmt: skip
    count = settings.particles_per_member + seeded.waiting.shape[1]
    windage = draw_windage(push, settings.members, count, stokes=explicit, rng=np.random.default_rng([seed, 3]))
    lon, lat, status = place(seeded.lon, seeded.lat, forcings[0], grid.coast)
    status[seeded.waiting] = WAITING
    key = np.uint64(np.random.default_rng([seed, 4]).integers(2**63))
    margin = 0.5
    box = (lat.min() - margin, lat.max() + margin, lon.min() - margin, lon.max() + margin)
    ids = np.arange(lon.size, dtype=np.uint64)
    drawn = settings.residual.sigma_m_s > 0 or settings.refloat_h or settings.fates != FateSettings()
    parts = []
    for first, last in blocks(settings.members, len(runs)):
        own = slice(first * count, last * count)
        doubt = Doubt(settings.residual, key, ids[own], seeded.member[own], box) if drawn else None
        parts.append(Particles(lon[own], lat[own], status[own], windage[own], doubt))
    return _Streams(Particles(lon, lat, status, windage), forcings, parts)


def _rim_nodes(forcing: xr.Dataset, strip: Strip) -> int:
    """Nodes by which the forcing is carried on, so that particles of the strip move."""
    steps = [abs(float(forcing[a][1] - forcing[a][0])) for a in ("lat", "lon")]
    return 1 + math.ceil(max(strip.width_lat / steps[0], strip.width_lon / steps[1]))


def _run(streams: _Streams, seeded: Seeded, grid: MapGrid, start_ns: int, times: NDArray[np.int64],
         settings: DriftSettings, seed: int) -> tuple[xr.Dataset, xr.Dataset]:  # fmt: skip
    """Drive the ensemble and reduce every hour as it comes."""
    statistics = Statistics(grid, times.size, settings.density)
    sample = _Sample(seeded, times.size, settings)
    accounts, entered = np.zeros((times.size, len(_ACCOUNTS))), np.zeros(times.size)
    mass = np.empty((settings.members, *grid.sea.shape))
    width = np.zeros(times.size)
    inflow = Inflow(seeded.strip, seeded.expected, seeded.waiting, settings.inflow, np.random.default_rng([seed, 5]))
    stops = np.union1d(np.arange(start_ns, times[0], round(REFILL_S * 1e9)), times)
    fates = Fates(settings.fates, settings.refloat_h, grid.coast.land, grid.coast.raster)
    row = {int(t): k for k, t in enumerate(times)}
    particles, middle = streams.whole, streams.forcings[0].middle_lon
    stages = [
        drive(levels, part, start_ns, stops.tolist(), dt_s=settings.step_s, coast=grid.coast,
              threads=settings.threads, fates=fates)
        for levels, part in zip(streams.forcings, streams.parts, strict=True)
    ]  # fmt: skip
    for stop, *_ in zip(*stages, strict=True):
        lon = particles.lon + 360.0 * np.rint((_middle(grid) - particles.lon) / 360.0)  # as the map counts longitudes
        inflow.settle(lon, particles.lat, particles.status, seeded.mass, grid)
        k = row.get(int(stops[stop]))
        if k is not None:
            status = _seen_from_the_map(particles.status, grid.holds(lon, particles.lat))
            bin_mass(lon, particles.lat, status, seeded.member, seeded.mass, grid, mass)
            width[k] = kernel_width(mass, settings.particles_per_member, settings.density)
            statistics.add(k, smooth_mass(mass, grid.sea, width[k]))
            accounts[k] = np.bincount(status, weights=seeded.mass, minlength=len(_ACCOUNTS)) / settings.members
            entered[k] = inflow.entered_kg
            sample.add(k, lon, particles.lat, status)
        if stop == stops.size - 1:
            break  # what would be laid in the strip now does not come in any more
        inflow.fill(lon, particles.lat, particles.status, seeded.mass, seeded.member)
        particles.lon[:] = lon + 360.0 * np.rint((middle - lon) / 360.0)  # as the forcing counts them
    stamps = times.astype("datetime64[ns]")
    density = statistics.dataset(stamps)
    for code, name in enumerate(_ACCOUNTS):
        attributes = {"units": "kg", "long_name": f"mean mass {name.replace('_', ' ')}"}
        density[f"mass_{name}"] = (("time",), accounts[:, code], attributes)
    attributes = {"units": "kg", "long_name": "mean mass that has come in through the open boundary"}
    density["mass_entered"] = (("time",), entered, attributes)
    density["kernel_width"] = (("time",), width, {"units": "1", "long_name": "smoothing kernel's sigma in cells"})
    return density, sample.dataset(stamps)


def _seen_from_the_map(status: NDArray[np.int8], inside: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Status with the map's box in place of the forcing's.

    What floats beyond the map has left (and may come back); what lies within it but outside the forcing lacks forcing.
    """
    seen = np.where((status == AFLOAT) & ~inside | (status == WAITING), LEFT, status)
    return np.where((status == LEFT) & inside, NO_FORCING, seen).astype(np.int8)


def _middle(grid: MapGrid) -> float:
    """Longitude of the map's middle, degrees east."""
    return grid.coast.raster.lon0 + 0.5 * grid.lon.size * grid.coast.raster.dlon


class _Sample:
    """The thinned sample of particles, with each member's mass kept; those that came in stand after the map's."""

    def __init__(self, seeded: Seeded, times: int, settings: DriftSettings) -> None:
        members = min(settings.tracks.members, settings.members)
        own, kept = settings.particles_per_member, seeded.waiting.shape[1]
        count = min(settings.tracks.particles, own)
        extra = math.ceil(kept * count / own)
        first = np.arange(members)[:, None] * (own + kept)
        self.mapped = first + ((np.arange(count) + 0.5) * own / count).astype(np.int64)
        self.extra = first + own + ((np.arange(extra) + 0.5) * kept / max(extra, 1)).astype(np.int64)
        index = np.concatenate([self.mapped, self.extra], axis=1)
        self.index, self.shape, self.seeded = index.ravel(), index.shape, seeded
        everything = seeded.member[seeded.mass > 0], seeded.mass[seeded.mass > 0]
        total = np.bincount(everything[0], weights=everything[1], minlength=settings.members)[:members, None]
        mass = seeded.mass[self.mapped]
        held = mass.sum(axis=1, keepdims=True)
        self.mass = mass * np.divide(total, held, out=np.zeros_like(held), where=held > 0)
        self.lon, self.lat = (np.empty((times, self.index.size), dtype=np.float32) for _ in range(2))
        self.status = np.empty((times, self.index.size), dtype=np.int8)

    def add(self, hour: int, lon: Floats, lat: Floats, status: NDArray[np.int8]) -> None:
        """Keep one hour."""
        self.lon[hour], self.lat[hour], self.status[hour] = lon[self.index], lat[self.index], status[self.index]

    def dataset(self, times: NDArray[np.datetime64]) -> xr.Dataset:
        """DebrisTracks without attributes."""
        dims = ("member", "particle", "time")
        variables = {
            name: (dims, values.T.reshape(*self.shape, -1))
            for name, values in (("lon", self.lon), ("lat", self.lat), ("status", self.status))
        }
        came_in = self.seeded.mass[self.extra]
        held = came_in.sum(axis=1, keepdims=True)
        total = self.seeded.mass[self.seeded.waiting[: len(came_in)]].sum(axis=1, keepdims=True)
        came_in = came_in * np.divide(total, held, out=np.zeros_like(held), where=held > 0)
        mass = np.concatenate([self.mass, came_in], axis=1)
        return xr.Dataset({**variables, "mass": (dims[:2], mass)}, coords={"time": times})


def _coverage_notes(density: xr.Dataset, density_map: xr.Dataset, grid: MapGrid) -> list[str]:
    """What the forecast leaves out, in words; refuses a forcing that misses most of the debris."""
    notes = []
    total = sum(float(density[f"mass_{name}"][-1]) for name in _ACCOUNTS)
    missing = float(density["mass_no_forcing"][-1]) / total if total > 0 else 0.0
    if missing > _REFUSED:
        raise MissingDataError("forcing", names.EASTWARD_CURRENT, f"no current for {missing:.0%} of the debris",
                               "currents over the region", "Fetch forcing that covers the whole region.")  # fmt: skip
    if missing > _FLAGGED:
        notes.append(f"no current for {missing:.0%} of the debris: that mass is left out of the density")
    unknown = float((np.isnan(density_map[names.DENSITY].to_numpy()) & grid.sea).sum() / max(grid.sea.sum(), 1))
    if unknown > 0:
        notes.append(f"density unknown in {unknown:.0%} of the sea cells: taken as empty")
    return notes


def _iso(ns: int) -> str:
    return str(np.datetime64(int(ns), "ns").astype("datetime64[s]")) + "Z"


__all__ = ["DriftSettings", "coverage_hours", "forecast", "mass_factors", "seed_particles"]
