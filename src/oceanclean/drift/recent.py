"""What drifters of the last days say about the forcing: a few coefficients that follow them hour by hour.

Currents of a model may be too strong or turned, one of two models better, the windage more or less than published.
Which holds differs between seas and weeks, so nothing of it is carried over from another season: each coefficient
starts at its published value with a published doubt, and the residual of all drifters up to the hour draws it away
(Bayesian linear regression with forgetting; Gelman et al. 2013, section 14.2). Errors of drifters near in time and
place are nearly the same error: an hour of a drifter counts for a small share of an independent sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.settings import RecentSettings

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class Followed(NamedTuple):
    """Coefficients at every row.

    Attributes:
        mean: (row, term) complex.
        variance: (row, term, term) covariance of each component.
    """

    mean: Complex
    variance: Complex


def followed(residual: Complex, terms: Complex, hours: Floats, rows: NDArray[np.bool_], mean: Complex, doubt: Floats,
             settings: RecentSettings) -> Followed:  # fmt: skip
    """Coefficients of the terms at every row, from what drifters did up to that hour.

    Args:
        residual: (row) observed less physics, m s-1.
        terms: (row, term) complex vectors; a complex coefficient scales and turns.
        hours: (row) time.
        rows: (row) True where the past may be looked at.
        mean: (term) coefficients before any drifter was seen.
        doubt: (term) their standard deviations.
        settings: how fast is forgotten, what an hour is worth.

    Returns:
        Coefficients and what is not known of them, (row, term) and (row, term, term).
    """
    hour = np.rint(hours - hours.min()).astype(np.int64)
    count, size = int(hour.max()) + 1, terms.shape[1]
    seen = rows & np.isfinite(residual) & np.isfinite(terms).all(axis=1)
    at, x, rest = hour[seen], terms[seen], residual[seen] - terms[seen] @ mean
    agreed = np.stack([_by_hour(at, np.conj(x[:, i]) * rest, count) for i in range(size)], axis=-1)
    power = np.stack(
        [
            np.stack([_by_hour(at, np.conj(x[:, i]) * x[:, j], count) for j in range(size)], axis=-1)
            for i in range(size)
        ],
        axis=-2,
    )
    keep = np.exp(-1.0 / settings.memory_h)
    for k in range(1, count):
        agreed[k] += keep * agreed[k - 1]
        power[k] += keep * power[k - 1]
    return Followed(
        (mean + posterior(power, agreed, doubt, settings))[hour],
        np.linalg.inv(_precision(power, doubt, settings))[hour],
    )


def _by_hour(hour: NDArray[np.int64], values: Complex, count: int) -> Complex:
    """(hour) sums of values (row)."""
    parts = (np.bincount(hour, weights=part, minlength=count) for part in (values.real, values.imag))
    real, imaginary = parts
    return np.asarray(real + 1j * imaginary)


def posterior(power: Complex, agreed: Complex, doubt: Floats, settings: RecentSettings) -> Complex:
    """Shift of the coefficients from their prior means.

    Args:
        power: (..., term, term) sums of products of terms.
        agreed: (..., term) sums of products of terms and residual.
        doubt: (term) prior standard deviations.
        settings: worth of an hour and size of the error.
    """
    worth = settings.independent_share / settings.sigma_m_s**2
    shift = np.linalg.solve(_precision(power, doubt, settings), worth * agreed[..., None])[..., 0]
    return shift.astype(np.complex128)


def _precision(power: Complex, doubt: Floats, settings: RecentSettings) -> Complex:
    return np.asarray(np.diag(1.0 / doubt**2) + settings.independent_share / settings.sigma_m_s**2 * power)


__all__ = ["Followed", "followed", "posterior"]
