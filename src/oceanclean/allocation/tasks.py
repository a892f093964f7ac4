"""From the ensemble's particles to collection tasks: patches that drift, and the shares in which they are swept.

A patch is a group of particles that start close together and stay so. What is left of it after an area a has been
swept, densest water first, is M·exp(−a/A) with A = 2πσ² (exact for a Gaussian patch); A is never less than a cell of
the density map, since the map knows nothing finer. A share is one slice of that area: taken once, it is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.errors import ProductError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from oceanclean.allocation.options import TaskSettings
    from oceanclean.allocation.plane import Plane
    from oceanclean.allocation.sea_routing import SeaRouter


@dataclass(frozen=True)
class Particles:
    """Particles on the plane at regular times from the issue time.

    Attributes:
        x, y: (member, particle, time) metres, NaN where unknown.
        afloat: (member, particle, time).
        stranded: (member, particle, time).
        mass: (member, particle) kg.
        step: seconds between times.
        notes: sentences about what was left out.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    afloat: NDArray[np.bool_]
    stranded: NDArray[np.bool_]
    mass: NDArray[np.float64]
    step: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Patches:
    """Patches of debris over the horizon.

    Attributes:
        x, y: (patch, time) mean position, metres on the plane, on sea.
        kg: (member, patch, time) mass afloat within reach of a vessel at the mean position.
        spread_m2: (patch, time) A = 2πσ² within a member, at least one map cell.
        found: (patch, time) share of members in which the patch is within reach.
        afloat: (patch, time) share of the patch's first mass still afloat in the region.
        stranded: (patch, time) share ashore.
        mass: (member, patch) kg afloat at the issue time.
        step: seconds between times.
        total_kg: mean over members of all mass afloat at the issue time.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    kg: NDArray[np.float64]
    spread_m2: NDArray[np.float64]
    found: NDArray[np.float64]
    afloat: NDArray[np.float64]
    stranded: NDArray[np.float64]
    mass: NDArray[np.float64]
    step: float
    total_kg: float

    @property
    def share_of_mass(self) -> float:
        """Share of the forecast mass that the patches hold."""
        return float(self.mass.mean(axis=0).sum() / self.total_kg) if self.total_kg > 0 else 1.0

    @property
    def radius_m(self) -> NDArray[np.float64]:
        """(patch, time) 2σ radius, which holds 86 % of a Gaussian patch."""
        return np.sqrt(2.0 * self.spread_m2 / np.pi)


@dataclass(frozen=True)
class Shares:
    """Slices of patches, the unit of the search.

    Attributes:
        patch: (share) patch it belongs to.
        rank: (share) 0 for the densest slice.
        area_m2: swept area of a share, the same for all.
        part: (share, time) part of the patch's mass within reach that the slice holds.
    """

    patch: NDArray[np.int64]
    rank: NDArray[np.int64]
    area_m2: float
    part: NDArray[np.float64]


def particles_of(tracks: xr.Dataset, plane: Plane, issue: np.datetime64, horizon_s: float) -> Particles:
    """Particles from the issue time to the horizon.

    Raises:
        ProductError: the tracks do not cover the issue time.
    """
    time = (tracks["time"].to_numpy() - issue) / np.timedelta64(1, "s")
    if time[0] > 1 or time[-1] < 1:
        raise ProductError("tracks", "time", f"{tracks['time'].values[0]} to {tracks['time'].values[-1]}",
                           f"hours from before {issue} to the horizon", "Forecast from the issue time on.")  # fmt: skip
    step = float(np.median(np.diff(time)))
    wanted = np.arange(0.0, min(horizon_s, time[-1]) + 1.0, step)
    low = np.clip(np.searchsorted(time, wanted + 0.5, side="right") - 1, 0, max(len(time) - 2, 0))
    w = np.clip((wanted - time[low]) / (time[low + 1] - time[low]), 0.0, 1.0)
    near = np.where(w > 0.5, low + 1, low)
    x, y = plane.to_xy(tracks["lon"].to_numpy(), tracks["lat"].to_numpy())
    x, y = (a[..., low] * (1 - w) + np.where(w > 0, a[..., low + 1], 0.0) * w for a in (x, y))
    status, mass = tracks["status"].to_numpy()[..., near], tracks["mass"].to_numpy().astype(float)
    bad = ~np.isfinite(mass) | (mass < 0)
    notes: tuple[str, ...] = ()
    if bad.any():
        notes = (f"{int(bad.sum())} of {bad.size} particles carry no or negative mass and were left out.",)
        mass = np.where(bad, 0.0, mass)
    afloat = (status == 0) & np.isfinite(x) & np.isfinite(y) & ~bad[..., None]
    return Particles(x, y, afloat, status == 1, mass, step, notes)


def find_patches(
    particles: Particles, router: SeaRouter, cell_m2: float, settings: TaskSettings, rng: np.random.Generator
) -> Patches:
    """Group the particles of all members into patches.

    Args:
        particles: see :class:`Particles`.
        router: for the sea nearest to a mean position.
        cell_m2: area of a cell of the density map.
        settings: of the room.
        rng: for the first centres of the groups.

    Returns:
        Patches, heaviest first; none if nothing is afloat.
    """
    members = len(particles.mass)
    weight = np.where(particles.afloat[..., 0], particles.mass, 0.0)
    total = float(weight.sum() / members)
    group = _grouped(particles, weight, settings, rng)
    count = int(group.max()) + 1
    if total <= 0 or count == 0:
        empty = np.zeros((0, particles.x.shape[2]))
        return Patches(empty, empty, np.zeros((members, *empty.shape)), empty, empty, empty, empty,
                       np.zeros((members, 0)), particles.step, 0.0)  # fmt: skip
    fates = [_fate(particles, weight, group, count, h) for h in range(particles.x.shape[2])]
    mass, cx, cy, square, freedom, ashore = (np.stack(a, axis=-1) for a in zip(*fates, strict=True))
    x, y = _mean_path(mass, cx, cy, router)
    variance = (square.sum(0) / np.maximum(freedom.sum(0), 1e-9)) / 2.0
    spread = np.maximum(np.where(freedom.sum(0) > 0.5, 2 * np.pi * variance, 0.0), cell_m2)
    reach = settings.search_radius_m + np.sqrt(2.0 * spread / np.pi)
    near = (np.hypot(cx - x, cy - y) <= reach) & (mass > 0)
    first = mass[..., 0]
    mean0 = np.maximum(first.mean(0), 1e-12)[:, None]
    return Patches(x, y, np.where(near, mass, 0.0), spread, near.mean(0), mass.mean(0) / mean0,
                   ashore.mean(0) / mean0, first, particles.step, total)  # fmt: skip


def _grouped(
    particles: Particles, weight: NDArray, settings: TaskSettings, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(member, particle) group of each particle, by first and later positions; −1 where it carries nothing."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    group = np.full(weight.shape, -1, np.int64)
    carries = weight > 0
    if not carries.any():
        return group
    last = np.maximum(_last_afloat(particles.afloat), 0)
    features = []
    for h, scale in ((0, 1.0), (particles.x.shape[2] // 2, settings.later_weight),
                     (particles.x.shape[2] - 1, settings.later_weight)):  # fmt: skip
        at = np.minimum(last, h)[..., None]
        features += [scale * np.take_along_axis(a, at, axis=2)[..., 0][carries] for a in (particles.x, particles.y)]
    points, mass = np.column_stack(features), weight[carries]
    centres = _cover(points, mass, settings.patch_radius_m, settings.max_patches)
    k = len(centres)
    chosen = np.arange(len(points))
    if len(chosen) > 12_000:
        chosen = np.sort(rng.choice(len(points), 12_000, replace=False, p=mass / mass.sum()))
    model = KMeans(k, init=centres, n_init=1, max_iter=40)
    # a particle of a sample drawn by mass counts once; without a sample it counts by its mass
    sample_weight = mass[chosen] if len(chosen) == len(points) else None
    with threadpool_limits(1):  # sums in a fixed order: the same forecast gives the same patches
        label = model.fit(points[chosen], sample_weight=sample_weight).predict(points)
    heavy = np.argsort(-np.bincount(label, mass, k), kind="stable")
    order = np.empty(k, np.int64)
    order[heavy] = np.arange(k)
    group[carries] = order[label]
    return group


def _cover(points: NDArray, mass: NDArray, radius: float, limit: int) -> NDArray[np.float64]:
    """Centres that cover the points with balls of a radius, the heaviest place first.

    Args:
        points: (particle, feature) metres.
        mass: (particle) kg.
        radius: of a ball, metres.
        limit: centres at most.

    Returns:
        (centre, feature); what lies in no ball when the limit is met is left to the nearest centre.
    """
    cell, index = np.unique(np.floor(points / (0.5 * radius)).astype(np.int64), axis=0, return_inverse=True)
    index = index.ravel()
    weight = np.bincount(index, mass, len(cell))
    place = np.stack([np.bincount(index, mass * p, len(cell)) / weight for p in points.T], axis=1)
    left = weight.copy()
    centres: list[NDArray[np.float64]] = []
    while len(centres) < limit and left.max() > 0:
        at = int(np.argmax(left))
        near = np.sqrt(((place - place[at]) ** 2).sum(axis=1)) <= radius
        centres.append(np.average(place[near], axis=0, weights=np.maximum(left[near], 1e-300)))
        left[near] = 0.0
    return np.array(centres)


def _last_afloat(afloat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(member, particle) last time before the particle first stops floating; −1 if never afloat."""
    stopped = np.cumsum(~afloat, axis=2) > 0
    return afloat.shape[2] - stopped.sum(axis=2) - 1


def _fate(
    particles: Particles, weight: NDArray, group: NDArray, count: int, h: int
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray, NDArray]:
    """(member, patch) mass afloat, centre, weighted square distances, degrees of freedom, mass ashore at time h."""
    members = len(weight)
    key = group + count * np.arange(members)[:, None]
    up = particles.afloat[..., h] & (group >= 0)
    k, w = key[up], weight[up]
    px, py = particles.x[..., h][up], particles.y[..., h][up]

    def add(values: NDArray, keys: NDArray = k) -> NDArray:
        return np.bincount(keys, values, members * count)

    mass, number = add(w), add(np.ones_like(w))
    safe = np.maximum(mass, 1e-300)
    cx, cy = np.where(mass > 0, add(w * px) / safe, np.nan), np.where(mass > 0, add(w * py) / safe, np.nan)
    share = w / safe[k]
    square = add(share * ((px - cx[k]) ** 2 + (py - cy[k]) ** 2)) * number
    ashore_at = particles.stranded[..., h] & (group >= 0)
    ashore = add(weight[ashore_at], key[ashore_at])
    shape = (members, count)
    return tuple(a.reshape(shape) for a in (mass, cx, cy, square, np.maximum(number - 1, 0), ashore))  # type: ignore[return-value]


def _mean_path(mass: NDArray, cx: NDArray, cy: NDArray, router: SeaRouter) -> tuple[NDArray, NDArray]:
    """(patch, time) mass-weighted mean of the members' centres; where nothing floats any more the last is held."""
    total = np.maximum(mass.sum(0), 1e-300)
    x, y = (np.where(mass > 0, mass * np.nan_to_num(c), 0.0).sum(0) / total for c in (cx, cy))
    gone = mass.sum(0) <= 0
    for h in range(1, x.shape[1]):
        x[:, h] = np.where(gone[:, h], x[:, h - 1], x[:, h])
        y[:, h] = np.where(gone[:, h], y[:, h - 1], y[:, h])
    at_sea, moved = router.to_sea(x.ravel(), y.ravel())
    known = np.isfinite(moved)
    return (np.where(known, at_sea[:, 0], x.ravel()).reshape(x.shape),
            np.where(known, at_sea[:, 1], y.ravel()).reshape(y.shape))  # fmt: skip


def cut_shares(patches: Patches, area_m2: float, least_share: float, settings: TaskSettings) -> Shares:
    """Cut patches into shares of equal area, densest water first.

    Args:
        patches: see :class:`Patches`.
        area_m2: area of a share.
        least_share: share of the best vessel's catch, to tell whether a share is worth offering.
        settings: of the room.

    Returns:
        The shares with most mass, at most ``max_shares``.
    """
    rank = np.arange(settings.shares_per_patch)[None, :, None]
    gone = np.exp(-rank * area_m2 / patches.spread_m2[:, None, :])
    part = gone - np.exp(-(rank + 1) * area_m2 / patches.spread_m2[:, None, :])
    mean = patches.kg.mean(axis=0)
    worth = (part * mean[:, None, :]).max(axis=2)
    keep = np.argwhere(worth * least_share >= max(settings.least_kg, 1e-12))
    keep = keep[np.argsort(-worth[keep[:, 0], keep[:, 1]], kind="stable")][: settings.max_shares]
    keep = keep[np.lexsort((keep[:, 1], keep[:, 0]))]
    return Shares(keep[:, 0], keep[:, 1], area_m2, part[keep[:, 0], keep[:, 1]])
