"""Windage by debris class: what share of the wind carries a piece of debris."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.settings import DriftSettings, WindageSettings

Floats = NDArray[np.float64]
#: Last word of the type of a drifter that hangs on a drogue, and with ``un`` before it of one that lost it.
DROGUED = "drogued"


def mean_windage(settings: WindageSettings, class_name: str, *, stokes: bool) -> float:
    """Windage of a class.

    Args:
        settings: the table.
        class_name: one of its classes.
        stokes: whether the forcing brings Stokes drift of its own; then the wave-driven share is taken off, so that
            waves never count twice.

    Returns:
        Fraction of the 10 m wind.
    """
    total = settings.classes[class_name].mean
    return max(total - settings.stokes_equivalent * settings.stokes_factor, 0.0) if stokes else total


def drifter_class(settings: WindageSettings, kind: str = "") -> str:
    """Class of the table for a drifter of a type.

    Args:
        settings: the table; ``makes`` names types by a part of their name.
        kind: type, followed by ``drogued`` or ``undrogued`` where the table says so; "" for unknown.

    Returns:
        The class of the drogue, that of its make, else ``drifter``, or ``unknown`` where the table has no such class.
    """
    words = kind.lower().replace("/", " ").split()
    found = DROGUED if words[-1:] == [DROGUED] else ""
    if not found and words[-1:] != [f"un{DROGUED}"]:
        found = next((name for make, name in settings.makes.items() if make in words), "")
    return next(name for name in (found, "drifter", "unknown") if name in settings.classes)


def drifter_windage(settings: WindageSettings, kind: str = "", *, stokes: bool) -> float:
    """Published windage of a drifter of a type, see :func:`drifter_class`; ``stokes`` as in :func:`mean_windage`."""
    return mean_windage(settings, drifter_class(settings, kind), stokes=stokes)


def followed_windage(settings: DriftSettings, *, stokes: bool) -> float:
    """Windage of the region's own drifters without drogue: the wave part is added where no Stokes drift is given."""
    waves = 0.0 if stokes else settings.windage.stokes_equivalent * settings.windage.stokes_factor
    return settings.residual.drifter_windage + waves


def mixture_windage(settings: WindageSettings, *, stokes: bool) -> float:
    """Mean windage of the mixture of debris classes, a fraction of the 10 m wind."""
    return sum(share * mean_windage(settings, name, stokes=stokes) for name, share in settings.mixture.items())


def draw_windage(settings: WindageSettings, members: int, particles: int, *, stokes: bool,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
    """Windage of every particle of an ensemble.

    A particle has a class (by the mixture's shares), a windage of its own within the class's spread, and shares its
    member's doubt about the class mean.

    Args:
        settings: the table.
        members: number of members.
        particles: number of particles in each.
        stokes: whether the forcing brings Stokes drift of its own.
        rng: source of randomness.

    Returns:
        (members * particles, 2) downwind and crosswind fractions of the 10 m wind, member by member.
    """
    names = list(settings.mixture)
    shares = np.array([settings.mixture[name] for name in names])
    means = np.array([settings.classes[name].mean for name in names])
    taken_off = settings.stokes_equivalent * settings.stokes_factor if stokes else 0.0
    spread = np.array([settings.classes[name].spread for name in names])
    across = np.array([settings.classes[name].crosswind for name in names])
    kind = rng.choice(len(names), size=(members, particles), p=shares / shares.sum())
    doubt = 1.0 + settings.class_doubt * rng.standard_normal((members, len(names)))
    own = np.take_along_axis(means * np.maximum(doubt, 0.0), kind, axis=1)
    down = own + spread[kind] * rng.standard_normal(kind.shape) - taken_off
    cross = across[kind] * rng.standard_normal(kind.shape)
    return np.stack([np.maximum(down, 0.0).ravel(), cross.ravel()], axis=1)
