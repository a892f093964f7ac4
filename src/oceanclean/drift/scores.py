"""Scores of drift forecasts: separation, Liu-Weisberg skill, coverage, energy score, bootstrap over drifters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]


def liu_weisberg(distance: Floats, travelled: Floats) -> Floats:
    """Skill score before clipping, tolerance 1 (Liu and Weisberg 2011, doi 10.1029/2010JC006837, eqs. 1-3).

    Args:
        distance: (start, hour) separation at hours 1 to the horizon.
        travelled: (start, hour) length of the observed track until then.

    Returns:
        (start) 1 minus cumulative separation over cumulative length; negative values mean worse than the length
        travelled and are clipped at zero in the original score (unclipped: Revelard et al. 2021).
    """
    length = travelled.sum(axis=1)
    return 1.0 - np.divide(distance.sum(axis=1), length, out=np.full(length.size, np.inf), where=length > 0)


def energy_score(error: Complex, variance: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Energy score of a Gaussian forecast, equal variance in both components (Gneiting et al. 2008, eq. 7).

    Args:
        error: (start) forecast mean minus truth, km.
        variance: (start) variance a component, km2.
        draws: pairs of ensemble members.
        rng: source of randomness.

    Returns:
        (start) km; the distance itself where the variance is 0.
    """
    normal = rng.standard_normal((2, 2, draws))
    one, two = normal[0, 0] + 1j * normal[0, 1], normal[1, 0] + 1j * normal[1, 1]
    sigma = np.sqrt(variance)[:, None]
    reach = np.abs(error[:, None] + sigma * one).mean(axis=1) + np.abs(error[:, None] + sigma * two).mean(axis=1)
    scores: Floats = 0.5 * reach - 0.5 * (sigma * np.abs(one - two)).mean(axis=1)
    return scores


def pit_histogram(error: Complex, variance: Floats, bins: int = 10) -> list[float]:
    """Share of truths in each tenth of the predicted distribution of distance (flat when the doubt is true)."""
    values = -np.expm1(-0.5 * np.abs(error) ** 2 / np.maximum(variance, 1e-12))
    return [round(float(share), 4) for share in np.histogram(values, bins, (0, 1))[0] / max(error.size, 1)]


def bootstrap_interval(
    difference: Floats, cluster: Index, rng: np.random.Generator, repeats: int = 1000
) -> list[float]:
    """95 % interval of a mean when whole drifters are drawn with replacement.

    Args:
        difference: (start) paired difference.
        cluster: (start) drifter.
        rng: source of randomness.
        repeats: number of resamples.

    Returns:
        ``[low, high]``.
    """
    _, number = np.unique(cluster, return_inverse=True)
    sums, counts = np.bincount(number, weights=difference), np.bincount(number).astype(float)
    picked = rng.integers(0, sums.size, (repeats, sums.size))
    means = sums[picked].sum(axis=1) / counts[picked].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return [round(float(low), 3), round(float(high), 3)]
