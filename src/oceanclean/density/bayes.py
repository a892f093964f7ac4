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
from scipy.special import gammainc, gammaln

Array = NDArray[np.float64]

#: A gamma distribution needs a mean and a spread above zero.
TINY = 1e-9


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

    def after(self, found: Array, effort: Array) -> Belief:
        """The belief after a look.

        Args:
            found: (n) clumps found, not necessarily whole.
            effort: (n) clumps that would be found for each kg km-2.
        """
        shape, rate = self.shape + found, self.rate + effort
        evidence = (
            gammaln(shape) - gammaln(self.shape) + self.shape * np.log(self.rate) - shape * np.log(rate)
        )  # log of the negative binomial, without what both components share
        odds = np.log(np.maximum(self.dense, 1e-300)) - np.log1p(-self.dense) + evidence[1] - evidence[0]
        return Belief(shape, rate, 1 / (1 + np.exp(-np.clip(odds, -700, 700))))

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation (n)."""
        means, squares = self.shape / self.rate, self.shape * (self.shape + 1) / self.rate**2
        mean = (1 - self.dense) * means[0] + self.dense * means[1]
        square = (1 - self.dense) * squares[0] + self.dense * squares[1]
        return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


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
