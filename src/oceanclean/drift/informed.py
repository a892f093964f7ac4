"""A forecast along tracks that knows what drifters did up to its start: physics, terms that follow, what goes on.

An hourly velocity is a difference of positions, and tables give it at the middle or at the beginning of its hour: that
of the start's own hour is not known at the start. All that is known is taken from the hour before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import history
from oceanclean.drift.drifters import Tracks
from oceanclean.drift.recent import followed
from oceanclean.drift.settings import RecentSettings, ResidualSettings

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]
_KM_PER_MS_H = 3.6


class Informed:
    """Velocity along the track = physics + coefficients x terms + the drifter's own residual, which fades.

    Args:
        tracks: the drifters.
        physics: (row) velocity before any drifter was seen, m s-1.
        learned: (row) learned correction at weight 1, or None.
        weight: its weight before any drifter was seen.
        fading: (lead, statistic) how the drifter's own recent residual is carried on.
        rows: (row) drifters and times whose past may be looked at.
        settings: priors of the coefficients.
    """

    def __init__(self, tracks: Tracks, physics: Complex, learned: Complex | None, weight: float, fading: Complex,
                 rows: NDArray[np.bool_], settings: RecentSettings) -> None:  # fmt: skip
        terms, mean, doubt = terms_of(tracks, learned, weight, settings)
        residual = tracks.observed - physics
        self.coefficients = followed(residual, terms, tracks.hours, rows, mean, doubt, settings)
        self.physics, self.terms, self.fading = physics, terms, fading
        self._totals = [integral_km(velocity) for velocity in (physics, *terms.T)]
        self.stats = history.statistics(residual, tracks.first, tracks.lat)
        self.term_stats = np.stack(
            [history.statistics(term, tracks.first, tracks.lat) for term in terms.T], axis=1
        )  # (row, term, statistic)
        self._energy = history.recent_energy(residual, tracks.first)

    def energy(self, starts: Index) -> Floats:
        """(start) mean squared residual of the 25 h before, (m s-1)2."""
        return self._energy[starts - 1]

    def displacement(self, starts: Index, lead: int) -> Complex:
        """(start) displacement after ``lead`` hours, km: the end of :meth:`paths` at a fraction of the cost."""
        before = starts - 1
        known = self.coefficients[before]
        left = self.stats[before] - np.einsum("st,stk->sk", known, self.term_stats[before])
        moved = left @ accumulated(self.fading[: lead + 1].T)[:, -1]
        for factor, total in zip((1.0, *known.T), self._totals, strict=True):
            moved = moved + factor * (total[starts + lead] - total[starts])
        return moved

    def paths(self, starts: Index, lead: int) -> Complex:
        """(start, hour 0..lead) predicted displacement, km; coefficients are those known at the start."""
        before = starts - 1
        known = self.coefficients[before]
        left = self.stats[before] - np.einsum("st,stk->sk", known, self.term_stats[before])
        moved = along(self.physics, starts, lead) + accumulated(left @ self.fading[: lead + 1].T)
        for number, term in enumerate(self.terms.T):
            moved = moved + known[:, number, None] * along(term, starts, lead)
        return moved


def terms_of(tracks: Tracks, learned: Complex | None, weight: float,
             settings: RecentSettings) -> tuple[Complex, Complex, Floats]:  # fmt: skip
    """Terms (row, term), their coefficients before any drifter was seen, and the doubt of those."""
    terms, doubt = [tracks.wind, tracks.current, tracks.spread], [settings.wind, settings.current, settings.products]
    mean = [0.0, 0.0, 0.0]
    if tracks.stokes is not None:
        terms, doubt, mean = [*terms, np.nan_to_num(tracks.stokes)], [*doubt, settings.stokes], [*mean, 0.0]
    if learned is not None and weight > 0:
        terms, doubt, mean = [*terms, learned], [*doubt, settings.learned], [*mean, weight]
    return np.stack(terms, axis=1), np.array(mean, dtype=complex), np.array(doubt)


def published_fading(settings: RecentSettings, residual: ResidualSettings) -> Complex:
    """(lead, statistic) weights of the last hour's and the last 25 hours' residual, from published memories.

    The mean of 25 h, free of tides, fades with the memory of the residual; what the last hour has beyond it (tide,
    inertia, waves) fades fast.
    """
    lead = np.arange(history.LONGEST_H + 1) + 1  # from the hour before the start
    fast, slow = np.exp(-lead / settings.fast_h), np.exp(-lead / residual.tau_h)
    weights = np.zeros((lead.size, history.STATISTICS), dtype=complex)
    weights[:, history.LAST_HOUR], weights[:, history.LAST_DAY] = fast, slow - fast
    return weights


def accumulated(velocity: Complex) -> Complex:
    """(start, hour) displacement in km of hourly velocities (start, hour), trapezoidal."""
    steps = 0.5 * _KM_PER_MS_H * (velocity[:, 1:] + velocity[:, :-1])
    return np.concatenate([np.zeros((len(velocity), 1)), np.cumsum(steps, axis=1)], axis=1)


def integral_km(velocity: Complex) -> Complex:
    """(row) running displacement in km of an hourly velocity (row), trapezoidal; differences within a run count."""
    total = np.zeros(velocity.size, dtype=np.complex128)
    total[1:] = _KM_PER_MS_H * np.cumsum(0.5 * (velocity[1:] + velocity[:-1]))
    return total


def along(velocity: Complex, starts: Index, lead: int) -> Complex:
    """(start, hour 0..lead) displacement in km by a velocity (row) along the observed track."""
    return accumulated(velocity[starts[:, None] + np.arange(lead + 1)])


__all__ = ["Informed", "accumulated", "along", "integral_km", "published_fading", "terms_of"]
