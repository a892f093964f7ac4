"""How wide a displacement forecast may miss: variance by lead, published or growing with the recent residual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import history
from oceanclean.drift.settings import ResidualSettings

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


@dataclass
class Doubt:
    """Error of a displacement forecast by lead: variance that grows with the drifter's recent residual.

    Attributes:
        floor: (lead) km2 a component, at zero recent residual.
        slope: (lead) km2 a component per (m s-1)2 of mean squared residual over the last 25 h.
        radius2: (lead, 2) squared Mahalanobis radius that holds 50 and 90 % of the truth.
    """

    floor: Floats
    slope: Floats
    radius2: Floats

    def to_record(self) -> dict[str, Floats]:
        """Arrays by name."""
        return {"floor": self.floor, "slope": self.slope, "radius2": self.radius2}

    def variance(self, lead: int, energy: Floats) -> Floats:
        """(start) variance a component, km2."""
        return self.floor[lead] + self.slope[lead] * energy


def no_doubt() -> Doubt:
    """Variance 0 at every lead, with the radii of a circular Gaussian: -2 ln(1 - p)."""
    count = history.LONGEST_H + 1
    return Doubt(np.zeros(count), np.zeros(count), np.tile([1.3863, 4.6052], (count, 1)))


def growing_variance(error: Complex, energy: Floats) -> tuple[float, float]:
    """Variance a component as ``(floor, slope)``: floor + slope x recent energy, neither below zero, least squares."""
    from scipy.optimize import nnls

    half = 0.5 * np.abs(error) ** 2
    design = np.stack([np.ones(error.size), energy], axis=1)
    (floor, slope), _ = nnls(design / half.mean(), half / half.mean())
    return max(float(floor), 0.05 * float(half.mean())), float(slope)


def displacement_variance(settings: ResidualSettings, lead_h: float, known_share: float = 0.0) -> float:
    """Variance a component, km2, of the displacement by the error with memory.

    Args:
        settings: size and memory of the error.
        lead_h: hours.
        known_share: share of the error's variance at the start that recent fixes tell; 0 without fixes (Taylor 1921),
            1 where it is known (Gillespie 1996, eq. 2.15b), in between a mean of both.
    """
    tau, sigma_km_h = settings.tau_h, 3.6 * settings.sigma_m_s
    ratio = lead_h / tau
    free = 2.0 * (ratio + np.expm1(-ratio))
    known = free - np.expm1(-ratio) ** 2
    return float((sigma_km_h * tau) ** 2 * (free + known_share * (known - free)))
