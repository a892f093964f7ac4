"""Verification of a map with doubt against a known truth: coverage of intervals, CRPS, reliability."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_PARTS = {0: "land", 1: "climatology", 2: "forecast", 3: "observation"}
_LEVELS = (50, 90)


def crps(members: NDArray[np.floating], truth: Array) -> Array:
    """Continuous ranked probability score of an ensemble (Hersbach 2000, Weather and Forecasting 15, 559).

    Args:
        members: (member, cell).
        truth: (cell).

    Returns:
        (cell) in the members' unit; 0 is a perfect forecast.
    """
    ordered = np.sort(members.astype(float), axis=0)
    count = len(ordered)
    rank = 2.0 * np.arange(1, count + 1) - count - 1
    spread = (rank[:, None] * ordered).sum(axis=0) / count**2
    return np.abs(ordered - truth).mean(axis=0) - spread


def grouped(values: NDArray[np.floating], side: int) -> NDArray[np.floating]:
    """Sums over ``side`` × ``side`` cells of the last two axes; cells beyond the last whole group are left out."""
    ny, nx = values.shape[-2] // side, values.shape[-1] // side
    cut = values[..., : ny * side, : nx * side]
    return cut.reshape(*values.shape[:-2], ny, side, nx, side).sum(axis=(-3, -1))


@dataclass
class Tally:
    """Adds up over maps what is asked of their doubt."""

    inside: dict[str, list[tuple[int, dict[int, int]]]] = field(default_factory=dict)
    scores: list[tuple[float, float, int]] = field(default_factory=list)
    ranks: Array = field(default_factory=lambda: np.zeros(10))

    def add(
        self, members: NDArray[np.floating], truth: Array, origin: NDArray[np.integer], area: Array,
        sea: NDArray[np.bool_], side: int,
    ) -> None:  # fmt: skip
        """Take one map in.

        Args:
            members: (member, lat, lon) kg km-2.
            truth: (lat, lon) kg km-2.
            origin: (lat, lon) codes of a ``DensityMap``.
            area: (lat, lon) km².
            sea: (lat, lon).
            side: of the groups of cells whose mass is scored.
        """
        self._cover("cells", members[:, sea], truth[sea])
        for code in np.unique(origin[sea]):
            part = sea & (origin == code)
            self._cover(f"cells of {_PARTS[int(code)]}", members[:, part], truth[part])
        mass, true = (grouped(np.where(sea, a * area, 0.0), side) for a in (members, truth))
        wet = grouped(np.where(sea, 1.0, 0.0), side) >= side**2 / 2
        name = f"groups of {side} x {side} cells"
        self._cover(name, mass[:, wet], true[wet])
        seen = grouped(np.where(sea & (origin == 3), 1.0, 0.0), side)[wet] / grouped(np.where(sea, 1.0, 0.0), side)[wet]
        for label, chosen in (("mostly seen", seen >= 0.5), ("mostly unseen", seen < 0.5)):
            if chosen.any():
                self._cover(f"{name}, {label}", mass[:, wet][:, chosen], true[wet][chosen])
        below = (mass[:, wet] < true[wet]).mean(axis=0)
        self.ranks += np.histogram(below, np.linspace(0, 1, 11))[0]
        flat = np.broadcast_to(members[:, sea].mean(axis=1)[:, None], members[:, sea].shape)
        self.scores.append((float(crps(members[:, sea], truth[sea]).mean()), float(crps(flat, truth[sea]).mean()),
                            int(sea.sum())))  # fmt: skip

    def _cover(self, name: str, members: NDArray[np.floating], truth: NDArray[np.floating]) -> None:
        ends = np.quantile(members, [0.05, 0.25, 0.75, 0.95], axis=0)
        held = {90: int(((truth >= ends[0]) & (truth <= ends[3])).sum()),
                50: int(((truth >= ends[1]) & (truth <= ends[2])).sum())}  # fmt: skip
        self.inside.setdefault(name, []).append((truth.size, held))

    def figures(self) -> dict[str, Any]:
        """Coverage by part, CRPS (mean over cells) beside that of one mean for all cells, ranks of the truth."""
        coverage = {}
        for name, parts in self.inside.items():
            count = sum(n for n, _ in parts)
            coverage[name] = {str(k): sum(h[k] for _, h in parts) / max(count, 1) for k in _LEVELS} | {"count": count}
        score = np.array(self.scores)
        total = self.ranks.sum()
        return {
            "coverage": coverage, "crps": float(score[:, 0].mean()), "crps_climatology": float(score[:, 1].mean()),
            "reliability": [float(r / total) for r in self.ranks],
        }  # fmt: skip
