"""Gamma–Poisson estimation of a cell's density: what was believed, what was found, what was not.

A cell's density D has a prior that is a mixture of two gamma distributions: what forecast or climatology say, and the
dense tail of windrows. A look at an area finds N clumps of debris, N ~ Poisson(k D), with k = found × visible × area /
clump mass. Gamma is conjugate to Poisson, so both components keep their form; their weights follow from the negative
binomial probability of N (Gelman et al., Bayesian Data Analysis, 3rd ed., § 2.6 and 2.7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln, xlogy

Array = NDArray[np.float64]

#: A gamma distribution needs a mean and a spread above zero.
TINY = 1e-9
#: Splits of the finds into debris and false alarms that are weighed.
SPLITS = 33


@dataclass(frozen=True)
class Belief:
    """A mixture of two gamma distributions by cell: shape and rate (2, n), weight of the second (n)."""

    shape: Array
    rate: Array
    dense: Array

    @classmethod
    def of(cls, mean: Array, std: Array, dense: Array, dense_mean: float, dense_std: float) -> Belief:
        """A belief with the given overall mean.

        Args:
            mean: (n) kg km-2.
            std: (n) kg km-2, of the first component.
            dense: (n) weight of the dense component, before it is cut back so that the mean can be kept.
            dense_mean: kg km-2 in a cell with a windrow.
            dense_std: kg km-2.
        """
        mean = np.maximum(mean, TINY)
        dense = np.minimum(dense, 0.5 * mean / dense_mean)
        thin = (mean - dense * dense_mean) / (1 - dense)
        spread = np.maximum(std, 1e-3 * thin)
        shape = np.stack([(thin / spread) ** 2, np.full_like(mean, (dense_mean / dense_std) ** 2)])
        rate = np.stack([thin / spread**2, np.full_like(mean, dense_mean / dense_std**2)])
        return cls(shape, rate, dense)

    def after(self, found: Array, effort: Array, false_mean: Array, false_shape: float) -> Posterior:
        """What is believed after a look.

        Of the N clumps found, T are debris and N − T are false alarms, whose number is negative binomial (they come in
        streaks of foam). Every split is weighed by its probability under both; the splits are summed.

        Args:
            found: (n) clumps found, not necessarily whole.
            effort: (n) clumps that would be found for each kg km-2.
            false_mean: (n) clumps of false alarms to be expected.
            false_shape: of their distribution; small: rarely any, but then many.
        """
        part = np.linspace(0.0, 1.0, SPLITS)[:, None]
        true, false = part * found, (1 - part) * found
        # one point stands for as many whole numbers as it is apart from the next; the ends are whole numbers
        step = found / (SPLITS - 1)
        weight = np.log(np.maximum(np.where((part == 0) | (part == 1), np.minimum(step, 1.0), step), TINY))
        weight = weight + _negative_binomial(false, false_shape, false_mean)
        shape, rate = self.shape[:, None] + true, (self.rate + effort)[:, None]
        prior = np.stack([np.log1p(-self.dense), np.log(np.maximum(self.dense, 1e-300))])[:, None]
        mean = effort * self.shape / self.rate
        evidence = prior + weight + np.stack([_negative_binomial(true, self.shape[k], mean[k]) for k in (0, 1)])
        return Posterior(shape, np.broadcast_to(rate, shape.shape), evidence)

    def mean(self) -> Array:
        """Mean (n), kg km-2."""
        return (1 - self.dense) * self.shape[0] / self.rate[0] + self.dense * self.shape[1] / self.rate[1]


@dataclass(frozen=True)
class Posterior:
    """Mixture of gamma distributions by cell: shape and rate (2, split, n), log weights without a common factor."""

    shape: Array
    rate: Array
    evidence: Array

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation (n)."""
        weight = np.exp(self.evidence - self.evidence.max(axis=(0, 1)))
        weight /= weight.sum(axis=(0, 1))
        mean = (weight * self.shape / self.rate).sum(axis=(0, 1))
        square = (weight * self.shape * (self.shape + 1) / self.rate**2).sum(axis=(0, 1))
        return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _negative_binomial(count: Array, shape: Array | float, mean: Array) -> Array:
    """Log probability of a count (not necessarily whole) under a negative binomial distribution."""
    share = mean / (shape + mean)
    return gammaln(shape + count) - gammaln(shape) - gammaln(count + 1) + shape * np.log1p(-share) + xlogy(count, share)


def at_least(mean: Array, std: Array, floor: Array) -> tuple[Array, Array]:
    """Mean and spread of max(D, floor) where D is gamma distributed: a report says that at least this much is there.

    Args:
        mean: (n) of D, kg km-2.
        std: (n) of D.
        floor: (n) density that the report gives, above 0.
    """
    mean, std = np.maximum(mean, TINY), np.maximum(std, TINY)
    shape, rate = (mean / std) ** 2, mean / std**2
    below = gammainc(shape, rate * floor)
    first = floor * below + mean * (1 - gammainc(shape + 1, rate * floor))
    second = floor**2 * below + (std**2 + mean**2) * (1 - gammainc(shape + 2, rate * floor))
    return first, np.sqrt(np.maximum(second - first**2, 0.0))
