"""How wide a displacement forecast may miss: variance by lead, published or as drifters showed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import carried
from oceanclean.drift.settings import ResidualSettings

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
#: Squared radii of the 50 and 90 % regions of a circular Gaussian: -2 ln(1 - p).
GAUSS = (1.3863, 4.6052)


@dataclass
class Doubt:
    """What drifters showed of the size and the tails of the error, by lead.

    Attributes:
        scale: (lead) factor of the published variance.
        radius2: (lead, 2) squared Mahalanobis radius that holds 50 and 90 % of the truth.
    """

    scale: Floats
    radius2: Floats

    def to_record(self) -> dict[str, Floats]:
        """Arrays by name."""
        return {"scale": self.scale, "radius2": self.radius2}


def published_doubt() -> Doubt:
    """Factor 1 at every lead, with the radii of a circular Gaussian."""
    count = carried.LONGEST_H + 1
    return Doubt(np.ones(count), np.tile(GAUSS, (count, 1)))


def fitted_doubt(leads: list[int], errors: list[Complex], variances: list[Floats], worth: list[float]) -> Doubt:
    """Factor and radii at some leads, drawn towards the published ones, linear in between.

    Args:
        leads: hours, increasing.
        errors: for each lead (start) forecast minus truth, km.
        variances: for each lead (start) published variance a component, km2.
        worth: for each lead the share of what was found, against the published.
    """
    every = np.arange(carried.LONGEST_H + 1)
    scales, radii = [], []
    for error, variance, share in zip(errors, variances, worth, strict=True):
        factor = share * 0.5 * float(np.mean(np.abs(error) ** 2 / variance)) + 1.0 - share
        found = np.quantile(np.abs(error) ** 2 / (factor * variance), [0.5, 0.9])
        scales.append(factor)
        radii.append(share * found + (1.0 - share) * np.array(GAUSS))
    if not leads:
        return published_doubt()
    columns = np.array(radii)
    return Doubt(np.interp(every, leads, scales),
                 np.stack([np.interp(every, leads, column) for column in columns.T], axis=1))  # fmt: skip


def displacement_variance(settings: ResidualSettings, lead_h: float) -> float:
    """Variance a component, km2, of the displacement by the error with memory, nothing known of it (Taylor 1921).

    Args:
        settings: size and memory of the error.
        lead_h: hours.
    """
    tau, sigma_km_h = settings.tau_h, 3.6 * settings.sigma_m_s
    ratio = lead_h / tau
    return float((sigma_km_h * tau) ** 2 * 2.0 * (ratio + np.expm1(-ratio)))
