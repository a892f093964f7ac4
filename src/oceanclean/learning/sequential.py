"""A test that may be looked at every day: is one of two models better, or is it too early to say?

The anytime-valid t-test: under "no difference" the Bayes factor of a Gaussian prior on the standardised mean, with the
right Haar prior on the scale, is a test martingale, so that by Ville's inequality it ever exceeds 1/alpha with
probability alpha at most (Wang and Ramdas 2023, arXiv:2310.03722; after Lai 1976, Ann. Stat. 4(2), 265–280). It is
exact for Gaussian differences of unknown spread from the second pair on; its inversion is a confidence sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from oceanclean.learning.figures import plain
from oceanclean.learning.settings import SequentialSettings


@dataclass(frozen=True)
class Verdict:
    """What is known after some pairs.

    Attributes:
        pairs: number of pairs (days).
        mean: mean difference; positive: the challenger is better.
        low: lower end of the confidence sequence, valid at every look.
        high: upper end.
        e_value: evidence against "no difference"; 1/alpha and more decides.
        decision: ``challenger``, ``champion`` or ``undecided``.
        sentence: the same in words.
    """

    pairs: int
    mean: float
    low: float
    high: float
    e_value: float
    decision: str
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values; ends that are not finite become null."""
        return plain(self)


def log_e_value(differences: ArrayLike, effect_sd: float, centre: float = 0.0) -> float:
    """Logarithm of the evidence against "the mean is ``centre``".

    With n differences x, S = Σ(x − centre), V = Σ(x − centre)², c² = 1/effect_sd²:
    e = √(c²/(n+c²)) · ((n+c²)V / ((n+c²)V − S²))^(n/2).

    Args:
        differences: (pair) in any unit.
        effect_sd: prior spread of mean over standard deviation.
        centre: the mean that is doubted.
    """
    x = np.asarray(differences, dtype=float) - centre
    n, c2 = x.size, 1.0 / effect_sd**2
    square, total = float((x**2).sum()), float(x.sum())
    if n < 2 or square == 0.0:
        return 0.0
    wide = (n + c2) * square
    rest = max(wide - total**2, np.finfo(float).tiny * wide)
    return 0.5 * float(np.log(c2 / (n + c2))) + n / 2 * float(np.log(wide / rest))


def confidence_sequence(differences: ArrayLike, effect_sd: float, alpha: float) -> tuple[float, float]:
    """Interval of the mean that holds at every look at once with probability 1 − alpha.

    Returns:
        ``(low, high)``; infinite while the pairs are too few to exclude anything.
    """
    x = np.asarray(differences, dtype=float)
    n, c2 = x.size, 1.0 / effect_sd**2
    if n < 2:
        return -np.inf, np.inf
    mean, spread = float(x.mean()), float(((x - x.mean()) ** 2).sum())
    log_k = 2.0 / n * (0.5 * np.log((n + c2) / c2) - np.log(alpha))
    room = (n + c2) - np.exp(log_k) * c2
    if room <= 0:
        return -np.inf, np.inf
    half = float(np.sqrt((n + c2) * spread * np.expm1(log_k) / (n * room)))
    return mean - half, mean + half


def sequential_test(differences: ArrayLike, settings: SequentialSettings, unit: str = "") -> Verdict:
    """Say whether enough is known.

    Args:
        differences: (pair) champion's loss minus challenger's, one a day; positive: the challenger is better.
        settings: alpha, prior, fewest pairs.
        unit: of the differences, for the sentence.
    """
    x = np.asarray(differences, dtype=float)
    x = x[np.isfinite(x)]
    mean = float(x.mean()) if x.size else float("nan")
    low, high = confidence_sequence(x, settings.effect_sd, settings.alpha)
    log_e = log_e_value(x, settings.effect_sd)
    decided = x.size >= settings.minimum_pairs and log_e >= -np.log(settings.alpha)
    decision = ("challenger" if mean > 0 else "champion") if decided else "undecided"
    e_value = float(np.exp(min(log_e, 700.0)))
    return Verdict(
        x.size, mean, low, high, e_value, decision, _sentence(x, low, high, e_value, decision, settings, unit)
    )


def _sentence(
    x: np.ndarray, low: float, high: float, e_value: float, decision: str, settings: SequentialSettings, unit: str
) -> str:
    if x.size < settings.minimum_pairs:
        return f"Too early: {x.size} days scored, at least {settings.minimum_pairs} are needed."
    span = f"{low:+.3g} to {high:+.3g}" if np.isfinite(low) else "unbounded"
    words = f"{x.size} days, mean gain {x.mean():+.3g} {unit}".rstrip()
    figures = f"{words} ({1 - settings.alpha:.0%} confidence sequence {span}, e-value {e_value:.3g})"
    if decision == "undecided":
        return f"Not enough is known: {figures}; {more_pairs(x, settings)}"
    return f"Enough is known: the {decision} is better. {figures}."


def more_pairs(differences: ArrayLike, settings: SequentialSettings, most: int = 100_000) -> str:
    """How many more pairs it would take if they went on as those so far, in words."""
    x = np.asarray(differences, dtype=float)
    n, square, total = x.size, float((x**2).mean()) if x.size else 0.0, float(x.mean()) if x.size else 0.0
    if n < 2 or square == 0.0 or total == 0.0:
        return "no difference so far."
    c2, wanted = 1.0 / settings.effect_sd**2, -np.log(settings.alpha)
    counts = np.unique(np.geomspace(n, most, 400).astype(int))
    wide = (counts + c2) * counts * square
    rest = np.maximum(wide - (counts * total) ** 2, 1e-300)
    grown = 0.5 * np.log(c2 / (counts + c2)) + counts / 2 * np.log(wide / rest)
    reached = counts[grown >= wanted]
    if not reached.size:
        return f"as it goes, more than {most} days would be needed."
    return f"as it goes, about {max(1, int(reached[0]) - n)} more days are needed."
