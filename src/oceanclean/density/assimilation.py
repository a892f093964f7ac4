"""Assimilation: members of yesterday's forecast and today's looks become members of one estimate.

Three steps, each of which leaves a field alone about which nothing was seen:

1. *Region.* What all looks together found, against what the forecast let expect, scales the whole field: a factor with
   a gamma distribution, updated by counts with false alarms. Windrows make counts come in lumps, and the doubt about
   the mass of what a sensor sees is common to all cells; both make many looks count for fewer.
2. *Cell.* In each cell that was looked at, the gamma–Poisson update of :mod:`oceanclean.density.bayes`.
3. *Neighbour.* A cell nobody looked at follows the cells around it that were, as far as the members say that they go
   together: regression on the local mean of what was seen (Anderson 2003, Monthly Weather Review 131, 634), shrunk by
   what so few members let appear as correlation (Anderson 2012, 10.1175/MWR-D-11-00013.1) and tapered with distance
   (Gaspari & Cohn 1999, 10.1002/qj.49712555417, eq. 4.10).

The members then take the new mean and spread of each cell in their old order. Particles take their cell's change as a
ratio (:func:`hand_back`), as in Peytavin et al. 2021 (10.5194/gmd-14-4769-2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from oceanclean.density.bayes import Belief
from oceanclean.density.ensemble import Members, with_moments

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What looks found, by cell; zero effort is no look.

    Attributes:
        found: (lat, lon) clumps found, not necessarily whole.
        effort: (lat, lon) clumps that would be found for each kg km-2.
        false_mean: (lat, lon) clumps of false alarms to be expected.
        false_shape: of their negative binomial distribution.
        doubt: relative doubt of found mass that all cells share.
    """

    found: Array
    effort: Array
    false_mean: Array
    false_shape: float
    doubt: float = 0.0

    def within(self, part: NDArray[np.bool_]) -> Evidence:
        """The same of some cells, flat."""
        return Evidence(self.found[part], self.effort[part], self.false_mean[part], self.false_shape, self.doubt)


@dataclass(frozen=True)
class Scheme:
    """What may be changed about the scheme.

    Attributes:
        regional_doubt: relative doubt of the forecast's total mass, beyond that of its cells.
        reach_cells: half-width of the taper: beyond twice this nothing is learned from a look.
        dense_weight: chance that a cell holds a windrow, before any look.
        dense_mean: kg km-2 of such a cell.
        dense_std: kg km-2.
    """

    regional_doubt: float
    reach_cells: float
    dense_weight: float
    dense_mean: float
    dense_std: float


@dataclass(frozen=True)
class Analysis:
    """What is believed after the looks.

    Attributes:
        members: (member, lat, lon) kg km-2.
        mean: (lat, lon) kg km-2.
        std: (lat, lon) kg km-2.
        factor: by which the region's mass was scaled in the first step.
        factor_doubt: relative doubt of it that is left; common to all cells, not part of ``std``.
    """

    members: Members
    mean: Array
    std: Array
    factor: float
    factor_doubt: float


def analyse(
    members: Members, mean: Array, std: Array, evidence: Evidence, scheme: Scheme,
    linked: NDArray[np.bool_] | None = None, arrived: Array | None = None,
) -> Analysis:  # fmt: skip
    """Combine a forecast's members with what was seen.

    Args:
        members: (member, lat, lon) kg km-2, what is believed before.
        mean: (lat, lon) its mean; kept to rounding where nothing was seen.
        std: (lat, lon) its spread, which may be wider than the members'.
        evidence: what was seen.
        scheme: of the assimilation.
        linked: (lat, lon) cells whose belief comes from one forecast: they are scaled together and follow their
            neighbours; a climatology learns from a cell's own look only. None: all.
        arrived: (lat, lon) kg km-2 that the forecast cannot know of, expected where a look is beside the mean.
    """
    seen = evidence.effort > 0
    linked = np.ones(mean.shape, dtype=bool) if linked is None else linked
    if not seen.any():
        flat = with_moments(members.reshape(len(members), -1), mean.ravel(), std.ravel())
        return Analysis(flat.reshape(members.shape), mean.copy(), std.copy(), 1.0, scheme.regional_doubt)
    new = np.zeros(mean.shape) if arrived is None else np.where(seen, arrived, 0.0)
    expected = mean + new
    factor, doubt = regional_factor(expected[linked], std[linked], evidence.within(linked), scheme.regional_doubt)
    scaled, spread = (np.where(linked, factor * a, a) for a in (mean, std))
    after_mean, after_std = scaled.copy(), spread.copy()
    wider = np.hypot(spread, new)[seen]  # what may have arrived is as doubtful as it is much
    after_mean[seen], after_std[seen] = _in_cells((scaled + new)[seen], wider, evidence, seen, scheme)
    if scheme.reach_cells > 0:
        _to_neighbours(members, seen, linked, (scaled, spread), after_mean, after_std, scheme.reach_cells)
    flat = with_moments(members.reshape(len(members), -1), after_mean.ravel(), after_std.ravel())
    return Analysis(flat.reshape(members.shape), after_mean, after_std, factor, doubt)


def regional_factor(mean: Array, std: Array, evidence: Evidence, doubt: float) -> tuple[float, float]:
    """Factor by which the whole field was over- or underestimated, and its relative doubt after the looks.

    The expected count is E = Σ effort × mean. Its dispersion beyond Poisson, φ = 1 + Σ effort² std² / E, and the doubt
    of the sensor's calibration d make it worth 1 / (φ / E + d²) independent finds.

    Args:
        mean: (lat, lon) kg km-2 expected.
        std: (lat, lon) kg km-2.
        evidence: what was seen.
        doubt: relative doubt of the total before the looks; 0 leaves the factor at 1.
    """
    expected = float((evidence.effort * mean).sum())
    if doubt <= 0 or expected <= 0:
        return 1.0, doubt
    dispersion = 1.0 + float(((evidence.effort * std) ** 2).sum()) / expected
    worth = 1.0 / (dispersion / expected + evidence.doubt**2) / expected
    false = float(evidence.false_mean.sum())
    streaks = float((evidence.false_mean**2).sum()) / evidence.false_shape
    shape = false**2 / streaks if streaks > 0 else 1.0
    belief = Belief(np.full((2, 1), doubt**-2), np.full((2, 1), doubt**-2), np.zeros(1))
    found, effort, wrong = (np.array([worth * x]) for x in (float(evidence.found.sum()), expected, false))
    first, second = belief.after(found, effort, wrong, max(shape, 1e-3)).moments()
    return float(first[0]), float(second[0] / first[0])


def _in_cells(
    mean: Array, std: Array, evidence: Evidence, seen: NDArray[np.bool_], scheme: Scheme
) -> tuple[Array, Array]:
    """Mean and spread (n) of the cells looked at."""
    belief = Belief.of(mean, std, np.full(mean.size, scheme.dense_weight), scheme.dense_mean, scheme.dense_std)
    found, effort, false = (a[seen] for a in (evidence.found, evidence.effort, evidence.false_mean))
    return belief.after(found, effort, false, evidence.false_shape).moments()


def _to_neighbours(
    members: Members, seen: NDArray[np.bool_], linked: NDArray[np.bool_], before: tuple[Array, Array], mean: Array,
    std: Array, reach: float,
) -> None:  # fmt: skip
    """Carry what was learned in the cells looked at to those around them; ``mean`` and ``std`` are changed in place."""
    if not (seen & linked).any():
        return
    distance = distance_transform_edt(~(seen & linked))
    near = ~seen & linked & (distance < 2 * reach)
    if not near.any():
        return
    prior_mean, prior_std = before
    learned = np.where(seen & linked, 1.0 - np.minimum((std / np.maximum(prior_std, 1e-12)) ** 2, 1.0), 0.0)
    learned = np.maximum(learned, np.where(seen & linked, 1e-3, 0.0))

    def around(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return gaussian_filter(values, reach / 2, mode="constant", truncate=4.0)

    weight = np.maximum(around(learned), 1e-12)
    change = around(learned * (mean - prior_mean)) / weight
    share = around(learned**2) / weight
    slope, square = _regression(members, learned, weight, around, prior_mean)
    taper = gaspari_cohn(distance / reach)
    limit = 0.9 * prior_mean
    shift = np.clip(taper * slope * change, -limit, 9.0 * prior_mean)
    mean[near] = (prior_mean + shift)[near]
    std[near] = (prior_std * np.sqrt(1.0 - square * share * taper**2))[near]


def _regression(
    members: Members, learned: Array, weight: Array, around: object, prior_mean: Array
) -> tuple[Array, Array]:
    """Slope (lat, lon) of each cell on the seen cells around it, and the share of variance that it explains.

    Both are shrunk by the correlation that as many members without any relation would show.
    """
    count = len(members)
    sums = [np.zeros(prior_mean.shape) for _ in range(5)]
    own_mean = members.mean(axis=0, dtype=np.float64)
    level = around(learned * own_mean) / weight  # type: ignore[operator]
    for one in members:
        there = around(learned * one) / weight - level  # type: ignore[operator]
        here = one - own_mean
        for total, value in zip(sums, (here * there, there**2, here**2), strict=False):
            total += value
    cross, square, own = sums[0], np.maximum(sums[1], 1e-30), np.maximum(sums[2], 1e-30)
    explained = np.minimum(cross**2 / (square * own), 1.0)
    chance = 1.0 / (count - 1)
    kept = np.maximum(explained - chance, 0.0) / (1.0 - chance)
    with np.errstate(invalid="ignore", divide="ignore"):
        shrunk = np.where(explained > 0, kept / explained, 0.0)
    scale = np.where(own_mean > 0, prior_mean / np.maximum(own_mean, 1e-30), 0.0)
    return shrunk * cross / square * np.minimum(scale, 10.0), kept


def gaspari_cohn(ratio: Array) -> Array:
    """Taper: 1 at distance 0, 0 from twice the half-width on (Gaspari & Cohn 1999, eq. 4.10).

    Args:
        ratio: distance over half-width.
    """
    r = np.abs(ratio)
    inner = 1 - 5 / 3 * r**2 + 5 / 8 * r**3 + r**4 / 2 - r**5 / 4
    safe = np.maximum(r, 1e-9)
    outer = 4 - 5 * r + 5 / 3 * r**2 + 5 / 8 * r**3 - r**4 / 2 + r**5 / 12 - 2 / (3 * safe)
    return np.where(r <= 1, inner, np.where(r < 2, np.maximum(outer, 0.0), 0.0))


def hand_back(weight: Array, cell: NDArray[np.int64], before: Array, after: Array) -> Array:
    """Give each particle its cell's change as a ratio.

    Args:
        weight: (particle) kg.
        cell: (particle) cell, -1 for those beside the grid, which keep their mass.
        before: (cell) density as the particles made it.
        after: (cell) density wanted; what is wanted where no particle is cannot be given.

    Returns:
        (particle) kg.
    """
    ratio = np.divide(after, before, out=np.ones_like(after), where=before > 0)
    return weight * np.where(cell >= 0, ratio[np.maximum(cell, 0)], 1.0)
