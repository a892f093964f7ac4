"""The doubt of the forcing: a velocity error with memory, the same whatever the time step or the order of particles.

Each error is an Ornstein-Uhlenbeck process u' with e-folding time tau and standard deviation sigma, carried on nodes
``interval`` apart. At each node the velocity at the next node and the *mean* velocity until then are drawn jointly
from their exact distribution (Gillespie 1996, Phys. Rev. E 54:2084, eqs. 3.1-3.5), so that both the velocity and the
displacement have the statistics of the continuous process, and the integration step does not enter at all. White
noise per step, as other drift models have it, loses its spread as the step shrinks.

Numbers come from a counter (SplitMix64: Steele, Lea, Flood 2014) of key, identifier and node, not from a stream: a
particle meets the same error whichever particles run beside it and however a run is cut into pieces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_NODE = np.uint64(0xD6E8FEB86659FD93)
_TO_UNIT = 2.0**-53


class Memory(NamedTuple):
    """Exact transition of the process over one interval, for unit standard deviation.

    Attributes:
        keep: correlation of the velocity over the interval.
        kick: standard deviation of the new part of the velocity.
        mean_keep: share of the velocity now in the mean velocity over the interval.
        mean_kick: how the new part of the velocity enters the mean.
        mean_own: standard deviation of the part of the mean that is independent of both ends.
    """

    keep: float
    kick: float
    mean_keep: float
    mean_kick: float
    mean_own: float

    @classmethod
    def over(cls, interval_s: float, tau_s: float) -> Memory:
        """Transition over ``interval_s`` seconds of a process with e-folding time ``tau_s`` seconds."""
        ratio = interval_s / tau_s
        keep = np.exp(-ratio)
        kick = np.sqrt(-np.expm1(-2.0 * ratio))
        gone = -np.expm1(-ratio)
        displacement = 2.0 * ratio - 3.0 + 4.0 * keep - keep * keep
        if ratio < 1e-3:  # the closed form cancels to nothing: leading term of its series
            displacement = 2.0 * ratio**3 / 3.0
        mean_kick = gone * gone / kick / ratio
        own = max(displacement / ratio**2 - mean_kick**2, 0.0)
        return cls(float(keep), float(kick), float(gone / ratio), float(mean_kick), float(np.sqrt(own)))


def mixed(values: Keys) -> Keys:
    """SplitMix64 finaliser: a bijection that spreads every input bit over the output."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * _MIX1
        values = (values ^ (values >> np.uint64(27))) * _MIX2
    return values ^ (values >> np.uint64(31))


def uniforms(key: np.uint64, ids: Keys, node: int, lane: int) -> Floats:
    """Uniform numbers in (0, 1), one for each identifier, node of time and lane.

    Args:
        key: key of the run.
        ids: (particle) identifiers.
        node: number of the node, may be negative.
        lane: which of the independent numbers.

    Returns:
        (particle) numbers.
    """
    with np.errstate(over="ignore"):
        place = np.uint64(node % 2**63) * np.uint64(16) + np.uint64(lane)
        bits = mixed(mixed(ids * _GOLDEN + key) + place * _NODE)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * _TO_UNIT


def normals(key: np.uint64, ids: Keys, node: int, lane: int) -> tuple[Floats, Floats]:
    """Two independent standard normal numbers for each identifier (Box and Muller 1958); uses two lanes."""
    radius = np.sqrt(-2.0 * np.log(uniforms(key, ids, node, lane)))
    angle = 2.0 * np.pi * uniforms(key, ids, node, lane + 1)
    return radius * np.cos(angle), radius * np.sin(angle)


def start_velocity(key: np.uint64, ids: Keys, node: int, sigma: float) -> Floats:
    """Velocity error at the first node, from the stationary distribution.

    Args:
        key: key of the run.
        ids: (particle) identifiers.
        node: number of the first node.
        sigma: standard deviation of each component, m s-1.

    Returns:
        (particle, 2) eastward and northward, m s-1.
    """
    return np.stack(normals(key, ids, node, 8), axis=1) * sigma


def advance_velocity(key: np.uint64, ids: Keys, node: int, velocity: Floats, mean: Floats,
                     memory: Memory, sigma: float) -> None:  # fmt: skip
    """Carry the velocity error over one interval, in place.

    Args:
        key: key of the run.
        ids: (particle) identifiers.
        node: number of the node at the interval's start.
        velocity: (particle, 2) error at the interval's start; on return at its end, m s-1.
        mean: (particle, 2) receives the mean error over the interval, m s-1.
        memory: transition over the interval.
        sigma: standard deviation of each component, m s-1.
    """
    for component in range(2):
        kick, own = normals(key, ids, node, 2 * component)
        before = velocity[:, component]
        mean[:, component] = memory.mean_keep * before + sigma * (memory.mean_kick * kick + memory.mean_own * own)
        velocity[:, component] = memory.keep * before + sigma * memory.kick * kick


def add_coherent(lon: Floats, lat: Floats, member: NDArray[np.int32], patches: Floats, lat0: float, dlat: float,
                 lon0: float, dlon: float, mean: Floats) -> None:  # fmt: skip
    """Add the error that a member's particles share with their neighbours, in place.

    Bilinear weights of independent nodes would shrink the variance between them; dividing by the root of the sum of
    their squares keeps it the same everywhere.

    Args:
        lon: (particle) degrees east.
        lat: (particle) degrees north.
        member: (particle) member of the ensemble.
        patches: (member, row, column, 2) mean error over the interval at coarse nodes, m s-1.
        lat0: latitude of the first row.
        dlat: spacing of the rows, degrees.
        lon0: longitude of the first column.
        dlon: spacing of the columns, degrees.
        mean: (particle, 2) is increased.
    """
    rows, columns = patches.shape[1:3]
    fx = np.clip((lon - lon0) / dlon, 0.0, columns - 1.000001)
    fy = np.clip((lat - lat0) / dlat, 0.0, rows - 1.000001)
    ix, iy = fx.astype(np.int64), fy.astype(np.int64)
    ax, ay = fx - ix, fy - iy
    total = np.zeros_like(mean)
    squares = np.zeros_like(lon)
    for weight, row, column in (
        ((1 - ay) * (1 - ax), iy, ix), ((1 - ay) * ax, iy, ix + 1),
        (ay * (1 - ax), iy + 1, ix), (ay * ax, iy + 1, ix + 1),
    ):  # fmt: skip
        total += weight[:, None] * patches[member, row, column]
        squares += weight * weight
    mean += total / np.sqrt(squares)[:, None]
