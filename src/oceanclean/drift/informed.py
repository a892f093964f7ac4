"""A forecast along tracks that knows what drifters did up to its start: physics, terms that follow, what goes on.

An hourly velocity is a difference of positions, and tables give it at the middle or at the beginning of its hour: that
of the start's own hour is not known at the start. All that is known is taken from the hour before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import carried
from oceanclean.drift.drifters import Tracks
from oceanclean.drift.recent import followed
from oceanclean.drift.settings import RecentSettings, WindageSettings
from oceanclean.drift.windage import drifter_windage

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]
_KM_PER_MS_H = 3.6
#: Starts whose histories are held at one time.
_TOGETHER = 2048


@dataclass(frozen=True)
class _Known:
    """What is known at some starts that have the same length of history.

    Attributes:
        at: (start) their places among those asked for.
        start: (start) rows.
        kriging: how the residual is carried on.
        fleet: (start, term) coefficients that all drifters show.
        own: (start, term) what suits this drifter beyond them.
        left: (start, hour) residual that the terms leave, oldest first.
        past: (start, hour, term) terms over the history.
        variance: (start, term, term) what is not known of the drifter's own coefficients, a component.
    """

    at: Index
    start: Index
    kriging: carried.Kriging
    fleet: Complex
    own: Complex
    left: Complex
    past: Complex
    variance: Complex


class Informed:
    """Velocity along the track = physics + coefficients x terms + the drifter's own residual, which fades.

    The coefficients are those that all drifters show (:mod:`oceanclean.drift.recent`), moved by what this drifter
    shows beyond them. Ahead both fade: the fleet's towards the published over ``ahead_h``, the drifter's own over
    ``memory_h``, as it comes into other water. The rest of its residual is carried on
    (:mod:`oceanclean.drift.carried`).

    Args:
        tracks: the drifters.
        physics: (row) velocity before any drifter was seen, m s-1.
        learned: (row) learned correction at weight 1, or None.
        weight: its weight before any drifter was seen.
        rows: (row) drifters and times whose past may be looked at.
        settings: priors of the coefficients.
    """

    def __init__(self, tracks: Tracks, physics: Complex, learned: Complex | None, weight: float,
                 rows: NDArray[np.bool_], settings: RecentSettings) -> None:  # fmt: skip
        self.terms, self._mean, self._doubt = terms_of(tracks, learned, weight, settings)
        self.physics, self._residual = physics, tracks.observed - physics
        self.coefficients, self._fleet = followed(
            self._residual, self.terms, tracks.hours, rows, self._mean, self._doubt, settings
        )
        self._first, self._band = tracks.first, carried.BAND_DEG * np.rint(tracks.lat / carried.BAND_DEG)
        self._settings = settings
        self._carried = settings.carried if tracks.products else settings.carried_without_current

    def paths(self, starts: Index, lead: int) -> Complex:
        """(start, hour 0..lead) predicted displacement, km."""
        moved = np.empty((starts.size, lead + 1), dtype=np.complex128)
        hour = np.arange(lead + 1)
        fades = (np.exp(-hour / self._settings.ahead_h), np.exp(-hour / self._settings.memory_h))
        for known in self._groups(starts):
            ahead = known.start[:, None] + hour
            velocity = self.physics[ahead] + self.terms[ahead] @ self._mean
            for part, fade in zip((known.fleet - self._mean, known.own), fades, strict=True):
                velocity += fade * np.einsum("slk,sk->sl", self.terms[ahead], part)
            velocity += known.left @ known.kriging.weights()[:, : lead + 1]
            moved[known.at] = accumulated(velocity)
        return moved

    def displacement(self, starts: Index, lead: int) -> Complex:
        """(start) displacement after ``lead`` hours, km: the end of :meth:`paths`."""
        return self.paths(starts, lead)[:, -1]

    def variance(self, starts: Index, lead: int) -> Floats:
        """(start) variance a component of the displacement after ``lead`` hours, km2.

        What the history leaves unknown of the residual, what the drifter and the fleet leave unknown of the
        coefficients, and how far these may wander until then (forgetting as a random walk).
        """
        found = np.empty(starts.size)
        steps = carried.trapezoid_km(lead)
        wander = np.diag(self._doubt**2) * -np.expm1(-lead / self._settings.memory_h) / 3.0
        for known in self._groups(starts):
            ahead = self.terms[known.start[:, None] + np.arange(lead + 1)]
            carry = known.kriging.weights()[:, : lead + 1] @ steps
            reach = np.einsum("slk,l->sk", ahead, steps) - np.einsum("shk,h->sk", known.past, carry)
            spread = known.variance + self._fleet[known.start - 1] + wander
            found[known.at] = np.einsum("sk,skj,sj->s", reach.conj(), spread, reach).real
            found[known.at] += self._settings.sigma_m_s**2 * known.kriging.unknown_km2(lead)
        return found

    def _groups(self, starts: Index) -> Iterator[_Known]:
        """Starts by length of history and latitude, a few thousand at a time."""
        sizes = np.array(carried.SIZES_H)
        size = sizes[np.searchsorted(sizes, np.maximum(starts - self._first[starts], sizes[0]), side="right") - 1]
        kinds, kind = np.unique(np.stack([size, self._band[starts]], axis=1), axis=0, return_inverse=True)
        for number, (hours, lat) in enumerate(kinds):
            at = np.flatnonzero(kind.ravel() == number)
            for part in np.array_split(at, -(-at.size // _TOGETHER)):
                yield self._known(part, starts[part], carried.kriging(int(hours), float(lat), self._carried))

    def _known(self, at: Index, start: Index, kriging: carried.Kriging) -> _Known:
        """The drifter's own coefficients by regression on its history, given the fleet's."""
        rows = start[:, None] + np.arange(-kriging.precision.shape[0], 0)
        fleet, past = self.coefficients[start - 1], self.terms[rows]
        left = self._residual[rows] - np.einsum("shk,sk->sh", past, fleet)
        seen = np.einsum("shk,hj->skj", past.conj(), kriging.precision.conj(), optimize=True)
        variance = self._settings.sigma_m_s**2
        own = np.diag(variance / (self._settings.own_share * self._doubt) ** 2)
        inverse = np.linalg.inv(seen @ past + own)
        shift = np.einsum("skj,sj->sk", inverse, np.einsum("skh,sh->sk", seen, left))
        rest = left - np.einsum("shk,sk->sh", past, shift)
        return _Known(at, start, kriging, fleet, shift, rest, past, np.asarray(variance * inverse, dtype=np.complex128))


def stokes_of(tracks: Tracks) -> Complex:
    """(row) Stokes drift as it acts: 0 where there is none, and on a drifter whose drogue hangs below the waves."""
    if tracks.stokes is None:
        return np.zeros(tracks.size, dtype=np.complex128)
    return np.where(tracks.drogued, 0, np.nan_to_num(tracks.stokes))


def published_windage(tracks: Tracks, settings: WindageSettings) -> Floats:
    """(kind) windage that ships for each type of drifter, without the waves' share where tracks have Stokes drift."""
    return np.array([drifter_windage(settings, kind, stokes=tracks.stokes is not None) for kind in tracks.kinds])


def published_physics(tracks: Tracks, settings: WindageSettings) -> Complex:
    """(row) current + published windage x wind + Stokes drift, m s-1."""
    push = published_windage(tracks, settings)[tracks.kind]
    return np.asarray(tracks.current + push * tracks.wind + settings.stokes_factor * stokes_of(tracks))


def terms_of(tracks: Tracks, learned: Complex | None, weight: float,
             settings: RecentSettings) -> tuple[Complex, Complex, Floats]:  # fmt: skip
    """Terms (row, term), their coefficients before any drifter was seen, and the doubt of those."""
    terms, doubt = [tracks.wind, tracks.current, tracks.spread], [settings.wind, settings.current, settings.products]
    mean = [0.0, 0.0, 0.0]
    if tracks.stokes is not None:
        terms, doubt, mean = [*terms, stokes_of(tracks)], [*doubt, settings.stokes], [*mean, 0.0]
    if learned is not None and weight > 0:
        terms, doubt, mean = [*terms, learned], [*doubt, settings.learned], [*mean, weight]
    return np.stack(terms, axis=1), np.array(mean, dtype=complex), np.array(doubt)


def accumulated(velocity: Complex) -> Complex:
    """(start, hour) displacement in km of hourly velocities (start, hour), trapezoidal."""
    steps = 0.5 * _KM_PER_MS_H * (velocity[:, 1:] + velocity[:, :-1])
    return np.concatenate([np.zeros((len(velocity), 1)), np.cumsum(steps, axis=1)], axis=1)


def along(velocity: Complex, starts: Index, lead: int) -> Complex:
    """(start, hour 0..lead) displacement in km by a velocity (row) along the observed track."""
    return accumulated(velocity[starts[:, None] + np.arange(lead + 1)])


__all__ = ["Informed", "accumulated", "along", "published_physics", "published_windage", "stokes_of"]
